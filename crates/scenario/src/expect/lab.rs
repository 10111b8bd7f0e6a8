//! The lab as a whole.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::lab::NodeId;

/// Every session is Established, and no table of routes changes any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConvergedExpectation {
    /// The speakers whose sessions and tables count; all when empty.
    pub nodes: Vec<NodeId>,
    /// How long nothing may have changed.
    pub quiet: Duration,
}

/// What clients hold is what the rules of reflection say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvariantsExpectation {
    /// The reflectors that are judged; all when empty.
    pub reflectors: Vec<NodeId>,
}
