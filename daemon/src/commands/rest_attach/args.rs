//! The flags of `bagpipe-rest-attach`.

use clap::{ArgGroup, Parser, ValueEnum};

/// Attach an interface to a VPN instance, or detach it.
#[derive(Debug, Parser)]
#[command(
    name = super::PROGRAM,
    version,
    infer_long_args = true,
    group = ArgGroup::new("operation").args(["attach", "detach"]).required(true),
    after_help = "Examples:\n\n\
        A network namespace with address 12.11.11.1 in the E-VPN \"test2\", route target 64512:79; the\n\
        namespace and its interfaces are made:\n\n  \
        bagpipe-rest-attach --attach --port netns --ip 12.11.11.1 --network-type evpn \\\n      \
        --vpn-instance-id test2 --rt 64512:79\n\n\
        An existing tap interface:\n\n  \
        bagpipe-rest-attach --attach --port tap42 --mac de:ad:00:00:be:ef --ip 11.11.11.1 \\\n      \
        --network-type evpn --vpn-instance-id net1 --rt 64512:77\n\n\
        Whatever is behind an interface or a bridge:\n\n  \
        bagpipe-rest-attach --attach --port br100 --learn --network-type evpn --vpn-instance-id net1 --rt 64512:77\n\n\
        Detaching takes the same flags with --detach.\n\n\
        Long options may be shortened. Exit status: 0 done, 1 refused or failed, 2 usage."
)]
pub(super) struct Args {
    /// Attach
    #[arg(long, help_heading = "Operation")]
    pub attach: bool,

    /// Detach
    #[arg(long, help_heading = "Operation")]
    pub detach: bool,

    /// Type of VPN
    #[arg(long, value_enum, value_name = "TYPE")]
    pub network_type: NetworkType,

    /// Name of the VPN instance [default: <type>-bagpipe-test]
    #[arg(long, value_name = "ID", default_value = DEFAULT_INSTANCE, hide_default_value = true)]
    pub vpn_instance_id: String,

    /// An interface, netns[:ifname] to make a network namespace, or evpn:<instance id>
    #[arg(long, value_name = "PORT")]
    pub port: String,

    /// Address, with or without a prefix length [default length: 24]; not with --learn where there is no MAC address
    #[arg(long, value_name = "A[/L]", required_unless_present = "learn")]
    pub ip: Option<String>,

    /// Learn the MAC addresses that are seen at the port (evpn); without --mac nothing else is known of it. A bridge as
    /// port is attached with all of its ports
    #[arg(long)]
    pub learn: bool,

    /// Gateway [default: the second to last address of the subnet]
    #[arg(long, value_name = "G")]
    pub gateway_ip: Option<String>,

    /// MAC address [default: that of the namespace; ipvpn: 52:54:00:99:99:22]
    #[arg(long, value_name = "MAC")]
    pub mac: Option<String>,

    /// Which way traffic may go
    #[arg(long, value_enum, default_value_t = Direction::Both)]
    pub direction: Direction,

    /// Route target to import and export, repeatable [default: 64512:512 for ipvpn, 64512:513 for evpn]
    #[arg(long, value_name = "A:N", help_heading = "Route targets")]
    pub rt: Vec<String>,

    /// Route target to import, repeatable
    #[arg(long, value_name = "A:N", help_heading = "Route targets")]
    pub import_rt: Vec<String>,

    /// Route target to export, repeatable
    #[arg(long, value_name = "A:N", help_heading = "Route targets")]
    pub export_rt: Vec<String>,

    /// Advertise the address (the default)
    #[arg(long, overrides_with = "advertise_subnet", help_heading = "Routes")]
    pub advertise_singleton: bool,

    /// Advertise the whole subnet
    #[arg(long, overrides_with = "advertise_singleton", help_heading = "Routes")]
    pub advertise_subnet: bool,

    /// VNI of a new instance; 0 lets the daemon choose
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Routes")]
    pub vni: u32,

    /// BGP LOCAL_PREF
    #[arg(long, value_name = "N", help_heading = "Routes")]
    pub local_pref: Option<u32>,

    /// Consistent hash sort order
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Routes")]
    pub lb_consistent_hash_order: u32,

    /// Namespace for --port netns [default: the instance id]
    #[arg(long, value_name = "NAME", help_heading = "Namespace port")]
    pub netns: Option<String>,

    /// Interface inside the namespace
    #[arg(
        long,
        value_name = "IFNAME",
        default_value = "tovpn",
        help_heading = "Namespace port"
    )]
    pub if2vpn: String,

    /// With --detach: also remove the namespace and its interfaces
    #[arg(long, help_heading = "Namespace port")]
    pub clean: bool,

    /// Advertise routes with this target again, repeatable
    #[arg(long, value_name = "A:N", help_heading = "Route leaking")]
    pub readv_from_rt: Vec<String>,

    /// with this target, repeatable
    #[arg(long, value_name = "A:N", help_heading = "Route leaking")]
    pub readv_to_rt: Vec<String>,

    /// Target of the Flowspec routes that attract traffic, repeatable; needs a classifier below
    #[arg(long, value_name = "A:N", help_heading = "Traffic attraction")]
    pub redirect_rts: Vec<String>,

    /// Source prefix of the traffic
    #[arg(long, value_name = "PREFIX", help_heading = "Traffic attraction")]
    pub source_prefix: Option<String>,

    /// Destination prefix of the traffic
    #[arg(long, value_name = "PREFIX", help_heading = "Traffic attraction")]
    pub destination_prefix: Option<String>,

    /// Source port or range, 10:20
    #[arg(long, value_name = "PORT", help_heading = "Traffic attraction")]
    pub source_port: Option<String>,

    /// Destination port or range
    #[arg(long, value_name = "PORT", help_heading = "Traffic attraction")]
    pub destination_port: Option<String>,

    /// IP protocol, name or number
    #[arg(long, value_name = "PROTOCOL", help_heading = "Traffic attraction")]
    pub protocol: Option<String>,

    /// Target to attract traffic to; needs --static-destination-prefix
    #[arg(
        long,
        value_name = "A:N",
        requires = "static_destination_prefix",
        help_heading = "Traffic attraction"
    )]
    pub attract_to_rt: Vec<String>,

    /// Prefix attracted whatever routes there are, repeatable
    #[arg(long, value_name = "PREFIX", help_heading = "Traffic attraction")]
    pub static_destination_prefix: Vec<String>,

    /// Plug the port into an Open vSwitch bridge first; ipvpn only
    #[arg(long, help_heading = "Open vSwitch")]
    pub ovs_preplug: bool,

    /// The Open vSwitch bridge
    #[arg(
        long,
        value_name = "BRIDGE",
        default_value = "br-int",
        help_heading = "Open vSwitch"
    )]
    pub ovs_bridge: String,

    /// VLAN of the port: that of the namespace's interface, and with --ovs-preplug that of the instance on the port
    #[arg(long, value_name = "VLAN", value_parser = clap::value_parser!(u16).range(1..4095), help_heading = "Open vSwitch")]
    pub ovs_vlan: Option<u16>,

    /// Print one JSON object instead of text
    #[arg(long, help_heading = "Output")]
    pub json: bool,

    #[command(flatten)]
    pub reach: crate::commands::reach::ReachArgs,

    /// Port of the daemon's API, at the address that the configuration file has [default: that of /etc/bagpipe-bgp/bgp.conf,
    /// else 8082]
    #[arg(long, value_name = "PORT", help_heading = "Output")]
    pub api_port: Option<u16>,
}

pub(super) const DEFAULT_INSTANCE: &str = "bagpipe-test";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum NetworkType {
    Ipvpn,
    Evpn,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Direction {
    ToPort,
    FromPort,
    Both,
}
