//! Default gateways (RFC 7432 section 10.1).

mod common;

use std::time::Duration;

use bgp_rib::{Change, Route};
use bgp_wire::ExtendedCommunity;
use common::*;
use vpn::{AttachRequest, Output, Speaker};

const GATEWAY: &str = "10.9.9.254";

fn ready() -> Speaker {
    let mut speaker = speaker();
    attach(&mut speaker, request("e", 1, Some("10.9.9.1")));
    speaker.advance(Duration::from_secs(10));
    speaker
}

/// MAC 8 is the gateway.
fn gateway() -> AttachRequest {
    AttachRequest {
        gateway: GATEWAY.parse().ok(),
        ..request("e", 8, Some(GATEWAY))
    }
}

fn is_marked(route: &Route) -> bool {
    let communities = route.attributes().extended_communities();
    communities
        .iter()
        .any(ExtendedCommunity::is_default_gateway)
}

fn marks(output: &Output) -> Vec<Option<bool>> {
    let dispatches = output.dispatches.iter();
    dispatches
        .map(|dispatch| match &dispatch.change {
            Change::Advertise { route, .. } => Some(is_marked(route)),
            Change::Withdraw { .. } => None,
        })
        .collect()
}

fn remote(n: u8) -> Route {
    Remote {
        more: vec![ExtendedCommunity::DEFAULT_GATEWAY],
        ..Remote::new(n)
    }
    .mac(mac(8), Some(GATEWAY))
}

#[test]
fn an_endpoint_with_the_address_of_the_gateway_is_advertised_as_one() {
    let mut speaker = ready();
    assert_eq!(marks(&attach(&mut speaker, gateway())), [Some(true)]);
    // Another gateway: it is none any more.
    let other = AttachRequest {
        gateway: "10.9.9.253".parse().ok(),
        ..request("e", 2, Some("10.9.9.2"))
    };
    let mut after = marks(&attach(&mut speaker, other));
    after.sort_unstable();
    assert_eq!(after, [Some(false), Some(false)]);
}

#[test]
fn a_gateway_at_many_pes_does_not_move() {
    let mut speaker = ready();
    speaker.handle([announce(&remote(2))]);
    let here = attach(&mut speaker, gateway());
    let [dispatch] = &here.dispatches[..] else {
        panic!("{:?}", told(&here));
    };
    let Change::Advertise { route, .. } = &dispatch.change else {
        panic!("{dispatch:?}");
    };
    assert_eq!(bgp_rib::best_path::mobility(route), (false, 0));
    let output = speaker.handle([take_back(&remote(2)), announce(&remote(2))]);
    assert_eq!(output, Output::default());
    // Also where nobody here said that it is one.
    let mut speaker = ready();
    attach(&mut speaker, request("e", 8, Some(GATEWAY)));
    speaker.advance(Duration::from_secs(20));
    let output = speaker.handle([announce(&remote(2))]);
    assert_eq!(output, Output::default());
}

#[test]
fn gateways_of_others_are_used_and_shown() {
    let mut speaker = ready();
    speaker.handle([announce(&remote(2))]);
    assert!(intent(&speaker, "e").remote_macs.contains_key(&mac(8)));
    let ip = GATEWAY.parse().unwrap_or(pe(0));
    let shown = speaker.vpns().remote_gateways("e");
    assert_eq!(shown, Some(vec![(ip, mac(8), pe(2))]));
    speaker.handle([take_back(&remote(2))]);
    assert_eq!(speaker.vpns().remote_gateways("e"), Some(vec![]));
}
