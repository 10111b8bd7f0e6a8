//! The daemon against a reflector: what it says, byte by byte, and what it makes of what it hears.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "tests fail by panicking"
)]

mod common;

use bagpipe_api::{AttachBody, DetachBody, VpnType};
use bgp_wire::{
    Capability, DecodeContext, EncodeContext, Family, Message, NextHop, Nlri, NlriValue,
    RawMessage, Update, raw::kind,
};
use common::{Daemon, Speaker, config, digits, listener, unhex};
use serde_json::json;

const FAMILIES: [Family; 2] = [Family::EVPN, Family::RTC];

/// What is in front of every announcement: ORIGIN, AS_PATH, LOCAL_PREF.
const COMMON: &str = "40010100 400200 40050400000064";

/// "I want everything": the RTC default route.
const WANT_ALL: &str = "0000001b 40010100 400200 40050400000064 800e0a 0001 84 04 7f000009 00 00";

fn attach_body() -> AttachBody {
    AttachBody::evpn("e2", "te2", "00:00:de:ad:be:02")
        .ip("10.9.9.9")
        .rt("64512:3")
        .vni(5001)
}

fn ipvpn_body(ip: &str) -> AttachBody {
    let mut body = AttachBody::evpn("v1", "tap1", "00:00:de:ad:be:01")
        .ip(ip)
        .rt("64512:1");
    body.vpn_type = VpnType::Ipvpn;
    body.gateway_ip = Some("10.1.1.254".into());
    body
}

#[tokio::test]
async fn the_open_is_the_reference_s_and_what_it_lacks() {
    let (listener, port) = listener().await;
    let _daemon = Daemon::start(&config(port, ""));
    let speaker = Speaker::accept(&listener, &FAMILIES).await;
    assert_eq!(
        common::hex(&speaker.open[19..]),
        digits(
            "04 fc00 00b4 7f000001 46
             0206010400010080 0206010400010084 0206010400010086 0206010400020080 0206010400020086 0206010400190046
             0202 0200  0206 41040000fc00  0202 0600  0204 40024000"
        )
    );
}

// The reference's `local_address` is of IPv4 alone.
#[tokio::test]
async fn issue_22_everything_may_be_of_ipv6() {
    let listener = tokio::net::TcpListener::bind("[::1]:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let daemon = Daemon::start(&format!(
        "[BGP]\nlocal_address=::1\nrouter_id=192.0.2.1\npeers=::1\nmy_as=64512\nbgp_port={port}\n[API]\nport=0\n"
    ));
    let families = [Family::VPNV4, Family::VPNV6, Family::EVPN];
    let mut speaker = Speaker::accept(&listener, &families).await;
    let open = RawMessage::new(kind::OPEN, speaker.open[19..].to_vec());
    let open = Message::decode(&open, &DecodeContext::default());
    let Ok(Message::Open(open)) = open else {
        panic!("{open:?}")
    };
    assert_eq!(open.router_id.to_string(), "192.0.2.1");
    let next_hops = Capability::ExtendedNextHop(vec![(Family::VPNV4, 2)]);
    assert!(open.capabilities.contains(&next_hops), "{open:?}");

    let mut client = daemon.client().await;
    client.attach(&ipvpn_body("10.1.1.1/24")).await.unwrap();
    let update = speaker.update().await;
    let update = digits(&common::hex(&update.body));
    // 24 octets: a route distinguisher of 0 and the address (RFC 8950 section 4).
    let next_hop = digits("0001 80 18 0000000000000000 00000000000000000000000000000001 00");
    assert!(update.contains(&next_hop), "{update}");
    // The route distinguisher's number comes from the identifier.
    assert!(update.contains("0001c0000201"), "{update}");
    client.attach(&attach_body()).await.unwrap();
    let update = speaker.update().await;
    let update = digits(&common::hex(&update.body));
    let next_hop = digits("0019 46 10 00000000000000000000000000000001 00");
    assert!(update.contains(&next_hop), "{update}");
}

// The reference stops at 65535.
#[tokio::test]
async fn issue_17_an_as_of_four_octets_is_as_trans_where_two_are() {
    let (listener, port) = listener().await;
    let daemon = Daemon::start(&config(port, "[BGP]\nmy_as=4200000000\n"));
    let asn = 4_200_000_000;
    let mut speaker = Speaker::accept_as(asn, &listener, &FAMILIES, Vec::new()).await;
    let open = common::hex(&speaker.open[19..]);
    assert!(open.starts_with("045ba000b4"), "{open}");
    assert!(open.contains("4104fa56ea00"), "{open}");
    // What it asks for names the AS whole, and paths inside it are empty.
    daemon.client().await.attach(&attach_body()).await.unwrap();
    let asked = digits(
        "00000027 40010100 400200 40050400000064
         800e16 0001 84 04 7f000001 00 60 fa56ea00 0002fc0000000003",
    );
    assert_eq!(speaker.update_hex().await, asked);
    let page = daemon
        .until("bgp/peers/127.0.0.1/as_info", |page| page.is_object())
        .await;
    assert_eq!(page, json!({"local": asn, "peer": asn}));
}

#[tokio::test]
async fn issue_20_a_peer_has_a_name_and_a_port() {
    let (listener, port) = listener().await;
    let more = format!("[BGP]\npeers=localhost:{port}\n");
    let daemon = Daemon::start(&config(1, &more));
    let _speaker = Speaker::accept(&listener, &FAMILIES).await;
    let state = "bgp/peers/127.0.0.1/protocol/state";
    daemon.until(state, |state| state == "Established").await;
}

#[tokio::test]
async fn issue_22_a_peer_has_an_address_of_ipv6() {
    let Ok(listener) = tokio::net::TcpListener::bind("[::1]:0").await else {
        // A kernel without it.
        return;
    };
    let port = listener.local_addr().unwrap().port();
    let more = format!("[BGP]\npeers=[::1]:{port}\n");
    let daemon = Daemon::start(&config(1, &more));
    let mut speaker = Speaker::accept(&listener, &[Family::EVPN]).await;
    daemon.client().await.attach(&attach_body()).await.unwrap();
    // The way of the session is not that of the packets.
    let (_, next_hop, _) = &speaker.decoded().await.reach[0];
    assert_eq!(next_hop.address(), Some([127, 0, 0, 1].into()));
    let state = "bgp/peers/%3A%3A1/protocol/state";
    daemon.until(state, |state| state == "Established").await;
}

#[tokio::test]
async fn without_rtc_the_family_is_not_offered() {
    let (listener, port) = listener().await;
    let _daemon = Daemon::start(&config(port, "[BGP]\nenable_rtc=False\n"));
    let mut speaker = Speaker::accept(&listener, &[Family::EVPN]).await;
    assert!(!common::hex(&speaker.open).contains("00010084"));
    // And nothing has to be asked for.
    let mut client = _daemon.client().await;
    client.attach(&attach_body()).await.unwrap();
    assert_eq!(speaker.decoded().await.reach[0].0, Family::EVPN);
}

#[tokio::test]
async fn a_first_attach_and_its_detach_on_the_wire() {
    let (listener, port) = listener().await;
    let daemon = Daemon::start(&config(port, ""));
    let mut speaker = Speaker::accept(&listener, &FAMILIES).await;
    speaker.send_update(WANT_ALL).await;
    let mut client = daemon.client().await;
    client.attach(&attach_body()).await.unwrap();

    let rtc =
        format!("00000027 {COMMON} 800e16 0001 84 04 7f000001 00 60 0000fc00 0002fc0000000003");
    let multicast = format!(
        "0000004c {COMMON} c01010 030c000000000008 0002fc0000000003
         c01609 00 06 001389 7f000001
         800e1c 0019 46 04 7f000001 00 03 11 00017f0000010000 00000000 20 7f000001"
    );
    let mac = format!(
        "0000005c {COMMON} c01018 030c000000000008 0002fc0000000003 0314000000000000
         800e30 0019 46 04 7f000001 00 02 25 00017f0000010000 00000000000000000000 00000000
         30 0000deadbe02 20 0a090909 001389"
    );
    assert_eq!(speaker.update_hex().await, digits(&rtc));
    assert_eq!(speaker.update_hex().await, digits(&multicast));
    assert_eq!(speaker.update_hex().await, digits(&mac));

    client
        .detach(&DetachBody::from(&attach_body()))
        .await
        .unwrap();
    let mut withdrawn = Vec::new();
    while withdrawn.len() < 3 {
        let update = speaker.decoded().await;
        assert!(update.reach.is_empty(), "{update:?}");
        for (family, nlri) in update.unreach {
            withdrawn.extend(nlri.iter().map(|nlri| (family, nlri.bytes[0])));
        }
    }
    assert_eq!(
        withdrawn,
        [(Family::EVPN, 2), (Family::EVPN, 3), (Family::RTC, 0x60)]
    );
    daemon
        .until("vpns/instances", |page| {
            page.as_array().is_some_and(Vec::is_empty)
        })
        .await;
}

#[tokio::test]
async fn issue_18_the_end_of_the_initial_routes_is_marked_when_they_are_all_sent() {
    let (listener, port) = listener().await;
    let daemon = Daemon::start(&config(port, ""));
    let mut client = daemon.client().await;
    client.attach(&attach_body()).await.unwrap();
    let mut speaker = Speaker::accept(&listener, &FAMILIES).await;
    // First what the daemon wants, and that this is all.
    assert_eq!(speaker.decoded().await.reach[0].0, Family::RTC);
    assert_eq!(speaker.ended, []);
    speaker.end_of_rib(Family::RTC).await;
    assert_eq!(speaker.ended, [Family::RTC]);
    // Then what the peer wants, when it has said that this is all.
    speaker.send_update(WANT_ALL).await;
    speaker.send(&Update::end_of_rib_for(Family::RTC)).await;
    for _ in 0..2 {
        assert_eq!(speaker.decoded().await.reach[0].0, Family::EVPN);
        assert_eq!(speaker.ended, [Family::RTC]);
    }
    speaker.end_of_rib(Family::EVPN).await;
    speaker.send(&Update::end_of_rib_for(Family::EVPN)).await;
    let page = daemon
        .until("bgp/peers/127.0.0.1/end_of_rib", |page| {
            page["received"]
                .as_array()
                .is_some_and(|list| list.len() == 2)
        })
        .await;
    let both = json!(["(ipv4, rtc)", "(l2vpn, evpn)"]);
    assert_eq!(page, json!({"received": both, "sent": both}));
    let session = client.sessions().await.unwrap().remove(0);
    let agreed = session.agreed.expect("an agreement");
    assert_eq!(agreed.end_of_rib, [Family::RTC, Family::EVPN]);
}

#[tokio::test]
async fn routes_wait_until_they_are_asked_for() {
    let (listener, port) = listener().await;
    let daemon = Daemon::start(&config(port, ""));
    let mut speaker = Speaker::accept(&listener, &FAMILIES).await;
    let mut client = daemon.client().await;
    client.attach(&attach_body()).await.unwrap();
    assert_eq!(speaker.decoded().await.reach[0].0, Family::RTC);
    // Another target first: it must bring nothing.
    for target in ["0002fc0000000063", "0002fc0000000003"] {
        let update =
            format!("00000027 {COMMON} 800e16 0001 84 04 7f000009 00 60 0000fc00 {target}");
        speaker.send_update(&update).await;
    }
    assert_eq!(speaker.decoded().await.reach[0].2[0].bytes[0], 3);
    assert_eq!(speaker.decoded().await.reach[0].2[0].bytes[0], 2);
    let peer = daemon
        .until("bgp/peers/127.0.0.1", |page| {
            let subscriptions = page["internals"]["subscriptions"].as_array();
            subscriptions.is_some_and(|list| list.len() == 3)
        })
        .await;
    assert_eq!(
        peer["internals"]["subscriptions"],
        json!([
            "match:ipv4/rtc,*",
            "match:l2vpn/evpn,target:64512:3",
            "match:l2vpn/evpn,target:64512:99",
        ])
    );
    assert_eq!(peer["protocol"]["state"], "Established");
    assert_eq!(peer["rtc"], json!({"active": true, "enabled": true}));
    assert_eq!(
        peer["active_families"],
        json!(["(l2vpn, evpn)", "(ipv4, rtc)"])
    );
}

#[tokio::test]
async fn a_received_route_shows_and_goes() {
    let (listener, port) = listener().await;
    let daemon = Daemon::start(&config(port, ""));
    let mut speaker = Speaker::accept(&listener, &FAMILIES).await;
    let mut client = daemon.client().await;
    client.attach(&attach_body()).await.unwrap();
    let nlri =
        "02 25 0001020202020002 00000000000000000000 00000000 30 020000000001 20 0a090901 001389";
    let announce = format!(
        "00000054 {COMMON} c01010 030c000000000008 0002fc0000000003
         800e30 0019 46 04 02020202 00 {nlri}"
    );
    speaker.send_update(&announce).await;
    let entry = "('MAC', 02:00:00:00:00:01)";
    let routes = daemon
        .until("vpns/instances/e2/best_routes", |page| {
            page.get(entry).is_some()
        })
        .await;
    insta::assert_snapshot!(
        serde_json::to_string_pretty(&routes)
            .unwrap()
            .replace(&daemon.api.to_string(), "API")
    );
    let summary = client.looking_glass("summary").await.unwrap();
    assert_eq!(summary["BGP_established_peers"], 1);
    assert_eq!(
        summary["route_counts"],
        json!({"local_routes_count": 2, "received_routes_count": 1})
    );
    speaker
        .send_update(&format!("0000002d 800f2a 0019 46 {nlri}"))
        .await;
    daemon
        .until("vpns/instances/e2/received_routes", |page| {
            page == &json!({})
        })
        .await;
}

#[tokio::test]
async fn an_ip_vpn_on_the_wire() {
    let (listener, port) = listener().await;
    let daemon = Daemon::start(&config(port, ""));
    let families = [Family::VPNV4, Family::VPNV6, Family::RTC];
    let mut speaker = Speaker::accept(&listener, &families).await;
    speaker.send_update(WANT_ALL).await;
    let mut client = daemon.client().await;
    let v4 = ipvpn_body("10.1.1.1/24");
    client.attach(&v4).await.unwrap();
    let asked = speaker.decoded().await;
    assert_eq!(asked.reach[0].0, Family::RTC);
    let communities = "030c00000000000a 0002fc0000000001 0314000000000000";
    assert_eq!(
        common::hex(&speaker.update().await.body),
        digits(&format!(
            "0000004d {COMMON} c01018 {communities}
             800e21 0001 80 0c 0000000000000000 7f000001 00 78 000111 00017f0000010000 0a010101"
        ))
    );
    // Over IPv4 an IPv6 route has an IPv4-mapped next hop (RFC 4659 section 3.2.1.2).
    let v6 = ipvpn_body("2001:db8::1/64");
    client.attach(&v6).await.unwrap();
    assert_eq!(
        common::hex(&speaker.update().await.body),
        digits(&format!(
            "00000065 {COMMON} c01018 {communities}
             800e39 0002 80 18 0000000000000000 00000000000000000000ffff7f000001 00
             d8 000111 00017f0000010000 20010db8000000000000000000000001"
        ))
    );
    let nlri = "70 001f41 0001020202020001 140000";
    speaker
        .send_update(&format!(
            "0000003c {COMMON} c01008 0002fc0000000001
             800e20 0001 80 0c 0000000000000000 02020202 00 {nlri}"
        ))
        .await;
    let routes = daemon
        .until("vpns/instances/v1/best_routes", |page| {
            page.get("'20.0.0.0/24'").is_some()
        })
        .await;
    assert!(
        routes["'20.0.0.0/24'"][0]["20.0.0.0/24 label 500 next-hop 2.2.2.2 rd 2.2.2.2:1"]
            .is_object(),
        "{routes}"
    );
    let instance = client.looking_glass("vpns/instances/v1").await.unwrap();
    insta::assert_snapshot!(
        serde_json::to_string_pretty(&instance)
            .unwrap()
            .replace(&daemon.api.to_string(), "API")
    );
    let intent = client
        .looking_glass("vpns/instances/v1/dataplane/intent")
        .await
        .unwrap();
    assert_eq!(
        intent["routes"]["20.0.0.0/24"],
        json!([{"order": 0, "pe": "2.2.2.2", "label": 500, "encap": "default"}])
    );
    for body in [&v4, &v6] {
        client.detach(&DetachBody::from(body)).await.unwrap();
    }
    let mut withdrawn = Vec::new();
    while withdrawn.len() < 3 {
        for (family, _) in speaker.decoded().await.unreach {
            withdrawn.push(family);
        }
    }
    withdrawn.sort_unstable();
    assert_eq!(withdrawn, [Family::VPNV4, Family::RTC, Family::VPNV6]);
}

#[tokio::test]
async fn issue_24_garbage_is_answered_and_the_session_comes_back() {
    let (listener, port) = listener().await;
    let daemon = Daemon::start(&config(port, ""));
    let mut client = daemon.client().await;
    let ping = client.ping().await.unwrap();
    let garbage: [(&[u8], [u8; 2]); 3] = [
        // No marker: connection not synchronised.
        (&[0; 64], [1, 1]),
        // A length below 19.
        (
            &[
                255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0,
                1, 2,
            ],
            [1, 2],
        ),
        // A type there is not.
        (
            &[
                255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0,
                19, 77,
            ],
            [1, 3],
        ),
    ];
    for (bytes, code) in garbage {
        let mut speaker = Speaker::accept(&listener, &FAMILIES).await;
        speaker.send_bytes(bytes).await;
        let notification = loop {
            match speaker.next_or_end().await {
                Some(message) if message.kind == kind::NOTIFICATION => break message,
                Some(_) => {}
                None => panic!("closed without NOTIFICATION"),
            }
        };
        assert_eq!(notification.body[..2], code);
    }
    // A broken UPDATE takes the routes it names back, and nothing more (RFC 7606).
    let mut speaker = Speaker::accept(&listener, &FAMILIES).await;
    let nlri = Nlri::from(NlriValue::Evpn(
        bgp_wire::nlri::EvpnRoute::InclusiveMulticast {
            rd: "2.2.2.2:2".parse().unwrap(),
            ethernet_tag: 0,
            originator: [2, 2, 2, 2].into(),
        },
    ));
    let context = EncodeContext::default();
    let next_hop = NextHop::V4([2, 2, 2, 2].into());
    let attributes = bgp_wire::PathAttributes::new();
    // ORIGIN, AS_PATH and LOCAL_PREF are missing: treat as withdraw.
    for message in Update::announce(&attributes, Family::EVPN, &next_hop, &[nlri], &context) {
        speaker.send(&message).await;
    }
    daemon
        .until("logs", |logs| {
            let logs = logs.as_array().unwrap();
            logs.iter()
                .any(|log| log["message"].as_str().unwrap().contains("UPDATE"))
        })
        .await;
    let state = client
        .looking_glass("bgp/peers/127.0.0.1/protocol/state")
        .await
        .unwrap();
    assert_eq!(state, "Established");
    assert_eq!(client.ping().await.unwrap(), ping, "the daemon is the same");
}

#[tokio::test]
async fn programs_are_told_of_sessions_and_of_their_ends() {
    let (listener, port) = listener().await;
    let daemon = Daemon::start(&config(port, ""));
    let speaker = Speaker::accept(&listener, &FAMILIES).await;
    daemon
        .until("bgp/peers/127.0.0.1/protocol/state", |state| {
            state == "Established"
        })
        .await;
    let mut client = daemon.client().await;
    let [session] = &client.sessions().await.unwrap()[..] else {
        panic!("one configured peer");
    };
    assert_eq!(session.peer.to_string(), "127.0.0.1");
    assert_eq!((session.state.as_str(), session.flaps), ("Established", 0));
    let agreed = session.agreed.as_ref().expect("an agreement");
    let mut families = FAMILIES.to_vec();
    families.sort_unstable();
    assert_eq!((agreed.asn, &agreed.families), (64512, &families));
    assert!(agreed.four_octet_as && !agreed.graceful_restart);

    drop(speaker);
    daemon
        .until("bgp/peers/127.0.0.1/rtc/active", |active| active == false)
        .await;
    let session = client.sessions().await.unwrap().remove(0);
    assert_eq!((session.flaps, session.agreed), (1, None));
}

#[tokio::test]
async fn a_lost_session_takes_its_routes_along() {
    let (listener, port) = listener().await;
    let daemon = Daemon::start(&config(port, ""));
    let mut speaker = Speaker::accept(&listener, &FAMILIES).await;
    speaker.send_update(WANT_ALL).await;
    daemon
        .until("bgp/routes", |page| {
            page["ipv4/rtc,*"][0]["rtc wildcard"].is_object()
        })
        .await;
    drop(speaker);
    daemon
        .until("bgp/routes", |page| page["ipv4/rtc,*"] == json!([]))
        .await;
    let peer = daemon
        .until("bgp/peers/127.0.0.1", |page| page.is_object())
        .await;
    assert_eq!(peer["rtc"]["active"], false);
}

#[tokio::test]
async fn issue_18_a_refresh_brings_everything_again() {
    let (listener, port) = listener().await;
    let daemon = Daemon::start(&config(port, ""));
    let mut speaker = Speaker::accept(&listener, &FAMILIES).await;
    speaker.send_update(WANT_ALL).await;
    let mut client = daemon.client().await;
    client.attach(&attach_body()).await.unwrap();
    for _ in 0..3 {
        speaker.update().await;
    }
    speaker
        .send(&RawMessage::new(kind::ROUTE_REFRESH, unhex("0019 00 46")))
        .await;
    assert_eq!(speaker.decoded().await.reach[0].2[0].bytes[0], 3);
    assert_eq!(speaker.decoded().await.reach[0].2[0].bytes[0], 2);
}

#[tokio::test]
async fn issue_15_the_end_is_said_to_peers() {
    let (listener, port) = listener().await;
    let mut daemon = Daemon::start(&config(port, ""));
    let mut speaker = Speaker::accept(&listener, &FAMILIES).await;
    daemon
        .until("summary/BGP_established_peers", |page| page == 1)
        .await;
    daemon.signal("TERM");
    let cease = loop {
        let message = speaker.next_or_end().await.expect("a Cease before the end");
        if message.kind == kind::NOTIFICATION {
            break message;
        }
    };
    assert_eq!(cease.body[..2], [6, 2], "administrative shutdown");
    assert_eq!(daemon.wait().code(), Some(0));
}

#[tokio::test]
async fn a_restart_is_announced_and_keeps_the_connection_from_ending_in_words() {
    let (listener, port) = common::listener().await;
    for (signal, last) in [("USR1", None), ("TERM", Some((6, 9)))] {
        let mut daemon = Daemon::start(&common::config(port, "[BGP]\ngraceful_restart_time=77\n"));
        let keeps = Capability::GracefulRestart {
            restarting: false,
            notification: true,
            time: 0,
            families: Vec::new(),
        };
        let mut speaker = Speaker::accept_with(&listener, &[Family::EVPN], vec![keeps]).await;
        let mut framer = bgp_wire::raw::Framer::new();
        framer.push(&speaker.open);
        let open = framer.next().unwrap().unwrap();
        let Ok(Message::Open(open)) = Message::decode(&open, &DecodeContext::default()) else {
            panic!("no OPEN: {open:?}");
        };
        let announced = open
            .capabilities
            .iter()
            .find_map(|capability| match capability {
                Capability::GracefulRestart {
                    restarting,
                    time,
                    families,
                    ..
                } => Some((
                    *restarting,
                    *time,
                    families.contains(&(Family::EVPN, false)),
                )),
                _ => None,
            });
        assert_eq!(
            announced,
            Some((false, 77, true)),
            "a first start: nothing was kept"
        );
        daemon
            .until("bgp/peers", |page| page[0]["state"] == "Established")
            .await;
        daemon.signal(signal);
        assert!(daemon.wait().success());
        let mut words = None;
        while let Some(message) = speaker.next_or_end().await {
            if message.kind == kind::NOTIFICATION {
                words = Some((message.body[0], message.body[1]));
            }
        }
        assert_eq!(words, last, "{signal}");
    }
}
