//! The route table, as stories.

mod common;

use bgp_rib::{
    Change, Dispatch, Match, RibEvent, Route, RouteCounts, RouteTable, RtcOrigin, WorkerId,
};
use bgp_wire::{Family, LabelField, NextHop, Nlri, NlriValue};
use common::*;

const EVI1: WorkerId = WorkerId::Evi(1);
const EVI2: WorkerId = WorkerId::Evi(2);
const VRF3: WorkerId = WorkerId::Vrf(3);

/// `+` advertise, `*` advertise in place of another, `-` withdraw; worker; NLRI.
fn told(dispatches: &[Dispatch]) -> Vec<String> {
    let line = |dispatch: &Dispatch| {
        let (sign, route) = match &dispatch.change {
            Change::Advertise {
                route,
                replaced: None,
                ..
            } => ('+', route),
            Change::Advertise { route, .. } => ('*', route),
            Change::Withdraw { route, .. } => ('-', route),
        };
        format!(
            "{sign} {} {}",
            dispatch.to,
            bgp_rib::render::nlri_text(route)
        )
    };
    dispatches.iter().map(line).collect()
}

fn text(sign: char, to: WorkerId, route: &Route) -> String {
    format!("{sign} {to} {}", bgp_rib::render::nlri_text(route))
}

fn table() -> RouteTable {
    RouteTable::new(None)
}

fn with_rtc() -> RouteTable {
    RouteTable::new(Some(RtcOrigin {
        local_as: 64512,
        next_hop: PE.into(),
    }))
}

#[test]
fn a_route_goes_to_those_who_want_one_of_its_targets() {
    let mut table = table();
    for (worker, target) in [(EVI1, 1), (EVI2, 2), (VRF3, 3)] {
        table.handle(subscribe(worker, evpn(target)));
    }
    let route = mac_route(1, &[1, 2]);
    let out = table.handle(advertise(peer(9), &route));
    assert_eq!(
        told(&out),
        [text('+', EVI1, &route), text('+', EVI2, &route)]
    );
}

#[test]
fn a_worker_with_two_matching_subscriptions_is_told_once() {
    let mut table = table();
    table.handle(subscribe(EVI1, evpn(1)));
    table.handle(subscribe(EVI1, evpn(2)));
    table.handle(subscribe(
        EVI1,
        Match {
            family: None,
            target: None,
        },
    ));
    let route = mac_route(1, &[1, 2]);
    let out = table.handle(advertise(peer(9), &route));
    assert_eq!(told(&out), [text('+', EVI1, &route)]);
}

#[test]
fn a_late_subscriber_gets_what_it_does_not_have() {
    let mut table = table();
    let (one, both) = (mac_route(1, &[1]), mac_route(2, &[1, 2]));
    table.handle(advertise(peer(9), &both));
    table.handle(advertise(peer(9), &one));
    let out = table.handle(subscribe(EVI1, evpn(2)));
    assert_eq!(told(&out), [text('+', EVI1, &both)]);
    let out = table.handle(subscribe(EVI1, evpn(1)));
    assert_eq!(told(&out), [text('+', EVI1, &one)]);
    assert!(table.handle(subscribe(EVI1, evpn(1))).is_empty());
    let out = table.handle(unsubscribe(EVI1, evpn(1)));
    assert_eq!(told(&out), [text('-', EVI1, &one)]);
}

#[test]
fn nothing_goes_back_to_its_source_or_from_peer_to_peer() {
    let mut table = table();
    for worker in [EVI1, peer(8), peer(9)] {
        table.handle(subscribe(worker, Match::all(Family::EVPN)));
    }
    let (own, received) = (mac_route(1, &[1]), mac_route(2, &[1]));
    let out = table.handle(advertise(EVI1, &own));
    assert_eq!(
        told(&out),
        [text('+', peer(8), &own), text('+', peer(9), &own)]
    );
    let out = table.handle(advertise(peer(9), &received));
    assert_eq!(told(&out), [text('+', EVI1, &received)]);
    let late = table.handle(subscribe(peer(7), Match::all(Family::EVPN)));
    assert_eq!(told(&late), [text('+', peer(7), &own)]);
}

#[test]
fn an_equal_route_is_no_news() {
    let mut table = table();
    table.handle(subscribe(EVI1, evpn(1)));
    table.handle(advertise(peer(9), &mac_route(1, &[1])));
    assert!(
        table
            .handle(advertise(peer(9), &mac_route(1, &[1])))
            .is_empty()
    );
}

// Routes with only a new label, VNI or next hop were once dropped as duplicates.
#[test]
fn issue_27_a_new_vni_or_next_hop_is_a_replacement() {
    let mut table = table();
    table.handle(subscribe(EVI1, evpn(1)));
    let route = mac_route(1, &[1]);
    table.handle(advertise(peer(9), &route));

    let Ok(NlriValue::Evpn(mut value)) = route.nlri().value() else {
        panic!()
    };
    if let bgp_wire::nlri::EvpnRoute::MacIp { label1, .. } = &mut value {
        *label1 = LabelField::from_vni(vni(80));
    }
    let revalued = route.clone().with_nlri(Nlri::from(NlriValue::Evpn(value)));
    let out = table.handle(advertise(peer(9), &revalued));
    assert_eq!(told(&out), [text('*', EVI1, &revalued)]);

    let moved = revalued.with_next_hop(NextHop::V4([10, 0, 0, 7].into()));
    let out = table.handle(advertise(peer(9), &moved));
    assert_eq!(told(&out), [text('*', EVI1, &moved)]);
    let Change::Advertise {
        replaced: Some(replaced),
        ..
    } = &out[0].change
    else {
        panic!()
    };
    assert_eq!(*replaced.next_hop(), NextHop::V4(PE));
}

#[test]
fn a_change_of_targets_tells_each_worker_what_it_means_to_it() {
    let mut table = table();
    for (worker, target) in [(EVI1, 1), (EVI2, 2), (VRF3, 3)] {
        table.handle(subscribe(worker, evpn(target)));
    }
    let (old, new) = (mac_route(1, &[1, 2]), mac_route(1, &[2, 3]));
    table.handle(advertise(peer(9), &old));
    let out = table.handle(advertise(peer(9), &new));
    let expected = [
        text('+', VRF3, &new),
        text('*', EVI2, &new),
        text('-', EVI1, &old),
    ];
    assert_eq!(told(&out), expected);
}

#[test]
fn the_same_nlri_of_two_sources_are_two_routes() {
    let mut table = table();
    table.handle(subscribe(EVI1, evpn(1)));
    let route = mac_route(1, &[1]);
    table.handle(advertise(peer(8), &route));
    let out = table.handle(advertise(peer(9), &route));
    assert_eq!(told(&out), [text('+', EVI1, &route)]);
    let out = table.handle(withdraw(peer(8), &route));
    let expected = Change::Withdraw {
        route: route.clone().into(),
        source: peer(8),
    };
    assert_eq!(
        out,
        [Dispatch {
            to: EVI1,
            change: expected
        }]
    );
    assert!(table.handle(withdraw(peer(8), &route)).is_empty());
    assert_eq!(
        table.counts(),
        RouteCounts {
            local: 0,
            received: 1
        }
    );
}

#[test]
fn a_worker_that_goes_takes_its_routes_along() {
    let mut table = table();
    table.handle(subscribe(EVI1, evpn(1)));
    table.handle(subscribe(peer(9), Match::all(Family::EVPN)));
    let (one, two) = (mac_route(1, &[1]), mac_route(2, &[1]));
    table.handle(advertise(peer(9), &one));
    table.handle(advertise(peer(9), &two));
    let out = table.handle(RibEvent::Cleanup { worker: peer(9) });
    assert_eq!(told(&out), [text('-', EVI1, &one), text('-', EVI1, &two)]);
    assert!(table.handle(advertise(EVI1, &one)).is_empty());
    assert_eq!(table.workers().into_iter().collect::<Vec<_>>(), [EVI1]);
}

#[test]
fn a_route_without_targets_goes_to_those_who_want_everything() {
    let mut table = table();
    table.handle(subscribe(peer(9), Match::all(Family::EVPN)));
    table.handle(subscribe(EVI2, evpn(1)));
    let route = mac_route(1, &[]);
    let out = table.handle(advertise(EVI1, &route));
    assert_eq!(told(&out), [text('+', peer(9), &route)]);
}

#[test]
fn subscriptions_have_names() {
    let mut table = table();
    table.handle(subscribe(peer(9), evpn(79)));
    table.handle(subscribe(peer(9), Match::all(Family::RTC)));
    let names: Vec<_> = table
        .subscriptions(peer(9))
        .map(|wanted| wanted.to_string())
        .collect();
    assert_eq!(
        names,
        ["match:ipv4/rtc,*", "match:l2vpn/evpn,target:64512:79"]
    );
}

// The RT-Constraint route went when one of an IP VPN and an E-VPN instance with the same target did.
#[test]
fn issue_30_a_target_is_asked_for_while_any_instance_needs_it() {
    let mut table = with_rtc();
    table.handle(subscribe(peer(9), Match::all(Family::RTC)));
    let asked = RtcOrigin {
        local_as: 64512,
        next_hop: PE.into(),
    }
    .route(rt(1));
    let vpnv4 = Match::new(Family::VPNV4, rt(1));

    let out = table.handle(subscribe(EVI1, evpn(1)));
    assert_eq!(told(&out), [text('+', peer(9), &asked)]);
    assert!(table.handle(subscribe(VRF3, vpnv4)).is_empty());
    assert!(table.handle(unsubscribe(EVI1, evpn(1))).is_empty());
    let out = table.handle(RibEvent::Cleanup { worker: VRF3 });
    assert_eq!(told(&out), [text('-', peer(9), &asked)]);
}

#[test]
fn only_instances_and_vpn_families_make_constraint_routes() {
    let mut table = with_rtc();
    table.handle(subscribe(peer(9), evpn(1)));
    table.handle(subscribe(VRF3, Match::new(Family::FLOWSPEC_VPNV4, rt(1))));
    table.handle(subscribe(EVI1, Match::all(Family::EVPN)));
    assert_eq!(table.routes_of(WorkerId::Manager).count(), 0);
    table.handle(subscribe(EVI1, evpn(1)));
    let texts: Vec<_> = table
        .routes_of(WorkerId::Manager)
        .map(|r| bgp_rib::render::nlri_text(r))
        .collect();
    assert_eq!(texts, ["rtc 64512:target:64512:1"]);
    assert_eq!(table.counts(), RouteCounts::default());
}
