use super::*;
use std::sync::Arc;

const MINIMAL: &str = "[BGP]\nlocal_address=10.0.0.1\nmy_as=64512\n";

fn raw(text: &str) -> Result<RawConfig, ConfigError> {
    let mut raw = RawConfig::default();
    raw.read_text(&Arc::new(PathBuf::from("bgp.conf")), text)?;
    Ok(raw)
}

fn resolve(text: &str) -> Result<Config, String> {
    raw(text)
        .and_then(|raw| Config::resolve(&raw))
        .map_err(|error| error.to_string())
}

#[test]
fn defaults() {
    let config = resolve(MINIMAL).unwrap();
    assert_eq!(
        config.api,
        Api {
            host: "127.0.0.1".into(),
            port: 8082,
            socket_mode: 0o660,
            token_file: None,
            tls: None,
        }
    );
    assert_eq!(config.bgp.bgp_port, 179);
    assert_eq!(config.bgp.hold_time, 180);
    assert!(config.bgp.enable_rtc);
    assert!(config.bgp.peers.is_empty());
    assert_eq!(config.evpn.driver, EvpnDriver::Dummy);
    assert_eq!(config.evpn.vxlan_dst_port, 4789);
    assert_eq!(config.common.root_helper, "sudo");
}

#[test]
fn how_macs_are_learnt() {
    let learning = |options: &str| {
        let config = resolve(&format!("{MINIMAL}[DATAPLANE_DRIVER_EVPN]\n{options}"));
        config.map(|config| (config.evpn.mac_ageing_time, config.evpn.mac_learning_limit))
    };
    assert_eq!(learning("").unwrap(), (None, 1024));
    let said = learning("mac_ageing_time=30\nmac_learning_limit=7\n").unwrap();
    assert_eq!(said, (Some(Duration::from_secs(30)), 7));
    for wrong in ["mac_ageing_time=0", "mac_learning_limit=0"] {
        let error = learning(wrong).unwrap_err();
        let option = wrong.split('=').next().unwrap();
        assert!(error.contains(option), "{error}");
    }
}

#[test]
fn a_file_as_it_is_found_in_the_field() {
    let text = "[BGP]\nlocal_address=eth0 \npeers=192.168.0.101, 192.168.0.102\nmy_as=64512\n\
        enable_rtc=True\n\n[API]\napi_host=localhost\napi_port=8090\n\n[DATAPLANE_DRIVER_IPVPN]\n\
        dataplane_driver = mpls_ovs_dataplane.MPLSOVSDataplaneDriver\nmpls_interface=*gre*\n\
        ovsbr_interfaces_mtu=4000\n[DATAPLANE_DRIVER_EVPN]\n\
        dataplane_driver = linux_vxlan.LinuxVXLANDataplaneDriver\novsbr_interfaces_mtu=4000\n\
        \n[DATAPLANE_DRIVER]\ndataplane_driver = DummyDataplaneDriver\n[bgp]\nretries = 3\n";
    let raw = raw(text).unwrap();
    let config = Config::resolve(&raw).unwrap();
    assert_eq!(
        config.bgp.local_address,
        LocalAddress::Interface("eth0".into())
    );
    assert_eq!(
        config.bgp.peers,
        ["192.168.0.101", "192.168.0.102"].map(|ip| ip.parse::<PeerName>().unwrap())
    );
    assert_eq!(
        config.api,
        Api {
            host: "localhost".into(),
            port: 8090,
            socket_mode: 0o660,
            token_file: None,
            tls: None,
        }
    );
    assert_eq!(config.ipvpn.driver, IpvpnDriver::Ovs);
    assert_eq!(config.evpn.driver, EvpnDriver::Linux);
    insta::assert_snapshot!(raw.warnings.join("\n"), @r"
    bgp.conf:8: option `api_host` of [API] is deprecated, it is called `host` now
    bgp.conf:9: option `api_port` of [API] is deprecated, it is called `port` now
    bgp.conf:20: section [DATAPLANE_DRIVER] is obsolete and ignored; use [DATAPLANE_DRIVER_IPVPN] and [DATAPLANE_DRIVER_EVPN]
    bgp.conf:22: unknown option `retries` in [BGP] is ignored
    ");
}

#[test]
fn values_that_break_a_rule() {
    let texts = [
        "",
        "[BGP]\nlocal_address=10.0.0.1\n",
        "[BGP]\nlocal_address=10.0.0\nmy_as=64512\n",
        "[BGP]\nlocal_address=fe80::1\nrouter_id=10.0.0.1\nmy_as=64512\n",
        "[BGP]\nlocal_address=10.0.0.1\nrouter_id=0.0.0.0\nmy_as=64512\n",
        "[BGP]\nlocal_address=10.0.0.1\nmy_as=0\n",
        "[BGP]\nlocal_address=10.0.0.1\nmy_as=4294967296\n",
        "[BGP]\nlocal_address=10.0.0.1\nmy_as=64512\npeers=10.0.0.2,\n  10.0.0,10.0.0.3\n",
        "[BGP]\nlocal_address=10.0.0.1\nmy_as=64512\nenable_rtc=perhaps\n",
        "[BGP]\nlocal_address=10.0.0.1\nmy_as=64512\nmd5_password=\n",
        "[BGP]\nlocal_address=10.0.0.1\nmy_as=64512\nmd5_passwords=10.0.0.2\n",
        "[BGP]\nlocal_address=10.0.0.1\nmy_as=64512\nbgp_port=0\n",
        "[BGP]\nlocal_address=10.0.0.1\nmy_as=64512\nhold_time=2\n",
        "[BGP]\nlocal_address=10.0.0.1\nmy_as=64512\nconnect_retry=0\n",
        "[BGP]\nlocal_address=10.0.0.1\nmy_as=$nothing\n",
        "[BGP]\nlocal_address=$local_address\nmy_as=64512\n",
        "[BGP]\nlocal_address=10.0.0.1\nmy_as=64512\n[API]\nport=eighty\n",
        "[BGP]\nlocal_address=10.0.0.1\nmy_as=64512\n[DATAPLANE_DRIVER_EVPN]\ndataplane_driver=ovs\n",
        "[BGP]\nlocal_address=10.0.0.1\nmy_as=64512\n[DATAPLANE_DRIVER_IPVPN]\ndataplane_driver=x\n",
        "[BGP\n",
        "[BGP]\nlocal_address\n",
        "[BGP]\nlocal_address=10.0.0.1\nmy_as=64512\n[DATAPLANE_DRIVER_EVPN]\ndataplane_driver=linux\n\
         [DATAPLANE_DRIVER_IPVPN]\ndataplane_driver=linux-vxlan\n",
    ];
    let errors: Vec<String> = texts.map(|text| resolve(text).unwrap_err()).to_vec();
    insta::assert_snapshot!(errors.join("\n"));
}

#[test]
fn the_environment_overrides_files() {
    let mut raw = raw(MINIMAL).unwrap();
    raw.read_environment(|name| (name == "OS_BGP__MY_AS").then(|| "65000".to_owned()));
    assert_eq!(Config::resolve(&raw).unwrap().bgp.my_as, 65000);
    raw.read_environment(|name| (name == "OS_API__PORT").then(|| "no".to_owned()));
    assert_eq!(
        Config::resolve(&raw).unwrap_err().to_string(),
        "environment variable OS_API__PORT: `no` is not a value for `port` in [API]: \
         must be a port, 0 to 65535"
    );
}

#[test]
fn dollar_names_are_replaced() {
    let text = "[COMMON]\nroot_helper = $$5 \\$6 ${API.host} $bgp.my_as!\n[API]\nhost = ::1\n\
        [BGP]\nlocal_address=10.0.0.1\nmy_as=64512\n";
    assert_eq!(
        resolve(text).unwrap().common.root_helper,
        "$5 $6 ::1 64512!"
    );
}

#[test]
fn dollar_signs_that_name_nothing_stay() {
    let text = "[BGP]\nlocal_address=10.0.0.1\nmy_as=64512\nmd5_password=a$b$5${c}$$d$\n\
        md5_passwords=10.0.0.2=x$my_as, 10.0.0.3=y$z\n[COMMON]\nroot_helper = $bgp.nonesuch ${my as} $my_as\n";
    let mut raw = raw(text).unwrap();
    let config = Config::resolve(&raw).unwrap();
    assert_eq!(config.common.root_helper, "$bgp.nonesuch ${my as} $my_as");
    let password = |last| config.bgp.password([10, 0, 0, last].into()).cloned();
    assert_eq!(password(1), "a$b$5${c}$d$".parse().ok());
    assert_eq!(password(2), "x64512".parse().ok());
    assert_eq!(password(3), "y$z".parse().ok());
    raw.warn_of_dollars();
    let rest = "stays as it is, for it names no option with a value here; a dollar sign is best written `$$`";
    let warned = [
        (4, "a `$`", "md5_password"),
        (4, "a `$`", "md5_password"),
        (5, "a `$`", "md5_passwords"),
        (7, "$bgp.nonesuch", "root_helper"),
        (7, "$my_as", "root_helper"),
    ]
    .map(|(line, what, option)| {
        format!("bgp.conf:{line}: {what} in the value of `{option}` {rest}")
    });
    assert_eq!(raw.warnings, warned);
}

#[test]
fn log_options() {
    let text = format!(
        "{MINIMAL}[DEFAULT]\ndebug=yes\nlog_file=old.conf\nuse_syslog=true\nuse_json=0\n\
        default_log_levels=vpn=DEBUG, hyper=error\nlog_rotation_type=interval\n"
    );
    let log = resolve(&text).unwrap().log;
    assert!(log.debug && log.syslog && !log.json);
    assert_eq!(log.file, None);
    assert_eq!(log.levels.len(), 2);
    assert_eq!(
        log.unsupported,
        [
            "log_file with a name in .conf",
            "log_rotation_type = interval"
        ]
    );
    for wrong in [
        "default_log_levels=vpn",
        "syslog_log_facility=LOG_X",
        "use_json=perhaps",
    ] {
        resolve(&format!("{MINIMAL}[DEFAULT]\n{wrong}\n")).unwrap_err();
    }
}
