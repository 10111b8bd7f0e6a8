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
        },
        local: local.parse().unwrap(),
        remote_as,
        client: false,
        passive: false,
        families: families.to_vec(),
    }
}
