//! What must be true, as plain data; the lab looks and judges.

mod dataplane;
mod packets;
mod route;
mod session;

pub use dataplane::{Destination, ForwardingExpectation, NeighbourExpectation};
pub use packets::{DisplayFilter, Follow, PacketExpectation, Since, Spacing};
pub use route::RouteExpectation;
pub use session::{SessionExpectation, SessionField, SessionState};

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A fact and how long to wait for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expectation {
    /// What must come to be true.
    pub fact: Fact,
    /// The wait, from when the step begins.
    pub within: Duration,
    /// How long it must stay true from when it first is.
    pub hold: Option<Duration>,
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
