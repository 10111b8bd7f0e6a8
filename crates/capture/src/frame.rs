//! A captured frame and when it was seen.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// A point in time: nanoseconds since 1970-01-01 00:00 UTC. Whoever captures says what time it was.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// From the time elapsed since the epoch; what does not fit is the latest time there is (year
    /// 2554).
    pub fn from_epoch(elapsed: Duration) -> Self {
        Self(u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX))
    }

    /// The time elapsed since the epoch.
    pub const fn since_epoch(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    /// The time from `earlier` to this; zero when `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// Seconds and nine decimals.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}.{:09}",
            self.0 / 1_000_000_000,
            self.0 % 1_000_000_000
        )
    }
}

/// Which interface of a capture a frame came from: an index into the recording's list of names.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct InterfaceId(pub u32);

/// The number of a frame in its recording, from 0. Shown from 1, as other tools number frames.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct FrameIndex(pub usize);

impl fmt::Display for FrameIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0 + 1)
    }
}

/// One Ethernet frame as captured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// When it was seen.
    pub timestamp: Timestamp,
    /// Where it was seen.
    pub interface: InterfaceId,
    /// The octets from the destination address on, without the frame check sequence.
    pub data: Bytes,
    /// How long it was on the wire, in octets; more than `data` holds when the capture cut it
    /// short.
    pub original_len: u32,
}

impl Frame {
    /// A frame captured whole on the first interface.
    pub fn new(timestamp: Timestamp, data: impl Into<Bytes>) -> Self {
        let data = data.into();
        let original_len = u32::try_from(data.len()).unwrap_or(u32::MAX);
        Self {
            timestamp,
            interface: InterfaceId::default(),
            data,
            original_len,
        }
    }

    /// The same frame, seen on `interface`.
    pub fn on(mut self, interface: InterfaceId) -> Self {
        self.interface = interface;
        self
    }
}
