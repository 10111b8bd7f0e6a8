//! Layers of a packet and patterns of a route, as typed.

use schemars::JsonSchema;
use serde::Deserialize;

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
    Udp(PortsFile),
    /// TCP.
    Tcp(PortsFile),
    /// VXLAN.
    Vxlan(VxlanFile),
    /// A BGP message.
    Bgp(Box<BgpFile>),
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
    pub vlan: Option<At<i64>>,
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
    pub ttl: Option<At<i64>>,
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
    pub hop_limit: Option<At<i64>>,
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
    pub code: Option<At<i64>>,
    /// Identifier of an echo message.
    pub id: Option<At<i64>>,
    /// Sequence number of an echo message.
    pub seq: Option<At<i64>>,
}

/// Ports of a UDP datagram or TCP segment.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PortsFile {
    /// Source port.
    pub src_port: Option<At<i64>>,
    /// Destination port.
    pub dst_port: Option<At<i64>>,
}

/// A VXLAN header.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VxlanFile {
    /// A VNI, or `"advertised"`: one that the receiving end advertised in BGP.
    #[schemars(with = "Option<words::AnyVni>")]
    pub vni: Option<Number>,
}

/// A BGP message.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BgpFile {
    /// OPEN.
    Open,
    /// KEEPALIVE.
    Keepalive,
    /// NOTIFICATION.
    Notification,
    /// ROUTE-REFRESH.
    RouteRefresh,
    /// An UPDATE that announces a route like this.
    Update(RoutePatternFile),
    /// An UPDATE that withdraws a route like this.
    Withdraw(RoutePatternFile),
}

/// What a route must look like.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoutePatternFile {
    /// Address family.
    #[schemars(with = "Option<words::Family>")]
    pub family: Option<At<String>>,
    /// E-VPN route type, 1 to 5.
    #[serde(rename = "type")]
    pub route_type: Option<At<i64>>,
    /// An address, or the name of a port or node.
    pub ip: Option<At<String>>,
    /// A prefix.
    pub prefix: Option<At<String>>,
    /// A MAC address, or the name of a port.
    pub mac: Option<At<String>>,
    /// Route distinguisher.
    pub rd: Option<At<String>>,
    /// VNI.
    pub vni: Option<At<i64>>,
    /// An address, or the name of a node, any of whose addresses will do.
    pub next_hop: Option<At<String>>,
    /// Route targets that must all be there.
    #[serde(default)]
    pub rt: OneOrMany<At<String>>,
    /// Encapsulation that it asks for.
    #[schemars(with = "Option<words::Encapsulation>")]
    pub encap: Option<At<String>>,
}
