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
pub mod defaults;
pub mod error;
pub mod expect;
pub mod file;
pub mod kind;
pub mod lab;
mod nearest;
pub mod packet;
pub mod place;
pub mod render;
mod resolve;
pub mod route;
pub mod step;
mod title;
mod values;

pub use amount::Amount;
pub use error::{ErrorKind, Related, ScenarioError, Subject};
pub use expect::{
    Expectation, Fact, ForwardingExpectation, NeighbourExpectation, PacketExpectation,
    RouteExpectation, SessionExpectation, SessionState, Since,
};
pub use kind::{
    Bagpipe, Dataplane, ExecNode, FakeRr, FakeRrMode, Frr, NodeKind, Peer, Ready, Session, Speaker,
};
pub use lab::{
    Capture, CaptureId, Interface, InterfaceAddress, Lab, Lan, LanId, Link, LinkId, NetId, Node,
    NodeId, Port, PortId, Scenario, StaticRoute, Vpn, VpnId, VpnType, Wait,
};
pub use place::Place;
pub use render::render;
pub use route::{Encapsulation, RoutePattern};
pub use step::{Action, Attach, Endpoint, Exec, Ping, PingOutcome, Step, StepId, TextExpectation};

/// What `text` means, or everything that is wrong with it, in the order of the text. `name` is what the
/// file is called; the lab takes its name from it when the text gives none.
///
/// ```
/// let text = r#"
/// [nodes]
/// rr = { kind = "fakerr" }
///
/// [lans]
/// underlay = { join = ["rr", "compute-a"] }
/// "#;
/// let errors = scenario::check(text, "tiny.toml").unwrap_err();
/// assert_eq!(errors[0].to_string(), "LAN `underlay` joins `compute-a`, which is not a node");
/// ```
pub fn check(text: &str, name: &str) -> Result<Scenario, Vec<ScenarioError>> {
    let (file, mut errors) = file::parse(text);
    let syntax = errors.iter().any(|error| error.subject == Subject::Text);
    match (syntax, resolve::resolve(&file, text, name)) {
        (false, Ok(scenario)) if errors.is_empty() => return Ok(scenario),
        (false, Err(more)) => errors.extend(more),
        _ => {}
    }
    errors.sort_by_key(|error| error.span.start);
    Err(errors)
}
