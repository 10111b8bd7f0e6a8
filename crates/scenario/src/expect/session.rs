//! Sessions.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::lab::NodeId;

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
