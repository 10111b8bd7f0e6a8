//! What happens, in order.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use bgp_wire::MacAddr;
use serde::{Deserialize, Serialize};

use crate::expect::Expectation;
use crate::lab::{CaptureId, NodeId, PortId, VpnId};
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

/// Where something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Endpoint {
    /// In a node's namespaces: for a node that runs on another, the other's.
    Node(NodeId),
    /// In a port's namespace.
    Port(PortId),
}

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

/// A command, run in a node's or a port's namespaces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exec {
    /// Where.
    pub on: Endpoint,
    /// Program and arguments; at least the program.
    pub command: Vec<String>,
    /// The exit status it must end with; 128 and the signal's number for one that was killed.
    pub exit: i32,
    /// What it must print.
    pub stdout: TextExpectation,
    /// What it must complain.
    pub stderr: TextExpectation,
    /// When it must have ended.
    pub within: Duration,
}

/// What a text must be like.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextExpectation {
    /// All of these are in it.
    pub contains: Vec<String>,
    /// None of these is.
    pub lacks: Vec<String>,
    /// It is this, blanks at either end aside.
    pub equals: Option<String>,
}

impl TextExpectation {
    /// The first demand that `text` does not meet, in words.
    pub fn first_unmet(&self, text: &str) -> Option<String> {
        if let Some(wanted) = self
            .contains
            .iter()
            .find(|wanted| !text.contains(wanted.as_str()))
        {
            return Some(format!("does not contain {wanted:?}"));
        }
        if let Some(unwanted) = self
            .lacks
            .iter()
            .find(|unwanted| text.contains(unwanted.as_str()))
        {
            return Some(format!("contains {unwanted:?}"));
        }
        let wanted = self.equals.as_ref()?;
        (text.trim() != wanted.trim()).then(|| format!("is not {wanted:?}"))
    }
}
