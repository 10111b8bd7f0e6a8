//! Labs that change while they stand, from outside: cables cut and healed, nodes halted and started, files edited.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::BTreeMap;

use common::{Labgen, ping_is_missing};
use serde_json::Value;

const ROUTED: &str = r#"
[nodes]
a = { kind = "host", gateway = "r1" }
b = { kind = "host", gateway = "r2" }
r1 = { kind = "router", routes = [{ to = "10.0.2.0/24", via = "10.0.0.2" }, { to = "fd00:2::/64", via = "fd00::2" }] }
r2 = { kind = "router", routes = [{ to = "10.0.1.0/24", via = "10.0.0.1" }, { to = "fd00:1::/64", via = "fd00::1" }] }

[lans]
left = { join = ["a", "r1"], subnet = ["10.0.1.0/24", "fd00:1::/64"], address = { a = ["10.0.1.9", "fd00:1::9"] } }
right = { join = ["b", "r2"], subnet = ["10.0.2.0/24", "fd00:2::/64"], address = { b = ["10.0.2.9", "fd00:2::9"] } }

[links]
core = { ends = ["r1", "r2"], subnet = ["10.0.0.0/24", "fd00::/64"], mtu = 1400 }
"#;

const SPEAKERS: &str = r#"
[nodes]
rr = { kind = "fakerr" }
compute = { kind = "bagpipe", count = 2, peers = ["rr"], dataplane = "dummy" }
h = { kind = "host" }

[lans]
underlay = { join = ["rr", "compute", "h"], subnet = "10.0.0.0/24", address = { h = "10.0.0.99" } }
"#;

impl Labgen {
    /// Whether one echo request from `a` to `b` is answered, by each family.
    fn pings(&self) -> [bool; 2] {
        ["10.0.2.9", "fd00:2::9"].map(|to| {
            let ping = ["exec", "a", "--", "ping", "-c1", "-W1", to];
            self.says(&ping).status == 0
        })
    }

    fn nodes(&self) -> BTreeMap<String, Value> {
        let lab: Value =
            serde_json::from_str(self.says(&["inspect", "--json"]).succeeds()).unwrap();
        let nodes = lab["nodes"].as_array().unwrap().iter();
        nodes
            .map(|node| (node["name"].as_str().unwrap().to_owned(), node.clone()))
            .collect()
    }

    fn pid(&self, node: &str) -> Option<i64> {
        self.nodes()[node]["pid"].as_i64()
    }
}

#[test]
fn addresses_and_routes_are_usable_as_soon_as_the_lab_is_up() {
    if ping_is_missing() {
        return;
    }
    let labgen = Labgen::new("routed");
    let file = labgen.write("lab.toml", ROUTED);
    labgen.says(&["up", &file]).succeeds();
    assert_eq!(labgen.pings(), [true, true]);
    let links = labgen.says(&["exec", "r1", "--", "ip", "link", "show", "core"]);
    assert!(links.succeeds().contains("mtu 1400"), "{}", links.stdout);
}

#[test]
fn a_link_that_was_cut_and_healed_is_as_before() {
    if ping_is_missing() {
        return;
    }
    let labgen = Labgen::new("cut");
    let file = labgen.write("lab.toml", ROUTED);
    labgen.says(&["up", &file]).succeeds();
    let state = |node| {
        let show = |args: &[&str]| {
            let command = [&["exec", node, "--", "ip"], args].concat();
            labgen.says(&command).succeeds().to_owned()
        };
        [
            show(&["-brief", "address"]),
            show(&["route"]),
            show(&["-6", "route", "show", "proto", "static"]),
        ]
    };
    let before = [state("r1"), state("r2"), state("a")];
    for what in ["core", "left", "a/left", "r2/core"] {
        labgen.says(&["cut", what]).succeeds();
        assert_eq!(labgen.pings(), [false, false], "{what}");
        let again = labgen.says(&["cut", what]);
        again.fails_with(1, &format!("`{what}` is cut already"));
        labgen.says(&["heal", what]).succeeds();
        assert_eq!(labgen.pings(), [true, true], "{what}");
        let again = labgen.says(&["heal", what]);
        again.fails_with(1, &format!("`{what}` is not cut"));
        assert_eq!([state("r1"), state("r2"), state("a")], before, "{what}");
    }
    // The node's end of a cable that is pulled out of a switch keeps everything but its carrier.
    labgen.says(&["cut", "a/left"]).succeeds();
    let cut: Vec<Value> = labgen.nodes()["a"]["cut"].as_array().unwrap().clone();
    assert_eq!(cut, ["left"]);
    let show = labgen.says(&["exec", "a", "--", "ip", "route"]);
    assert!(
        show.succeeds().contains("default via 10.0.1."),
        "{}",
        show.stdout
    );

    labgen.says(&["cut", "middle"]).fails_with(
        1,
        "no LAN, link or NODE/INTERFACE `middle`; there are: left, right, core",
    );
    labgen
        .says(&["cut", "a/eth7"])
        .fails_with(1, "no interface `eth7` in node `a`; it has: left");
    labgen
        .says(&["cut", "z/eth7"])
        .fails_with(1, "no node `z`; nodes are: a, b, r1, r2");
}

#[test]
fn programs_are_halted_and_started_in_their_namespaces() {
    let labgen = Labgen::new("halt");
    let file = labgen.write("lab.toml", SPEAKERS);
    labgen.says(&["up", &file]).succeeds();
    let before = labgen.pid("rr").unwrap();
    labgen.says(&["halt", "rr"]).succeeds();
    let halted = labgen.nodes()["rr"].clone();
    assert_eq!(
        (&halted["halted"], &halted["pid"]),
        (&Value::Bool(true), &Value::Null)
    );
    let address = labgen.says(&["exec", "rr", "--", "ip", "-brief", "address"]);
    assert!(address.succeeds().contains("10.0.0."), "{}", address.stdout);
    labgen
        .says(&["halt", "rr"])
        .fails_with(1, "node `rr` is not running");
    labgen.says(&["start", "rr"]).succeeds();
    let after = labgen.pid("rr").unwrap();
    assert_ne!(before, after);
    labgen
        .says(&["start", "rr"])
        .fails_with(1, "node `rr` is running");
    labgen.says(&["restart", "rr", "compute-1"]).succeeds();
    assert_ne!(labgen.pid("rr").unwrap(), after);
    labgen
        .says(&["start", "h"])
        .fails_with(1, "node `h` runs no program");
}

#[test]
fn a_changed_file_changes_only_what_differs() {
    let labgen = Labgen::new("change");
    let file = labgen.write("lab.toml", SPEAKERS);
    labgen.says(&["up", &file]).succeeds();
    let again = labgen.says(&["up", &file]);
    assert_eq!(again.succeeds(), "lab `lab` is as the file says\n");
    let (rr, first) = (labgen.pid("rr"), labgen.pid("compute-1"));

    let edited = SPEAKERS
        .replace("count = 2", "count = 3")
        .replace("10.0.0.99", "10.0.0.77");
    labgen.write("lab.toml", &edited);
    let expected = "+ node compute-3 (bagpipe)\n~ h on underlay: -10.0.0.99/24, +10.0.0.77/24\n";
    let plan = labgen.says(&["plan", &file]);
    assert_eq!(
        plan.succeeds(),
        format!("{expected}lab `lab` would change: 2 changes\n")
    );
    assert!(!labgen.nodes().contains_key("compute-3"));
    let up = labgen.says(&["up", &file]);
    assert_eq!(
        up.succeeds(),
        format!("{expected}lab `lab` changed: 2 changes\n")
    );
    assert_eq!((labgen.pid("rr"), labgen.pid("compute-1")), (rr, first));
    assert!(labgen.pid("compute-3").is_some());
    let list: Value = serde_json::from_str(labgen.says(&["list", "--json"]).succeeds()).unwrap();
    assert_eq!(list[0]["nodes"], 5);
    let address = labgen.says(&["exec", "h", "--", "ip", "-brief", "address"]);
    let address = address.succeeds();
    assert!(
        address.contains("10.0.0.77/24") && !address.contains("10.0.0.99"),
        "{address}"
    );

    // Everything that can go, go anew, and come; the interfaces bear the same names again.
    let rebuilt = edited
        .replace("count = 3", "count = 1")
        .replace(
            "h = { kind = \"host\" }",
            "h = { kind = \"router\" }\nx = { kind = \"host\" }",
        )
        .replace("\"h\"]", "\"h\", \"x\"]")
        + "second = { join = [\"x\", \"h\"] }\n\n[links]\ncable = { ends = [\"x\", \"h\"] }\n";
    labgen.write("lab.toml", &rebuilt);
    labgen.says(&["up", &file]).succeeds();
    assert_eq!((labgen.pid("rr"), labgen.pid("compute-1")), (rr, first));
    let nodes = labgen.nodes();
    assert_eq!(
        nodes.keys().collect::<Vec<_>>(),
        ["compute-1", "h", "rr", "x"]
    );
    let links = labgen.says(&["exec", "h", "--", "ip", "-brief", "link"]);
    let links = links.succeeds();
    for name in ["underlay", "second", "cable"] {
        assert!(links.contains(name), "no {name} in {links}");
    }
    // And back: what came is gone from the nodes that stay, too.
    labgen.write("lab.toml", SPEAKERS);
    labgen.says(&["up", &file]).succeeds();
    let links = labgen.says(&["exec", "h", "--", "ip", "-brief", "link"]);
    assert!(!links.succeeds().contains("second"), "{}", links.stdout);
    assert_eq!(
        labgen.says(&["plan", &file]).succeeds(),
        "lab `lab` is as the file says\n"
    );
    assert_eq!((labgen.pid("rr"), labgen.pid("compute-1")), (rr, first));
}

#[test]
fn a_lab_is_changed_by_its_own_file_only() {
    let labgen = Labgen::new("own-file");
    let file = labgen.write("lab.toml", SPEAKERS);
    labgen.says(&["up", &file]).succeeds();
    let other = format!("[lab]\nname = \"lab\"\n{SPEAKERS}").replace("count = 2", "count = 9");
    let other = labgen.write("other.toml", &other);
    labgen
        .says(&["up", &other])
        .fails_with(1, "lab `lab` was built from another file");
    let list: Value = serde_json::from_str(labgen.says(&["list", "--json"]).succeeds()).unwrap();
    assert_eq!(list[0]["nodes"], 4);
    labgen
        .says(&["run", &other])
        .fails_with(1, "lab `lab` is already up");
}

#[test]
fn one_of_two_links_that_are_cut_is_healed() {
    let labgen = Labgen::new("two-cut");
    let text = r#"
[nodes]
a = { kind = "router", routes = [{ to = "10.7.0.0/16", via = "b" }, { to = "10.8.0.0/16", via = "c" }] }
b = { kind = "router" }
c = { kind = "router" }

[links]
one = { ends = ["a", "b"] }
two = { ends = ["a", "c"] }
"#;
    let file = labgen.write("lab.toml", text);
    labgen.says(&["up", &file]).succeeds();
    let routes = || {
        let show = [
            "exec",
            "a",
            "--",
            "ip",
            "route",
            "show",
            "root",
            "10.0.0.0/8",
        ];
        let shown = labgen.says(&show).succeeds().to_owned();
        ["10.7.", "10.8."].map(|to| shown.contains(to))
    };
    assert_eq!(routes(), [true, true]);
    for link in ["one", "two"] {
        labgen.says(&["cut", link]).succeeds();
    }
    labgen.says(&["heal", "one"]).succeeds();
    assert_eq!(routes(), [true, false]);
    // Neither does a change of something else need the link that is still cut.
    let longer = text.replace(
        "c = { kind = \"router\" }",
        "c = { kind = \"router\" }\nd = { kind = \"host\" }",
    );
    labgen.write(
        "lab.toml",
        &(longer + "three = { ends = [\"a\", \"d\"] }\n"),
    );
    labgen.says(&["up", &file]).succeeds();
    labgen.says(&["heal", "two"]).succeeds();
    assert_eq!(routes(), [true, true]);
}

#[test]
fn several_may_restart_a_node_at_a_time() {
    let labgen = Labgen::new("restarts");
    let file = labgen.write("lab.toml", SPEAKERS);
    labgen.says(&["up", &file]).succeeds();
    let before = labgen.pid("rr");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| labgen.says(&["restart", "rr"]).succeeds().to_owned());
        }
    });
    let rr = labgen.nodes()["rr"].clone();
    assert_eq!(rr["exited"], Value::Null);
    assert_ne!(rr["pid"].as_i64(), before);
}

#[test]
fn nothing_of_a_halted_node_goes_on() {
    let labgen = Labgen::new("leftovers");
    let mark = format!("{}", 900_000 + std::process::id());
    let text = format!(
        "[nodes]\na = {{ kind = \"exec\", command = [\"sh\", \"-c\", \"sleep {mark} & exec sleep {mark}\"] }}\n\
         b = {{ kind = \"host\" }}\n\n[lans]\nlan = {{ join = [\"a\", \"b\"] }}\n"
    );
    let file = labgen.write("lab.toml", &text);
    labgen.says(&["up", &file]).succeeds();
    let pattern = mark.replacen('9', "[9]", 1);
    let script =
        format!("cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -o 'sleep {pattern}' | wc -l");
    let count = || {
        labgen
            .says(&["exec", "b", "--", "sh", "-c", &script])
            .succeeds()
            .trim()
            .to_owned()
    };
    // The shell in the middle may still be there for a moment, with the same words.
    assert_ne!(count(), "0");
    labgen.says(&["halt", "a"]).succeeds();
    assert_eq!(count(), "0");
}

#[test]
fn a_change_that_stopped_halfway_can_be_looked_at_and_made_up_for() {
    let labgen = Labgen::new("halfway");
    let file = labgen.write("lab.toml", SPEAKERS);
    labgen.says(&["up", &file]).succeeds();
    let first = labgen.pid("compute-1");
    // What every new node is shown is gone.
    let ready = labgen.dir.join("state/lab/ready");
    std::fs::remove_dir_all(&ready).unwrap();
    let more = SPEAKERS.replace("count = 2", "count = 3");
    labgen.write("lab.toml", &more);
    labgen
        .says(&["up", &file])
        .fails_with(1, "the change stopped halfway");
    let node = labgen.nodes()["compute-3"].clone();
    assert_eq!(node["programs"], Value::Array(Vec::new()));
    let absent = labgen.says(&["exec", "compute-3", "--", "true"]);
    absent.fails_with(1, "node `compute-3` was not made");
    std::fs::create_dir(&ready).unwrap();
    labgen.says(&["up", &file]).succeeds();
    assert!(labgen.pid("compute-3").is_some());
    assert_eq!(labgen.pid("compute-1"), first);
    let as_said = "lab `lab` is as the file says\n";
    assert_eq!(labgen.says(&["up", &file]).succeeds(), as_said);

    // A program that does not start, and one that is not come to for that.
    let with = |command: &str, ready: &str| {
        let nodes = format!(
            "h = {{ kind = \"host\" }}\nx = {{ kind = \"exec\", command = {command}, ready = \"{ready}\" }}\n\
             y = {{ kind = \"exec\", command = [\"sleep\", \"1000\"] }}"
        );
        let text = more.replace("h = { kind = \"host\" }", &nodes);
        labgen.write("lab.toml", &(text + "late = { join = [\"x\", \"y\"] }\n"));
    };
    with("[\"false\"]", "notify");
    labgen
        .says(&["up", &file])
        .fails_with(1, "`exec` of node `x` ended before it was ready");
    let unstarted = "the last change stopped before it ran";
    assert_eq!(
        labgen.says(&["plan", &file]).succeeds(),
        format!(
            "~ restart x: {unstarted}\n~ restart y: {unstarted}\nlab `lab` would change: 2 changes\n"
        )
    );
    with("[\"sleep\", \"1000\"]", "started");
    labgen.says(&["up", &file]).succeeds();
    for node in ["x", "y"] {
        assert!(labgen.pid(node).is_some(), "{node}");
    }
    assert_eq!(labgen.says(&["up", &file]).succeeds(), as_said);
}
