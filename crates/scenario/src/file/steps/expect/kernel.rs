//! What a node's kernel forwards with, whoever put it there, as typed.

use schemars::JsonSchema;
use serde::Deserialize;

use super::AmountFile;
use crate::file::{At, NumberOrWord, OneOrMany, words};

/// Routes of a node's kernel: those of its tables, or the one that packets to an address take.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KernelRouteFile {
    /// The node.
    pub on: At<String>,
    /// Routes to exactly this prefix.
    pub to: Option<At<String>>,
    /// The route that packets to this address take, by all rules and tables: an address, or the name of a port or node.
    pub lookup: Option<At<String>>,
    /// With `lookup`: packets from this address, or that of a port or node.
    pub from: Option<At<String>>,
    /// With `lookup`: packets that came in by this interface, or from this LAN or link.
    pub iif: Option<At<String>>,
    /// A next router: an address, or the name of a node, any of whose addresses will do.
    pub via: Option<At<String>>,
    /// The interface that packets leave by, or the LAN or link that it is on.
    pub dev: Option<At<String>>,
    /// What becomes of the packets.
    #[serde(rename = "type")]
    #[schemars(with = "Option<words::RouteKind>")]
    pub kind: Option<At<String>>,
    /// The table; the main one when not given.
    pub table: Option<At<i64>>,
    /// The metric.
    pub metric: Option<At<i64>>,
    /// Who made it: a word of iproute2's, such as `"bgp"`, or a number.
    #[schemars(with = "Option<words::RouteMaker>")]
    pub protocol: Option<At<NumberOrWord>>,
    /// How many next hops it has.
    pub next_hops: Option<At<i64>>,
    /// What packets are put into.
    pub encap: Option<At<EncapFile>>,
    /// Exactly so many; one or more when not given.
    pub count: Option<At<i64>>,
    /// So many or more.
    pub at_least: Option<At<i64>>,
    /// So many or fewer.
    pub at_most: Option<At<i64>>,
    /// True: none.
    pub absent: Option<At<bool>>,
}

/// What a route puts packets into: MPLS labels, or a tunnel.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EncapFile {
    /// MPLS labels, the outermost first.
    #[serde(default)]
    pub labels: OneOrMany<At<i64>>,
    /// The tunnel's key: a VNI.
    pub id: Option<At<i64>>,
    /// The tunnel's other end: an address, or the name of a node, any of whose addresses will do.
    pub dst: Option<At<String>>,
}

/// Rules by which a node's kernel chooses a table of routes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleFile {
    /// The node.
    pub on: At<String>,
    /// Its priority.
    pub priority: Option<At<i64>>,
    /// It is for packets from this prefix.
    pub from: Option<At<String>>,
    /// It is for packets to this prefix.
    pub to: Option<At<String>>,
    /// It is for packets that came in by this interface, or from this LAN or link.
    pub iif: Option<At<String>>,
    /// It is for packets bound to leave by this interface, or to this LAN or link.
    pub oif: Option<At<String>>,
    /// It is for packets out of a tunnel with this key.
    pub tun_id: Option<At<i64>>,
    /// It is for packets with this mark.
    pub mark: Option<At<i64>>,
    /// The table that it leads to.
    pub table: Option<At<i64>>,
    /// Exactly so many; one or more when not given.
    pub count: Option<At<i64>>,
    /// So many or more.
    pub at_least: Option<At<i64>>,
    /// So many or fewer.
    pub at_most: Option<At<i64>>,
    /// True: none.
    pub absent: Option<At<bool>>,
}

/// Forwarding entries of a node's bridges and VXLAN devices.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FdbFile {
    /// The node.
    pub on: At<String>,
    /// A MAC address, or the name of a port. `"00:00:00:00:00:00"` is where a VXLAN device floods to.
    pub mac: At<String>,
    /// The bridge's port or the VXLAN device, or the LAN or link that it is on.
    pub dev: Option<At<String>>,
    /// VXLAN: the other end of the tunnel: an address, or the name of a node, any of whose addresses will do.
    pub dst: Option<At<String>>,
    /// VXLAN: the VNI to send with.
    pub vni: Option<At<i64>>,
    /// Exactly so many; one or more when not given.
    pub count: Option<At<i64>>,
    /// So many or more.
    pub at_least: Option<At<i64>>,
    /// So many or fewer.
    pub at_most: Option<At<i64>>,
    /// True: none.
    pub absent: Option<At<bool>>,
}

/// MPLS routes of a node's kernel.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LabelRouteFile {
    /// The node.
    pub on: At<String>,
    /// The label that packets come with.
    pub label: At<i64>,
    /// The next router: an address, or the name of a node, any of whose addresses will do.
    pub via: Option<At<String>>,
    /// The interface that packets leave by, or the LAN or link that it is on.
    pub dev: Option<At<String>>,
    /// The labels that take its place, the outermost first; empty: it is taken off.
    pub swap: Option<At<OneOrMany<At<i64>>>>,
    /// True: there is none.
    pub absent: Option<At<bool>>,
}

/// A node's interface: its state, and what it has counted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InterfaceFile {
    /// The node.
    pub on: At<String>,
    /// Its name.
    pub name: Option<At<String>>,
    /// Instead of its name: the LAN or link that it is on.
    pub net: Option<At<String>>,
    /// `"up"`: set up, with something at the other end. `"no-carrier"`: set up, with nothing there. `"down"`: not set up.
    #[schemars(with = "Option<words::InterfaceState>")]
    pub state: Option<At<String>>,
    /// Its MTU.
    pub mtu: Option<At<i64>>,
    /// Its MAC address.
    pub mac: Option<At<String>>,
    /// The bridge or VRF that it is a port of.
    pub master: Option<At<String>>,
    /// Packets received.
    pub rx_packets: Option<At<AmountFile>>,
    /// Octets received.
    pub rx_bytes: Option<At<AmountFile>>,
    /// Packets received and dropped.
    pub rx_dropped: Option<At<AmountFile>>,
    /// Packets received broken.
    pub rx_errors: Option<At<AmountFile>>,
    /// Packets sent.
    pub tx_packets: Option<At<AmountFile>>,
    /// Octets sent.
    pub tx_bytes: Option<At<AmountFile>>,
    /// Packets dropped instead of sent.
    pub tx_dropped: Option<At<AmountFile>>,
    /// Packets that could not be sent.
    pub tx_errors: Option<At<AmountFile>>,
    /// Counts from a step on: its label, or `"last-step"`. From when the interface was made when not given.
    pub since: Option<At<String>>,
    /// True: there is none of this name.
    pub absent: Option<At<bool>>,
}

/// Flows of an Open vSwitch bridge, as `ovs-ofctl dump-flows` has them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenflowFile {
    /// The node, of kind `ovs`.
    pub on: At<String>,
    /// The bridge.
    pub bridge: At<String>,
    /// The number of the OpenFlow table.
    pub table: Option<At<i64>>,
    /// The priority.
    pub priority: Option<At<i64>>,
    /// What it matches: fields that must all be there, such as `"in_port=1"` or `"arp"`.
    #[serde(default, rename = "match")]
    pub matches: OneOrMany<At<String>>,
    /// Actions that must all be there, such as `"output:2"`.
    #[serde(default)]
    pub actions: OneOrMany<At<String>>,
    /// Packets that it has matched, those of all such flows together.
    pub packets: Option<At<AmountFile>>,
    /// Exactly so many flows; one or more when not given.
    pub count: Option<At<i64>>,
    /// So many or more.
    pub at_least: Option<At<i64>>,
    /// So many or fewer.
    pub at_most: Option<At<i64>>,
    /// True: none.
    pub absent: Option<At<bool>>,
}
