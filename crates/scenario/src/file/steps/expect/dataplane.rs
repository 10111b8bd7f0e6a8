//! What the kernel forwards with, as typed.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::file::{At, words};

/// An entry in a VPN's forwarding table: for a MAC address in an E-VPN, for an address in an IP VPN.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ForwardingFile {
    /// The compute node.
    pub on: At<String>,
    /// The VPN.
    pub vpn: At<String>,
    /// In an E-VPN: a MAC address, or the name of a port.
    pub mac: Option<At<String>>,
    /// In an IP VPN: an address, or the name of a port. Of the prefixes it is in, the longest counts.
    pub ip: Option<At<String>>,
    /// The tunnel's other end: an address, or the name of a node, any of whose addresses will do.
    pub next_hop: Option<At<String>>,
    /// The VNI to use.
    pub vni: Option<At<i64>>,
    /// True: there is none.
    pub absent: Option<bool>,
}

/// An entry in a neighbour table: a VPN's, or a node's own.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NeighbourFile {
    /// The node; with `vpn` a compute node.
    pub on: At<String>,
    /// The VPN whose table it is; the node's own when not given.
    pub vpn: Option<At<String>>,
    /// An address, or the name of a port.
    pub ip: At<String>,
    /// The MAC address it must have: one, or the name of a port.
    pub mac: Option<At<String>>,
    /// The interface that it is behind, or the LAN or link that this is on.
    pub dev: Option<At<String>>,
    /// Its state.
    #[schemars(with = "Option<words::NeighbourWord>")]
    pub state: Option<At<String>>,
    /// True: there is none.
    pub absent: Option<bool>,
}
