//! Scenario files: parsed with spans, resolved into what is meant, errors that point at the place.
//!
//! Two stages, one way. [`file`] holds what was typed, with the place of every word; [`Scenario`] holds what
//! is meant: every name is an id, every address, MAC and route target a value. [`check`] is the only way from
//! text to a `Scenario`; nothing after it sees the first stage, so a `Scenario` in hand is a valid one.
//!
//! ```text
//! text ──file::parse──> ScenarioFile ──resolve──> Scenario
//!             └── ScenarioError{span, kind} ──────┘──> render
//! ```
//!
//! No files, no clock, no sockets: the caller reads the text and says what the file is called.

pub mod amount;
pub mod error;
pub mod expect;
pub mod file;
pub mod lab;
mod nearest;
pub mod packet;
pub mod place;
pub mod render;
pub mod route;
pub mod step;

pub use amount::Amount;
pub use expect::{
    Expectation, Fact, ForwardingExpectation, NeighbourExpectation, PacketExpectation,
    RouteExpectation, SessionExpectation, SessionState, Since,
};
pub use lab::{
    Bagpipe, Capture, CaptureId, Dataplane, FakeRr, FakeRrMode, GoBgp, Lab, Lan, LanId, Link, Node,
    NodeId, NodeKind, Peer, Port, PortId, Scenario, Vpn, VpnId, VpnType,
};
pub use place::Place;
pub use route::{Encapsulation, RoutePattern};
pub use step::{Action, Attach, Endpoint, Exec, Ping, PingOutcome, Step, StepId, TextExpectation};
