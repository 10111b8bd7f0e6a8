//! The lab as a whole, as typed.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::file::{At, OneOrMany};

/// Every session is Established, and no table of routes changes any more. What was broken on purpose is not waited for:
/// sessions of halted nodes, and those that a cut cable takes away.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConvergedFile {
    /// Only sessions and tables of these nodes; those of all when not given.
    #[serde(default)]
    pub nodes: OneOrMany<At<String>>,
    /// How long nothing may have changed; `"200ms"` when not given.
    pub quiet: Option<At<String>>,
}

/// What every client of a reflector holds is what route targets, RT-Constraint (RFC 4684) and the rules of reflection
/// (RFC 4456) say of what the clients announce.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InvariantsFile {
    /// Only what these reflectors pass on; all of them when not given.
    #[serde(default)]
    pub reflectors: OneOrMany<At<String>>,
}
