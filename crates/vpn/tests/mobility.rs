//! A MAC here and elsewhere (RFC 7432 section 15).

mod common;

use std::time::Duration;

use bgp_rib::Route;
use bgp_rib::best_path::mobility;
use bgp_wire::ExtendedCommunity;
use bgp_wire::community::MacMobility;
use common::*;
use vpn::view::MobilityView;
use vpn::{DuplicateDetection, Output, Speaker, VpnConfig};

const IP: &str = "10.9.9.8";

/// A speaker with instance `e`, whose only endpoint is MAC 1, some time ago.
fn ready() -> Speaker {
    ready_with(DuplicateDetection::default())
}

fn ready_with(duplicates: DuplicateDetection) -> Speaker {
    let mut speaker = speaker_of(VpnConfig {
        duplicates,
        ..config()
    });
    attach(&mut speaker, request("e", 1, Some("10.9.9.1")));
    speaker.advance(Duration::from_secs(10));
    speaker
}

fn moved(sequence: u32) -> ExtendedCommunity {
    ExtendedCommunity::from_mac_mobility(MacMobility {
        sticky: false,
        sequence,
    })
}

/// MAC 8 at PE `n`, moved so often.
fn said(n: u8, sequence: u32) -> Route {
    let more = (sequence > 0).then(|| moved(sequence));
    Remote {
        more: more.into_iter().collect(),
        ..Remote::new(n)
    }
    .mac(mac(8), Some(IP))
}

/// What was told of MAC 8: its sequence, or that it is taken back.
fn heard(output: &Output) -> Vec<Option<u32>> {
    let about = |route: &Route| bgp_rib::render::nlri_text(route).contains("02:00:00:00:00:08");
    let dispatches = output.dispatches.iter();
    dispatches
        .filter_map(|dispatch| match &dispatch.change {
            bgp_rib::Change::Advertise { route, .. } => about(route).then(|| {
                let community = |c: &ExtendedCommunity| c.mac_mobility().is_some();
                let communities = route.attributes().extended_communities();
                let sequence = mobility(route).1;
                assert_eq!(communities.iter().any(community), sequence > 0);
                Some(sequence)
            }),
            bgp_rib::Change::Withdraw { route, .. } => about(route).then_some(None),
        })
        .collect()
}

fn view(speaker: &Speaker) -> MobilityView {
    speaker.vpns().mobility("e").unwrap_or_default()
}

fn arrive(speaker: &mut Speaker) -> Vec<Option<u32>> {
    heard(&attach(speaker, request("e", 8, Some(IP))))
}

fn leave(speaker: &mut Speaker) -> Vec<Option<u32>> {
    heard(&speaker.detach(&detach("e", 8, None)).unwrap_or_default())
}

#[test]
fn a_mac_that_nobody_else_has_is_advertised_without_sequence() {
    assert_eq!(arrive(&mut ready()), [Some(0)]);
}

#[test]
fn issue_31_a_mac_that_is_known_elsewhere_is_advertised_with_the_next_sequence() {
    for sequence in [0, 1, 7] {
        let mut speaker = ready();
        speaker.handle([announce(&said(2, sequence))]);
        assert_eq!(arrive(&mut speaker), [Some(sequence + 1)]);
    }
}

#[test]
fn a_sequence_is_remembered_for_as_long_as_somebody_may_have_the_route() {
    let returns_after = |seconds: u64| {
        let mut speaker = ready();
        let theirs = said(2, 6);
        speaker.handle([announce(&theirs)]);
        assert_eq!(arrive(&mut speaker), [Some(7)]);
        leave(&mut speaker);
        speaker.handle([take_back(&theirs)]);
        speaker.advance(Duration::from_secs(10 + seconds));
        // Whatever happens here.
        attach(&mut speaker, request("e", 7, Some("10.9.9.7")));
        speaker.detach(&detach("e", 7, None)).unwrap();
        arrive(&mut speaker)
    };
    assert_eq!(returns_after(4095), [Some(7)]);
    assert_eq!(returns_after(3 * 3600), [Some(0)]);
}

#[test]
fn a_route_for_another_address_of_the_mac_is_a_move_too() {
    let mut speaker = ready();
    speaker.handle([announce(&Remote::new(2).mac(mac(8), Some("10.9.9.77")))]);
    assert_eq!(arrive(&mut speaker), [Some(1)]);
    let second = attach(&mut speaker, request("e", 8, Some("10.9.9.78")));
    assert_eq!(heard(&second), [Some(1)]);
}

#[test]
fn a_mac_that_moves_away_is_taken_back_and_stays_plugged() {
    let mut speaker = ready();
    arrive(&mut speaker);
    let gone = speaker.handle([announce(&said(2, 1))]);
    assert_eq!(heard(&gone), [None]);
    assert_eq!(view(&speaker).elsewhere, [(mac(8), pe(2))].into());
    let now = intent(&speaker, "e");
    assert!(now.ports.contains_key("tap8") && now.remote_macs.is_empty());
    // Detached here, it is sent to where it is.
    assert_eq!(leave(&mut speaker), []);
    assert!(intent(&speaker, "e").remote_macs.contains_key(&mac(8)));
}

// Were it raised, the loss of a session would take a MAC back from where it has moved to.
#[test]
fn a_mac_that_was_given_up_is_advertised_as_it_was_when_the_better_route_goes() {
    let mut speaker = ready();
    arrive(&mut speaker);
    for _ in 0..20 {
        speaker.handle([announce(&said(2, 3))]);
        let back = speaker.handle([take_back(&said(2, 3))]);
        assert_eq!(heard(&back), [Some(0)]);
    }
    assert_eq!(view(&speaker), MobilityView::default());
}

#[test]
fn of_equal_sequences_the_lower_pe_keeps_the_mac() {
    // This one is 127.0.0.1.
    for (other, is_kept) in [("10.0.0.2", false), ("192.0.2.1", true)] {
        let mut speaker = ready();
        arrive(&mut speaker);
        speaker.advance(Duration::from_secs(20));
        let mut remote = Remote::new(2);
        remote.pe = other.parse().unwrap_or(pe(2));
        let output = speaker.handle([announce(&remote.mac(mac(8), Some(IP)))]);
        let expected: &[Option<u32>] = if is_kept { &[] } else { &[None] };
        assert_eq!(heard(&output), expected, "{other}");
    }
}

#[test]
fn the_sequence_survives_being_detached() {
    let mut speaker = ready();
    speaker.handle([announce(&said(2, 4))]);
    assert_eq!(arrive(&mut speaker), [Some(5)]);
    speaker.handle([take_back(&said(2, 4))]);
    assert_eq!(leave(&mut speaker), [None]);
    assert_eq!(arrive(&mut speaker), [Some(5)]);
    // Moved away and back.
    speaker.handle([announce(&said(2, 6))]);
    leave(&mut speaker);
    assert_eq!(arrive(&mut speaker), [Some(7)]);
}

#[test]
fn attaching_again_what_is_attached_is_no_move() {
    let mut speaker = ready();
    arrive(&mut speaker);
    speaker.handle([announce(&said(2, 1))]);
    assert_eq!(arrive(&mut speaker), []);
    assert_eq!(view(&speaker).elsewhere, [(mac(8), pe(2))].into());
}

// With RT-Constraint the routes of others come when the instance has subscribed: after its own went out.
#[test]
fn a_new_instance_raises_its_mac_above_what_it_then_hears() {
    for sequence in [0, 3] {
        let mut speaker = speaker();
        assert_eq!(arrive(&mut speaker), [Some(0)]);
        speaker.advance(Duration::from_millis(500));
        let raised = speaker.handle([announce(&said(2, sequence))]);
        assert_eq!(heard(&raised), [Some(sequence + 1)]);
        // Once: two new ones would outdo each other for ever.
        let gone = speaker.handle([announce(&said(2, sequence + 2))]);
        assert_eq!(heard(&gone), [None]);
    }
    let mut speaker = speaker();
    arrive(&mut speaker);
    speaker.advance(Duration::from_secs(2));
    let gone = speaker.handle([announce(&said(2, 3))]);
    assert_eq!(heard(&gone), [None]);
}

// It has told all it had when it became known.
#[test]
fn a_new_instance_gives_up_a_mac_to_a_pe_that_it_has_heard_out() {
    let mut speaker = speaker();
    arrive(&mut speaker);
    speaker.advance(Duration::from_millis(1));
    speaker.handle([announce(&Remote::new(2).multicast())]);
    speaker.advance(Duration::from_millis(20));
    let raised = speaker.handle([announce(&said(2, 1))]);
    assert_eq!(heard(&raised), [Some(2)]);

    let mut speaker = common::speaker();
    arrive(&mut speaker);
    speaker.advance(Duration::from_millis(1));
    speaker.handle([announce(&Remote::new(2).multicast())]);
    speaker.advance(Duration::from_millis(200));
    let gone = speaker.handle([announce(&said(2, 1))]);
    assert_eq!(heard(&gone), [None]);
}

// What a PE tells that was known by the attach is news: the guest has moved on.
#[test]
fn a_new_instance_gives_up_a_mac_to_a_pe_that_it_knew() {
    let mut speaker = speaker();
    attach(&mut speaker, request("e", 1, Some("10.9.9.1")));
    speaker.handle([announce(&Remote::new(2).multicast())]);
    speaker.advance(Duration::from_millis(1));
    assert_eq!(arrive(&mut speaker), [Some(0)]);
    let gone = speaker.handle([announce(&said(2, 1))]);
    assert_eq!(heard(&gone), [None]);
}

// Nor is a MAC raised twice for one attach.
#[test]
fn a_new_instance_that_knew_of_the_move_gives_up_to_the_next() {
    let mut speaker = speaker();
    attach(&mut speaker, request("e", 1, Some("10.9.9.1")));
    speaker.handle([announce(&said(2, 0))]);
    assert_eq!(arrive(&mut speaker), [Some(1)]);
    let gone = speaker.handle([announce(&said(3, 2))]);
    assert_eq!(heard(&gone), [None]);
}

#[test]
fn two_new_instances_agree_on_one_of_them() {
    let mut speaker = speaker();
    arrive(&mut speaker);
    // Both have raised it above the other's first.
    speaker.handle([announce(&said(2, 0))]);
    assert_eq!(heard(&speaker.handle([announce(&said(2, 1))])), [None]);
    assert_eq!(view(&speaker).elsewhere, [(mac(8), pe(2))].into());
}

#[test]
fn a_static_mac_of_another_pe_is_respected() {
    let sticky = ExtendedCommunity::from_mac_mobility(MacMobility {
        sticky: true,
        sequence: 0,
    });
    let route = Remote {
        more: vec![sticky],
        ..Remote::new(2)
    }
    .mac(mac(8), Some(IP));
    // Known before the attach, and heard of after.
    let mut speaker = ready();
    speaker.handle([announce(&route)]);
    let output = attach(&mut speaker, request("e", 8, Some(IP)));
    assert_eq!(heard(&output), []);
    assert_eq!(output.warnings.len(), 1);
    assert!(output.warnings[0].1.to_string().contains("static"));
    assert!(intent(&speaker, "e").ports.contains_key("tap8"));
    assert_eq!(heard(&speaker.handle([take_back(&route)])), [Some(0)]);
    assert_eq!(heard(&speaker.handle([announce(&route)])), [None]);
}

#[test]
fn a_mac_that_moves_five_times_in_three_minutes_is_a_duplicate() {
    let mut speaker = ready();
    arrive(&mut speaker);
    let mut warnings = Vec::new();
    for sequence in 1..=8 {
        let output = speaker.handle([announce(&said(2, sequence))]);
        warnings.extend(output.warnings.iter().cloned());
        // From the fifth on it is not taken back.
        let expected: &[Option<u32>] = if sequence < 5 { &[None] } else { &[] };
        assert_eq!(heard(&output), expected, "{sequence}");
        let back = speaker.handle([take_back(&said(2, sequence))]);
        let expected: &[Option<u32>] = if sequence < 5 { &[Some(0)] } else { &[] };
        assert_eq!(heard(&back), expected, "{sequence}");
    }
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].1.to_string().contains("5 times within 180 s"));
    assert_eq!(view(&speaker).duplicates, [mac(8)]);

    // Until somebody does something about it.
    speaker.advance(Duration::from_secs(100_000));
    assert_eq!(view(&speaker).duplicates, [mac(8)]);
    leave(&mut speaker);
    assert_eq!(view(&speaker).duplicates, []);
    speaker.handle([announce(&said(2, 9))]);
    assert_eq!(arrive(&mut speaker), [Some(10)]);
}

#[test]
fn moves_over_a_longer_time_make_no_duplicate() {
    let mut speaker = ready();
    arrive(&mut speaker);
    for sequence in 1..=20 {
        speaker.advance(Duration::from_secs(100 * u64::from(sequence)));
        let output = speaker.handle([announce(&said(2, sequence))]);
        assert_eq!(heard(&output), [None]);
        speaker.handle([take_back(&said(2, sequence))]);
    }
    assert_eq!(view(&speaker).duplicates, []);
}

#[test]
fn a_duplicate_gets_another_chance_after_the_time_given() {
    let mut speaker = ready_with(DuplicateDetection {
        moves: 2,
        window: Duration::from_secs(60),
        hold: Some(Duration::from_secs(300)),
    });
    arrive(&mut speaker);
    for sequence in [1, 2] {
        speaker.handle([
            take_back(&said(2, sequence - 1)),
            announce(&said(2, sequence)),
        ]);
        if sequence == 1 {
            speaker.handle([take_back(&said(2, 1))]);
        }
    }
    assert_eq!(view(&speaker).duplicates, [mac(8)]);
    assert_eq!(speaker.vpns().deadline(), Some(Duration::from_secs(310)));
    assert_eq!(heard(&speaker.advance(Duration::from_secs(309))), []);
    // It is elsewhere after all.
    assert_eq!(heard(&speaker.advance(Duration::from_secs(310))), [None]);
    assert_eq!(view(&speaker).duplicates, []);
    assert_eq!(speaker.vpns().deadline(), None);
}

#[test]
fn two_instances_of_one_host_do_not_both_have_a_mac() {
    let mut speaker = ready();
    arrive(&mut speaker);
    speaker.advance(Duration::from_secs(20));
    attach(&mut speaker, request("f", 2, Some("10.9.9.2")));
    speaker.advance(Duration::from_secs(30));
    let output = attach(&mut speaker, request("f", 8, Some(IP)));
    assert_eq!(heard(&output), [Some(1), None]);
}
