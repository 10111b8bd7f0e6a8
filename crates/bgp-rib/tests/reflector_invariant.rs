//! Whatever clients do, each holds exactly what policy and RT-Constraint say.

#![allow(clippy::expect_used, reason = "a test may fail")]

mod support;

use std::{cmp::Reverse, collections::BTreeMap};

use bgp_rib::reflector::ClientId;
use bgp_rib::reflector::rules::{Path, Speaker, may_have, violations};
use bgp_wire::{
    AttributeValue, Family, NextHop, Nlri, NlriKey, NlriValue, PathAttributes,
    attribute::{AsPath, Origin},
    nlri::RtcRoute,
    raw::{RawMessage, RawUpdate},
};
use proptest::prelude::*;
use support::{Held, ROUTER_ID, World, announce, id, mac, plain, rt, targets, withdraw};

const CLIENTS: u64 = 5;
const ODD: Family = Family::new(16390, 99);

#[derive(Clone, Debug)]
enum Step {
    Up(u64, usize),
    Down(u64),
    Announce(u64, Vec<Nlri>, PathAttributes),
    Withdraw(u64, Nlri),
    /// Both in one message.
    Swap(u64, Nlri, Nlri, PathAttributes),
    Flush,
}

fn families(n: usize) -> &'static [Family] {
    const SETS: [&[Family]; 4] = [
        &[Family::EVPN],
        &[Family::EVPN, Family::RTC],
        &[Family::EVPN, Family::RTC, ODD],
        &[ODD],
    ];
    SETS[n % SETS.len()]
}

fn nlri() -> impl Strategy<Value = Nlri> {
    let relabelled = |n: u8, label: u8| {
        let mut octets = mac(n).bytes.to_vec();
        if let Some(last) = octets.last_mut() {
            *last = label;
        }
        Nlri::new(Family::EVPN, octets)
    };
    prop_oneof![
        6 => (0..5u8, 0..2u8).prop_map(move |(n, label)| relabelled(n, label)),
        4 => (64512..64514u32, 1..4u16, prop::sample::select(vec![96u8, 96, 96, 94, 0]))
            .prop_map(|(origin_as, target, bits)| {
                let route = RtcRoute::new(origin_as, rt(target));
                let route = if bits == 0 { RtcRoute::DEFAULT } else { RtcRoute { bits, ..route } };
                Nlri::from(NlriValue::Rtc(route))
            }),
        1 => (0..3u8).prop_map(|n| Nlri::new(ODD, vec![n])),
    ]
}

/// A few of one family; an opaque field goes alone.
fn nlris() -> impl Strategy<Value = Vec<Nlri>> {
    prop::collection::vec(nlri(), 1..4).prop_map(|mut list| {
        let family = list[0].family;
        list.retain(|nlri| nlri.family == family);
        list.truncate(if family == ODD { 1 } else { list.len() });
        list
    })
}

fn attributes() -> impl Strategy<Value = PathAttributes> {
    let some_targets = prop::sample::subsequence(vec![1u16, 2, 3], 0..=3);
    let special = prop_oneof![
        6 => Just(None),
        1 => (99..102u32).prop_map(|value| Some(AttributeValue::LocalPref(value))),
        1 => (0..3u32).prop_map(|value| Some(AttributeValue::Med(value))),
        1 => (1..8u64).prop_map(|by| Some(AttributeValue::OriginatorId(id(by)))),
        1 => Just(Some(AttributeValue::ClusterList(vec![id(9)]))),
        1 => Just(Some(AttributeValue::ClusterList(vec![ROUTER_ID]))),
    ];
    (some_targets, special).prop_map(|(list, special)| {
        let attributes = if list.is_empty() {
            plain()
        } else {
            targets(&list)
        };
        match special {
            Some(special) => attributes.with(special),
            None => attributes,
        }
    })
}

fn step() -> impl Strategy<Value = Step> {
    let client = 1..=CLIENTS;
    prop_oneof![
        2 => (client.clone(), 0..4usize).prop_map(|(client, set)| Step::Up(client, set)),
        1 => client.clone().prop_map(Step::Down),
        8 => (client.clone(), nlris(), attributes()).prop_map(|(c, n, a)| Step::Announce(c, n, a)),
        4 => (client.clone(), nlri()).prop_map(|(client, nlri)| Step::Withdraw(client, nlri)),
        2 => (client, nlri(), nlri(), attributes()).prop_map(|(c, old, n, a)| Step::Swap(c, old, n, a)),
        3 => Just(Step::Flush),
    ]
}

/// One UPDATE that says what both say.
fn joined(a: &RawMessage, b: &RawMessage) -> RawMessage {
    let [a, b] = [a, b].map(|message| RawUpdate::parse(&message.body).expect("an UPDATE"));
    let attributes = [a.attributes, b.attributes].concat();
    RawUpdate::new(a.withdrawn, attributes.into(), a.nlri).encode()
}

/// What each live client speaks and has announced.
type Model = BTreeMap<u64, (&'static [Family], Announced)>;

/// What a client has announced.
type Announced = BTreeMap<NlriKey, (Nlri, PathAttributes)>;

/// What a client is to hold, computed from nothing but the model.
fn expected(model: &Model, client: u64) -> BTreeMap<NlriKey, Held> {
    let mut paths: BTreeMap<NlriKey, Vec<(u64, &Nlri, &PathAttributes)>> = BTreeMap::new();
    for (source, (_, routes)) in model {
        for (key, (nlri, attributes)) in routes {
            paths
                .entry(key.clone())
                .or_default()
                .push((*source, nlri, attributes));
        }
    }
    let (families, _) = &model[&client];
    let constrained = families.contains(&Family::RTC);
    let speakers = speakers(model, &BTreeMap::new());
    let speaker = |client: u64| {
        let at = model.keys().position(|known| *known == client);
        &speakers[at.expect("a client")]
    };
    let mut held = BTreeMap::new();
    for (key, paths) in paths {
        let originator = |source: u64, attributes: &PathAttributes| match attributes.originator_id()
        {
            // RFC 4684 section 3.2.
            _ if key.family() == Family::RTC => ROUTER_ID,
            Some(originator) => originator,
            None => id(source),
        };
        let best = paths.into_iter().min_by_key(|(source, _, attributes)| {
            (
                Reverse(attributes.local_pref()),
                attributes.med().unwrap_or(0),
                originator(*source, attributes),
                attributes.cluster_list().len(),
                *source,
            )
        });
        let Some((source, nlri, attributes)) = best else {
            continue;
        };
        let originator = originator(source, attributes);
        let (from, to) = (speaker(source), speaker(client));
        if may_have(ROUTER_ID, nlri.family, &path(attributes), from, to).is_ok() {
            let mut clusters = vec![ROUTER_ID];
            clusters.extend(attributes.cluster_list());
            let attributes = attributes
                .clone()
                .with(AttributeValue::OriginatorId(originator))
                .with(AttributeValue::ClusterList(clusters));
            let next_hop = NextHop::for_family(nlri.family, id(source).into());
            held.insert(key, (nlri.clone(), next_hop, attributes));
        }
    }
    let silent =
        |families: &[Family]| families.contains(&Family::EVPN) && !families.contains(&Family::RTC);
    if constrained && model.values().any(|(families, _)| silent(families)) {
        let nlri = Nlri::from(NlriValue::Rtc(RtcRoute::DEFAULT));
        let attributes = PathAttributes::new()
            .with(AttributeValue::Origin(Origin::Igp))
            .with(AttributeValue::AsPath(AsPath::default()))
            .with(AttributeValue::LocalPref(100));
        let next_hop = NextHop::for_family(Family::RTC, ROUTER_ID.into());
        held.insert(nlri.key(), (nlri, next_hop, attributes));
    }
    held
}

fn path(attributes: &PathAttributes) -> Path {
    Path {
        targets: attributes.route_targets().into_iter().collect(),
        originator: attributes.originator_id(),
        clusters: attributes.cluster_list().to_vec(),
        next_hop: None,
    }
}

/// The clients as the rules see them, in the order of the model, with what each of `held` holds.
fn speakers(
    model: &Model,
    held: &BTreeMap<ClientId, BTreeMap<NlriKey, Held>>,
) -> Vec<Speaker<NlriKey>> {
    let speaker = |(client, (families, routes)): (&u64, &(&'static [Family], Announced))| Speaker {
        name: client.to_string(),
        router_id: id(*client),
        is_client: true,
        is_reflector: false,
        families: families.iter().copied().collect(),
        asks: routes
            .values()
            .filter_map(|(nlri, _)| match nlri.value() {
                Ok(NlriValue::Rtc(route)) => Some(route),
                _ => None,
            })
            .collect(),
        announces: Some(
            routes
                .iter()
                .map(|(key, (_, attributes))| (key.clone(), path(attributes)))
                .collect(),
        ),
        holds: held.get(&ClientId(*client)).map(|held| {
            let held = held.iter();
            held.map(|(key, (_, _, attributes))| (key.clone(), path(attributes)))
                .collect()
        }),
        tells_all: true,
    };
    model.iter().map(speaker).collect()
}

fn learn(model: &mut Model, client: u64, nlri: Nlri, attributes: PathAttributes) {
    let Some((families, routes)) = model.get_mut(&client) else {
        return;
    };
    if !families.contains(&nlri.family) {
        return;
    }
    if attributes.cluster_list().contains(&ROUTER_ID) {
        routes.remove(&nlri.key());
    } else {
        routes.insert(nlri.key(), (nlri, attributes));
    }
}

fn run(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut world = World::new();
    let mut model = Model::new();
    for step in steps {
        match step {
            Step::Up(client, set) => {
                // An old session of the same number is gone by that.
                model.insert(client, (families(set), BTreeMap::new()));
                world.flush();
                world.up(client, families(set));
            }
            Step::Down(client) => {
                if model.remove(&client).is_some() {
                    world.down(client);
                }
            }
            Step::Announce(client, list, attributes) => {
                if !model.contains_key(&client) {
                    continue;
                }
                for message in announce(client, &attributes, &list) {
                    world.update_later(client, &message);
                }
                for nlri in list {
                    learn(&mut model, client, nlri, attributes.clone());
                }
            }
            Step::Swap(client, old, nlri, attributes) => {
                let Some((_, routes)) = model.get_mut(&client) else {
                    continue;
                };
                let announced = announce(client, &attributes, std::slice::from_ref(&nlri));
                let withdrawn = withdraw(std::slice::from_ref(&old));
                world.update_later(client, &joined(&announced[0], &withdrawn[0]));
                routes.remove(&old.key());
                learn(&mut model, client, nlri, attributes);
            }
            Step::Withdraw(client, nlri) => {
                let Some((_, routes)) = model.get_mut(&client) else {
                    continue;
                };
                for message in withdraw(std::slice::from_ref(&nlri)) {
                    world.update_later(client, &message);
                }
                routes.remove(&nlri.key());
            }
            Step::Flush => {
                world.flush();
                for client in model.keys() {
                    let held = &world.held[&ClientId(*client)];
                    prop_assert_eq!(held, &expected(&model, *client), "client {}", client);
                }
                let speakers = speakers(&model, &world.held);
                let found = violations(ROUTER_ID, &speakers, NlriKey::family);
                prop_assert_eq!(found, []);
            }
        }
    }
    // Nothing is left when all are gone.
    for client in model.into_keys() {
        world.down(client);
    }
    let counts: Vec<_> = world.reflector.counts().collect();
    prop_assert_eq!(counts, []);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, ..ProptestConfig::default() })]

    #[test]
    fn each_client_holds_what_it_should(
        first in prop::collection::vec((1..=CLIENTS, 0..4usize), 2..5),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let up = first.into_iter().map(|(client, set)| Step::Up(client, set));
        run(up.chain(steps).chain([Step::Flush]).collect())?;
    }
}
