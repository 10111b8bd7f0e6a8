//! What the reference is known to do wrong in its REST API and its looking glass, done right: a test each, by the number it has
//! in the list of known issues. 42 and 43 need a dataplane that refuses: `linux.rs`.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "tests fail by panicking"
)]

mod common;

use bagpipe_api::{AttachBody, Client, ClientError, DetachBody, Refusal, VpnType};
use common::{Daemon, config, raw_http};
use serde_json::{Value, json};

/// A daemon without any peer.
fn daemon() -> Daemon {
    Daemon::start(&config(9, "[BGP]\npeers=\n"))
}

fn evpn() -> AttachBody {
    AttachBody::evpn("e1", "tap1", "02:00:00:00:00:01")
        .ip("10.0.0.1")
        .rt("64512:1")
}

fn ipvpn() -> AttachBody {
    AttachBody {
        vpn_type: VpnType::Ipvpn,
        vpn_instance_id: "v1".into(),
        gateway_ip: Some("10.0.0.254".into()),
        ..evpn()
    }
}

async fn page(client: &mut Client, path: &str) -> Value {
    client.looking_glass(path).await.unwrap()
}

async fn refused(client: &mut Client, path: &str, body: &Value) -> Refusal {
    match client.post(path, body).await {
        Err(ClientError::Refused(refusal)) => refusal,
        other => panic!("{other:?} instead of a refusal of {body}"),
    }
}

/// The texts of the routes an instance advertises.
async fn advertised(client: &mut Client, instance: &str) -> Vec<String> {
    let routes = page(client, &format!("vpns/instances/{instance}/adv_routes")).await;
    let routes = routes.as_array().unwrap().iter();
    routes
        .map(|route| route.as_object().unwrap().keys().next().unwrap().clone())
        .collect()
}

#[tokio::test]
async fn issue_44_endpoints_from_the_port_only_can_be_seen_and_detached() {
    let daemon = daemon();
    let mut client = daemon.client().await;
    let body = AttachBody {
        direction: bagpipe_api::Direction::FromPort,
        ..ipvpn()
    };
    client.attach(&body).await.unwrap();
    let ports = page(&mut client, "vpns/instances/v1/ports").await;
    let endpoint = &ports["tap1"]["endpoints"][0];
    assert_eq!(endpoint["direction"], "from-port");
    assert_eq!(endpoint["rd"], Value::Null);
    assert_eq!(advertised(&mut client, "v1").await, [""; 0]);
    client.detach(&DetachBody::from(&body)).await.unwrap();
    assert_eq!(page(&mut client, "vpns/instances").await, json!([]));
}

#[tokio::test]
async fn issue_45_what_the_caller_did_wrong_is_400() {
    let daemon = daemon();
    let mut client = daemon.client().await;
    client.attach(&ipvpn()).await.unwrap();
    let detach = serde_json::to_value(DetachBody::from(&ipvpn())).unwrap();
    for (key, value) in [
        ("mac_address", json!("02:00:00:00:00:09")),
        ("ip_address", json!("10.0.0.9")),
        ("ip_address", Value::Null),
        ("mac_address", Value::Null),
        ("local_port", json!(7)),
        ("vpn_instance_id", json!("nope")),
    ] {
        let mut body = detach.clone();
        body[key] = value;
        let refusal = refused(&mut client, "/detach_localport", &body).await;
        assert_eq!(refusal.status, 400, "{body}: {refusal}");
        assert!(refusal.description.starts_with("API error: "), "{refusal}");
    }
    let attach = serde_json::to_value(ipvpn()).unwrap();
    for (key, value) in [
        ("ip_address", Value::Null),
        ("import_rt", Value::Null),
        ("import_rt", json!(["1:2:3"])),
        ("local_pref", json!("high")),
        ("readvertise", json!({"from_rt": ["64512:1"]})),
        ("attract_traffic", json!({"classifier": {}})),
        ("local_port", json!({"evpn": {}})),
        (
            "local_port",
            json!({"linuxif": "tap1", "evpn": {"id": "e1"}}),
        ),
        ("local_port", json!({"evpn": {"id": "nope"}})),
    ] {
        let mut body = attach.clone();
        body[key] = value;
        let refusal = refused(&mut client, "/attach_localport", &body).await;
        assert_eq!(refusal.status, 400, "{body}: {refusal}");
        assert!(refusal.field.is_some(), "{body}: {refusal}");
    }
    let ports = page(&mut client, "vpns/instances/v1/ports").await;
    assert_eq!(ports["tap1"]["endpoints"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn issue_46_one_endpoint_however_its_addresses_are_written() {
    let daemon = daemon();
    let mut client = daemon.client().await;
    for (mac, ip) in [
        ("02:00:00:00:00:0a", "10.0.0.1"),
        ("02-00-00-00-00-0A", "10.0.0.1/24"),
        ("0200.0000.000a", "10.0.0.1/255.255.255.0"),
        ("02000000000a", "10.0.0.1/32"),
    ] {
        let body = AttachBody {
            mac_address: mac.into(),
            ip_address: Some(ip.into()),
            ..ipvpn()
        };
        client.attach(&body).await.unwrap();
        let ports = page(&mut client, "vpns/instances/v1/ports").await;
        let endpoints = ports["tap1"]["endpoints"].as_array().unwrap();
        assert_eq!(endpoints.len(), 1, "{ports}");
        // As it was written last.
        assert_eq!(endpoints[0]["mac_address"], mac);
        assert_eq!(endpoints[0]["ip_address"], ip);
    }
    let mut body = DetachBody::from(&ipvpn());
    body.mac_address = "2:0:0:0:0:a".into();
    client.detach(&body).await.unwrap();
    assert_eq!(page(&mut client, "vpns/instances").await, json!([]));
}

#[tokio::test]
async fn issue_47_e_vpn_takes_every_notation_of_a_mac_address() {
    let daemon = daemon();
    let mut client = daemon.client().await;
    for mac in ["02-00-00-00-00-01", "0200.0000.0001", "020000000001"] {
        let body = AttachBody {
            mac_address: mac.into(),
            ..evpn()
        };
        client.attach(&body).await.unwrap();
    }
    let routes = advertised(&mut client, "e1").await;
    assert!(
        routes
            .iter()
            .any(|route| route.contains("02:00:00:00:00:01/48:10.0.0.1")),
        "{routes:?}"
    );
}

#[tokio::test]
async fn issue_48_ipv6_in_an_ip_vpn_is_a_vpnv6_route() {
    let daemon = daemon();
    let mut client = daemon.client().await;
    let body = AttachBody {
        ip_address: Some("2001:db8::1/64".into()),
        gateway_ip: Some("2001:db8::ff".into()),
        ..ipvpn()
    };
    client.attach(&body).await.unwrap();
    let table = page(&mut client, "bgp/routes").await;
    let text = table["ipv6/mpls-vpn,*"][0].to_string();
    assert!(text.contains("2001:db8::1/128 label"), "{table:#}");
    assert_eq!(table["ipv4/mpls-vpn,*"], json!([]));
}

#[tokio::test]
async fn issue_49_a_vni_has_24_bits() {
    let daemon = daemon();
    let mut client = daemon.client().await;
    for vni in [
        json!(1 << 24),
        json!(-1),
        json!("x"),
        json!(1.5),
        json!(1e30),
    ] {
        let mut body = serde_json::to_value(evpn()).unwrap();
        body["vni"] = vni;
        let refusal = refused(&mut client, "/attach_localport", &body).await;
        assert_eq!(
            (refusal.status, refusal.field.as_deref()),
            (400, Some("vni"))
        );
    }
    client.attach(&evpn().vni((1 << 24) - 1)).await.unwrap();
    let per_vni = page(&mut client, "vpns/instances_per_vni").await;
    assert_eq!(per_vni["16777215"]["external_instance_id"], "e1");
}

#[tokio::test]
async fn issue_50_local_preference_0_is_0() {
    let daemon = daemon();
    let mut client = daemon.client().await;
    let body = AttachBody {
        local_pref: Some(0),
        ..ipvpn()
    };
    client.attach(&body).await.unwrap();
    let routes = page(&mut client, "vpns/instances/v1/adv_routes").await;
    let route = routes[0].as_object().unwrap().values().next().unwrap();
    assert_eq!(route["attributes"]["local-preference"], "0");
}

#[tokio::test]
async fn issue_51_what_an_attach_again_changes_is_done_or_said() {
    let daemon = daemon();
    let mut client = daemon.client().await;
    client.attach(&evpn().vni(77)).await.unwrap();
    let body = AttachBody {
        gateway_ip: Some("10.0.0.253".into()),
        ..evpn().vni(78)
    };
    client.attach(&body).await.unwrap();
    let instance = page(&mut client, "vpns/instances/e1").await;
    assert_eq!(instance["gateway_ip"], "10.0.0.253");
    assert_eq!(instance["instance_dataplane_id"], 77);
    let logs = page(&mut client, "vpns/instances/e1/logs").await;
    let message = logs[0]["message"].as_str().unwrap();
    assert!(message.contains("`vni` cannot change"), "{logs}");
}

#[tokio::test]
async fn issue_52_a_description_stays_until_there_is_another() {
    let daemon = daemon();
    let mut client = daemon.client().await;
    let described = AttachBody {
        instance_description: Some("net A".into()),
        description: Some(json!({"port": "p1"})),
        ..evpn()
    };
    client.attach(&described).await.unwrap();
    client.attach(&evpn()).await.unwrap();
    let instance = page(&mut client, "vpns/instances/e1").await;
    assert_eq!(instance["description"], "net A");
    let ports = page(&mut client, "vpns/instances/e1/ports").await;
    assert_eq!(ports["tap1"]["endpoints"][0]["description"]["port"], "p1");
    let ended = AttachBody {
        instance_description: Some(Value::Null),
        ..evpn()
    };
    // Our client leaves null out, so it is written by hand.
    let mut ended = serde_json::to_value(ended).unwrap();
    ended["instance_description"] = Value::Null;
    client.post("/attach_localport", &ended).await.unwrap();
    let instance = page(&mut client, "vpns/instances/e1").await;
    assert_eq!(instance["description"], Value::Null);
}

#[tokio::test]
async fn issue_53_a_fallback_can_be_ended() {
    let daemon = daemon();
    let mut client = daemon.client().await;
    let mut body = serde_json::to_value(ipvpn()).unwrap();
    let fallback = json!({"dst_mac": "02:00:00:00:00:fe", "src_mac": "00:00:5e:2a:10:00", "ovs_port_number": 5});
    for (given, shown) in [
        (Some(fallback.clone()), fallback.clone()),
        (None, fallback),
        (Some(Value::Null), Value::Null),
    ] {
        body.as_object_mut().unwrap().remove("fallback");
        if let Some(given) = given {
            body["fallback"] = given;
        }
        client.post("/attach_localport", &body).await.unwrap();
        let instance = page(&mut client, "vpns/instances/v1").await;
        assert_eq!(instance["fallback"], shown);
    }
}

#[tokio::test]
async fn issue_54_numbers_are_given_back() {
    let daemon = daemon();
    let mut client = daemon.client().await;
    let several = |mac: &str, ip: &str| AttachBody {
        mac_address: mac.into(),
        ip_address: Some(ip.into()),
        ..ipvpn()
    };
    let bodies = [
        several("02:00:00:00:00:01", "10.0.0.1"),
        several("02:00:00:00:00:02", "10.0.0.2"),
        several("02:00:00:00:00:02", "10.0.0.3"),
    ];
    for _ in 0..3 {
        for body in &bodies {
            client.attach(body).await.unwrap();
        }
        // The instance's, and one for each MAC address.
        let ids = page(&mut client, "vpns/dataplane/ids").await;
        assert_eq!(ids.as_object().unwrap().len(), 3, "{ids}");
        for body in &bodies {
            client.detach(&DetachBody::from(body)).await.unwrap();
        }
        assert_eq!(page(&mut client, "vpns/dataplane/ids").await, json!({}));
    }
}

#[tokio::test]
async fn issue_58_all_attachments_can_be_listed_and_attached_by_one_call() {
    let daemon = daemon();
    let mut client = daemon.client().await;
    let rich = AttachBody {
        description: Some(json!({"port": "p1"})),
        instance_description: Some("net A".into()),
        local_pref: Some(50),
        lb_consistent_hash_order: 3,
        advertise_subnet: true,
        ip_address: Some("10.0.0.0/24".into()),
        readvertise: json!({"from_rt": ["64512:1"], "to_rt": ["64512:9"]}),
        attract_traffic: json!({"redirect_rts": ["64512:8"], "classifier": {"protocol": "tcp"}}),
        fallback: Some(json!({"src_mac": "02:00:00:00:00:fe"})),
        ..ipvpn()
    };
    let without_address = AttachBody {
        vpn_instance_id: "a/b \"c\"".into(),
        ip_address: None,
        ..evpn().vni(77)
    };
    let mut wrong = evpn();
    wrong.mac_address = "zz".into();
    let bodies = [rich, wrong, evpn(), without_address];
    let outcomes = client.attach_all(&bodies).await.unwrap();
    let refused = outcomes[1].as_ref().unwrap_err();
    assert_eq!(refused.status, 400);
    assert_eq!(refused.field.as_deref(), Some("mac_address"));
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 3);

    let listed = client.attachments().await.unwrap();
    let [rich, _, plain, without_address] = bodies;
    assert_eq!(listed, [rich, plain, without_address]);

    let detached: Vec<DetachBody> = listed.iter().map(DetachBody::from).collect();
    let outcomes = client.detach_all(&detached).await.unwrap();
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(client.attachments().await.unwrap(), []);

    // And what was listed makes it all again.
    let outcomes = client.attach_all(&listed).await.unwrap();
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(client.attachments().await.unwrap(), listed);
    assert_eq!(client.attach_all(&[]).await.unwrap(), []);
}

#[tokio::test]
async fn issue_73_a_port_is_attached_without_a_mac_address() {
    let daemon = daemon();
    let mut client = daemon.client().await;
    let port = AttachBody::learning("e1", "tap1").rt("64512:1");
    let too = AttachBody {
        learn: true,
        local_port: bagpipe_api::LocalPortBody::interface("tap2"),
        ..evpn()
    };
    client.attach(&port).await.unwrap();
    client.attach(&port).await.unwrap();
    client.attach(&too).await.unwrap();
    assert_eq!(
        client.attachments().await.unwrap(),
        [port.clone(), too.clone()]
    );
    let ports = page(&mut client, "vpns/instances/e1/ports").await;
    // With the dummy driver there is nothing to be learnt.
    assert_eq!(ports["tap1"], json!({"endpoints": [], "learned_macs": []}));
    assert_eq!(ports["tap2"]["learned_macs"], json!([]));
    assert_eq!(advertised(&mut client, "e1").await.len(), 2);

    let attach = serde_json::to_value(&port).unwrap();
    for (key, value, field) in [
        ("learn", json!(false), "mac_address"),
        ("learn", json!("yes"), "learn"),
        ("ip_address", json!("10.0.0.9"), "ip_address"),
        ("vpn_type", json!("ipvpn"), "learn"),
        ("mac_address", json!("00:00:00:00:00:00"), "mac_address"),
    ] {
        let mut body = attach.clone();
        body[key] = value;
        let refusal = refused(&mut client, "/attach_localport", &body).await;
        assert_eq!(refusal.field.as_deref(), Some(field), "{body}: {refusal}");
    }
    let mut detach = serde_json::to_value(DetachBody::from(&port)).unwrap();
    detach["local_port"] = json!("tap2");
    let refusal = refused(&mut client, "/detach_localport", &detach).await;
    assert_eq!(refusal.field.as_deref(), Some("mac_address"), "{refusal}");
    client.detach(&DetachBody::from(&port)).await.unwrap();
    client.detach(&DetachBody::from(&too)).await.unwrap();
    assert_eq!(page(&mut client, "vpns/instances").await, json!([]));
}

#[tokio::test]
async fn issue_59_connections_are_kept_and_old_clients_are_served() {
    let daemon = daemon();
    let twice = "GET /ping HTTP/1.1\r\nhost: h\r\n\r\nGET /ping HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n";
    let answers = raw_http(daemon.api, twice).await;
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2, "{answers}");
    let old = raw_http(daemon.api, "GET /ping HTTP/1.0\r\n\r\n").await;
    assert!(old.starts_with("HTTP/1.0 200 OK"), "{old}");
    let old = "GET /ping HTTP/1.0\r\nconnection: keep-alive\r\n\r\nGET /ping HTTP/1.0\r\n\r\n";
    let answers = raw_http(daemon.api, old).await;
    assert_eq!(answers.matches(" 200 OK").count(), 2, "{answers}");
}

#[tokio::test]
async fn issue_60_all_types_of_route_targets() {
    let daemon = daemon();
    let mut client = daemon.client().await;
    let body = AttachBody {
        import_rt: vec!["70000:1".into()],
        export_rt: vec!["192.0.2.1:7".into(), "64512:1".into()],
        ..ipvpn()
    };
    client.attach(&body).await.unwrap();
    let instance = page(&mut client, "vpns/instances/v1").await;
    assert_eq!(
        instance["route_targets"],
        json!({"import": ["target:70000:1"], "export": ["target:64512:1", "target:192.0.2.1:7"]})
    );
}

#[tokio::test]
async fn issue_55_an_e_vpn_plugged_into_an_ip_vpn_is_shown_and_goes_again() {
    let daemon = daemon();
    let mut client = daemon.client().await;
    let behind = |id: &str, instance: &str| {
        let mut body = serde_json::to_value(ipvpn()).unwrap();
        body["vpn_instance_id"] = instance.into();
        body["local_port"] = json!({"evpn": {"id": id}});
        body
    };
    client.attach(&evpn()).await.unwrap();
    client.attach(&evpn_named("e2", "tap2")).await.unwrap();
    let answer = client.post("/attach_localport", &behind("e1", "v1")).await;
    answer.unwrap();
    let shown = page(&mut client, "vpns/instances/e1/gateway_port").await;
    assert_eq!(shown["interface"], "'evpn1-ipvpn3'");
    assert_eq!(shown["ipvpn"]["id"], "VRF-3");
    assert_eq!(shown["ipvpn"]["external_instance_id"], "v1");
    let href = shown["ipvpn"]["href"].as_str().unwrap();
    assert!(href.ends_with("/looking-glass/vpns/instances/v1"), "{href}");
    let ports = page(&mut client, "vpns/instances/v1/ports").await;
    assert_eq!(
        ports.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["ipvpn3-evpn1"]
    );

    // Whatever breaks a rule is the caller's to mend.
    let mut both = behind("e1", "v1");
    both["local_port"]["linuxif"] = "tap9".into();
    let mut ovs = behind("e1", "v1");
    ovs["local_port"]["evpn"]["ovs_port_name"] = "patch".into();
    let mut within = behind("e1", "e3");
    within["vpn_type"] = "evpn".into();
    let mut nameless = behind("e1", "v1");
    nameless["local_port"]["evpn"] = json!({});
    for body in [
        both,
        ovs,
        within,
        nameless,
        behind("nope", "v2"),
        behind("v1", "v2"),
        behind("e1", "v2"),
        behind("e2", "v1"),
    ] {
        let refusal = refused(&mut client, "/attach_localport", &body).await;
        assert_eq!(refusal.status, 400, "{body}: {refusal}");
        let field = refusal.field.clone().unwrap_or_default();
        assert!(field.starts_with("local_port"), "{body}: {refusal}");
    }

    // A detach says `evpn` or an interface; neither is looked at.
    for linuxif in [None, Some("tap1")] {
        let mut gone = behind("e1", "v1");
        if let Some(linuxif) = linuxif {
            gone["local_port"] = json!({"linuxif": linuxif});
        }
        client.post("/detach_localport", &gone).await.unwrap();
        let shown = page(&mut client, "vpns/instances/e1/gateway_port").await;
        assert_eq!(shown, Value::Null);
        let again = client.post("/attach_localport", &behind("e1", "v1")).await;
        again.unwrap();
    }
}

fn evpn_named(instance: &str, linuxif: &str) -> AttachBody {
    AttachBody::evpn(instance, linuxif, "02:00:00:00:00:02").rt("64512:2")
}
