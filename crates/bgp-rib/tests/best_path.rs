//! Which route is used.

mod common;

use std::cmp::Ordering;

use bgp_rib::best_path::{Candidate, compare};
use bgp_rib::{Route, WorkerId};
use bgp_wire::community::MacMobility;
use bgp_wire::{AttributeValue, ExtendedCommunity, NextHop};
use common::*;
use proptest::prelude::*;

fn with(route: &Route, sticky: bool, sequence: Option<u32>, local_pref: Option<u32>) -> Route {
    let mut communities = route.attributes().extended_communities().to_vec();
    let mobility = |sequence| MacMobility { sticky, sequence };
    communities.extend(sequence.map(|n| ExtendedCommunity::from_mac_mobility(mobility(n))));
    let mut attributes = route
        .attributes()
        .clone()
        .with(AttributeValue::ExtendedCommunities(communities));
    if let Some(n) = local_pref {
        attributes = attributes.with(AttributeValue::LocalPref(n));
    }
    route.clone().with_attributes(attributes)
}

fn from(n: u8, route: &Route) -> Route {
    route
        .clone()
        .with_next_hop(NextHop::V4([10, 0, 0, n].into()))
}

fn wins(a: &Route, b: &Route) -> bool {
    let candidate = |n, route| Candidate {
        source: peer(n),
        route,
    };
    let there = compare(candidate(8, a), candidate(9, b));
    assert_eq!(compare(candidate(9, b), candidate(8, a)), there.reverse());
    there == Ordering::Greater
}

#[test]
fn the_higher_local_pref_wins_and_100_is_the_default() {
    let (plain, near) = (mac_route(1, &[1]), from(0, &mac_route(1, &[1])));
    assert!(wins(&with(&plain, false, None, Some(101)), &near));
    assert!(wins(&near, &with(&plain, false, None, Some(99))));
    assert!(wins(&near, &with(&plain, false, None, Some(100))));
    assert!(wins(&near, &with(&plain, false, None, Some(0))));
}

// After a move the old location could stay preferred as long as both were advertised.
#[test]
fn issue_31_the_later_location_of_a_mac_wins() {
    let route = mac_route(1, &[1]);
    let old = with(&from(1, &route), false, None, Some(200));
    let moved = with(&from(2, &route), false, Some(1), None);
    let moved_again = with(&from(3, &route), false, Some(2), None);
    assert!(wins(&moved, &old));
    assert!(wins(&moved_again, &moved));
}

#[test]
fn a_static_mac_does_not_move() {
    let route = mac_route(1, &[1]);
    let fixed = with(&from(2, &route), true, Some(0), None);
    assert!(wins(&fixed, &with(&from(1, &route), false, Some(7), None)));
}

#[test]
fn issue_31_of_equal_sequences_the_lower_address_wins() {
    let route = with(&mac_route(1, &[1]), false, Some(3), None);
    assert!(wins(&from(9, &route), &from(10, &route)));
}

#[test]
fn mobility_means_nothing_elsewhere() {
    let route = vpn_route(1, &[1]);
    assert!(wins(
        &from(1, &route),
        &with(&from(2, &route), true, Some(5), None)
    ));
}

#[test]
fn an_own_worker_wins_over_a_peer() {
    let route = mac_route(1, &[1]);
    let own = Candidate {
        source: WorkerId::Evi(7),
        route: &route,
    };
    let received = Candidate {
        source: peer(9),
        route: &route,
    };
    assert_eq!(compare(own, received), Ordering::Greater);
}

proptest! {
    /// A total order, or instances would disagree.
    #[test]
    fn the_order_is_total(specs in proptest::collection::vec(
        (1..3u8, any::<bool>(), proptest::option::of(0..2u32), proptest::option::of(99..102u32)), 3,
    )) {
        let routes: Vec<_> = specs
            .iter()
            .map(|(n, sticky, sequence, pref)| with(&from(*n, &mac_route(1, &[1])), *sticky, *sequence, *pref))
            .collect();
        let candidate = |n: usize| Candidate { source: peer(n as u8), route: &routes[n] };
        let order = |a, b| compare(candidate(a), candidate(b));
        for (a, b, c) in [(0, 1, 2), (1, 2, 0), (2, 0, 1), (0, 2, 1)] {
            prop_assert_eq!(order(a, b), order(b, a).reverse());
            prop_assert_ne!(order(a, b), Ordering::Equal);
            if order(a, b) == order(b, c) {
                prop_assert_eq!(order(a, c), order(a, b));
            }
        }
    }
}

#[test]
fn a_fresh_route_wins_over_one_whose_publisher_is_away() {
    let route = mac_route(1, &[79]);
    let better = with(&route, false, None, Some(200));
    let mut stale = better.clone();
    stale.stale = true;
    assert!(wins(&better, &route));
    assert!(wins(&route, &stale));
}
