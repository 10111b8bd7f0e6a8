//! Graceful restart (RFC 4724 section 4.2), the side of whoever stays: the routes of a peer that restarts are
//! kept, so that traffic goes on.
//!
//! ```text
//!             goes away, had announced it            back: families it kept
//!  Settled ──────────────────────────────> Away ─────────────────────────────> Returning
//!     ^            Retain                    │        Sweep others, Resume        │
//!     │<──── restart time over: Cleanup ─────┘                                    │
//!     │<──── End-of-RIB of each family, or stale path time over: Sweep ───────────┘
//! ```
//!
//! A peer that goes away while it is returning starts over: what it had not confirmed by then goes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bgp_wire::Family;
use serde::{Deserialize, Serialize};

use crate::{RibEvent, WorkerId};

/// How long routes of a peer may be kept at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// While it is away, whatever restart time it announces; zero keeps none.
    pub away: Duration,
    /// While it is back and has not said that its routes are complete.
    pub returning: Duration,
    /// After it has said so. RFC 4724 has them go at once. But reflectors say so before their other clients are back:
    /// FRR 8.4 as soon as a session is up, GoBGP 3.10 when it sends the memberships without which others send nothing.
    pub settling: Duration,
}

/// What a peer announces of graceful restart in an OPEN.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announced {
    /// How long it takes at most to come back.
    pub time: Duration,
    /// The families it restarts gracefully, and whether it kept forwarding in them (F bit).
    pub families: BTreeMap<Family, bool>,
}

/// Where a peer stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Nothing of it is kept that it did not confirm in this session.
    Settled,
    /// It is gone, and expected back until then.
    Away {
        /// When its routes go.
        until: Duration,
    },
    /// It is back and has to confirm these families until then.
    Returning {
        /// Families with routes that it may not have confirmed, and when those go.
        waiting: BTreeMap<Family, Duration>,
    },
}

/// Decides what of one peer's routes is kept when it goes, and for how long. Lives across its sessions. Times
/// count from an epoch of the caller's choosing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Helper {
    worker: WorkerId,
    limits: Limits,
    /// Families to keep when it goes, and for how long.
    keeps: BTreeSet<Family>,
    time: Duration,
    phase: Phase,
}

impl Helper {
    /// For a peer that has not been seen yet.
    pub fn new(worker: WorkerId, limits: Limits) -> Self {
        Self {
            worker,
            limits,
            keeps: BTreeSet::new(),
            time: Duration::ZERO,
            phase: Phase::Settled,
        }
    }

    /// Where the peer stands.
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// A session with these `common` families has come up.
    pub fn established(
        &mut self,
        announced: Option<&Announced>,
        common: impl IntoIterator<Item = Family>,
        now: Duration,
    ) -> Vec<RibEvent> {
        let common: BTreeSet<Family> = common.into_iter().collect();
        let none = BTreeMap::new();
        let families = announced.map_or(&none, |announced| &announced.families);
        let left = std::mem::take(&mut self.keeps);
        // What a peer asks for it has to ask for anew: nothing is sent to it that it did not.
        let restarts = families.keys().filter(|family| **family != Family::RTC);
        self.keeps = restarts.copied().filter(|f| common.contains(f)).collect();
        self.time = announced.map_or(Duration::ZERO, |announced| {
            announced.time.min(self.limits.away)
        });
        if !matches!(self.phase, Phase::Away { .. }) {
            return Vec::new();
        }
        let forwarding = |family: &Family| families.get(family) == Some(&true);
        let (waiting, lost): (BTreeSet<Family>, BTreeSet<Family>) = left
            .into_iter()
            .partition(|family| forwarding(family) && common.contains(family));
        let worker = self.worker;
        let mut events = Vec::new();
        if !lost.is_empty() {
            events.push(RibEvent::Sweep {
                worker,
                families: lost,
            });
        }
        self.phase = if waiting.is_empty() {
            Phase::Settled
        } else {
            events.push(RibEvent::Resume { worker });
            let until = now + self.limits.returning;
            Phase::Returning {
                waiting: waiting.into_iter().map(|family| (family, until)).collect(),
            }
        };
        events
    }

    /// The peer has sent all its routes of a family.
    pub fn end_of_rib(&mut self, family: Family, now: Duration) -> Vec<RibEvent> {
        if let Phase::Returning { waiting } = &mut self.phase
            && let Some(until) = waiting.get_mut(&family)
        {
            *until = (*until).min(now + self.limits.settling);
        }
        self.tick(now)
    }

    /// The session is gone; `gracefully` if it ended in a way that means a restart.
    pub fn down(&mut self, gracefully: bool, now: Duration) -> Vec<RibEvent> {
        let worker = self.worker;
        if !gracefully || self.keeps.is_empty() || self.time.is_zero() {
            return vec![self.forget()];
        }
        self.phase = Phase::Away {
            until: now + self.time,
        };
        vec![RibEvent::Retain {
            worker,
            families: self.keeps.clone(),
        }]
    }

    /// The peer is not to come back: everything of it goes.
    pub fn forget(&mut self) -> RibEvent {
        self.phase = Phase::Settled;
        self.keeps.clear();
        RibEvent::Cleanup {
            worker: self.worker,
        }
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Duration) -> Vec<RibEvent> {
        if self.next_deadline().is_none_or(|until| until > now) {
            return Vec::new();
        }
        let Phase::Returning { waiting } = &mut self.phase else {
            return vec![self.forget()];
        };
        let families = waiting.extract_if(.., |_, until| *until <= now);
        let families = families.map(|(family, _)| family).collect();
        if waiting.is_empty() {
            self.phase = Phase::Settled;
        }
        vec![RibEvent::Sweep {
            worker: self.worker,
            families,
        }]
    }

    /// When [`Helper::tick`] has something to do at the latest.
    pub fn next_deadline(&self) -> Option<Duration> {
        match &self.phase {
            Phase::Settled => None,
            Phase::Away { until } => Some(*until),
            Phase::Returning { waiting } => waiting.values().min().copied(),
        }
    }
}
