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
    /// What must come of it.
    pub outcome: PingOutcome,
}

/// What must come of a ping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PingOutcome {
    /// Every request is answered, all within this time.
    Replies(Duration),
    /// No request is answered during this time; one that cannot even be sent is as good.
    Silence(Duration),
}
