#![allow(clippy::unwrap_used)]

use super::*;
use crate::kinds::testing::{complaints, node, session, speaker};
use bgp_wire::Family;
use scenario::NodeKind;

fn frr(speaker: scenario::Speaker) -> Frr {
    Frr {
        speaker,
        daemons: Vec::new(),
    }
}

fn config_of(node: &Node, config: &Frr) -> String {
    let programs = programs(node, config, Path::new("/nonexistent")).unwrap();
    let files = programs.iter().flat_map(|program| &program.files);
    files
        .map(|(path, text)| format!("== {path}\n{text}"))
        .collect()
}

/// What FRR itself says of a generated configuration.
fn accepted(config: &str) {
    let config = config.replace("== ", "! ");
    if let Some(complaints) = complaints("/usr/bin/vtysh", &["-C", "-f", "{}"], &config) {
        assert_eq!(complaints, "");
    }
}

#[test]
fn a_reflector() {
    let mut config = speaker(64512);
    config.cluster_id = Some([9, 9, 9, 9].into());
    config.hold_time = Some(9);
    config.graceful_restart = Some(60);
    for peer in ["10.0.0.2", "10.0.0.3"] {
        let mut session = session(peer, 64512, &[Family::VPNV4, Family::EVPN]);
        session.client = true;
        session.passive = true;
        config.sessions.push(session);
    }
    let node = node("rr", NodeKind::Host);
    let text = config_of(&node, &frr(config));
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
    let both = [Family::IPV4_UNICAST, Family::IPV6_UNICAST];
    config.sessions = vec![
        session("10.0.0.2", 65002, &both),
        session("fd00::9", 65003, &both),
        // Beyond the node's own nets.
        session("10.9.0.1", 65004, &[Family::EVPN]),
    ];
    config.sessions[0].peer.port = 1790;
    let node = node("r", NodeKind::Host);
    let text = config_of(&node, &frr(config));
    insta::assert_snapshot!(text);
    accepted(&text);
}

#[test]
fn programs_start_in_order() {
    let node = node("r", NodeKind::Host);
    let mut config = frr(speaker(65001));
    config.daemons = vec!["ospfd".into(), "bfdd".into(), "bgpd".into()];
    let programs = programs(&node, &config, Path::new("/")).unwrap();
    let shown = programs.iter().map(|program| {
        let args = program.args.join(" ");
        format!("{} {args}: {:?}\n", program.command, program.ready)
    });
    insta::assert_snapshot!(shown.collect::<String>(), @r#"
    /usr/lib/frr/zebra --log stdout --vty_port 0 --config_file /etc/frr/zebra.conf: Socket("/run/frr/zebra.vty")
    /usr/lib/frr/bfdd --log stdout --vty_port 0: Socket("/run/frr/bfdd.vty")
    /usr/lib/frr/ospfd --log stdout --vty_port 0: Socket("/run/frr/ospfd.vty")
    /usr/lib/frr/bgpd --log stdout --vty_port 0 --config_file /etc/frr/bgpd.conf: Tcp(179)
    "#);
}

#[test]
fn a_configuration_says_which_daemons_it_needs() {
    let asked = |text: &str| daemons::asked_for(text, &[]).join(" ");
    assert_eq!(asked(""), "zebra");
    assert_eq!(
        asked("router bgp 65000\n neighbor 10.0.0.1 bfd\n"),
        "zebra bfdd bgpd"
    );
    assert_eq!(
        asked("interface eth0\n ip ospf area 0\nrouter ospf\n"),
        "zebra ospfd"
    );
    assert_eq!(asked("router ospf6\n"), "zebra ospf6d");
    assert_eq!(
        asked("ip route 10.0.0.0/8 blackhole\nip router-id 1.1.1.1\n"),
        "zebra staticd"
    );
    assert_eq!(
        asked("interface eth0\n ip router isis core\n"),
        "zebra isisd"
    );
}

#[test]
fn a_configuration_of_the_users_is_loaded_when_all_run() {
    let node = node("r", NodeKind::Host);
    let dir = tempfile_dir("frr-own");
    std::fs::write(dir.join("frr.conf"), "router bgp 7\n").unwrap();
    let mut config = frr(speaker(65001));
    config.speaker.config = Some("frr.conf".into());
    let programs = programs(&node, &config, &dir).unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
    let names: Vec<_> = programs.iter().map(|program| program.name).collect();
    assert_eq!(names, ["zebra", "bgpd", "vtysh"]);
    let last = &programs[2];
    assert!(last.once);
    assert_eq!(
        last.files,
        [(INTEGRATED.to_owned(), "router bgp 7\n".to_owned())]
    );
}

fn tempfile_dir(name: &str) -> std::path::PathBuf {
    let dir = std::env::temp_dir().join(format!("labgen-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    dir
}
