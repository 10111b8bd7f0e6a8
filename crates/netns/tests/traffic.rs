//! Packets between namespaces: sent, answered, captured.

#![allow(clippy::unwrap_used)]

mod common;

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use common::{Lan, namespace};
use netns::icmp::{self, Echo, PingError, Pinger};
use netns::link::{Address, LinkRef, LinkSpec, Netlink, Route, RouteKind, Veth};
use netns::ns::NetNs;
use netns::packet::{Buffer, Capture, CaptureOptions, Direction, Frame, Traffic};
use netns::{sysctl, tcp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(10);

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Waits until `count` frames of those that `wanted` likes are caught; then takes what else is
/// there.
async fn catch(capture: &mut Capture, count: usize, wanted: impl Fn(&Frame) -> bool) -> Vec<Frame> {
    let mut frames = Vec::new();
    while frames.iter().filter(|frame| wanted(frame)).count() < count {
        let seen = frames.len();
        timeout(PATIENCE, capture.next(&mut frames))
            .await
            .unwrap_or_else(|_| panic!("{seen} frames in time"))
            .unwrap();
    }
    capture.drain(&mut frames).await.unwrap();
    frames.retain(wanted);
    frames
}

/// The ICMP type of an untagged IPv4 frame.
fn icmp_type(frame: &Frame) -> Option<u8> {
    let ipv4_icmp = frame.data.get(12..14) == Some(&[0x08, 0x00]) && frame.data.get(23) == Some(&1);
    ipv4_icmp.then(|| frame.data[34])
}

#[tokio::test]
async fn a_bridge_shows_every_forwarded_frame_once() {
    let lan = need!(Lan::build().await);
    let mut capture = Capture::open(&lan.switch, "br0", &CaptureOptions::default()).unwrap();
    for seq in 0..5 {
        let echo = Echo {
            seq,
            ..Echo::to(ip("10.0.0.2"))
        };
        icmp::ping(&lan.nodes[0], None, echo).await.unwrap();
    }
    let frames = catch(&mut capture, 10, |frame| icmp_type(frame).is_some()).await;
    let of = |kind| {
        frames
            .iter()
            .filter(|frame| icmp_type(frame) == Some(kind))
            .count()
    };
    assert_eq!((of(8), of(0), frames.len()), (5, 5, 10));
    assert!(
        frames
            .iter()
            .all(|frame| frame.direction == Direction::ToOthers),
        "{frames:?}"
    );
    assert!(
        frames
            .iter()
            .all(|frame| frame.original_len == 14 + 20 + 8 + 56)
    );
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap();
    let age = now.as_nanos() as i128 - i128::from(frames[0].timestamp_ns);
    assert!(
        (0..PATIENCE.as_nanos() as i128).contains(&age),
        "stamped {age} ns ago"
    );
    assert!(frames.is_sorted_by_key(|frame| frame.timestamp_ns));

    let statistics = capture.statistics().unwrap();
    assert!(statistics.received >= 10);
    assert_eq!(statistics.dropped, 0);
    assert_eq!(
        capture.statistics().unwrap().received,
        statistics.received,
        "not counted twice"
    );
}

/// A cable with a capture at either end; `eth0` at both.
async fn cable(options: &CaptureOptions) -> Option<(NetNs, [Capture; 2])> {
    let ends = [namespace()?, namespace()?];
    for end in &ends {
        // Or neighbour discovery would speak in between.
        sysctl::write(end, "net.ipv6.conf.default.disable_ipv6", "1").unwrap();
    }
    let [a, b] = ends.each_ref().map(|end| LinkSpec::up("eth0").in_ns(end));
    Netlink::in_ns(&ends[0])
        .unwrap()
        .create_veth(&Veth { a, b })
        .await
        .unwrap();
    // Until the kernel has noticed the carrier, which it does in its own time, what is sent goes nowhere.
    for end in &ends {
        let netlink = Netlink::in_ns(end).unwrap();
        let eth0 = netlink.index("eth0").await.unwrap();
        netlink.notice_carriers(vec![eth0]).await.unwrap();
    }
    let captures = ends
        .each_ref()
        .map(|end| Capture::open(end, "eth0", options).unwrap());
    let [first, _] = ends;
    Some((first, captures))
}

#[tokio::test]
async fn vlan_tags_are_in_the_frame() {
    let (_ns, [sender, mut receiver]) = need!(cable(&CaptureOptions::default()).await);
    let mut sent = vec![0xff; 12];
    sent.extend([0x81, 0x00, 0x60, 0x2a, 0x88, 0xb5]);
    sent.extend(1..=46);
    sender.send(&sent).await.unwrap();
    let frames = catch(&mut receiver, 1, |_| true).await;
    assert_eq!(frames[0].data, sent);
    assert_eq!(frames[0].original_len as usize, sent.len());
    assert_eq!(frames[0].direction, Direction::Broadcast);
}

#[tokio::test]
async fn long_frames_are_cut_and_outgoing_ones_seen() {
    let options = CaptureOptions {
        snap_len: 20,
        ..CaptureOptions::default()
    };
    let (ns, [mut sender, mut receiver]) = need!(cable(&options).await);
    let sent: Vec<u8> = [[0xff; 6], [2; 6]]
        .concat()
        .into_iter()
        .chain(0..=99)
        .collect();
    sender.send(&sent).await.unwrap();
    let frames = catch(&mut receiver, 1, |_| true).await;
    assert_eq!(
        (frames[0].data.as_slice(), frames[0].original_len),
        (&sent[..20], 112)
    );
    // A socket does not see what it sends itself, but what others do.
    let other = Capture::open(&ns, "eth0", &options).unwrap();
    other.send(&sent).await.unwrap();
    let frames = catch(&mut sender, 1, |_| true).await;
    assert_eq!(frames[0].direction, Direction::Outgoing);
}

#[tokio::test]
async fn a_capture_outlasts_a_link_going_down() {
    let (ns, [sender, mut receiver]) = need!(cable(&CaptureOptions::default()).await);
    let mut near = Capture::open(&ns, "eth0", &CaptureOptions::default()).unwrap();
    let netlink = Netlink::in_ns(&ns).unwrap();
    let sent = [[0xff; 6], [2; 6], [3; 6], [4; 6], [5; 6]].concat();
    netlink.set_down("eth0").await.unwrap();
    assert!(sender.send(&sent).await.is_err());
    netlink.set_up("eth0").await.unwrap();
    sender.send(&sent).await.unwrap();
    assert_eq!(catch(&mut receiver, 1, |_| true).await[0].data, sent);
    assert_eq!(catch(&mut near, 1, |_| true).await[0].data, sent);
}

/// The same in a ring and in a queue.
fn both_buffers() -> [CaptureOptions; 2] {
    [Buffer::Ring(1 << 20), Buffer::Queue(1 << 20)].map(|buffer| CaptureOptions {
        buffer,
        ..CaptureOptions::default()
    })
}

/// A broadcast frame of 60 octets with this EtherType, which begins with a number.
fn numbered(ethertype: u16, number: u32) -> Vec<u8> {
    let mut frame = vec![0xff; 12];
    frame.extend(ethertype.to_be_bytes());
    frame.extend(number.to_be_bytes());
    frame.resize(60, 0);
    frame
}

#[tokio::test]
async fn tags_lengths_and_directions_are_the_same_in_a_queue_and_in_a_ring() {
    let mut seen = Vec::new();
    for options in both_buffers() {
        let options = CaptureOptions {
            snap_len: 40,
            ..options
        };
        let (_ns, [sender, mut receiver]) = need!(cable(&options).await);
        let tagged: Vec<u8> = [
            &[0xff; 12][..],
            &[0x81, 0, 0x60, 0x2a, 0x88, 0xb5],
            &[7; 50],
        ]
        .concat();
        sender.send(&tagged).await.unwrap();
        sender.send(&vec![3; 1514]).await.unwrap();
        let frames = catch(&mut receiver, 2, |_| true).await;
        let shown = frames.into_iter().map(|frame| {
            assert!(frame.timestamp_ns % 1_000_000 != 0, "whole milliseconds");
            (frame.data, frame.original_len, frame.direction)
        });
        seen.push(shown.collect::<Vec<_>>());
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!((seen[0][0].1, seen[0][1].1), (68, 1514));
}

#[tokio::test]
async fn only_what_is_asked_for_is_caught() {
    for options in both_buffers() {
        let options = CaptureOptions {
            only: vec![Traffic::Mpls, Traffic::Arp],
            ..options
        };
        let (_ns, [sender, mut receiver]) = need!(cable(&options).await);
        for (number, ethertype) in (0..).zip([0x0800, 0x8847, 0x86dd, 0x0806, 0x88b5]) {
            sender.send(&numbered(ethertype, number)).await.unwrap();
        }
        let frames = catch(&mut receiver, 2, |_| true).await;
        let numbers: Vec<u8> = frames.iter().map(|frame| frame.data[17]).collect();
        assert_eq!(numbers, [1, 3]);
        assert_eq!(receiver.statistics().unwrap().received, 2);
    }
}

/// Sends that many numbered frames from a thread of its own, as fast as it can.
fn blast(ns: &NetNs, count: u32) -> std::thread::JoinHandle<()> {
    let ns = ns.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let options = CaptureOptions {
                buffer: Buffer::Queue(4096),
                only: vec![Traffic::Mpls],
                ..CaptureOptions::default()
            };
            let sender = Capture::open(&ns, "eth0", &options).unwrap();
            for number in 0..count {
                sender.send(&numbered(0x88b5, number)).await.unwrap();
            }
        });
    })
}

#[tokio::test]
async fn of_two_hundred_thousand_frames_at_once_none_is_lost() {
    const COUNT: u32 = 200_000;
    let options = CaptureOptions {
        buffer: Buffer::Ring(64 << 20),
        ..CaptureOptions::default()
    };
    let (ns, [_, mut receiver]) = need!(cable(&options).await);
    let blaster = blast(&ns, COUNT);
    let mut frames = Vec::new();
    while frames.len() < COUNT as usize {
        timeout(PATIENCE, receiver.next(&mut frames))
            .await
            .unwrap()
            .unwrap();
        let statistics = receiver.statistics().unwrap();
        assert_eq!(statistics.dropped, 0, "{statistics:?}");
    }
    blaster.join().unwrap();
    let numbers = frames.iter().map(|frame| {
        let octets = frame.data[14..18].try_into().unwrap();
        u32::from_be_bytes(octets)
    });
    assert!(numbers.eq(0..COUNT), "each once, in order");
    assert!(frames.is_sorted_by_key(|frame| frame.timestamp_ns));
}

#[tokio::test]
async fn what_there_was_no_room_for_is_counted() {
    const COUNT: u32 = 50_000;
    for options in both_buffers() {
        let (ns, [_, mut receiver]) = need!(cable(&options).await);
        // Nobody reads meanwhile.
        tokio::task::spawn_blocking(move || blast(&ns, COUNT).join().unwrap())
            .await
            .unwrap();
        let mut frames = Vec::new();
        receiver.drain(&mut frames).await.unwrap();
        let statistics = receiver.statistics().unwrap();
        assert_eq!(statistics.received, u64::from(COUNT));
        assert!(statistics.dropped > 0, "{statistics:?}");
        assert_eq!(
            statistics.received - statistics.dropped,
            frames.len() as u64
        );
    }
}

#[tokio::test]
async fn a_capture_needs_its_link() {
    let ns = need!(namespace());
    let refused = Capture::open(&ns, "eth0", &CaptureOptions::default()).unwrap_err();
    assert_eq!(refused.to_string(), "cannot capture on `eth0`");
    assert_eq!(refused.source.raw_os_error(), Some(nix::libc::ENODEV));
}

#[tokio::test]
async fn echo_over_both_families() {
    let lan = need!(Lan::build().await);
    let node = &lan.nodes[0];
    for to in ["10.0.0.2", "fd00::2"] {
        let echo = Echo {
            payload_len: 1400,
            timeout: PATIENCE,
            ..Echo::to(ip(to))
        };
        let reply = icmp::ping(node, None, echo).await.unwrap();
        assert_eq!(reply.ttl, Some(64), "{to}");
        assert!(reply.rtt < PATIENCE);
    }
    let patient = Echo {
        timeout: PATIENCE,
        ..Echo::to(ip("10.0.0.2"))
    };
    let from = icmp::ping(node, Some(ip("10.0.0.1")), patient).await;
    assert!(from.is_ok(), "{from:?}");
    let foreign = icmp::ping(node, Some(ip("10.0.0.77")), Echo::to(ip("10.0.0.2"))).await;
    assert!(matches!(foreign, Err(PingError::Socket(_))), "{foreign:?}");
}

#[tokio::test]
async fn concurrent_requests_do_not_mix() {
    let lan = need!(Lan::build().await);
    let node = &lan.nodes[0];
    let mut pings = tokio::task::JoinSet::new();
    for id in 0..50 {
        let echo = Echo {
            id,
            timeout: PATIENCE,
            ..Echo::to(ip("10.0.0.2"))
        };
        let node = node.clone();
        pings.spawn(async move { icmp::ping(&node, None, echo).await });
    }
    for reply in pings.join_all().await {
        reply.unwrap();
    }
}

#[tokio::test]
async fn silence_refusal_and_errors_are_told_apart() {
    let lan = need!(Lan::build().await);
    let [node, router] = &lan.nodes;
    let netlink = Netlink::in_ns(node).unwrap();
    let pinger = Pinger::open(node, None, false).unwrap();

    let no_route = pinger.ping(Echo::to(ip("20.0.0.1"))).await.unwrap_err();
    assert_eq!(no_route.to_string(), "cannot send: Network is unreachable");

    // A router without a route.
    sysctl::write(router, "net.ipv4.ip_forward", "1").unwrap();
    let by_router = Route::to("20.0.0.0/8".parse().unwrap()).via(ip("10.0.0.2"));
    netlink.apply(by_router.add()).await.unwrap();
    let echo = Echo {
        timeout: PATIENCE,
        ..Echo::to(ip("20.0.0.1"))
    };
    let refused = pinger.ping(echo).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "`10.0.0.2` answers: network unreachable"
    );

    // A router that says nothing.
    let mut drop = Route::to("20.0.0.0/8".parse().unwrap());
    drop.kind = RouteKind::Blackhole;
    Netlink::in_ns(router)
        .unwrap()
        .apply(drop.add())
        .await
        .unwrap();
    let silence = Echo {
        timeout: Duration::from_millis(50),
        ..echo
    };
    let silence = pinger.ping(silence).await.unwrap_err();
    assert_eq!(silence.to_string(), "no answer within 50ms");
}

#[tokio::test]
async fn tcp_inside_a_namespace() {
    let lan = need!(Lan::build().await);
    for addr in ["10.0.0.2:179", "[fd00::2]:179"] {
        let addr = addr.parse().unwrap();
        let listener = tcp::listen_in(&lan.nodes[1], addr).unwrap();
        let mut client = tcp::tcp_in(&lan.nodes[0], addr).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        client.write_all(b"open").await.unwrap();
        let mut received = [0; 4];
        server.read_exact(&mut received).await.unwrap();
        assert_eq!(&received, b"open");
    }
    let refused = tcp::tcp_in(&lan.nodes[0], "10.0.0.2:180".parse().unwrap())
        .await
        .unwrap_err();
    assert_eq!(refused.to_string(), "cannot connect to `10.0.0.2:180`");
}

#[tokio::test]
async fn settings_are_the_namespaces_own() {
    let (here, there) = (need!(namespace()), need!(namespace()));
    sysctl::write(&here, "net.ipv4.ip_forward", "1").unwrap();
    assert_eq!(sysctl::read(&here, "net.ipv4.ip_forward").unwrap(), "1");
    assert_eq!(sysctl::read(&there, "net.ipv4.ip_forward").unwrap(), "0");
    let missing = sysctl::read(&here, "net.mpls.platform").unwrap_err();
    assert_eq!(
        missing.to_string(),
        "cannot read sysctl `net.mpls.platform`"
    );
    let refused = sysctl::write(&here, "net.ipv4.ip_forward", "x").unwrap_err();
    assert_eq!(
        refused.to_string(),
        "cannot set sysctl `net.ipv4.ip_forward` to `x`"
    );
}

#[tokio::test]
async fn addresses_follow_into_a_namespace_of_their_own() {
    let ns = need!(namespace());
    let netlink = Netlink::in_ns(&ns).unwrap();
    let lo = netlink.index("lo").await.unwrap();
    netlink.set_up(LinkRef::from(lo)).await.unwrap();
    netlink
        .apply(Address::new(lo, "10.9.9.9/32".parse().unwrap()).add())
        .await
        .unwrap();
    icmp::ping(&ns, None, Echo::to(ip("10.9.9.9")))
        .await
        .unwrap();
}

#[tokio::test]
async fn ordinary_users_may_use_their_own_namespace() {
    let here = NetNs::current().unwrap();
    let listener = tcp::listen_in(&here, "127.0.0.1:0".parse().unwrap()).unwrap();
    let addr = listener.local_addr().unwrap();
    tcp::tcp_in(&here, addr).await.unwrap();
    Netlink::in_ns(&here).unwrap().links().await.unwrap();
    match icmp::ping(&here, None, Echo::to(ip("127.0.0.1"))).await {
        Ok(_) => {}
        Err(PingError::Socket(error)) if error.is_permission() => {
            eprintln!("SKIPPED: {error}: {}", error.source);
        }
        Err(error) => panic!("{error}"),
    }
}
