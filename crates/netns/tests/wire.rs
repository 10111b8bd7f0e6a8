//! Wires in user space between real namespaces.

#![allow(clippy::unwrap_used)]

mod common;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use common::namespace;
use impair::{Impairment, Share};
use netns::icmp::{self, Echo};
use netns::link::{Address, LinkSpec, Netlink, Veth, one_packet_a_frame};
use netns::ns::NetNs;
use netns::packet::{Capture, CaptureOptions, Frame};
use netns::wire::{Plug, Treatment, Way, Wire, Wires};
use netns::{sysctl, tcp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(10);
/// An Ethernet type for experiments (IEEE 802): nothing answers it.
const EXPERIMENT: [u8; 2] = [0x88, 0xb5];

/// Two nodes, `10.0.0.1` and `10.0.0.2` (and `fd00::1`, `fd00::2`) on their `eth0`, with a wire in between.
struct Bench {
    nodes: [NetNs; 2],
    middle: NetNs,
    wire: Wire,
    _wires: Wires,
}

impl Bench {
    /// With IPv4 alone: IPv6 would announce its groups between the tests' frames.
    async fn build(mtu: u32, there: Impairment, back: Impairment) -> Option<Self> {
        Self::with(mtu, there, back, false).await
    }

    async fn with(mtu: u32, there: Impairment, back: Impairment, ipv6: bool) -> Option<Self> {
        let middle = namespace()?;
        sysctl::write(&middle, "net.ipv6.conf.default.disable_ipv6", "1").unwrap();
        let netlink = Netlink::in_ns(&middle).unwrap();
        let nodes = [namespace()?, namespace()?];
        for (number, (node, name)) in (1u8..).zip(nodes.iter().zip(["a", "b"])) {
            let without = if ipv6 { "0" } else { "1" };
            sysctl::write(node, "net.ipv6.conf.default.disable_ipv6", without).unwrap();
            sysctl::write(node, "net.ipv6.conf.default.accept_dad", "0").unwrap();
            let near = LinkSpec::up(name).mtu(mtu);
            let far = LinkSpec::up("eth0")
                .in_ns(node)
                .mac([2, 0, 0, 0, 0, number])
                .mtu(mtu)
                .down();
            netlink
                .create_veth(&Veth { a: near, b: far })
                .await
                .unwrap();
            let inside = Netlink::in_ns(node).unwrap();
            let eth0 = inside.index("eth0").await.unwrap();
            one_packet_a_frame(node, "eth0", true).unwrap();
            inside.set_up(eth0).await.unwrap();
            let ipv6 = ipv6.then(|| format!("fd00::{number}/64"));
            for prefix in [Some(format!("10.0.0.{number}/24")), ipv6]
                .into_iter()
                .flatten()
            {
                let address = Address::new(eth0, prefix.parse().unwrap());
                inside.apply(address.add()).await.unwrap();
            }
        }
        carriers(&middle, &nodes).await;
        let wires = Wires::start().unwrap();
        let plug = |interface| Plug { interface, mtu };
        let treat = |impairment| Treatment {
            impairment,
            seed: 7,
        };
        let wire = wires
            .plug(&middle, [plug("a"), plug("b")], [treat(there), treat(back)])
            .unwrap();
        Some(Self {
            nodes,
            middle,
            wire,
            _wires: wires,
        })
    }

    async fn clean(mtu: u32) -> Option<Self> {
        Self::build(mtu, Impairment::default(), Impairment::default()).await
    }

    fn captures(&self) -> [Capture; 2] {
        let open = |node| Capture::open(node, "eth0", &CaptureOptions::default()).unwrap();
        self.nodes.each_ref().map(open)
    }
}

/// Until the kernel has noticed the carriers, which it does in its own time, what is sent goes nowhere.
async fn carriers(middle: &NetNs, nodes: &[NetNs; 2]) {
    let ends = [
        (middle, "a"),
        (middle, "b"),
        (&nodes[0], "eth0"),
        (&nodes[1], "eth0"),
    ];
    for (ns, name) in ends {
        let netlink = Netlink::in_ns(ns).unwrap();
        let index = netlink.index(name).await.unwrap();
        netlink.notice_carriers(vec![index]).await.unwrap();
    }
}

/// A broadcast of `octets` octets whose first after the header is `number`.
fn frame(number: u16, octets: usize) -> Vec<u8> {
    let mut frame = vec![0xff; 6];
    frame.extend([2, 0, 0, 0, 0, 1]);
    frame.extend(EXPERIMENT);
    frame.extend(number.to_be_bytes());
    frame.resize(octets, number as u8);
    frame
}

fn is_ours(frame: &Frame) -> bool {
    let kind = frame.data.get(12..14);
    kind == Some(&EXPERIMENT) || kind == Some(&[0x81, 0x00])
}

/// Waits for a frame that is the same as `last`; all that came before it, itself included.
async fn until(capture: &mut Capture, last: &[u8]) -> Vec<Vec<u8>> {
    let mut frames: Vec<Frame> = Vec::new();
    while !frames.iter().any(|frame| frame.data == last) {
        let seen = frames.len();
        timeout(PATIENCE, capture.next(&mut frames))
            .await
            .unwrap_or_else(|_| panic!("{seen} frames in time"))
            .unwrap();
    }
    frames.retain(is_ours);
    frames.into_iter().map(|frame| frame.data).collect()
}

#[tokio::test]
async fn frames_pass_as_they_are_and_in_order() {
    for mtu in [1500, 9000] {
        let bench = need!(Bench::clean(mtu).await);
        let [sender, mut receiver] = bench.captures();
        let mut sent: Vec<Vec<u8>> = (0..300)
            .map(|number| frame(number, 60 + usize::from(number) * 4))
            .collect();
        sent.push(frame(1000, mtu as usize + 14));
        // Tagged, as long as can be.
        let mut tagged = frame(1001, mtu as usize + 14);
        tagged.splice(12..12, [0x81, 0x00, 0x60, 0x2a]);
        sent.push(tagged);
        for frame in &sent {
            sender.send(frame).await.unwrap();
        }
        let received = until(&mut receiver, sent.last().unwrap()).await;
        assert!(
            received == sent,
            "{} of {} at MTU {mtu}",
            received.len(),
            sent.len()
        );
        let there = bench.wire.counters(Way::FromA);
        assert_eq!(
            (there.frames, there.lost, there.missed),
            (sent.len() as u64, 0, 0)
        );
        let octets: usize = sent.iter().map(Vec::len).sum();
        assert_eq!(there.octets, octets as u64);
        // Not a single one came back.
        assert_eq!(bench.wire.counters(Way::FromB).frames, 0);
    }
}

#[tokio::test]
async fn pings_and_connections_of_both_versions_pass() {
    let nothing = Impairment::default();
    let bench = need!(Bench::with(1500, nothing, nothing, true).await);
    for to in ["10.0.0.2", "fd00::2"] {
        let to: IpAddr = to.parse().unwrap();
        let echo = Echo {
            payload_len: 1400,
            ..Echo::to(to)
        };
        icmp::ping(&bench.nodes[0], None, echo).await.unwrap();
        let content: Vec<u8> = (0..4_000_000u32).map(|n| n as u8).collect();
        assert!(transfer(&bench, to, &content).await == content);
    }
    // Nothing was passed on as one that was several.
    let there = bench.wire.counters(Way::FromA);
    assert!(there.frames > 2 * 4_000_000 / 1500, "{there:?}");
    assert_eq!(there.lost, 0);
}

/// Sends by TCP from one node to the other; what arrives.
async fn transfer(bench: &Bench, to: IpAddr, content: &[u8]) -> Vec<u8> {
    let listener = tcp::listen_in(&bench.nodes[1], (to, 1234).into()).unwrap();
    let receive = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut received = Vec::new();
        stream.read_to_end(&mut received).await.unwrap();
        received
    };
    let send = async {
        let mut stream = tcp::tcp_in(&bench.nodes[0], (to, 1234).into())
            .await
            .unwrap();
        stream.write_all(content).await.unwrap();
        stream.shutdown().await.unwrap();
    };
    let both = async { tokio::join!(receive, send).0 };
    timeout(6 * PATIENCE, both).await.unwrap()
}

#[tokio::test]
async fn a_delay_is_seen_in_round_trips() {
    let delay = |ms| Impairment {
        delay: Duration::from_millis(ms),
        ..Impairment::default()
    };
    let bench = need!(Bench::build(1500, delay(20), delay(30)).await);
    // The first has to ask for the address as well.
    for _ in 0..3 {
        let began = Instant::now();
        icmp::ping(&bench.nodes[0], None, Echo::to("10.0.0.2".parse().unwrap()))
            .await
            .unwrap();
        assert!(
            began.elapsed() >= Duration::from_millis(50),
            "{:?}",
            began.elapsed()
        );
    }
}

/// Which of 1000 numbered frames are lost.
async fn lost_at(loss: &str) -> Option<Vec<u16>> {
    let lossy = Impairment {
        loss: loss.parse().unwrap(),
        ..Impairment::default()
    };
    let bench = Bench::build(1500, lossy, Impairment::default()).await?;
    let [sender, mut receiver] = bench.captures();
    for number in 0..1000 {
        sender.send(&frame(number, 60)).await.unwrap();
    }
    // From here on nothing is lost any more.
    bench.wire.treat(Way::FromA, Treatment::default());
    let last = frame(1000, 60);
    sender.send(&last).await.unwrap();
    let received = until(&mut receiver, &last).await;
    let there: Vec<u16> = received
        .iter()
        .map(|frame| u16::from_be_bytes([frame[14], frame[15]]))
        .collect();
    let lost: Vec<u16> = (0..1000).filter(|number| !there.contains(number)).collect();
    assert_eq!(bench.wire.counters(Way::FromA).lost, lost.len() as u64);
    Some(lost)
}

#[tokio::test]
async fn a_seed_loses_the_same_frames_again() {
    let lost = need!(lost_at("30%").await);
    assert!((240..360).contains(&lost.len()), "{}", lost.len());
    assert_eq!(lost_at("30%").await.unwrap(), lost);
}

#[tokio::test]
async fn damaged_segments_are_found_out() {
    let bad = Impairment {
        corrupt: "2%".parse().unwrap(),
        ..Impairment::default()
    };
    let bench = need!(Bench::build(1500, bad, bad).await);
    let content: Vec<u8> = (0..1_000_000u32).map(|n| (n / 7) as u8).collect();
    let received = transfer(&bench, "10.0.0.2".parse().unwrap(), &content).await;
    assert!(received == content);
    assert!(bench.wire.counters(Way::FromA).corrupted > 0);
}

#[tokio::test]
async fn copies_arrive_and_overtaking_frames_come_first() {
    let unruly = Impairment {
        delay: Duration::from_millis(50),
        reorder: Share::ALL,
        gap: 2,
        ..Impairment::default()
    };
    let bench = need!(Bench::build(1500, unruly, Impairment::default()).await);
    let [sender, mut receiver] = bench.captures();
    for number in 0..2 {
        sender.send(&frame(number, 60)).await.unwrap();
    }
    assert_eq!(
        until(&mut receiver, &frame(0, 60)).await,
        [frame(1, 60), frame(0, 60)]
    );
    let twice = Impairment {
        duplicate: Share::ALL,
        ..Impairment::default()
    };
    bench.wire.treat(
        Way::FromA,
        Treatment {
            impairment: twice,
            seed: 1,
        },
    );
    let last = frame(3, 60);
    sender.send(&frame(2, 60)).await.unwrap();
    sender.send(&last).await.unwrap();
    let received = until(&mut receiver, &last).await;
    assert_eq!(received[..3], [frame(2, 60), frame(2, 60), last]);
}

#[tokio::test]
async fn an_end_that_was_down_carries_again() {
    let bench = need!(Bench::clean(1500).await);
    let [sender, mut receiver] = bench.captures();
    let netlink = Netlink::in_ns(&bench.middle).unwrap();
    for number in 0..3 {
        netlink.set_down("b").await.unwrap();
        netlink.set_up("b").await.unwrap();
        carriers(&bench.middle, &bench.nodes).await;
        let sent = frame(number, 60);
        sender.send(&sent).await.unwrap();
        assert_eq!(until(&mut receiver, &sent).await.last(), Some(&sent));
    }
}

#[tokio::test]
async fn what_is_on_its_way_arrives_when_the_wire_goes() {
    let slow = Impairment {
        delay: Duration::from_secs(60),
        ..Impairment::default()
    };
    let Bench {
        nodes,
        middle,
        wire,
        _wires,
    } = need!(Bench::build(1500, slow, slow).await);
    let open = |node| Capture::open(node, "eth0", &CaptureOptions::default()).unwrap();
    let [sender, mut receiver] = nodes.each_ref().map(open);
    let sent = frame(1, 60);
    sender.send(&sent).await.unwrap();
    // It has been taken in.
    timeout(PATIENCE, async {
        while wire.counters(Way::FromA).frames == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    drop(wire);
    assert_eq!(until(&mut receiver, &sent).await, [sent]);
    drop(middle);
}
