#![allow(clippy::unwrap_used)]

use bgp_wire::Family;

use super::super::{Question, Speaker, Topic};
use super::OpenBgpd;

#[test]
fn sessions_and_what_they_agreed_on() {
    let answer = include_bytes!("../samples/openbgpd-neighbors.json");
    insta::assert_debug_snapshot!(OpenBgpd.sessions(answer).unwrap());
}

#[test]
fn routes_of_every_family() {
    let samples: [(Family, &[u8]); 4] = [
        (
            Family::IPV4_UNICAST,
            include_bytes!("../samples/openbgpd-ipv4.json"),
        ),
        (
            Family::IPV6_UNICAST,
            include_bytes!("../samples/openbgpd-ipv6.json"),
        ),
        (
            Family::VPNV4,
            include_bytes!("../samples/openbgpd-vpnv4.json"),
        ),
        (
            Family::VPNV6,
            include_bytes!("../samples/openbgpd-vpnv6.json"),
        ),
    ];
    let routes = samples
        .iter()
        .flat_map(|(family, answer)| OpenBgpd.routes(*family, answer).unwrap());
    let lines: Vec<String> = routes.map(|route| route.to_string()).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn what_it_has_no_family_for_is_not_asked() {
    assert!(OpenBgpd.question(Topic::Routes(Family::EVPN)).is_none());
    let Some(Question::Command(words)) = OpenBgpd.question(Topic::Routes(Family::VPNV4)) else {
        panic!("no command");
    };
    assert_eq!(words.join(" "), "bgpctl -j show rib vpnv4 detail");
}
