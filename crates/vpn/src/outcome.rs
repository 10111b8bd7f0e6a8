//! What follows from something an instance was told.

use std::collections::BTreeSet;

use bgp_rib::RibEvent;
use bgp_wire::RouteTarget;

use crate::error::Warning;

/// For the dataplane, the route table and the log.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Whether the intent changed.
    pub(crate) changed: bool,
    pub(crate) events: Vec<RibEvent>,
    pub(crate) warnings: Vec<Warning>,
    /// Targets that the instance may have begun or ended to redirect traffic to.
    pub(crate) redirects: BTreeSet<RouteTarget>,
}

impl From<(bool, Option<Warning>)> for Outcome {
    fn from((changed, warning): (bool, Option<Warning>)) -> Self {
        Self {
            changed,
            warnings: warning.into_iter().collect(),
            ..Self::default()
        }
    }
}

impl From<Vec<RibEvent>> for Outcome {
    fn from(events: Vec<RibEvent>) -> Self {
        Self {
            events,
            ..Self::default()
        }
    }
}
