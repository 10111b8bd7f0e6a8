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
