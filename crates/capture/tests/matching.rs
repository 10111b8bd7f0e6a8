//! Packet expectations against a recording of a first ping.

#![allow(clippy::expect_used, reason = "a helper of tests fails as they do")]

#[path = "support/lab.rs"]
mod lab;
#[path = "support/messages.rs"]
mod messages;
mod support;

use std::net::IpAddr;

use bgp_wire::{Family, RouteTarget, Vni};
use capture::{FrameIndex, Match, Matcher, Recording, Satisfied, Verdict};
use messages::{expect, message};
use scenario::packet::{
    BgpKind, IcmpKind, IcmpMatcher, Ipv4Matcher, LayerKind, LayerMatcher, NotificationMatcher,
    OpenMatcher, VniMatch, VxlanMatcher,
};
use scenario::{Amount, Encapsulation, PacketExpectation, RoutePattern, Since, StepId};
use support::{MAC_A, MAC_B, VM_A, VM_B, VTEP_A, VTEP_B};

fn judge(recording: &Recording, expectation: PacketExpectation) -> Verdict {
    Matcher::new(expectation).evaluate(recording)
}

fn vxlan(vni: VniMatch) -> LayerMatcher {
    LayerMatcher::Vxlan(VxlanMatcher { vni: Some(vni) })
}

fn ipv4(src: std::net::Ipv4Addr, dst: std::net::Ipv4Addr) -> LayerMatcher {
    LayerMatcher::Ipv4(Ipv4Matcher {
        src: Some(src),
        dst: Some(dst),
        ..Default::default()
    })
}

fn icmp(kind: IcmpKind) -> LayerMatcher {
    LayerMatcher::Icmp(IcmpMatcher {
        kind: Some(kind),
        ..Default::default()
    })
}

/// Echo requests from vm-a to vm-b inside VXLAN.
fn requests(vni: VniMatch) -> Vec<LayerMatcher> {
    vec![vxlan(vni), ipv4(VM_A, VM_B), icmp(IcmpKind::EchoRequest)]
}

/// The type 2 route of vm-a as its attach must announce it.
fn route_of_vm_a() -> RoutePattern {
    RoutePattern {
        family: Some(Family::EVPN),
        route_type: Some(2),
        ip: Some(VM_A.into()),
        mac: Some(MAC_A),
        vni: Vni::new(lab::VNI_A).ok(),
        next_hop: Some(IpAddr::from(VTEP_A).into()),
        route_targets: vec![RouteTarget::as2(64512, 79)],
        encapsulation: Some(Encapsulation::Vxlan),
        ..RoutePattern::default()
    }
}

#[test]
fn the_whole_capture_reads_aloud() {
    let lab = lab::first_ping();
    let lines: Vec<String> = (0..lab.recording.frames().len())
        .filter_map(|number| lab.recording.describe(FrameIndex(number)))
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn pings_carry_the_vni_that_was_advertised() {
    let lab = lab::first_ping();
    let verdict = judge(
        &lab.recording,
        expect(requests(VniMatch::Advertised), Amount::exactly(3)),
    );
    assert_eq!(
        verdict.satisfied,
        Satisfied::Yes,
        "{}",
        verdict.explain(&lab.recording)
    );
    assert!(!verdict.is_final(), "a fourth could still come");
}

#[test]
fn a_wrong_vni_is_a_near_miss_that_says_which_was_advertised() {
    let mut lab = lab::first_ping();
    lab.echo_request(99, 4);
    let verdict = judge(
        &lab.recording,
        expect(requests(VniMatch::Advertised), Amount::exactly(4)),
    );
    assert_eq!(verdict.satisfied, Satisfied::NotYet);
    assert_eq!(verdict.matched.len(), 3);
    insta::assert_snapshot!(verdict.explain(&lab.recording));
}

// The frame before the UPDATE cannot have known the VNI, even if it is the same.
#[test]
fn only_what_was_advertised_before_counts() {
    let mut lab = lab::Underlay::new();
    lab.establish(VTEP_A);
    lab.establish(VTEP_B);
    lab.echo_request(lab::VNI_B, 1);
    lab.update(
        VTEP_B,
        VTEP_A,
        &lab::mac_ip(VTEP_B, MAC_B, VM_B, lab::VNI_B),
    );
    let after = lab.echo_request(lab::VNI_B, 2);
    let verdict = judge(
        &lab.recording,
        expect(requests(VniMatch::Advertised), Amount::SOME),
    );
    assert_eq!(
        verdict.matched,
        [Match {
            frame: after,
            event: None
        }]
    );
    insta::assert_snapshot!(verdict.nearest.expect("a near miss").to_string());
}

#[test]
fn the_newest_advertisement_counts() {
    let mut lab = lab::first_ping();
    lab.update(VTEP_B, VTEP_A, &lab::mac_ip(VTEP_B, MAC_B, VM_B, 55));
    let old = lab.echo_request(lab::VNI_B, 4);
    let new = lab.echo_request(55, 5);
    let verdict = judge(
        &lab.recording,
        expect(requests(VniMatch::Advertised), Amount::SOME),
    );
    let frames: Vec<FrameIndex> = verdict.matched.iter().map(|m| m.frame).collect();
    assert!(
        frames.contains(&new) && !frames.contains(&old),
        "{frames:?}"
    );
}

// Type 3 speaks for destinations without a type 2 route, broadcast first of all.
#[test]
fn broadcast_takes_the_vni_of_the_multicast_route() {
    let mut lab = lab::Underlay::new();
    lab.establish(VTEP_B);
    lab.bgp(
        VTEP_B,
        lab::RR,
        &[
            lab::multicast(VTEP_B, 70),
            lab::mac_ip(VTEP_B, MAC_B, VM_B, 71),
        ],
    );
    let broadcast = bgp_wire::MacAddr([0xff; 6]);
    let arp = support::arp(1, (MAC_A, VM_A), (bgp_wire::MacAddr([0; 6]), VM_B));
    let inner = support::ethernet(MAC_A, broadcast, 0x0806, &arp);
    let right = lab.frame(support::tunnelled(VTEP_A, VTEP_B, 70, &inner));
    lab.frame(support::tunnelled(VTEP_A, VTEP_B, 71, &inner));
    let verdict = judge(
        &lab.recording,
        expect(vec![vxlan(VniMatch::Advertised)], Amount::exactly(1)),
    );
    assert_eq!(
        verdict.matched,
        [Match {
            frame: right,
            event: None
        }]
    );
}

#[test]
fn none_outside_the_tunnel() {
    let mut lab = lab::first_ping();
    let bare = PacketExpectation {
        outside: Some(LayerKind::Vxlan),
        ..expect(
            vec![ipv4(VM_A, VM_B), icmp(IcmpKind::EchoRequest)],
            Amount::NONE,
        )
    };
    let mut matcher = Matcher::new(bare);
    assert_eq!(matcher.evaluate(&lab.recording).satisfied, Satisfied::Yes);
    lab.frame(support::echo(8, (MAC_A, VM_A), (MAC_B, VM_B), 9));
    let verdict = matcher.evaluate(&lab.recording);
    assert_eq!(verdict.satisfied, Satisfied::No);
    assert!(verdict.is_final());
    insta::assert_snapshot!(verdict.explain(&lab.recording));
}

#[test]
fn an_update_with_everything_it_must_have() {
    let lab = lab::first_ping();
    let update = message(BgpKind::Update(route_of_vm_a()));
    // From compute-a to the reflector, and from there to compute-b.
    let verdict = judge(
        &lab.recording,
        expect(vec![update.clone()], Amount::exactly(2)),
    );
    assert_eq!(
        verdict.satisfied,
        Satisfied::Yes,
        "{}",
        verdict.explain(&lab.recording)
    );
    let from_a = vec![ipv4(VTEP_A, lab::RR), update];
    assert_eq!(
        judge(&lab.recording, expect(from_a, Amount::exactly(1)))
            .matched
            .len(),
        1
    );
}

#[test]
fn an_update_that_differs_says_in_what() {
    let lab = lab::first_ping();
    type Change = fn(&mut RoutePattern);
    let changes: [(&str, Change); 8] = [
        ("rt", |p| p.route_targets.push(RouteTarget::as2(64512, 80))),
        ("vni", |p| p.vni = Vni::new(1234).ok()),
        ("next_hop", |p| {
            p.next_hop = Some(IpAddr::from(VTEP_B).into())
        }),
        ("encap", |p| p.encapsulation = Some(Encapsulation::Mpls)),
        ("mac", |p| p.mac = Some(MAC_B)),
        ("ip", |p| p.ip = Some(VTEP_A.into())),
        ("rd", |p| p.rd = "64512:1".parse().ok()),
        ("family", |p| p.family = Some(Family::VPNV4)),
    ];
    let mut misses = Vec::new();
    for (field, change) in changes {
        let mut pattern = route_of_vm_a();
        change(&mut pattern);
        let update = message(BgpKind::Update(pattern));
        let verdict = judge(&lab.recording, expect(vec![update], Amount::SOME));
        assert_eq!(verdict.satisfied, Satisfied::NotYet, "{field}");
        let miss = verdict.nearest.expect("a near miss");
        assert_eq!(miss.difference.as_ref().expect("a field").field, field);
        misses.push(miss.to_string());
    }
    insta::assert_snapshot!(misses.join("\n"));
}

#[test]
fn a_withdraw_counts_from_its_step_on() {
    let mut lab = lab::first_ping();
    let pattern = RoutePattern {
        mac: Some(MAC_B),
        route_type: Some(2),
        ..Default::default()
    };
    let withdraw = message(BgpKind::Withdraw(pattern));
    let mut matcher = Matcher::new(PacketExpectation {
        since: Since::Step(StepId(4)),
        ..expect(vec![withdraw], Amount::SOME)
    });
    assert_eq!(matcher.evaluate(&lab.recording).matched, []);
    let early = lab.update(
        VTEP_B,
        VTEP_A,
        &lab::withdraw_mac_ip(VTEP_B, MAC_B, VM_B, 17),
    );
    lab.step(4, "detach vm-b");
    let late = lab.update(
        VTEP_B,
        VTEP_A,
        &lab::withdraw_mac_ip(VTEP_B, MAC_B, VM_B, 17),
    );
    let mut fresh = Matcher::new(PacketExpectation {
        since: Since::Step(StepId(4)),
        ..expect(
            vec![message(BgpKind::Withdraw(RoutePattern::default()))],
            Amount::SOME,
        )
    });
    let frames: Vec<FrameIndex> = fresh
        .evaluate(&lab.recording)
        .matched
        .iter()
        .map(|m| m.frame)
        .collect();
    assert_eq!(frames, [late, FrameIndex(late.0 + 1)]);
    assert!(!frames.contains(&early));
}

#[test]
fn sessions_are_seen_to_open() {
    let lab = lab::first_ping();
    for (matcher, count) in [
        (BgpKind::Open(OpenMatcher::default()), 4),
        (BgpKind::Keepalive, 4),
    ] {
        let verdict = judge(
            &lab.recording,
            expect(vec![message(matcher)], Amount::exactly(count)),
        );
        assert_eq!(
            verdict.satisfied,
            Satisfied::Yes,
            "{}",
            verdict.explain(&lab.recording)
        );
    }
    let none = vec![message(BgpKind::Notification(
        NotificationMatcher::default(),
    ))];
    assert_eq!(
        judge(&lab.recording, expect(none, Amount::NONE)).satisfied,
        Satisfied::Yes
    );
}

#[test]
fn the_layers_must_come_in_order() {
    let lab = lab::first_ping();
    let mut layers = requests(VniMatch::Exactly(Vni::new(lab::VNI_B).expect("24 bits")));
    assert_eq!(
        judge(&lab.recording, expect(layers.clone(), Amount::SOME))
            .matched
            .len(),
        3
    );
    layers.reverse();
    let verdict = judge(&lab.recording, expect(layers, Amount::SOME));
    assert_eq!(verdict.matched, []);
    insta::assert_snapshot!(verdict.explain(&lab.recording));
}

#[test]
fn looking_often_finds_the_same() {
    let whole = lab::first_ping().recording;
    let update = message(BgpKind::Update(route_of_vm_a()));
    for layers in [requests(VniMatch::Advertised), vec![update]] {
        let mut patient = Matcher::new(expect(layers.clone(), Amount::SOME));
        let mut growing = Recording::new();
        let mut last = patient.evaluate(&growing);
        for recorded in whole.frames().iter() {
            growing.push(recorded.frame.clone());
            last = patient.evaluate(&growing);
        }
        assert_eq!(last, judge(&whole, expect(layers, Amount::SOME)));
    }
}

// The UPDATE's second half is captured before its first: when the message comes out, it turns out
// to have been there before the packet that was judged in between.
#[test]
fn an_update_out_of_order_is_taken_into_account() {
    let mut lab = lab::Underlay::new();
    lab.establish(VTEP_B);
    let octets = lab::mac_ip(VTEP_B, MAC_B, VM_B, lab::VNI_B).encode();
    let first = lab.next_segment(VTEP_B, lab::RR, &octets[..30]);
    let second = lab.next_segment(VTEP_B, lab::RR, &octets[30..]);
    let mut matcher = Matcher::new(expect(requests(VniMatch::Advertised), Amount::exactly(1)));
    lab.frame(second);
    lab.echo_request(lab::VNI_B, 1);
    assert_eq!(
        matcher.evaluate(&lab.recording).satisfied,
        Satisfied::NotYet
    );
    lab.frame(first);
    assert_eq!(matcher.evaluate(&lab.recording).satisfied, Satisfied::Yes);
}
