#![allow(clippy::unwrap_used)]

use super::*;
use crate::kinds::testing::{node, session, speaker};
use scenario::NodeKind;

#[test]
fn a_reflector() {
    let mut config = speaker(64512);
    config.hold_time = Some(9);
    config.graceful_restart = Some(60);
    for peer in ["10.0.0.2", "10.0.0.3"] {
        let families = [Family::VPNV4, Family::VPNV6, Family::FLOWSPEC_IPV4];
        let mut session = session(peer, 64512, &families);
        session.client = true;
        session.passive = true;
        config.sessions.push(session);
    }
    insta::assert_snapshot!(config_file(&node("rr", NodeKind::Host), &config));
}

#[test]
fn a_router_between_systems() {
    let mut config = speaker(65001);
    config.networks = vec![
        "192.0.2.0/24".parse().unwrap(),
        "2001:db8::/32".parse().unwrap(),
    ];
    let unicast = [Family::IPV4_UNICAST, Family::IPV6_UNICAST];
    config.sessions = vec![
        session("10.0.0.2", 65002, &unicast),
        session("fd00::9", 65001, &unicast),
        // Beyond the node's own nets.
        session("10.9.0.1", 65004, &[Family::VPNV4]),
    ];
    config.sessions[0].peer.port = 1790;
    insta::assert_snapshot!(config_file(&node("r", NodeKind::Host), &config));
}

/// BIRD itself reads what is generated, where it is installed.
#[test]
fn bird_reads_it() {
    if std::process::Command::new("bird")
        .arg("--version")
        .output()
        .is_err()
    {
        eprintln!("skipped: bird is not installed (Debian package bird2)");
        return;
    }
    let mut config = speaker(65001);
    config.networks = vec![
        "192.0.2.0/24".parse().unwrap(),
        "2001:db8::/32".parse().unwrap(),
    ];
    config.hold_time = Some(9);
    let every: Vec<Family> = CHANNELS.iter().map(|known| known.family).collect();
    config.sessions = vec![
        session("10.0.0.2", 65001, &every),
        session("10.9.0.2", 65002, &every),
    ];
    config.sessions[0].client = true;
    config.sessions[0].passive = true;
    let dir = std::env::temp_dir().join(format!("labgen-bird-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let file = dir.join("bird.conf");
    std::fs::write(&file, config_file(&node("r", NodeKind::Host), &config)).unwrap();
    let said = std::process::Command::new("bird")
        .arg("-p")
        .arg("-c")
        .arg(&file)
        .output()
        .unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
    assert!(
        said.status.success(),
        "{}",
        String::from_utf8_lossy(&said.stderr)
    );
}
