//! A reflector that restarts: what the daemon keeps of it, byte by byte.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "tests fail by panicking"
)]

mod common;

use bagpipe_api::AttachBody;
use bgp_wire::{Capability, Family, Notification, Update};
use common::{Daemon, Speaker, config, listener};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// ORIGIN, AS_PATH, LOCAL_PREF.
const COMMON: &str = "40010100 400200 40050400000064";
const PEER: &str = "bgp/peers/127.0.0.1/protocol/graceful_restart";

async fn reflector(listener: &TcpListener, time: u16) -> Speaker {
    let restart = Capability::GracefulRestart {
        restarting: false,
        notification: true,
        time,
        families: vec![(Family::EVPN, true)],
    };
    Speaker::accept_with(listener, &[Family::EVPN], vec![restart]).await
}

/// A MAC of another node's.
async fn announce(speaker: &mut Speaker, n: u8) {
    speaker
        .send_update(&format!(
            "00000054 {COMMON} c01010 030c000000000008 0002fc0000000003
             800e30 0019 46 04 02020202 00
             02 25 0001020202020002 00000000000000000000 00000000 30 0200000000{n:02x}
             20 0a0909{n:02x} 001389"
        ))
        .await;
}

async fn attached(more: &str) -> (Daemon, TcpListener) {
    let (listener, port) = listener().await;
    let more = format!("[BGP]\nend_of_rib_wait=0\n{more}");
    let daemon = Daemon::start(&config(port, &more));
    let body = AttachBody::evpn("e2", "te2", "00:00:de:ad:be:02")
        .ip("10.9.9.9")
        .rt("64512:3")
        .vni(5001);
    daemon.client().await.attach(&body).await.unwrap();
    (daemon, listener)
}

/// Waits until the instance uses so many routes of others, and answers which.
async fn uses(daemon: &Daemon, routes: usize) -> Value {
    let page = "vpns/instances/e2/best_routes";
    let wanted = |page: &Value| page.as_object().is_some_and(|all| all.len() == routes);
    daemon.until(page, wanted).await
}

#[tokio::test]
async fn issue_18_forwarding_is_as_it_was_while_the_reflector_restarts() {
    let (daemon, listener) = attached("").await;
    let mut speaker = reflector(&listener, 120).await;
    announce(&mut speaker, 1).await;
    announce(&mut speaker, 2).await;
    let before = uses(&daemon, 2).await;
    // Killed: its kernel closes the connection.
    drop(speaker);
    let shown = daemon
        .until(PEER, |page| page["state"] == "restarting")
        .await;
    assert_eq!(
        shown,
        json!({
            "state": "restarting",
            "restart_time": 120,
            "families": ["l2vpn/evpn"],
            "stale_routes": 2,
        })
    );
    assert_eq!(uses(&daemon, 2).await, before);

    let mut speaker = reflector(&listener, 120).await;
    daemon
        .until(PEER, |page| page["state"] == "returning")
        .await;
    announce(&mut speaker, 1).await;
    daemon.until(PEER, |page| page["stale_routes"] == 1).await;
    assert_eq!(uses(&daemon, 2).await, before);
    // The other one is gone for good.
    speaker.send(&Update::end_of_rib_for(Family::EVPN)).await;
    daemon.until(PEER, |page| page["state"] == "ready").await;
    assert_ne!(uses(&daemon, 1).await, before);
    let log = daemon.log();
    for line in [
        "the peer restarts: its 2 routes are kept, for 120 s at most",
        "1 routes that were kept for the peer are gone: it has not confirmed them",
    ] {
        assert_eq!(log.matches(line).count(), 1, "{line}\n{log}");
    }
}

#[tokio::test]
async fn a_reflector_that_stays_away_loses_its_routes() {
    let (daemon, listener) = attached("[BGP]\ngraceful_restart_max=0.2\n").await;
    let mut speaker = reflector(&listener, 120).await;
    announce(&mut speaker, 1).await;
    uses(&daemon, 1).await;
    drop((speaker, listener));
    uses(&daemon, 0).await;
    assert!(daemon.log().contains("its 1 routes are kept"));
}

#[tokio::test]
async fn one_that_never_says_its_routes_are_complete_is_not_waited_for_for_ever() {
    let (daemon, listener) = attached("[BGP]\nstale_path_time=1\n").await;
    let mut speaker = reflector(&listener, 120).await;
    announce(&mut speaker, 1).await;
    announce(&mut speaker, 2).await;
    uses(&daemon, 2).await;
    drop(speaker);
    let mut speaker = reflector(&listener, 120).await;
    announce(&mut speaker, 2).await;
    uses(&daemon, 1).await;
}

#[tokio::test]
async fn a_notification_is_a_restart_unless_it_is_a_hard_reset() {
    let (daemon, listener) = attached("").await;
    let shutdown = Notification::shutdown("upgrade");
    for (notification, kept) in [
        (shutdown.clone(), 1),
        (Notification::hard_reset(&shutdown), 0),
    ] {
        let mut speaker = reflector(&listener, 120).await;
        announce(&mut speaker, 1).await;
        speaker.send(&Update::end_of_rib_for(Family::EVPN)).await;
        daemon.until(PEER, |page| page["state"] == "ready").await;
        uses(&daemon, 1).await;
        let message = bgp_wire::Message::Notification(notification);
        speaker.send(&message.encode()).await;
        while speaker.next_or_end().await.is_some() {}
        daemon
            .until("bgp/peers/127.0.0.1/protocol/state", |state| {
                state != "Established"
            })
            .await;
        uses(&daemon, kept).await;
    }
}

#[tokio::test]
async fn without_a_time_to_keep_routes_nothing_is_announced() {
    let (_daemon, listener) = attached("[BGP]\ngraceful_restart_max=0\n").await;
    let speaker = reflector(&listener, 120).await;
    let open = common::hex(&speaker.open);
    assert!(!open.contains("02044002"), "{open}");
}
