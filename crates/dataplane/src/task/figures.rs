//! What a driver is measured by.

use std::time::Duration;

/// How a driver has been doing since it was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Changes tried.
    pub changes: u64,
    /// Changes refused.
    pub errors: u64,
    /// Time that all of them took.
    pub time: Duration,
    /// How many took at most as long as the bound of the same index, and longer than the one before.
    pub buckets: [u64; Self::BOUNDS.len()],
    /// Instances whose change waits.
    pub pending: usize,
    /// Instances whose change was refused and will be tried again.
    pub retrying: usize,
}

impl Figures {
    /// Bounds of [`buckets`](Self::buckets), ascending.
    pub const BOUNDS: [Duration; 8] = [
        Duration::from_micros(100),
        Duration::from_millis(1),
        Duration::from_millis(5),
        Duration::from_millis(20),
        Duration::from_millis(100),
        Duration::from_millis(500),
        Duration::from_secs(2),
        Duration::from_secs(10),
    ];

    pub(super) fn note(&mut self, time: Duration, is_refused: bool) {
        self.changes += 1;
        self.errors += u64::from(is_refused);
        self.time += time;
        let bucket = Self::BOUNDS.iter().position(|bound| time <= *bound);
        if let Some(bucket) = bucket.and_then(|index| self.buckets.get_mut(index)) {
            *bucket += 1;
        }
    }
}
