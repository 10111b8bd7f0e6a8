//! Packets that must come one after the other.

use std::collections::VecDeque;
use std::time::Duration;

use super::verdict::{Late, Match};
use crate::frame::{FrameIndex, Timestamp};

/// Beginnings whose packets have not all come yet: by the part that must come next, from 1, the oldest first. A part goes
/// to the oldest, so that they come to the next part in the same order.
#[derive(Clone, Debug, Default)]
pub(super) struct Sequences(Vec<VecDeque<Open>>);

#[derive(Clone, Debug)]
struct Open {
    first: (Match, Timestamp),
    last: (Match, Timestamp),
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
        self.0.iter().all(VecDeque::is_empty)
    }

    /// A packet like the first.
    pub fn open(&mut self, at: Match, time: Timestamp) {
        let beginning = (at, time);
        self.wait(
            1,
            Open {
                first: beginning,
                last: beginning,
            },
        );
    }

    fn wait(&mut self, part: usize, open: Open) {
        if self.0.len() < part {
            self.0.resize_with(part, VecDeque::new);
        }
        self.0[part - 1].push_back(open);
    }

    fn oldest(&mut self, part: usize) -> Option<Open> {
        self.0.get_mut(part.checked_sub(1)?)?.pop_front()
    }

    /// Of the sequence that has come furthest, the oldest of those: its last frame, and the part it waits for.
    pub fn waiting(&self) -> Option<(FrameIndex, usize)> {
        let mut parts = self.0.iter().enumerate().rev();
        parts.find_map(|(before, open)| Some((open.front()?.last.0.frame, before + 1)))
    }

    /// Whether any waits for this part.
    pub fn wait_for(&self, part: usize) -> bool {
        let open = part.checked_sub(1).and_then(|part| self.0.get(part));
        open.is_some_and(|open| !open.is_empty())
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
        while let Some(open) = self.oldest(part) {
            let took = time.since(open.last.1);
            if let Some(most) = within
                && took > most
            {
                step.late = Some(Late {
                    after: Some(open.last.0.frame),
                    took,
                    most,
                });
                continue;
            }
            step.taken = true;
            if part == parts {
                step.complete = Some(open.first);
            } else {
                let last = (at, time);
                self.wait(part + 1, Open { last, ..open });
            }
            break;
        }
        step
    }
}
