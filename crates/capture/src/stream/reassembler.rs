//! One direction of a TCP connection put in order.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::{Buf as _, Bytes};

use crate::frame::{FrameIndex, Timestamp};

/// One TCP segment, or what the capture holds of it.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Sequence number of the first octet of `data`, or of `SYN`.
    pub seq: u32,
    /// Whether it opens the connection.
    pub syn: bool,
    /// The data captured.
    pub data: Bytes,
    /// The frame it came in.
    pub frame: FrameIndex,
    /// When.
    pub timestamp: Timestamp,
}

/// Octets in order, all from one frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// The octets.
    pub data: Bytes,
    /// The frame they came in.
    pub frame: FrameIndex,
    /// When.
    pub timestamp: Timestamp,
    /// What lies before them.
    pub before: Before,
}

/// What lies before a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// The chunk given before it.
    Previous,
    /// Nothing: the connection begins here.
    Start,
    /// Octets the capture does not hold.
    Unknown,
}

/// What a reassembler holds at most.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Octets waiting for earlier ones; beyond it the earlier ones are given up. Default: 4 MiB.
    pub waiting: usize,
    /// A segment further than this from the expected sequence number begins a new stream. Default:
    /// 16 MiB.
    pub window: u32,
    /// How long after the receiver acknowledged octets the capture lacks they are given up.
    /// Default: 200 ms.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            waiting: 4 << 20,
            window: 16 << 20,
            patience: Duration::from_millis(200),
        }
    }
}

/// Puts the segments of one direction in order: retransmissions and overlaps are given once (what
/// came first counts), gaps are waited for within [`Limits`].
#[derive(Clone, Debug)]
pub struct Reassembler {
    limits: Limits,
    /// Sequence number after the last octet given; `None` before the first segment.
    next: Option<u32>,
    /// The sequence number the stream began at.
    first: u32,
    /// What lies before the next chunk.
    before: Before,
    /// Segments that wait for earlier ones, by distance from `first`.
    waiting: BTreeMap<u64, Segment>,
    /// Octets in `waiting`, bookkeeping included.
    waiting_size: usize,
    /// How many octets from `first` have been given.
    given: u64,
    /// Since when the receiver has been known to hold octets that are missing here.
    missed_since: Option<Timestamp>,
    /// Octets given up.
    lost: u64,
}

/// What an empty waiting segment costs.
const SEGMENT_OVERHEAD: usize = 96;

impl Reassembler {
    /// A direction of which nothing has been seen.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            next: None,
            first: 0,
            before: Before::Unknown,
            waiting: BTreeMap::new(),
            waiting_size: 0,
            given: 0,
            missed_since: None,
            lost: 0,
        }
    }

    /// Octets given up because the capture lacks them.
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    /// Takes a segment; gives what is now in order. A `SYN` with a new sequence number begins a new
    /// stream.
    pub fn push(&mut self, segment: Segment) -> Vec<Chunk> {
        let mut segment = segment;
        if segment.syn {
            segment.seq = segment.seq.wrapping_add(1);
            segment.syn = false;
            if self.next.is_none() || self.first != segment.seq {
                self.begin(segment.seq, Before::Start);
            }
        }
        if segment.data.is_empty() {
            return Vec::new();
        }
        let next = *self.next.get_or_insert_with(|| {
            self.first = segment.seq;
            segment.seq
        });
        let ahead = segment.seq.wrapping_sub(next).cast_signed();
        if ahead.unsigned_abs() > self.limits.window {
            self.begin(segment.seq, Before::Unknown);
            return self.push(segment);
        }
        match self.given.checked_add_signed(i64::from(ahead)) {
            Some(position) => self.wait(position, segment),
            // Before the first octet ever given: only what reaches beyond it counts.
            None => {
                let surplus = u64::from(ahead.unsigned_abs()) - self.given;
                let surplus = usize::try_from(surplus).unwrap_or(usize::MAX);
                if surplus < segment.data.len() {
                    segment.data.advance(surplus);
                    self.wait(0, segment);
                }
            }
        }
        let mut chunks = self.take_in_order();
        while self.waiting_size > self.limits.waiting {
            self.give_up_gap();
            chunks.extend(self.take_in_order());
        }
        chunks
    }

    /// Takes the receiver's acknowledgement of everything before `ack`: what it holds and the
    /// capture has not shown within [`Limits::patience`] is given up.
    pub fn acknowledged(&mut self, ack: u32, now: Timestamp) -> Vec<Chunk> {
        let Some(next) = self.next else {
            return Vec::new();
        };
        let beyond = ack.wrapping_sub(next).cast_signed();
        if beyond <= 0 || self.waiting.is_empty() {
            self.missed_since = None;
            return Vec::new();
        }
        let since = *self.missed_since.get_or_insert(now);
        if now.since(since) < self.limits.patience {
            return Vec::new();
        }
        self.give_up_gap();
        self.take_in_order()
    }

    /// Gives what still waits: no more segments will come.
    pub fn finish(&mut self) -> Vec<Chunk> {
        let mut chunks = Vec::new();
        while !self.waiting.is_empty() {
            self.give_up_gap();
            chunks.extend(self.take_in_order());
        }
        chunks
    }

    fn begin(&mut self, seq: u32, before: Before) {
        *self = Self {
            lost: self.lost,
            ..Self::new(self.limits)
        };
        self.next = Some(seq);
        self.first = seq;
        self.before = before;
    }

    fn wait(&mut self, position: u64, segment: Segment) {
        let end = position + segment.data.len() as u64;
        let known = self
            .waiting
            .get(&position)
            .is_some_and(|s| s.data.len() >= segment.data.len());
        if end <= self.given || known {
            return;
        }
        self.waiting_size += segment.data.len() + SEGMENT_OVERHEAD;
        if let Some(shorter) = self.waiting.insert(position, segment) {
            self.waiting_size -= shorter.data.len() + SEGMENT_OVERHEAD;
        }
    }

    fn take_in_order(&mut self) -> Vec<Chunk> {
        let mut chunks = Vec::new();
        while let Some(entry) = self.waiting.first_entry() {
            let position = *entry.key();
            if position > self.given {
                break;
            }
            let mut segment = entry.remove();
            self.waiting_size -= segment.data.len() + SEGMENT_OVERHEAD;
            let given_already = usize::try_from(self.given - position).unwrap_or(usize::MAX);
            if given_already >= segment.data.len() {
                continue;
            }
            segment.data.advance(given_already);
            self.missed_since = None;
            self.moved_on(segment.data.len() as u64);
            chunks.push(Chunk {
                data: segment.data,
                frame: segment.frame,
                timestamp: segment.timestamp,
                before: std::mem::replace(&mut self.before, Before::Previous),
            });
        }
        chunks
    }

    /// Goes on at the first waiting segment.
    fn give_up_gap(&mut self) {
        let Some((&position, _)) = self.waiting.first_key_value() else {
            return;
        };
        let missing = position.saturating_sub(self.given);
        self.lost += missing;
        self.missed_since = None;
        self.before = Before::Unknown;
        self.moved_on(missing);
    }

    fn moved_on(&mut self, octets: u64) {
        self.given += octets;
        // Sequence numbers wrap at 32 bits, positions never.
        self.next = self.next.map(|next| next.wrapping_add(octets as u32));
    }
}
