//! Peers over real sockets on the loopback interface.

#![allow(clippy::expect_used, reason = "a test may fail")]

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use bgp_session::{Backoff, DownReason, Mode, SessionConfig, State};
use bgp_transport::{Listener, Outgoing, PeerConfig, PeerEvent, PeerHandle, spawn};
use bgp_wire::{
    Family, Message, Notification, Open, RawMessage, RouteRefresh,
    raw::{Framer, kind},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
    time::timeout,
};

const DEADLINE: Duration = Duration::from_secs(10);

fn session(n: u8) -> SessionConfig {
    let mut config = SessionConfig::new(64512, Ipv4Addr::new(10, 0, 0, n));
    config.families = vec![Family::EVPN];
    config
}

struct Peer {
    handle: PeerHandle,
    events: mpsc::Receiver<((), PeerEvent)>,
}

impl Peer {
    fn spawn(config: PeerConfig) -> Self {
        let (sender, events) = mpsc::channel(64);
        Self {
            handle: spawn((), config, sender),
            events,
        }
    }

    fn passive(change: impl FnOnce(&mut PeerConfig)) -> Self {
        let session = SessionConfig {
            mode: Mode::Passive,
            ..session(2)
        };
        let mut config = PeerConfig::new(session, SocketAddr::from(([127, 0, 0, 1], 0)));
        change(&mut config);
        Self::spawn(config)
    }

    async fn next(&mut self) -> PeerEvent {
        let next = timeout(DEADLINE, self.events.recv()).await;
        next.expect("an event in time").expect("the task lives").1
    }

    async fn established(&mut self) -> Outgoing {
        loop {
            if let PeerEvent::Established { outgoing, .. } = self.next().await {
                return outgoing;
            }
        }
    }

    async fn down(&mut self) -> DownReason {
        loop {
            if let PeerEvent::Down(reason) = self.next().await {
                return reason;
            }
        }
    }

    async fn refresh(&mut self) -> RouteRefresh {
        loop {
            if let PeerEvent::RouteRefresh(refresh) = self.next().await {
                return refresh;
            }
        }
    }
}

async fn listen() -> (Listener, SocketAddr) {
    let listener = Listener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
    let address = listener.local_addr().expect("bound");
    (listener, address)
}

/// An active and a passive peer, both Established.
async fn couple() -> (Peer, Outgoing, Peer, Outgoing) {
    let (listener, address) = listen().await;
    let mut active = Peer::spawn(PeerConfig::new(session(1), address));
    let mut passive = Peer::passive(|_| {});
    let (stream, _) = listener.accept().await.expect("a call");
    passive.handle.accept(stream);
    let (a, b) = (active.established().await, passive.established().await);
    (active, a, passive, b)
}

fn refresh() -> RawMessage {
    Message::RouteRefresh(RouteRefresh::request(Family::EVPN)).encode()
}

/// A peer made of bytes.
struct Hand {
    stream: TcpStream,
    framer: Framer,
}

impl Hand {
    /// Calls `peer` and goes as far as Established.
    async fn shaken(peer: &mut Peer) -> (Self, Outgoing) {
        let mut hand = Self::call(peer).await;
        let open = Open::new(
            64512,
            90,
            Ipv4Addr::new(10, 0, 0, 9),
            vec![
                bgp_wire::Capability::MultiProtocol(Family::EVPN),
                bgp_wire::Capability::FourOctetAs(64512),
            ],
        );
        hand.say(&Message::Open(open)).await;
        hand.say(&Message::Keepalive).await;
        let outgoing = peer.established().await;
        (hand, outgoing)
    }

    async fn call(peer: &Peer) -> Self {
        let (listener, address) = listen().await;
        let stream = TcpStream::connect(address).await.expect("listening");
        peer.handle
            .accept(listener.accept().await.expect("a call").0);
        Self {
            stream,
            framer: Framer::new(),
        }
    }

    async fn say(&mut self, message: &Message) {
        let bytes = message.encode().encode();
        self.stream.write_all(&bytes).await.expect("open");
    }

    /// The next message; `None` at the end.
    async fn hear(&mut self) -> Option<RawMessage> {
        loop {
            if let Some(message) = self.framer.next() {
                return Some(message.expect("a message"));
            }
            let mut buffer = [0; 4096];
            let read = timeout(DEADLINE, self.stream.read(&mut buffer)).await;
            match read.expect("something in time").expect("no reset") {
                0 => return None,
                length => self.framer.push(&buffer[..length]),
            }
        }
    }

    /// Reads on to the end; the NOTIFICATION on the way there.
    async fn last_words(mut self) -> Option<Notification> {
        let mut last = None;
        while let Some(message) = self.hear().await {
            if message.kind == kind::NOTIFICATION {
                last = Notification::parse(&message.body);
            }
        }
        last
    }
}

#[tokio::test]
async fn two_peers_meet_talk_and_part() {
    let (mut active, a, mut passive, b) = couple().await;
    a.send(&refresh());
    assert_eq!(passive.refresh().await.family, Family::EVPN);
    b.send_all(&[refresh(), refresh()]);
    active.refresh().await;
    active.refresh().await;
    active.handle.stop("done").await;
    let reason = passive.down().await;
    assert_eq!(
        reason,
        DownReason::NotificationReceived(Notification::shutdown("done"))
    );
    assert!(b.is_closed());
}

#[tokio::test]
async fn a_peer_comes_back_by_itself() {
    let (listener, address) = listen().await;
    let mut active = Peer::spawn(PeerConfig::new(session(1), address));
    let mut passive = Peer::passive(|_| {});
    for _ in 0..3 {
        passive
            .handle
            .accept(listener.accept().await.expect("a call").0);
        let old = active.established().await;
        passive.established().await;
        passive.handle.reset(Notification::cease(4));
        active.down().await;
        assert!(old.is_closed());
        // Meant for the old session: must not reach the next one.
        old.send(&RawMessage::new(99, vec![]));
    }
}

#[tokio::test]
async fn nobody_there_is_tried_again() {
    let (listener, address) = listen().await;
    drop(listener);
    let mut active = Peer::spawn(PeerConfig::new(session(1), address));
    let mut failures = 0;
    while failures < 2 {
        if let PeerEvent::State {
            from: State::Connect,
            to: State::Active,
            ..
        } = active.next().await
        {
            failures += 1;
        }
    }
    let listener = Listener::bind(address).expect("still free");
    let passive = Peer::passive(|_| {});
    passive
        .handle
        .accept(listener.accept().await.expect("a call").0);
    active.established().await;
}

#[tokio::test]
async fn garbage_is_answered_and_the_task_goes_on() {
    let mut peer = Peer::passive(|_| {});
    let noise: [(&[u8], (u8, u8)); 3] = [
        (b"GET / HTTP/1.1\r\nHost: example.net\r\n\r\n", (1, 1)),
        (&[&[0xff; 16][..], &[0, 3, 4]].concat(), (1, 2)),
        (&[&[0xff; 16][..], &[0, 19, 77]].concat(), (1, 3)),
    ];
    for (bytes, (code, subcode)) in noise {
        // In place of an OPEN.
        let mut hand = Hand::call(&peer).await;
        hand.stream.write_all(bytes).await.expect("open");
        let last = hand.last_words().await.expect("a NOTIFICATION");
        assert_eq!((last.code, last.subcode), (code, subcode));
        // In place of routes, with more behind it.
        let (mut hand, _) = Hand::shaken(&mut peer).await;
        hand.stream
            .write_all(&bytes.repeat(100))
            .await
            .expect("open");
        let last = hand.last_words().await.expect("a NOTIFICATION");
        assert_eq!((last.code, last.subcode), (code, subcode));
        peer.down().await;
    }
    Hand::shaken(&mut peer).await;
}

#[tokio::test]
async fn messages_arrive_whole_however_they_are_cut() {
    let mut peer = Peer::passive(|_| {});
    let (mut hand, _) = Hand::shaken(&mut peer).await;
    let bytes = refresh().encode().repeat(3);
    for piece in bytes.chunks(7) {
        hand.stream.write_all(piece).await.expect("open");
        hand.stream.flush().await.expect("open");
        tokio::task::yield_now().await;
    }
    for _ in 0..3 {
        peer.refresh().await;
    }
}

#[tokio::test]
async fn a_peer_that_reads_nothing_is_dropped_when_the_queue_is_full() {
    let mut peer = Peer::passive(|config| config.max_queue = 1 << 20);
    let (hand, outgoing) = Hand::shaken(&mut peer).await;
    let big = RawMessage::new(kind::UPDATE, vec![0; 4000]);
    // Until the kernel's buffers and ours are full.
    while !outgoing.is_closed() {
        outgoing.send(&big);
        assert!(outgoing.queued() < (2 << 20));
        tokio::task::yield_now().await;
    }
    let reason = peer.down().await;
    assert!(reason.to_string().contains("out of resources"), "{reason}");
    assert_eq!(hand.last_words().await, Some(Notification::cease(8)));
}

#[tokio::test]
async fn a_peer_that_reads_nothing_is_dropped_when_the_time_is_over() {
    let mut peer = Peer::passive(|config| {
        config.session.send_hold = Duration::from_millis(50);
        config.session.idle_hold = Backoff::default();
    });
    let (_hand, outgoing) = Hand::shaken(&mut peer).await;
    let big = RawMessage::new(kind::UPDATE, vec![0; 4000]);
    for _ in 0..8000 {
        outgoing.send(&big);
    }
    assert_eq!(peer.down().await, DownReason::SendHoldTimerExpired);
}

// 2,000 events into a channel of 64 that nobody reads: the peer's bytes wait in its socket, none is lost.
#[tokio::test]
async fn a_caller_that_is_behind_stops_the_reading() {
    let mut peer = Peer::passive(|_| {});
    let (mut hand, _) = Hand::shaken(&mut peer).await;
    let bytes = refresh().encode().repeat(100);
    let sender = tokio::spawn(async move {
        for _ in 0..2000 {
            hand.stream.write_all(&bytes).await.expect("open");
        }
        hand
    });
    tokio::task::yield_now().await;
    for _ in 0..200_000 {
        peer.refresh().await;
    }
    sender.await.expect("no panic");
}

// Known issue 25: the end of a session stood in one queue with routes, behind whatever else there was to do.
#[tokio::test]
async fn issue_25_a_session_ends_at_once_however_far_behind_its_caller_is() {
    let mut peer = Peer::passive(|_| {});
    let (hand, _) = Hand::shaken(&mut peer).await;
    let mut stream = hand.stream;
    let bytes = refresh().encode().repeat(1000);
    // The caller takes nothing, so that the other side stops reading, and the kernel's buffers are full for good.
    let (mut sent, mut refused) = (0, 0);
    while refused < 10_000 {
        match stream.try_write(&bytes) {
            Ok(length) => {
                (sent, refused) = (sent + length, 0);
            }
            Err(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
                refused += 1;
                tokio::task::yield_now().await;
            }
        }
        assert!(sent < 100 << 20, "read on and on");
    }
    // The peer is told all the same.
    peer.handle.reset(Notification::cease(4));
    let mut heard = Vec::new();
    let told = async {
        let mut buffer = [0; 4096];
        // What is unread at the other side makes the end a reset.
        while let Ok(length @ 1..) = stream.read(&mut buffer).await {
            heard.extend_from_slice(&buffer[..length]);
        }
    };
    timeout(DEADLINE, told).await.expect("an end in time");
    let cease = Message::Notification(Notification::cease(4))
        .encode()
        .encode();
    assert!(heard.ends_with(&cease), "{heard:?}");
    // Bounded, whatever the peer sends: the channel, the queue behind it, and one read of 64 KiB.
    let mut before = 0;
    while !matches!(peer.next().await, PeerEvent::Down(_)) {
        before += 1;
    }
    assert!(before < 64 + 1024 + 65_536 / 23 + 10, "{before}");
}

#[tokio::test]
async fn a_task_for_one_connection_ends_with_it() {
    let once = || Peer::passive(|config| config.once = true);
    let mut peer = once();
    let (hand, _) = Hand::shaken(&mut peer).await;
    drop(hand);
    peer.down().await;
    while !matches!(peer.next().await, PeerEvent::Ended) {}
    // Without a word.
    let mut peer = once();
    drop(Hand::call(&peer).await);
    while !matches!(peer.next().await, PeerEvent::Ended) {}
    // With the wrong word, which is answered.
    let mut peer = once();
    let mut hand = Hand::call(&peer).await;
    hand.say(&Message::Keepalive).await;
    assert_eq!(hand.last_words().await.map(|last| last.code), Some(5));
    while !matches!(peer.next().await, PeerEvent::Ended) {}
}

#[tokio::test]
async fn stopping_needs_no_reader() {
    let (active, a, passive, _) = couple().await;
    for _ in 0..1000 {
        a.send(&refresh());
    }
    tokio::task::yield_now().await;
    // The channel of 64 is full or will be.
    passive.handle.stop("").await;
    active.handle.stop("").await;
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let (_listener, address) = listen().await;
    let error = Listener::bind(address).expect_err("in use");
    assert_eq!(
        error.to_string(),
        format!("`{address}` is in use by another program")
    );
}
