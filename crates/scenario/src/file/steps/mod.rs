//! Steps, as typed: one table with one word, which holds the rest.

mod act;
mod expect;

pub use act::{AttachFile, CaptureFile, DetachFile, ExecFile, PingFile, TextFile};
pub use expect::{ExpectFile, ForwardingFile, NeighbourFile, PacketsFile, RouteFile, SessionFile};

use schemars::JsonSchema;
use serde::Deserialize;

use super::At;

/// A step. Exactly one of the words is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepFile {
    /// What later steps can call it.
    pub label: Option<At<String>>,
    /// Plugs a port into a VPN.
    pub attach: Option<At<AttachFile>>,
    /// Unplugs a port.
    pub detach: Option<At<DetachFile>>,
    /// Asks for echoes.
    pub ping: Option<At<PingFile>>,
    /// Begins a capture.
    pub capture: Option<At<CaptureFile>>,
    /// Runs a command.
    pub exec: Option<At<ExecFile>>,
    /// Waits for a fact.
    pub expect: Option<At<ExpectFile>>,
}
