//! What the steps so far have left: which cables are cut, which nodes halted, what goes on beside.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::lab::{AnnouncementId, CaptureId, Direction, FlowId, NetId, NodeId};
use crate::step::{Cable, StepId};

/// The state of the lab between two steps, as far as steps say.
#[derive(Clone, Debug, Default)]
pub(in crate::resolve) struct Course {
    next: usize,
    /// Cables that are cut, of a LAN each by itself, and where that was said.
    pub cut: BTreeMap<Cable, Range<usize>>,
    /// Cables and directions whose frames something is done to.
    pub impaired: BTreeSet<(NetId, NodeId, Direction)>,
    /// Nodes whose programs were ended, and where that was said.
    pub halted: BTreeMap<NodeId, Range<usize>>,
    /// Nodes that got a signal after which it is not known whether they run.
    pub shaken: BTreeSet<NodeId>,
    /// Captures that were stopped, and where that was said.
    pub stopped: BTreeMap<CaptureId, Range<usize>>,
    /// What is announced, and where that was said.
    pub announced: BTreeMap<AnnouncementId, Range<usize>>,
    /// Traffic that goes on, and where it was begun.
    pub flowing: BTreeMap<FlowId, Range<usize>>,
    /// Background steps that no step has waited for or stopped.
    going_on: BTreeMap<StepId, Range<usize>>,
    /// How many steps that are repeated this is in.
    pub repeated: usize,
}

impl Course {
    pub(super) fn next_id(&mut self) -> StepId {
        let id = StepId(self.next);
        self.next += 1;
        id
    }

    pub(super) fn goes_on(&mut self, step: StepId, span: &Range<usize>) {
        self.going_on.insert(step, span.clone());
    }

    /// Notes that somebody waits for a background step or stops it; whether there is one.
    pub(super) fn end(&mut self, step: StepId) -> bool {
        self.going_on.remove(&step).is_some()
    }
}
