//! Ports into VPNs.

use std::net::IpAddr;

use bgp_wire::MacAddr;
use serde::{Deserialize, Serialize};

use crate::lab::{NodeId, PortId, VpnId};

/// A port's attachment, complete: what an earlier step said about the port is filled in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attach {
    /// Which port.
    pub port: PortId,
    /// The compute node.
    pub on: NodeId,
    /// The VPN instance.
    pub vpn: VpnId,
    /// The port's address.
    pub ip: IpAddr,
    /// The length of the subnet it is in.
    pub prefix_len: u8,
    /// Its MAC address.
    pub mac: MacAddr,
}
