#![allow(clippy::unwrap_used)]

use super::*;
use crate::kinds::testing::{complaints, node, session, speaker};
use scenario::NodeKind;

/// What OpenBGPD itself says of a generated configuration.
fn accepted(config: &str) {
    if let Some(complaints) = complaints(OUTSIDE.program, &["-n", "-f", "{}"], config) {
        assert_eq!(complaints, "");
    }
}

#[test]
fn a_reflector() {
    let mut config = speaker(64512);
    config.hold_time = Some(9);
    for peer in ["10.0.0.2", "10.0.0.3"] {
        let mut session = session(peer, 64512, &[Family::VPNV4, Family::VPNV6]);
        session.client = true;
        session.passive = true;
        config.sessions.push(session);
    }
    let text = config_file(&node("rr", NodeKind::Host), &config);
    insta::assert_snapshot!(text);
    accepted(&text);
}

#[test]
fn a_router_between_systems() {
    let mut config = speaker(65001);
    config.networks = vec![
        "192.0.2.0/24".parse().unwrap(),
        "2001:db8::/32".parse().unwrap(),
    ];
    config.sessions = vec![
        session(
            "10.0.0.2",
            65002,
            &[Family::IPV4_UNICAST, Family::IPV6_UNICAST],
        ),
        session("fd00::9", 65003, &[Family::IPV6_UNICAST]),
        // Beyond the node's own nets.
        session("10.9.0.1", 65004, &[Family::VPNV4]),
    ];
    config.sessions[0].peer.port = 1790;
    let text = config_file(&node("r", NodeKind::Host), &config);
    insta::assert_snapshot!(text);
    accepted(&text);
}
