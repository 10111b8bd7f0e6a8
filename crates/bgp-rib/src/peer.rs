//! What a BGP peer publishes and wants, in the table's terms.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use bgp_wire::nlri::NlriRef;
use bgp_wire::{Family, Nlri, NlriKey, NlriValue, RouteTarget, Update};

use crate::end_of_rib::Marks;
use crate::path::{Path, Paths};
use crate::{Match, RibEvent, Route, WorkerId};

/// Speaks for one Established BGP session to the route table.
///
/// Without RT-Constraint the peer gets every route of the common families. With it, it gets what it asked
/// for: each RTC route it sends is a subscription of every other common family to that target, the default
/// one to everything. The origin AS in them is not looked at.
///
/// A prefix of a target (RFC 4684 section 4 allows 32 to 96 bits) is taken as everything: more is sent than
/// was asked for, never less.
///
/// Times count from an epoch of the caller's choosing.
#[derive(Debug)]
pub struct PeerExport {
    peer: IpAddr,
    router_id: Ipv4Addr,
    families: BTreeSet<Family>,
    is_constrained: bool,
    /// The RTC routes that ask for a target, or for everything.
    asked: BTreeMap<Option<RouteTarget>, BTreeSet<NlriKey>>,
    marks: Marks,
    /// Of what it has published.
    paths: Paths,
}

impl PeerExport {
    /// A session that has come up with these common `families`, and the first subscriptions.
    ///
    /// RT-Constraint is in force if it is among the families. `router_id` is the own one: routes that come back
    /// to their originator are dropped (RFC 4456 section 8).
    pub fn established(
        peer: IpAddr,
        router_id: Ipv4Addr,
        families: impl IntoIterator<Item = Family>,
        now: Duration,
    ) -> (Self, Vec<RibEvent>) {
        let families: BTreeSet<Family> = families.into_iter().collect();
        let is_constrained = families.contains(&Family::RTC);
        let this = Self {
            marks: Marks::new(&families, now),
            peer,
            router_id,
            families,
            is_constrained,
            asked: BTreeMap::new(),
            paths: Paths::default(),
        };
        let first = this
            .families
            .iter()
            .filter(|f| !is_constrained || **f == Family::RTC);
        let wanted = first.copied().map(Match::all).collect::<Vec<_>>();
        let events = wanted.into_iter().map(|m| this.subscribe(m)).collect();
        (this, events)
    }

    /// The peer's name in the table.
    pub fn worker(&self) -> WorkerId {
        WorkerId::Peer(self.peer)
    }

    /// Whether RT-Constraint is in force on the session.
    pub fn is_constrained(&self) -> bool {
        self.is_constrained
    }

    /// Everything an UPDATE means. Families that are not common are ignored.
    pub fn on_update(&mut self, update: &Update, now: Duration) -> Vec<RibEvent> {
        let mut events = Vec::new();
        if let Some(family) = self.end_of_rib(update) {
            self.marks.received(family);
        }
        for (family, nlri) in &update.unreach {
            if self.families.contains(family) {
                nlri.iter()
                    .for_each(|nlri| self.withdraw(nlri, &mut events));
            }
        }
        let is_own = update.attributes.originator_id() == Some(self.router_id);
        for (family, next_hop, nlri) in &update.reach {
            if !self.families.contains(family) {
                continue;
            }
            if is_own {
                nlri.iter()
                    .for_each(|nlri| self.withdraw(nlri, &mut events));
                continue;
            }
            for of_one_path in nlri.chunk_by(|a, b| a.path_id == b.path_id) {
                let path = Path {
                    id: of_one_path.first().and_then(|nlri| nlri.path_id),
                    next_hop: next_hop.clone(),
                    attributes: update.attributes.clone(),
                };
                let path = self.paths.get(&path);
                for nlri in of_one_path {
                    self.advertise(Route::by(&path, nlri), now, &mut events);
                }
            }
        }
        events
    }

    /// The common family whose initial routes end with this UPDATE.
    pub fn end_of_rib(&self, update: &Update) -> Option<Family> {
        update
            .end_of_rib()
            .filter(|family| self.families.contains(family))
    }

    /// Families whose End-of-RIB is to be sent now, after everything that the events so far have brought about;
    /// each once a session.
    pub fn take_ends(&mut self, now: Duration) -> Vec<Family> {
        self.marks.take(now)
    }

    /// When to ask [`PeerExport::take_ends`] again at the latest.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.marks.next_deadline()
    }

    /// Families whose End-of-RIB was sent.
    pub fn ends_sent(&self) -> &BTreeSet<Family> {
        self.marks.sent_families()
    }

    /// Families whose End-of-RIB the peer has sent.
    pub fn ends_received(&self) -> &BTreeSet<Family> {
        self.marks.received_families()
    }

    fn advertise(&mut self, route: Route, now: Duration, events: &mut Vec<RibEvent>) {
        let asks = self.asks(route.nlri());
        let key = route.key();
        events.push(RibEvent::Advertise {
            source: self.worker(),
            route: Arc::new(route),
        });
        let Some(target) = asks else { return };
        self.marks.asked(now);
        let keys = self.asked.entry(target).or_default();
        if keys.insert(key) && keys.len() == 1 {
            events.extend(self.matches(target).map(|wanted| self.subscribe(wanted)));
        }
    }

    fn withdraw(&mut self, nlri: &Nlri, events: &mut Vec<RibEvent>) {
        let key = nlri.key();
        if let Some(target) = self.asks(nlri.borrowed())
            && let Some(keys) = self.asked.get_mut(&target)
            && keys.remove(&key)
            && keys.is_empty()
        {
            self.asked.remove(&target);
            let worker = self.worker();
            let gone = self.matches(target);
            events.extend(gone.map(|wanted| RibEvent::Unsubscribe { worker, wanted }));
        }
        events.push(RibEvent::Withdraw {
            source: self.worker(),
            key,
        });
    }

    /// What an RTC route asks for: a target, or everything; nothing if it is none.
    fn asks(&self, nlri: NlriRef<'_>) -> Option<Option<RouteTarget>> {
        if nlri.family != Family::RTC {
            return None;
        }
        match nlri.value() {
            // Complete, but not of a target: no route can match.
            Ok(NlriValue::Rtc(rtc)) if rtc.bits == 96 => rtc.route_target().map(Some),
            Ok(NlriValue::Rtc(_)) => Some(None),
            _ => None,
        }
    }

    fn matches(&self, target: Option<RouteTarget>) -> impl Iterator<Item = Match> + '_ {
        let families = self
            .families
            .iter()
            .filter(|family| **family != Family::RTC);
        families.map(move |family| Match {
            family: Some(*family),
            target,
        })
    }

    fn subscribe(&self, wanted: Match) -> RibEvent {
        RibEvent::Subscribe {
            worker: self.worker(),
            wanted,
        }
    }
}
