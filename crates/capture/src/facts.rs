//! What a route says, whoever tells of it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use bgp_wire::community::Encapsulation;
use bgp_wire::nlri::{EvpnRoute, VpnRoute};
use bgp_wire::types::IpPrefix;
use bgp_wire::{
    Esi, Family, MacAddr, Nlri, NlriValue, PathAttributes, RouteDistinguisher, RouteTarget, Vni,
};
use serde::{Deserialize, Serialize};

use crate::advertised::vni;

/// A route in the words of a scenario: read from octets, or out of what a program prints. What is not
/// known, or not part of such a route, is `None` or empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteFacts {
    /// Address family.
    pub family: Family,
    /// E-VPN route type (RFC 7432 section 7).
    pub route_type: Option<u8>,
    /// Route distinguisher.
    pub rd: Option<RouteDistinguisher>,
    /// Ethernet segment of E-VPN types 1, 2 and 4.
    pub esi: Option<Esi>,
    /// Ethernet tag of an E-VPN route.
    pub ethernet_tag: Option<u32>,
    /// MAC address of an E-VPN type 2 route.
    pub mac: Option<MacAddr>,
    /// The address the route is about: of type 2, the originating router of types 3 and 4, or the
    /// host a prefix of full length names.
    pub ip: Option<IpAddr>,
    /// The prefix of an E-VPN type 5, L3 VPN or unicast route.
    pub prefix: Option<IpPrefix>,
    /// MPLS label, 20 bits: the topmost of an L3 VPN route, the field's label of an E-VPN one.
    pub label: Option<u32>,
    /// The same field read as VNI: 24 bits of an E-VPN route's (the PMSI tunnel's for type 3).
    pub vni: Option<Vni>,
    /// What the other fields have no word for: the rules of a Flowspec route, a route target
    /// constraint.
    pub words: Option<String>,
    /// Next hop.
    pub next_hop: Option<IpAddr>,
    /// Route targets, in the order given.
    pub route_targets: Vec<RouteTarget>,
    /// Encapsulation extended communities (RFC 9012 section 4.1).
    pub encapsulations: Vec<Encapsulation>,
    /// AS path, as text: `64512 64513 {1 2}`.
    pub as_path: Option<String>,
    /// Local preference.
    pub local_pref: Option<u32>,
    /// Multi-exit discriminator.
    pub med: Option<u32>,
    /// Originator (RFC 4456).
    pub originator: Option<Ipv4Addr>,
    /// Clusters it was reflected by, the last first (RFC 4456).
    pub cluster_list: Vec<Ipv4Addr>,
}

impl RouteFacts {
    /// A route of which only the family is known.
    pub fn new(family: Family) -> Self {
        Self {
            family,
            route_type: None,
            rd: None,
            esi: None,
            ethernet_tag: None,
            mac: None,
            ip: None,
            prefix: None,
            label: None,
            vni: None,
            words: None,
            next_hop: None,
            route_targets: Vec::new(),
            encapsulations: Vec::new(),
            as_path: None,
            local_pref: None,
            med: None,
            originator: None,
            cluster_list: Vec::new(),
        }
    }

    /// What octets say.
    pub fn of(nlri: &Nlri, next_hop: Option<IpAddr>, attributes: &PathAttributes) -> Self {
        let facts = Self::of_nlri(nlri);
        let vni = nlri.value().ok().and_then(|value| vni(&value, attributes));
        Self {
            vni,
            next_hop,
            route_targets: attributes.route_targets(),
            encapsulations: attributes.encapsulations(),
            as_path: attributes.as_path().map(ToString::to_string),
            local_pref: attributes.local_pref(),
            med: attributes.med(),
            originator: attributes.originator_id(),
            cluster_list: attributes.cluster_list().to_vec(),
            ..facts
        }
    }

    /// What the octets of an NLRI alone say, as in a withdrawal: labels mean nothing there.
    pub fn of_nlri(nlri: &Nlri) -> Self {
        let facts = Self::new(nlri.family);
        match nlri.value() {
            Ok(NlriValue::Evpn(route)) => facts.with_evpn(&route),
            Ok(NlriValue::Vpn(VpnRoute { rd, labels, prefix })) => Self {
                rd: Some(rd),
                label: labels.first().map(|label| label.label().get()),
                ..facts.with_prefix(prefix)
            },
            Ok(NlriValue::Unicast(prefix)) => facts.with_prefix(prefix),
            Ok(NlriValue::FlowspecVpn { rd, .. }) => Self {
                rd: Some(rd),
                ..facts
            },
            _ => facts,
        }
    }

    /// The same with a prefix, and the address it is when it is one host's.
    pub fn with_prefix(self, prefix: IpPrefix) -> Self {
        Self {
            ip: prefix.is_host().then(|| prefix.address()),
            prefix: Some(prefix),
            ..self
        }
    }

    fn with_evpn(self, route: &EvpnRoute) -> Self {
        let route_type = Some(route.kind());
        let facts = Self {
            route_type,
            rd: route.rd(),
            ..self
        };
        match *route {
            EvpnRoute::EthernetAutoDiscovery {
                esi,
                ethernet_tag,
                label,
                ..
            } => Self {
                esi: Some(esi),
                ethernet_tag: Some(ethernet_tag),
                label: Some(label.label().get()),
                ..facts
            },
            EvpnRoute::MacIp {
                esi,
                ethernet_tag,
                mac,
                ip,
                label1,
                ..
            } => Self {
                esi: Some(esi),
                ethernet_tag: Some(ethernet_tag),
                mac: Some(mac),
                ip,
                label: Some(label1.label().get()),
                ..facts
            },
            EvpnRoute::InclusiveMulticast {
                ethernet_tag,
                originator,
                ..
            } => Self {
                ethernet_tag: Some(ethernet_tag),
                ip: Some(originator),
                ..facts
            },
            EvpnRoute::EthernetSegment {
                esi, originator, ..
            } => Self {
                esi: Some(esi),
                ip: Some(originator),
                ..facts
            },
            EvpnRoute::IpPrefix {
                esi,
                ethernet_tag,
                prefix,
                label,
                ..
            } => Self {
                esi: Some(esi),
                ethernet_tag: Some(ethernet_tag),
                label: Some(label.label().get()),
                ..facts.with_prefix(prefix)
            },
            EvpnRoute::Unknown { .. } => facts,
        }
    }

    fn uses_vni(&self) -> bool {
        self.encapsulations.contains(&Encapsulation::Vxlan)
    }
}

/// In a line: `l2vpn/evpn type 2 rd ... mac ... vni 79 next-hop ... rt ...`.
impl fmt::Display for RouteFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.family)?;
        if let Some(kind) = self.route_type {
            write!(f, " type {kind}")?;
        }
        if let Some(prefix) = self.prefix {
            write!(f, " {prefix}")?;
        }
        let esi = self.esi.filter(|esi| !esi.is_zero());
        let ip = self.ip.filter(|_| self.prefix.is_none());
        let tag = self.ethernet_tag.filter(|tag| *tag != 0);
        word(f, "rd", self.rd)?;
        word(f, "esi", esi)?;
        word(f, "tag", tag)?;
        word(f, "mac", self.mac)?;
        let router = matches!(self.route_type, Some(3 | 4));
        word(f, if router { "from" } else { "ip" }, ip)?;
        match (self.label, self.vni) {
            (_, Some(vni)) if self.uses_vni() || self.label.is_none() => write!(f, " vni {vni}")?,
            (label, _) => word(f, "label", label)?,
        }
        if let Some(words) = &self.words {
            write!(f, " {words}")?;
        }
        word(f, "next-hop", self.next_hop)?;
        words(f, "rt", &self.route_targets)?;
        words(f, "encap", &self.encapsulations)?;
        let path = self.as_path.as_ref().filter(|path| !path.is_empty());
        word(f, "path", path)?;
        word(f, "local-pref", self.local_pref)?;
        word(f, "originator", self.originator)?;
        words(f, "clusters", &self.cluster_list)
    }
}

fn word<T: fmt::Display>(f: &mut fmt::Formatter<'_>, name: &str, value: Option<T>) -> fmt::Result {
    value.map_or(Ok(()), |value| write!(f, " {name} {value}"))
}

fn words<T: fmt::Display>(f: &mut fmt::Formatter<'_>, name: &str, values: &[T]) -> fmt::Result {
    let text: Vec<String> = values.iter().map(T::to_string).collect();
    word(f, name, (!text.is_empty()).then(|| text.join(",")))
}
