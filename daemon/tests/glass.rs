//! The looking glass: lists of routes however long, what can be asked of them, and its pages for browsers.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "tests fail by panicking"
)]

mod common;

use bagpipe_api::{AttachBody, Client, ClientError, VpnType};
use bgp_wire::Family;
use common::{Daemon, Speaker, config, listener, raw_http};
use serde_json::{Value, json};

const FAMILIES: [Family; 3] = [Family::VPNV4, Family::EVPN, Family::RTC];

/// "I want everything": the RTC default route.
const WANT_ALL: &str = "0000001b 40010100 400200 40050400000064 800e0a 0001 84 04 7f000009 00 00";

/// A daemon without any peer.
fn daemon() -> Daemon {
    Daemon::start(&config(9, "[BGP]\npeers=\n"))
}

fn evpn() -> AttachBody {
    AttachBody::evpn("e1", "tap1", "02:00:00:00:00:01")
        .ip("10.0.0.1")
        .rt("64512:1")
        .vni(77)
}

fn ipvpn(number: u32) -> AttachBody {
    let [.., a, b] = number.to_be_bytes();
    let mut body = AttachBody::evpn("v1", "tap1", format!("02:00:00:01:{a:02x}:{b:02x}"))
        .ip(format!("10.1.{a}.{b}"))
        .rt("64512:2");
    body.vpn_type = VpnType::Ipvpn;
    body.gateway_ip = Some("10.1.255.254".into());
    body
}

async fn page(client: &mut Client, path: &str) -> Value {
    client.looking_glass(path).await.unwrap()
}

/// The texts of the routes of a list, or of all lists of an object.
fn texts(value: &Value) -> Vec<String> {
    let lists: Vec<&Value> = match value {
        Value::Object(lists) => lists.values().collect(),
        list => vec![list],
    };
    let routes = lists.into_iter().flat_map(|list| list.as_array().unwrap());
    routes
        .map(|route| route.as_object().unwrap().keys().next().unwrap().clone())
        .collect()
}

async fn html(daemon: &Daemon, path: &str) -> String {
    let accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: h\r\naccept: {accept}\r\nconnection: close\r\n\r\n");
    raw_http(daemon.api, &request).await
}

#[tokio::test]
async fn routes_can_be_asked_for_by_what_they_are() {
    let daemon = daemon();
    let mut client = daemon.client().await;
    client.attach(&evpn()).await.unwrap();
    let bodies: Vec<AttachBody> = (1..=3).map(ipvpn).collect();
    client.attach_all(&bodies).await.unwrap();
    let table = page(&mut client, "bgp/routes").await;
    let all = texts(&table);
    for (query, count) in [
        ("", all.len()),
        ("family=ipv4%2Fmpls-vpn", 3),
        ("family=l2vpn/evpn", 2),
        ("rt=64512:2", 3),
        ("rt=64512:99", 0),
        ("prefix=10.1.0.2", 1),
        ("prefix=10.1.0.0/24", 3),
        ("prefix=10.0.0.0/8", 4),
        ("prefix=10.0.0.1&family=l2vpn/evpn", 1),
        ("mac=02-00-00-00-00-01", 1),
        ("source=VRF-2", 3),
        ("source=BGPManager", all.len() - 5),
        ("limit=2", 2),
        ("limit=2&offset=2&source=VRF-2", 1),
        ("offset=1000", 0),
        ("limit=0", 0),
        ("family=&rt=&prefix=&mac=&source=", all.len()),
    ] {
        let shown = page(&mut client, &format!("bgp/routes?{query}")).await;
        assert_eq!(texts(&shown).len(), count, "{query}: {shown}");
        // The families that the daemon offers are always there.
        assert_eq!(shown.as_object().unwrap().len(), 6, "{query}");
    }
    // One after the other, pages are the whole.
    let mut pages = Vec::new();
    for offset in 0..all.len() {
        let one = page(&mut client, &format!("bgp/routes?limit=1&offset={offset}")).await;
        pages.extend(texts(&one));
    }
    assert_eq!(pages, all);
    for query in [
        "family=none",
        "rt=x",
        "prefix=10",
        "mac=zz",
        "source=me",
        "limit=-1",
        "offset=x",
        "limit=1&limit=2",
    ] {
        let error = client.looking_glass(&format!("bgp/routes?{query}")).await;
        let Err(ClientError::Refused(refusal)) = error else {
            panic!("{query}: {error:?}")
        };
        assert_eq!(refusal.status, 400, "{query}");
        let field = query.split('=').next();
        assert_eq!(refusal.field.as_deref(), field, "{query}");
    }
}

#[tokio::test]
async fn a_family_of_the_table_is_a_path_of_its_own() {
    let daemon = daemon();
    let mut client = daemon.client().await;
    client.attach(&evpn()).await.unwrap();
    let table = page(&mut client, "bgp/routes").await;
    let family = page(&mut client, "bgp/routes/l2vpn%2Fevpn%2C%2A").await;
    assert_eq!(family, table["l2vpn/evpn,*"]);
    assert_eq!(texts(&family).len(), 2);
    let missing = client.looking_glass("bgp/routes/nope").await.unwrap_err();
    let text = missing.to_string();
    assert!(
        text.contains("No such looking glass object: 'nope' at"),
        "{text}"
    );
}

#[tokio::test]
async fn long_lists_come_in_pieces_and_are_whole() {
    let daemon = daemon();
    let mut client = daemon.client().await;
    let bodies: Vec<AttachBody> = (1..=1500).map(ipvpn).collect();
    let outcomes = client.attach_all(&bodies).await.unwrap();
    assert!(outcomes.iter().all(Result::is_ok));
    let answer = raw_http(
        daemon.api,
        "GET /looking-glass/bgp/routes HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n",
    )
    .await;
    assert!(
        answer.contains("transfer-encoding: chunked"),
        "{}",
        &answer[..300]
    );
    // HTTP/1.0 has no such thing: the end of the connection is the end of the answer.
    let old = raw_http(
        daemon.api,
        "GET /looking-glass/vpns/instances/v1/adv_routes HTTP/1.0\r\n\r\n",
    )
    .await;
    let (_, body) = old.split_once("\r\n\r\n").unwrap();
    assert_eq!(texts(&serde_json::from_str(body).unwrap()).len(), 1500);
    let shown = page(&mut client, "bgp/routes").await;
    assert_eq!(shown["ipv4/mpls-vpn,*"].as_array().unwrap().len(), 1500);
    let page = html(&daemon, "/looking-glass/bgp/routes").await;
    // A browser gets as many as people read at once, and the way to the next ones.
    assert!(page.contains("routes 1 to 500"));
    assert!(page.contains("?limit=500&amp;offset=500"));
    // However many it asks for.
    let all = "/looking-glass/bgp/routes?offset=1&limit=4294967295";
    let page = html(&daemon, all).await;
    assert!(page.contains("?limit=5000&amp;offset=0"));
}

#[tokio::test]
async fn issue_61_workers_are_those_that_there_are() {
    let daemon = daemon();
    let mut client = daemon.client().await;
    client.attach(&evpn()).await.unwrap();
    let workers = page(&mut client, "bgp/workers").await;
    let ids: Vec<&Value> = workers
        .as_array()
        .unwrap()
        .iter()
        .map(|w| &w["id"])
        .collect();
    assert_eq!(ids, ["EVI-1", "BGPManager"]);
    let manager = page(&mut client, "bgp/workers/BGPManager").await;
    assert_eq!(manager["name"], "BGPManager");
    client
        .detach(&bagpipe_api::DetachBody::from(&evpn()))
        .await
        .unwrap();
    let workers = page(&mut client, "bgp/workers").await;
    assert_eq!(workers.as_array().unwrap().len(), 1, "{workers}");
}

#[tokio::test]
async fn issue_62_every_name_can_be_reached() {
    let daemon = daemon();
    let mut client = daemon.client().await;
    for name in ["a/b", "x.json", "ü %2F", "..", "?a=b#c"] {
        let mut body = evpn().vni(0);
        body.vpn_instance_id = name.into();
        client.attach(&body).await.unwrap();
        let instances = page(&mut client, "vpns/instances").await;
        let listed = instances.as_array().unwrap().iter();
        let mut entry = listed.filter(|entry| entry["id"] == name);
        let href = entry.next().unwrap()["href"].as_str().unwrap();
        let (_, path) = href.split_once("/looking-glass/").unwrap();
        let instance = page(&mut client, path).await;
        assert_eq!(instance["external_instance_id"], name);
        client
            .detach(&bagpipe_api::DetachBody::from(&body))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn issue_63_null_is_an_answer() {
    let daemon = daemon();
    let mut client = daemon.client().await;
    client.attach(&evpn()).await.unwrap();
    for path in ["gateway_ip", "gateway_port", "description", "fallback"] {
        let value = page(&mut client, &format!("vpns/instances/e1/{path}")).await;
        assert_eq!(value, Value::Null, "{path}");
    }
}

#[tokio::test]
async fn issues_64_and_65_what_a_peer_sends_and_is_sent() {
    let (listener, port) = listener().await;
    let daemon = Daemon::start(&config(port, ""));
    let mut speaker = Speaker::accept(&listener, &FAMILIES).await;
    speaker.send_update(WANT_ALL).await;
    let mut client = daemon.client().await;
    client.attach(&evpn()).await.unwrap();
    // A VPNv4 route with a route target and an RT record.
    speaker
        .send_update(
            "00000044 40010100 400200 40050400000064 c01010 0002fc0000000002 0013fc0000000063
             800e20 0001 80 0c 0000000000000000 02020202 00 70 0001f1 0001020202020002 0a0105",
        )
        .await;
    let received = daemon
        .until(
            "bgp/peers/127.0.0.1/adv_routes?family=ipv4/mpls-vpn",
            |page| page.as_array().is_some_and(|routes| !routes.is_empty()),
        )
        .await;
    let route = received[0].as_object().unwrap().values().next().unwrap();
    assert_eq!(route["route_targets"], json!(["target:64512:2"]));
    let communities = route["attributes"]["extended-community"].as_str().unwrap();
    assert!(communities.contains("rtrecord:64512:99"), "{communities}");

    let sent = page(&mut client, "bgp/peers/127.0.0.1/sent_routes").await;
    let sent_texts = texts(&sent);
    assert!(
        sent_texts
            .iter()
            .any(|text| text.starts_with("evpn:macadv::127.0.0.1")),
        "{sent_texts:?}"
    );
    assert!(
        sent_texts.iter().any(|text| text.starts_with("rtc 64512:")),
        "{sent_texts:?}"
    );
    let every = sent.as_array().unwrap().iter();
    for route in every.flat_map(|route| route.as_object().unwrap().values()) {
        // As on the wire, where it is always there.
        assert_eq!(route["attributes"]["local-preference"], "100", "{route}");
    }

    let mut statistics = page(&mut client, "bgp/peers/127.0.0.1/statistics").await;
    assert!(statistics["uptime"].is_u64(), "{statistics}");
    let messages = statistics["messages"].take();
    assert_eq!(messages["received"]["OPEN"], 1, "{messages}");
    assert_eq!(messages["received"]["UPDATE"], 2, "{messages}");
    assert_eq!(messages["sent"]["OPEN"], 1, "{messages}");
    assert!(
        messages["sent"]["UPDATE"].as_u64().unwrap() >= 2,
        "{messages}"
    );
    assert_eq!(statistics["announced"], 2);
    assert_eq!(statistics["withdrawn"], 0);
    assert_eq!(statistics["flaps"], 0);
    assert_eq!(
        statistics["prefixes"],
        json!({"received": {"ipv4/mpls-vpn": 1, "ipv4/rtc": 1}, "sent": {"ipv4/rtc": 1, "l2vpn/evpn": 2}})
    );
    drop(speaker);
    let statistics = daemon
        .until("bgp/peers/127.0.0.1/statistics", |page| page["flaps"] == 1)
        .await;
    assert!(
        statistics["last_error"]["message"].is_string(),
        "{statistics}"
    );
    assert_eq!(statistics["uptime"], Value::Null);
}

#[tokio::test]
async fn browsers_get_pages_that_only_show_what_came_in() {
    let daemon = daemon();
    let mut client = daemon.client().await;
    let hostile = "</main><script>alert(1)</script><img src=x onerror=alert(2)>\"'";
    let mut body = evpn();
    body.vpn_instance_id = hostile.into();
    body.local_port = bagpipe_api::LocalPortBody::interface(hostile);
    body.description = Some(json!({hostile: [hostile, {"href": "javascript:alert(3)"}]}));
    body.instance_description = Some(hostile.into());
    client.attach(&body).await.unwrap();
    let instances = page(&mut client, "vpns/instances").await;
    let href = instances[0]["href"].as_str().unwrap();
    let (_, own) = href.split_once("/looking-glass").unwrap();
    for path in [
        "",
        "/config",
        "/logs",
        "/vpns/instances",
        own,
        &format!("{own}/ports"),
        &format!("{own}/description"),
        &format!("{own}/adv_routes?mac=&source=%22%3E%3Cscript%3E&limit=3"),
        "/bgp/routes",
        "/vpns/dataplane/ids",
        "/%3Cscript%3Ealert(4)%3C/script%3E",
        "/bgp/routes?%22%3E%3Cscript%3Ealert(5)=",
    ] {
        let answer = html(&daemon, &format!("/looking-glass{path}")).await;
        let (head, text) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("content-type: text/html"), "{path}: {head}");
        let markup = text.to_lowercase();
        // The one script is the page's own, and carries the word of its policy; errors have none.
        let is_page = head.starts_with("HTTP/1.1 200");
        assert_eq!(
            markup.matches("<script").count(),
            usize::from(is_page),
            "{path}: {text}"
        );
        for forbidden in [
            "<img",
            "href=\"javascript",
            "</main><s",
            " onerror=alert(2)>",
        ] {
            assert!(!markup.contains(forbidden), "{path}: {forbidden}: {text}");
        }
        if is_page {
            assert!(
                head.contains("content-security-policy: default-src 'none'"),
                "{head}"
            );
            assert!(head.contains("x-content-type-options: nosniff"), "{head}");
            let (_, nonce) = head.split_once("script-src 'nonce-").unwrap();
            let nonce = nonce.split('\'').next().unwrap();
            assert!(
                text.contains(&format!("<script nonce=\"{nonce}\">")),
                "{path}"
            );
        }
    }
    // What takes anything, as curl does, still gets JSON.
    let request =
        "GET /looking-glass HTTP/1.1\r\nhost: h\r\naccept: */*\r\nconnection: close\r\n\r\n";
    let json = raw_http(daemon.api, request).await;
    assert!(json.contains("content-type: application/json"), "{json}");
}
