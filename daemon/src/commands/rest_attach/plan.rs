//! From flags to what is to be done: one function, before anything is touched.

use std::net::{IpAddr, Ipv4Addr};

use bagpipe_api::{
    AttachBody, Direction, LocalPortBody, VpnType,
    request::{parse_mac, parse_prefix},
};
use netns::addr::IpPrefix;
use serde_json::{Map, Value, json};
use thiserror::Error;

use super::args::{self, Args, DEFAULT_INSTANCE, NetworkType};
use crate::port;

/// What the flags mean.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    /// The request; interface and MAC of a namespace port are filled in when it is there.
    pub body: AttachBody,
    /// The namespace to make or to look into.
    pub netns: Option<NetnsPort>,
    /// The Open vSwitch bridge that a port is plugged into first, and the port.
    pub bridge: Option<(String, String)>,
    /// The gateway, if it was computed.
    pub computed_gateway: Option<IpAddr>,
}

/// A port of the form `netns[:ifname]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NetnsPort {
    pub netns: String,
    pub host_if: String,
    pub guest_if: String,
    pub address: IpPrefix,
    pub gateway: Option<IpAddr>,
    pub vlan: Option<u16>,
}

/// Flags that make no sense together; exit status 2.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum UsageError {
    #[error("`{0}` is not an IP address, with or without a prefix length")]
    Ip(String),
    #[error("`{0}` is not a MAC address")]
    Mac(String),
    #[error("`{0}` is not an IP address")]
    Gateway(String),
    #[error("--mac is required: the MAC address behind `{0}` is not known")]
    NoMac(String),
    #[error("--port netns needs --ip")]
    NoAddress,
    #[error("--learn is for --network-type evpn")]
    Learn,
    #[error("--port evpn:<id> is for --network-type ipvpn")]
    EvpnPort,
    #[error("--redirect-rts needs what to attract: --destination-prefix, --protocol, ...")]
    NoClassifier,
    #[error("--ovs-preplug is for --network-type ipvpn")]
    Preplug,
    #[error("--clean is for --detach with --port netns")]
    NothingToClean,
}

const IPVPN_MAC: &str = "52:54:00:99:99:22";

impl Plan {
    pub(super) fn new(args: &Args) -> Result<Self, UsageError> {
        let vpn_type = match args.network_type {
            NetworkType::Ipvpn => VpnType::Ipvpn,
            NetworkType::Evpn => VpnType::Evpn,
        };
        let instance = match args.vpn_instance_id.as_str() {
            DEFAULT_INSTANCE => format!("{vpn_type}-{DEFAULT_INSTANCE}"),
            id => id.to_owned(),
        };
        if args.learn && vpn_type == VpnType::Ipvpn {
            return Err(UsageError::Learn);
        }
        let ip = args.ip.as_ref().map(|ip| match ip.contains('/') {
            true => ip.clone(),
            false => format!("{ip}/24"),
        });
        let prefix = ip.as_ref().map(|ip| {
            let prefix = parse_prefix(ip);
            let prefix = prefix.and_then(|(address, length)| IpPrefix::new(address, length));
            prefix.ok_or_else(|| UsageError::Ip(args.ip.clone().unwrap_or_default()))
        });
        let prefix = prefix.transpose()?;
        let given = args.gateway_ip.as_ref().map(|text| {
            text.parse::<IpAddr>()
                .map_err(|_| UsageError::Gateway(text.clone()))
        });
        let given = given.transpose()?;
        let computed_gateway = if given.is_none() {
            prefix.and_then(second_to_last)
        } else {
            None
        };
        let gateway = given.or(computed_gateway);
        if let Some(mac) = args.mac.as_ref().filter(|mac| parse_mac(mac).is_none()) {
            return Err(UsageError::Mac(mac.clone()));
        }

        let (netns, local_port) = match args.port.split_once(':') {
            None if args.port != "netns" => (None, LocalPortBody::interface(&args.port)),
            Some(("evpn", _)) if vpn_type == VpnType::Evpn => return Err(UsageError::EvpnPort),
            Some(("evpn", id)) => {
                let evpn = Some(json!({"id": id}));
                (
                    None,
                    LocalPortBody {
                        evpn,
                        ..LocalPortBody::default()
                    },
                )
            }
            Some((name, _)) if name != "netns" => (None, LocalPortBody::interface(&args.port)),
            netns => {
                let name = args.netns.clone().unwrap_or_else(|| instance.clone());
                let host_if = match netns {
                    Some((_, host_if)) => host_if.to_owned(),
                    None => port::host_interface(&name),
                };
                let port = NetnsPort {
                    netns: name,
                    host_if: host_if.clone(),
                    guest_if: args.if2vpn.clone(),
                    address: prefix.ok_or(UsageError::NoAddress)?,
                    gateway,
                    vlan: args.ovs_vlan,
                };
                (Some(port), LocalPortBody::interface(host_if))
            }
        };
        let mut local_port = local_port;
        let mut bridge = None;
        if args.ovs_preplug {
            if vpn_type == VpnType::Evpn {
                return Err(UsageError::Preplug);
            }
            let name = local_port.linuxif.clone().unwrap_or_default();
            let mut ovs = json!({"plugged": true, "port_name": name});
            if let Some(vlan) = args.ovs_vlan {
                ovs["vlan"] = vlan.into();
            }
            local_port.ovs = Some(ovs);
            bridge = Some((args.ovs_bridge.clone(), name));
        }
        if args.clean && (args.attach || netns.is_none()) {
            return Err(UsageError::NothingToClean);
        }
        let mac = match (&args.mac, &netns, vpn_type) {
            (Some(mac), _, _) => mac.clone(),
            (None, Some(_), _) => String::new(),
            (None, None, VpnType::Ipvpn) => IPVPN_MAC.to_owned(),
            (None, None, VpnType::Evpn) if args.learn && ip.is_none() => String::new(),
            (None, None, VpnType::Evpn) => return Err(UsageError::NoMac(args.port.clone())),
        };

        let (import_rt, export_rt) = targets(args, vpn_type);
        let body = AttachBody {
            vpn_type,
            vpn_instance_id: instance,
            mac_address: mac,
            learn: args.learn,
            ip_address: ip,
            local_port,
            import_rt,
            export_rt,
            gateway_ip: gateway.map(|gateway| gateway.to_string()),
            advertise_subnet: args.advertise_subnet,
            vni: args.vni,
            lb_consistent_hash_order: args.lb_consistent_hash_order,
            local_pref: args.local_pref.filter(|preference| *preference != 0),
            direction: match args.direction {
                args::Direction::ToPort => Direction::ToPort,
                args::Direction::FromPort => Direction::FromPort,
                args::Direction::Both => Direction::Both,
            },
            linuxbr: None,
            readvertise: readvertise(args),
            attract_traffic: attract_traffic(args)?,
            fallback: None,
            description: None,
            instance_description: None,
        };
        Ok(Self {
            body,
            netns,
            bridge,
            computed_gateway,
        })
    }
}

fn targets(args: &Args, vpn_type: VpnType) -> (Vec<String>, Vec<String>) {
    if args.rt.is_empty() && args.import_rt.is_empty() && args.export_rt.is_empty() {
        let default = match vpn_type {
            VpnType::Ipvpn => "64512:512",
            VpnType::Evpn => "64512:513",
        };
        return (vec![default.to_owned()], vec![default.to_owned()]);
    }
    let both = |one_way: &[String]| args.rt.iter().chain(one_way).cloned().collect();
    (both(&args.import_rt), both(&args.export_rt))
}

fn readvertise(args: &Args) -> Value {
    if args.readv_to_rt.is_empty() {
        Value::Null
    } else {
        json!({"from_rt": args.readv_from_rt, "to_rt": args.readv_to_rt})
    }
}

fn attract_traffic(args: &Args) -> Result<Value, UsageError> {
    let mut attract = Map::new();
    if args.redirect_rts.is_empty() {
        return Ok(Value::Object(attract));
    }
    let classifier: Map<String, Value> = [
        ("sourcePrefix", &args.source_prefix),
        ("destinationPrefix", &args.destination_prefix),
        ("sourcePort", &args.source_port),
        ("destinationPort", &args.destination_port),
        ("protocol", &args.protocol),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key.to_owned(), Value::from(value.clone()?))))
    .collect();
    if classifier.is_empty() {
        return Err(UsageError::NoClassifier);
    }
    attract.insert("redirect_rts".into(), args.redirect_rts.clone().into());
    attract.insert("classifier".into(), classifier.into());
    if !args.attract_to_rt.is_empty() {
        attract.insert("to_rt".into(), args.attract_to_rt.clone().into());
        attract.insert(
            "static_destination_prefixes".into(),
            args.static_destination_prefix.clone().into(),
        );
    }
    Ok(Value::Object(attract))
}

/// The gateway when none is given: the second to last address of an IPv4 subnet (`.254` of a /24).
fn second_to_last(prefix: IpPrefix) -> Option<IpAddr> {
    let IpAddr::V4(address) = prefix.addr() else {
        return None;
    };
    let host_bits = 32 - u32::from(prefix.prefix_len());
    let mask = u32::MAX.checked_shl(host_bits).unwrap_or(0);
    let last = address.to_bits() | !mask;
    Some(Ipv4Addr::from_bits(last.checked_sub(1)?).into())
}
