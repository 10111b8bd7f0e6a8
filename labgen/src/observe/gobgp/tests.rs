use bgp_wire::Family;
use capture::RouteFacts;

use super::super::{Question, Speaker, Topic};
use super::GoBgp;

fn routes(family: Family, answer: &str) -> String {
    let routes = GoBgp.routes(family, answer.as_bytes()).expect("an answer");
    let lines: Vec<String> = routes.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

#[test]
fn sessions_with_their_families() {
    let sessions = GoBgp.sessions(include_bytes!("../samples/gobgp-neighbor.json"));
    insta::assert_debug_snapshot!(sessions.expect("an answer"));
}

#[test]
fn routes_of_every_family() {
    insta::assert_snapshot!(
        [
            routes(Family::EVPN, include_str!("../samples/gobgp-evpn.json")),
            routes(Family::VPNV4, include_str!("../samples/gobgp-vpnv4.json")),
            routes(
                Family::IPV4_UNICAST,
                include_str!("../samples/gobgp-ipv4.json")
            ),
            routes(
                Family::FLOWSPEC_IPV4,
                include_str!("../samples/gobgp-ipv4-flowspec.json")
            ),
        ]
        .join("\n\n")
    );
    assert_eq!(routes(Family::RTC, "{}"), "");
    assert_eq!(routes(Family::EVPN, "Network not in table\n"), "");
}

#[test]
fn memberships_have_their_targets() {
    let answer = include_str!("../samples/gobgp-rtc.json");
    let told = "ipv4/rtc as 64512 next-hop 10.0.0.2 rt 64512:79 local-pref 100 (from 10.0.0.2)";
    assert_eq!(routes(Family::RTC, answer), told);
    let others = [
        ("0:0:0", "default"),
        ("64512:1.4464:6", "as 64512 rt 70000:6"),
    ];
    for (prefix, told) in others {
        let answer =
            format!(r#"{{"{prefix}": [{{"nlri": {{"prefix": "{prefix}"}}, "best": true}}]}}"#);
        assert_eq!(routes(Family::RTC, &answer), format!("ipv4/rtc {told}"));
        let read = GoBgp
            .routes(Family::RTC, answer.as_bytes())
            .expect("routes");
        let asks = read[0].facts.membership().expect("a membership");
        assert_eq!(
            RouteFacts::new(Family::RTC).with_membership(&asks),
            read[0].facts
        );
    }
}

#[test]
fn an_answer_that_is_none_says_so() {
    let error = GoBgp.sessions(b"connection refused").expect_err("no JSON");
    assert!(
        error.to_string().ends_with("`connection refused`"),
        "{error}"
    );
    let error = GoBgp
        .routes(
            Family::VPNV4,
            br#"{"x": [{"nlri": {"prefix": "nonsense"}}]}"#,
        )
        .expect_err("no prefix");
    insta::assert_snapshot!(error, @r#"no ipv4/mpls-vpn route: `{"prefix":"nonsense"}`"#);
}

#[test]
fn unknown_families_cannot_be_asked_for() {
    assert!(GoBgp.question(Topic::Routes(Family::new(1, 5))).is_none());
    let Some(Question::Command(words)) = GoBgp.question(Topic::Routes(Family::EVPN)) else {
        panic!("a command");
    };
    assert_eq!(words.join(" "), "gobgp -j global rib -a evpn");
}
