//! What a route says, whoever tells of it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use bgp_wire::attribute::{Origin, PmsiTunnel};
use bgp_wire::community::{Community, Encapsulation, LargeCommunity, MacMobility};
use bgp_wire::nlri::{EvpnRoute, RtcRoute, VpnRoute};
use bgp_wire::types::IpPrefix;
use bgp_wire::{
    Esi, ExtendedCommunity, Family, LabelField, MacAddr, Nlri, NlriValue, PathAttributes,
    RouteDistinguisher, RouteTarget, Vni,
};
use scenario::route::{origin_word, pmsi_word};
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
    /// Components of a Flowspec route, each as text.
    pub flowspec: Vec<String>,
    /// What the other fields have no word for: the rules of a Flowspec route in a program's own
    /// words, the origin AS of a route target membership.
    pub words: Option<String>,
    /// Next hop.
    pub next_hop: Option<IpAddr>,
    /// Communities (RFC 1997).
    pub communities: Vec<Community>,
    /// Large communities (RFC 8092).
    pub large_communities: Vec<LargeCommunity>,
    /// Extended communities (RFC 4360), in the order given; of a route target membership (RFC 4684)
    /// the target that it asks for, too.
    pub extended_communities: Vec<ExtendedCommunity>,
    /// Origin.
    pub origin: Option<Origin>,
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
    /// PMSI tunnel (RFC 6514 section 5).
    pub pmsi: Option<PmsiFacts>,
}

/// What a PMSI tunnel attribute says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PmsiFacts {
    /// Tunnel type, by number.
    pub tunnel: u8,
    /// The label field: a label or a VNI.
    pub field: LabelField,
    /// Of ingress replication, where copies go.
    pub endpoint: Option<IpAddr>,
}

impl From<&PmsiTunnel> for PmsiFacts {
    fn from(pmsi: &PmsiTunnel) -> Self {
        Self {
            tunnel: pmsi.kind,
            field: pmsi.label,
            endpoint: pmsi.ingress_replication(),
        }
    }
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
            flowspec: Vec::new(),
            words: None,
            next_hop: None,
            communities: Vec::new(),
            large_communities: Vec::new(),
            extended_communities: Vec::new(),
            origin: None,
            as_path: None,
            local_pref: None,
            med: None,
            originator: None,
            cluster_list: Vec::new(),
            pmsi: None,
        }
    }

    /// What octets say.
    pub fn of(nlri: &Nlri, next_hop: Option<IpAddr>, attributes: &PathAttributes) -> Self {
        let facts = Self::of_nlri(nlri);
        let vni = nlri.value().ok().and_then(|value| vni(&value, attributes));
        let communities = attributes.communities().iter().copied();
        let mut extended_communities = facts.extended_communities;
        extended_communities.extend(attributes.extended_communities());
        Self {
            vni,
            next_hop,
            communities: communities.map(Community).collect(),
            large_communities: attributes.large_communities().to_vec(),
            extended_communities,
            origin: attributes.origin(),
            as_path: attributes.as_path().map(ToString::to_string),
            local_pref: attributes.local_pref(),
            med: attributes.med(),
            originator: attributes.originator_id(),
            cluster_list: attributes.cluster_list().to_vec(),
            pmsi: attributes.pmsi().map(PmsiFacts::from),
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
            Ok(NlriValue::Flowspec(rules)) => Self {
                flowspec: rules.texts(),
                ..facts
            },
            Ok(NlriValue::FlowspecVpn { rd, rules }) => Self {
                rd: Some(rd),
                flowspec: rules.texts(),
                ..facts
            },
            Ok(NlriValue::Rtc(route)) => facts.with_membership(&route),
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

    /// The same as a membership of RT-Constraint (RFC 4684 section 4).
    pub fn with_membership(self, route: &RtcRoute) -> Self {
        let words = match route.route_target() {
            _ if route.is_default() => "default".to_owned(),
            Some(_) => format!("as {}", route.origin_as),
            None => format!("as {} first {} bits", route.origin_as, route.bits),
        };
        let target = route.route_target().map(ExtendedCommunity::from);
        Self {
            words: Some(words),
            extended_communities: target.into_iter().collect(),
            ..self
        }
    }

    /// The membership of RT-Constraint that [`Self::with_membership`] made these of; `None` for another route, and for a
    /// membership of a part of a route target.
    pub fn membership(&self) -> Option<RtcRoute> {
        if self.family != Family::RTC {
            return None;
        }
        match self.words.as_deref()?.split_once(' ') {
            None => Some(RtcRoute::DEFAULT),
            Some((_, asn)) => {
                let target = *self.route_targets().first()?;
                Some(RtcRoute::new(asn.parse().ok()?, target))
            }
        }
    }

    /// Route targets, in the order given.
    pub fn route_targets(&self) -> Vec<RouteTarget> {
        let communities = self.extended_communities.iter();
        communities
            .filter_map(ExtendedCommunity::route_target)
            .collect()
    }

    /// Encapsulations (RFC 9012 section 4.1).
    pub fn encapsulations(&self) -> Vec<Encapsulation> {
        let communities = self.extended_communities.iter();
        communities
            .filter_map(ExtendedCommunity::encapsulation)
            .collect()
    }

    /// MAC mobility (RFC 7432 section 7.7).
    pub fn mobility(&self) -> Option<MacMobility> {
        let mut communities = self.extended_communities.iter();
        communities.find_map(ExtendedCommunity::mac_mobility)
    }

    /// Router's MAC (RFC 9135 section 8.1).
    pub fn router_mac(&self) -> Option<MacAddr> {
        let mut communities = self.extended_communities.iter();
        communities.find_map(ExtendedCommunity::router_mac)
    }

    /// Whether it is marked as a default gateway's (RFC 7432 section 7.8).
    pub fn is_default_gateway(&self) -> bool {
        let mut communities = self.extended_communities.iter();
        communities.any(ExtendedCommunity::is_default_gateway)
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
        self.encapsulations().contains(&Encapsulation::Vxlan)
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
        for component in self.flowspec.iter().chain(&self.words) {
            write!(f, " {component}")?;
        }
        word(f, "next-hop", self.next_hop)?;
        self.fmt_pmsi(f)?;
        words(f, "rt", &self.route_targets())?;
        words(f, "encap", &self.encapsulations())?;
        self.fmt_communities(f)?;
        let origin = self.origin.filter(|origin| *origin != Origin::Igp);
        word(f, "origin", origin.map(origin_word))?;
        let path = self.as_path.as_ref().filter(|path| !path.is_empty());
        word(f, "path", path)?;
        word(f, "med", self.med)?;
        word(f, "local-pref", self.local_pref)?;
        word(f, "originator", self.originator)?;
        words(f, "clusters", &self.cluster_list)
    }
}

impl RouteFacts {
    fn fmt_pmsi(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(PmsiFacts {
            tunnel,
            field,
            endpoint,
        }) = self.pmsi
        else {
            return Ok(());
        };
        write!(f, " pmsi {}", pmsi_word(tunnel))?;
        if self.uses_vni() {
            write!(f, " vni {}", field.vni())?;
        } else {
            write!(f, " label {}", field.label())?;
        }
        word(f, "to", endpoint)
    }

    /// Those that have no word of their own come last, as octets or names.
    fn fmt_communities(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(mobility) = self.mobility() {
            let sticky = if mobility.sticky { " sticky" } else { "" };
            write!(f, " mobility {}{sticky}", mobility.sequence)?;
        }
        if self.is_default_gateway() {
            f.write_str(" default-gateway")?;
        }
        word(f, "router-mac", self.router_mac())?;
        let named = |community: &&ExtendedCommunity| {
            community.route_target().is_some()
                || community.encapsulation().is_some()
                || community.mac_mobility().is_some()
                || community.router_mac().is_some()
                || community.is_default_gateway()
        };
        let others = self.extended_communities.iter();
        let others: Vec<&ExtendedCommunity> = others.filter(|one| !named(one)).collect();
        words(f, "extended", &others)?;
        words(f, "communities", &self.communities)?;
        words(f, "large", &self.large_communities)
    }
}

fn word<T: fmt::Display>(f: &mut fmt::Formatter<'_>, name: &str, value: Option<T>) -> fmt::Result {
    value.map_or(Ok(()), |value| write!(f, " {name} {value}"))
}

fn words<T: fmt::Display>(f: &mut fmt::Formatter<'_>, name: &str, values: &[T]) -> fmt::Result {
    let text: Vec<String> = values.iter().map(T::to_string).collect();
    word(f, name, (!text.is_empty()).then(|| text.join(",")))
}
