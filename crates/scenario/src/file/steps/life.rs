//! What goes wrong in networks, and is put right again, as typed.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::file::{At, OneOrMany, words};

/// Cables: all of a LAN or link, or that of one node to a LAN.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CableFile {
    /// The LAN or link.
    pub on: At<String>,
    /// On a LAN: only the cable of this node.
    pub node: Option<At<String>>,
}

/// The programs of nodes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProgramsFile {
    /// The nodes.
    pub node: At<OneOrMany<At<String>>>,
}

/// Sends a signal to programs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignalFile {
    /// The node.
    pub node: At<String>,
    /// `"SIGKILL"`, `"SIGSTOP"`, `"SIGCONT"`, ...
    #[schemars(with = "words::SignalName")]
    pub signal: At<String>,
    /// Only this one of its programs, as `labgen inspect` calls it; all when not given.
    pub program: Option<At<String>>,
}

/// Moves an attached port to another compute node.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MoveFile {
    /// The port.
    pub port: At<String>,
    /// The compute node it moves to.
    pub to: At<String>,
}
