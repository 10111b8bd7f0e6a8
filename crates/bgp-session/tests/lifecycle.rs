//! The life of a session, as stories on virtual time.

mod support;

use std::time::Duration;

use bgp_session::{Action, Delivery, Event, LinkId, Mirror, Mode, Moment, Notice, PeerAs, State};
use bgp_wire::{Capability, Family, Message, Notification, Open, RouteRefresh};
use support::{A, B, Pair, config, millis, secs, update};

fn active_and_passive() -> Pair {
    let passive = bgp_session::SessionConfig {
        mode: Mode::Passive,
        ..config(2)
    };
    Pair::started(config(1), passive)
}

fn established() -> (Pair, LinkId, LinkId) {
    let mut pair = active_and_passive();
    pair.established(secs(1));
    (pair, LinkId::Out(0), LinkId::In(0))
}

#[test]
fn caller_and_called_meet_within_four_hops() {
    let mut pair = active_and_passive();
    let took = pair.established(secs(1));
    // SYN and OPEN, SYN-ACK and OPEN, KEEPALIVE there and back.
    assert!(took <= millis(4), "{took:?}");
    assert_eq!(
        pair.sides[A].states(),
        "Idle > Connect > OpenSent > OpenConfirm > Established"
    );
    assert_eq!(
        pair.sides[B].states(),
        "Idle > Active > OpenSent > OpenConfirm > Established"
    );
    let negotiated = pair.sides[A].session.negotiated().expect("established");
    assert_eq!(negotiated.families, [Family::EVPN]);
    assert_eq!((negotiated.hold_time, negotiated.peer_as), (180, 64512));
    assert!(negotiated.as4 && negotiated.route_refresh && negotiated.ibgp());
    assert_eq!(negotiated.keepalive, Some(secs(60)));
}

#[test]
fn a_quiet_session_stays_up() {
    let (mut pair, ..) = established();
    pair.run_for(secs(3600));
    assert_eq!(pair.states(), [State::Established; 2]);
    let keepalives = pair.sides[A].sent(|message| *message == Message::Keepalive);
    // Every 45 to 60 s, and they are not all alike.
    assert!(
        (60..=81).contains(&keepalives.len()),
        "{}",
        keepalives.len()
    );
    let gaps: Vec<Duration> = keepalives
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .collect();
    assert!(
        gaps.iter()
            .skip(1)
            .all(|gap| (secs(45)..=secs(60)).contains(gap)),
        "{gaps:?}"
    );
    assert!(gaps.windows(2).any(|pair| pair[0] != pair[1]));
}

#[test]
fn issue_15_a_cut_is_noticed_after_the_hold_time_said_and_healed() {
    let (mut pair, ..) = established();
    pair.run_for(secs(100));
    pair.cut();
    let both_down = |pair: &Pair| pair.sides.iter().all(|side| !side.downs().is_empty());
    let took = pair.until(secs(181), both_down);
    assert!(took > secs(110), "{took:?}");
    for side in &pair.sides {
        assert_eq!(side.downs(), ["hold timer expired"]);
        assert_eq!(side.notifications(), [(4, 0)]);
    }
    pair.run_for(secs(60));
    pair.heal();
    // The longest wait between two attempts.
    pair.established(secs(6));
}

#[test]
fn issue_13_without_hold_time_there_are_no_timers() {
    let quiet = |n, mode| bgp_session::SessionConfig {
        hold_time: 0,
        mode,
        ..config(n)
    };
    let mut pair = Pair::started(quiet(1, Mode::Active), quiet(2, Mode::Passive));
    pair.established(secs(1));
    assert!(
        pair.sides
            .iter()
            .all(|side| side.session.next_deadline().is_none())
    );
    pair.run_for(secs(86_400));
    assert_eq!(pair.states(), [State::Established; 2]);
}

#[test]
fn issue_13_the_smaller_hold_time_counts_and_three_seconds_are_enough() {
    let short = bgp_session::SessionConfig {
        hold_time: 3,
        mode: Mode::Passive,
        ..config(2)
    };
    let mut pair = Pair::started(config(1), short);
    pair.established(secs(1));
    pair.run_for(secs(100));
    assert_eq!(pair.states(), [State::Established; 2]);
    pair.cut();
    pair.until(millis(3001), |pair| {
        pair.sides.iter().all(|side| !side.downs().is_empty())
    });
}

// The reference only counts KEEPALIVE.
#[test]
fn issue_14_updates_keep_a_session_alive() {
    let (mut pair, _, link) = established();
    pair.cut();
    for _ in 0..10 {
        pair.run_for(secs(100));
        pair.give(B, Event::Received(link, Message::Update(update())));
    }
    assert_eq!(pair.sides[B].session.state(), State::Established);
    assert_eq!(pair.sides[A].downs(), ["hold timer expired"]);
}

#[test]
fn unread_bytes_of_the_peer_keep_it_alive() {
    let (mut pair, _, link) = established();
    pair.cut();
    pair.run_for(secs(179));
    pair.give(B, Event::ReadDeferred(link));
    pair.run_for(secs(179));
    assert_eq!(pair.sides[B].session.state(), State::Established);
    pair.run_for(secs(2));
    assert_eq!(pair.sides[B].downs(), ["hold timer expired"]);
}

#[test]
fn stop_says_cease_and_stays_stopped() {
    let (mut pair, ..) = established();
    pair.give(A, Event::Stop("maintenance".to_owned()));
    pair.run_for(secs(60));
    assert_eq!(pair.states(), [State::Idle, State::Active]);
    assert_eq!(pair.sides[A].notifications(), [(6, 2)]);
    assert_eq!(
        pair.sides[B].downs(),
        ["peer sent cease: administrative shutdown (\"maintenance\")"]
    );
    assert_eq!(pair.sides[A].session.next_deadline(), None);
    pair.give(A, Event::Start);
    pair.established(secs(1));
}

#[test]
fn reset_says_why_and_starts_over() {
    let (mut pair, ..) = established();
    pair.give(A, Event::Reset(Notification::cease(4)));
    let took = pair.established(secs(1));
    assert!(took < millis(300), "{took:?}");
    assert_eq!(pair.sides[A].notifications(), [(6, 4)]);
}

#[test]
fn issue_19_attempts_come_fast_at_first_and_then_every_few_seconds() {
    let mut pair = Pair::new(config(1), config(2));
    pair.cut();
    pair.give(A, Event::Start);
    pair.run_for(secs(60));
    let calls: Vec<Moment> = pair.sides[A]
        .actions
        .iter()
        .filter(|(_, action)| matches!(action, Action::Connect(_)))
        .map(|(at, _)| *at)
        .collect();
    assert_eq!(calls[0], Moment::ZERO);
    assert!((millis(75)..=millis(105)).contains(&(calls[1] - calls[0])));
    let gaps = calls.windows(2).map(|pair| pair[1] - pair[0]);
    assert!(
        gaps.skip(7)
            .all(|gap| (millis(3750)..=millis(5010)).contains(&gap))
    );
    assert!(
        pair.sides[A]
            .states()
            .starts_with("Idle > Connect > Active > Connect > Active")
    );
}

#[test]
fn an_attempt_that_hangs_is_given_up() {
    let mut pair = Pair::new(config(1), config(2));
    pair.give(A, Event::Start);
    pair.cut();
    pair.run_for(secs(11));
    assert_eq!(
        pair.sides[A].actions[2],
        (Moment::from_millis(10_000), Action::Close(LinkId::Out(0)))
    );
    pair.heal();
    pair.give(B, Event::Start);
    pair.established(secs(6));
}

// A host that went down in the middle of it is never heard of again.
#[test]
fn a_caller_that_stops_halfway_is_let_go() {
    let passive = bgp_session::SessionConfig {
        mode: Mode::Passive,
        ..config(2)
    };
    let open = Open::new(
        64512,
        30,
        [10, 0, 0, 9].into(),
        vec![Capability::FourOctetAs(64512)],
    );
    // Before its OPEN it has four minutes, before its KEEPALIVE the hold time.
    for (said, state, patience) in [
        (None, State::OpenSent, secs(240)),
        (Some(open), State::OpenConfirm, secs(30)),
    ] {
        let mut pair = Pair::new(config(1), passive.clone());
        pair.give(B, Event::Start);
        let link = LinkId::In(0);
        pair.give(B, Event::TcpConnected(link));
        if let Some(open) = said {
            pair.give(B, Event::Received(link, Message::Open(open)));
        }
        pair.run_for(patience - secs(1));
        assert_eq!(pair.sides[B].session.state(), state);
        pair.run_for(secs(2));
        assert_eq!(pair.sides[B].session.state(), State::Active);
        assert_eq!(pair.sides[B].session.links().count(), 0);
        assert_eq!(pair.sides[B].notifications(), [(4, 0)]);
    }
}

#[test]
fn the_wrong_as_is_refused_again_and_again_but_slowly() {
    let stranger = bgp_session::SessionConfig {
        local_as: 64513,
        peer_as: PeerAs::Any,
        capabilities: vec![Capability::FourOctetAs(64513)],
        ..config(2)
    };
    let mut pair = Pair::started(config(1), stranger);
    pair.run_for(secs(60));
    let refusals = pair.sides[A].notifications();
    assert!(
        refusals.iter().filter(|code| **code == (2, 2)).count() >= 5,
        "{refusals:?}"
    );
    assert!(refusals.len() < 60, "{}", refusals.len());
    assert!(pair.sides.iter().all(|side| side.downs().is_empty()));
}

#[test]
fn both_call_and_one_connection_remains() {
    let mut pair = Pair::started(config(1), config(2));
    pair.established(secs(1));
    pair.run_for(secs(10));
    assert_eq!(pair.states(), [State::Established; 2]);
    // Opened by the side with the higher identifier.
    let link = (LinkId::In(0), LinkId::Out(0));
    assert_eq!(pair.common_links().into_iter().collect::<Vec<_>>(), [link]);
    assert_eq!(pair.sides[A].session.links().count(), 1);
    assert_eq!(pair.sides[B].session.links().count(), 1);
    let collisions = pair.sides.iter().flat_map(|side| side.notifications());
    assert!(collisions.into_iter().all(|code| code == (6, 7)));
}

#[test]
fn a_second_call_of_an_established_peer_is_turned_away() {
    let (mut pair, ..) = established();
    pair.give(B, Event::TcpConnected(LinkId::In(7)));
    let tail: Vec<_> = pair.sides[B]
        .actions
        .iter()
        .rev()
        .take(3)
        .map(|(_, a)| a.clone())
        .collect();
    assert_eq!(tail[1], Action::Close(LinkId::In(7)));
    assert_eq!(tail[2], Action::Send(LinkId::In(7), support::cease(7)));
    assert_eq!(pair.sides[B].session.state(), State::Established);
}

#[test]
fn a_mirror_takes_on_the_callers_as_and_families() {
    let mirror = bgp_session::SessionConfig {
        mode: Mode::Passive,
        mirror: Mirror {
            local_as: true,
            families: true,
        },
        delay_open: Some(secs(1)),
        ..config(2)
    };
    let odd = Family::new(16390, 99);
    let caller = bgp_session::SessionConfig {
        local_as: 4_200_000_000,
        families: vec![Family::RTC, odd, Family::EVPN],
        capabilities: vec![Capability::FourOctetAs(4_200_000_000)],
        ..config(1)
    };
    let mut pair = Pair::started(caller, mirror);
    assert!(pair.established(secs(1)) < millis(10));
    let negotiated = pair.sides[A].session.negotiated().expect("established");
    assert_eq!(negotiated.peer_as, 4_200_000_000);
    assert_eq!(negotiated.families, [Family::EVPN, Family::RTC, odd]);
    assert!(
        pair.sides[B]
            .session
            .negotiated()
            .expect("established")
            .ibgp()
    );
}

#[test]
fn a_mirror_before_a_caller_that_waits_too_shows_its_own_face() {
    let patient = |n, mode| bgp_session::SessionConfig {
        mode,
        mirror: Mirror {
            local_as: true,
            families: true,
        },
        delay_open: Some(secs(1)),
        ..config(n)
    };
    let mut pair = Pair::started(patient(1, Mode::Active), patient(2, Mode::Passive));
    let took = pair.established(secs(3));
    assert!(took > secs(1) && took < millis(1010), "{took:?}");
}

#[test]
fn nothing_in_common_is_said_and_lived_with() {
    let other = bgp_session::SessionConfig {
        mode: Mode::Passive,
        families: vec![Family::VPNV4],
        ..config(2)
    };
    let mut pair = Pair::started(config(1), other);
    pair.established(secs(1));
    let notice = Action::Log(Notice::FamilyMissing(Family::EVPN));
    assert!(
        pair.sides[A]
            .actions
            .iter()
            .any(|(_, action)| *action == notice)
    );
    assert!(
        pair.sides[A]
            .session
            .negotiated()
            .expect("established")
            .families
            .is_empty()
    );
}

#[test]
fn a_peer_that_reads_nothing_is_dropped() {
    let (mut pair, link, _) = established();
    pair.give(A, Event::SendBlocked(link));
    pair.run_for(secs(400));
    pair.give(
        A,
        Event::SendFlowing {
            link,
            waiting: true,
        },
    );
    pair.run_for(secs(400));
    assert_eq!(pair.sides[A].session.state(), State::Established);
    pair.run_for(secs(81));
    assert_eq!(pair.sides[A].downs(), ["send hold timer expired"]);
    assert_eq!(pair.sides[A].notifications(), [(8, 0)]);
}

#[test]
fn refreshes_of_negotiated_families_are_delivered() {
    let (mut pair, _, link) = established();
    for family in [Family::EVPN, Family::VPNV4] {
        let refresh = Message::RouteRefresh(RouteRefresh::request(family));
        pair.give(B, Event::Received(link, refresh));
    }
    let tail: Vec<_> = pair.sides[B]
        .actions
        .iter()
        .rev()
        .take(2)
        .map(|(_, a)| a.clone())
        .collect();
    let request = RouteRefresh::request(Family::EVPN);
    assert_eq!(tail[1], Action::Deliver(Delivery::RouteRefresh(request)));
    assert_eq!(tail[0], Action::Log(Notice::RefreshIgnored(Family::VPNV4)));
}

// A peer that flaps must not bring the waits back to their start each time.
#[test]
fn short_sessions_do_not_reset_the_waits() {
    let (mut pair, ..) = established();
    for _ in 0..8 {
        pair.give(B, Event::Reset(Notification::cease(4)));
        pair.established(secs(6));
    }
    pair.give(B, Event::Reset(Notification::cease(4)));
    let took = pair.established(secs(6));
    assert!(took > secs(3), "{took:?}");
    pair.run_for(secs(60));
    pair.give(B, Event::Reset(Notification::cease(4)));
    let took = pair.established(secs(6));
    assert!(took < millis(300), "{took:?}");
}

#[test]
fn our_open_is_the_references_with_its_capabilities() {
    let mut config = bgp_session::SessionConfig {
        router_id: [127, 0, 0, 1].into(),
        families: vec![
            Family::VPNV4,
            Family::RTC,
            Family::FLOWSPEC_VPNV4,
            Family::EVPN,
        ],
        ..config(1)
    };
    config.capabilities.clear();
    let mut pair = Pair::started(config, support::config(2));
    pair.run_for(millis(3));
    let open = pair.sides[A]
        .actions
        .iter()
        .find_map(|(_, action)| match action {
            Action::Send(_, Message::Open(open)) => Some(open.encode_body()),
            _ => None,
        });
    let hex: String = open
        .expect("sent")
        .iter()
        .map(|octet| format!("{octet:02x}"))
        .collect();
    let expected =
        "04fc0000b47f000001200206010400010080020601040001008402060104000100860206010400190046";
    assert_eq!(hex, expected);
}
