//! Programs of a node, what they say and write and take, as typed.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::file::{At, OneOrMany};

/// Lines of what a node's programs say.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogFile {
    /// The node.
    pub on: At<String>,
    /// Texts that a line must all have.
    #[serde(default)]
    pub contains: OneOrMany<At<String>>,
    /// A regular expression that a line must match somewhere.
    pub matches: Option<At<String>>,
    /// Counts lines from a step on: its label, or `"last-step"`. From the beginning when not given.
    pub since: Option<At<String>>,
    /// Exactly so many; one or more when not given.
    pub count: Option<At<i64>>,
    /// So many or more.
    pub at_least: Option<At<i64>>,
    /// So many or fewer.
    pub at_most: Option<At<i64>>,
    /// True: none.
    pub absent: Option<At<bool>>,
}

/// A file, as a node sees it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContentFile {
    /// The node.
    pub on: At<String>,
    /// Its path, from the root.
    pub path: At<String>,
    /// Texts that it must all have.
    #[serde(default)]
    pub contains: OneOrMany<At<String>>,
    /// Texts that it must not have.
    #[serde(default)]
    pub lacks: OneOrMany<At<String>>,
    /// All of it, blanks at either end aside.
    pub equals: Option<At<String>>,
    /// True: there is none.
    pub absent: Option<At<bool>>,
}

/// Whether a node's programs run.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunningFile {
    /// The node.
    pub on: At<String>,
    /// Only this one of its programs, as `labgen inspect` calls it; all when not given.
    pub program: Option<At<String>>,
    /// True when nothing else is said: they run. False: they have ended.
    pub runs: Option<At<bool>>,
    /// They have ended with this status; one that a signal ended has 128 and its number.
    pub exited: Option<At<i64>>,
}

/// The memory that a node's programs take.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryFile {
    /// The node.
    pub on: At<String>,
    /// Only this one of its programs, as `labgen inspect` calls it; all together when not given.
    pub program: Option<At<String>>,
    /// The most that may be resident: `"20MiB"`, in `KiB`, `MiB` or `GiB`.
    pub at_most: At<String>,
}

/// The time of processors that a node's programs take, over the time of `for`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CpuFile {
    /// The node.
    pub on: At<String>,
    /// Only this one of its programs, as `labgen inspect` calls it; all together when not given.
    pub program: Option<At<String>>,
    /// The most on average: `"50%"` of one processor.
    pub at_most: At<String>,
}
