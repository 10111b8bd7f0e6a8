//! Whatever happens, an instance advertises again just what a plain reading of its endpoints and of the routes of
//! the table says, and what peers were told is what it advertises.

#![allow(clippy::unwrap_used, reason = "the values are right")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use bgp_rib::best_path::{Candidate, compare};
use bgp_rib::{Change, Route, WorkerId};
use bgp_wire::{ExtendedCommunity, IpPrefix, NlriValue, RouteTarget};
use common::ipvpn::{speaker, *};
use common::*;
use proptest::prelude::*;
use vpn::{AttachRequest, Output, Readvertise, Speaker};

const NAMES: [&str; 2] = ["x", "y"];
const DESTINATIONS: [&str; 3] = ["20.0.0.0/24", "0.0.0.0/0", "2001:db8::/64"];
/// Addresses of endpoints, and whether the subnet is advertised; the last one is a destination of others too.
const ADDRESSES: [(&str, bool); 3] = [
    ("100.0.0.1", false),
    ("100.0.0.2", false),
    ("20.0.0.1/24", true),
];

#[derive(Clone, Debug)]
enum Step {
    Attach {
        name: usize,
        mac: u8,
        at: usize,
        export: Vec<u32>,
        again: Option<(Vec<u32>, Vec<u32>)>,
        hash_order: u32,
    },
    Detach {
        name: usize,
        mac: u8,
        at: usize,
    },
    Announce(Said),
    TakeBack(Said),
}

#[derive(Clone, Debug)]
struct Said {
    pe: u8,
    to: usize,
    targets: Vec<u32>,
    records: Vec<u32>,
    local_pref: u32,
}

impl Said {
    fn route(&self) -> Route {
        let targets = self.targets.iter().map(|n| ExtendedCommunity::from(rt(*n)));
        let records = self.records.iter();
        let records = records.map(|n| ExtendedCommunity::from_rt_record(rt(*n)));
        let communities = targets.chain(records);
        with_communities(
            self.pe,
            DESTINATIONS[self.to],
            &[500],
            communities,
            self.local_pref,
        )
    }
}

fn targets(most: usize) -> impl Strategy<Value = Vec<u32>> {
    proptest::collection::vec(1..=4u32, 0..=most)
}

fn step() -> impl Strategy<Value = Step> {
    let endpoint = || (0..2usize, 1..=3u8, 0..3usize);
    let again = proptest::option::weighted(0.6, (targets(2), targets(2)));
    let said = || {
        (2..=4u8, 0..3usize, targets(2), targets(1), 99..=101u32).prop_map(
            |(pe, to, targets, records, local_pref)| Said {
                pe,
                to,
                targets,
                records,
                local_pref,
            },
        )
    };
    prop_oneof![
        6 => (endpoint(), targets(2), again, 0..2u32).prop_map(
            |((name, mac, at), export, again, hash_order)| {
                Step::Attach { name, mac, at, export, again, hash_order }
            }
        ),
        2 => endpoint().prop_map(|(name, mac, at)| Step::Detach { name, mac, at }),
        6 => said().prop_map(Step::Announce),
        2 => said().prop_map(Step::TakeBack),
    ]
}

/// What is known of an instance from the requests alone.
#[derive(Clone, Debug, Default)]
struct Instance {
    /// MAC, index of the address: hash order.
    endpoints: BTreeMap<(u8, usize), u32>,
    export: BTreeSet<RouteTarget>,
    from: BTreeSet<RouteTarget>,
    to: BTreeSet<RouteTarget>,
}

/// Prefix, distinguisher, label, extended communities.
type Again = (IpPrefix, String, u32, BTreeSet<ExtendedCommunity>);

impl Instance {
    fn advertised_again(&self, speaker: &Speaker, name: &str, number: u32) -> BTreeSet<Again> {
        let mut again = BTreeSet::new();
        let ports = speaker.vpns().ports(name).unwrap();
        let shown: Vec<_> = ports.into_values().flatten().collect();
        for ((n, at), hash_order) in &self.endpoints {
            let (address, is_subnet) = ADDRESSES[*at];
            let view = shown.iter().find(|view| {
                view.mac_address == mac(*n).to_string()
                    && view.ip_address.as_deref() == Some(address)
            });
            let view = view.unwrap();
            for to in destinations(speaker) {
                let own = is_subnet && !self.export.is_empty() && prefix(address) == to;
                let Some(records) = self.records(speaker, number, to).filter(|_| !own) else {
                    continue;
                };
                let communities = records
                    .into_iter()
                    .map(ExtendedCommunity::from_rt_record)
                    .chain(self.to.iter().map(|target| (*target).into()))
                    .chain([
                        ExtendedCommunity::from_consistent_hash_order(*hash_order),
                        ExtendedCommunity::from_encapsulation(
                            bgp_wire::community::Encapsulation::Mpls,
                        ),
                    ]);
                let rd = view.rd.clone().unwrap();
                again.insert((to, rd, view.label.unwrap(), communities.collect()));
            }
        }
        again
    }

    /// The targets that the best route to be advertised again has borne.
    fn records(
        &self,
        speaker: &Speaker,
        number: u32,
        to: IpPrefix,
    ) -> Option<BTreeSet<RouteTarget>> {
        if self.to.is_empty() {
            return None;
        }
        let recorded = |route: &Route| -> BTreeSet<RouteTarget> {
            let communities = route.attributes().extended_communities().iter();
            communities
                .filter_map(ExtendedCommunity::rt_record)
                .collect()
        };
        let candidates = speaker.table().routes().filter(|(source, route)| {
            let Ok(NlriValue::Vpn(value)) = route.nlri().value() else {
                return false;
            };
            let targets: BTreeSet<_> = route.route_targets().into_iter().collect();
            *source != WorkerId::Vrf(number)
                && value.prefix == to
                && !targets.is_disjoint(&self.from)
                && recorded(route).is_disjoint(&self.to)
        });
        let best = candidates.max_by(|a, b| {
            let candidate = |(source, route)| Candidate { source, route };
            let fewer = recorded(b.1).len().cmp(&recorded(a.1).len());
            fewer.then_with(|| compare(candidate((a.0, &**a.1)), candidate((b.0, &**b.1))))
        });
        best.map(|(_, route)| {
            recorded(route)
                .into_iter()
                .chain(route.route_targets())
                .collect()
        })
    }
}

/// Every prefix that somebody has a route for.
fn destinations(speaker: &Speaker) -> BTreeSet<IpPrefix> {
    let routes = speaker.table().routes();
    let prefix = |(_, route): (_, &std::sync::Arc<Route>)| match route.nlri().value() {
        Ok(NlriValue::Vpn(value)) => Some(value.prefix),
        _ => None,
    };
    routes.filter_map(prefix).collect()
}

struct World {
    speaker: Speaker,
    model: BTreeMap<&'static str, Instance>,
    /// What the peer holds.
    told: BTreeMap<bgp_wire::NlriKey, Route>,
}

impl World {
    fn step(&mut self, step: Step) {
        let out = match step {
            Step::Attach {
                name,
                mac: n,
                at,
                export,
                again,
                hash_order,
            } => {
                let (address, is_subnet) = ADDRESSES[at];
                let set = |numbers: &[u32]| -> BTreeSet<RouteTarget> {
                    numbers.iter().map(|n| rt(*n)).collect()
                };
                let again = again.map(|(from, to)| (set(&from), set(&to)));
                let request = AttachRequest {
                    advertise_subnet: is_subnet,
                    import: [rt(1)].into(),
                    export: set(&export),
                    readvertise: again.clone().map(|(from, to)| Readvertise { from, to }),
                    hash_order,
                    ..vrf(NAMES[name], n, address)
                };
                let Ok(prepared) = self.speaker.prepare_attach(request) else {
                    return;
                };
                let known = self.model.entry(NAMES[name]).or_default();
                known.endpoints.insert((n, at), hash_order);
                known.export = set(&export);
                if let Some((from, to)) = again {
                    (known.from, known.to) = (from, to);
                }
                self.speaker.commit(prepared.token)
            }
            Step::Detach { name, mac, at } => {
                let Ok(out) = self
                    .speaker
                    .detach(&leave(NAMES[name], mac, ADDRESSES[at].0))
                else {
                    return;
                };
                let known = self.model.get_mut(NAMES[name]).unwrap();
                known.endpoints.remove(&(mac, at)).unwrap();
                if known.endpoints.is_empty() {
                    self.model.remove(NAMES[name]);
                }
                out
            }
            Step::Announce(said) => self.speaker.handle([announce(&said.route())]),
            Step::TakeBack(said) => self.speaker.handle([take_back(&said.route())]),
        };
        self.hear(out);
        self.check();
    }

    fn hear(&mut self, out: Output) {
        for dispatch in out.dispatches {
            match dispatch.change {
                Change::Advertise { route, .. } => self.told.insert(route.key(), (*route).clone()),
                Change::Withdraw { route, .. } => self.told.remove(&route.key()),
            };
        }
    }

    fn check(&self) {
        let own = self.speaker.table().routes();
        let own: BTreeMap<_, _> = own
            .filter(|(source, _)| !source.is_peer())
            .map(|(_, route)| (route.key(), (**route).clone()))
            .collect();
        assert_eq!(self.told, own);
        for (name, instance) in &self.model {
            let number = self.speaker.vpns().instance(name).unwrap().id.0;
            let worker = WorkerId::Vrf(number);
            let published = self.speaker.table().routes_of(worker);
            let mut again = BTreeSet::new();
            for route in published {
                let Ok(NlriValue::Vpn(value)) = route.nlri().value() else {
                    panic!("{route:?}");
                };
                // Of the endpoints themselves all have a preference.
                if route.attributes().local_pref().is_none() {
                    let communities = route.attributes().extended_communities().iter().copied();
                    again.insert((
                        value.prefix,
                        format!(" rd {}", value.rd),
                        value.labels[0].label().get(),
                        communities.collect(),
                    ));
                }
            }
            let wanted = instance.advertised_again(&self.speaker, name, number);
            assert_eq!(again, wanted, "of {name}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_is_advertised_again_is_what_it_should_be(
        steps in proptest::collection::vec(step(), 1..40)
    ) {
        let mut world = World { speaker: speaker(), model: BTreeMap::new(), told: BTreeMap::new() };
        for step in steps {
            world.step(step);
        }
        for name in NAMES {
            for n in 1..=3 {
                for (address, _) in ADDRESSES {
                    if let Ok(out) = world.speaker.detach(&leave(name, n, address)) {
                        world.hear(out);
                    }
                }
            }
        }
        prop_assert!(world.speaker.vpns().is_idle());
        prop_assert!(world.told.is_empty());
    }
}
