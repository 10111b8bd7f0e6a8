//! Other people's BGP speakers, with configurations of the user's own.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::io::Write;
use std::path::Path;

use common::{Labgen, Said};

/// Two peers with a LAN; `{}` is the kind of the first.
const PEERS: &str = r#"
[nodes]
a = { kind = "{}", as = 64512, config = "a.conf" }
b = { kind = "host" }

[lans]
lan = { join = ["a", "b"], subnet = "10.0.0.0/24" }
"#;

/// What comes of bringing up a peer with this configuration; `None`, said aloud, where it is not installed.
fn up(labgen: &Labgen, kind: &str, program: &str, config: &str) -> Option<Said> {
    if !Path::new(program).exists() {
        // Past the harness, which hides what a passing test prints.
        let skipped = format!("SKIPPED: {program} is not installed (apt-get install {kind})\n");
        let _ = std::io::stderr().write_all(skipped.as_bytes());
        return None;
    }
    labgen.write("a.conf", config);
    let file = labgen.write("lab.toml", &PEERS.replace("{}", kind));
    Some(labgen.says(&["up", &file]))
}

#[test]
fn what_frr_refuses_is_shown_with_its_line() {
    let labgen = Labgen::new("frr-refuses");
    let config = "hostname a\nrouter bgp 64512\n neighbor 10.0.0.2 remot-as 64512\n";
    let Some(said) = up(&labgen, "frr", "/usr/lib/frr/zebra", config) else {
        return;
    };
    said.fails_with(1, "`vtysh` of node `a` refuses its configuration");
    said.fails_with(1, "line 3: % Unknown command");
    said.fails_with(
        1,
        " --> a.conf:3\n  |\n3 |  neighbor 10.0.0.2 remot-as 64512\n",
    );
}

#[test]
fn frr_runs_the_daemons_that_a_configuration_asks_for() {
    let labgen = Labgen::new("frr-own");
    let config =
        "hostname a\nip route 203.0.113.0/24 blackhole\nrouter ospf\n network 10.0.0.0/24 area 0\n";
    let Some(said) = up(&labgen, "frr", "/usr/lib/frr/zebra", config) else {
        return;
    };
    said.succeeds();
    let routes = labgen.says(&["exec", "a", "--", "vtysh", "-c", "show ip route static"]);
    assert!(
        routes.succeeds().contains("203.0.113.0/24"),
        "{}",
        routes.stdout
    );
    let ospf = labgen.says(&["exec", "a", "--", "vtysh", "-c", "show ip ospf interface"]);
    assert!(ospf.succeeds().contains("Area 0.0.0.0"), "{}", ospf.stdout);
}

#[test]
fn what_openbgpd_refuses_is_shown_with_its_line() {
    let labgen = Labgen::new("openbgpd-refuses");
    let config = "AS 64512\nfib-updat no\n";
    let Some(said) = up(&labgen, "openbgpd", "/usr/sbin/bgpd", config) else {
        return;
    };
    said.fails_with(1, "`bgpd` of node `a` refuses its configuration");
    said.fails_with(1, "bgpd.conf:2: syntax error");
    said.fails_with(1, " --> a.conf:2\n  |\n2 | fib-updat no\n");
}
