//! The JSON Schema agrees with what the parser takes.
#![allow(clippy::unwrap_used, reason = "a file that is no TOML fails the test")]

mod files;

use std::collections::BTreeSet;

use files::{read, toml_files};
use serde_json::Value;

/// Mistakes in what is meant, which no schema can see.
const SEMANTIC: &[&str] = &[
    "address-outside-subnet",
    "address-taken-in-vpn",
    "address-used-twice",
    "addresses-wrong",
    "attached-twice",
    "bad-address",
    "bad-duration",
    "bad-expression",
    "bad-mac",
    "bad-prefix",
    "bad-route-target",
    "conflicting-keys",
    "duplicate-names",
    "include-cycle",
    "include-given-twice",
    "include-missing",
    "include-wrong",
    "joined-twice",
    "links-wrong",
    "names-collide",
    "no-common-lan",
    "node-in-no-lan",
    "not-a-peer",
    "not-a-reflector",
    "not-attached",
    "routes-wrong",
    "runs-on",
    "subnet-exhausted",
    "subnets-overlap",
    "unknown-capture",
    "unknown-label",
    "unknown-lan",
    "unknown-node",
    "unknown-node-in-lan",
    "unknown-port",
    "unknown-vpn",
    "vni-out-of-range",
    "wrong-kind",
];

fn document(name: &str) -> Option<Value> {
    toml::from_str(&read(name)).ok()
}

fn validator() -> jsonschema::Validator {
    jsonschema::draft202012::new(&scenario::schema()).unwrap()
}

#[test]
fn every_scenario_is_valid() {
    let validator = validator();
    let mut names = toml_files("scenarios");
    names.extend(
        files::directories("scenarios")
            .iter()
            .flat_map(|directory| match directory.as_str() {
                "scenarios/bad-input" => Vec::new(),
                directory => toml_files(directory),
            }),
    );
    for name in names {
        let document = document(&name).unwrap();
        let wrong: Vec<String> = validator
            .iter_errors(&document)
            .map(|error| format!("{name}: {}: {error}", error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

#[test]
fn every_mistake_that_a_schema_can_see_is_seen() {
    let validator = validator();
    let mut unseen = BTreeSet::new();
    for name in toml_files("scenarios/bad-input") {
        // What is no TOML has no value to validate.
        let seen = document(&name).is_none_or(|document| !validator.is_valid(&document));
        let stem = name.rsplit('/').next().unwrap().trim_end_matches(".toml");
        if !seen {
            unseen.insert(stem.to_string());
        }
    }
    let semantic: BTreeSet<String> = SEMANTIC.iter().map(ToString::to_string).collect();
    assert_eq!(
        unseen, semantic,
        "examples that the schema takes, and those listed as such"
    );
}

#[test]
fn expressions_stand_where_numbers_belong() {
    let validator = validator();
    let fits = |text: &str| validator.is_valid(&toml::from_str::<Value>(text).unwrap());
    assert!(fits(
        "[nodes]\na = { kind = \"frr\", count = \"${n}\", as = \"${65000 + i}\" }"
    ));
    assert!(fits(
        "[nodes]\na = { kind = \"frr\", loopback = true, families = [\"evpn\", \"${f}\"] }"
    ));
    assert!(!fits("[nodes]\na = { kind = \"frr\", as = \"65000\" }"));
    assert!(!fits(
        "[nodes]\na = { kind = \"frr\", families = \"epvn\" }"
    ));
    assert!(!fits("[nodes]\na = { kind = \"host\", as = 1 }"));
    assert!(fits(
        "include = \"a.toml\"\n[defaults]\nfrr = { as = 1 }\nlan = { mtu = 1500 }"
    ));
    assert!(!fits("include = \"a.toml\"\n[defaults]\nfrr = { ass = 1 }"));
}
