//! What a BGP route must look like: the same words for a route held by a speaker and for one in an UPDATE.

use std::fmt;
use std::net::IpAddr;

use bgp_wire::types::IpPrefix;
use bgp_wire::{Family, MacAddr, RouteDistinguisher, RouteTarget, Vni};
use serde::{Deserialize, Serialize};

/// A conjunction: every field that is `Some` must agree, `None` matches anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoutePattern {
    /// Address family of the route.
    pub family: Option<Family>,
    /// E-VPN route type (RFC 7432 section 7): 1 to 5.
    pub route_type: Option<u8>,
    /// The address the route is about: of the MAC/IP advertisement (type 2), the originating router
    /// (types 3 and 4), or the host route in the L3 VPN families.
    pub ip: Option<IpAddr>,
    /// The prefix of a type 5 or L3 VPN route.
    pub prefix: Option<IpPrefix>,
    /// MAC address of a type 2 route.
    pub mac: Option<MacAddr>,
    /// Route distinguisher.
    pub rd: Option<RouteDistinguisher>,
    /// The VNI: the label field of types 2 and 5, the PMSI tunnel's label of type 3.
    pub vni: Option<Vni>,
    /// Next hop, from `MP_REACH_NLRI`.
    pub next_hop: Option<OneOf>,
    /// Route targets that must all be there; others may be there too.
    pub route_targets: Vec<RouteTarget>,
    /// Encapsulation extended community (RFC 9012 section 4.1).
    pub encapsulation: Option<Encapsulation>,
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
