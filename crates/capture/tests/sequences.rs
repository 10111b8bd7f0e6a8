//! Packets one after the other: order, deadlines, spacing, and messages field by field.

#![allow(clippy::expect_used, reason = "a helper of tests fails as they do")]

#[path = "support/lab.rs"]
mod lab;
#[path = "support/messages.rs"]
mod messages;
mod support;

use std::net::IpAddr;
use std::time::Duration;

use bgp_wire::{Capability, Family, Message, Notification, Open, RouteRefresh, Update};
use capture::{Frame, FrameIndex, Matcher, Recording, Satisfied, Timestamp, Verdict};
use messages::{expect, from_to, message};
use proptest::prelude::*;
use scenario::packet::{
    BgpKind, BgpMatcher, CapabilityKind, IcmpKind, IcmpMatcher, LayerMatcher, NotificationMatcher,
    OpenMatcher, RefreshMatcher,
};
use scenario::{Amount, Follow, Numbers, OneOf, PacketExpectation, Since, Spacing, StepId};
use support::{MAC_A, MAC_B, VM_A, VM_B, VTEP_A};

const MS: u64 = 1_000_000;

fn judge(recording: &Recording, expectation: PacketExpectation) -> Verdict {
    Matcher::new(expectation).evaluate(recording)
}

fn echo(kind: IcmpKind) -> Vec<LayerMatcher> {
    vec![LayerMatcher::Icmp(IcmpMatcher {
        kind: Some(kind),
        ..IcmpMatcher::default()
    })]
}

/// Requests (8) and replies (0) at these milliseconds.
fn echoes(at: &[(u8, u64)]) -> Recording {
    let mut recording = Recording::new();
    for (seq, (kind, ms)) in (1..).zip(at) {
        let frame = support::echo(*kind, (MAC_A, VM_A), (MAC_B, VM_B), seq);
        recording.push(Frame::new(Timestamp(ms * MS), frame));
    }
    recording
}

/// Each request is followed by a reply.
fn answered(amount: Amount, within: Option<u64>) -> PacketExpectation {
    PacketExpectation {
        then: vec![Follow {
            layers: echo(IcmpKind::EchoReply),
            within: within.map(Duration::from_millis),
        }],
        ..expect(echo(IcmpKind::EchoRequest), amount)
    }
}

#[test]
fn each_answer_answers_one_question() {
    let recording = echoes(&[(8, 0), (8, 1), (0, 2), (0, 3), (8, 4)]);
    let verdict = judge(&recording, answered(Amount::exactly(2), None));
    assert_eq!(verdict.satisfied, Satisfied::Yes);
    let frames: Vec<FrameIndex> = verdict.matched.iter().map(|m| m.frame).collect();
    assert_eq!(
        frames,
        [FrameIndex(0), FrameIndex(1)],
        "by their beginnings"
    );
    let verdict = judge(&recording, answered(Amount::exactly(3), None));
    assert_eq!(verdict.satisfied, Satisfied::NotYet);
    insta::assert_snapshot!(verdict.explain(&recording));
}

#[test]
fn an_answer_before_its_question_is_none() {
    let recording = echoes(&[(0, 0), (8, 1)]);
    let verdict = judge(&recording, answered(Amount::SOME, None));
    assert_eq!(verdict.satisfied, Satisfied::NotYet);
}

#[test]
fn an_answer_that_comes_too_late_says_by_how_much() {
    let recording = echoes(&[(8, 0), (0, 80)]);
    let verdict = judge(&recording, answered(Amount::SOME, Some(50)));
    assert_eq!(verdict.satisfied, Satisfied::NotYet);
    insta::assert_snapshot!(verdict.explain(&recording));
    let soon = judge(&recording, answered(Amount::SOME, Some(80)));
    assert_eq!(soon.satisfied, Satisfied::Yes);
}

#[test]
fn what_nearly_follows_says_what_is_wrong_with_it() {
    let recording = echoes(&[(8, 0), (8, 1)]);
    let third = vec![LayerMatcher::Icmp(IcmpMatcher {
        kind: Some(IcmpKind::EchoRequest),
        seq: Some(Numbers::from(3_u16)),
        ..IcmpMatcher::default()
    })];
    let expectation = PacketExpectation {
        then: vec![Follow {
            layers: third,
            within: None,
        }],
        ..expect(echo(IcmpKind::EchoRequest), Amount::SOME)
    };
    let verdict = judge(&recording, expectation);
    insta::assert_snapshot!(verdict.explain(&recording));
}

/// The same from the step on that begins after 10 ms, within 20 ms.
fn in_time(at: &[(u8, u64)], amount: Amount) -> (Recording, Verdict) {
    let mut recording = Recording::new();
    let mut begun = false;
    for (kind, ms) in at {
        if *ms >= 10 && !begun {
            begun = true;
            recording.mark(capture::Mark {
                step: StepId(0),
                title: "cut".into(),
                timestamp: Timestamp(10 * MS),
            });
        }
        let frame = support::echo(*kind, (MAC_A, VM_A), (MAC_B, VM_B), 1);
        recording.push(Frame::new(Timestamp(ms * MS), frame));
    }
    let verdict = judge(
        &recording,
        PacketExpectation {
            since: Since::Step(StepId(0)),
            deadline: Some(Duration::from_millis(20)),
            ..expect(echo(IcmpKind::EchoRequest), amount)
        },
    );
    (recording, verdict)
}

#[test]
fn a_deadline_counts_from_the_step() {
    let (_, verdict) = in_time(&[(8, 5), (8, 30)], Amount::exactly(1));
    assert_eq!(verdict.satisfied, Satisfied::Yes, "at its very end");
    assert!(!verdict.is_final(), "another may come");
    let (_, verdict) = in_time(&[(8, 12), (0, 31)], Amount::exactly(1));
    assert!(verdict.is_final(), "the time is over");
    let (recording, verdict) = in_time(&[(8, 5), (8, 31)], Amount::SOME);
    assert_eq!(verdict.satisfied, Satisfied::No);
    insta::assert_snapshot!(verdict.explain(&recording));
}

#[test]
fn packets_too_soon_or_too_late_after_each_other() {
    let recording = echoes(&[(8, 0), (8, 10), (0, 12), (8, 13)]);
    let spaced = |at_least: Option<u64>, at_most: Option<u64>| PacketExpectation {
        spacing: Some(Spacing {
            at_least: at_least.map(Duration::from_millis),
            at_most: at_most.map(Duration::from_millis),
        }),
        ..expect(echo(IcmpKind::EchoRequest), Amount::exactly(3))
    };
    for (spacing, satisfied) in [
        (spaced(Some(3), Some(10)), Satisfied::Yes),
        (spaced(Some(4), None), Satisfied::No),
        (spaced(None, Some(9)), Satisfied::No),
    ] {
        assert_eq!(judge(&recording, spacing).satisfied, satisfied);
    }
    let verdict = judge(&recording, spaced(Some(5), None));
    insta::assert_snapshot!(verdict.explain(&recording));
}

#[test]
fn found_by_another_program() {
    let recording = echoes(&[(8, 0), (0, 1), (8, 2)]);
    let mut matcher = Matcher::new(expect(Vec::new(), Amount::exactly(2)));
    for _ in 0..2 {
        let verdict = matcher.evaluate_found(&recording, &[FrameIndex(0), FrameIndex(2)]);
        assert_eq!(verdict.satisfied, Satisfied::Yes);
    }
    let verdict = matcher.evaluate_found(&recording, &[FrameIndex(1)]);
    assert_eq!(verdict.satisfied, Satisfied::NotYet);
}

#[test]
fn messages_are_asked_field_by_field() {
    let mut lab = lab::Underlay::new();
    lab.establish(VTEP_A);
    let mut open = Open::new(
        4_200_000_000,
        9,
        VTEP_A,
        vec![
            Capability::MultiProtocol(Family::EVPN),
            Capability::FourOctetAs(4_200_000_000),
            Capability::RouteRefresh,
        ],
    );
    open.hold_time = 9;
    lab.bgp(VTEP_A, lab::RR, &[Message::Open(open).encode()]);
    let cease = Message::Notification(Notification::new(6, 2));
    lab.bgp(lab::RR, VTEP_A, &[cease.encode()]);
    lab.bgp(lab::RR, VTEP_A, &[Update::end_of_rib_for(Family::EVPN)]);
    let refresh = RouteRefresh {
        family: Family::VPNV4,
        subtype: RouteRefresh::REQUEST,
        rest: bytes::Bytes::new(),
    };
    lab.bgp(VTEP_A, lab::RR, &[Message::RouteRefresh(refresh).encode()]);
    let open = |change: fn(&mut OpenMatcher)| {
        let mut wanted = OpenMatcher {
            asn: Some(4_200_000_000),
            hold_time: Some(Numbers::within(None, Some(30))),
            router_id: Some(VTEP_A),
            families: vec![Family::EVPN],
            capabilities: vec![CapabilityKind::RouteRefresh, CapabilityKind::FourOctetAs],
            lacks_capabilities: vec![CapabilityKind::AddPath],
        };
        change(&mut wanted);
        message(BgpKind::Open(wanted))
    };
    let ends = |from: IpAddr, to: IpAddr| {
        from_to(BgpMatcher {
            from: Some(OneOf::from(from)),
            to: Some(OneOf::from(to)),
            kind: Some(BgpKind::Notification(NotificationMatcher::default())),
        })
    };
    let (a, rr) = (IpAddr::from(VTEP_A), IpAddr::from(lab::RR));
    let code = |code: u8, subcode: u8| {
        message(BgpKind::Notification(NotificationMatcher {
            code: Some(code.into()),
            subcode: Some(subcode.into()),
        }))
    };
    let refresh = |family| {
        message(BgpKind::RouteRefresh(RefreshMatcher {
            family: Some(family),
            subtype: Some(Numbers::from(0_u8)),
        }))
    };
    for wanted in [
        open(|_| {}),
        ends(rr, a),
        code(6, 2),
        refresh(Family::VPNV4),
        message(BgpKind::EndOfRib(None)),
        message(BgpKind::EndOfRib(Some(Family::EVPN))),
    ] {
        let verdict = judge(&lab.recording, expect(vec![wanted], Amount::exactly(1)));
        let said = verdict.explain(&lab.recording);
        assert_eq!(verdict.satisfied, Satisfied::Yes, "{said}");
    }
    let wrong = [
        open(|open| open.asn = Some(1)),
        open(|open| open.hold_time = Some(Numbers::from(30_u8))),
        open(|open| open.router_id = Some(lab::RR)),
        open(|open| open.families.push(Family::VPNV4)),
        open(|open| open.capabilities.push(CapabilityKind::GracefulRestart)),
        open(|open| open.lacks_capabilities.push(CapabilityKind::RouteRefresh)),
        ends(a, rr),
        code(6, 4),
        code(4, 2),
        refresh(Family::EVPN),
        message(BgpKind::EndOfRib(Some(Family::VPNV4))),
    ];
    let misses = wrong.map(|wanted| {
        let verdict = judge(&lab.recording, expect(vec![wanted], Amount::SOME));
        assert_eq!(verdict.satisfied, Satisfied::NotYet, "{}", verdict.wanted);
        let miss = verdict.nearest.expect("a near miss").to_string();
        format!("{}\n  {miss}", verdict.wanted)
    });
    insta::assert_snapshot!(misses.join("\n"));
}

/// How many requests a reply follows within `within`, each reply for the oldest request that still waits for it.
fn naive(at: &[(u8, u64)], within: Option<u64>) -> u64 {
    let mut waiting: Vec<u64> = Vec::new();
    let mut answered = 0;
    for (kind, now) in at {
        if *kind == 8 {
            waiting.push(*now);
            continue;
        }
        waiting.retain(|asked| within.is_none_or(|within| now - asked <= within));
        if !waiting.is_empty() {
            waiting.remove(0);
            answered += 1;
        }
    }
    answered
}

proptest! {
    #[test]
    fn pairs_are_counted_as_one_would_by_hand(
        steps in prop::collection::vec((prop::bool::ANY, 0_u64..20), 0..60),
        within in prop::option::of(0_u64..60),
        looks in prop::collection::vec(prop::bool::ANY, 60),
    ) {
        let mut now = 0;
        let at: Vec<(u8, u64)> = steps
            .iter()
            .map(|(reply, gap)| {
                now += gap;
                (if *reply { 0 } else { 8 }, now)
            })
            .collect();
        let mut matcher = Matcher::new(answered(Amount::SOME, within));
        let mut growing = Recording::new();
        for ((kind, ms), look) in at.iter().zip(&looks) {
            let frame = support::echo(*kind, (MAC_A, VM_A), (MAC_B, VM_B), 1);
            growing.push(Frame::new(Timestamp(ms * MS), frame));
            if *look {
                matcher.evaluate(&growing);
            }
        }
        let verdict = matcher.evaluate(&growing);
        prop_assert_eq!(verdict.matched.len() as u64, naive(&at, within));
    }

    #[test]
    fn frames_come_back_as_they_went(
        frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..120),
        from in 0_usize..130,
        marks in prop::collection::vec(0_u64..120, 0..4),
    ) {
        let mut recording = Recording::new();
        recording.interface("lan");
        let all: Vec<Frame> = (0..)
            .zip(frames)
            .map(|(number, octets)| Frame::new(Timestamp(number * MS), octets))
            .collect();
        for (number, frame) in (0..).zip(&all) {
            for _ in marks.iter().filter(|at| **at == number) {
                recording.mark(capture::Mark {
                    step: StepId(0),
                    title: "a step".into(),
                    timestamp: Timestamp(number * MS),
                });
            }
            prop_assert_eq!(recording.push(frame.clone()), FrameIndex(number as usize));
        }
        let back: Vec<Frame> = recording.log().frames(FrameIndex(from)).collect();
        prop_assert_eq!(&back[..], all.get(from..).unwrap_or_default());
        prop_assert_eq!(recording.log().frame(FrameIndex(from)), all.get(from).cloned());
        let mut file = Vec::new();
        recording.write(&mut file).expect("memory");
        let read: Result<Vec<_>, _> = capture::CaptureReader::new(&file[..]).expect("a file").collect();
        let read: Vec<Frame> = read.expect("frames").into_iter().map(|read| read.frame).collect();
        prop_assert_eq!(read, all);
    }
}
