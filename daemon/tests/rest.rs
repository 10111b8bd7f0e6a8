//! The REST API: what is refused and how, in which form, and what stays as it was.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "tests fail by panicking"
)]

mod common;

use std::{fmt::Write as _, time::Duration};

use bagpipe_api::{AttachBody, ClientError, DetachBody, Refusal};
use common::{Daemon, config, raw_http};
use serde_json::{Value, json};

/// A daemon without any peer.
fn daemon() -> Daemon {
    Daemon::start(&config(9, "[BGP]\npeers=\n"))
}

fn body() -> AttachBody {
    AttachBody::evpn("e1", "tap1", "02:00:00:00:00:01")
        .ip("10.0.0.1/24")
        .rt("64512:1")
}

fn refusal(result: Result<(), ClientError>) -> Refusal {
    match result {
        Err(ClientError::Refused(refusal)) => refusal,
        other => panic!("{other:?} instead of a refusal"),
    }
}

#[tokio::test]
async fn what_the_instances_refuse() {
    let daemon = daemon();
    let mut client = daemon.client().await;
    client.attach(&body().vni(77)).await.unwrap();
    let before = client.looking_glass("vpns/instances/e1").await.unwrap();
    let mut other_port = body();
    other_port.local_port.linuxif = Some("tap2".into());
    let mut direction = body();
    direction.direction = bagpipe_api::Direction::ToPort;
    direction.mac_address = "02:00:00:00:00:09".into();
    direction.ip_address = None;
    let mut other_mac = body();
    other_mac.mac_address = "02:00:00:00:00:02".into();
    let mut ipvpn = body();
    ipvpn.vpn_type = bagpipe_api::VpnType::Ipvpn;
    let mut multicast = body();
    multicast.mac_address = "01:00:5e:00:00:01".into();
    let mut taken = body().vni(77);
    taken.vpn_instance_id = "e2".into();
    let mut table = String::new();
    for body in [other_port, direction, other_mac, ipvpn, multicast, taken] {
        let Refusal {
            status,
            description,
            field,
            rule,
        } = refusal(client.attach(&body).await);
        writeln!(
            table,
            "{status} {} | {}\n    {description}",
            field.unwrap(),
            rule.unwrap()
        )
        .unwrap();
    }
    let mut unknown = DetachBody::from(&body());
    unknown.vpn_instance_id = "nope".into();
    let mut unplugged = DetachBody::from(&body());
    unplugged.mac_address = "02:00:00:00:00:07".into();
    for body in [unknown, unplugged] {
        let Refusal {
            status,
            description,
            field,
            rule,
        } = refusal(client.detach(&body).await);
        writeln!(
            table,
            "{status} {} | {}\n    {description}",
            field.unwrap(),
            rule.unwrap()
        )
        .unwrap();
    }
    insta::assert_snapshot!(table);
    assert_eq!(
        client.looking_glass("vpns/instances/e1").await.unwrap(),
        before
    );
    let instances = client.looking_glass("vpns/instances").await.unwrap();
    assert_eq!(instances.as_array().unwrap().len(), 1, "{instances}");
}

#[tokio::test]
async fn bad_bodies_are_answered_and_nothing_comes_of_them() {
    let daemon = daemon();
    let mut client = daemon.client().await;
    let good = serde_json::to_value(body()).unwrap();
    for (key, value, field) in [
        ("vpn_type", json!("foo"), "vpn_type"),
        ("vpn_instance_id", json!(null), "vpn_instance_id"),
        ("mac_address", json!("zz"), "mac_address"),
        ("mac_address", json!(null), "mac_address"),
        ("local_port", json!(17), "local_port"),
        ("local_port", json!({}), "local_port"),
        ("ip_address", json!("10.1.1.2/33"), "ip_address"),
        ("import_rt", json!(["a:b"]), "import_rt"),
        ("export_rt", json!(null), "export_rt"),
        ("advertise_subnet", json!("yes"), "advertise_subnet"),
        ("advertise_subnet", json!(true), "ip_address"),
        (
            "lb_consistent_hash_order",
            json!([]),
            "lb_consistent_hash_order",
        ),
        ("local_pref", json!("high"), "local_pref"),
        ("vni", json!(1 << 24), "vni"),
        ("vni", json!(-1), "vni"),
        ("direction", json!("up"), "direction"),
        ("readvertise", json!({"from_rt": 1}), "readvertise.from_rt"),
        (
            "attract_traffic",
            json!({"classifier": {}}),
            "attract_traffic.redirect_rts",
        ),
        ("fallback", json!("x"), "fallback"),
    ] {
        let mut body = good.clone();
        body[key] = value.clone();
        let error = client.post("/attach_localport", &body).await.unwrap_err();
        let ClientError::Refused(refusal) = error else {
            panic!("{key} = {value}: {error}")
        };
        assert_eq!(refusal.status, 400, "{key} = {value}");
        assert_eq!(refusal.field.as_deref(), Some(field), "{key} = {value}");
        assert!(refusal.rule.is_some(), "{key} = {value}");
    }
    assert_eq!(
        client.looking_glass("vpns/instances").await.unwrap(),
        json!([])
    );
    client.attach(&body()).await.unwrap();
}

#[tokio::test]
async fn errors_take_the_form_the_client_accepts() {
    let daemon = daemon();
    let post = |accept: &str| {
        format!(
            "POST /attach_localport HTTP/1.1\r\nhost: x\r\n{accept}content-length: 21\r\n\
             connection: close\r\n\r\n{{\"vpn_type\": \"<foo>\"}}"
        )
    };
    let mut all = String::new();
    for accept in [
        "",
        "accept: application/json\r\n",
        "accept: */*\r\n",
        "accept: text/html\r\n",
    ] {
        let answer = raw_http(daemon.api, &post(accept)).await;
        let answer: String = answer
            .lines()
            .filter(|line| !line.starts_with("date:"))
            .map(|line| format!("{line}\n"))
            .collect();
        writeln!(all, "=== {}\n{answer}", accept.trim()).unwrap();
    }
    insta::assert_snapshot!(all);
}

#[tokio::test]
async fn paths_and_methods() {
    let daemon = daemon();
    let mut table = String::new();
    for request in [
        "GET /",
        "POST /",
        "GET /ping/",
        "GET /ping.json",
        "OPTIONS /ping",
        "GET /attach_localport",
        "PUT /attach_localport",
        "DELETE /detach_localport",
        "POST /attach_localport.json",
        "POST /looking-glass",
        "POST /looking-glass/bgp",
        "GET /looking-glass/bgp/route_counts/",
        "GET /looking-glass/nope",
        "HEAD /looking-glass/bgp/route_counts",
        "GET /nope",
        "GET /ping/nope",
        "GET /changes?after=0",
        "GET /changes?after=x",
    ] {
        let answer = raw_http(
            daemon.api,
            &format!("{request} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n"),
        )
        .await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.lines().next().unwrap().trim_start_matches("HTTP/1.1 ");
        let line = body.trim().lines().last().unwrap_or("");
        let line = if line.len() == 39 {
            "<39 digits>"
        } else {
            line
        };
        writeln!(table, "{request} -> {status} | {line}").unwrap();
    }
    insta::assert_snapshot!(table);
}

#[tokio::test]
async fn bodies_have_a_limit() {
    let daemon = daemon();
    let mut client = daemon.client().await;
    let large = Value::from("x".repeat(2 << 20));
    // The daemon may answer before it has read everything, and then the connection breaks.
    match client.post("/attach_localport", &large).await {
        Err(ClientError::Refused(refusal)) => assert_eq!(refusal.status, 413),
        Err(ClientError::Http(_)) => {}
        other => panic!("{other:?}"),
    }
    let mut client = daemon.client().await;
    let many = vec![0; 10_001];
    match client.post("/attach_localport", &many).await {
        Err(ClientError::Refused(refusal)) => assert_eq!(refusal.status, 400),
        other => panic!("{other:?}"),
    }
    // Each is refused by itself.
    client.post("/attach_localport", &&many[1..]).await.unwrap();
    client.ping().await.unwrap();
}

#[tokio::test]
async fn keys_that_mean_nothing_are_taken_and_told() {
    let daemon = daemon();
    let mut one = serde_json::to_value(body()).unwrap();
    one["local_prefs"] = 7.into();
    one["local_port"]["naïve\n"] = true.into();
    let plain = serde_json::to_value(body()).unwrap();
    for (body, told) in [
        (one.clone(), "local_port.na\\u{ef}ve\\n, local_prefs"),
        (
            serde_json::json!([plain, one]),
            "local_port.na\\u{ef}ve\\n, local_prefs",
        ),
        (plain.clone(), ""),
    ] {
        let body = body.to_string();
        let request = format!(
            "POST /attach_localport HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = raw_http(daemon.api, &request).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        let mut lines = answer.lines();
        let header = lines.find_map(|line| line.strip_prefix("bagpipe-ignored-keys: "));
        assert_eq!(header.unwrap_or_default(), told);
    }
    let logs = daemon.client().await.looking_glass("logs").await.unwrap();
    let said = logs.to_string().matches("which means nothing here").count();
    assert_eq!(said, 2, "{logs}");
}

#[tokio::test]
async fn the_same_number_until_the_end() {
    let daemon = daemon();
    let mut client = daemon.client().await;
    let ping = client.ping().await.unwrap();
    assert!(ping > u128::from(u64::MAX));
    assert_eq!(client.ping().await.unwrap(), ping);
    let other = self::daemon();
    assert_ne!(other.client().await.ping().await.unwrap(), ping);
}

#[tokio::test]
async fn changes_wake_who_waits() {
    let daemon = daemon();
    let mut client = daemon.client().await;
    let version = client.changes(0, Duration::ZERO).await.unwrap();
    let mut waiting = daemon.client().await;
    let wait = async { waiting.changes(version, common::DEADLINE).await.unwrap() };
    let attach = async { client.attach(&body()).await.unwrap() };
    let (seen, ()) = tokio::join!(wait, attach);
    assert!(seen > version);
    // Time up without any change is an answer too.
    let seen = client
        .changes(u64::MAX, Duration::from_millis(1))
        .await
        .unwrap();
    assert!(seen > version);
}

#[tokio::test]
async fn many_attaches_to_one_instance_at_once() {
    let daemon = daemon();
    let attaches = (1..=20_u8).map(|number| {
        let daemon = &daemon;
        async move {
            let mac = format!("02:00:00:00:00:{number:02x}");
            let body = AttachBody::evpn("e1", format!("tap{number}"), mac)
                .ip(format!("10.0.0.{number}"))
                .rt("64512:1");
            daemon.client().await.attach(&body).await.unwrap();
            daemon
                .client()
                .await
                .detach(&DetachBody::from(&body))
                .await
                .unwrap();
        }
    });
    futures_util::future::join_all(attaches).await;
    let mut client = daemon.client().await;
    assert_eq!(
        client.looking_glass("vpns/instances").await.unwrap(),
        json!([])
    );
    assert_eq!(
        client.looking_glass("vpns/dataplane/ids").await.unwrap(),
        json!({})
    );
}

#[tokio::test]
async fn an_instance_in_full() {
    let daemon = daemon();
    let mut client = daemon.client().await;
    let mut body = body().vni(77);
    body.vpn_instance_id = "net a/b.json".into();
    body.mac_address = "0200.0000.0001".into();
    body.gateway_ip = Some("10.0.0.254".into());
    body.description = Some(json!({"port": "p1"}));
    body.instance_description = Some("net A".into());
    client.attach(&body).await.unwrap();
    let host = daemon.api.to_string();
    let mut all = String::new();
    for path in [
        "",
        "config",
        "bgp",
        "bgp/workers",
        "vpns",
        "vpns/instances",
        "vpns/instances/net%20a%2Fb.json",
        "vpns/instances/net%20a%2Fb.json/ports",
        "vpns/instances/net%20a%2Fb.json/dataplane",
        "vpns/dataplane/ids",
        "vpns/dataplane/drivers",
        "bgp/routes",
    ] {
        let mut page = client.looking_glass(path).await.unwrap();
        if path.is_empty() {
            page["summary"]["start_time"] = json!("TIME");
        }
        let text = serde_json::to_string_pretty(&page)
            .unwrap()
            .replace(&host, "API");
        writeln!(all, "=== {path}\n{text}\n").unwrap();
    }
    insta::assert_snapshot!(all);
    // Attached again without them, descriptions stay.
    body.description = None;
    body.instance_description = None;
    client.attach(&body).await.unwrap();
    let path = "vpns/instances/net%20a%2Fb.json/description";
    assert_eq!(client.looking_glass(path).await.unwrap(), "net A");
}
