//! What happens, in order.

mod attach;
mod exec;
mod ping;

pub use attach::Attach;
pub use exec::{Exec, TextExpectation};
pub use ping::{Ping, PingOutcome};

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::expect::Expectation;
use crate::lab::{CaptureId, NodeId, PortId};
use crate::place::Place;

/// A step's index in [`Scenario::steps`](crate::Scenario::steps). Shown counting from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StepId(pub usize);

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0 + 1)
    }
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Its index.
    pub id: StepId,
    /// What the scenario calls it.
    pub label: Option<String>,
    /// What a person calls it: `ping vm-a -> vm-b`.
    pub title: String,
    /// Where it was written.
    pub place: Place,
    /// What to do.
    pub action: Action,
}

/// The words a step can begin with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Plug a port into a VPN instance.
    Attach(Attach),
    /// Unplug it from where it is.
    Detach {
        /// Which port.
        port: PortId,
        /// The attachment that ends.
        from: Attach,
    },
    /// Ask for echoes.
    Ping(Ping),
    /// Begin a capture, described at [`Scenario::captures`](crate::Scenario::captures). It runs until the lab ends.
    Capture(CaptureId),
    /// Run a command and judge it.
    Exec(Exec),
    /// Wait for a fact.
    Expect(Expectation),
}

/// Where something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Endpoint {
    /// In a node's namespaces: for a node that runs on another, the other's.
    Node(NodeId),
    /// In a port's namespace.
    Port(PortId),
}
