#![allow(clippy::unwrap_used)]

use super::*;
use crate::kinds::testing::{session, speaker};

#[test]
fn a_route_injector() {
    let mut config = speaker(64512);
    config.hold_time = Some(9);
    config.networks = vec![
        "192.0.2.0/24".parse().unwrap(),
        "2001:db8::/32".parse().unwrap(),
    ];
    let every: Vec<Family> = FAMILIES.iter().map(|(family, _)| *family).collect();
    config.sessions = vec![
        session("10.0.0.2", 64512, &[Family::IPV4_UNICAST, Family::EVPN]),
        session("fd00::9", 65002, &every),
    ];
    config.sessions[0].peer.port = 1790;
    insta::assert_snapshot!(config_file(&config));
}

/// ExaBGP itself reads what is generated, where it is installed.
#[test]
fn exabgp_reads_it() {
    if std::process::Command::new("exabgp")
        .arg("--version")
        .output()
        .is_err()
    {
        eprintln!("skipped: exabgp is not installed (Debian package exabgp)");
        return;
    }
    let mut config = speaker(64512);
    config.networks = vec!["192.0.2.0/24".parse().unwrap()];
    let every: Vec<Family> = FAMILIES.iter().map(|(family, _)| *family).collect();
    config.sessions = vec![session("10.0.0.2", 64512, &every)];
    let dir = std::env::temp_dir().join(format!("labgen-exabgp-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let file = dir.join("exabgp.conf");
    std::fs::write(&file, config_file(&config)).unwrap();
    let said = std::process::Command::new("exabgp")
        .arg("--test")
        .arg(&file)
        .output()
        .unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
    let words = String::from_utf8_lossy(&said.stdout);
    assert!(said.status.success(), "{words}");
}
