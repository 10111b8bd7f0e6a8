//! What is described is what is: schemas and parser judge alike.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "tests fail by panicking"
)]

use bagpipe_api::{AttachBody, AttachRequest, DetachRequest, Rule, openapi::document};
use jsonschema::Validator;
use proptest::prelude::*;
use serde_json::{Value, json};

/// The schema of a body, with all that it refers to.
fn schema(name: &str) -> Validator {
    let document = document("1");
    let schema = json!({
        "$ref": format!("#/components/schemas/{name}"),
        "components": document["components"],
    });
    jsonschema::options()
        .should_validate_formats(true)
        .build(&schema)
        .unwrap()
}

fn evpn() -> Value {
    json!({
        "vpn_type": "evpn", "vpn_instance_id": "e", "mac_address": "02:00:00:00:00:01", "ip_address": "10.0.0.1",
        "local_port": "tap1", "import_rt": ["64512:1"], "export_rt": ["64512:1"],
    })
}

/// A JSON schema cannot count as far as these rules do, and does not compare one field with another.
fn is_beyond_a_schema(rule: &Rule) -> bool {
    matches!(
        rule,
        Rule::RouteTarget
            | Rule::Range(..)
            | Rule::Ports
            | Rule::Protocol
            | Rule::Ip
            | Rule::NoSubnet
            | Rule::OnlyFor(_)
            | Rule::StaticPrefixes
            | Rule::SameTargets
            | Rule::OneTarget
            | Rule::Type("an integer")
    )
}

#[test]
fn what_our_client_writes_is_described() {
    let schema = schema("Attach");
    let body = AttachBody::evpn("e", "tap1", "02:00:00:00:00:01")
        .ip("10.0.0.1/24")
        .rt("64512:1");
    let body = serde_json::to_value(body).unwrap();
    assert!(
        schema.is_valid(&body),
        "{:?}",
        schema.iter_errors(&body).next()
    );
    let document = document("1");
    let properties = &document["components"]["schemas"]["Attach"]["properties"];
    for key in body.as_object().unwrap().keys() {
        assert!(properties.get(key).is_some(), "{key}");
    }
}

#[test]
fn links_lead_somewhere_and_operations_have_names_of_their_own() {
    fn walk(document: &Value, value: &Value) {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(path)) = members.get("$ref") {
                    let found = document.pointer(path.trim_start_matches('#'));
                    assert!(found.is_some(), "{path}");
                }
                members.values().for_each(|value| walk(document, value));
            }
            Value::Array(items) => items.iter().for_each(|value| walk(document, value)),
            _ => {}
        }
    }
    let document = document("1");
    walk(&document, &document);
    let mut ids = std::collections::BTreeSet::new();
    for item in document["paths"].as_object().unwrap().values() {
        for operation in item.as_object().unwrap().values() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id), "{id}");
        }
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0..70_000_u32).prop_map(Value::from),
        "[0-9a-f:./, \n-]{0,12}".prop_map(Value::from),
        "[0-9]{1,3}:[0-9]{1,3}(, ?[0-9]:[0-9])?".prop_map(Value::from),
        "10\\.0\\.[0-9]{1,3}\\.[0-9](/[0-9]{1,2})?".prop_map(Value::from),
        "([0-9a-f]{1,2}[:-]){5}[0-9a-f]{1,2}".prop_map(Value::from),
        prop::sample::select(vec![
            "", "both", "to-port", "evpn", "ipvpn", "tap1", "80", "10:20", "tcp"
        ])
        .prop_map(Value::from),
    ];
    let keys = "(linuxif|evpn|ovs|vlan|id|from_rt|to_rt|to|redirect_rts|classifier|protocol|sourcePort|sourcePrefix|\
        static_destination_prefixes|port_number|plugged|x)";
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(keys, inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

#[test]
fn schema_and_parser_judge_ports_without_mac_alike() {
    let (attach, detach) = (schema("Attach"), schema("Detach"));
    for vpn_type in ["evpn", "ipvpn"] {
        for learn in [json!(true), json!(false), json!(null), json!("yes")] {
            for mac in [json!(null), json!("02:00:00:00:00:01")] {
                for ip in [json!(null), json!("10.0.0.1")] {
                    for port in [json!("tap1"), json!({"linuxif": "tap1"}), json!({})] {
                        let mut body = evpn();
                        body["vpn_type"] = vpn_type.into();
                        body["learn"] = learn.clone();
                        body["mac_address"] = mac.clone();
                        body["ip_address"] = ip.clone();
                        body["local_port"] = port;
                        body["gateway_ip"] = Value::Null;
                        let described = attach.is_valid(&body);
                        let taken = AttachRequest::from_value(body.clone());
                        assert_eq!(taken.is_ok(), described, "{body}: {taken:?}");
                        let described = detach.is_valid(&body);
                        let taken = DetachRequest::from_value(body.clone());
                        assert_eq!(taken.is_ok(), described, "{body}: {taken:?}");
                    }
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn schema_and_parser_judge_attaches_alike(
        key in prop::sample::select(vec![
            "vpn_type", "vpn_instance_id", "mac_address", "learn", "local_port", "ip_address", "import_rt",
            "gateway_ip", "advertise_subnet", "lb_consistent_hash_order", "local_pref", "vni",
            "linuxbr", "direction", "readvertise", "attract_traffic", "fallback", "description",
        ]),
        value in any_json(),
    ) {
        thread_local!(static SCHEMA: Validator = schema("Attach"));
        let mut body = evpn();
        body[key] = value;
        let described = SCHEMA.with(|schema| schema.is_valid(&body));
        match AttachRequest::from_value(body.clone()) {
            Ok(_) => prop_assert!(described, "taken, but not as described: {body}"),
            Err(error) => prop_assert!(
                !described || is_beyond_a_schema(&error.rule),
                "refused, but as described: {body}: {error}"
            ),
        }
    }

    #[test]
    fn schema_and_parser_judge_detaches_alike(
        key in prop::sample::select(vec![
            "vpn_type", "vpn_instance_id", "mac_address", "local_port", "ip_address", "import_rt", "export_rt",
        ]),
        value in any_json(),
    ) {
        thread_local!(static SCHEMA: Validator = schema("Detach"));
        let mut body = evpn();
        body[key] = value;
        let described = SCHEMA.with(|schema| schema.is_valid(&body));
        match DetachRequest::from_value(body.clone()) {
            Ok(_) => prop_assert!(described, "taken, but not as described: {body}"),
            Err(error) => prop_assert!(
                !described || is_beyond_a_schema(&error.rule),
                "refused, but as described: {body}: {error}"
            ),
        }
    }
}
