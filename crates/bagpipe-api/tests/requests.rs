//! What becomes of bodies: every rule broken once, and the spellings that are fine.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use bagpipe_api::{AttachBody, AttachRequest, DetachRequest, Direction, VpnType};
use bgp_wire::{MacAddr, RouteTarget, Vni};
use proptest::prelude::*;
use serde_json::{Value, json};

fn good() -> Value {
    json!({
        "vpn_type": "evpn", "vpn_instance_id": "e2", "mac_address": "00:00:de:ad:be:02",
        "local_port": "tap1", "import_rt": ["64512:3"], "export_rt": ["64512:3"],
    })
}

fn with(changes: Value) -> Value {
    let mut body = good();
    for (key, value) in changes.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

fn without(key: &str) -> Value {
    let mut body = good();
    body.as_object_mut().unwrap().remove(key);
    body
}

fn attach(body: &Value) -> Result<AttachRequest, bagpipe_api::ApiError> {
    AttachRequest::from_json(body.to_string().as_bytes())
}

/// What sets a body apart from the good one.
fn difference(body: &Value) -> String {
    let good = good();
    let (good, body) = (good.as_object().unwrap(), body.as_object().unwrap());
    let missing = good
        .keys()
        .filter(|key| !body.contains_key(*key))
        .map(|key| format!("no {key}"));
    let changed = body
        .iter()
        .filter(|(key, value)| good.get(*key) != Some(value));
    missing
        .chain(changed.map(|(key, value)| format!("{key} = {value}")))
        .collect::<Vec<_>>()
        .join(", ")
}

fn row(shown: &str, error: &bagpipe_api::ApiError) -> String {
    format!(
        "{shown}\n    {} | {}\n    {}\n",
        error.field,
        error.rule,
        error.description()
    )
}

#[test]
fn every_rule_of_an_attach() {
    let ipvpn = |changes: Value| {
        let mut body =
            with(json!({"vpn_type": "ipvpn", "ip_address": "10.1.1.1", "gateway_ip": null}));
        for (key, value) in changes.as_object().unwrap() {
            body[key] = value.clone();
        }
        body
    };
    let attract = |attract: Value| with(json!({"attract_traffic": attract}));
    let bodies = [
        without("vpn_type"),
        with(json!({"vpn_type": "foo"})),
        with(json!({"vpn_type": 5})),
        without("vpn_instance_id"),
        with(json!({"vpn_instance_id": 5})),
        with(json!({"vpn_instance_id": null})),
        without("mac_address"),
        with(json!({"mac_address": "zz"})),
        with(json!({"mac_address": null})),
        with(json!({"mac_address": "02:00:00:00:00:01:02:03"})),
        with(json!({"mac_address": 281474976710656_u64})),
        without("local_port"),
        with(json!({"local_port": {}})),
        with(json!({"local_port": ""})),
        with(json!({"local_port": 7})),
        with(json!({"local_port": {"linuxif": 7}})),
        with(json!({"local_port": {"linuxif": "tap1", "vlan": 4096}})),
        with(json!({"local_port": {"evpn": {"id": "x"}}})),
        with(json!({"ip_address": "10.1.1"})),
        with(json!({"ip_address": " 10.1.1.9 "})),
        with(json!({"ip_address": ""})),
        with(json!({"ip_address": "10.1.1.2/33"})),
        with(json!({"ip_address": 5})),
        ipvpn(json!({"ip_address": null})),
        without("import_rt"),
        with(json!({"import_rt": null})),
        with(json!({"import_rt": [5]})),
        with(json!({"import_rt": ["a:b"]})),
        with(json!({"import_rt": "64512:1 64512:2"})),
        without("export_rt"),
        with(json!({"export_rt": ["64512:4294967296"]})),
        with(json!({"gateway_ip": "there"})),
        with(json!({"gateway_ip": 5})),
        with(json!({"vpn_type": "ipvpn", "ip_address": "10.1.1.1"})),
        with(json!({"advertise_subnet": null})),
        with(json!({"advertise_subnet": "true"})),
        with(json!({"advertise_subnet": true, "ip_address": "10.1.1.0/24"})),
        with(json!({"lb_consistent_hash_order": "first"})),
        with(json!({"lb_consistent_hash_order": -1})),
        with(json!({"local_pref": 4294967296_u64})),
        with(json!({"local_pref": 1.5})),
        with(json!({"local_pref": true})),
        with(json!({"vni": 16777216})),
        with(json!({"vni": -1})),
        with(json!({"vni": "many"})),
        with(json!({"linuxbr": 5})),
        with(json!({"direction": "up"})),
        with(json!({"direction": 5})),
        with(json!({"readvertise": {"from_rt": []}})),
        with(json!({"readvertise": {"from_rt": ["x"], "to_rt": []}})),
        with(json!({"readvertise": "yes"})),
        attract(json!({"classifier": {}})),
        attract(json!({"redirect_rts": "64512:1"})),
        attract(json!({"redirect_rts": "64512:1", "classifier": {"sourcePort": 80}})),
        attract(json!({"redirect_rts": "64512:1", "classifier": {}, "to": "64512:2"})),
        attract(
            json!({"redirect_rts": "64512:1", "classifier": {}, "to_rt": "64512:2,64512:3",
            "static_destination_prefixes": ["10.0.0.0/8"]}),
        ),
        attract(
            json!({"redirect_rts": "64512:1", "classifier": {}, "to_rt": "64512:2",
            "static_destination_prefixes": ["everything"]}),
        ),
        with(
            json!({"readvertise": {"from_rt": [], "to_rt": ["64512:9"]}, "attract_traffic":
            {"redirect_rts": "64512:1", "classifier": {}, "to_rt": "64512:2",
            "static_destination_prefixes": []}}),
        ),
        with(json!({"fallback": "there"})),
        with(json!({"vni": "+5"})),
        with(json!({"vpn_instance_id": "a\nb"})),
        with(json!({"vpn_instance_id": "x".repeat(256)})),
        with(json!({"local_port": "tap\0"})),
        with(json!({"local_port": {"linuxif": "tap\n1"}})),
        with(json!({"local_port": {"linuxif": "tap1", "ovs": {"plugged": "yes"}}})),
        with(json!({"local_port": {"linuxif": "tap1", "ovs": {"port_number": "x"}}})),
        ipvpn(json!({"local_port": {"evpn": {}}})),
        ipvpn(json!({"local_port": {"linuxif": "tap1", "evpn": {"id": "e"}}})),
        attract(json!({"redirect_rts": "64512:1", "classifier": {"port": "80"}})),
        attract(json!({"redirect_rts": "64512:1", "classifier": {"sourcePort": "80:70"}})),
        attract(json!({"redirect_rts": "64512:1", "classifier": {"destinationPort": "65536"}})),
        attract(json!({"redirect_rts": "64512:1", "classifier": {"protocol": "ip"}})),
        attract(json!({"redirect_rts": "64512:1", "classifier": {"sourcePrefix": "10"}})),
    ];
    let mut table: String = bodies
        .iter()
        .map(|body| row(&difference(body), &attach(body).expect_err("a bad body")))
        .collect();
    for text in [
        r#"{"vni": 1, "vni": 1}"#,
        "1e999",
        "",
        "  ",
        "null",
        "[]",
        "\"x\"",
        "{\"vpn_type\": ",
        "\u{0}",
    ] {
        let error = AttachRequest::from_json(text.as_bytes()).unwrap_err();
        table.push_str(&row(&format!("{text:?}"), &error));
    }
    insta::assert_snapshot!(table);
}

#[test]
fn nobody_gets_back_a_megabyte_for_having_sent_one() {
    let long = "x".repeat(100_000);
    let twice = format!("{{\"{long}\": 1, \"{long}\": 2}}");
    let error = bagpipe_api::request::parse_body(twice.as_bytes()).expect_err("a key twice");
    assert!(error.description().len() < 200);
    let unknown = json!({"readvertise": {"from_rt": [], "to_rt": ["64512:9"]}, "attract_traffic":
        {"redirect_rts": "64512:1", "classifier": {long: 1}}});
    let error = attach(&with(unknown)).expect_err("an unknown key");
    assert!(error.description().len() < 500, "{error}");
}

#[test]
fn a_name_of_a_port_to_fall_back_to_is_one_like_others() {
    let body = with(json!({"fallback": {"ovs_port_name": "a\nb"}}));
    let error = attach(&body).expect_err("no name");
    assert_eq!(error.field, "fallback.ovs_port_name");
}

#[test]
fn a_whole_attach() {
    let request = attach(&with(json!({
        "mac_address": "0000.DEAD.be02", "ip_address": "10.1.1.2/24", "gateway_ip": "10.1.1.254",
        "export_rt": "64512:3, 70000:1,64512:3,", "vni": "5001", "local_pref": 0, "direction": null,
        "local_port": {"linuxif": "tap1", "ovs": {"plugged": true}}, "readvertise": "",
        "attract_traffic": {}, "description": {"port": "p1"}, "fallback": null, "unknown": 1,
    })))
    .unwrap();
    assert_eq!(request.vpn_type, VpnType::Evpn);
    assert_eq!(
        request.mac.as_ref().unwrap().mac,
        MacAddr([0, 0, 0xde, 0xad, 0xbe, 2])
    );
    assert_eq!(request.mac.as_ref().unwrap().text, "0000.DEAD.be02");
    let ip = request.ip.unwrap();
    assert_eq!(
        (ip.address.to_string().as_str(), ip.prefix_len),
        ("10.1.1.2", 24)
    );
    assert_eq!(ip.text, "10.1.1.2/24");
    assert_eq!(
        Vec::from_iter(request.export_rt),
        [RouteTarget::as2(64512, 3), RouteTarget::as4(70000, 1)]
    );
    assert_eq!(request.vni, Vni::new(5001).ok());
    assert_eq!(request.local_pref, Some(0));
    assert_eq!(request.direction, Direction::Both);
    assert_eq!(request.readvertise, None);
    assert_eq!(request.attract_traffic, None);
    assert_eq!(request.description, Some(json!({"port": "p1"})));
    assert_eq!(request.instance_description, None);
}

#[test]
fn spellings_of_nothing() {
    let request = attach(&with(json!({
        "ip_address": null, "vni": 0, "import_rt": [], "export_rt": "", "mac_address": 5,
        "direction": "", "linuxbr": null, "gateway_ip": null, "readvertise": null,
    })))
    .unwrap();
    assert_eq!(request.ip, None);
    assert_eq!(request.vni, None);
    assert!(request.import_rt.is_empty() && request.export_rt.is_empty());
    assert_eq!(
        request.mac.as_ref().unwrap().mac,
        MacAddr([0, 0, 0, 0, 0, 5])
    );
}

#[test]
fn attraction_towards_the_target_of_readvertise() {
    let request = attach(&with(json!({
        "readvertise": {"from_rt": ["64512:1"], "to_rt": ["64512:2"]},
        "attract_traffic": {"redirect_rts": ["64512:3"], "classifier": {"destinationPort": "80"}},
    })))
    .unwrap();
    assert_eq!(
        request.attract_traffic.unwrap().to_rt,
        RouteTarget::as2(64512, 2)
    );
}

#[test]
fn a_detach_needs_only_what_names_the_endpoint() {
    let detach = |body: &Value| DetachRequest::from_json(body.to_string().as_bytes());
    let mut body = good();
    body.as_object_mut()
        .unwrap()
        .retain(|key, _| !key.ends_with("_rt"));
    body["vni"] = json!("ignored");
    assert_eq!(detach(&body).unwrap().vpn_instance_id, "e2");
    body["import_rt"] = json!([5]);
    assert_eq!(detach(&body).unwrap_err().field, "import_rt");
    body["import_rt"] = json!([]);
    // The port has to be there, whatever it is.
    for port in [
        json!({"linuxif": 7}),
        json!({"evpn": null}),
        json!("elsewhere"),
    ] {
        body["local_port"] = port;
        detach(&body).unwrap();
    }
    for port in [json!({}), json!(7), json!(""), Value::Null] {
        body["local_port"] = port;
        assert_eq!(detach(&body).unwrap_err().field, "local_port");
    }
}

#[test]
fn what_our_client_writes_is_valid() {
    let body = AttachBody::evpn("test2", "tap1", "02:00:00:00:00:01")
        .ip("12.11.11.1/24")
        .rt("64512:79")
        .vni(77);
    let request = attach(&serde_json::to_value(body).unwrap()).unwrap();
    assert_eq!(request.import_rt, [RouteTarget::as2(64512, 79)].into());
    assert_eq!(request.export_rt, request.import_rt);
    assert_eq!(request.vni, Vni::new(77).ok());
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[0-9a-f:./, -]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("(linuxif|evpn|from_rt|to_rt|classifier|x)", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    /// Whatever a key holds, the answer is a value or an error that names a field.
    #[test]
    fn no_value_of_any_key_panics(
        key in prop::sample::select(vec![
            "vpn_type", "vpn_instance_id", "mac_address", "local_port", "ip_address", "import_rt",
            "gateway_ip", "advertise_subnet", "lb_consistent_hash_order", "local_pref", "vni",
            "linuxbr", "direction", "readvertise", "attract_traffic", "fallback",
        ]),
        value in any_json(),
    ) {
        if let Err(error) = attach(&with(json!({key: value}))) {
            prop_assert!(error.field.starts_with(key), "{key}: {error:?}");
        }
    }

    #[test]
    fn no_bytes_panic(body in prop::collection::vec(any::<u8>(), 0..64)) {
        AttachRequest::from_json(&body).ok();
        DetachRequest::from_json(&body).ok();
    }
}
