//! Steps, as typed: one table with one word, which holds the rest.

mod act;
mod announce;
mod expect;
mod flap;
mod flow;
mod life;
mod traffic;

pub use act::{AttachFile, CaptureFile, DetachFile, ExecFile, PingFile, TextFile};
pub use announce::{AnnounceFile, FlowActionFile, WithdrawFile};
pub use expect::{
    AmountFile, ContentFile, ConvergedFile, CpuFile, EncapFile, ExpectFile, FdbFile,
    ForwardingFile, InterfaceFile, InvariantsFile, KernelRouteFile, LabelRouteFile, LogFile,
    MemoryFile, NeighbourFile, OpenflowFile, PacketsFile, RuleFile, RunningFile, SessionFile,
    SpacingFile, ThenFile, TrafficFiguresFile,
};
pub use flap::{FlapFile, FlapSessionFile, InjectFile};
pub use flow::{RepeatFile, SoakFile, StopFile, WaitFile};
pub use life::{CableFile, MoveFile, ProgramsFile, SignalFile};
pub use traffic::{ConnectFile, TracerouteFile, TrafficFile};

use schemars::JsonSchema;
use serde::Deserialize;

use super::{At, ImpairStepFile};

/// A step. Exactly one of the words is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepFile {
    /// What later steps can call it.
    pub label: Option<At<String>>,
    /// True: the next step begins at once, and this one goes on beside. The run waits for it at its end.
    pub background: Option<At<bool>>,
    /// Plugs a port into a VPN.
    pub attach: Option<At<AttachFile>>,
    /// Unplugs a port.
    pub detach: Option<At<DetachFile>>,
    /// Plugs an attached port into its VPN on another compute node, and then unplugs it where it was.
    #[serde(rename = "move")]
    pub migrate: Option<At<MoveFile>>,
    /// Has a speaker announce routes.
    pub announce: Option<At<Box<AnnounceFile>>>,
    /// Has speakers withdraw them.
    pub withdraw: Option<At<WithdrawFile>>,
    /// Takes something away and brings it back, again and again.
    pub flap: Option<At<FlapFile>>,
    /// Sends octets that no speaker would send.
    pub inject: Option<At<InjectFile>>,
    /// Asks for echoes.
    pub ping: Option<At<PingFile>>,
    /// Sends traffic and accounts for it.
    pub traffic: Option<At<TrafficFile>>,
    /// Asks which routers are on the way.
    pub traceroute: Option<At<TracerouteFile>>,
    /// Connects to a port.
    pub connect: Option<At<ConnectFile>>,
    /// Begins a capture.
    pub capture: Option<At<CaptureFile>>,
    /// Runs a command.
    pub exec: Option<At<ExecFile>>,
    /// Pulls cables.
    pub cut: Option<At<CableFile>>,
    /// Plugs them in again.
    pub heal: Option<At<CableFile>>,
    /// Has a LAN or link delay, lose or damage frames.
    pub impair: Option<At<ImpairStepFile>>,
    /// Ends the programs of nodes; namespaces and links stay.
    pub halt: Option<At<ProgramsFile>>,
    /// Starts the programs of halted nodes, and waits until they are ready.
    pub start: Option<At<ProgramsFile>>,
    /// Ends the programs of nodes and starts them again.
    pub restart: Option<At<ProgramsFile>>,
    /// Sends a signal to programs.
    pub signal: Option<At<SignalFile>>,
    /// Steps, one after the other, as one: for `parallel`, or to give a part of a run a label.
    pub steps: Option<At<Vec<At<StepFile>>>>,
    /// Steps that all begin at once; over when all are. When one fails, the others are stopped.
    pub parallel: Option<At<Vec<At<StepFile>>>>,
    /// Steps again and again, so many times.
    pub repeat: Option<At<RepeatFile>>,
    /// Steps again and again, for so long.
    pub soak: Option<At<SoakFile>>,
    /// Waits for the end of a background step.
    pub wait: Option<At<WaitFile>>,
    /// Ends what goes on beside.
    pub stop: Option<At<StopFile>>,
    /// Waits for a fact.
    pub expect: Option<At<ExpectFile>>,
}

impl StepFile {
    /// The steps in it.
    pub fn inner(&self) -> &[At<Self>] {
        let own = self.steps.as_ref().or(self.parallel.as_ref());
        let repeated = self.repeat.as_ref().map(|repeat| &repeat.value.steps);
        let soaked = self.soak.as_ref().map(|soak| &soak.value.steps);
        let inner = own.or(repeated).or(soaked);
        inner.map_or(&[], |steps| &steps.value)
    }

    /// It and all steps in it, in the order of the text.
    pub fn walk(&self, visit: &mut impl FnMut(&Self)) {
        visit(self);
        for step in self.inner() {
            step.value.walk(visit);
        }
    }
}
