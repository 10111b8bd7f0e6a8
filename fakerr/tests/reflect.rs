//! The program as a route reflector, with clients over TCP.

#![allow(clippy::expect_used, reason = "a test may fail")]

mod support;

use std::{net::Ipv4Addr, os::unix::net::UnixDatagram};

use bgp_wire::{
    Family, Message, Nlri, Notification, Open, RawMessage,
    attribute::code,
    raw::{Framer, kind},
};
use nix::sys::signal::Signal;
use support::{
    DEADLINE, Fakerr,
    client::{Client, mac, membership, plain, with_target},
    command,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

const EVPN: &[Family] = &[Family::EVPN];
const BOTH: &[Family] = &[Family::EVPN, Family::RTC];

#[tokio::test]
async fn two_clients_exchange_a_route() {
    let fakerr = Fakerr::start(&["--router-id", "10.0.0.100", "--cluster-id", "10.0.0.200"]);
    let mut a = Client::start(&fakerr, 1, EVPN).await;
    let mut b = Client::start(&fakerr, 2, EVPN).await;
    b.until("the end of nothing", |client| client.ends == EVPN)
        .await;
    a.announce(&with_target(79), &mac(1));
    let (next_hop, attributes) = b.until_held(&mac(1)).await;
    assert_eq!(next_hop.address(), Some(Ipv4Addr::new(127, 0, 0, 1).into()));
    assert_eq!(attributes.originator_id(), Some(Ipv4Addr::new(10, 0, 0, 1)));
    assert_eq!(attributes.cluster_list(), [Ipv4Addr::new(10, 0, 0, 200)]);
    let untouched = attributes
        .without(code::ORIGINATOR_ID)
        .without(code::CLUSTER_LIST);
    assert_eq!(untouched, with_target(79));
    a.withdraw(&mac(1));
    b.until_gone(&mac(1)).await;
    // The other way, and nothing came back to where it came from.
    b.announce(&with_target(79), &mac(2));
    a.until_held(&mac(2)).await;
    assert_eq!(a.held.len(), 1);
}

#[tokio::test]
async fn a_late_joiner_gets_all_and_a_dead_clients_routes_go() {
    let fakerr = Fakerr::start(&[]);
    let a = Client::start(&fakerr, 1, EVPN).await;
    let mut b = Client::start(&fakerr, 2, EVPN).await;
    for n in 1..=200 {
        a.announce(&with_target(79), &mac(n));
    }
    b.until("200 routes", |client| client.held.len() == 200)
        .await;
    let mut c = Client::start(&fakerr, 3, EVPN).await;
    c.until("the end", |client| client.ends == EVPN).await;
    assert_eq!(c.held.len(), 200);
    a.stop().await;
    b.until("no routes", |client| client.held.is_empty()).await;
    c.until("no routes", |client| client.held.is_empty()).await;
}

#[tokio::test]
async fn constrained_clients_get_what_they_ask_for() {
    let fakerr = Fakerr::start(&[]);
    let mut a = Client::start(&fakerr, 1, BOTH).await;
    let mut b = Client::start(&fakerr, 2, BOTH).await;
    a.announce(&with_target(1), &mac(1));
    a.announce(&with_target(2), &mac(2));
    b.ask(2);
    // What the reference waits for before it sends its routes.
    a.until_held(&membership(2)).await;
    b.until_held(&mac(2)).await;
    assert!(!b.held.contains_key(&mac(1).key()));
    b.ask(1);
    b.until_held(&mac(1)).await;
    b.withdraw(&membership(2));
    b.until_gone(&mac(2)).await;
    a.until_gone(&membership(2)).await;
    assert!(b.held.contains_key(&mac(1).key()));
    // A client that cannot ask gets everything, so everything is asked for.
    let mut c = Client::start(&fakerr, 3, EVPN).await;
    c.until("both routes", |client| client.held.len() == 2)
        .await;
    a.until("the default route", |client| client.held.len() == 2)
        .await;
}

/// A client made of bytes, as far as Established.
async fn by_hand(fakerr: &Fakerr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket
        .bind("127.0.0.9:0".parse().expect("an address"))
        .expect("loopback");
    let mut stream = socket.connect(fakerr.address).await.expect("listening");
    let capabilities = vec![
        bgp_wire::Capability::MultiProtocol(Family::EVPN),
        bgp_wire::Capability::FourOctetAs(64512),
    ];
    let open = Open::new(64512, 90, Ipv4Addr::new(10, 0, 0, 9), capabilities);
    for message in [Message::Open(open), Message::Keepalive] {
        let bytes = message.encode().encode();
        stream.write_all(&bytes).await.expect("open");
    }
    stream
}

/// Reads to the end; the NOTIFICATION before it.
async fn last_words(mut stream: TcpStream) -> Option<Notification> {
    let mut framer = Framer::new();
    let mut last = None;
    let mut buffer = [0; 4096];
    loop {
        let read = timeout(DEADLINE, stream.read(&mut buffer))
            .await
            .expect("an end in time");
        match read.expect("no reset") {
            0 => return last,
            length => framer.push(&buffer[..length]),
        }
        while let Some(message) = framer.next() {
            let message = message.expect("a message");
            if message.kind == kind::NOTIFICATION {
                last = Notification::parse(&message.body);
            }
        }
    }
}

#[tokio::test]
async fn garbage_is_answered_and_hurts_nobody_else() {
    let fakerr = Fakerr::start(&[]);
    let mut a = Client::start(&fakerr, 1, EVPN).await;
    let b = Client::start(&fakerr, 2, EVPN).await;
    let bad_update = RawMessage::new(kind::UPDATE, vec![0xff; 30]).encode();
    let bad: [(&[u8], u8); 3] = [
        (b"\r\n\r\nthis is no BGP at all", 1),
        (&bad_update, 3),
        (&[0; 100], 1),
    ];
    for (bytes, code) in bad {
        let mut hand = by_hand(&fakerr).await;
        hand.write_all(bytes).await.expect("open");
        let last = last_words(hand).await.expect("a NOTIFICATION");
        assert_eq!(last.code, code, "{last}");
    }
    // A caller that says nothing BGP from the start, and one that says nothing.
    let mut hand = TcpStream::connect(fakerr.address).await.expect("listening");
    hand.write_all(b"GET / HTTP/1.1\r\n\r\n")
        .await
        .expect("open");
    assert_eq!(last_words(hand).await.map(|last| last.code), Some(1));
    drop(TcpStream::connect(fakerr.address).await.expect("listening"));

    b.announce(&with_target(79), &mac(1));
    a.until_held(&mac(1)).await;
    assert!(a.downs.is_empty() && b.downs.is_empty());
}

#[tokio::test]
async fn families_nobody_has_heard_of_pass() {
    let odd = Family::new(16390, 99);
    let fakerr = Fakerr::start(&[]);
    let a = Client::start(&fakerr, 1, &[odd, Family::EVPN]).await;
    let mut b = Client::start(&fakerr, 2, &[odd]).await;
    let route = Nlri::new(odd, vec![7, 7, 7]);
    a.announce(&plain(), &route);
    a.announce(&plain(), &mac(1));
    b.until_held(&route).await;
    a.withdraw(&route);
    b.until_gone(&route).await;
    assert!(b.held.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reflector_is_in_each_clients_as_unless_told() {
    let fakerr = Fakerr::start(&[]);
    for (n, asn) in [(1, 64512), (2, 4_200_000_000)] {
        let mut client = Client::connecting(fakerr.address, n, asn, EVPN);
        client
            .until("a session", |client| client.peer_as == asn)
            .await;
    }
    let fakerr = Fakerr::start(&["--as", "65000"]);
    let mut welcome = Client::connecting(fakerr.address, 1, 65000, EVPN);
    welcome
        .until("a session", |client| client.peer_as == 65000)
        .await;
    let _stranger = Client::connecting(fakerr.address, 2, 65001, EVPN);
    fakerr.line("bad peer AS");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_comes_again_replaces_its_older_self() {
    let fakerr = Fakerr::start(&[]);
    let first = by_hand(&fakerr).await;
    fakerr.line("client up");
    let _second = by_hand(&fakerr).await;
    fakerr.line("client came again");
    assert_eq!(last_words(first).await, Some(Notification::cease(7)));
}

#[tokio::test]
async fn sigterm_says_cease_to_all() {
    let fakerr = Fakerr::start(&[]);
    let mut a = Client::start(&fakerr, 1, EVPN).await;
    let mut b = Client::start(&fakerr, 2, EVPN).await;
    fakerr.signal(Signal::SIGTERM);
    for client in [&mut a, &mut b] {
        client
            .until("the end", |client| !client.downs.is_empty())
            .await;
        let reason = client.downs[0].to_string();
        assert!(reason.contains("administrative shutdown"), "{reason}");
    }
    assert_eq!(fakerr.wait().code(), Some(0));
}

#[test]
fn the_service_manager_is_told() {
    let directory = tempfile();
    let path = directory.join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    let mut program = command(&["--listen", "127.0.0.1", "--port", "0"]);
    program.env("NOTIFY_SOCKET", &path);
    let fakerr = Fakerr::run(program);
    let mut buffer = [0; 64];
    let length = socket.recv(&mut buffer).expect("a datagram");
    assert_eq!(&buffer[..length], b"READY=1\n");
    fakerr.signal(Signal::SIGINT);
    assert_eq!(fakerr.wait().code(), Some(0));
    std::fs::remove_dir_all(directory).expect("ours");
}

fn tempfile() -> std::path::PathBuf {
    let path = std::env::temp_dir().join(format!("fakerr-test-{}", std::process::id()));
    std::fs::create_dir_all(&path).expect("a writable place");
    path
}

#[test]
fn what_cannot_run_says_why() {
    let first = Fakerr::start(&[]);
    let port = first.address.port().to_string();
    let output = command(&["--listen", "127.0.0.1", "--port", &port])
        .output()
        .expect("a run");
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(
        text,
        format!("error: `127.0.0.1:{port}` is in use by another program\n")
    );

    let wrong: [(&[&str], &str); 4] = [
        (&["--hold-time", "2"], "must be 0 or at least 3"),
        (&["--router-id", "0.0.0.0"], "must not be 0.0.0.0"),
        (&["--as", "0"], "0 is not in 1..=4294967295"),
        (&["--mode", "juggle"], "possible values: reflect, splice"),
    ];
    for (args, words) in wrong {
        let output = command(args).output().expect("a run");
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(text.contains(words), "{text}");
    }
    let help = command(&["--help"]).output().expect("a run");
    assert_eq!(help.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&help.stdout).contains("Examples:"));
}

#[tokio::test]
async fn a_restart_is_announced_in_the_clients_families() {
    let fakerr = Fakerr::start(&["--deferral-time", "3600", "--restart-time", "77"]);
    let client = Client::start(&fakerr, 1, BOTH).await;
    let restart = client.restart.as_ref().expect("announced");
    assert_eq!((restart.time, restart.notification), (77, true));
    assert_eq!(
        restart.families,
        [(Family::EVPN, true), (Family::RTC, true)]
    );
    assert!(restart.restarting, "it has just been started");
    let fakerr = Fakerr::start(&["--restart-time", "0"]);
    assert_eq!(Client::start(&fakerr, 1, BOTH).await.restart, None);
}

#[tokio::test]
async fn the_end_of_routes_waits_until_clients_had_time_to_come_back() {
    let fakerr = Fakerr::start(&["--deferral-time", "1"]);
    let mut a = Client::start(&fakerr, 1, EVPN).await;
    let b = Client::start(&fakerr, 2, EVPN).await;
    b.announce(&with_target(79), &mac(1));
    // What it has to tell it tells at once.
    a.until_held(&mac(1)).await;
    assert_eq!(a.ends, []);
    a.until("the end", |client| client.ends == EVPN).await;
    // Who comes later is kept waiting by nobody.
    let mut c = Client::start(&fakerr, 3, EVPN).await;
    c.until("the end", |client| client.ends == EVPN).await;
    assert!(!c.restart.expect("announced").restarting);
}
