//! One direction of a link: what becomes of each frame, and when.
//!
//! ```text
//!   frame ── lost? ── twice? ── a bit turned over? ── overtakes? ──no── queue ── rate ── delay, jitter ──> delivered
//!                                                         └──yes──────────────────────────────────────────> at once
//! ```
//!
//! As in Linux's netem: what is lost takes no room in the queue, and what overtakes waits for nothing.

use std::collections::VecDeque;
use std::time::Duration;

use crate::counters::Counters;
use crate::draw::{Purpose, draw, happens};
use crate::impairment::Impairment;
use crate::quantity::Share;

/// One direction of a link. Times are since a moment of the caller's choice, and never go back.
#[derive(Clone, Debug)]
pub struct Line {
    impairment: Impairment,
    seed: u64,
    /// Of the next frame, counted since the impairment came into force.
    number: u64,
    lost_last: bool,
    /// Frames since the last that overtook.
    kept_order: u32,
    /// When the frames that wait for the rate, or are being sent, will have been sent.
    sending: VecDeque<Duration>,
    /// No frame may arrive before this, or it would overtake.
    last_arrival: Duration,
    counters: Counters,
}

/// What becomes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is lost, as was asked for.
    Lost,
    /// The queue had no room for it.
    Dropped,
    /// It arrives.
    Delivered {
        /// When, and how.
        first: Delivery,
        /// The same for its copy.
        again: Option<Delivery>,
    },
}

/// An arrival of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// When: not before earlier ones, unless it overtakes and so arrives at once.
    pub at: Duration,
    /// Which bit is turned over, for [`flip`].
    pub flip: Option<u64>,
}

/// Turns over the bit that a delivery names.
pub fn flip(frame: &mut [u8], bit: u64) {
    let Some(bits) = (frame.len() as u64 * 8).checked_sub(1) else {
        return;
    };
    let bit = bit % (bits + 1);
    if let Some(octet) = frame.get_mut((bit / 8) as usize) {
        *octet ^= 1 << (bit % 8);
    }
}

impl Line {
    /// A line on which no frame is yet.
    pub fn new(impairment: Impairment, seed: u64) -> Self {
        Self {
            impairment,
            seed,
            number: 0,
            lost_last: false,
            kept_order: 0,
            sending: VecDeque::new(),
            last_arrival: Duration::ZERO,
            counters: Counters::default(),
        }
    }

    /// Puts another impairment into force. Frames on their way are not overtaken; frames are numbered anew, so that
    /// what follows does not depend on how many went before.
    pub fn change(&mut self, impairment: Impairment, seed: u64) {
        *self = Self {
            sending: std::mem::take(&mut self.sending),
            last_arrival: self.last_arrival,
            counters: self.counters,
            ..Self::new(impairment, seed)
        };
    }

    /// What is in force.
    pub fn impairment(&self) -> &Impairment {
        &self.impairment
    }

    /// What has become of the frames so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Decides about the next frame, of so many octets from the Ethernet header on.
    pub fn decide(&mut self, octets: usize, now: Duration) -> Fate {
        let number = self.number;
        self.number += 1;
        self.counters.frames += 1;
        self.counters.octets += octets as u64;
        if self.loses(number) {
            self.counters.lost += 1;
            return Fate::Lost;
        }
        let twice = happens(
            self.draw(number, 0, Purpose::Duplicate),
            self.impairment.duplicate,
        );
        let Some(first) = self.deliver(number, 0, octets, now) else {
            self.counters.dropped += 1;
            return Fate::Dropped;
        };
        let again = twice
            .then(|| self.deliver(number, 1, octets, now))
            .flatten();
        self.counters.duplicated += u64::from(again.is_some());
        Fate::Delivered { first, again }
    }

    /// A chain of two states, lost and not (Gilbert 1960), whose share of losses and whose correlation between one
    /// frame and the next are those asked for. (A mean of the last and a new random number, as netem has it, loses far
    /// fewer frames than asked for.)
    fn loses(&mut self, number: u64) -> bool {
        let whole = u64::from(Share::ALL.millionths());
        let loss = u64::from(self.impairment.loss.millionths());
        let correlation = u64::from(self.impairment.loss_correlation.millionths());
        let carried = if self.lost_last { correlation } else { 0 };
        // The first frame has none before it, and is lost like any.
        let own = if number == 0 {
            whole
        } else {
            whole - correlation
        };
        let chance = carried + loss * own / whole;
        let chance = Share::new(u32::try_from(chance).unwrap_or(u32::MAX)).unwrap_or(Share::ALL);
        self.lost_last = happens(self.draw(number, 0, Purpose::Loss), chance);
        self.lost_last
    }

    /// One copy of a frame; `None` when the queue has no room.
    fn deliver(
        &mut self,
        number: u64,
        copy: u64,
        octets: usize,
        now: Duration,
    ) -> Option<Delivery> {
        let at = if self.overtakes(number, copy) {
            self.counters.reordered += 1;
            now
        } else {
            let sent = self.send(octets, now)?;
            let at = sent + self.takes(number, copy);
            self.last_arrival = self.last_arrival.max(at);
            self.last_arrival
        };
        let corrupt = happens(
            self.draw(number, copy, Purpose::Corrupt),
            self.impairment.corrupt,
        );
        self.counters.corrupted += u64::from(corrupt);
        let flip = corrupt.then(|| self.draw(number, copy, Purpose::Bit));
        Some(Delivery { at, flip })
    }

    fn overtakes(&mut self, number: u64, copy: u64) -> bool {
        if self.impairment.reorder == Share::NONE {
            return false;
        }
        let may = self.kept_order + 1 >= self.impairment.gap;
        let draw = self.draw(number, copy, Purpose::Reorder);
        let overtakes = may && happens(draw, self.impairment.reorder);
        self.kept_order = if overtakes {
            0
        } else {
            self.kept_order.saturating_add(1)
        };
        overtakes
    }

    /// When the frame's last bit has left the queue.
    fn send(&mut self, octets: usize, now: Duration) -> Option<Duration> {
        while self.sending.front().is_some_and(|sent| *sent <= now) {
            self.sending.pop_front();
        }
        let Some(rate) = self.impairment.rate else {
            return Some(now);
        };
        // One is being sent, the others wait.
        if self.sending.len() > self.impairment.queue as usize {
            return None;
        }
        let begins = self.sending.back().copied().unwrap_or(now);
        let sent = begins + rate.time(octets);
        self.sending.push_back(sent);
        Some(sent)
    }

    /// How long a frame is on its way.
    fn takes(&self, number: u64, copy: u64) -> Duration {
        let Impairment { delay, jitter, .. } = self.impairment;
        if jitter.is_zero() {
            return delay;
        }
        let span = 2 * jitter.as_nanos();
        let part = (u128::from(self.draw(number, copy, Purpose::Jitter)) * (span + 1)) >> 64;
        let part = Duration::from_nanos(u64::try_from(part).unwrap_or(u64::MAX));
        (delay + part).saturating_sub(jitter)
    }

    fn draw(&self, number: u64, copy: u64, purpose: Purpose) -> u64 {
        draw(self.seed, number, copy, purpose)
    }
}
