//! One end of a wire: what comes in there, and waits to be sent out of the other.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::PoisonError;
use std::time::Duration;

use impair::{Delivery, Fate, Line};
use nix::sys::socket::{getsockopt, sockopt};

use super::ring::{Ring, Slot};
use super::send::{BATCH, corrupt, send_all};
use super::waiting::Waiting;
use super::{SharedCounters, Treatment};
use crate::sys;

/// An interface, and the direction of frames that come out of it.
pub(super) struct End {
    socket: OwnedFd,
    ring: Ring,
    line: Line,
    waiting: Waiting,
    missed: u64,
    counters: SharedCounters,
}

/// Octets of frames that can be on their way: what two seconds of a gigabit a second are.
const MOST_WAITING: usize = 256 << 20;

impl End {
    pub(super) fn new(socket: OwnedFd, ring: Ring, line: Line, counters: SharedCounters) -> Self {
        Self {
            socket,
            ring,
            line,
            waiting: Waiting::new(MOST_WAITING),
            missed: 0,
            counters,
        }
    }

    /// When the next frame is to arrive at the other end.
    pub(super) fn due(&self) -> Option<Duration> {
        self.waiting.due()
    }

    pub(super) fn treat(&mut self, treatment: Treatment) {
        self.line.change(treatment.impairment, treatment.seed);
    }

    /// Whether there are frames to be taken.
    pub(super) fn is_filled(&self) -> bool {
        self.ring.peek(0).is_some()
    }

    /// Takes what had come in before this call.
    pub(super) fn take_all(&mut self, to: BorrowedFd<'_>, now: Duration) {
        for _ in 0..=self.ring.slots() / BATCH {
            if !self.take(to, now) {
                break;
            }
        }
    }

    /// Takes a batch of frames from the ring and sends those that arrive now. Whether there may be more.
    pub(super) fn take(&mut self, to: BorrowedFd<'_>, now: Duration) -> bool {
        self.arrive(to, now);
        let mut copies: Vec<(usize, Vec<u8>)> = Vec::new();
        // Where each frame that arrives now is: in the ring, or among the copies.
        let mut at_once: Vec<Result<usize, usize>> = Vec::with_capacity(BATCH);
        let mut taken = 0;
        while taken < BATCH {
            let frame = match self.ring.peek(taken) {
                None => break,
                Some(Slot::Unfit { missed }) => {
                    self.missed += u64::from(missed);
                    taken += 1;
                    continue;
                }
                Some(Slot::Frame(frame)) => frame,
            };
            let Fate::Delivered { first, again } = self.line.decide(frame.octets(), now) else {
                taken += 1;
                continue;
            };
            for Delivery { at, flip } in [Some(first), again].into_iter().flatten() {
                let as_it_is = frame.tag.is_none() && flip.is_none();
                if at <= now && as_it_is {
                    at_once.push(Ok(taken));
                    continue;
                }
                let mut copy = frame.to_vec();
                if let Some(bit) = flip {
                    corrupt(&mut copy, bit);
                }
                if at <= now {
                    at_once.push(Err(copies.len()));
                    copies.push((taken, copy));
                } else if !self.waiting.push(at, copy) {
                    self.missed += 1;
                }
            }
            taken += 1;
        }
        let frames: Vec<&[u8]> = at_once
            .iter()
            .filter_map(|place| match place {
                Ok(ahead) => match self.ring.peek(*ahead) {
                    Some(Slot::Frame(frame)) => Some(frame.data),
                    _ => None,
                },
                Err(copy) => copies.get(*copy).map(|(_, copy)| copy.as_slice()),
            })
            .collect();
        self.missed += send_all(to, &frames) as u64;
        self.ring.release(taken);
        taken == BATCH
    }

    /// Sends what has been on its way long enough.
    pub(super) fn arrive(&mut self, to: BorrowedFd<'_>, now: Duration) {
        self.send_waiting(to, self.waiting.due_by(now));
    }

    /// Sends what is on its way.
    pub(super) fn flush(&mut self, to: BorrowedFd<'_>) {
        self.send_waiting(to, self.waiting.len());
    }

    fn send_waiting(&mut self, to: BorrowedFd<'_>, count: usize) {
        if count == 0 {
            return;
        }
        self.missed += send_all(to, &self.waiting.first(count)) as u64;
        self.waiting.remove(count);
    }

    /// Takes note of what the kernel says of the interface, so that it is not said again: that it went down, from which
    /// it may come back.
    pub(super) fn heed(&self) {
        let _ = getsockopt(&self.socket, sockopt::SocketError);
    }

    /// Lets others know what has been counted.
    pub(super) fn publish(&mut self) {
        if let Ok((_, dropped)) = sys::packet_statistics(self.socket.as_fd()) {
            self.missed += u64::from(dropped);
        }
        let mut counters = self.line.counters();
        counters.missed = self.missed;
        *self.counters.lock().unwrap_or_else(PoisonError::into_inner) = counters;
    }
}

impl AsFd for End {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
