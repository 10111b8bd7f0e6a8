//! What the kernel forwards with.

use std::net::IpAddr;

use bgp_wire::{MacAddr, Vni};
use serde::{Deserialize, Serialize};

use crate::lab::{NodeId, VpnId};
use crate::route::OneOf;

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

/// The neighbour table of `on`, or of `vpn` on it, has, or has not, an entry for `ip`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NeighbourExpectation {
    /// The node.
    pub on: NodeId,
    /// The VPN instance whose table it is; `None` is the node's own.
    pub vpn: Option<VpnId>,
    /// The neighbour's address.
    pub ip: IpAddr,
    /// The MAC address it must have.
    pub mac: Option<MacAddr>,
    /// The interface that it is behind.
    pub dev: Option<String>,
    /// Its state.
    pub state: Option<NeighbourState>,
    /// Whether it must not be there.
    pub absent: bool,
}

/// What the kernel knows of a neighbour, in iproute2's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NeighbourState {
    /// It is there until it is deleted.
    Permanent,
    /// It is there until it is deleted, and never asked for.
    NoArp,
    /// It answered a short time ago, or is being asked again.
    Reachable,
    /// It answered once, and will be asked again before it is used.
    Stale,
    /// It is being asked for.
    Incomplete,
    /// It did not answer.
    Failed,
}

impl NeighbourState {
    /// Every one.
    pub const ALL: [Self; 6] = [
        Self::Permanent,
        Self::NoArp,
        Self::Reachable,
        Self::Stale,
        Self::Incomplete,
        Self::Failed,
    ];

    /// The word for it in a scenario.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Permanent => "permanent",
            Self::NoArp => "noarp",
            Self::Reachable => "reachable",
            Self::Stale => "stale",
            Self::Incomplete => "incomplete",
            Self::Failed => "failed",
        }
    }
}
