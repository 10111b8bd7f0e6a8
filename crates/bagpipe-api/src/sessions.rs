//! Sessions as programs read them: `GET /sessions`, an extension of the reference's API.

use std::net::IpAddr;

use bgp_wire::Family;
use serde::{Deserialize, Serialize};

/// A session of the daemon with a configured peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerSession {
    /// The peer's address.
    pub peer: IpAddr,
    /// State of the session, by the name of RFC 4271.
    pub state: String,
    /// How often it has left Established.
    pub flaps: u64,
    /// What was agreed on, while it is Established.
    pub agreed: Option<Agreed>,
}

/// What two ends agreed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreed {
    /// The peer's AS.
    #[serde(rename = "as")]
    pub asn: u32,
    /// Families, sorted.
    pub families: Vec<Family>,
    /// Hold time in seconds; 0 is none.
    pub hold_time: u16,
    /// Whether both ends can do four-octet AS numbers.
    pub four_octet_as: bool,
    /// Whether the peer announces graceful restart.
    pub graceful_restart: bool,
    /// Families whose routes the peer has said to be complete (End-of-RIB, RFC 4724), sorted.
    #[serde(default)]
    pub end_of_rib: Vec<Family>,
    /// For how long the session has been Established, in milliseconds.
    pub established_ms: u64,
}
