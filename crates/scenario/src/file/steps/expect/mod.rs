//! Facts to wait for, as typed.

mod amount;
mod dataplane;
mod kernel;
mod lab;
mod packets;
mod program;
mod session;
mod traffic;

pub use amount::AmountFile;
pub use dataplane::{ForwardingFile, NeighbourFile};
pub use kernel::{
    EncapFile, FdbFile, InterfaceFile, KernelRouteFile, LabelRouteFile, OpenflowFile, RuleFile,
};
pub use lab::{ConvergedFile, InvariantsFile};
pub use packets::{PacketsFile, SpacingFile, ThenFile};
pub use program::{ContentFile, CpuFile, LogFile, MemoryFile, RunningFile};
pub use session::SessionFile;
pub use traffic::TrafficFiguresFile;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::file::{At, RouteFile};

/// Waits for a fact. Exactly one of them is there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectFile {
    /// A BGP session's state.
    pub session: Option<At<SessionFile>>,
    /// Routes a speaker holds.
    pub route: Option<At<Box<RouteFile>>>,
    /// Packets in a capture.
    pub packets: Option<At<PacketsFile>>,
    /// An entry in a VPN's forwarding table.
    pub forwarding: Option<At<ForwardingFile>>,
    /// An entry in a neighbour table.
    pub neighbour: Option<At<NeighbourFile>>,
    /// What came of traffic.
    pub traffic: Option<At<Box<TrafficFiguresFile>>>,
    /// Routes of a node's kernel.
    pub kernel_route: Option<At<Box<KernelRouteFile>>>,
    /// Rules by which a node's kernel chooses a table of routes.
    pub rule: Option<At<Box<RuleFile>>>,
    /// Forwarding entries of a node's bridges and VXLAN devices.
    pub fdb: Option<At<Box<FdbFile>>>,
    /// MPLS routes of a node's kernel.
    pub mpls: Option<At<LabelRouteFile>>,
    /// A node's interface.
    pub interface: Option<At<Box<InterfaceFile>>>,
    /// Flows of an Open vSwitch bridge.
    pub openflow: Option<At<Box<OpenflowFile>>>,
    /// Lines of what programs say.
    pub log: Option<At<LogFile>>,
    /// A file.
    pub file: Option<At<ContentFile>>,
    /// Whether programs run.
    pub program: Option<At<RunningFile>>,
    /// The memory that programs take.
    pub memory: Option<At<MemoryFile>>,
    /// The time of processors that programs take.
    pub cpu: Option<At<CpuFile>>,
    /// Sessions are up and tables at rest.
    pub converged: Option<At<ConvergedFile>>,
    /// What clients of reflectors hold is what the rules say.
    pub invariants: Option<At<InvariantsFile>>,
    /// How long to wait for it; `"5s"`, or more on a busy machine, when not given, and no time beside `for`.
    pub within: Option<At<String>>,
    /// How long it must stay so, from when it first is.
    #[serde(rename = "for")]
    pub during: Option<At<String>>,
}
