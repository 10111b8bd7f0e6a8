//! What has become of the frames of one direction.

use serde::{Deserialize, Serialize};

/// Frames of one direction of a link, counted since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Frames that came in.
    pub frames: u64,
    /// Octets of those, Ethernet headers included.
    pub octets: u64,
    /// Frames lost on purpose.
    pub lost: u64,
    /// Frames that were delivered twice.
    pub duplicated: u64,
    /// Frames that overtook others.
    pub reordered: u64,
    /// Frames delivered with a bit turned over; each copy counts.
    pub corrupted: u64,
    /// Frames for which the queue before the rate had no room.
    pub dropped: u64,
    /// Frames lost without having been asked for: the kernel, or this process, was too slow or had
    /// no room.
    pub missed: u64,
}
