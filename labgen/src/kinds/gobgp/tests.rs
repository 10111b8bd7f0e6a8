#![allow(clippy::unwrap_used)]

use super::*;
use crate::kinds::testing::{node, session, speaker};
use scenario::NodeKind;

#[test]
fn a_reflector() {
    let mut config = speaker(64512);
    config.hold_time = Some(9);
    config.graceful_restart = Some(60);
    config.cluster_id = Some([1, 1, 1, 1].into());
    let families = [Family::EVPN, Family::RTC];
    let mut client = session("10.0.0.2", 64512, &families);
    client.client = true;
    client.passive = true;
    let other_reflector = session("10.0.0.3", 64512, &families);
    config.sessions = vec![client, other_reflector];
    insta::assert_snapshot!(config_file(&node("rr", NodeKind::Host), &config));
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
            "fd00::9",
            65002,
            &[Family::IPV4_UNICAST, Family::IPV6_UNICAST],
        ),
        // Beyond the node's own nets.
        session("10.9.0.1", 65004, &[Family::VPNV4]),
    ];
    config.sessions[0].peer.port = 1790;
    let node = node("r", NodeKind::GoBgp(config.clone()));
    insta::assert_snapshot!(config_file(&node, &config));
    let programs = programs(&node, &config, Path::new("/")).unwrap();
    let [daemon, networks] = &programs[..] else {
        panic!("a daemon and what it originates");
    };
    assert!(daemon.passive && !daemon.once && networks.once);
    insta::assert_snapshot!(networks.files[0].1, @"
    gobgp global rib add -a ipv4 192.0.2.0/24
    gobgp global rib add -a ipv6 2001:db8::/32
    ");
}
