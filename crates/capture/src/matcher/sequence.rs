//! Packets that must come one after the other.

use std::time::Duration;

use super::verdict::{Late, Match};
use crate::frame::{FrameIndex, Timestamp};

/// Beginnings whose packets have not all come yet, the oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Sequences(Vec<Open>);

#[derive(Clone, Debug)]
struct Open {
    first: (Match, Timestamp),
    last: (Match, Timestamp),
    /// The part that must come next, from 1.
    next: usize,
}

/// What came of a packet that some sequence could take.
#[derive(Default)]
pub(super) struct Step {
    /// A sequence has taken it.
    pub taken: bool,
    /// The beginning of the sequence that is complete with it.
    pub complete: Option<(Match, Timestamp)>,
    /// It came too late for a sequence, which has ended there.
    pub late: Option<Late>,
}

impl Sequences {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A packet like the first.
    pub fn open(&mut self, at: Match, time: Timestamp) {
        self.0.push(Open {
            first: (at, time),
            last: (at, time),
            next: 1,
        });
    }

    /// Of the sequence that has come furthest, the oldest of those: its last frame, and the part it waits for.
    pub fn waiting(&self) -> Option<(FrameIndex, usize)> {
        let furthest = self.0.iter().map(|open| open.next).max()?;
        let open = self.0.iter().find(|open| open.next == furthest)?;
        Some((open.last.0.frame, open.next))
    }

    /// Whether any waits for this part.
    pub fn wait_for(&self, part: usize) -> bool {
        self.0.iter().any(|open| open.next == part)
    }

    /// Gives a packet like `part` to the oldest sequence that waits for it and for which it is not too late.
    pub fn advance(
        &mut self,
        part: usize,
        parts: usize,
        at: Match,
        time: Timestamp,
        within: Option<Duration>,
    ) -> Step {
        let mut step = Step::default();
        self.0.retain_mut(|open| {
            if step.taken || open.next != part {
                return true;
            }
            let took = time.since(open.last.1);
            if let Some(most) = within
                && took > most
            {
                step.late = Some(Late {
                    after: Some(open.last.0.frame),
                    took,
                    most,
                });
                return false;
            }
            step.taken = true;
            open.last = (at, time);
            open.next += 1;
            if open.next > parts {
                step.complete = Some(open.first);
                return false;
            }
            true
        });
        step
    }
}
