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
pub mod announcement;
pub mod defaults;
pub mod error;
mod expand;
pub mod expect;
pub mod file;
pub mod kind;
pub mod lab;
mod measures;
mod nearest;
pub mod numbers;
pub mod packet;
pub mod place;
pub mod reference;
pub mod render;
mod resolve;
pub mod route;
pub mod schema;
mod slow;
pub mod source;
pub mod step;
mod title;
mod tree;
mod values;

use std::collections::BTreeSet;

pub use amount::Amount;
pub use announcement::{Announcement, Batch};
pub use error::{ErrorKind, Related, ScenarioError, Subject};
pub use expect::{
    ConvergedExpectation, Counter, CpuExpectation, Destination, DisplayFilter, Encap, Expectation,
    Fact, FdbExpectation, Figure, FigureBound, FileExpectation, Follow, ForwardingExpectation,
    HopPattern, InterfaceExpectation, InvariantsExpectation, KernelRouteExpectation,
    KernelRouteType, LinkState, LogExpectation, MemoryExpectation, MplsExpectation,
    NeighbourExpectation, NeighbourState, OpenflowExpectation, PacketExpectation,
    ProgramExpectation, ProgramState, RouteExpectation, RuleExpectation, SessionExpectation,
    SessionField, SessionState, Since, Spacing, TrafficExpectation, Unit, WhichRoute,
};
pub use file::may_be_scenario;
pub use kind::{
    Bagpipe, Dataplane, ExecNode, FakeRr, FakeRrMode, Frr, NodeKind, Peer, Ready, Session, Speaker,
};
pub use lab::{
    AnnouncementId, AttractTraffic, Capture, CaptureId, CapturePoint, Direction, FlowId, Impaired,
    Interface, InterfaceAddress, KernelFeature, Lab, Lan, LanId, Link, LinkId, NetId, Node, NodeId,
    Port, PortDirection, PortId, Readvertise, Record, Scenario, StaticRoute, Traffic, Vpn, VpnId,
    VpnType, Wait, WireKind,
};
pub use numbers::Numbers;
pub use place::Place;
pub use reference::reference;
pub use render::render;
pub use route::{Encapsulation, OneOf, PmsiPattern, RouteField, RoutePattern};
pub use schema::schema;
pub use source::{Source, Sources};
pub use step::{
    Action, Attach, Cable, Connect, Endpoint, Exec, Flap, Flapping, Flow, HopExpectation, Impair,
    Inject, Limit, Ping, PingOutcome, Protocol, Repeat, Signal, SignalTo, Step, StepId,
    TextExpectation, Traceroute, WaitFor,
};
pub use values::{is_lab_name, mac_for, time_limit};

/// What a scenario of one file means, or everything that is wrong with it, in the order of the text. `name` is what
/// the file is called; the lab takes its name from it when the text gives none.
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
    let alone = &mut |_: &str| Err(std::io::Error::other("this scenario stands alone"));
    check_with(name, text, &[], alone).outcome
}

/// A scenario checked: what it means or what is wrong with it, and the texts it consists of.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The scenario, its included files and what was set, for [`render`] and for whoever watches the files.
    pub sources: Sources,
    /// What it means, or everything that is wrong with it, in the order of the texts.
    pub outcome: Result<Scenario, Vec<ScenarioError>>,
}

/// Checks the scenario `text`, which the reader knows as `name`. `set` gives variables values other than their
/// defaults. `loader` gives the text of an included file by its path, which is relative where `name` is.
pub fn check_with(
    name: &str,
    text: &str,
    set: &[(String, String)],
    loader: &mut dyn FnMut(&str) -> std::io::Result<String>,
) -> Checked {
    let mut sources = Sources::default();
    let outcome = meaning(&mut sources, name, text, set, loader);
    let outcome = outcome.map_err(|mut errors| {
        errors.sort_by_key(|error| error.span.start);
        // What is wrong with a group is wrong with each of its members.
        let mut said = BTreeSet::new();
        errors.retain(|error| {
            let kind = std::mem::discriminant(&error.kind);
            said.insert((error.span.start, error.span.end, format!("{kind:?}")))
        });
        errors
    });
    Checked { sources, outcome }
}

fn meaning(
    sources: &mut Sources,
    name: &str,
    text: &str,
    set: &[(String, String)],
    loader: &mut dyn FnMut(&str) -> std::io::Result<String>,
) -> Result<Scenario, Vec<ScenarioError>> {
    let root = tree::load(sources, name, text, loader)?;
    let tree = expand::expand(root, set, sources);
    let (file, mut errors) = file::parse(tree);
    match resolve::resolve(&file, sources, name) {
        Ok(scenario) if errors.is_empty() => return Ok(scenario),
        Ok(_) => {}
        Err(more) => errors.extend(more),
    }
    Err(errors)
}
