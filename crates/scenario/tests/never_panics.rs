//! Whatever is typed, there is an answer and it can be drawn.

mod files;

use proptest::prelude::*;
use proptest::sample::{Index, select};

/// What replaces a piece of a good scenario.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        select(vec![
            "\"",
            "{",
            "}",
            "[",
            "]",
            "=",
            ",",
            "\n",
            "0",
            "-1",
            "true",
            "é",
            "\t",
            "vm-a",
            "vm-b",
            "rr",
            "compute-a",
            "\"10.0.0.0/0\"",
            "\"::/0\"",
            "\"::1\"",
            "\"0.0.0.0/32\"",
            "{}",
            "[]",
            "\"\"",
            "99999999999999999999",
            "[[step]]",
            "[nodes]",
            "\"lo\"",
            "attach",
            "within",
            "0xff",
            "1e3",
            "${",
            "\"${i}\"",
            "\"${1 / 0}\"",
            "\"${n * 99999}\"",
            "count",
            "\"both\"",
            "\"lan:lan\"",
            "\"leaf\"",
            "\"leaf-1\"",
            "\"fd00::/64\"",
            "\"10.0.0.0/31\"",
            "include",
            "chain",
            "mesh",
        ])
        .prop_map(String::from),
        ".{0,6}",
    ]
}

/// Everything that is not in the other.
const TOPOLOGY: &str = r#"
[vars]
n = 3
prefix = "10.9"

[defaults]
frr  = { hold_time = "9s", loopback = true }
link = { mtu = 9000 }

[nodes]
rr    = { kind = "gobgp", clients = ["compute"], router_id = "1.1.1.1" }
compute = { kind = "bagpipe", count = "${n}" }
leaf  = { kind = "frr", count = "${n - 1}", as = "${65000 + i}", networks = ["loopback", "${prefix}.${i}.0/24"] }
b     = { kind = "bird", peers = ["leaf", "lan:lan", "10.0.0.1"], routes = [{ to = "0.0.0.0/0", via = "rr" }] }
h     = { kind = "host", count = 2, gateway = "leaf-${i}" }
x     = { kind = "exec", on = "b", command = ["true"], ready = { tcp = 80 }, files = { "/x" = "y" } }

[lans]
lan = { join = ["rr", "compute", "leaf", "b"], ip = "both", mac = { rr = "02:00:00:00:00:01" } }

[links]
one  = { ends = ["rr", "b"], subnet = ["192.0.2.0/31", "fd00:1::/64"], address = { b = "192.0.2.1" } }
many = { ends = ["leaf", "h"], zip = true, ip = "both" }
row  = { ring = ["rr", "leaf", "b"], subnet = "10.7.0.0/24" }

[[step]]
ping = { from = "h-1", to = "b" }
"#;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_change_is_answered(
        topology in any::<bool>(),
        changes in prop::collection::vec((any::<Index>(), any::<Index>(), piece()), 1..4),
    ) {
        let mut text = match topology {
            true => TOPOLOGY.to_string(),
            false => files::read("scenarios/first-ping-splice.toml"),
        };
        for (from, length, piece) in &changes {
            let starts: Vec<usize> = word_starts(&text);
            let first = from.index(starts.len() - 1);
            let last = (first + length.index(4)).min(starts.len() - 1);
            text.replace_range(starts[first]..starts[last], piece);
            text.push(' ');
        }
        if let Err(errors) = scenario::check(&text, "changed.toml") {
            prop_assert!(!errors.is_empty());
            let drawn = scenario::render(&errors, &scenario::Sources::of("changed.toml", &text), false);
            prop_assert_eq!(drawn.matches("error: ").count() >= errors.len(), true);
        }
    }
}

/// Where words, blanks and signs begin, and the end.
fn word_starts(text: &str) -> Vec<usize> {
    let mut before = ' ';
    let mut starts: Vec<usize> = text
        .char_indices()
        .filter(|(_, c)| {
            let joins = |c: char| c.is_alphanumeric() || c == '-' || c == '.';
            let begins = !(joins(before) && joins(*c));
            before = *c;
            begins
        })
        .map(|(at, _)| at)
        .collect();
    starts.push(text.len());
    starts
}
