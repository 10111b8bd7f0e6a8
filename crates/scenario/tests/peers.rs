//! Who has a session with whom.
#![allow(clippy::unwrap_used)]

use scenario::{NodeKind, Scenario, Session, Sources, check, render};

fn meant(text: &str) -> Scenario {
    check(text, "peers.toml")
        .unwrap_or_else(|e| panic!("{}", render(&e, &Sources::of("peers", text), false)))
}

/// `peer[ client][ passive] asN family...` of every session of a node.
fn sessions(scenario: &Scenario, name: &str) -> Vec<String> {
    let shown = |session: &Session| {
        let node = session.peer.node.map(|id| scenario[id].name.clone());
        let mut text = node.unwrap_or_else(|| session.peer.address.to_string());
        for (word, said) in [(" client", session.client), (" passive", session.passive)] {
            text += if said { word } else { "" };
        }
        text += &format!(" as{}", session.remote_as);
        for family in &session.families {
            text += &format!(" {family}");
        }
        text
    };
    match &scenario[scenario.node_named(name).unwrap()].kind {
        NodeKind::Bagpipe(ours) => {
            let name = |peer: &scenario::Peer| scenario[peer.node.unwrap()].name.clone();
            ours.peers.iter().map(name).collect()
        }
        other => other
            .speaker()
            .unwrap()
            .sessions
            .iter()
            .map(shown)
            .collect(),
    }
}

#[test]
fn routers_that_say_nothing_talk_to_those_they_are_linked_to() {
    let scenario = meant(
        r#"
        [nodes]
        leaf  = { kind = "frr", as = 65001 }
        spine = { kind = "bird", as = 65000 }
        away  = { kind = "frr", as = 65002 }
        host  = { kind = "host" }
        [lans]
        a = { join = ["leaf", "spine", "host"] }
        b = { join = ["spine", "away"] }
        "#,
    );
    assert_eq!(
        sessions(&scenario, "leaf"),
        ["spine passive as65000 ipv4/unicast"]
    );
    assert_eq!(
        sessions(&scenario, "spine"),
        [
            "leaf as65001 ipv4/unicast",
            "away passive as65002 ipv4/unicast"
        ]
    );
}

#[test]
fn what_one_end_says_holds_for_the_other() {
    let scenario = meant(
        r#"
        [nodes]
        rr  = { kind = "gobgp", clients = ["lan:net"], families = ["evpn", "vpnv4"] }
        ours = { kind = "bagpipe" }
        frr = { kind = "frr", peers = "rr" }
        exa = { kind = "exabgp", families = "vpnv4" }
        other = { kind = "openbgpd", peers = "10.0.0.3" }
        [lans]
        net = { join = ["rr", "ours", "frr", "exa", "other"] }
        "#,
    );
    assert_eq!(
        sessions(&scenario, "rr"),
        [
            "ours client passive as64512 ipv4/mpls-vpn l2vpn/evpn",
            "frr client passive as64512 ipv4/mpls-vpn l2vpn/evpn",
            "exa client passive as64512 ipv4/mpls-vpn",
            "other client passive as64512 ipv4/mpls-vpn",
        ]
    );
    assert_eq!(sessions(&scenario, "ours"), ["rr"]);
    assert_eq!(sessions(&scenario, "exa"), ["rr as64512 ipv4/mpls-vpn"]);
}

#[test]
fn a_client_is_of_the_reflectors_own_system() {
    let scenario = meant(
        r#"
        [nodes]
        rr = { kind = "openbgpd", clients = ["inside", "outside"] }
        inside = { kind = "frr" }
        outside = { kind = "frr", as = 65001 }
        [lans]
        net = { join = ["rr", "inside", "outside"] }
        "#,
    );
    let sessions = sessions(&scenario, "rr");
    assert!(sessions[0].starts_with("inside client passive as64512"));
    assert!(sessions[1].starts_with("outside passive as65001"));
}

#[test]
fn what_forwards_lies_between_others() {
    // Every kind that the lab lets forward.
    for kind in ["router", "frr", "bird", "openbgpd", "gobgp"] {
        let scenario = meant(&format!(
            r#"
            [nodes]
            a = {{ kind = "frr", peers = "b" }}
            between = {{ kind = "{kind}" }}
            b = {{ kind = "frr" }}
            [lans]
            left  = {{ join = ["a", "between"] }}
            right = {{ join = ["between", "b"] }}
            "#
        ));
        let between = scenario.node_named("between").unwrap();
        assert!(scenario[between].kind.forwards());
        assert!(
            sessions(&scenario, "a")
                .iter()
                .any(|one| one.starts_with("b ")),
            "{kind}"
        );
    }
}

#[test]
fn routers_between_two_ends_make_a_session_indirect() {
    let text = r#"
        [nodes]
        rr   = { kind = "fakerr" }
        r    = { kind = "router" }
        ours = { kind = "bagpipe", peers = "rr" }
        away = { kind = "gobgp", peers = "ours" }
        [lans]
        left  = { join = ["rr", "r"] }
        right = { join = ["r", "ours"] }
        apart = { join = ["away"] }
        "#;
    let errors = check(text, "peers.toml").unwrap_err();
    let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        ["node `away` needs a LAN or link that joins both `away` and `ours`"],
        "only those that no router joins"
    );

    let joined = text.replace(r#", peers = "ours""#, "");
    let scenario = meant(&joined);
    let NodeKind::Bagpipe(ours) = &scenario.nodes[2].kind else {
        panic!("ours is not a speaker")
    };
    assert_eq!(ours.peers[0].address.to_string(), "10.0.0.1");
    assert_eq!(ours.local_address.to_string(), "10.1.0.2");
}
