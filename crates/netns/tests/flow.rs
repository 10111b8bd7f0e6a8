//! Traffic between namespaces, and what is said of it.

#![allow(clippy::unwrap_used)]

mod common;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use common::{Lan, namespace};
use netns::flow::{Ends, Flow, FlowError, FlowSpec, Protocol, State};
use netns::link::{Address, LinkChange, Netlink, Route};
use netns::ns::NetNs;
use netns::sysctl;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

/// A thousand probes a second to the second node, until stopped.
fn flow(lan: &Lan, to: &str, protocol: fn(NetNs) -> Protocol) -> FlowSpec {
    FlowSpec {
        ends: Ends {
            from: lan.nodes[0].clone(),
            source: None,
            to: to.parse().unwrap(),
            port: 0,
        },
        protocol: protocol(lan.nodes[1].clone()),
        rate: 1000,
        size: 100,
        count: None,
        threshold: Duration::from_secs(1),
    }
}

fn echo(_: NetNs) -> Protocol {
    Protocol::Icmp
}

async fn ended(flow: &Flow) {
    timeout(PATIENCE, flow.ended()).await.unwrap();
}

/// Whether this machine, busy with other tests, lost packets itself while the flow ran: then nothing can be said of it.
fn disturbed(flow: &Flow) -> bool {
    let backlog = flow.remarks().backlog;
    if backlog > 0 {
        eprintln!("SKIPPED: the kernel dropped {backlog} packets for want of time");
    }
    backlog > 0
}

/// Waits until the figures are as wanted.
async fn until(flow: &Flow, wanted: impl Fn(&Flow) -> bool) {
    let mut news = flow.watch();
    let looking = async {
        while !wanted(flow) {
            news.changed().await.unwrap();
        }
    };
    let looked = timeout(PATIENCE, looking).await;
    assert!(looked.is_ok(), "{:?} {:?}", flow.figures(), flow.remarks());
}

#[tokio::test]
async fn every_probe_of_a_count_arrives() {
    let lan = need!(Lan::build().await);
    for protocol in [Protocol::Udp as fn(NetNs) -> Protocol, Protocol::Tcp, echo] {
        for to in ["10.0.0.2", "fd00::2"] {
            let spec = FlowSpec {
                count: Some(300),
                ..flow(&lan, to, protocol)
            };
            let flow = Flow::start(spec.clone()).unwrap();
            ended(&flow).await;
            let figures = flow.figures();
            if disturbed(&flow) {
                return;
            }
            let what = format!("{:?} {to}: {figures:?} {:?}", spec.protocol, flow.remarks());
            assert_eq!((figures.sent, figures.received), (300, 300), "{what}");
            assert_eq!(
                (figures.duplicated, figures.reordered, figures.lost),
                (0, 0, 0),
                "{what}"
            );
            assert_eq!(figures.outages.count, 0, "{what}");
            assert_eq!(figures.latency.len(), 300, "{what}");
            assert!(figures.latency.max() < Some(1_000_000_000), "{what}");
            assert!(figures.latency.min() > Some(0), "{what}");
        }
    }
}

#[tokio::test]
async fn every_size_fits() {
    let lan = need!(Lan::build().await);
    for protocol in [Protocol::Udp as fn(NetNs) -> Protocol, Protocol::Tcp, echo] {
        for size in [netns::flow::LEAST_SIZE, 1472, 20_000] {
            let flow = Flow::start(FlowSpec {
                count: Some(20),
                size,
                ..flow(&lan, "10.0.0.2", protocol)
            });
            let flow = flow.unwrap();
            ended(&flow).await;
            if disturbed(&flow) {
                return;
            }
            assert_eq!(flow.figures().received, 20, "{size}: {:?}", flow.remarks());
        }
    }
}

/// Takes the second node's cable out for at least so many probes, and puts it in again; how long it surely was out,
/// in nanoseconds since the flow began.
async fn cut(lan: &Lan, flow: &Flow, probes: u64) -> (u64, u64) {
    let at = || flow.epoch().elapsed().as_nanos() as u64;
    let switch = Netlink::in_ns(&lan.switch).unwrap();
    switch.set_down("p2").await.unwrap();
    let (from, first) = (at(), flow.next());
    until(flow, |flow| flow.next() >= first + probes).await;
    let to = at();
    switch.set_up("p2").await.unwrap();
    (from, to)
}

#[tokio::test]
async fn an_outage_is_measured() {
    let lan = need!(Lan::build().await);
    let threshold = Duration::from_millis(300);
    for (protocol, rate) in [(Protocol::Udp as fn(NetNs) -> Protocol, 1000), (echo, 200)] {
        let flow = Flow::start(FlowSpec {
            threshold,
            rate,
            ..flow(&lan, "10.0.0.2", protocol)
        });
        let flow = flow.unwrap();
        until(&flow, |flow| flow.figures().received >= 50).await;
        flow.mark(1);
        let (from, to) = cut(&lan, &flow, 100).await;
        // It is over when probes arrive that were sent after it.
        until(&flow, |flow| {
            flow.take_outages().0.iter().any(|o| o.lost >= 90)
        })
        .await;
        flow.mark(2);
        let after = flow.next();
        until(&flow, |flow| flow.decided() >= after + 50).await;
        flow.stop();
        ended(&flow).await;

        if disturbed(&flow) {
            return;
        }
        let figures = flow.figures();
        let outage = figures.outages.longest.unwrap();
        let slack = 1_000_000_000 / u64::from(rate) + flow.remarks().pause.as_nanos() as u64;
        assert!(
            outage.start <= from + slack,
            "{outage:?}, cut from {from} to {to}"
        );
        assert!(
            outage.end + slack >= to,
            "{outage:?}, cut from {from} to {to}"
        );
        assert!(!figures.outages.open);
        assert_eq!(figures.undecided(), 0);
        assert_eq!(figures.sent, figures.received + figures.lost);
        assert_eq!(
            flow.figures_since(1).lost,
            figures.lost,
            "all were lost after the first mark"
        );
        assert_eq!(flow.figures_since(2).lost, 0, "and none after the second");
        assert!(flow.figures_since(2).received >= 50);
    }
}

#[tokio::test]
async fn tcp_makes_up_for_a_cut_later() {
    let lan = need!(Lan::build().await);
    // More than it takes TCP to come back.
    let flow = Flow::start(FlowSpec {
        threshold: Duration::from_secs(15),
        ..flow(&lan, "10.0.0.2", Protocol::Tcp)
    });
    let flow = flow.unwrap();
    until(&flow, |flow| flow.figures().received >= 50).await;
    let (from, to) = cut(&lan, &flow, 100).await;
    let cut_until = flow.next();
    until(&flow, |flow| flow.decided() >= cut_until).await;
    flow.stop();
    ended(&flow).await;
    let figures = flow.figures();
    assert_eq!(figures.lost, 0, "{:?}", flow.remarks());
    let longest = figures.latency.max().unwrap();
    let slack = 1_000_000 + flow.remarks().pause.as_nanos() as u64;
    assert!(
        longest + slack >= to - from,
        "{longest} ns, cut for {} ns",
        to - from
    );
}

#[tokio::test]
async fn strangers_do_not_take_the_place_of_a_connection() {
    let lan = need!(Lan::build().await);
    let mut spec = flow(&lan, "10.0.0.2", Protocol::Tcp);
    spec.ends.port = 5000;
    let flow = Flow::start(spec).unwrap();
    until(&flow, |flow| flow.figures().received >= 50).await;
    let to = "10.0.0.2:5000".parse().unwrap();
    let mut strangers = Vec::new();
    for _ in 0..3 {
        let mut stranger = netns::tcp::tcp_in(&lan.nodes[0], to).await.unwrap();
        stranger.write_all(&[7; 250]).await.unwrap();
        strangers.push(stranger);
        let received = flow.figures().received;
        until(&flow, |flow| flow.figures().received >= received + 50).await;
    }
    // Two of its probes' length each, and a half.
    until(&flow, |flow| flow.remarks().damaged == 6).await;
    flow.stop();
    ended(&flow).await;
    let figures = flow.figures();
    assert_eq!((figures.lost, figures.outages.count), (0, 0), "{figures:?}");
    assert_eq!(flow.remarks().reasons, []);
}

#[tokio::test]
async fn tcp_that_comes_too_late_is_lost() {
    let lan = need!(Lan::build().await);
    let flow = Flow::start(FlowSpec {
        threshold: Duration::from_millis(50),
        ..flow(&lan, "10.0.0.2", Protocol::Tcp)
    });
    let flow = flow.unwrap();
    until(&flow, |flow| flow.figures().received >= 50).await;
    cut(&lan, &flow, 200).await;
    until(&flow, |flow| flow.figures().late >= 100).await;
    let figures = flow.figures();
    assert!(figures.lost >= 100, "{figures:?}");
    assert!(
        figures.outages.longest.unwrap().length() >= 100_000_000,
        "{figures:?}"
    );
}

#[tokio::test]
async fn why_nothing_arrives_is_told() {
    let lan = need!(Lan::build().await);
    let spec = |protocol| FlowSpec {
        count: Some(20),
        threshold: Duration::from_millis(50),
        ..flow(&lan, "20.0.0.1", protocol)
    };
    for protocol in [Protocol::Udp as fn(NetNs) -> Protocol, echo] {
        let flow = Flow::start(spec(protocol)).unwrap();
        ended(&flow).await;
        let figures = flow.figures();
        assert_eq!((figures.sent, figures.received, figures.lost), (20, 0, 20));
        assert!(figures.outages.open);
        let reasons = flow.remarks().reasons;
        let expected = ("cannot send: Network is unreachable".to_owned(), 20);
        assert_eq!(reasons, [expected]);
    }
    let unconnected = Flow::start(spec(Protocol::Tcp)).unwrap();
    ended(&unconnected).await;
    assert_eq!(unconnected.remarks().reasons[0].0, "not connected");
}

#[tokio::test]
async fn what_routers_say_is_told() {
    for protocol in [Protocol::Udp as fn(NetNs) -> Protocol, echo] {
        // A router without a route; a new one each time, as it answers five times and then once a second.
        let lan = need!(Lan::build().await);
        sysctl::write(&lan.nodes[1], "net.ipv4.ip_forward", "1").unwrap();
        let by_router = Route::to("20.0.0.0/8".parse().unwrap()).via("10.0.0.2".parse().unwrap());
        let netlink = Netlink::in_ns(&lan.nodes[0]).unwrap();
        netlink.apply(by_router.add()).await.unwrap();
        let flow = Flow::start(FlowSpec {
            count: Some(20),
            threshold: Duration::from_millis(50),
            ..flow(&lan, "20.0.0.1", protocol)
        });
        let flow = flow.unwrap();
        ended(&flow).await;
        let reasons = flow.remarks().reasons;
        let why = reasons.first().map(|(why, _)| why.as_str());
        let expected = "`10.0.0.2` answers: network unreachable";
        assert_eq!(why, Some(expected), "{:?}", flow.figures());
    }
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let lan = need!(Lan::build().await);
    let usual = flow(&lan, "10.0.0.2", Protocol::Udp);
    let refused = |spec: FlowSpec| Flow::start(spec).unwrap_err();
    let too_fast = refused(FlowSpec {
        rate: 100_001,
        ..usual.clone()
    });
    assert_eq!(
        too_fast.to_string(),
        "the rate must be 1 to 100000, not 100001"
    );
    let too_short = refused(FlowSpec {
        size: 8,
        ..usual.clone()
    });
    assert_eq!(too_short.to_string(), "the size must be 24 to 65507, not 8");
    for protocol in [Protocol::Udp as fn(NetNs) -> Protocol, Protocol::Tcp, echo] {
        let mut foreign = flow(&lan, "10.0.0.2", protocol);
        foreign.ends.source = Some(IpAddr::from([10, 0, 0, 77]));
        let error = refused(foreign);
        assert!(matches!(error, FlowError::Socket(_)), "{error}");
    }
    let mut taken = usual;
    taken.ends.port = 5000;
    let _first = Flow::start(taken.clone()).unwrap();
    assert_eq!(
        refused(taken).to_string(),
        "cannot receive on UDP port 5000"
    );
}

#[tokio::test]
async fn flows_side_by_side_do_not_mix() {
    let lan = need!(Lan::build().await);
    let flows: Vec<Flow> = (0..20)
        .map(|number| {
            let protocol = [Protocol::Udp as fn(NetNs) -> Protocol, Protocol::Tcp, echo];
            let spec = FlowSpec {
                count: Some(100),
                ..flow(&lan, "10.0.0.2", protocol[number % 3])
            };
            Flow::start(spec).unwrap()
        })
        .collect();
    for flow in &flows {
        ended(flow).await;
        let figures = flow.figures();
        if disturbed(flow) {
            return;
        }
        let what = format!("{figures:?} {:?}", flow.remarks());
        assert_eq!((figures.received, figures.duplicated), (100, 0), "{what}");
        assert_eq!(flow.remarks().damaged, 0, "{what}");
    }
}

#[tokio::test]
async fn a_fast_flow_is_whole() {
    let lan = need!(Lan::build().await);
    let began = Instant::now();
    let flow = Flow::start(FlowSpec {
        rate: netns::flow::MOST_RATE,
        count: Some(50_000),
        size: 64,
        ..flow(&lan, "10.0.0.2", Protocol::Udp)
    });
    let flow = flow.unwrap();
    ended(&flow).await;
    if disturbed(&flow) {
        return;
    }
    let figures = flow.figures();
    assert_eq!(figures.sent, 50_000);
    assert_eq!(
        figures.lost,
        flow.remarks().overruns,
        "nothing is lost on the way"
    );
    assert!(
        began.elapsed() >= Duration::from_millis(499),
        "no faster than asked"
    );
}

#[tokio::test]
async fn a_flow_follows_an_address() {
    let lan = need!(Lan::build().await);
    for protocol in [Protocol::Udp as fn(NetNs) -> Protocol, Protocol::Tcp] {
        let elsewhere = need!(namespace());
        let flow = Flow::start(flow(&lan, "10.0.0.2", protocol)).unwrap();
        until(&flow, |flow| flow.figures().received >= 50).await;
        // The link with its address goes to another namespace.
        let here = Netlink::in_ns(&lan.nodes[1]).unwrap();
        flow.relocate(None, Some(elsewhere.clone()));
        let eth0 = here.index("eth0").await.unwrap();
        here.apply(LinkChange::new(eth0).to_ns(&elsewhere))
            .await
            .unwrap();
        let there = Netlink::in_ns(&elsewhere).unwrap();
        let eth0 = there.index("eth0").await.unwrap();
        there
            .apply(Address::new(eth0, "10.0.0.2/24".parse().unwrap()).add())
            .await
            .unwrap();
        there.set_up(eth0).await.unwrap();
        let received = flow.figures().received;
        until(&flow, |flow| flow.figures().received >= received + 50).await;
        // And back, for the next.
        there
            .apply(LinkChange::new(eth0).to_ns(&lan.nodes[1]))
            .await
            .unwrap();
        let eth0 = here.index("eth0").await.unwrap();
        here.apply(Address::new(eth0, "10.0.0.2/24".parse().unwrap()).add())
            .await
            .unwrap();
        here.set_up(eth0).await.unwrap();
    }
    let flow = Flow::start(flow(&lan, "10.0.0.1", Protocol::Udp)).unwrap();
    flow.relocate(Some(lan.nodes[1].clone()), Some(lan.nodes[0].clone()));
    until(&flow, |flow| flow.figures().received >= 50).await;
}

#[tokio::test]
async fn a_dropped_flow_ends() {
    let lan = need!(Lan::build().await);
    let flow = Flow::start(flow(&lan, "10.0.0.2", Protocol::Udp)).unwrap();
    let mut news = flow.watch();
    drop(flow);
    let over = timeout(PATIENCE, news.wait_for(|state| *state == State::Ended)).await;
    assert!(over.is_ok());
}
