//! When the initial routes of a session are complete (RFC 4724 section 2), with RT-Constraint too.

use std::collections::BTreeSet;
use std::time::Duration;

use bgp_wire::Family;
use serde::{Deserialize, Serialize};

/// How long after the last thing a peer asked for it is taken to have asked for everything, if it marks no end
/// of its own RT-Constraint routes.
pub const QUIET: Duration = Duration::from_secs(1);

/// The longest a VPN family may stay without its mark (RFC 4684 section 6 wants a bound and suggests this one).
pub const LONGEST: Duration = Duration::from_secs(60);

/// The marks of one session, both ways. Times count from an epoch of the caller's choosing.
///
/// Without RT-Constraint every family is complete at once. With it, what a VPN family has to bring depends on
/// what the peer asks for: a mark sent before that would tell a peer which kept routes through a restart that
/// they are gone. So these wait until the peer has marked the end of its RT-Constraint routes (RFC 4684
/// section 6), or, for peers that never do, has asked for something and then for nothing more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Marks {
    owed: BTreeSet<Family>,
    sent: BTreeSet<Family>,
    received: BTreeSet<Family>,
    /// The VPN families wait until then; `None` once they need not wait.
    due: Option<Duration>,
    /// No later than this, however much is asked for.
    latest: Duration,
}

impl Marks {
    pub(crate) fn new(families: &BTreeSet<Family>, now: Duration) -> Self {
        Self {
            owed: families.clone(),
            sent: BTreeSet::new(),
            received: BTreeSet::new(),
            due: families.contains(&Family::RTC).then_some(now + LONGEST),
            latest: now + LONGEST,
        }
    }

    /// The peer has asked for routes.
    pub(crate) fn asked(&mut self, now: Duration) {
        if let Some(due) = &mut self.due {
            *due = self.latest.min(now + QUIET);
        }
    }

    /// The peer has sent all its routes of `family`.
    pub(crate) fn received(&mut self, family: Family) {
        self.received.insert(family);
        if family == Family::RTC {
            self.due = None;
        }
    }

    pub(crate) fn take(&mut self, now: Duration) -> Vec<Family> {
        if self.due.is_some_and(|due| due <= now) {
            self.due = None;
        }
        let waiting = self.due.is_some();
        let may_go = |family: &Family| *family == Family::RTC || !waiting;
        let mut going: Vec<Family> = self.owed.iter().copied().filter(may_go).collect();
        // The peer waits with its own marks until it has this one.
        going.sort_by_key(|family| (*family != Family::RTC, *family));
        self.owed.retain(|family| !may_go(family));
        self.sent.extend(&going);
        going
    }

    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        self.due.filter(|_| !self.owed.is_empty())
    }

    pub(crate) fn sent_families(&self) -> &BTreeSet<Family> {
        &self.sent
    }

    pub(crate) fn received_families(&self) -> &BTreeSet<Family> {
        &self.received
    }
}
