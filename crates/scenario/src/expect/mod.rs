//! What must be true, as plain data; the lab looks and judges.

mod dataplane;
mod kernel;
mod lab;
mod packets;
mod program;
mod route;
mod session;
mod traffic;

pub use dataplane::{Destination, ForwardingExpectation, NeighbourExpectation, NeighbourState};
pub use kernel::{
    Counter, Encap, FdbExpectation, HopPattern, InterfaceExpectation, KernelRouteExpectation,
    KernelRouteType, LinkState, MplsExpectation, OpenflowExpectation, RuleExpectation, WhichRoute,
};
pub use lab::{ConvergedExpectation, InvariantsExpectation};
pub use packets::{DisplayFilter, Follow, PacketExpectation, Since, Spacing};
pub use program::{
    CpuExpectation, FileExpectation, LogExpectation, MemoryExpectation, ProgramExpectation,
    ProgramState,
};
pub use route::RouteExpectation;
pub use session::{SessionExpectation, SessionField, SessionState};
pub use traffic::{Figure, FigureBound, TrafficExpectation, Unit};

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
    /// An entry in the neighbour table of a node, or of a VPN instance (ARP suppression).
    Neighbour(NeighbourExpectation),
    /// Routes of a node's kernel.
    KernelRoute(KernelRouteExpectation),
    /// Rules of a node's kernel.
    Rule(RuleExpectation),
    /// Forwarding entries of a node's bridges and VXLAN devices.
    Fdb(FdbExpectation),
    /// MPLS routes of a node's kernel.
    Mpls(MplsExpectation),
    /// A node's interface.
    Interface(InterfaceExpectation),
    /// Flows of an Open vSwitch bridge.
    Openflow(OpenflowExpectation),
    /// Lines of what programs say.
    Log(LogExpectation),
    /// A file.
    File(FileExpectation),
    /// Whether programs run.
    Program(ProgramExpectation),
    /// The memory that programs take.
    Memory(MemoryExpectation),
    /// The time of processors that programs take.
    Cpu(CpuExpectation),
    /// Sessions are up and tables at rest.
    Converged(ConvergedExpectation),
    /// What clients of reflectors hold is what the rules say.
    Invariants(InvariantsExpectation),
    /// What came of traffic.
    Traffic(TrafficExpectation),
}
