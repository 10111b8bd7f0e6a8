//! What the rules of reflection say of tables that are as they should be, and of those with one thing wrong.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use bgp_rib::reflector::rules::{Path, Rule, Speaker, Violation, Wrong, violations};
use bgp_wire::{Family, RouteTarget, nlri::RtcRoute};

const CLUSTER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 100);

type Lab = Vec<Speaker<&'static str>>;

fn rt(number: u32) -> RouteTarget {
    RouteTarget::as2(64512, number)
}

fn id(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, n)
}

/// With a route of its own that has `target`, which it asks for.
fn speaker(n: u8, name: &str, route: &'static str, target: u32) -> Speaker<&'static str> {
    let path = Path {
        targets: BTreeSet::from([rt(target)]),
        next_hop: Some(id(n).into()),
        ..Path::default()
    };
    Speaker {
        name: name.into(),
        router_id: id(n),
        is_client: true,
        is_reflector: false,
        families: BTreeSet::from([Family::EVPN, Family::RTC]),
        asks: vec![RtcRoute::new(64512, rt(target))],
        announces: Some(BTreeMap::from([(route, path)])),
        holds: Some(BTreeMap::new()),
        tells_all: true,
    }
}

/// As `from` announced it, after the reflector.
fn reflected(from: &Speaker<&'static str>, route: &'static str) -> Path {
    let announced = from.announces.as_ref().unwrap();
    Path {
        originator: Some(from.router_id),
        clusters: vec![CLUSTER],
        ..announced[route].clone()
    }
}

/// Two of a VPN that hold each other's routes, and one of another VPN that holds nothing.
fn lab() -> Lab {
    let mut lab = vec![
        speaker(1, "a", "of a", 7),
        speaker(2, "b", "of b", 7),
        speaker(3, "c", "of c", 8),
    ];
    lab[0].holds = Some(BTreeMap::from([("of b", reflected(&lab[1], "of b"))]));
    lab[1].holds = Some(BTreeMap::from([("of a", reflected(&lab[0], "of a"))]));
    lab
}

fn found(lab: &Lab) -> Vec<Violation<&'static str>> {
    violations(CLUSTER, lab, |_| Family::EVPN)
}

fn only(lab: &Lab) -> (String, &'static str, Wrong) {
    let mut found = found(lab);
    assert_eq!(found.len(), 1, "{found:?}");
    let Violation { at, route, what } = found.remove(0);
    (at, route, what)
}

fn held<'a>(lab: &'a mut Lab, at: usize, route: &'static str) -> &'a mut Path {
    lab[at].holds.as_mut().unwrap().get_mut(route).unwrap()
}

#[test]
fn what_is_as_it_should_be_violates_nothing() {
    assert_eq!(found(&lab()), []);
}

#[test]
fn a_route_that_was_not_passed_on_is_missed() {
    let mut lab = lab();
    lab[1].holds = Some(BTreeMap::new());
    let from = "a".into();
    assert_eq!(only(&lab), ("b".into(), "of a", Wrong::Lacks { from }));
}

#[test]
fn a_route_that_nobody_asked_for_is_noticed() {
    let mut lab = lab();
    lab[2].holds = Some(BTreeMap::from([("of a", reflected(&lab[0], "of a"))]));
    let (from, rule) = ("a".into(), Rule::NotAsked);
    assert_eq!(
        only(&lab),
        ("c".into(), "of a", Wrong::Holds { from, rule })
    );
    // Whoever cannot ask gets everything: the other two are missing now.
    lab[2].families.remove(&Family::RTC);
    let (from, at) = ("b".into(), "c".into());
    assert_eq!(only(&lab), (at, "of b", Wrong::Lacks { from }));
}

#[test]
fn a_route_that_came_back_is_noticed() {
    let mut lab = lab();
    let own = reflected(&lab[0], "of a");
    lab[0].holds.as_mut().unwrap().insert("of a", own);
    let (from, rule) = ("a".into(), Rule::Sender);
    assert_eq!(
        only(&lab),
        ("a".into(), "of a", Wrong::Holds { from, rule })
    );
}

#[test]
fn a_withdrawal_that_was_not_passed_on_leaves_a_stale_route() {
    let mut lab = lab();
    lab[0].announces = Some(BTreeMap::new());
    assert_eq!(only(&lab), ("b".into(), "of a", Wrong::Stale));
    // Unless somebody may have announced it who does not tell.
    lab[2].announces = None;
    assert_eq!(found(&lab), []);
}

#[test]
fn a_route_is_not_to_be_altered() {
    let mut wrong = lab();
    held(&mut wrong, 1, "of a").targets = BTreeSet::from([rt(9)]);
    assert!(matches!(only(&wrong).2, Wrong::Targets { .. }));

    let mut wrong = lab();
    held(&mut wrong, 1, "of a").next_hop = Some(CLUSTER.into());
    assert!(matches!(only(&wrong).2, Wrong::NextHop { .. }));

    let mut wrong = lab();
    held(&mut wrong, 1, "of a").originator = None;
    let (originator, seen) = (id(1), None);
    assert_eq!(only(&wrong).2, Wrong::WrongOriginator { originator, seen });
    // Unless the speaker does not tell of originators.
    wrong[1].tells_all = false;
    assert_eq!(found(&wrong), []);

    let mut wrong = lab();
    held(&mut wrong, 1, "of a").clusters = vec![id(9), CLUSTER];
    let cluster = CLUSTER;
    assert_eq!(only(&wrong).2, Wrong::NoCluster { cluster });
}

#[test]
fn routes_of_a_non_client_go_to_clients_only() {
    let mut lab = lab();
    for speaker in &mut lab[..2] {
        speaker.is_client = false;
    }
    let rules: Vec<Wrong> = found(&lab).into_iter().map(|wrong| wrong.what).collect();
    let wrong = |from: &str| Wrong::Holds {
        from: from.into(),
        rule: Rule::NonClients,
    };
    assert_eq!(rules, [wrong("b"), wrong("a")]);
}

#[test]
fn of_two_paths_either_will_do() {
    let mut lab = lab();
    let path = reflected(&lab[0], "of a");
    let own = Path {
        originator: None,
        clusters: Vec::new(),
        next_hop: Some(id(3).into()),
        ..path
    };
    lab[2].announces.as_mut().unwrap().insert("of a", own);
    assert_eq!(found(&lab), []);
    *held(&mut lab, 1, "of a") = reflected(&lab[2], "of a");
    assert_eq!(found(&lab), []);
    held(&mut lab, 1, "of a").next_hop = Some(id(9).into());
    assert!(matches!(only(&lab).2, Wrong::NextHop { .. }));
}
