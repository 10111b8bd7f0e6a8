//! Ports that can be reached and ports that cannot.

#![allow(clippy::unwrap_used)]

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use common::Lan;
use netns::reach::{Attempt, Listener, ReachError, Transport, reach};

fn attempt(to: &str, protocol: Transport) -> Attempt {
    Attempt {
        source: None,
        to: to.parse().unwrap(),
        protocol,
        echo: true,
        timeout: Duration::from_secs(10),
    }
}

#[tokio::test]
async fn a_listener_is_reached_while_it_is_there() {
    let lan = need!(Lan::build().await);
    for protocol in [Transport::Tcp, Transport::Udp] {
        for to in ["10.0.0.2:80", "[fd00::2]:80"] {
            let wanted = attempt(to, protocol);
            let refused = reach(&lan.nodes[0], &wanted).await.unwrap_err();
            assert!(matches!(refused, ReachError::Refused(_)), "{refused:?}");
            assert!(!refused.is_ours());
            let v6 = wanted.to.is_ipv6();
            let listener = Listener::open(&lan.nodes[1], protocol, v6, 80).unwrap();
            for _ in 0..3 {
                reach(&lan.nodes[0], &wanted).await.unwrap();
            }
            let second = Listener::open(&lan.nodes[1], protocol, v6, 80).unwrap_err();
            assert!(second.is_taken(), "{second:?}");
            drop(listener);
        }
    }
}

#[tokio::test]
async fn who_listens_by_itself_need_not_answer() {
    let lan = need!(Lan::build().await);
    let at: SocketAddr = "10.0.0.2:179".parse().unwrap();
    let _silent = netns::tcp::listen_in(&lan.nodes[1], at).unwrap();
    let mut wanted = attempt("10.0.0.2:179", Transport::Tcp);
    wanted.echo = false;
    reach(&lan.nodes[0], &wanted).await.unwrap();
    wanted.echo = true;
    wanted.timeout = Duration::from_millis(100);
    let silent = reach(&lan.nodes[0], &wanted).await.unwrap_err();
    assert!(matches!(silent, ReachError::Timeout(_)), "{silent:?}");
    wanted.source = Some("10.0.0.77".parse().unwrap());
    let foreign = reach(&lan.nodes[0], &wanted).await.unwrap_err();
    assert!(foreign.is_ours(), "{foreign:?}");
}
