//! Peers that call the daemon, and those who are no peers.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "tests fail by panicking"
)]

mod common;

use std::net::{Ipv4Addr, SocketAddr};

use bagpipe_api::AttachBody;
use bgp_wire::{Family, RawMessage, raw::kind};
use common::{DEADLINE, Daemon, Speaker, listener, unhex};
use tokio::{
    io::AsyncReadExt as _,
    net::{TcpSocket, TcpStream},
    time::timeout,
};

/// A daemon on 127.0.0.`n` with its peer on 127.0.0.`peer`.
fn daemon(n: u8, peer: u8, port: u16, more: &str) -> Daemon {
    Daemon::start(&format!(
        "[BGP]\nlocal_address=127.0.0.{n}\npeers=127.0.0.{peer}\nmy_as=64512\nbgp_port={port}\nlisten=true\n\
         connect_retry=0.05\n{more}\n[API]\nport=0\n"
    ))
}

/// A port that is free on every address of the loopback interface, most likely.
async fn free_port() -> u16 {
    listener().await.1
}

/// Calls 127.0.0.1 from 127.0.0.`n`.
async fn call(n: u8, port: u16) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from(([127, 0, 0, n], 0)))?;
    socket
        .connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .await
}

async fn established(daemon: &Daemon, peer: u8) {
    let path = format!("bgp/peers/127.0.0.{peer}/protocol/state");
    daemon.until(&path, |state| state == "Established").await;
}

async fn attach(daemon: &Daemon, n: u8) {
    let body = AttachBody::evpn("e", format!("tap{n}"), format!("00:00:de:ad:be:{n:02x}"))
        .ip(format!("10.9.9.{n}"))
        .rt("64512:3");
    daemon.client().await.attach(&body).await.unwrap();
}

#[tokio::test]
async fn issue_16_two_daemons_are_peers_without_a_reflector() {
    let port = free_port().await;
    let a = daemon(1, 2, port, "");
    let b = daemon(2, 1, port, "");
    established(&a, 2).await;
    established(&b, 1).await;
    attach(&a, 1).await;
    attach(&b, 2).await;
    for (daemon, mac) in [(&a, "02"), (&b, "01")] {
        let entry = format!("('MAC', 00:00:de:ad:be:{mac})");
        daemon
            .until("vpns/instances/e/best_routes", |page| {
                page.get(&entry).is_some()
            })
            .await;
        let [session] = &daemon.client().await.sessions().await.unwrap()[..] else {
            panic!("one configured peer");
        };
        assert_eq!(session.flaps, 0, "{}", daemon.log());
    }
}

#[tokio::test]
async fn a_passive_peer_is_waited_for() {
    let port = free_port().await;
    // Nobody is called, so it is for the other to do it.
    let waiting = Daemon::start(&format!(
        "[BGP]\nlocal_address=127.0.0.1\npassive_peers=127.0.0.2\nmy_as=64512\nbgp_port={port}\nlisten=true\n\
         [API]\nport=0\n"
    ));
    let state = "bgp/peers/127.0.0.2/protocol/state";
    waiting.until(state, |state| state == "Active").await;
    let calling = daemon(2, 1, port, "listen=false\n");
    established(&waiting, 2).await;
    established(&calling, 1).await;
}

#[tokio::test]
async fn strangers_are_refused_counted_and_logged_once() {
    let port = free_port().await;
    let daemon = daemon(1, 2, port, "");
    for _ in 0..50 {
        let mut stream = call(3, port).await.unwrap();
        let mut nothing = [0];
        let end = timeout(DEADLINE, stream.read(&mut nothing)).await.unwrap();
        assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
    }
    daemon
        .until("bgp/calls/refused", |count| *count == 50)
        .await;
    let log = daemon.log();
    assert_eq!(
        log.matches("refused a call from 127.0.0.3").count(),
        1,
        "{log}"
    );
}

// Known issue of many: connections that say nothing are kept, and cost one descriptor each.
#[tokio::test]
async fn a_flood_of_silent_calls_leaves_the_daemon_and_its_session_as_they_are() {
    let port = free_port().await;
    let flooded = daemon(1, 2, port, "");
    let mut silent = Vec::new();
    for _ in 0..2000 {
        // The backlog may be full for a moment; what counts is what the daemon does with those that get through.
        if let Ok(Ok(stream)) = timeout(DEADLINE, call(2, port)).await {
            silent.push(stream);
        }
        if silent.len() > 200 {
            silent.drain(..100);
        }
    }
    let descriptors = std::fs::read_dir(format!("/proc/{}/fd", flooded.pid())).unwrap();
    assert!(descriptors.count() < 100);
    // The peer itself gets through.
    let peer = daemon(2, 1, port, "");
    established(&flooded, 2).await;
    drop(silent);
    established(&peer, 1).await;
    assert!(flooded.log().lines().count() < 150, "{}", flooded.log());
    // While there is a session, whoever calls in its peer's name is turned away, and that is said once.
    for _ in 0..50 {
        let mut stream = call(2, port).await.unwrap();
        let end = timeout(DEADLINE, stream.read_to_end(&mut Vec::new())).await;
        assert!(end.is_ok(), "kept");
    }
    let [session] = &flooded.client().await.sessions().await.unwrap()[..] else {
        panic!("one configured peer");
    };
    assert_eq!(session.state, "Established");
    let log = flooded.log();
    // The first ten in the flood, and those of the session.
    assert!(log.matches("connection collision").count() < 15, "{log}");
}

/// Pages in memory that are the process's own, in octets.
fn memory(daemon: &Daemon) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:"));
    let words = line.unwrap().split_whitespace().nth(1);
    words.unwrap().parse::<u64>().unwrap() << 10
}

#[tokio::test]
async fn a_flood_of_broken_updates_is_said_once_and_costs_nothing() {
    let (listener, port) = listener().await;
    let daemon = Daemon::start(&common::config(port, "[BGP]\nenable_rtc=false\n"));
    attach(&daemon, 1).await;
    let mut speaker = Speaker::accept(&listener, &[Family::EVPN]).await;
    let nlri =
        "02 25 0001020202020002 00000000000000000000 00000000 30 020000000001 20 0a090901 001389";
    let reach = format!("800e30 0019 46 04 02020202 00 {nlri}");
    // No ORIGIN, AS_PATH and LOCAL_PREF: its routes count as withdrawn.
    let broken = RawMessage::new(kind::UPDATE, unhex(&format!("00000033 {reach}"))).encode();
    let before = memory(&daemon);
    for _ in 0..20 {
        speaker.send_bytes(&broken.repeat(1000)).await;
    }
    let whole = format!(
        "00000054 40010100 400200 40050400000064 c01010 030c000000000008 0002fc0000000003 {reach}"
    );
    speaker.send_update(&whole).await;
    daemon
        .until("vpns/instances/e/best_routes", |page| {
            page.get("('MAC', 02:00:00:00:00:01)").is_some()
        })
        .await;
    let mut client = daemon.client().await;
    let logs = client.looking_glass("logs").await.unwrap().to_string();
    assert_eq!(logs.matches("in an UPDATE").count(), 1, "{logs}");
    assert_eq!(client.sessions().await.unwrap()[0].flaps, 0);
    let grown = memory(&daemon).saturating_sub(before);
    assert!(grown < 32 << 20, "{grown}");
}

#[tokio::test]
async fn of_many_routes_that_cannot_be_used_some_are_named() {
    let (listener, port) = listener().await;
    let daemon = Daemon::start(&common::config(port, "[BGP]\nenable_rtc=false\n"));
    attach(&daemon, 1).await;
    let mut speaker = Speaker::accept(&listener, &[Family::EVPN]).await;
    // Over GRE (encapsulation 2), which the dataplane does not do.
    for n in 1..=200 {
        let update = format!(
            "00000054 40010100 400200 40050400000064 c01010 030c000000000002 0002fc0000000003
             800e30 0019 46 04 02020202 00
             02 25 0001020202020002 00000000000000000000 00000000 30 0200000000{n:02x} 20 0a0909{n:02x} 001389"
        );
        speaker.send_update(&update).await;
    }
    daemon
        .until("vpns/instances/e/received_routes", |page| {
            page.as_object().is_some_and(|routes| routes.len() == 200)
        })
        .await;
    let logs = daemon.client().await.looking_glass("logs").await.unwrap();
    let logs = logs.to_string();
    assert_eq!(logs.matches("No encap supported").count(), 10, "{logs}");
}

#[tokio::test]
async fn a_flood_of_requests_to_send_again_is_answered_once_a_second() {
    let (listener, port) = listener().await;
    let daemon = Daemon::start(&common::config(port, "[BGP]\nenable_rtc=false\n"));
    attach(&daemon, 1).await;
    let mut speaker = Speaker::accept(&listener, &[Family::EVPN]).await;
    let refresh = RawMessage::new(kind::ROUTE_REFRESH, unhex("0019 00 46")).encode();
    speaker.send_bytes(&refresh.repeat(20_000)).await;
    speaker
        .send_update(
            "00000054 40010100 400200 40050400000064 c01010 030c000000000008 0002fc0000000003
             800e30 0019 46 04 02020202 00
             02 25 0001020202020002 00000000000000000000 00000000 30 020000000001 20 0a090901 001389",
        )
        .await;
    attach(&daemon, 2).await;
    let (mut is_there, mut multicasts) = (false, 0);
    // The last of them is answered, too.
    while !is_there || multicasts < 3 {
        for (.., nlri) in speaker.decoded().await.reach {
            multicasts += nlri.iter().filter(|nlri| nlri.bytes[0] == 3).count();
            is_there |= nlri
                .iter()
                .any(|nlri| common::hex(&nlri.bytes).contains("deadbe02"));
        }
    }
    // What was behind the flood has come through.
    daemon
        .until("vpns/instances/e/received_routes", |page| {
            page.as_object().is_some_and(|routes| routes.len() == 1)
        })
        .await;
    let statistics = "bgp/peers/127.0.0.1/statistics";
    let page = daemon
        .client()
        .await
        .looking_glass(statistics)
        .await
        .unwrap();
    assert_eq!(page["messages"]["received"]["ROUTE-REFRESH"], 20_000);
    let sent = page["messages"]["sent"]["UPDATE"].as_u64();
    assert!(sent.unwrap() < 100, "{page}");
}

#[tokio::test]
async fn a_reflector_on_the_same_host_keeps_its_port() {
    let (listener, port) = listener().await;
    drop(listener);
    let daemon = Daemon::start(&common::config(port, ""));
    let calls = daemon.client().await.looking_glass("bgp").await.unwrap();
    assert!(calls["calls"]["address"].is_null(), "{calls}");
    // It starts later, as reflectors do.
    let late = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .unwrap();
    timeout(DEADLINE, late.accept()).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_port_that_is_taken_is_said_once_and_lived_without() {
    let (_taken, port) = listener().await;
    let daemon = daemon(1, 2, port, "");
    let said = |page: &serde_json::Value| page.to_string().matches("peers cannot call").count();
    daemon.until("logs", |page| said(page) > 0).await;
    let page = daemon.client().await.looking_glass("logs").await.unwrap();
    assert_eq!(said(&page), 1, "{page}");
}
