//! What a node's kernel forwards with, whoever put it there.

use std::net::IpAddr;

use bgp_wire::types::IpPrefix;
use bgp_wire::{MacAddr, Vni};
use serde::{Deserialize, Serialize};

use super::Since;
use crate::amount::Amount;
use crate::lab::NodeId;
use crate::route::OneOf;

/// The kernel of `on` has so many routes like this.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelRouteExpectation {
    /// The node.
    pub on: NodeId,
    /// Which routes are looked at.
    pub which: WhichRoute,
    /// A next hop has this router and this interface and this encapsulation, all in one.
    pub hop: HopPattern,
    /// What becomes of the packets.
    pub kind: Option<KernelRouteType>,
    /// The metric.
    pub metric: Option<u32>,
    /// Who made it, by the numbers of the kernel's `RTPROT_*`.
    pub protocol: Option<u8>,
    /// How many next hops it has.
    pub next_hops: Option<usize>,
    /// How many: one or more when the scenario does not say.
    pub amount: Amount,
}

/// Which routes of a kernel are looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhichRoute {
    /// Those of a table to exactly this prefix.
    To {
        /// The prefix.
        prefix: IpPrefix,
        /// The table's number.
        table: u32,
    },
    /// The one that packets take, by all rules and tables.
    Taken {
        /// Where the packets go.
        to: IpAddr,
        /// Where they come from.
        from: Option<IpAddr>,
        /// The interface by which they came in.
        iif: Option<String>,
        /// The table that the route has to be in.
        table: Option<u32>,
    },
}

/// A next hop; what is `None` may be anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HopPattern {
    /// The next router.
    pub via: Option<OneOf>,
    /// The interface that packets leave by.
    pub dev: Option<String>,
    /// What they are put into.
    pub encap: Option<Encap>,
}

/// What packets are put into.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encap {
    /// MPLS labels, the outermost first.
    Mpls(Vec<u32>),
    /// A tunnel with this key, to this end.
    Ip {
        /// The key; a VNI.
        id: Option<u64>,
        /// The other end.
        dst: Option<OneOf>,
    },
}

/// What becomes of packets that a route of a kernel's matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KernelRouteType {
    /// They are forwarded.
    Unicast,
    /// They are delivered here.
    Local,
    /// They are delivered here as broadcasts.
    Broadcast,
    /// They are delivered as multicasts.
    Multicast,
    /// They are dropped.
    Blackhole,
    /// They are dropped, and the sender is told that there is no way.
    Unreachable,
    /// They are dropped, and the sender is told that it is forbidden.
    Prohibit,
    /// The next rule decides.
    Throw,
}

impl KernelRouteType {
    /// Every one.
    pub const ALL: [Self; 8] = [
        Self::Unicast,
        Self::Local,
        Self::Broadcast,
        Self::Multicast,
        Self::Blackhole,
        Self::Unreachable,
        Self::Prohibit,
        Self::Throw,
    ];

    /// Whether packets go on by such a route.
    pub const fn leads(self) -> bool {
        !matches!(
            self,
            Self::Blackhole | Self::Unreachable | Self::Prohibit | Self::Throw
        )
    }

    /// iproute2's word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unicast => "unicast",
            Self::Local => "local",
            Self::Broadcast => "broadcast",
            Self::Multicast => "multicast",
            Self::Blackhole => "blackhole",
            Self::Unreachable => "unreachable",
            Self::Prohibit => "prohibit",
            Self::Throw => "throw",
        }
    }
}

/// The kernel of `on` has so many rules like this; what is `None` may be anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleExpectation {
    /// The node.
    pub on: NodeId,
    /// Its priority.
    pub priority: Option<u32>,
    /// It is for packets from here.
    pub from: Option<IpPrefix>,
    /// It is for packets to here.
    pub to: Option<IpPrefix>,
    /// It is for packets that came in by this interface.
    pub iif: Option<String>,
    /// It is for packets bound to leave by this interface.
    pub oif: Option<String>,
    /// It is for packets out of a tunnel with this key.
    pub tun_id: Option<u64>,
    /// It is for packets with this mark.
    pub mark: Option<u32>,
    /// The table that it leads to.
    pub table: Option<u32>,
    /// How many: one or more when the scenario does not say.
    pub amount: Amount,
}

/// The bridges and VXLAN devices of `on` have so many forwarding entries like this.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FdbExpectation {
    /// The node.
    pub on: NodeId,
    /// The address; zero is where a VXLAN device floods to.
    pub mac: MacAddr,
    /// The bridge's port or the VXLAN device.
    pub dev: Option<String>,
    /// The other end of the tunnel.
    pub dst: Option<OneOf>,
    /// The VNI to send with.
    pub vni: Option<Vni>,
    /// How many: one or more when the scenario does not say.
    pub amount: Amount,
}

/// The kernel of `on` has, or has not, an MPLS route like this.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MplsExpectation {
    /// The node.
    pub on: NodeId,
    /// The label that packets come with.
    pub label: u32,
    /// Where they go.
    pub hop: HopPattern,
    /// The labels that take its place, the outermost first.
    pub swap: Option<Vec<u32>>,
    /// Whether it must not be there.
    pub absent: bool,
}

/// An interface of `on` is, or is not, like this; what is `None` may be anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceExpectation {
    /// The node.
    pub on: NodeId,
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: Option<LinkState>,
    /// Its MTU.
    pub mtu: Option<u32>,
    /// Its MAC address.
    pub mac: Option<MacAddr>,
    /// What it is a port of.
    pub master: Option<String>,
    /// What it has counted.
    pub counters: Vec<(Counter, Amount)>,
    /// From when on it counts.
    pub since: Since,
    /// Whether it must not be there.
    pub absent: bool,
}

/// Whether an interface can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkState {
    /// Set up, with something at the other end.
    Up,
    /// Set up, with nothing at the other end.
    NoCarrier,
    /// Not set up.
    Down,
}

impl LinkState {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Up, Self::NoCarrier, Self::Down];

    /// The word for it in a scenario.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::NoCarrier => "no-carrier",
            Self::Down => "down",
        }
    }
}

/// What an interface counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counter {
    /// Packets received.
    RxPackets,
    /// Octets received.
    RxBytes,
    /// Packets received and dropped.
    RxDropped,
    /// Packets received broken.
    RxErrors,
    /// Packets sent.
    TxPackets,
    /// Octets sent.
    TxBytes,
    /// Packets dropped instead of sent.
    TxDropped,
    /// Packets that could not be sent.
    TxErrors,
}

impl Counter {
    /// The word for it in a scenario.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RxPackets => "rx_packets",
            Self::RxBytes => "rx_bytes",
            Self::RxDropped => "rx_dropped",
            Self::RxErrors => "rx_errors",
            Self::TxPackets => "tx_packets",
            Self::TxBytes => "tx_bytes",
            Self::TxDropped => "tx_dropped",
            Self::TxErrors => "tx_errors",
        }
    }
}

/// A bridge of Open vSwitch on `on` has so many flows like this.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenflowExpectation {
    /// The node.
    pub on: NodeId,
    /// The bridge.
    pub bridge: String,
    /// The OpenFlow table.
    pub table: Option<u8>,
    /// The priority.
    pub priority: Option<u16>,
    /// Fields of the match that must all be there, as `ovs-ofctl` writes them.
    pub matches: Vec<String>,
    /// Actions that must all be there, as `ovs-ofctl` writes them.
    pub actions: Vec<String>,
    /// Packets matched by all such flows together.
    pub packets: Option<Amount>,
    /// How many: one or more when the scenario does not say.
    pub amount: Amount,
}
