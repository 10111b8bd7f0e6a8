//! One clock for what is sent and what the kernel says has arrived.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::sys::time::TimeSpec;

/// Nanoseconds since a flow began.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    epoch: Instant,
}

/// Both clocks at one moment: the kernel stamps packets by the wall clock, which may be set while a flow runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    now: u64,
    wall: Duration,
}

impl Clock {
    pub(super) fn new(epoch: Instant) -> Self {
        Self { epoch }
    }

    pub(super) fn now(self) -> u64 {
        nanos(self.epoch.elapsed())
    }

    pub(super) fn moment(self) -> Moment {
        // A clock before 1970 makes every stamp a moment ago.
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Moment {
            now: self.now(),
            wall,
        }
    }
}

impl Moment {
    /// When something arrived that the kernel stamped so; now, where it did not.
    pub(super) fn of(self, stamp: Option<TimeSpec>) -> u64 {
        let age = stamp.map_or(Duration::ZERO, |stamp| {
            self.wall.saturating_sub(stamp.into())
        });
        self.now.saturating_sub(nanos(age))
    }
}

/// Five hundred years are the most.
pub(super) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
