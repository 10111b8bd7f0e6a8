//! What became of numbered probes: pure bookkeeping, with the time as an argument.
//!
//! A probe is undecided until it arrives or its time is up (the loss threshold of RFC 7680 section 2.5). Only undecided
//! ones, and those young enough to be duplicated, are remembered one by one; what is older is in the sums. So the
//! memory depends on rate and threshold, not on how long it goes on.

use std::collections::{BTreeMap, VecDeque};

use super::histogram::Histogram;
use super::outage::{Outage, Outages};

/// What happened to probes, from one of them on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// The first probe that counts; probes are numbered from 0.
    pub from: u64,
    /// Probes sent.
    pub sent: u64,
    /// Probes that arrived in time.
    pub received: u64,
    /// Probes that did not.
    pub lost: u64,
    /// Arrivals of a probe after its first.
    pub duplicated: u64,
    /// First arrivals of a probe after one that was sent later (RFC 4737 section 3.3).
    pub reordered: u64,
    /// Arrivals of probes whose time was up: of lost ones, or duplicates.
    pub late: u64,
    /// From sending to arriving.
    pub latency: Histogram,
    /// Intervals in which all that was sent was lost.
    pub outages: Outages,
}

impl Figures {
    /// Probes of which it is not yet known what becomes.
    pub fn undecided(&self) -> u64 {
        self.sent - self.received.min(self.sent) - self.lost
    }

    /// The part of the decided probes that was lost, 0 to 1; 0 when none is decided.
    pub fn loss(&self) -> f64 {
        match self.received + self.lost {
            0 => 0.0,
            decided => self.lost as f64 / decided as f64,
        }
    }
}

/// A flow's books. Times are nanoseconds since it began and never go back; a probe that arrives before it was sent
/// took no time.
#[derive(Debug)]
pub struct Account {
    interval: u64,
    threshold: u64,
    /// The probes from `base` on.
    probes: VecDeque<Probe>,
    base: u64,
    /// All before this one are decided.
    decided: u64,
    /// The number after the highest that has arrived: RFC 4737's `NextExp`.
    next_expected: u64,
    damaged: u64,
    whole: View,
    marks: BTreeMap<u64, View>,
    /// Outages that ended and were not yet taken, and how many more there were than there is room for.
    news: Vec<Outage>,
    unreported: u64,
}

#[derive(Debug, Clone, Copy)]
struct Probe {
    sent: u64,
    arrived: bool,
}

#[derive(Debug, Default)]
struct View {
    figures: Figures,
    open: Option<Outage>,
}

/// Ended outages that wait to be taken; random loss makes more than anybody reads.
const NEWS: usize = 4096;

impl Account {
    /// Nothing sent yet. `interval`: nanoseconds between two probes; `threshold`: those after which one is lost.
    pub fn new(interval: u64, threshold: u64) -> Self {
        Self {
            interval,
            threshold,
            probes: VecDeque::new(),
            base: 0,
            decided: 0,
            next_expected: 0,
            damaged: 0,
            whole: View::default(),
            marks: BTreeMap::new(),
            news: Vec::new(),
            unreported: 0,
        }
    }

    /// The number of the next probe.
    pub fn next(&self) -> u64 {
        self.base + self.probes.len() as u64
    }

    /// All probes before this one are decided.
    pub fn decided(&self) -> u64 {
        self.decided
    }

    /// When the first undecided probe was sent.
    pub fn undecided_since(&self) -> Option<u64> {
        let index = self.decided - self.base;
        self.probes.get(index as usize).map(|probe| probe.sent)
    }

    /// Arrivals that are none of our probes.
    pub fn damaged(&self) -> u64 {
        self.damaged
    }

    /// The next probe is sent now; its number.
    pub fn sent(&mut self, now: u64) -> u64 {
        let number = self.next();
        self.probes.push_back(Probe {
            sent: now,
            arrived: false,
        });
        for view in self.views(number) {
            view.figures.sent += 1;
        }
        number
    }

    /// Probe `number` arrives; `at` may be earlier than times said before, as arrivals are told later than they are.
    pub fn arrived(&mut self, number: u64, at: u64) {
        if number >= self.next() {
            self.damaged += 1;
            return;
        }
        let Some(probe) = number
            .checked_sub(self.base)
            .and_then(|index| self.probes.get_mut(index as usize))
        else {
            return self.too_late(number);
        };
        // Its time was up before it came, whether or not somebody has looked since.
        let given_up = number < self.decided && !probe.arrived;
        if given_up || at.saturating_sub(probe.sent) > self.threshold {
            return self.too_late(number);
        }
        let again = std::mem::replace(&mut probe.arrived, true);
        let latency = at.saturating_sub(probe.sent);
        let reordered = number < self.next_expected;
        self.next_expected = self.next_expected.max(number + 1);
        for View { figures, .. } in self.views(number) {
            if again {
                figures.duplicated += 1;
            } else {
                figures.received += 1;
                figures.reordered += u64::from(reordered);
                figures.latency.add(latency);
            }
        }
    }

    /// An arrival that is none of our probes.
    pub fn foreign(&mut self) {
        self.damaged += 1;
    }

    /// Decides what can be: everything that arrived until `now` must have been said.
    pub fn advance(&mut self, now: u64) {
        while let Some(&probe) = self.probes.get((self.decided - self.base) as usize) {
            if !probe.arrived && now.saturating_sub(probe.sent) <= self.threshold {
                break;
            }
            self.decide(self.decided, probe);
            self.decided += 1;
        }
        while let Some(probe) = self.probes.front() {
            if self.base >= self.decided || now.saturating_sub(probe.sent) <= self.threshold {
                break;
            }
            self.probes.pop_front();
            self.base += 1;
        }
    }

    fn decide(&mut self, number: u64, probe: Probe) {
        let interval = self.interval;
        let mut ended = None;
        for view in self.views(number) {
            if probe.arrived {
                // The whole flow's view comes first: that of a mark may begin in the middle.
                let outage = view.close(probe.sent);
                ended = ended.or(outage);
            } else {
                view.lose(probe.sent, interval);
            }
        }
        if let Some(outage) = ended {
            if self.news.len() < NEWS {
                self.news.push(outage);
            } else {
                self.unreported += 1;
            }
        }
    }

    /// From now on `figures_since(key)` counts from the next probe on. A key that was used before begins anew.
    pub fn mark(&mut self, key: u64) {
        let mut view = View::default();
        view.figures.from = self.next();
        self.marks.insert(key, view);
    }

    /// What happened since the beginning.
    pub fn figures(&self) -> Figures {
        self.whole.figures()
    }

    /// What happened to the probes sent since `mark(key)`; since the beginning if there was none.
    pub fn figures_since(&self, key: u64) -> Figures {
        self.marks.get(&key).unwrap_or(&self.whole).figures()
    }

    /// Outages that ended since this was asked last, and how many more there were than are kept.
    pub fn take_outages(&mut self) -> (Vec<Outage>, u64) {
        let unreported = std::mem::take(&mut self.unreported);
        (std::mem::take(&mut self.news), unreported)
    }

    fn too_late(&mut self, number: u64) {
        for View { figures, .. } in self.views(number) {
            figures.late += 1;
        }
    }

    fn views(&mut self, number: u64) -> impl Iterator<Item = &mut View> {
        let all = std::iter::once(&mut self.whole).chain(self.marks.values_mut());
        all.filter(move |view| view.figures.from <= number)
    }
}

impl View {
    fn lose(&mut self, sent: u64, interval: u64) {
        self.figures.lost += 1;
        let outage = self.open.get_or_insert(Outage {
            start: sent,
            end: sent,
            lost: 0,
        });
        outage.lost += 1;
        outage.end = sent + interval;
    }

    fn close(&mut self, sent: u64) -> Option<Outage> {
        let open = self.open.take()?;
        let outage = Outage { end: sent, ..open };
        self.figures.outages.add(outage);
        Some(outage)
    }

    /// With an outage that goes on, as long as it is by now.
    fn figures(&self) -> Figures {
        let mut figures = self.figures.clone();
        if let Some(open) = self.open {
            figures.outages.add(open);
            figures.outages.open = true;
        }
        figures
    }
}

#[cfg(test)]
#[path = "account_tests.rs"]
mod tests;
