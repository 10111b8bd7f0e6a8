//! Speakers and nodes for the tests of kinds.

#![allow(clippy::unwrap_used)]

use bgp_wire::Family;
use scenario::{
    Interface, InterfaceAddress, LanId, NetId, Node, NodeKind, Peer, Place, Session, Speaker,
};

/// A node with 10.0.0.1/24 and fd00::1/64 on one LAN.
pub(super) fn node(name: &str, kind: NodeKind) -> Node {
    let address = |ip: &str, len| InterfaceAddress {
        ip: ip.parse().unwrap(),
        len,
    };
    Node {
        name: name.into(),
        kind,
        on: None,
        interfaces: vec![Interface {
            net: NetId::Lan(LanId(0)),
            name: "underlay".into(),
            addresses: vec![address("10.0.0.1", 24), address("fd00::1", 64)],
            mac: None,
        }],
        loopbacks: Vec::new(),
        routes: Vec::new(),
        place: Place {
            file: String::new(),
            span: 0..0,
            line: 1,
        },
    }
}

/// A speaker without sessions.
pub(super) fn speaker(asn: u32) -> Speaker {
    Speaker {
        asn,
        router_id: [10, 0, 0, 1].into(),
        cluster_id: None,
        sessions: Vec::new(),
        networks: Vec::new(),
        hold_time: None,
        graceful_restart: None,
        config: None,
    }
}

/// A session from 10.0.0.1 or fd00::1 to this peer.
pub(super) fn session(peer: &str, remote_as: u32, families: &[Family]) -> Session {
    let address: std::net::IpAddr = peer.parse().unwrap();
    let local = if address.is_ipv4() {
        "10.0.0.1"
    } else {
        "fd00::1"
    };
    Session {
        peer: Peer {
            address,
            port: 179,
            node: None,
            calls: false,
            password: Some("s3cret".into()),
        },
        local: local.parse().unwrap(),
        remote_as,
        client: false,
        passive: false,
        families: families.to_vec(),
    }
}

/// Has a program read a configuration without acting on it: what it complains of. `None`, said aloud, where it is
/// not installed. `{}` among the arguments is the file.
pub(super) fn complaints(program: &str, args: &[&str], config: &str) -> Option<String> {
    use std::io::Write;

    if !std::path::Path::new(program).exists() {
        // Past the harness, which hides what a passing test prints.
        let skipped = format!("SKIPPED: {program} is not installed\n");
        let _ = std::io::stderr().write_all(skipped.as_bytes());
        return None;
    }
    let name = program.rsplit('/').next().unwrap_or_default();
    let dir = std::env::temp_dir().join(format!("labgen-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let file = dir.join("config");
    std::fs::write(&file, config).unwrap();
    let args = args.iter().map(|arg| match *arg {
        "{}" => file.as_os_str(),
        other => other.as_ref(),
    });
    let output = std::process::Command::new(program)
        .args(args)
        .output()
        .unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    Some(if output.status.success() {
        String::new()
    } else {
        said
    })
}
