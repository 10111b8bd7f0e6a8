//! Frames on their way, which take memory for as long as they are.

use std::collections::VecDeque;
use std::time::Duration;

/// Frames, each with its `virtio_net_hdr`, in the order of their arrivals.
pub(super) struct Waiting {
    frames: VecDeque<(Duration, Vec<u8>)>,
    octets: usize,
    most: usize,
}

impl Waiting {
    /// None yet, and room for so many octets.
    pub(super) fn new(most: usize) -> Self {
        Self {
            frames: VecDeque::new(),
            octets: 0,
            most,
        }
    }

    /// When the next frame is to arrive.
    pub(super) fn due(&self) -> Option<Duration> {
        self.frames.front().map(|(at, _)| *at)
    }

    /// Adds a frame that arrives no earlier than those before it. Whether there was room for it.
    pub(super) fn push(&mut self, at: Duration, frame: Vec<u8>) -> bool {
        let fits = self.octets + frame.len() <= self.most;
        if fits {
            self.octets += frame.len();
            self.frames.push_back((at, frame));
        }
        fits
    }

    /// How many are to arrive by now.
    pub(super) fn due_by(&self, now: Duration) -> usize {
        self.frames.partition_point(|(at, _)| *at <= now)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.frames.len()
    }

    /// The next to arrive.
    pub(super) fn first(&self, count: usize) -> Vec<&[u8]> {
        let first = self.frames.iter().take(count);
        first.map(|(_, frame)| frame.as_slice()).collect()
    }

    /// Forgets those.
    pub(super) fn remove(&mut self, count: usize) {
        let gone = self.frames.drain(..count.min(self.frames.len()));
        self.octets -= gone.map(|(_, frame)| frame.len()).sum::<usize>();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_again_for_what_has_arrived() {
        let at = Duration::from_millis;
        let mut waiting = Waiting::new(250);
        assert_eq!(waiting.due(), None);
        let pushed = [1, 2, 3].map(|ms| waiting.push(at(ms), vec![0; 100]));
        assert_eq!(pushed, [true, true, false]);
        assert_eq!((waiting.due(), waiting.len()), (Some(at(1)), 2));
        assert_eq!((waiting.due_by(at(1)), waiting.due_by(at(9))), (1, 2));
        assert_eq!(waiting.first(1).len(), 1);
        waiting.remove(1);
        assert_eq!(waiting.due(), Some(at(2)));
        assert!(waiting.push(at(3), vec![0; 150]));
        assert!(!waiting.push(at(4), vec![0; 1]));
        waiting.remove(9);
        assert_eq!((waiting.len(), waiting.due()), (0, None));
    }
}
