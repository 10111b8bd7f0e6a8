//! Matchers of single headers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bgp_wire::{MacAddr, Vni};
use serde::{Deserialize, Serialize};

use crate::numbers::Numbers;

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
    pub vlan: Option<Numbers>,
    /// Priority code point of the same tag, 3 bits.
    pub pcp: Option<Numbers>,
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
    pub ttl: Option<Numbers>,
    /// Differentiated services code point (RFC 2474), 6 bits.
    pub dscp: Option<Numbers>,
    /// Whether it must not be fragmented.
    pub df: Option<bool>,
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
    pub hop_limit: Option<Numbers>,
    /// Differentiated services code point (RFC 2474), 6 bits.
    pub dscp: Option<Numbers>,
}

/// Fields of an ICMP or ICMPv6 message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IcmpMatcher {
    /// What kind of message.
    #[serde(rename = "type")]
    pub kind: Option<IcmpKind>,
    /// Code.
    pub code: Option<Numbers>,
    /// Identifier of an echo message.
    pub id: Option<Numbers>,
    /// Sequence number of an echo message.
    pub seq: Option<Numbers>,
    /// Target address of a neighbour solicitation or advertisement (RFC 4861).
    pub target: Option<Ipv6Addr>,
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

/// Fields of a UDP header.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UdpMatcher {
    /// Source port.
    pub src_port: Option<Numbers>,
    /// Destination port.
    pub dst_port: Option<Numbers>,
    /// Either port.
    pub port: Option<Numbers>,
}

/// Fields of a TCP header.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpMatcher {
    /// Source port.
    pub src_port: Option<Numbers>,
    /// Destination port.
    pub dst_port: Option<Numbers>,
    /// Either port.
    pub port: Option<Numbers>,
    /// Control bits that must all be set.
    pub flags: Vec<TcpFlag>,
    /// Control bits of which none may be set.
    pub lacks_flags: Vec<TcpFlag>,
    /// Receive window, unscaled.
    pub window: Option<Numbers>,
}

/// A control bit of TCP (RFC 9293 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TcpFlag {
    /// No more data from the sender.
    Fin,
    /// Synchronise sequence numbers.
    Syn,
    /// Reset the connection.
    Rst,
    /// Push.
    Psh,
    /// The acknowledgement number is valid.
    Ack,
    /// The urgent pointer is valid.
    Urg,
    /// Congestion was experienced (RFC 3168).
    Ece,
    /// The congestion window was reduced (RFC 3168).
    Cwr,
}

impl TcpFlag {
    /// Every one, the lowest bit first.
    pub const ALL: [Self; 8] = [
        Self::Fin,
        Self::Syn,
        Self::Rst,
        Self::Psh,
        Self::Ack,
        Self::Urg,
        Self::Ece,
        Self::Cwr,
    ];

    /// The word for it in a scenario.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fin => "fin",
            Self::Syn => "syn",
            Self::Rst => "rst",
            Self::Psh => "psh",
            Self::Ack => "ack",
            Self::Urg => "urg",
            Self::Ece => "ece",
            Self::Cwr => "cwr",
        }
    }

    /// Its place in the octet of control bits.
    pub const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// Fields of an entry of a label stack. A stack is as many matchers, the top first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MplsMatcher {
    /// Label, 20 bits.
    pub label: Option<Numbers>,
    /// Traffic class, 3 bits.
    pub tc: Option<Numbers>,
    /// Whether it is the bottom of the stack.
    pub bottom: Option<bool>,
    /// Time to live as captured.
    pub ttl: Option<Numbers>,
}

/// Fields of a GRE header.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GreMatcher {
    /// EtherType of what it carries.
    pub protocol: Option<u16>,
    /// Key (RFC 2890).
    pub key: Option<Numbers>,
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
