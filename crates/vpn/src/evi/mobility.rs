//! Where the MACs that are attached here really are (RFC 7432 section 15).
//!
//! ```text
//!  attached ──> routes go out ── a better route of another PE ──> given up: attached, not advertised
//!                    ^                                                      │
//!                    └───────────────── that route has gone ────────────────┘
//! ```
//!
//! An attach says that the MAC is here now, so it alone raises the sequence. What is given up is advertised again as
//! it was when the better route goes: had it moved back, somebody would have attached it.
//! See `docs/decisions/0005-mac-mobility.md`.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use bgp_wire::MacAddr;
use serde::{Deserialize, Serialize};

use crate::error::Warning;

/// How long after it has subscribed an instance takes what it hears for older than its own attachments: peers with
/// RT-Constraint send their routes only then.
const SETTLING: Duration = Duration::from_secs(1);

/// How long the sequence of a MAC is remembered that is not attached any more: longer than peers may keep a route through a
/// graceful restart (4,095 s, RFC 4724 section 3), so that nobody can still have one that seems newer than its return.
const REMEMBERED: Duration = Duration::from_secs(2 * 3600);

/// How long the routes of one PE may take to come, then.
const TOGETHER: Duration = Duration::from_millis(50);

/// When a MAC is taken for a duplicate (RFC 7432 section 15.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DuplicateDetection {
    /// So many moves...
    pub moves: usize,
    /// ...within this time make a duplicate.
    pub window: Duration,
    /// When a duplicate is given another chance; only by detaching it if none.
    pub hold: Option<Duration>,
}

impl Default for DuplicateDetection {
    /// 5 moves within 180 s, the values of the RFC; until detached.
    fn default() -> Self {
        Self {
            moves: 5,
            window: Duration::from_secs(180),
            hold: None,
        }
    }
}

/// The best route of others for a MAC that is attached here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rival {
    pub(super) pe: IpAddr,
    pub(super) sequence: u32,
    pub(super) is_sticky: bool,
    /// Whether everybody prefers it to the own routes.
    pub(super) is_better: bool,
}

/// What became of an own MAC.
#[derive(Debug, Default)]
pub(super) struct Judgement {
    /// Whether its routes are not what they were.
    pub(super) changed: bool,
    pub(super) warning: Option<Warning>,
}

/// One MAC that is or was attached here.
#[derive(Clone, Debug, Default)]
struct Location {
    /// When it was attached, if it is.
    since: Option<Duration>,
    /// When it was detached, if it is.
    left: Option<Duration>,
    /// What own routes carry.
    sequence: u32,
    /// The highest ever heard of.
    highest: u32,
    /// Whether it was raised above what was there before the attach, known then or not.
    is_raised: bool,
    /// The PE it was given up to.
    elsewhere: Option<IpAddr>,
    moves: VecDeque<Duration>,
    duplicate_since: Option<Duration>,
}

/// The MACs of one instance.
#[derive(Debug, Default)]
pub(super) struct Mobility {
    macs: BTreeMap<MacAddr, Location>,
    /// Those that left, in the order in which they did; some may be back.
    left: VecDeque<(Duration, MacAddr)>,
    /// When the instance last subscribed.
    subscribed: Option<Duration>,
    /// Since when it knows of the PEs that take part.
    pes: BTreeMap<IpAddr, Duration>,
}

impl Mobility {
    /// The instance has asked for routes that it did not have.
    pub(super) fn subscribed(&mut self, now: Duration) {
        self.subscribed = Some(now);
    }

    /// A PE takes part in the VPN, or does not any more.
    pub(super) fn know(&mut self, pe: IpAddr, takes_part: bool, now: Duration) {
        if takes_part {
            self.pes.entry(pe).or_insert(now);
        } else {
            self.pes.remove(&pe);
        }
    }

    /// Nobody is known to take part.
    pub(super) fn know_nobody(&mut self) {
        self.pes.clear();
    }

    /// An endpoint of a MAC goes live. One that is known elsewhere has moved here with its first endpoint.
    pub(super) fn arrive(
        &mut self,
        mac: MacAddr,
        rival: Option<Rival>,
        limits: DuplicateDetection,
        now: Duration,
    ) {
        let location = self.macs.entry(mac).or_default();
        if location.since.is_some() {
            return;
        }
        location.since = Some(now);
        location.left = None;
        if let Some(rival) = rival.filter(|rival| !rival.is_sticky) {
            location.is_raised = true;
            location.raise_above(rival.sequence);
            location.note_move(limits, now);
        }
    }

    /// A MAC is seen in frames of this host. As nobody says that it is to be here, it does not outdo what was there
    /// before: only what is known elsewhere by now has moved here.
    pub(super) fn appear(
        &mut self,
        mac: MacAddr,
        rival: Option<Rival>,
        limits: DuplicateDetection,
        now: Duration,
    ) {
        self.arrive(mac, rival, limits, now);
        if let Some(location) = self.macs.get_mut(&mac) {
            location.is_raised = true;
        }
    }

    /// A MAC that was seen here is at another PE now. Its moves count on.
    pub(super) fn depart(&mut self, mac: MacAddr, now: Duration) {
        self.forget(now);
        if let Some(location) = self.macs.get_mut(&mac) {
            location.since = None;
            location.elsewhere = None;
            location.left = Some(now);
            self.left.push_back((now, mac));
        }
    }

    /// A MAC does not move, whatever was so far; answers whether it is advertised again.
    pub(super) fn stay(&mut self, mac: MacAddr) -> bool {
        let location = self.macs.remove(&mac);
        location.is_some_and(|location| location.elsewhere.is_some() || location.sequence > 0)
    }

    /// The last endpoint of a MAC is gone. Of its moves only the sequence is remembered: should it come back, it must
    /// not seem older than it is.
    pub(super) fn leave(&mut self, mac: MacAddr, now: Duration) {
        self.forget(now);
        let Some(location) = self.macs.remove(&mac) else {
            return;
        };
        if location.highest > 0 {
            let kept = Location {
                sequence: location.sequence,
                highest: location.highest,
                left: Some(now),
                ..Location::default()
            };
            self.macs.insert(mac, kept);
            self.left.push_back((now, mac));
        }
    }

    /// Forgets those that left long ago.
    fn forget(&mut self, now: Duration) {
        let is_due = |since: &Duration| now.saturating_sub(*since) >= REMEMBERED;
        while let Some((since, mac)) = self
            .left
            .front()
            .copied()
            .filter(|(since, _)| is_due(since))
        {
            self.left.pop_front();
            if self.macs.get(&mac).is_some_and(|of| of.left == Some(since)) {
                self.macs.remove(&mac);
            }
        }
    }

    /// The last endpoint of all is gone.
    pub(super) fn leave_all(&mut self, now: Duration) {
        // Those that left before have nothing but their sequence, or left by themselves.
        let is_known = |of: &Location| of.left.is_none() || !of.moves.is_empty();
        let known = self.macs.iter().filter(|(_, of)| is_known(of));
        let known: Vec<MacAddr> = known.map(|(mac, _)| *mac).collect();
        known.into_iter().for_each(|mac| self.leave(mac, now));
    }

    /// Decides whether a MAC is advertised, beside the best route of others.
    pub(super) fn judge(
        &mut self,
        mac: MacAddr,
        rival: Option<Rival>,
        limits: DuplicateDetection,
        now: Duration,
    ) -> Judgement {
        let is_settling = self
            .subscribed
            .is_some_and(|since| now.saturating_sub(since) < SETTLING);
        let known = |pe| self.pes.get(&pe).copied();
        let Some(location) = self.macs.get_mut(&mac) else {
            return Judgement::default();
        };
        if location.duplicate_since.is_some() {
            return Judgement::default();
        }
        let Some(rival) = rival.filter(|rival| rival.is_better) else {
            return Judgement {
                changed: location.elsewhere.take().is_some(),
                warning: None,
            };
        };
        let was_here = location.elsewhere.is_none();
        // Of a PE that was known by the attach, this would have been known too; of one that was not, it comes with
        // the route that makes it known.
        let is_older = is_settling
            && known(rival.pe).is_none_or(|known| {
                Some(known) > location.since && now.saturating_sub(known) < TOGETHER
            });
        if was_here && is_older && !location.is_raised && !rival.is_sticky {
            location.is_raised = true;
            location.raise_above(rival.sequence);
            location.note_move(limits, now);
            return Judgement {
                changed: true,
                warning: location.alarm(mac, limits, now),
            };
        }
        let is_move = was_here && !rival.is_sticky && rival.sequence > location.highest;
        location.highest = location.highest.max(rival.sequence);
        if is_move {
            location.note_move(limits, now);
            // What is a duplicate from now on stays advertised: others send to one of the two.
            if let Some(warning) = location.alarm(mac, limits, now) {
                return Judgement {
                    changed: false,
                    warning: Some(warning),
                };
            }
        }
        location.elsewhere = Some(rival.pe);
        let sticky =
            (was_here && rival.is_sticky).then_some(Warning::StickyElsewhere { mac, pe: rival.pe });
        Judgement {
            changed: was_here,
            warning: sticky,
        }
    }

    /// Whether own routes for a MAC are advertised.
    pub(super) fn is_advertised(&self, mac: MacAddr) -> bool {
        let location = self.macs.get(&mac);
        location.is_none_or(|location| location.elsewhere.is_none())
    }

    /// The sequence of own routes for a MAC.
    pub(super) fn sequence(&self, mac: MacAddr) -> u32 {
        self.macs.get(&mac).map_or(0, |location| location.sequence)
    }

    /// MACs that are attached here and are at another PE.
    pub(super) fn elsewhere(&self) -> impl Iterator<Item = (MacAddr, IpAddr)> + '_ {
        let macs = self.macs.iter();
        macs.filter_map(|(mac, location)| Some((*mac, location.elsewhere?)))
    }

    /// MACs that are duplicates.
    pub(super) fn duplicates(&self) -> impl Iterator<Item = MacAddr> + '_ {
        let macs = self.macs.iter();
        macs.filter(|(_, location)| location.duplicate_since.is_some())
            .map(|(mac, _)| *mac)
    }

    /// When the next duplicate gets another chance.
    pub(super) fn deadline(&self, limits: DuplicateDetection) -> Option<Duration> {
        let hold = limits.hold?;
        let since = self.macs.values().filter_map(|l| l.duplicate_since);
        since.min().map(|since| since.saturating_add(hold))
    }

    /// Gives duplicates another chance whose time has come, and answers which.
    pub(super) fn release(&mut self, limits: DuplicateDetection, now: Duration) -> Vec<MacAddr> {
        let Some(hold) = limits.hold else {
            return Vec::new();
        };
        let mut released = Vec::new();
        for (mac, location) in &mut self.macs {
            let is_due = |since: Duration| since.saturating_add(hold) <= now;
            if location.duplicate_since.is_some_and(is_due) {
                location.duplicate_since = None;
                location.moves.clear();
                released.push(*mac);
            }
        }
        released
    }
}

impl Location {
    fn raise_above(&mut self, sequence: u32) {
        self.highest = self.highest.max(sequence).saturating_add(1);
        self.sequence = self.highest;
    }

    fn note_move(&mut self, limits: DuplicateDetection, now: Duration) {
        let window = limits.window;
        self.moves
            .retain(|moved| now.saturating_sub(*moved) < window);
        self.moves.push_back(now);
    }

    /// Says once that the MAC has moved too often.
    fn alarm(
        &mut self,
        mac: MacAddr,
        limits: DuplicateDetection,
        now: Duration,
    ) -> Option<Warning> {
        if self.moves.len() < limits.moves.max(1) {
            return None;
        }
        self.duplicate_since = Some(now);
        Some(Warning::DuplicateMac {
            mac,
            moves: self.moves.len(),
            seconds: limits.window.as_secs(),
        })
    }
}
