use bgp_wire::Family;

use super::super::Speaker;
use super::{Bird, complete};

const ROUTES: &[u8] = include_bytes!("../samples/bird-routes.txt");

#[test]
fn sessions_and_what_they_agreed_on() {
    let answer = include_bytes!("../samples/bird-protocols.txt");
    assert!(complete(answer));
    insta::assert_debug_snapshot!(Bird.sessions(answer).expect("an answer"));
}

#[test]
fn routes_of_every_family() {
    assert!(complete(ROUTES));
    let families = [
        Family::IPV4_UNICAST,
        Family::IPV6_UNICAST,
        Family::VPNV4,
        Family::VPNV6,
        Family::FLOWSPEC_IPV4,
        Family::FLOWSPEC_IPV6,
        Family::EVPN,
    ];
    let routes = families
        .iter()
        .flat_map(|family| Bird.routes(*family, ROUTES).expect("routes"));
    let lines: Vec<String> = routes.map(|route| route.to_string()).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn an_answer_is_complete_with_its_last_line() {
    assert!(!complete(b"0001 BIRD 2.0.12 ready.\n"));
    assert!(!complete(b"0001 BIRD 2.0.12 ready.\n1007-Table master4:\n"));
    assert!(!complete(b"0001 BIRD 2.0.12 ready.\n0000"));
    assert!(complete(b"0001 BIRD 2.0.12 ready.\n0000 \n"));
    assert!(complete(b"0001 BIRD 2.0.12 ready.\n9001 syntax error\n"));
}

#[test]
fn a_refusal_says_why() {
    let refusal = b"0001 BIRD 2.0.12 ready.\n9001 syntax error, unexpected CF_SYM_UNDEFINED\n";
    let error = Bird.routes(Family::VPNV4, refusal).expect_err("a refusal");
    insta::assert_snapshot!(error, @"BIRD refuses: `syntax error, unexpected CF_SYM_UNDEFINED`");
}
