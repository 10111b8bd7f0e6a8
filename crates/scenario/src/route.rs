//! What a BGP route must look like: the same words for a route held by a speaker and for one in an UPDATE.

pub(crate) mod field;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use bgp_wire::attribute::Origin;
use bgp_wire::community::{Community, LargeCommunity};
use bgp_wire::types::IpPrefix;
use bgp_wire::{
    Esi, ExtendedCommunity, Family, Label, MacAddr, RouteDistinguisher, RouteTarget, Vni,
};
use serde::{Deserialize, Serialize};

pub(crate) use field::KINDS;
pub use field::RouteField;

/// A conjunction: every field that is given must agree, `None` and empty lists match anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoutePattern {
    /// Address family of the route.
    pub family: Option<Family>,
    /// E-VPN route type (RFC 7432 section 7): 1 to 5.
    pub route_type: Option<u8>,
    /// The address the route is about: of the MAC/IP advertisement (type 2), the originating router
    /// (types 3 and 4), or the host route in the L3 VPN families.
    pub ip: Option<IpAddr>,
    /// The prefix of a type 5, L3 VPN or unicast route.
    pub prefix: Option<IpPrefix>,
    /// MAC address of a type 2 route.
    pub mac: Option<MacAddr>,
    /// Route distinguisher.
    pub rd: Option<RouteDistinguisher>,
    /// Ethernet segment (RFC 7432 section 5).
    pub esi: Option<Esi>,
    /// Ethernet tag.
    pub ethernet_tag: Option<u32>,
    /// The MPLS label: the topmost of an L3 VPN route, the 20 bits of an E-VPN route's first label field.
    pub label: Option<Label>,
    /// The VNI: the label field of types 1, 2 and 5, the PMSI tunnel's label of type 3.
    pub vni: Option<Vni>,
    /// Flowspec components that must all be there, each in the text form of
    /// [`FlowComponent`](bgp_wire::nlri::FlowComponent).
    pub flowspec: Vec<String>,
    /// Next hop, from `MP_REACH_NLRI`.
    pub next_hop: Option<OneOf>,
    /// Route targets that must all be there; others may be there too.
    pub route_targets: Vec<RouteTarget>,
    /// Encapsulation extended community (RFC 9012 section 4.1).
    pub encapsulation: Option<Encapsulation>,
    /// Communities (RFC 1997) that must all be there.
    pub communities: Vec<Community>,
    /// Large communities (RFC 8092) that must all be there.
    pub large_communities: Vec<LargeCommunity>,
    /// Extended communities (RFC 4360) that must all be there.
    pub extended_communities: Vec<ExtendedCommunity>,
    /// ORIGIN.
    pub origin: Option<Origin>,
    /// AS_PATH: one sequence of these, no more and no fewer.
    pub as_path: Option<Vec<u32>>,
    /// AS numbers that are all anywhere in AS_PATH.
    pub as_path_contains: Vec<u32>,
    /// LOCAL_PREF.
    pub local_pref: Option<u32>,
    /// MULTI_EXIT_DISC.
    pub med: Option<u32>,
    /// ORIGINATOR_ID (RFC 4456).
    pub originator: Option<Ipv4Addr>,
    /// CLUSTER_LIST (RFC 4456), the last reflector first.
    pub cluster_list: Option<Vec<Ipv4Addr>>,
    /// PMSI tunnel (RFC 6514 section 5).
    pub pmsi: Option<PmsiPattern>,
    /// Sequence number of MAC mobility (RFC 7432 section 7.7); 0 is that of a route without the community too
    /// (section 15).
    pub mobility: Option<u32>,
    /// Whether MAC mobility says that the MAC address must not move.
    pub sticky: Option<bool>,
    /// Whether it is marked as a default gateway's (RFC 7432 section 7.8).
    pub default_gateway: Option<bool>,
    /// Router's MAC (RFC 9135 section 8.1).
    pub router_mac: Option<MacAddr>,
    /// What must not be there.
    pub lacks: Vec<RouteField>,
}

/// What a PMSI tunnel must look like; as with routes, `None` matches anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PmsiPattern {
    /// Tunnel type, of the IANA registry "P-Multicast Service Interface Tunnel (PMSI Tunnel) Tunnel Types".
    pub tunnel: Option<u8>,
    /// The label field read as MPLS label.
    pub label: Option<Label>,
    /// The label field read as VNI.
    pub vni: Option<Vni>,
    /// Of ingress replication, where copies are sent to.
    pub endpoint: Option<OneOf>,
}

/// Tunnel types that have words, by number.
pub const PMSI_TUNNELS: [(&str, u8); 8] = [
    ("none", 0),
    ("rsvp-te-p2mp", 1),
    ("mldp-p2mp", 2),
    ("pim-ssm", 3),
    ("pim-sm", 4),
    ("bidir-pim", 5),
    ("ingress-replication", 6),
    ("mldp-mp2mp", 7),
];

/// Origins that have words: all.
pub const ORIGINS: [(&str, Origin); 3] = [
    ("igp", Origin::Igp),
    ("egp", Origin::Egp),
    ("incomplete", Origin::Incomplete),
];

/// The word for an origin.
pub fn origin_word(origin: Origin) -> &'static str {
    let word = ORIGINS.iter().find(|(_, known)| *known == origin);
    word.map_or("", |(word, _)| word)
}

/// The word for a tunnel type; its number where it has none.
pub fn pmsi_word(tunnel: u8) -> String {
    let word = PMSI_TUNNELS.iter().find(|(_, known)| *known == tunnel);
    word.map_or_else(|| tunnel.to_string(), |(word, _)| (*word).to_owned())
}

/// An address as it is asked for: the one that was typed, or any that the node has whose name was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OneOf(Vec<IpAddr>);

impl OneOf {
    /// One of these, the likeliest first.
    pub fn new(addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        let mut known: Vec<IpAddr> = Vec::new();
        for address in addresses {
            if !known.contains(&address) {
                known.push(address);
            }
        }
        Self(known)
    }

    /// All of them, the likeliest first.
    pub fn all(&self) -> impl Iterator<Item = IpAddr> {
        self.0.iter().copied()
    }

    /// Whether `address` is one of them. Families of IPv6 carry an IPv4 next hop as `::ffff:a.b.c.d` (RFC 4659
    /// section 3.2.1.2), which is the same.
    pub fn has(&self, address: IpAddr) -> bool {
        let same = |own: &IpAddr| own.to_canonical() == address.to_canonical();
        self.0.iter().any(same)
    }
}

impl From<IpAddr> for OneOf {
    fn from(address: IpAddr) -> Self {
        Self(vec![address])
    }
}

/// `10.0.0.2 or fd00::2`
impl fmt::Display for OneOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, address) in self.0.iter().enumerate() {
            let or = if index > 0 { " or " } else { "" };
            write!(f, "{or}{address}")?;
        }
        Ok(())
    }
}

/// A tunnel type that can be asked for by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encapsulation {
    /// GRE, tunnel type 2.
    Gre,
    /// VXLAN, tunnel type 8.
    Vxlan,
    /// NVGRE, tunnel type 9.
    Nvgre,
    /// MPLS, tunnel type 10.
    Mpls,
    /// MPLS in GRE, tunnel type 11.
    MplsInGre,
    /// MPLS in UDP, tunnel type 13 (RFC 7510).
    MplsInUdp,
}

impl Encapsulation {
    /// Every one, in the order of the tunnel types.
    pub const ALL: [Self; 6] = [
        Self::Gre,
        Self::Vxlan,
        Self::Nvgre,
        Self::Mpls,
        Self::MplsInGre,
        Self::MplsInUdp,
    ];

    /// The word for it in a scenario.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gre => "gre",
            Self::Vxlan => "vxlan",
            Self::Nvgre => "nvgre",
            Self::Mpls => "mpls",
            Self::MplsInGre => "mpls-in-gre",
            Self::MplsInUdp => "mpls-in-udp",
        }
    }

    /// The number in the IANA registry "BGP Tunnel Encapsulation Attribute Tunnel Types".
    pub const fn tunnel_type(self) -> u16 {
        match self {
            Self::Gre => 2,
            Self::Vxlan => 8,
            Self::Nvgre => 9,
            Self::Mpls => 10,
            Self::MplsInGre => 11,
            Self::MplsInUdp => 13,
        }
    }
}

impl fmt::Display for Encapsulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
