//! What happens, in order.

mod attach;
mod exec;
mod flap;
mod flow;
mod impair;
mod life;
mod ping;
mod traffic;

pub use attach::Attach;
pub use exec::{Exec, TextExpectation};
pub use flap::{Flap, Flapping, Inject};
pub use flow::{Limit, Repeat, Wait as WaitFor};
pub use impair::Impair;
pub use life::{Cable, Signal, SignalTo};
pub use ping::{Ping, PingOutcome};
pub use traffic::{Connect, Flow, HopExpectation, Protocol, Traceroute};

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::expect::Expectation;
use crate::lab::{AnnouncementId, CaptureId, FlowId, NodeId, PortId};
use crate::place::Place;

/// A step's number in [`Scenario::walk`](crate::Scenario::walk). People are shown [`Step::number`].
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
    /// Which one.
    pub id: StepId,
    /// Its number, counting from 1; of a step in another `3.2`.
    pub number: String,
    /// What the scenario calls it.
    pub label: Option<String>,
    /// What a person calls it: `ping vm-a -> vm-b`.
    pub title: String,
    /// Where it was written.
    pub place: Place,
    /// Whether the next step begins before this one ends.
    pub background: bool,
    /// Whether its deadline is the usual one, not one that was given: then a busy machine may take longer.
    #[serde(default)]
    pub usual_deadline: bool,
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
    /// Plug a port in on another compute node, then unplug it where it was.
    Move {
        /// The attachment that ends.
        from: Attach,
        /// The attachment that begins.
        to: Attach,
    },
    /// Announce what is described at [`Scenario::announcements`](crate::Scenario::announcements).
    Announce(AnnouncementId),
    /// Withdraw it.
    Withdraw(Vec<AnnouncementId>),
    /// Take something away and bring it back, again and again.
    Flap(Flap),
    /// Send octets that no speaker would send.
    Inject(Inject),
    /// Ask for echoes.
    Ping(Ping),
    /// Send traffic, described at [`Scenario::flows`](crate::Scenario::flows).
    Traffic(FlowId),
    /// Send no more of it.
    StopTraffic(FlowId),
    /// Ask which routers are on the way.
    Traceroute(Traceroute),
    /// Connect to a port.
    Connect(Connect),
    /// Begin a capture, described at [`Scenario::captures`](crate::Scenario::captures). It runs until it is
    /// stopped or the lab ends.
    Capture(CaptureId),
    /// End a capture. What it holds stays.
    StopCapture(CaptureId),
    /// Run a command and judge it.
    Exec(Exec),
    /// Pull cables.
    Cut(Cable),
    /// Plug cables in again.
    Heal(Cable),
    /// Have a LAN or link do something to frames.
    Impair(Impair),
    /// End the programs of these nodes.
    Halt(Vec<NodeId>),
    /// Start the programs of these nodes.
    Start(Vec<NodeId>),
    /// End the programs of these nodes and start them again.
    Restart(Vec<NodeId>),
    /// Send a signal to programs.
    Signal(SignalTo),
    /// Steps, one after the other.
    Steps(Vec<Step>),
    /// Steps that begin together.
    Parallel(Vec<Step>),
    /// Steps again and again.
    Repeat(Repeat),
    /// Wait for the end of a background step.
    Wait(WaitFor),
    /// End a background step.
    Stop(StepId),
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

impl Step {
    /// The steps in it.
    pub fn inner(&self) -> &[Self] {
        match &self.action {
            Action::Steps(steps) | Action::Parallel(steps) => steps,
            Action::Repeat(repeat) => &repeat.steps,
            _ => &[],
        }
    }

    /// It and all steps in it, each before those in it.
    pub fn walk<'a>(&'a self, visit: &mut impl FnMut(&'a Self)) {
        visit(self);
        for step in self.inner() {
            step.walk(visit);
        }
    }

    /// Calls `change` with it and all steps in it.
    pub fn walk_mut(&mut self, change: &mut impl FnMut(&mut Self)) {
        change(self);
        let inner = match &mut self.action {
            Action::Steps(steps) | Action::Parallel(steps) => steps,
            Action::Repeat(repeat) => &mut repeat.steps,
            _ => return,
        };
        for step in inner {
            step.walk_mut(change);
        }
    }
}
