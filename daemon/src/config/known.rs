//! The names of all sections and options.

/// What a name in a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// An option, under its own name.
    Option(&'static str),
    /// A former name of this option.
    OldName(&'static str),
    /// Any option of a section that is no more.
    OldSection,
    /// Nothing known.
    Nothing,
}

/// Looks up an option; the section is upper case.
pub fn find(section: &str, option: &str) -> Known {
    if section == "DATAPLANE_DRIVER" {
        return Known::OldSection;
    }
    let old = OLD_NAMES
        .iter()
        .find(|(s, old, _)| (*s, *old) == (section, option));
    if let Some((_, _, name)) = old {
        return Known::OldName(name);
    }
    match options().find(|(s, name)| (*s, *name) == (section, option)) {
        Some((_, name)) => Known::Option(name),
        None => Known::Nothing,
    }
}

/// All (section, option) pairs.
pub fn options() -> impl Iterator<Item = (&'static str, &'static str)> {
    SECTIONS
        .iter()
        .flat_map(|(section, options)| options.iter().map(move |name| (*section, *name)))
}

const OLD_NAMES: &[(&str, &str, &str)] =
    &[("API", "api_host", "host"), ("API", "api_port", "port")];

const SECTIONS: &[(&str, &[&str])] = &[
    (
        "DEFAULT",
        &[
            "debug",
            "log_config_append",
            "log_date_format",
            "log_file",
            "log_dir",
            "watch_log_file",
            "use_syslog",
            "use_journal",
            "syslog_log_facility",
            "use_json",
            "use_stderr",
            "use_eventlog",
            "log_color",
            "log_rotate_interval",
            "log_rotate_interval_type",
            "max_logfile_count",
            "max_logfile_size_mb",
            "log_rotation_type",
            "logging_context_format_string",
            "logging_default_format_string",
            "logging_debug_format_suffix",
            "logging_exception_prefix",
            "logging_user_identity_format",
            "default_log_levels",
            "publish_errors",
            "instance_format",
            "instance_uuid_format",
            "rate_limit_interval",
            "rate_limit_burst",
            "rate_limit_except_level",
            "fatal_deprecations",
        ],
    ),
    (
        "BGP",
        &[
            "local_address",
            "router_id",
            "peers",
            "my_as",
            "enable_rtc",
            "bgp_port",
            "hold_time",
            "connect_retry",
            "connect_retry_max",
            "graceful_restart_time",
            "graceful_restart_max",
            "stale_path_time",
            "end_of_rib_wait",
            "listen",
            "listen_port",
            "passive_peers",
            "md5_password",
            "md5_passwords",
        ],
    ),
    (
        "API",
        &[
            "host",
            "port",
            "socket_mode",
            "token_file",
            "tls_cert",
            "tls_key",
            "client_ca",
        ],
    ),
    (
        "COMMON",
        &[
            "root_helper",
            "root_helper_daemon",
            "persist",
            "persist_confirm_time",
            "keep_forwarding",
        ],
    ),
    (
        "DATAPLANE_DRIVER_EVPN",
        &[
            "dataplane_driver",
            "dataplane_local_address",
            "vxlan_dst_port",
            "stale_time",
            "duplicate_mac_moves",
            "duplicate_mac_window",
            "duplicate_mac_hold",
            "mac_ageing_time",
            "mac_learning_limit",
            "ovs_bridge",
            "ovsbr_interfaces_mtu",
        ],
    ),
    (
        "DATAPLANE_DRIVER_IPVPN",
        &[
            "dataplane_driver",
            "dataplane_local_address",
            "vxlan_dst_port",
            "redirect_instances",
            "mpls_interface",
            "mpls_over_gre",
            "ovs_bridge",
            "gre_tunnel",
            "gre_tunnel_options",
            "vxlan_encap",
            "arp_responder",
            "proxy_arp",
            "input_table",
            "ovs_table_id_start",
            "hash_method",
            "hash_method_param",
            "hash_fields",
            "ovsbr_interfaces_mtu",
        ],
    ),
];
