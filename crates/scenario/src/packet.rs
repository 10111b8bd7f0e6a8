//! What a packet must look like: one matcher per layer, outermost first.
//!
//! A packet matches a list of layers when they appear in it in this order, with anything between them: a
//! matcher for `ipv4` followed by one for `icmp` finds the inner packet of a tunnel just as well as a bare
//! one. Every field that is `Some` must agree; a matcher with none only asks for the layer to be there.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bgp_wire::{MacAddr, Vni};
use serde::{Deserialize, Serialize};

use crate::route::RoutePattern;

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
    Udp(PortsMatcher),
    /// See [`LayerKind::Tcp`].
    Tcp(PortsMatcher),
    /// See [`LayerKind::Vxlan`].
    Vxlan(VxlanMatcher),
    /// See [`LayerKind::Bgp`].
    Bgp(BgpMatcher),
}

/// Fields of an Ethernet header.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EthernetMatcher {
    /// Source address.
    pub src: Option<MacAddr>,
    /// Destination address.
    pub dst: Option<MacAddr>,
    /// EtherType after any VLAN tag.
    pub ethertype: Option<u16>,
    /// VLAN identifier of the outermost 802.1Q tag.
    pub vlan: Option<u16>,
}

/// Fields of an ARP packet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArpMatcher {
    /// Request or reply.
    pub operation: Option<ArpOperation>,
    /// Sender hardware address.
    pub sender_mac: Option<MacAddr>,
    /// Sender protocol address.
    pub sender_ip: Option<Ipv4Addr>,
    /// Target hardware address.
    pub target_mac: Option<MacAddr>,
    /// Target protocol address.
    pub target_ip: Option<Ipv4Addr>,
}

/// ARP operations that have a name here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ArpOperation {
    /// Operation 1.
    Request,
    /// Operation 2.
    Reply,
}

/// Fields of an IPv4 header.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ipv4Matcher {
    /// Source address.
    pub src: Option<Ipv4Addr>,
    /// Destination address.
    pub dst: Option<Ipv4Addr>,
    /// Protocol number.
    pub protocol: Option<u8>,
    /// Time to live as captured.
    pub ttl: Option<u8>,
}

/// Fields of an IPv6 header.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ipv6Matcher {
    /// Source address.
    pub src: Option<Ipv6Addr>,
    /// Destination address.
    pub dst: Option<Ipv6Addr>,
    /// Next header of the fixed header.
    pub next_header: Option<u8>,
    /// Hop limit as captured.
    pub hop_limit: Option<u8>,
}

/// Fields of an ICMP or ICMPv6 message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IcmpMatcher {
    /// What kind of message.
    #[serde(rename = "type")]
    pub kind: Option<IcmpKind>,
    /// Code.
    pub code: Option<u8>,
    /// Identifier of an echo message.
    pub id: Option<u16>,
    /// Sequence number of an echo message.
    pub seq: Option<u16>,
}

/// A kind of ICMP message: by name for both versions, or by the number that is in the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IcmpKind {
    /// Type 8 in ICMP, 128 in ICMPv6.
    EchoRequest,
    /// Type 0 in ICMP, 129 in ICMPv6.
    EchoReply,
    /// Type 3 in ICMP, 1 in ICMPv6.
    Unreachable,
    /// Type 11 in ICMP, 3 in ICMPv6.
    TimeExceeded,
    /// This number, whichever version the packet is.
    Number(u8),
}

impl IcmpKind {
    /// The type octet in ICMP for IPv4.
    pub const fn v4(self) -> u8 {
        match self {
            Self::EchoRequest => 8,
            Self::EchoReply => 0,
            Self::Unreachable => 3,
            Self::TimeExceeded => 11,
            Self::Number(n) => n,
        }
    }

    /// The type octet in ICMPv6.
    pub const fn v6(self) -> u8 {
        match self {
            Self::EchoRequest => 128,
            Self::EchoReply => 129,
            Self::Unreachable => 1,
            Self::TimeExceeded => 3,
            Self::Number(n) => n,
        }
    }
}

/// Ports of a UDP datagram or TCP segment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortsMatcher {
    /// Source port.
    pub src_port: Option<u16>,
    /// Destination port.
    pub dst_port: Option<u16>,
}

/// Fields of a VXLAN header.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VxlanMatcher {
    /// The network identifier.
    pub vni: Option<VniMatch>,
}

/// Which VNI a VXLAN header must carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VniMatch {
    /// This one.
    Exactly(Vni),
    /// One that the receiving tunnel endpoint advertised: some E-VPN route in the same capture, in an UPDATE
    /// before this packet, has the packet's outer destination as next hop and this VNI.
    Advertised,
}

/// A BGP message. Routes count per message: one with two matching routes is one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BgpMatcher {
    /// OPEN.
    Open,
    /// KEEPALIVE.
    Keepalive,
    /// NOTIFICATION.
    Notification,
    /// ROUTE-REFRESH (RFC 2918).
    RouteRefresh,
    /// An UPDATE that announces a route like this.
    Update(RoutePattern),
    /// An UPDATE that withdraws a route like this; only what an NLRI holds can be asked for.
    Withdraw(RoutePattern),
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
            Self::Bgp(_) => LayerKind::Bgp,
        }
    }
}

impl LayerKind {
    /// Every one, from the outside in.
    pub const ALL: [Self; 9] = [
        Self::Ethernet,
        Self::Arp,
        Self::Ipv4,
        Self::Ipv6,
        Self::Icmp,
        Self::Udp,
        Self::Tcp,
        Self::Vxlan,
        Self::Bgp,
    ];

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
            Self::Bgp => "bgp",
        }
    }
}

impl fmt::Display for LayerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl VniMatch {
    /// Whether `vni`, in a packet sent to the tunnel endpoint `outer_dst`, is the one asked for.
    /// `advertised` answers whether that endpoint advertised that VNI.
    pub fn holds(
        self,
        vni: Vni,
        outer_dst: Option<IpAddr>,
        advertised: impl FnOnce(IpAddr, Vni) -> bool,
    ) -> bool {
        match self {
            Self::Exactly(wanted) => wanted == vni,
            Self::Advertised => outer_dst.is_some_and(|dst| advertised(dst, vni)),
        }
    }
}
