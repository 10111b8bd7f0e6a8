#![allow(clippy::unwrap_used)]

use bgp_wire::Family;

use super::super::{Question, Speaker, Topic};
use super::{Frr, complete, complete_to_the_end};

const NEIGHBORS: &[u8] = include_bytes!("../samples/frr-neighbors");
const VPNV4: &[u8] = include_bytes!("../samples/frr-vpnv4");
const VPNV4_DETAIL: &[u8] = include_bytes!("../samples/frr-vpnv4-detail");

fn lines(family: Family, answer: &[u8]) -> String {
    let routes = Frr.routes(family, answer).unwrap();
    let lines: Vec<String> = routes.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

#[test]
fn sessions_and_what_they_agreed_on() {
    assert!(complete(NEIGHBORS));
    insta::assert_debug_snapshot!(Frr.sessions(NEIGHBORS).unwrap());
}

#[test]
fn routes_of_ethernet_vpns() {
    let answer = include_bytes!("../samples/frr-evpn");
    insta::assert_snapshot!(lines(Family::EVPN, answer));
}

#[test]
fn routes_of_other_families() {
    let all = [
        lines(Family::IPV4_UNICAST, include_bytes!("../samples/frr-ipv4")),
        lines(Family::IPV6_UNICAST, include_bytes!("../samples/frr-ipv6")),
        lines(
            Family::FLOWSPEC_IPV4,
            include_bytes!("../samples/frr-flowspec"),
        ),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn vpn_routes_are_asked_for_one_by_one() {
    let Some(Question::Socket { say, .. }) = Frr.further(Topic::Routes(Family::VPNV4), VPNV4)
    else {
        panic!("no further question");
    };
    insta::assert_snapshot!(say.replace('\0', "\n"), @r"
    show bgp ipv4 vpn rd 10.0.0.3:1 10.9.0.0/24 json
    show bgp ipv4 vpn rd 64512:99 10.9.1.7/32 json
    labgen-end
    ");
    assert!(Frr.further(Topic::Sessions, NEIGHBORS).is_none());
    assert!(complete_to_the_end(VPNV4_DETAIL));
    let first = VPNV4_DETAIL
        .windows(4)
        .position(|o| o[..3] == [0; 3])
        .unwrap();
    assert!(!complete_to_the_end(&VPNV4_DETAIL[..first + 4]));
    let v4 = [VPNV4, VPNV4_DETAIL].concat();
    let v6 = [
        b"{}\0\0\0\0",
        &include_bytes!("../samples/frr-vpnv6-detail")[..],
    ]
    .concat();
    let all = [lines(Family::VPNV4, &v4), lines(Family::VPNV6, &v6)];
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn without_bgp_there_is_nothing() {
    let answer = b"% BGP instance not found\n\0\0\0\x01";
    assert_eq!(Frr.sessions(answer).unwrap(), []);
    for family in [Family::EVPN, Family::VPNV4, Family::IPV4_UNICAST] {
        assert_eq!(Frr.routes(family, answer).unwrap(), []);
    }
    assert!(
        Frr.further(Topic::Routes(Family::VPNV4), b"\0\0\0\0")
            .is_none()
    );
    assert!(Frr.question(Topic::Routes(Family::RTC)).is_none());
}
