//! Ports into VPNs.

use std::net::IpAddr;

use bgp_wire::MacAddr;
use bgp_wire::types::IpPrefix;
use serde::{Deserialize, Serialize};

use crate::lab::{NodeId, PortDirection, PortId, VpnId};

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
    /// Whether the address stands for its subnet.
    pub advertise_subnet: bool,
    /// Further subnets behind the port, each an attachment of its own.
    pub subnets: Vec<IpPrefix>,
    /// Which way traffic may pass.
    pub direction: PortDirection,
    /// LOCAL_PREF of its routes; `None` leaves it to the node.
    pub local_pref: Option<u32>,
    /// Consistent hash sort order of its routes.
    pub hash_order: u32,
    /// Whether its addresses are told to nobody, and MACs are learnt at the port.
    pub learn: bool,
}
