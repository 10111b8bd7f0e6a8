//! Echo requests.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Endpoint;

/// Echo requests and what must come of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ping {
    /// Who asks.
    pub from: Endpoint,
    /// Who is asked.
    pub to: IpAddr,
    /// How many requests; at least 1.
    pub count: u16,
    /// The address that is asked from; `None`: what the routes say.
    pub source: Option<IpAddr>,
    /// Octets after the ICMP header.
    pub size: u16,
    /// How many hops it may go; `None`: what the node's kernel says.
    pub ttl: Option<u8>,
    /// Whether it must arrive in one piece.
    pub df: bool,
    /// From one request to the next; `None`: when the last was answered.
    pub interval: Option<Duration>,
    /// What must come of it.
    pub outcome: PingOutcome,
}

/// What must come of a ping, or of connecting to a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PingOutcome {
    /// Every request is answered, all within this time; a connection is made.
    Replies(Duration),
    /// No request is answered during this time; one that cannot even be sent is as good. No connection is made.
    Silence(Duration),
}
