//! Programs of a node, what they say and write and take.

use serde::{Deserialize, Serialize};

use super::Since;
use crate::amount::Amount;
use crate::lab::NodeId;
use crate::step::TextExpectation;

/// The programs of `on` said so many lines like this.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogExpectation {
    /// The node.
    pub on: NodeId,
    /// Texts that a line must all have.
    pub contains: Vec<String>,
    /// A regular expression, valid, that a line must match somewhere.
    pub matches: Option<String>,
    /// From when on lines count.
    pub since: Since,
    /// How many: one or more when the scenario does not say.
    pub amount: Amount,
}

/// The file at `path`, as `on` sees it, is so, or is not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileExpectation {
    /// The node.
    pub on: NodeId,
    /// Its path, from the root.
    pub path: String,
    /// What is in it.
    pub text: TextExpectation,
    /// Whether it must not be there.
    pub absent: bool,
}

/// Programs of `on` run, or have ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramExpectation {
    /// The node.
    pub on: NodeId,
    /// The one that is meant; all when `None`.
    pub program: Option<String>,
    /// How it must be.
    pub is: ProgramState,
}

/// Whether a program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProgramState {
    /// It runs.
    Runs,
    /// It has ended, however.
    Ended,
    /// It has ended with this status; one that a signal ended has 128 and its number.
    Exited(u8),
}

/// Programs of `on` take no more memory than this.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryExpectation {
    /// The node.
    pub on: NodeId,
    /// The one that is meant; all together when `None`.
    pub program: Option<String>,
    /// Octets that may be resident.
    pub at_most: u64,
}

/// Programs of `on` take no more time of processors than this, while the expectation must hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CpuExpectation {
    /// The node.
    pub on: NodeId,
    /// The one that is meant; all together when `None`.
    pub program: Option<String>,
    /// Hundredths of one processor, on average.
    pub at_most: u32,
}
