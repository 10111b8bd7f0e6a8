//! The route table: who published what, who wants what, and who is to be told.
//!
//! ```text
//!   peers ─┐ Advertise, Withdraw   ┌────────────┐   Dispatch ┌─> peers
//!   VRFs  ─┼──────────────────────>│ RouteTable │────────────┼─> VRFs
//!   EVIs  ─┘ Subscribe, Unsubscribe└────────────┘            └─> EVIs
//! ```

mod publishers;
mod store;
mod subscriptions;

use std::collections::BTreeSet;
use std::sync::Arc;

use bgp_wire::{Family, NlriKey};
use serde::{Deserialize, Serialize};

use crate::rtc::{RtcOrigin, RtcRefs};
use crate::{Dispatch, Match, RibEvent, Route, WorkerId};
use store::{Entry, Store, Stored};
use subscriptions::Subscriptions;

/// All routes of one speaker, and the subscriptions to them.
///
/// An event costs time in proportion to the workers it interests (and a subscription to a target to the routes it
/// matches), however large the table is. For a subscription to every target, and the end of a peer, all routes are
/// looked at: they are about most of them.
///
/// A route is sent to every worker with a subscription that matches its family and one of its route targets,
/// but never back to its source and never from one BGP peer to another: the speaker is no transit.
#[derive(Debug, Default)]
pub struct RouteTable {
    store: Store,
    subscriptions: Subscriptions,
    rtc: Option<RtcRefs>,
}

/// How many routes there are, RT-Constraint routes left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteCounts {
    /// Routes of this daemon's own workers.
    pub local: usize,
    /// Routes of BGP peers.
    pub received: usize,
}

impl RouteTable {
    /// An empty table. With `rtc` it publishes an RT-Constraint route, as [`WorkerId::Manager`], for each route
    /// target that a VPN instance subscribes to (RFC 4684).
    pub fn new(rtc: Option<RtcOrigin>) -> Self {
        Self {
            rtc: rtc.map(RtcRefs::new),
            ..Self::default()
        }
    }

    /// Takes in an event and says who has to be told what, in order.
    pub fn handle(&mut self, event: RibEvent) -> Vec<Dispatch> {
        let mut out = Vec::new();
        match event {
            RibEvent::Advertise { source, route } => self.advertise(source, route, &mut out),
            RibEvent::Withdraw { source, key } => self.withdraw(source, &key, &mut out),
            RibEvent::Subscribe { worker, wanted } => self.subscribe(worker, wanted, &mut out),
            RibEvent::Unsubscribe { worker, wanted } => {
                self.unsubscribe(worker, wanted, &mut out);
            }
            RibEvent::Cleanup { worker } => self.retain(worker, &BTreeSet::new(), &mut out),
            RibEvent::Retain { worker, families } => self.retain(worker, &families, &mut out),
            RibEvent::Resume { worker } => self.resume(worker, &mut out),
            RibEvent::Sweep { worker, families } => self.sweep(worker, &families, &mut out),
        }
        out
    }

    /// How many routes there are.
    pub fn counts(&self) -> RouteCounts {
        let counts = self
            .store
            .counts()
            .filter(|(family, _)| *family != Family::RTC);
        counts.fold(RouteCounts::default(), |sum, (_, (local, received))| {
            RouteCounts {
                local: sum.local + local,
                received: sum.received + received,
            }
        })
    }

    /// How many routes of each family there are, of this daemon's own workers and of BGP peers.
    pub fn counts_by_family(&self) -> impl Iterator<Item = (Family, (usize, usize))> + '_ {
        self.store.counts()
    }

    /// Every route with its source, oldest first.
    pub fn routes(&self) -> impl Iterator<Item = (WorkerId, &Arc<Route>)> {
        self.store.iter().map(|entry| (entry.source, entry.route))
    }

    /// The routes of one family with their sources, oldest first.
    pub fn routes_in(&self, family: Family) -> impl Iterator<Item = (WorkerId, &Arc<Route>)> {
        self.store
            .matching(Match::all(family))
            .map(|entry| (entry.source, entry.route))
    }

    /// The routes one worker published, oldest first.
    pub fn routes_of(&self, source: WorkerId) -> impl Iterator<Item = &Arc<Route>> {
        self.store.of_source(source).map(|entry| entry.route)
    }

    /// How many routes of a worker are left from a session that is over, see [`RibEvent::Retain`].
    pub fn unconfirmed(&self, source: WorkerId) -> usize {
        self.store.unconfirmed(source)
    }

    /// What one worker subscribed to, in order.
    pub fn subscriptions(&self, worker: WorkerId) -> impl Iterator<Item = Match> + '_ {
        self.subscriptions.of(worker)
    }

    /// Every worker that has a route or a subscription, in order.
    pub fn workers(&self) -> BTreeSet<WorkerId> {
        self.subscriptions
            .workers()
            .chain(self.store.sources())
            .collect()
    }

    /// Whether there is neither route nor subscription.
    pub fn is_empty(&self) -> bool {
        self.store.iter().next().is_none() && self.subscriptions.workers().next().is_none()
    }

    fn advertise(&mut self, source: WorkerId, route: Arc<Route>, out: &mut Vec<Dispatch>) {
        let Some(Stored { new, old }) = self.store.insert(source, route) else {
            return;
        };
        let new = Entry::new(source, &new);
        let interested = self.interested(new);
        let informed = old
            .as_ref()
            .map(|old| self.interested(Entry::new(source, old)))
            .unwrap_or_default();
        for &to in &interested {
            let replaced = old.as_ref().filter(|_| informed.contains(&to));
            out.push(Dispatch {
                to,
                change: new.advertise(replaced.map(Arc::clone)),
            });
        }
        if let Some(old) = old {
            let left = informed.difference(&interested);
            out.extend(left.map(|&to| Dispatch {
                to,
                change: Entry::new(source, &old).withdraw(),
            }));
        }
    }

    fn withdraw(&mut self, source: WorkerId, key: &NlriKey, out: &mut Vec<Dispatch>) {
        if let Some(old) = self.store.remove(source, key) {
            let old = Entry::new(source, &old);
            let informed = self.interested(old);
            out.extend(informed.into_iter().map(|to| Dispatch {
                to,
                change: old.withdraw(),
            }));
        }
    }

    fn subscribe(&mut self, worker: WorkerId, wanted: Match, out: &mut Vec<Dispatch>) {
        if self.subscriptions.contains(worker, wanted) {
            return;
        }
        for entry in self.store.matching(wanted) {
            if reaches(entry.source, worker) && !self.subscriptions.accepts(worker, entry) {
                out.push(Dispatch {
                    to: worker,
                    change: entry.advertise(None),
                });
            }
        }
        self.subscriptions.insert(worker, wanted);
        let route = self
            .rtc
            .as_mut()
            .and_then(|rtc| rtc.subscribed(worker, wanted));
        if let Some(route) = route {
            self.advertise(WorkerId::Manager, route, out);
        }
    }

    fn unsubscribe(&mut self, worker: WorkerId, wanted: Match, out: &mut Vec<Dispatch>) {
        if !self.subscriptions.remove(worker, wanted) {
            return;
        }
        for entry in self.store.matching(wanted) {
            if reaches(entry.source, worker) && !self.subscriptions.accepts(worker, entry) {
                out.push(Dispatch {
                    to: worker,
                    change: entry.withdraw(),
                });
            }
        }
        self.release(worker, wanted, out);
    }

    /// The worker goes; of its routes, those of these families that it has confirmed stay.
    fn retain(&mut self, worker: WorkerId, families: &BTreeSet<Family>, out: &mut Vec<Dispatch>) {
        let stays =
            |entry: Entry<'_>| !entry.unconfirmed && families.contains(&entry.route.family());
        let published: Vec<_> = self
            .store
            .of_source(worker)
            .map(|entry| (entry.route.key(), stays(entry)))
            .collect();
        for (key, stays) in published {
            if stays {
                self.set_stale(worker, &key, true, out);
            } else {
                self.withdraw(worker, &key, out);
            }
        }
        for wanted in self.subscriptions.take(worker) {
            self.release(worker, wanted, out);
        }
    }

    fn resume(&mut self, worker: WorkerId, out: &mut Vec<Dispatch>) {
        for key in self.unconfirmed_of(worker, None) {
            self.set_stale(worker, &key, false, out);
        }
    }

    fn sweep(&mut self, worker: WorkerId, families: &BTreeSet<Family>, out: &mut Vec<Dispatch>) {
        for key in self.unconfirmed_of(worker, Some(families)) {
            self.withdraw(worker, &key, out);
        }
    }

    fn unconfirmed_of(
        &self,
        worker: WorkerId,
        families: Option<&BTreeSet<Family>>,
    ) -> Vec<NlriKey> {
        // Usually there are none, and a session may hold very many routes.
        if self.store.unconfirmed(worker) == 0 {
            return Vec::new();
        }
        self.store
            .of_source(worker)
            .filter(|entry| entry.unconfirmed)
            .map(|entry| entry.route)
            .filter(|route| families.is_none_or(|families| families.contains(&route.family())))
            .map(|route| route.key())
            .collect()
    }

    fn set_stale(&mut self, source: WorkerId, key: &NlriKey, stale: bool, out: &mut Vec<Dispatch>) {
        if let Some((old, new)) = self.store.set_stale(source, key, stale) {
            let new = Entry::new(source, &new);
            let interested = self.interested(new);
            out.extend(interested.into_iter().map(|to| Dispatch {
                to,
                change: new.advertise(Some(Arc::clone(&old))),
            }));
        }
    }

    /// Takes back the RT-Constraint route of a subscription that was the last to need it.
    fn release(&mut self, worker: WorkerId, wanted: Match, out: &mut Vec<Dispatch>) {
        let route = self
            .rtc
            .as_mut()
            .and_then(|rtc| rtc.unsubscribed(worker, wanted));
        if let Some(route) = route {
            self.withdraw(WorkerId::Manager, &route.key(), out);
        }
    }

    fn interested(&self, entry: Entry<'_>) -> BTreeSet<WorkerId> {
        Match::accepting(entry.route.family(), &entry.targets())
            .flat_map(|accepting| self.subscriptions.to(accepting))
            .filter(|worker| reaches(entry.source, *worker))
            .collect()
    }
}

/// Whether routes of `source` may be sent to `worker` at all.
fn reaches(source: WorkerId, worker: WorkerId) -> bool {
    source != worker && !(source.is_peer() && worker.is_peer())
}
