//! What a packet must look like: one matcher per layer, outermost first.
//!
//! A packet matches a list of layers when they appear in it in this order, with anything between them: a
//! matcher for `ipv4` followed by one for `icmp` finds the inner packet of a tunnel just as well as a bare
//! one. Every field that is `Some` must agree; a matcher with none only asks for the layer to be there.

mod bgp;
mod headers;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use bgp::{
    BgpKind, BgpMatcher, CapabilityKind, NotificationMatcher, OpenMatcher, RefreshMatcher,
};
pub use headers::{
    ArpMatcher, ArpOperation, EthernetMatcher, GreMatcher, IcmpKind, IcmpMatcher, Ipv4Matcher,
    Ipv6Matcher, MplsMatcher, TcpFlag, TcpMatcher, UdpMatcher, VniMatch, VxlanMatcher,
};

/// The layers a scenario can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LayerKind {
    /// Ethernet II.
    Ethernet,
    /// ARP for IPv4 over Ethernet (RFC 826).
    Arp,
    /// IPv4 (RFC 791).
    Ipv4,
    /// IPv6 (RFC 8200).
    Ipv6,
    /// ICMP (RFC 792) or ICMPv6 (RFC 4443).
    Icmp,
    /// UDP (RFC 768).
    Udp,
    /// TCP (RFC 9293).
    Tcp,
    /// VXLAN (RFC 7348).
    Vxlan,
    /// An entry of a label stack (RFC 3032).
    Mpls,
    /// GRE (RFC 2784, RFC 2890).
    Gre,
    /// A BGP message (RFC 4271), out of the reassembled stream.
    Bgp,
}

/// One layer and what it must hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LayerMatcher {
    /// See [`LayerKind::Ethernet`].
    Ethernet(EthernetMatcher),
    /// See [`LayerKind::Arp`].
    Arp(ArpMatcher),
    /// See [`LayerKind::Ipv4`].
    Ipv4(Ipv4Matcher),
    /// See [`LayerKind::Ipv6`].
    Ipv6(Ipv6Matcher),
    /// See [`LayerKind::Icmp`].
    Icmp(IcmpMatcher),
    /// See [`LayerKind::Udp`].
    Udp(UdpMatcher),
    /// See [`LayerKind::Tcp`].
    Tcp(TcpMatcher),
    /// See [`LayerKind::Vxlan`].
    Vxlan(VxlanMatcher),
    /// See [`LayerKind::Mpls`].
    Mpls(MplsMatcher),
    /// See [`LayerKind::Gre`].
    Gre(GreMatcher),
    /// See [`LayerKind::Bgp`].
    Bgp(Box<BgpMatcher>),
}

impl LayerMatcher {
    /// Which layer this asks for.
    pub const fn kind(&self) -> LayerKind {
        match self {
            Self::Ethernet(_) => LayerKind::Ethernet,
            Self::Arp(_) => LayerKind::Arp,
            Self::Ipv4(_) => LayerKind::Ipv4,
            Self::Ipv6(_) => LayerKind::Ipv6,
            Self::Icmp(_) => LayerKind::Icmp,
            Self::Udp(_) => LayerKind::Udp,
            Self::Tcp(_) => LayerKind::Tcp,
            Self::Vxlan(_) => LayerKind::Vxlan,
            Self::Mpls(_) => LayerKind::Mpls,
            Self::Gre(_) => LayerKind::Gre,
            Self::Bgp(_) => LayerKind::Bgp,
        }
    }
}

impl LayerKind {
    /// Every one, from the outside in.
    pub const ALL: [Self; 11] = [
        Self::Ethernet,
        Self::Arp,
        Self::Ipv4,
        Self::Ipv6,
        Self::Icmp,
        Self::Udp,
        Self::Tcp,
        Self::Vxlan,
        Self::Mpls,
        Self::Gre,
        Self::Bgp,
    ];

    /// Whether a layer `inner` can lie anywhere within one of this kind, as far as packets are looked into.
    pub const fn can_hold(self, inner: Self) -> bool {
        match self {
            Self::Arp | Self::Icmp | Self::Bgp => false,
            Self::Tcp => matches!(inner, Self::Bgp),
            _ => true,
        }
    }

    /// The word for it in a scenario.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ethernet => "ethernet",
            Self::Arp => "arp",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Icmp => "icmp",
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Vxlan => "vxlan",
            Self::Mpls => "mpls",
            Self::Gre => "gre",
            Self::Bgp => "bgp",
        }
    }
}

impl fmt::Display for LayerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
