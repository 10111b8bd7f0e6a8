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
