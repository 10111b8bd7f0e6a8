//! Who talks BGP to whom.

use scenario::{NodeKind, Peer, Scenario, Sources, check};

fn meant(text: &str) -> Scenario {
    check(text, "lab.toml").unwrap_or_else(|errors| {
        panic!(
            "{}",
            scenario::render(&errors, &Sources::of("lab.toml", text), false)
        )
    })
}

/// `node -> peer` of every session, with what it is like.
fn sessions(scenario: &Scenario) -> String {
    let name = |peer: &Peer| match peer.node {
        Some(node) => format!("{} {}", scenario[node].name, peer.address),
        None => peer.address.to_string(),
    };
    let mut lines = Vec::new();
    for node in &scenario.nodes {
        match &node.kind {
            NodeKind::Bagpipe(bagpipe) => lines.extend(
                bagpipe
                    .peers
                    .iter()
                    .map(|peer| format!("{} -> {}", node.name, name(peer))),
            ),
            kind => {
                for session in kind
                    .speaker()
                    .map(|one| one.sessions.as_slice())
                    .unwrap_or_default()
                {
                    let families: Vec<String> =
                        session.families.iter().map(ToString::to_string).collect();
                    lines.push(format!(
                        "{} {} -> {} as {}{}{} {}",
                        node.name,
                        session.local,
                        name(&session.peer),
                        session.remote_as,
                        if session.client { " client" } else { "" },
                        if session.passive { " passive" } else { "" },
                        families.join(" ")
                    ));
                }
            }
        }
    }
    lines.join("\n")
}

#[test]
fn who_names_nobody_talks_to_all() {
    insta::assert_snapshot!(sessions(&meant(
        r#"
        [nodes]
        fake = { kind = "fakerr" }
        a    = { kind = "bagpipe" }
        gw   = { kind = "gobgp" }
        f    = { kind = "frr", as = 65001 }
        e    = { kind = "exabgp" }
        b    = { kind = "bagpipe", as = 65001 }
        far  = { kind = "bird" }
        h    = { kind = "host" }
        [lans]
        one = { join = ["fake", "a", "gw", "f", "e", "b", "h"] }
        [links]
        two = { ends = ["f", "far"], ip = "both" }
        "#
    )));
}

#[test]
fn what_one_side_names_both_have() {
    insta::assert_snapshot!(sessions(&meant(
        r#"
        [nodes]
        gw    = { kind = "gobgp", clients = ["compute"], peers = ["leaf-1", "192.0.2.9"], families = ["evpn", "rtc", "ipv4"] }
        compute = { kind = "bagpipe", count = 2 }
        idle  = { kind = "bagpipe" }
        leaf  = { kind = "frr", count = 2, as = "${65100 + i}", loopback = true, networks = ["loopback"] }
        spine = { kind = "bird", as = 65000, peers = ["leaf"] }
        raw   = { kind = "openbgpd", as = 65009, config = "bgpd.conf" }
        o     = { kind = "openbgpd", peers = ["raw", "lan:one"] }
        [lans]
        one = { join = ["gw", "compute", "idle", "leaf", "spine", "raw", "o"] }
        "#
    )));
}

#[test]
fn a_speaker_may_run_beside_another_and_talk_from_its_loopback() {
    insta::assert_snapshot!(sessions(&meant(
        r#"
        [nodes]
        a  = { kind = "bagpipe" }
        rr = { kind = "gobgp", on = "a" }
        b  = { kind = "bagpipe" }
        x  = { kind = "frr", loopback = true, peers = ["y"] }
        m  = { kind = "router" }
        y  = { kind = "frr", loopback = true, peers = [] }
        [lans]
        one = { join = ["a", "b"] }
        [links]
        l = { chain = ["x", "m", "y"] }
        "#
    )));
}

#[test]
fn identifiers_come_from_loopbacks_first() {
    let scenario = meant(
        r#"
        [nodes]
        a = { kind = "frr", loopback = "10.9.9.9/32", networks = ["loopback", "connected", "192.0.2.0/24"], daemons = ["ospfd"] }
        b = { kind = "bird", router_id = "1.1.1.1", hold_time = "9s" }
        c = { kind = "gobgp" }
        [lans]
        lan = { join = ["a", "b"] }
        six = { join = ["a", "c"], ip = "ipv6" }
        "#,
    );
    let speaker = |index: usize| scenario.nodes[index].kind.speaker().unwrap();
    let ids: Vec<String> = (0..3).map(|n| speaker(n).router_id.to_string()).collect();
    assert_eq!(ids, ["10.9.9.9", "1.1.1.1", "0.0.0.3"]);
    let networks: Vec<String> = speaker(0)
        .networks
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        networks,
        [
            "10.9.9.9/32",
            "10.0.0.0/24",
            "fd00:0:0:1::/64",
            "192.0.2.0/24"
        ]
    );
    assert_eq!(speaker(1).hold_time, Some(9));
}
