//! Graceful restart as far as the session has a part in it (RFC 4724, RFC 8538).

#![allow(clippy::expect_used, reason = "a test may fail")]

mod support;

use bgp_session::{Action, DownReason, Event, LinkId, Mirror, Mode, Moment, SessionConfig, State};
use bgp_wire::{Capability, Family, Message, Notification, notification::cease};
use support::{A, B, Pair, config, millis, secs};

fn restart(restarting: bool, notification: bool, time: u16, families: &[Family]) -> Capability {
    Capability::GracefulRestart {
        restarting,
        notification,
        time,
        families: families.iter().map(|family| (*family, true)).collect(),
    }
}

/// A helper: nothing of its own is kept.
fn helper() -> SessionConfig {
    let mut config = config(1);
    config.capabilities.push(restart(false, true, 0, &[]));
    config
}

/// The peer that restarts, waiting to be called.
fn reflector(restarting: bool, notification: bool) -> SessionConfig {
    let mut config = config(2);
    config.mode = Mode::Passive;
    let capability = restart(restarting, notification, 60, &[Family::EVPN]);
    config.capabilities.push(capability);
    config
}

fn established(notification: bool) -> Pair {
    let mut pair = Pair::started(helper(), reflector(false, notification));
    pair.established(secs(1));
    pair
}

/// For how long the helper keeps the peer's routes when the session ends for this reason.
fn kept_after(pair: &Pair, reason: &DownReason) -> Option<u16> {
    let negotiated = pair.sides[A].session.negotiated().expect("established");
    negotiated
        .restarts_after(reason)
        .map(|restart| restart.time)
}

#[test]
fn a_lost_connection_and_silence_are_restarts() {
    let pair = established(false);
    for reason in [
        DownReason::TcpClosed,
        DownReason::HoldTimerExpired,
        DownReason::Replaced,
    ] {
        assert_eq!(kept_after(&pair, &reason), Some(60), "{reason}");
    }
    assert_eq!(kept_after(&pair, &DownReason::Stopped), None);
}

#[test]
fn a_notification_is_a_restart_if_both_say_so_and_it_is_no_hard_reset() {
    let shutdown = Notification::shutdown("upgrade");
    let soft = DownReason::NotificationReceived(shutdown.clone());
    let hard = DownReason::NotificationReceived(Notification::hard_reset(&shutdown));
    let ours = DownReason::NotificationSent {
        notification: Notification::malformed_attribute_list(),
        what: "garbage".to_owned(),
    };
    let (with, without) = (established(true), established(false));
    for (reason, kept) in [(soft, Some(60)), (hard, None), (ours, Some(60))] {
        assert_eq!(kept_after(&with, &reason), kept, "{reason}");
        assert_eq!(kept_after(&without, &reason), None, "{reason}");
    }
}

#[test]
fn nothing_is_kept_of_a_peer_when_we_have_not_announced_it() {
    let mut pair = Pair::started(config(1), reflector(false, true));
    pair.established(secs(1));
    assert_eq!(kept_after(&pair, &DownReason::TcpClosed), None);
}

#[test]
fn a_peer_that_restarts_is_called_every_second() {
    let calls_in_a_minute = |mut pair: Pair| {
        let link = LinkId::Out(0);
        pair.cut();
        pair.give(A, Event::TcpClosed(link));
        let start = pair.now;
        pair.run_for(secs(50));
        let calls: Vec<Moment> = pair.sides[A]
            .actions
            .iter()
            .filter(|(at, action)| *at > start && matches!(action, Action::Connect(_)))
            .map(|(at, _)| *at)
            .collect();
        let gaps = calls.windows(2).map(|pair| pair[1] - pair[0]);
        gaps.max().expect("several calls")
    };
    let longest = calls_in_a_minute(established(true));
    assert!(longest <= millis(1010), "{longest:?}");
    let passive = SessionConfig {
        mode: Mode::Passive,
        ..config(2)
    };
    let mut other = Pair::started(helper(), passive);
    other.established(secs(1));
    let longest = calls_in_a_minute(other);
    assert!(longest > secs(3), "{longest:?}");
}

/// The peer's host has lost power: its new life calls while its old one seems to be there.
fn called_again(restarting: bool) -> Pair {
    let mut pair = established(true);
    pair.cut();
    let link = LinkId::In(9);
    pair.give(A, Event::TcpConnected(link));
    let mut open = reflector(restarting, true);
    open.mode = Mode::Active;
    let mut reborn = Pair::started(open, helper());
    reborn.run_for(millis(3));
    let said = reborn.sides[A]
        .actions
        .iter()
        .find_map(|(_, action)| match action {
            Action::Send(_, Message::Open(open)) => Some(open.clone()),
            _ => None,
        });
    let said = said.expect("an OPEN");
    pair.give(A, Event::Received(link, Message::Open(said)));
    pair.give(A, Event::Received(link, Message::Keepalive));
    pair
}

#[test]
fn a_restarted_peer_that_calls_again_replaces_its_old_connection() {
    let pair = called_again(true);
    let side = &pair.sides[A];
    assert_eq!(side.downs(), ["peer has restarted"]);
    assert_eq!(side.session.state(), State::Established);
    assert_eq!(side.session.links().collect::<Vec<_>>(), [LinkId::In(9)]);
    // The old one is not told: nobody is there.
    assert!(side.notifications().is_empty());
}

// Two that call each other at the same time must not take the second call for a restart.
#[test]
fn a_peer_that_calls_again_without_having_restarted_is_turned_away() {
    let pair = called_again(false);
    let side = &pair.sides[A];
    assert!(side.downs().is_empty());
    assert_eq!(side.notifications(), [(6, cease::COLLISION)]);
    assert_eq!(side.session.links().collect::<Vec<_>>(), [LinkId::Out(0)]);
}

#[test]
fn a_mirror_restarts_in_the_families_of_its_caller() {
    let mut mirror = reflector(true, true);
    mirror.mirror = Mirror {
        local_as: true,
        families: true,
    };
    mirror.delay_open = Some(secs(1));
    let mut caller = helper();
    caller.families = vec![Family::RTC, Family::VPNV4];
    let mut pair = Pair::started(caller, mirror);
    pair.established(secs(1));
    let negotiated = pair.sides[A].session.negotiated().expect("established");
    let announced = negotiated.graceful_restart.as_ref().expect("announced");
    let both = [(Family::RTC, true), (Family::VPNV4, true)];
    assert_eq!(announced.families, both);
    // The helper keeps nothing of its own.
    let negotiated = pair.sides[B].session.negotiated().expect("established");
    assert!(!negotiated.peer_restarts());
}

#[test]
fn who_stops_for_good_says_so_to_peers_that_would_keep_its_routes() {
    for (ours, theirs, expected) in [
        (
            restart(false, true, 60, &[Family::EVPN]),
            true,
            (6, cease::HARD_RESET),
        ),
        (
            restart(false, true, 60, &[Family::EVPN]),
            false,
            (6, cease::SHUTDOWN),
        ),
        (
            restart(false, false, 60, &[Family::EVPN]),
            true,
            (6, cease::SHUTDOWN),
        ),
        (restart(false, true, 0, &[]), true, (6, cease::SHUTDOWN)),
    ] {
        let mut config = config(1);
        config.capabilities.push(ours);
        let mut pair = Pair::started(config, reflector(false, theirs));
        pair.established(secs(1));
        pair.give(A, Event::Stop("upgrade".to_owned()));
        assert_eq!(pair.sides[A].notifications(), [expected]);
    }
}

#[test]
fn only_the_first_session_after_a_restart_is_said_to_be_that() {
    let mut pair = Pair::started(helper(), reflector(true, false));
    pair.established(secs(1));
    let says_restarting = |pair: &Pair| {
        let negotiated = pair.sides[A].session.negotiated().expect("established");
        let theirs = negotiated.graceful_restart.as_ref().expect("announced");
        theirs.restarting
    };
    assert!(says_restarting(&pair));
    again(&mut pair);
    assert!(!says_restarting(&pair));
}

#[test]
fn forwarding_that_goes_on_has_been_preserved_when_the_session_is_back() {
    for keeps_forwarding in [true, false] {
        let mut fresh = reflector(false, false);
        fresh.keeps_forwarding = keeps_forwarding;
        fresh.capabilities.pop();
        fresh.capabilities.push(Capability::GracefulRestart {
            restarting: false,
            notification: false,
            time: 60,
            families: vec![(Family::EVPN, false)],
        });
        let mut pair = Pair::started(helper(), fresh);
        pair.established(secs(1));
        let preserved = |pair: &Pair| {
            let negotiated = pair.sides[A].session.negotiated().expect("established");
            let theirs = negotiated.graceful_restart.as_ref().expect("announced");
            theirs.families.clone()
        };
        // Started without anything, it has nothing to say of what was before.
        assert_eq!(preserved(&pair), [(Family::EVPN, false)]);
        again(&mut pair);
        assert_eq!(preserved(&pair), [(Family::EVPN, keeps_forwarding)]);
    }
}

/// Another session follows.
fn again(pair: &mut Pair) {
    pair.give(B, Event::Reset(Notification::reset("again")));
    pair.until(secs(5), |pair| pair.states() != [State::Established; 2]);
    pair.established(secs(30));
}
