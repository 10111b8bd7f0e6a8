//! What single steps mean, and which may follow each other.

use scenario::packet::{BgpKind, LayerMatcher};
use scenario::{Action, Fact, check};

/// The text of every Flowspec component that the last step expects.
fn flowspec_of(expected: &str) -> Vec<String> {
    let text = format!(
        "[nodes]\nrr = {{ kind = \"fakerr\" }}\ng = {{ kind = \"gobgp\", peers = [\"rr\"] }}\n\
         [lans]\nlan = {{ join = [\"rr\", \"g\"] }}\n[[step]]\ncapture = {{ on = \"lan\", as = \"wire\" }}\n\
         [[step]]\nexpect = {expected}\n"
    );
    let scenario = check(&text, "flowspec.toml").unwrap_or_else(|errors| panic!("{errors:#?}"));
    let fact = match &scenario.steps[1].action {
        Action::Expect(expectation) => &expectation.fact,
        other => panic!("{other:?}"),
    };
    match fact {
        Fact::Route(route) => route.pattern.flowspec.clone(),
        Fact::Packets(packets) => match packets.layers.first() {
            Some(LayerMatcher::Bgp(message)) => match &message.kind {
                Some(BgpKind::Update(pattern)) => pattern.flowspec.clone(),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn flowspec_is_expected_as_it_is_shown_however_it_is_written() {
    let routes = flowspec_of(
        "{ route = { on = \"g\", family = \"flowspec-ipv4\", flowspec = [\"destination 10.1.0.0/16\", \
         \"protocol  6\", \"destination-port 80 443\", \"port [ >=80&<=90 ]\"] } }",
    );
    assert_eq!(
        routes,
        [
            "destination-ipv4 10.1.0.0/16",
            "protocol =tcp",
            "destination-port [ =80 =443 ]",
            "port [ >=80&<=90 ]",
        ]
    );
    // Without a family the words say which version is meant.
    let update = flowspec_of(
        "{ packets = { in = \"wire\", layers = [{ bgp = { update = { flowspec = [\"protocol 17\", \
         \"next-header 17\", \"source fd00::/64\", \"flow-label 7\"] } } }] } }",
    );
    assert_eq!(
        update,
        [
            "protocol =udp",
            "next-header =udp",
            "source-ipv6 fd00::/64",
            "flow-label =7"
        ]
    );
}

/// What is wrong with steps that cut and heal on a LAN of two hosts.
fn cables(steps: &[&str]) -> String {
    let steps: String = steps
        .iter()
        .map(|step| format!("[[step]]\n{step}\n"))
        .collect();
    let lab = "[nodes]\na = { kind = \"host\" }\nb = { kind = \"host\" }\n[lans]\nlan = { join = [\"a\", \"b\"] }\n";
    match check(&format!("{lab}{steps}"), "cables.toml") {
        Ok(_) => String::new(),
        Err(errors) => errors.iter().map(|error| format!("{error}\n")).collect(),
    }
}

#[test]
fn the_cables_of_a_lan_are_cut_and_healed_one_by_one_or_all() {
    const CUT: &str = "cut = { on = \"lan\" }";
    const CUT_A: &str = "cut = { on = \"lan\", node = \"a\" }";
    const HEAL: &str = "heal = { on = \"lan\" }";
    const HEAL_A: &str = "heal = { on = \"lan\", node = \"a\" }";
    const HEAL_B: &str = "heal = { on = \"lan\", node = \"b\" }";
    for good in [
        &[CUT, HEAL_A, CUT_A, HEAL][..],
        &[CUT_A, CUT, HEAL],
        &[CUT, HEAL_A, CUT, HEAL_B, HEAL_A],
    ] {
        assert_eq!(cables(good), "", "{good:?}");
    }
    for (wrong, said) in [
        (
            &[CUT, CUT_A][..],
            "step 2 has `lan`, which is cut already\n",
        ),
        (
            &[CUT_A, CUT, CUT],
            "step 3 has `lan`, which is cut already\n",
        ),
        (
            &[CUT, HEAL_A, HEAL_A],
            "step 3 has `lan`, which is not cut\n",
        ),
        (
            &[CUT, HEAL_A, HEAL_B, HEAL],
            "step 4 has `lan`, which is not cut\n",
        ),
    ] {
        assert_eq!(cables(wrong), said, "{wrong:?}");
    }
}
