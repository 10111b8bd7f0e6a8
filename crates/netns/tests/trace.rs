//! The way to an address, and what goes through it in one piece.

#![allow(clippy::unwrap_used)]

mod common;

use std::net::IpAddr;
use std::time::Duration;

use common::namespace;
use netns::icmp::{self, Echo, PingError};
use netns::link::{Address, LinkChange, LinkSpec, Netlink, Route, RouteKind, Veth};
use netns::ns::NetNs;
use netns::sysctl;
use netns::trace::{End, Method, Trace, TraceSpec, trace};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Four namespaces in a row. Between number n and n + 1, counted from 1: `10.0.n.1` and `10.0.n.2`, `fd00:n::1` and
/// `fd00:n::2`, on `right` and `left`. The two in the middle are routers.
async fn row() -> Option<Vec<NetNs>> {
    let nodes = [namespace()?, namespace()?, namespace()?, namespace()?];
    for router in &nodes[1..3] {
        sysctl::write(router, "net.ipv4.ip_forward", "1").unwrap();
        sysctl::write(router, "net.ipv6.conf.all.forwarding", "1").unwrap();
    }
    for node in &nodes {
        // Or addresses cannot be used at once.
        sysctl::write(node, "net.ipv6.conf.default.accept_dad", "0").unwrap();
    }
    for (n, pair) in (1..).zip(nodes.windows(2)) {
        let [left, right] = pair else { unreachable!() };
        let a = LinkSpec::up("right").in_ns(left);
        let b = LinkSpec::up("left").in_ns(right);
        let veth = Veth { a, b };
        Netlink::in_ns(left)
            .unwrap()
            .create_veth(&veth)
            .await
            .unwrap();
        for (node, link, host) in [(left, "right", 1), (right, "left", 2)] {
            let netlink = Netlink::in_ns(node).unwrap();
            let index = netlink.index(link).await.unwrap();
            for prefix in [
                format!("10.0.{n}.{host}/24"),
                format!("fd00:{n}::{host}/64"),
            ] {
                let address = Address::new(index, prefix.parse().unwrap());
                netlink.apply(address.add()).await.unwrap();
            }
        }
    }
    for (node, to, via) in [
        (0, "10.0.0.0/16", "10.0.1.2"),
        (1, "10.0.3.0/24", "10.0.2.2"),
        (2, "10.0.1.0/24", "10.0.2.1"),
        (3, "10.0.0.0/16", "10.0.3.1"),
        (0, "fd00::/16", "fd00:1::2"),
        (1, "fd00:3::/64", "fd00:2::2"),
        (2, "fd00:1::/64", "fd00:2::1"),
        (3, "fd00::/16", "fd00:3::1"),
    ] {
        let route = Route::to(to.parse().unwrap()).via(ip(via));
        let netlink = Netlink::in_ns(&nodes[node]).unwrap();
        netlink.apply(route.add()).await.unwrap();
    }
    Some(nodes.into())
}

fn addresses(trace: &Trace) -> Vec<Option<IpAddr>> {
    trace.hops.iter().map(|hop| hop.address).collect()
}

#[tokio::test]
async fn every_hop_is_named() {
    let nodes = need!(row().await);
    for method in [Method::Icmp, Method::Udp] {
        for (to, hops) in [
            ("10.0.3.2", ["10.0.1.2", "10.0.2.2", "10.0.3.2"]),
            ("fd00:3::2", ["fd00:1::2", "fd00:2::2", "fd00:3::2"]),
        ] {
            let spec = TraceSpec {
                method,
                ..TraceSpec::to(ip(to))
            };
            let walked = trace(&nodes[0], &spec).await.unwrap();
            let expected = hops.map(|hop| Some(ip(hop)));
            assert_eq!(addresses(&walked), expected, "{method:?} {walked:?}");
            assert_eq!(walked.end, End::Reached);
            assert!(walked.hops.iter().all(|hop| hop.rtt.is_some()));
        }
    }
}

#[tokio::test]
async fn a_way_that_ends_says_where() {
    let nodes = need!(row().await);
    let spec = |to: &str, method| TraceSpec {
        method,
        tries: 1,
        patience: Duration::from_millis(100),
        max_hops: 4,
        ..TraceSpec::to(ip(to))
    };
    for method in [Method::Icmp, Method::Udp] {
        // The first router has no route.
        let refused = trace(&nodes[0], &spec("10.0.9.1", method)).await.unwrap();
        assert_eq!(addresses(&refused), [Some(ip("10.0.1.2"))]);
        let why = "`10.0.1.2` answers: network unreachable";
        assert_eq!(refused.end, End::Refused(why.into()));
        let unsent = trace(&nodes[0], &spec("20.0.0.1", method)).await.unwrap();
        assert_eq!(addresses(&unsent), []);
        assert_eq!(
            unsent.end,
            End::Unsent("cannot send: Network is unreachable".into())
        );
    }
    // The second router says nothing.
    let mut drop = Route::to("10.0.8.0/24".parse().unwrap());
    drop.kind = RouteKind::Blackhole;
    let second = Netlink::in_ns(&nodes[2]).unwrap();
    second.apply(drop.add()).await.unwrap();
    let by_second = Route::to("10.0.8.0/24".parse().unwrap()).via(ip("10.0.2.2"));
    let first = Netlink::in_ns(&nodes[1]).unwrap();
    first.apply(by_second.add()).await.unwrap();
    let lost = trace(&nodes[0], &spec("10.0.8.1", Method::Udp))
        .await
        .unwrap();
    assert_eq!(addresses(&lost), [Some(ip("10.0.1.2")), None, None, None]);
    assert_eq!(lost.end, End::TooFar);
}

#[tokio::test]
async fn an_echo_goes_as_far_as_its_ttl() {
    let nodes = need!(row().await);
    let echo = |ttl| Echo {
        ttl: Some(ttl),
        timeout: Duration::from_secs(10),
        ..Echo::to(ip("10.0.3.2"))
    };
    icmp::ping(&nodes[0], None, echo(3)).await.unwrap();
    let error = icmp::ping(&nodes[0], None, echo(2)).await.unwrap_err();
    assert_eq!(error.to_string(), "`10.0.2.2` answers: time exceeded");
}

#[tokio::test]
async fn what_must_not_be_cut_is_refused_where_it_does_not_fit() {
    let nodes = need!(row().await);
    for node in &nodes[1..3] {
        let link = if std::ptr::eq(node, &nodes[1]) {
            "right"
        } else {
            "left"
        };
        let netlink = Netlink::in_ns(node).unwrap();
        netlink
            .apply(LinkChange::new(link).mtu(1400))
            .await
            .unwrap();
    }
    for (to, router, headers) in [("10.0.3.2", "10.0.1.2", 28), ("fd00:3::2", "fd00:1::2", 48)] {
        let echo = |mtu: usize| Echo {
            payload_len: mtu - headers,
            dont_fragment: true,
            timeout: Duration::from_secs(10),
            ..Echo::to(ip(to))
        };
        // Again and again: what the host learns must not change the answer.
        for _ in 0..3 {
            icmp::ping(&nodes[0], None, echo(1400)).await.unwrap();
            let error = icmp::ping(&nodes[0], None, echo(1401)).await.unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("`{router}` answers: packet too big, the MTU is 1400")
            );
        }
        let error = icmp::ping(&nodes[0], None, echo(1501)).await.unwrap_err();
        assert!(matches!(error, PingError::Send(_)), "{error}");
        assert_eq!(error.to_string(), "cannot send: Message too long");
    }
}
