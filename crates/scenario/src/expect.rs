//! What must be true, as plain data; the lab looks and judges.

use std::net::IpAddr;
use std::time::Duration;

use bgp_wire::{MacAddr, Vni};
use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::lab::{CaptureId, NodeId, VpnId};
use crate::packet::{LayerKind, LayerMatcher};
use crate::route::{OneOf, RoutePattern};
use crate::step::StepId;

/// A fact and how long to wait for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expectation {
    /// What must come to be true.
    pub fact: Fact,
    /// The wait, from when the step begins.
    pub within: Duration,
}

/// The kinds of fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fact {
    /// A BGP session's state.
    Session(SessionExpectation),
    /// Routes a speaker holds.
    Route(RouteExpectation),
    /// Packets in a capture.
    Packets(PacketExpectation),
    /// An entry in the forwarding table of a VPN instance.
    Forwarding(ForwardingExpectation),
    /// An entry in the neighbour table of a VPN instance (ARP suppression).
    Neighbour(NeighbourExpectation),
}

/// The session of `on` with `peer` is in `state`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionExpectation {
    /// The speaker that is asked.
    pub on: NodeId,
    /// The peer's address as `on` knows it.
    pub peer: IpAddr,
    /// The state it must reach.
    pub state: SessionState,
}

/// States of RFC 4271 section 8.2.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionState {
    /// Refuses everything.
    Idle,
    /// Waits for its TCP connection.
    Connect,
    /// Waits for a TCP connection from the peer.
    Active,
    /// Has sent OPEN.
    OpenSent,
    /// Has received OPEN.
    OpenConfirm,
    /// Exchanges routes.
    Established,
}

impl SessionState {
    /// Every state, in the order of the RFC.
    pub const ALL: [Self; 6] = [
        Self::Idle,
        Self::Connect,
        Self::Active,
        Self::OpenSent,
        Self::OpenConfirm,
        Self::Established,
    ];

    /// The RFC's word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "Idle",
            Self::Connect => "Connect",
            Self::Active => "Active",
            Self::OpenSent => "OpenSent",
            Self::OpenConfirm => "OpenConfirm",
            Self::Established => "Established",
        }
    }
}

/// `on` holds so many routes like `pattern`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteExpectation {
    /// The speaker that is asked.
    pub on: NodeId,
    /// Only routes that this VPN instance imported; `None` is every route the speaker received.
    pub vpn: Option<VpnId>,
    /// What they look like; the family is always given.
    pub pattern: RoutePattern,
    /// How many: one or more when the scenario does not say.
    pub amount: Amount,
}

/// The capture holds so many packets like this.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PacketExpectation {
    /// Which capture.
    pub capture: CaptureId,
    /// Layers that appear in this order in one packet, with gaps allowed; at least one.
    pub layers: Vec<LayerMatcher>,
    /// Only packets that have no such layer anywhere.
    pub outside: Option<LayerKind>,
    /// How many: one or more when the scenario does not say.
    pub amount: Amount,
    /// From when on.
    pub since: Since,
}

/// From when on packets count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Since {
    /// The beginning of the capture.
    Start,
    /// The moment this step began.
    Step(StepId),
}

/// The forwarding table of `vpn` on `on` has, or has not, a remote entry for `to`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForwardingExpectation {
    /// The compute node.
    pub on: NodeId,
    /// The VPN instance.
    pub vpn: VpnId,
    /// Where the packets are to go.
    pub to: Destination,
    /// The tunnel endpoint it must point at.
    pub next_hop: Option<OneOf>,
    /// The VNI it must use.
    pub vni: Option<Vni>,
    /// Whether it must not be there.
    pub absent: bool,
}

/// What a VPN forwards by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Destination {
    /// An E-VPN: the MAC address.
    Mac(MacAddr),
    /// An IP VPN: the address; of the prefixes it is in, the longest counts.
    Ip(IpAddr),
}

/// The neighbour table of `vpn` on `on` has, or has not, an entry for `ip`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NeighbourExpectation {
    /// The compute node.
    pub on: NodeId,
    /// The VPN instance.
    pub vpn: VpnId,
    /// The neighbour's address.
    pub ip: IpAddr,
    /// The MAC address it must have.
    pub mac: Option<MacAddr>,
    /// Whether it must not be there.
    pub absent: bool,
}
