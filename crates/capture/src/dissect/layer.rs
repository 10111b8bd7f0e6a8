//! The layers of a frame as values.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use bgp_wire::{Label, MacAddr, Vni};
use serde::{Deserialize, Serialize};

/// What a dissector found in one frame, outermost layer first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dissection {
    /// The layers in the order of the octets. The last one is [`Layer::Payload`] or [`Layer::Cut`]
    /// when there is something after the last header, or the frame ends too early.
    pub layers: Vec<Layer>,
}

/// One layer. Fields are as in the packet; lengths are in octets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "layer")]
pub enum Layer {
    /// Ethernet II.
    Ethernet(Ethernet),
    /// An IEEE 802.1Q or 802.1ad tag.
    Vlan(Vlan),
    /// ARP for IPv4 over Ethernet (RFC 826).
    Arp(Arp),
    /// IPv4 (RFC 791).
    Ipv4(Ipv4),
    /// IPv6 with its extension headers (RFC 8200).
    Ipv6(Ipv6),
    /// ICMP (RFC 792).
    Icmp(Icmp),
    /// ICMPv6 (RFC 4443), neighbour discovery included (RFC 4861).
    Icmpv6(Icmpv6),
    /// UDP (RFC 768).
    Udp(Udp),
    /// TCP (RFC 9293).
    Tcp(Tcp),
    /// VXLAN (RFC 7348), or VXLAN-GPE where its port says so.
    Vxlan(Vxlan),
    /// One entry of an MPLS label stack (RFC 3032).
    Mpls(Mpls),
    /// GRE (RFC 2784, RFC 2890).
    Gre(Gre),
    /// What no dissector took.
    Payload(Payload),
    /// The dissection ends here before its time.
    Cut(Cut),
}

/// An Ethernet header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ethernet {
    /// Source address.
    pub src: MacAddr,
    /// Destination address.
    pub dst: MacAddr,
    /// EtherType of what follows; a tag's own where there is one.
    pub ethertype: u16,
}

/// A VLAN tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vlan {
    /// VLAN identifier, 12 bits.
    pub id: u16,
    /// Priority code point.
    pub priority: u8,
    /// EtherType of what follows.
    pub ethertype: u16,
}

/// An ARP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arp {
    /// 1 is a request, 2 a reply.
    pub operation: u16,
    /// Sender hardware address.
    pub sender_mac: MacAddr,
    /// Sender protocol address.
    pub sender_ip: Ipv4Addr,
    /// Target hardware address.
    pub target_mac: MacAddr,
    /// Target protocol address.
    pub target_ip: Ipv4Addr,
}

/// An IPv4 header. The checksum is not verified: captures on a host see frames before it is filled
/// in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ipv4 {
    /// Source address.
    pub src: Ipv4Addr,
    /// Destination address.
    pub dst: Ipv4Addr,
    /// Protocol number of what follows.
    pub protocol: u8,
    /// Time to live.
    pub ttl: u8,
    /// Type of service: DSCP and ECN.
    pub tos: u8,
    /// Identification.
    pub id: u16,
    /// Total length; 0 in segments larger than 64 KiB that the kernel has not cut up yet.
    pub total_len: u16,
    /// The `DF` flag.
    pub dont_fragment: bool,
    /// The `MF` flag.
    pub more_fragments: bool,
    /// Where this fragment begins, in octets. Fragments after the first are not dissected further.
    pub fragment_offset: u16,
}

/// An IPv6 header with what its extension headers said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ipv6 {
    /// Source address.
    pub src: Ipv6Addr,
    /// Destination address.
    pub dst: Ipv6Addr,
    /// Next header of the fixed header.
    pub next_header: u8,
    /// The protocol after all extension headers.
    pub protocol: u8,
    /// Hop limit.
    pub hop_limit: u8,
    /// Traffic class.
    pub traffic_class: u8,
    /// Payload length; 0 in segments larger than 64 KiB that the kernel has not cut up yet.
    pub payload_len: u16,
    /// Where this fragment begins, in octets; `None` without a fragment header.
    pub fragment_offset: Option<u16>,
}

/// An ICMP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Icmp {
    /// Type: 8 is an echo request, 0 an echo reply.
    pub kind: u8,
    /// Code.
    pub code: u8,
    /// Identifier of an echo message.
    pub id: Option<u16>,
    /// Sequence number of an echo message.
    pub seq: Option<u16>,
}

/// An ICMPv6 message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Icmpv6 {
    /// Type: 128 is an echo request, 129 an echo reply, 135 and 136 neighbour discovery.
    pub kind: u8,
    /// Code.
    pub code: u8,
    /// Identifier of an echo message.
    pub id: Option<u16>,
    /// Sequence number of an echo message.
    pub seq: Option<u16>,
    /// Target address of a neighbour solicitation or advertisement.
    pub target: Option<Ipv6Addr>,
}

/// A UDP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Udp {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// Length of header and data.
    pub len: u16,
}

/// A TCP header and where its data lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tcp {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// Sequence number of the first octet, or of `SYN`.
    pub seq: u32,
    /// Acknowledgement number.
    pub ack: u32,
    /// The control bits.
    pub flags: TcpFlags,
    /// Receive window, unscaled.
    pub window: u16,
    /// The data that was captured, as a range of octets of the frame.
    pub payload: Range<usize>,
}

/// TCP's control bits, `FIN` lowest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TcpFlags(pub u8);

/// A VXLAN header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vxlan {
    /// The network identifier.
    pub vni: Vni,
    /// The flags octet; 0x08 says that the VNI is valid.
    pub flags: u8,
}

/// A label stack entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mpls {
    /// Label.
    pub label: Label,
    /// Traffic class, 3 bits.
    pub tc: u8,
    /// Bottom of stack.
    pub bottom: bool,
    /// Time to live.
    pub ttl: u8,
}

/// A GRE header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gre {
    /// EtherType of what follows.
    pub protocol: u16,
    /// The key.
    pub key: Option<u32>,
    /// The sequence number.
    pub seq: Option<u32>,
}

/// Octets that no dissector took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload {
    /// Where they lie in the frame.
    pub range: Range<usize>,
}

/// Why a dissection ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// The layer that could not be read, or whose data is not all there.
    pub layer: Protocol,
    /// What was wrong.
    pub why: Why,
}

/// What ended a dissection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Why {
    /// The frame ends before the layer does; that many octets are missing.
    Truncated {
        /// Octets missing.
        missing: usize,
    },
    /// A field of the header contradicts the rest.
    Malformed,
    /// More layers than the dissector follows.
    TooDeep,
}

/// A kind of layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Protocol {
    Ethernet,
    Vlan,
    Arp,
    Ipv4,
    Ipv6,
    Icmp,
    Icmpv6,
    Udp,
    Tcp,
    Vxlan,
    Mpls,
    Gre,
    Payload,
}

impl Dissection {
    /// The protocols present, outermost first, for messages: `ethernet ipv4 udp vxlan`.
    pub fn outline(&self) -> String {
        let names: Vec<&str> = self
            .layers
            .iter()
            .map(|layer| layer.protocol().name())
            .collect();
        names.join(" ")
    }

    /// Whether a layer of this kind is anywhere in the frame.
    pub fn has(&self, protocol: Protocol) -> bool {
        self.layers
            .iter()
            .any(|l| l.protocol() == protocol && !matches!(l, Layer::Cut(_)))
    }

    /// The innermost TCP layer and the addresses of the IP header around it.
    pub fn tcp(&self) -> Option<(IpAddr, IpAddr, &Tcp)> {
        let at = self
            .layers
            .iter()
            .rposition(|l| matches!(l, Layer::Tcp(_)))?;
        let Some(Layer::Tcp(tcp)) = self.layers.get(at) else {
            return None;
        };
        let (src, dst) = self.addresses_before(at)?;
        Some((src, dst, tcp))
    }

    /// Source and destination of the nearest IP header before layer `at`.
    pub fn addresses_before(&self, at: usize) -> Option<(IpAddr, IpAddr)> {
        self.layers.iter().take(at).rev().find_map(Layer::addresses)
    }
}

impl Layer {
    /// Which protocol this is; for a [`Layer::Cut`] the one that could not be read.
    pub const fn protocol(&self) -> Protocol {
        match self {
            Self::Ethernet(_) => Protocol::Ethernet,
            Self::Vlan(_) => Protocol::Vlan,
            Self::Arp(_) => Protocol::Arp,
            Self::Ipv4(_) => Protocol::Ipv4,
            Self::Ipv6(_) => Protocol::Ipv6,
            Self::Icmp(_) => Protocol::Icmp,
            Self::Icmpv6(_) => Protocol::Icmpv6,
            Self::Udp(_) => Protocol::Udp,
            Self::Tcp(_) => Protocol::Tcp,
            Self::Vxlan(_) => Protocol::Vxlan,
            Self::Mpls(_) => Protocol::Mpls,
            Self::Gre(_) => Protocol::Gre,
            Self::Payload(_) => Protocol::Payload,
            Self::Cut(cut) => cut.layer,
        }
    }

    /// Source and destination, for an IP header.
    pub const fn addresses(&self) -> Option<(IpAddr, IpAddr)> {
        match self {
            Self::Ipv4(ip) => Some((IpAddr::V4(ip.src), IpAddr::V4(ip.dst))),
            Self::Ipv6(ip) => Some((IpAddr::V6(ip.src), IpAddr::V6(ip.dst))),
            _ => None,
        }
    }
}

impl Protocol {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ethernet => "ethernet",
            Self::Vlan => "vlan",
            Self::Arp => "arp",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Icmp => "icmp",
            Self::Icmpv6 => "icmpv6",
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Vxlan => "vxlan",
            Self::Mpls => "mpls",
            Self::Gre => "gre",
            Self::Payload => "payload",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl TcpFlags {
    /// No more data from the sender.
    pub const FIN: Self = Self(0x01);
    /// Synchronise sequence numbers.
    pub const SYN: Self = Self(0x02);
    /// Reset the connection.
    pub const RST: Self = Self(0x04);
    /// Push.
    pub const PSH: Self = Self(0x08);
    /// The acknowledgement number is valid.
    pub const ACK: Self = Self(0x10);

    /// Whether every bit of `wanted` is set.
    pub const fn has(self, wanted: Self) -> bool {
        self.0 & wanted.0 == wanted.0
    }
}

/// The names of the bits that are set: `SYN,ACK`.
impl fmt::Display for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 8] = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"];
        let mut separator = "";
        for (bit, name) in NAMES.iter().enumerate() {
            if self.0 & (1 << bit) != 0 {
                write!(f, "{separator}{name}")?;
                separator = ",";
            }
        }
        Ok(())
    }
}
