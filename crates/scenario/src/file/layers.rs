//! Layers of a packet, as typed.

use schemars::JsonSchema;
use serde::Deserialize;

use super::bgp_message::BgpFile;
use super::numbers::NumbersFile;
use super::parts::Number;
use super::words;
use super::{At, OneOrMany};

/// One layer: a table under its name. An empty table asks only for the layer to be there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LayerFile {
    /// Ethernet II.
    Ethernet(EthernetFile),
    /// ARP.
    Arp(ArpFile),
    /// IPv4.
    Ipv4(Ipv4File),
    /// IPv6.
    Ipv6(Ipv6File),
    /// ICMP or ICMPv6.
    Icmp(IcmpFile),
    /// UDP.
    Udp(UdpFile),
    /// TCP.
    Tcp(TcpFile),
    /// VXLAN.
    Vxlan(VxlanFile),
    /// An entry of an MPLS label stack; as many of them are a stack, the top first.
    Mpls(MplsFile),
    /// GRE.
    Gre(GreFile),
    /// A BGP message.
    Bgp(At<BgpFile>),
}

/// An Ethernet header. Addresses are MAC addresses or names of ports.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EthernetFile {
    /// Source address.
    pub src: Option<At<String>>,
    /// Destination address.
    pub dst: Option<At<String>>,
    /// EtherType, after any VLAN tag.
    pub ethertype: Option<At<i64>>,
    /// VLAN identifier of the outermost tag.
    pub vlan: Option<At<NumbersFile>>,
    /// Priority code point of that tag.
    pub pcp: Option<At<NumbersFile>>,
}

/// An ARP packet. Addresses are addresses or names of ports and nodes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArpFile {
    /// `"request"` or `"reply"`.
    #[schemars(with = "Option<words::ArpOperation>")]
    pub operation: Option<At<String>>,
    /// Sender hardware address.
    pub sender_mac: Option<At<String>>,
    /// Sender protocol address.
    pub sender_ip: Option<At<String>>,
    /// Target hardware address.
    pub target_mac: Option<At<String>>,
    /// Target protocol address.
    pub target_ip: Option<At<String>>,
}

/// An IPv4 header. Addresses are addresses or names of ports and nodes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ipv4File {
    /// Source address.
    pub src: Option<At<String>>,
    /// Destination address.
    pub dst: Option<At<String>>,
    /// Protocol number.
    pub protocol: Option<At<i64>>,
    /// Time to live.
    pub ttl: Option<At<NumbersFile>>,
    /// Differentiated services code point.
    pub dscp: Option<At<NumbersFile>>,
    /// Whether it must not be fragmented.
    pub df: Option<bool>,
}

/// An IPv6 header. Addresses are addresses or names of ports and nodes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ipv6File {
    /// Source address.
    pub src: Option<At<String>>,
    /// Destination address.
    pub dst: Option<At<String>>,
    /// Next header.
    pub next_header: Option<At<i64>>,
    /// Hop limit.
    pub hop_limit: Option<At<NumbersFile>>,
    /// Differentiated services code point.
    pub dscp: Option<At<NumbersFile>>,
}

/// An ICMP or ICMPv6 message.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IcmpFile {
    /// `"echo-request"`, `"echo-reply"`, `"unreachable"`, `"time-exceeded"`, or the number.
    #[serde(rename = "type")]
    #[schemars(with = "Option<words::IcmpType>")]
    pub kind: Option<Number>,
    /// Code.
    pub code: Option<At<NumbersFile>>,
    /// Identifier of an echo message.
    pub id: Option<At<NumbersFile>>,
    /// Sequence number of an echo message.
    pub seq: Option<At<NumbersFile>>,
    /// Target of a neighbour solicitation or advertisement: an address, or the name of a port or node.
    pub target: Option<At<String>>,
}

/// A UDP header.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UdpFile {
    /// Source port.
    pub src_port: Option<At<NumbersFile>>,
    /// Destination port.
    pub dst_port: Option<At<NumbersFile>>,
    /// Either of the two.
    pub port: Option<At<NumbersFile>>,
}

/// A TCP header.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TcpFile {
    /// Source port.
    pub src_port: Option<At<NumbersFile>>,
    /// Destination port.
    pub dst_port: Option<At<NumbersFile>>,
    /// Either of the two.
    pub port: Option<At<NumbersFile>>,
    /// Control bits that are all set.
    #[serde(default)]
    #[schemars(with = "OneOrMany<words::TcpFlag>")]
    pub flags: OneOrMany<At<String>>,
    /// Control bits of which none is set.
    #[serde(default)]
    #[schemars(with = "OneOrMany<words::TcpFlag>")]
    pub lacks_flags: OneOrMany<At<String>>,
    /// Receive window as it is in the header, before it is scaled (RFC 7323): 0 of who has no room left.
    pub window: Option<At<NumbersFile>>,
}

/// A VXLAN header.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VxlanFile {
    /// A VNI, or `"advertised"`: one that the receiving end advertised in BGP.
    #[schemars(with = "Option<words::AnyVni>")]
    pub vni: Option<Number>,
}

/// An entry of an MPLS label stack.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MplsFile {
    /// Label.
    pub label: Option<At<NumbersFile>>,
    /// Traffic class.
    pub tc: Option<At<NumbersFile>>,
    /// Whether it is the bottom of the stack.
    pub bottom: Option<bool>,
    /// Time to live.
    pub ttl: Option<At<NumbersFile>>,
}

/// A GRE header.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GreFile {
    /// EtherType of what it carries.
    pub protocol: Option<At<i64>>,
    /// Key.
    pub key: Option<At<NumbersFile>>,
}
