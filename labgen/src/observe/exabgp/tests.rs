use bgp_wire::Family;

use super::super::Speaker;
use super::ExaBgp;

const EVENTS: &str = include_str!("../samples/exabgp-events.json");

fn routes(events: &str) -> String {
    let families = [Family::IPV4_UNICAST, Family::VPNV4, Family::EVPN];
    let routes = families
        .into_iter()
        .flat_map(|family| ExaBgp.routes(family, events.as_bytes()).expect("events"));
    let lines: Vec<String> = routes.map(|route| route.to_string()).collect();
    lines.join("\n")
}

#[test]
fn the_session_and_what_it_agreed_on() {
    insta::assert_debug_snapshot!(ExaBgp.sessions(EVENTS.as_bytes()).expect("events"));
    assert_eq!(ExaBgp.sessions(b"").expect("nothing yet"), []);
}

#[test]
fn routes_come_and_go() {
    let before: String = EVENTS.split_inclusive('\n').take(8).collect();
    insta::assert_snapshot!(routes(&before), @"
    ipv4/unicast 10.99.0.0/16 next-hop 10.0.0.1 origin incomplete local-pref 100 originator 10.0.0.1 clusters 10.0.0.1 (from 10.0.0.1)
    ipv4/mpls-vpn 203.0.113.0/24 rd 64512:3 label 77 next-hop 10.0.0.1 rt 64512:79 origin incomplete local-pref 100 originator 10.0.0.1 clusters 10.0.0.1 (from 10.0.0.1)
    l2vpn/evpn type 2 rd 1.1.1.1:65000 tag 1000 mac aa:bb:cc:dd:ee:04 ip 10.0.0.9 vni 1000 next-hop 10.0.0.7 rt 65000:200 encap VXLAN origin incomplete local-pref 100 originator 10.0.0.1 clusters 10.0.0.1 (from 10.0.0.1)
    l2vpn/evpn type 3 rd 1.1.1.1:65000 from 10.0.0.9 next-hop 10.0.0.1 rt 65000:200 encap VXLAN origin incomplete local-pref 100 originator 10.0.0.1 clusters 10.0.0.1 (from 10.0.0.1)
    ");
    // The last event withdraws the unicast route.
    assert_eq!(
        routes(&before)
            .lines()
            .skip(1)
            .collect::<Vec<_>>()
            .join("\n"),
        routes(EVENTS)
    );
}

#[test]
fn a_line_on_its_way_is_left_for_later() {
    let cut = &EVENTS[..EVENTS.len() - 20];
    let eight: String = EVENTS.split_inclusive('\n').take(8).collect();
    assert_eq!(routes(cut), routes(&eight));
}

#[test]
fn routes_go_with_the_session() {
    let down = r#"{ "type": "state", "neighbor": { "address": { "local": "10.0.0.2", "peer": "10.0.0.1" }, "asn": { "local": 64512, "peer": 64512 }, "state": "down", "reason": "peer reset" } }"#;
    assert_eq!(routes(&format!("{EVENTS}{down}\n")), "");
}

#[test]
fn answers_to_commands_and_words_of_a_shutdown_are_among_the_events() {
    let down = "{ \"exabgp\": \"4.0.1\", \"type\": \"state\", \"neighbor\": { \"address\": { \"peer\": \"10.0.0.1\" }, \"asn\": { \
                \"local\": 64512, \"peer\": 64512 }, \"state\": \"down\", \"reason\": \"\u{16}Administrative Reset\" } }\n";
    let before: String = EVENTS.split_inclusive('\n').take(8).collect();
    let events = format!("{before}done\nerror\n{down}");
    let sessions = ExaBgp.sessions(events.as_bytes()).expect("events");
    let states: Vec<_> = sessions
        .iter()
        .map(|session| session.state.name())
        .collect();
    assert_eq!(states, ["Connect"]);
    assert_eq!(routes(&events), "");
}
