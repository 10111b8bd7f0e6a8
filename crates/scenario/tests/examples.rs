//! The scenarios we show mean what they say.

mod files;

use std::net::{IpAddr, Ipv4Addr};

use files::{checked, toml_files};
use scenario::{Action, Fact, NodeKind, Scenario};

fn resolved(name: &str) -> Scenario {
    let checked = checked(name);
    let sources = checked.sources;
    checked
        .outcome
        .unwrap_or_else(|errors| panic!("{}", scenario::render(&errors, &sources, false)))
}

#[test]
fn every_example_is_valid() {
    for name in toml_files("scenarios") {
        let scenario = resolved(&name);
        assert!(
            scenario.lab.about.is_some(),
            "{name} does not say what it shows"
        );
    }
}

#[test]
fn the_first_ping_reads_aloud() {
    let scenario = resolved("scenarios/first-ping.toml");
    let titles: Vec<String> = scenario
        .steps
        .iter()
        .map(|step| format!("{:>2} {}", step.id, step.title))
        .collect();
    insta::assert_snapshot!(titles.join("\n"));
}

#[test]
fn the_first_ping_is_resolved() {
    let scenario = resolved("scenarios/first-ping.toml");
    insta::assert_json_snapshot!(scenario);
    let json = serde_json::to_string(&scenario).unwrap();
    assert_eq!(serde_json::from_str::<Scenario>(&json).unwrap(), scenario);
}

#[test]
fn a_hosted_reflector_is_loopback_at_home_and_its_host_elsewhere() {
    let scenario = resolved("scenarios/first-ping-splice.toml");
    let peers = |name: &str| match &scenario[scenario.node_named(name).unwrap()].kind {
        NodeKind::Bagpipe(speaker) => speaker.peers.iter().map(|peer| peer.address).collect(),
        _ => Vec::new(),
    };
    let host = IpAddr::from([10, 0, 0, 1]);
    assert_eq!(peers("compute-a"), [IpAddr::from(Ipv4Addr::LOCALHOST)]);
    assert_eq!(peers("compute-b"), [host]);
    let asked: Vec<IpAddr> = scenario
        .steps
        .iter()
        .filter_map(|step| match &step.action {
            Action::Expect(expectation) => match &expectation.fact {
                Fact::Session(session) => Some(session.peer),
                _ => None,
            },
            _ => None,
        })
        .collect();
    assert_eq!(asked, [IpAddr::from(Ipv4Addr::LOCALHOST), host]);
}

#[test]
fn gobgp_waits_for_every_speaker() {
    let scenario = resolved("scenarios/first-ping-gobgp.toml");
    let NodeKind::GoBgp(gobgp) = &scenario[scenario.node_named("rr").unwrap()].kind else {
        panic!("rr is not a gobgp");
    };
    let clients: Vec<IpAddr> = gobgp
        .sessions
        .iter()
        .filter(|session| session.client && session.passive)
        .map(|session| session.peer.address)
        .collect();
    assert_eq!(
        clients,
        [IpAddr::from([10, 0, 0, 2]), IpAddr::from([10, 0, 0, 3])]
    );
    assert_eq!(gobgp.cluster_id, Some(Ipv4Addr::new(1, 2, 3, 4)));
    assert_eq!(gobgp.sessions[0].families.len(), 6);
}
