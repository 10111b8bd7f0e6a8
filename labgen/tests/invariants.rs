//! The rules of reflection, judged from outside: what breaks them is found, and said.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::io::Write;
use std::path::Path;

use common::Labgen;

/// Two compute nodes around a reflector of the kind `{}`, each with a port.
const LAB: &str = r#"
[lab]
wait = "converged"

[nodes]
rr = {}
a = { kind = "bagpipe", peers = ["rr"], dataplane = "dummy" }
b = { kind = "bagpipe", peers = ["rr"], dataplane = "dummy" }

[lans]
lan = { join = ["rr", "a", "b"], subnet = "10.0.0.0/24" }

[vpns]
blue = { type = "evpn", rt = "64512:79" }

[[step]]
attach = { port = "one", on = "a", vpn = "blue", ip = "12.11.11.1/24" }

[[step]]
attach = { port = "two", on = "b", vpn = "blue", ip = "12.11.11.2/24" }

[[step]]
expect = { invariants = {} }
"#;

const FAKERR: &str = r#"{ kind = "fakerr" }"#;
const FRR: &str = r#"{ kind = "frr", clients = ["a", "b"], families = ["evpn"] }"#;

/// A run of the lab that ends as it should not, with these words.
fn fails(test: &str, reflector: &str, steps: &str, words: &[&str]) {
    let labgen = Labgen::new(test);
    let text = format!("{}\n{steps}", LAB.replacen("{}", reflector, 1));
    let file = labgen.write("lab.toml", &text);
    let said = labgen.says(&["run", &file]);
    for word in words {
        said.fails_with(1, word);
    }
}

#[test]
fn a_route_that_does_not_arrive_is_missed() {
    // The sessions stay, as nobody has noticed yet that the cable is cut.
    let steps = r#"
[[step]]
cut = { on = "lan", node = "b" }

[[step]]
attach = { port = "three", on = "a", vpn = "blue", ip = "12.11.11.3/24" }

[[step]]
expect = { invariants = {}, within = "300ms" }
"#;
    let lacks = "it lacks what `a` announces, though no rule keeps it from it (RFC 4456 section 6)";
    let words = [
        "one route is held or missing",
        "b, through rr:",
        "12.11.11.3",
        lacks,
    ];
    fails("invariants-lacks", FAKERR, steps, &words);
}

#[test]
fn a_withdrawal_that_does_not_arrive_leaves_what_nobody_announces() {
    let steps = r#"
[[step]]
cut = { on = "lan", node = "b" }

[[step]]
detach = { port = "one" }

[[step]]
expect = { invariants = {}, within = "300ms" }
"#;
    let words = [
        "b, through rr:",
        "12.11.11.1",
        "it holds what nobody announces",
    ];
    fails("invariants-stale", FAKERR, steps, &words);
}

#[test]
fn a_reflector_that_filters_or_alters_is_found() {
    if !Path::new("/usr/lib/frr/zebra").exists() {
        // Past the harness, which hides what a passing test prints.
        let skipped = b"SKIPPED: FRR is not installed (apt-get install frr)\n";
        let _ = std::io::stderr().write_all(skipped);
        return;
    }
    let configured = |lines: &[&str]| {
        let lines = lines.iter().flat_map(|line| ["-c", line]);
        let words: Vec<String> = ["vtysh", "-c", "configure terminal"]
            .into_iter()
            .chain(lines)
            .map(|word| format!("{word:?}"))
            .collect();
        // What is announced from then on is filtered for certain.
        format!(
            "[[step]]\nexec = {{ on = \"rr\", command = [{}] }}\n\
             [[step]]\nattach = {{ port = \"three\", on = \"a\", vpn = \"blue\", ip = \"12.11.11.3/24\" }}\n\
             [[step]]\nexpect = {{ invariants = {{}}, within = \"2s\" }}\n",
            words.join(", ")
        )
    };
    let filter = configured(&[
        "route-map macs deny 10",
        "match evpn route-type macip",
        "route-map macs permit 20",
        "router bgp 64512",
        "address-family l2vpn evpn",
        "neighbor 10.0.0.3 route-map macs out",
    ]);
    let words = ["b, through rr:", "it lacks what `a` announces"];
    fails("invariants-filter", FRR, &filter, &words);
    let next_hop = configured(&[
        "router bgp 64512",
        "address-family l2vpn evpn",
        "neighbor 10.0.0.3 next-hop-self force",
    ]);
    let words = [
        "b, through rr:",
        "next hop 10.0.0.1, but `a` announces it with 10.0.0.2",
    ];
    fails("invariants-next-hop", FRR, &next_hop, &words);
}

#[test]
fn what_others_than_ours_ask_for_counts() {
    let labgen = Labgen::new("invariants-asked");
    if std::process::Command::new("gobgpd")
        .arg("--version")
        .output()
        .is_err()
    {
        let skipped = b"SKIPPED: GoBGP is not installed (apt-get install gobgpd)\n";
        let _ = std::io::stderr().write_all(skipped);
        return;
    }
    let lab = r#"
[lab]
wait = "converged"

[nodes]
rr = { kind = "fakerr" }
asks = { kind = "gobgp", peers = "rr", families = ["vpnv4", "rtc"] }
tells = { kind = "gobgp", peers = "rr", families = ["vpnv4", "rtc"] }

[lans]
lan = { join = ["rr", "asks", "tells"], subnet = "10.0.0.0/24" }

[[step]]
announce = { on = "asks", family = "rtc", rt = "64512:79" }

[[step]]
announce = { on = "tells", family = "vpnv4", prefix = "20.0.0.0/24", rd = "64512:1", label = 16, rt = "64512:79" }

[[step]]
announce = { on = "tells", family = "vpnv4", prefix = "20.0.1.0/24", rd = "64512:1", label = 16, rt = "64512:80" }

[[step]]
expect = { route = { on = "asks", family = "vpnv4", prefix = "20.0.0.0/24" } }

[[step]]
expect = { invariants = {}, within = "2s" }
"#;
    let file = labgen.write("lab.toml", lab);
    labgen.says(&["run", &file]).succeeds();
}
