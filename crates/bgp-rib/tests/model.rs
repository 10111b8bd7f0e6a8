//! Whatever happens, each worker holds what a plain reading of routes and subscriptions says it should.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use bgp_rib::{Change, Dispatch, Match, RibEvent, Route, RouteTable, RtcOrigin, WorkerId};
use bgp_wire::{Family, NlriKey};
use common::*;
use proptest::prelude::*;

type Held = BTreeMap<(WorkerId, WorkerId, NlriKey), Route>;

fn worker() -> impl Strategy<Value = WorkerId> {
    prop_oneof![
        (1..=2u8).prop_map(peer),
        (1..=2u32).prop_map(WorkerId::Evi),
        Just(WorkerId::Vrf(3)),
    ]
}

fn route() -> impl Strategy<Value = Route> {
    let targets = proptest::collection::vec(1..=3u32, 0..3);
    (any::<bool>(), 1..=3u8, targets).prop_map(|(is_mac, n, targets)| {
        if is_mac {
            mac_route(n, &targets)
        } else {
            vpn_route(n, &targets)
        }
    })
}

fn wanted() -> impl Strategy<Value = Match> {
    let family = prop_oneof![
        Just(None),
        Just(Some(Family::EVPN)),
        Just(Some(Family::VPNV4)),
        Just(Some(Family::RTC)),
    ];
    let target = proptest::option::weighted(0.8, (1..=3u32).prop_map(rt));
    (family, target).prop_map(|(family, target)| Match { family, target })
}

fn families() -> impl Strategy<Value = BTreeSet<Family>> {
    proptest::sample::subsequence(vec![Family::EVPN, Family::VPNV4], 0..=2)
        .prop_map(|families| families.into_iter().collect())
}

fn event() -> impl Strategy<Value = RibEvent> {
    prop_oneof![
        4 => (worker(), route()).prop_map(|(source, route)| advertise(source, &route)),
        2 => (worker(), route()).prop_map(|(source, route)| withdraw(source, &route)),
        3 => (worker(), wanted()).prop_map(|(worker, wanted)| subscribe(worker, wanted)),
        2 => (worker(), wanted()).prop_map(|(worker, wanted)| unsubscribe(worker, wanted)),
        1 => worker().prop_map(|worker| RibEvent::Cleanup { worker }),
        1 => (worker(), families()).prop_map(|(worker, families)| RibEvent::Retain { worker, families }),
        1 => worker().prop_map(|worker| RibEvent::Resume { worker }),
        1 => (worker(), families()).prop_map(|(worker, families)| RibEvent::Sweep { worker, families }),
    ]
}

/// Routes and subscriptions as plain sets.
#[derive(Default)]
struct Model {
    routes: BTreeMap<(WorkerId, NlriKey), Route>,
    wanted: BTreeSet<(WorkerId, Match)>,
    unconfirmed: BTreeSet<(WorkerId, NlriKey)>,
}

impl Model {
    fn handle(&mut self, event: &RibEvent) {
        match event.clone() {
            RibEvent::Advertise { source, route } => {
                self.unconfirmed.remove(&(source, route.key()));
                self.routes.insert((source, route.key()), (*route).clone());
            }
            RibEvent::Withdraw { source, key } => {
                self.unconfirmed.remove(&(source, key.clone()));
                self.routes.remove(&(source, key));
            }
            RibEvent::Subscribe { worker, wanted } => {
                self.wanted.insert((worker, wanted));
            }
            RibEvent::Unsubscribe { worker, wanted } => {
                self.wanted.remove(&(worker, wanted));
            }
            RibEvent::Cleanup { worker } => {
                self.drop_routes(|(source, _)| *source == worker);
                self.wanted.retain(|(who, _)| *who != worker);
            }
            RibEvent::Retain { worker, families } => {
                let unconfirmed = self.unconfirmed.clone();
                self.drop_routes(|id| {
                    id.0 == worker
                        && (unconfirmed.contains(id) || !families.contains(&id.1.family()))
                });
                self.set_stale(worker, true);
                let left = self.routes.keys().filter(|(source, _)| *source == worker);
                self.unconfirmed.extend(left.cloned());
                self.wanted.retain(|(who, _)| *who != worker);
            }
            RibEvent::Resume { worker } => self.set_stale(worker, false),
            RibEvent::Sweep { worker, families } => {
                let unconfirmed = self.unconfirmed.clone();
                self.drop_routes(|id| {
                    id.0 == worker && unconfirmed.contains(id) && families.contains(&id.1.family())
                });
            }
        }
    }

    fn drop_routes(&mut self, goes: impl Fn(&(WorkerId, NlriKey)) -> bool) {
        self.routes.retain(|id, _| !goes(id));
        self.unconfirmed.retain(|id| !goes(id));
    }

    fn set_stale(&mut self, worker: WorkerId, stale: bool) {
        for ((source, _), route) in &mut self.routes {
            if *source == worker {
                route.stale = stale;
            }
        }
    }

    fn constraint_routes(&self, origin: RtcOrigin) -> Vec<Route> {
        let counts = |family: Option<Family>| family.is_none_or(|f| f != Family::RTC);
        let needs = self
            .wanted
            .iter()
            .filter(|(who, m)| !who.is_peer() && counts(m.family));
        let targets: BTreeSet<_> = needs.filter_map(|(_, m)| m.target).collect();
        targets
            .into_iter()
            .map(|target| origin.route(target))
            .collect()
    }

    fn held(&self, origin: RtcOrigin) -> Held {
        let rtc = self.constraint_routes(origin).into_iter();
        let rtc = rtc.map(|route| ((WorkerId::Manager, route.key()), route));
        let mut held = Held::new();
        for ((source, key), route) in self.routes.clone().into_iter().chain(rtc) {
            for (to, wanted) in &self.wanted {
                let is_transit = source.is_peer() && to.is_peer();
                if *to != source
                    && !is_transit
                    && wanted.accepts(route.family(), &route.route_targets())
                {
                    held.insert((*to, source, key.clone()), route.clone());
                }
            }
        }
        held
    }
}

/// What the workers make of what they are told. A change they could not know of is a failure.
fn apply(held: &mut Held, dispatch: &Dispatch) {
    let to = dispatch.to;
    match &dispatch.change {
        Change::Advertise {
            route,
            replaced,
            source,
        } => {
            let old = held.insert((to, *source, route.key()), (**route).clone());
            assert_eq!(old.as_ref(), replaced.as_deref(), "replaced, at {to}");
        }
        Change::Withdraw { route, source } => {
            let old = held.remove(&(to, *source, route.key()));
            assert_eq!(old.as_ref(), Some(&**route), "withdrawn, at {to}");
        }
    }
}

proptest! {
    #[test]
    fn every_worker_holds_what_it_should(events in proptest::collection::vec(event(), 1..60)) {
        let origin = RtcOrigin { local_as: 64512, next_hop: PE.into() };
        let (mut table, mut model, mut held) =
            (RouteTable::new(Some(origin)), Model::default(), Held::new());
        for event in events {
            model.handle(&event);
            if let RibEvent::Cleanup { worker } | RibEvent::Retain { worker, .. } = event {
                held.retain(|(to, ..), _| *to != worker);
            }
            for dispatch in table.handle(event) {
                apply(&mut held, &dispatch);
            }
            prop_assert_eq!(&held, &model.held(origin));
            let (_, received): (Vec<_>, Vec<_>) =
                model.routes.keys().partition(|(source, _)| !source.is_peer());
            prop_assert_eq!(table.counts().received, received.len());
            prop_assert_eq!(table.counts().local, model.routes.len() - received.len());
        }
        let workers = [peer(1), peer(2), WorkerId::Evi(1), WorkerId::Evi(2), WorkerId::Vrf(3)];
        for worker in workers {
            table.handle(RibEvent::Cleanup { worker });
        }
        prop_assert!(table.is_empty());
    }
}
