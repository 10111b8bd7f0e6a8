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

#[test]
fn what_bird_refuses_is_shown_with_its_line() {
    let labgen = Labgen::new("bird-refuses");
    let config = "router id 10.0.0.1;\nprotocol device { }\nprotocol bgp x { locl 10.0.0.1; }\n";
    let Some(said) = up(&labgen, "bird", "/usr/sbin/bird", config) else {
        return;
    };
    said.fails_with(1, "`bird` of node `a` refuses its configuration");
    said.fails_with(1, "syntax error");
    said.fails_with(
        1,
        " --> a.conf:3\n  |\n3 | protocol bgp x { locl 10.0.0.1; }\n",
    );
}

#[test]
fn what_gobgp_refuses_is_shown_with_its_line() {
    let labgen = Labgen::new("gobgp-refuses");
    let config = "[global.config]\n  as = 64512\n  router-idx = \"10.0.0.1\"\n";
    let Some(said) = up(&labgen, "gobgp", "/usr/bin/gobgpd", config) else {
        return;
    };
    said.fails_with(1, "of node `a` refuses its configuration");
    said.fails_with(1, "invalid keys: router-idx");
    said.fails_with(1, " --> a.conf:3\n  |\n3 |   router-idx = \"10.0.0.1\"\n");
}

#[test]
fn what_exabgp_refuses_is_shown_with_its_line() {
    let labgen = Labgen::new("exabgp-refuses");
    let config = "neighbor 10.0.0.2 {\n  router-id 10.0.0.1;\n  local-as none;\n}\n";
    let Some(said) = up(&labgen, "exabgp", "/usr/sbin/exabgp", config) else {
        return;
    };
    said.fails_with(1, "`exabgp` of node `a` refuses its configuration");
    said.fails_with(1, "\"none\" is an invalid ASN");
    said.fails_with(1, " --> a.conf:3\n  |\n3 |   local-as none;\n");
}

/// Programs of the user's, each ready by another fact.
const PROGRAMS: &str = r#"
[nodes]
tcp     = { kind = "exec", command = ["bagpipe-fakerr", "--port", "80"], ready = { tcp = 80 } }
socket  = { kind = "exec", command = ["bagpipe-fakerr", "--status", "/run/x/status"], ready = { socket = "/run/x/status" } }
notify  = { kind = "exec", command = ["bagpipe-fakerr"], ready = "notify" }
log     = { kind = "exec", command = ["sh", "-c", "echo $WORD; exec sleep 100"], env = { WORD = "hello" }, ready = { log = "hello" } }
file    = { kind = "exec", command = ["sh", "/run/start"], files = { "/run/start" = "touch /run/there; exec sleep 100" }, ready = { file = "/run/there" } }
command = { kind = "exec", command = ["sh", "-c", "touch /run/there; exec sleep 100"], ready = { command = ["test", "-e", "/run/there"] } }

[lans]
lan = { join = ["tcp", "socket", "notify", "log", "file", "command"] }
"#;

#[test]
fn programs_are_ready_by_their_facts() {
    let labgen = Labgen::new("exec-ready");
    let file = labgen.write("lab.toml", PROGRAMS);
    labgen.says(&["up", &file]).succeeds();
    let there = labgen.says(&["exec", "file", "--", "test", "-e", "/run/there"]);
    there.succeeds();
}

#[test]
fn a_program_that_ends_before_it_is_ready_leaves_its_last_words() {
    let labgen = Labgen::new("exec-ends");
    let text = r#"
[nodes]
a = { kind = "exec", command = ["sh", "-c", "echo so long; exit 7"], ready = { log = "never" } }
b = { kind = "host" }
[lans]
lan = { join = ["a", "b"] }
"#;
    let file = labgen.write("lab.toml", text);
    let said = labgen.says(&["up", &file]);
    said.fails_with(1, "of node `a` ended before it was ready (status 7)");
    said.fails_with(1, "so long");
    let silent = text.replace("echo so long; ", "");
    let said = labgen.says(&["up", &labgen.write("lab.toml", &silent)]);
    said.fails_with(1, "(status 7); it said nothing\n");
    // One that nobody waits for may have done its work, and may not have failed to.
    let unwaited = text.replace(", ready = { log = \"never\" }", "");
    let said = labgen.says(&["up", &labgen.write("lab.toml", &unwaited)]);
    said.fails_with(1, "of node `a` ended before it was ready (status 7)");
    said.fails_with(1, "so long");
    let done = unwaited.replace("exit 7", "exit 0");
    labgen
        .says(&["up", &labgen.write("lab.toml", &done)])
        .succeeds();
}
