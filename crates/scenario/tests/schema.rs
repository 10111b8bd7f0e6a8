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
    "announce-wrong",
    "attached-twice",
    "attraction-wrong",
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
    "no-address",
    "no-common-lan",
    "no-reflector",
    "node-in-no-lan",
    "not-a-peer",
    "not-a-reflector",
    "not-attached",
    "password-wrong",
    "python-wrong",
    "routes-wrong",
    "runs-on",
    "session-fields",
    "subnet-exhausted",
    "subnets-overlap",
    "traffic-nothing-expected",
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

/// Whether the parser and the schema take `text`; `include` finds an empty file.
fn taken(text: &str) -> (bool, bool) {
    let empty = &mut |_: &str| Ok(String::new());
    let checked = scenario::check_with("lab.toml", text, &[], empty);
    let document = toml::from_str::<Value>(text).unwrap();
    (checked.outcome.is_ok(), validator().is_valid(&document))
}

const HOSTS: &str = "[nodes]\na = { kind = \"host\" }\nb = { kind = \"host\" }\n";

#[test]
fn defaults_give_what_a_table_has_to_have() {
    let exec = |defaults: &str, own: &str| {
        format!(
            "[defaults]\nexec = {{ {defaults} }}\n[nodes]\na = {{ kind = \"exec\"{own} }}\n\
             [lans]\nlan = {{ join = [\"a\"] }}\n"
        )
    };
    let nets = |defaults: &str, nets: &str| format!("[defaults]\n{defaults}\n{HOSTS}\n{nets}\n");
    let good = [
        exec("command = [\"sleep\", \"9\"]", ""),
        exec("", ", command = [\"sleep\", \"9\"]"),
        exec("command = [\"true\"]", ", command = [\"sleep\", \"9\"]"),
        nets(
            "lan = { join = [\"a\", \"b\"] }",
            "[lans]\none = {}\ntwo = { mtu = 1500 }",
        ),
        nets("link = { ends = [\"a\", \"b\"] }", "[links]\none = {}\n"),
        nets(
            "link = { ring = [\"a\", \"b\"] }",
            "[links]\none = { ring = [\"b\", \"a\"] }\n",
        ),
    ];
    for text in good {
        assert_eq!(taken(&text), (true, true), "{text}");
    }
    let bad = [
        exec("env = { A = \"b\" }", ""),
        nets(
            "lan = { mtu = 1500 }",
            "[lans]\none = { subnet = \"10.9.0.0/24\" }",
        ),
        nets("link = { mtu = 1500 }", "[links]\none = {}"),
        nets(
            "link = { ends = [\"a\", \"b\"] }",
            "[links]\none = { chain = [\"a\", \"b\"] }",
        ),
        nets(
            "",
            "[links]\none = { ends = [\"a\", \"b\"], chain = [\"a\", \"b\"] }",
        ),
    ];
    for text in bad {
        assert_eq!(taken(&text), (false, false), "{text}");
    }
    // A file that is included may say it, and it is not there to be looked at.
    let elsewhere = "include = \"more.toml\"\n[lans]\nlan = { mtu = 1500 }";
    assert_eq!(taken(elsewhere), (false, true));
}

#[test]
fn an_expression_may_say_what_is_one_of_a_few() {
    let lab = |node: &str, step: &str| {
        format!(
            "[vars]\nkind = \"bird\"\nword = \"keepalive\"\n[nodes]\na = {{ {node} }}\n\
             [lans]\nlan = {{ join = [\"a\"] }}\n[[step]]\ncapture = {{ on = \"lan\", as = \"wire\" }}\n{step}"
        )
    };
    let bgp = |message: &str| {
        format!(
            "[[step]]\nexpect = {{ packets = {{ in = \"wire\", layers = [{{ bgp = \"{message}\" }}] }} }}\n"
        )
    };
    let good = [
        lab("kind = \"${kind}\"", ""),
        lab(
            "kind = \"${kind}\", as = 65001, networks = \"connected\"",
            "",
        ),
        lab("kind = \"host\"", &bgp("${word}")),
    ];
    for text in good {
        assert_eq!(taken(&text), (true, true), "{text}");
    }
    let bad = [
        lab("kind = \"${kind}\", colour = \"red\"", ""),
        lab("kind = \"brid\"", ""),
        lab("kind = \"host\"", &bgp("keepalvie")),
    ];
    for text in bad {
        assert_eq!(taken(&text), (false, false), "{text}");
    }
    let reserved = format!("[vars]\ni = 1\n{HOSTS}[lans]\nlan = {{ join = [\"a\", \"b\"] }}\n");
    assert_eq!(taken(&reserved), (false, false));
}
