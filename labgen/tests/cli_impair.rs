//! Links that get worse and better, from outside: by command, by file, while the lab stands.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{HOSTS, Labgen, ping_is_missing};
use serde_json::Value;

/// A LAN, a link through a wire and one without, all between the same two hosts.
const NETS: &str = r#"
[lab]
wire = "own"

[nodes]
a = { kind = "host" }
b = { kind = "host" }

[lans]
lan = { join = ["a", "b"], subnet = "10.0.0.0/24" }

[links]
wired = { ends = ["a", "b"], subnet = "10.0.1.0/30", impair = {} }
plain = { ends = ["a", "b"], subnet = "10.0.2.0/30" }
"#;

impl Labgen {
    /// Whether `b` answers `a`.
    fn reaches(&self, to: &str) -> bool {
        let ping = ["exec", "a", "--", "ping", "-c2", "-i0.2", "-W1", to];
        self.says(&ping).status == 0
    }

    /// What is in force: net, node, direction and what.
    fn in_force(&self) -> Vec<String> {
        let impaired = self.impaired();
        let texts = impaired.iter().map(|one| {
            let word = |key: &str| one[key].as_str().unwrap().to_owned();
            format!(
                "{} {} {}: {}",
                word("net"),
                word("node"),
                word("direction"),
                word("by")
            )
        });
        texts.collect()
    }

    fn impaired(&self) -> Vec<Value> {
        let lab: Value =
            serde_json::from_str(self.says(&["inspect", "--json"]).succeeds()).unwrap();
        lab["impaired"].as_array().cloned().unwrap_or_default()
    }
}

#[test]
fn a_lan_is_impaired_and_is_not() {
    if ping_is_missing() {
        return;
    }
    let labgen = Labgen::new("impair-lan");
    let file = labgen.write("lab.toml", NETS);
    labgen.says(&["up", &file]).succeeds();
    assert!(labgen.reaches("10.0.0.2"));

    let said = labgen.says(&["impair", "lan", "--loss", "100%"]);
    assert_eq!(said.succeeds(), "lan: a, b out: loss 100%\n");
    assert!(!labgen.reaches("10.0.0.2"));
    assert_eq!(
        labgen.in_force(),
        ["lan a out: loss 100%", "lan b out: loss 100%"]
    );
    let counters = &labgen.impaired()[0]["counters"];
    assert!(counters["lost"].as_u64().unwrap() > 0, "{counters}");
    assert_eq!(counters["lost"], counters["frames"]);

    // Cut and healed, it is as bad as before.
    labgen.says(&["cut", "lan"]).succeeds();
    labgen.says(&["heal", "lan"]).succeeds();
    assert!(!labgen.reaches("10.0.0.2"));

    labgen.says(&["impair", "lan", "--clear"]).succeeds();
    assert!(labgen.reaches("10.0.0.2"));
    assert_eq!(labgen.in_force(), [""; 0]);

    let said = labgen.says(&["impair", "b/lan", "--direction", "in", "--loss", "100%"]);
    assert_eq!(said.succeeds(), "b/lan: b in: loss 100%\n");
    assert!(!labgen.reaches("10.0.0.2"));
    // What was said of one node's frames alone goes with the rest.
    labgen.says(&["impair", "lan", "--delay", "1ms"]).succeeds();
    assert!(labgen.reaches("10.0.0.2"));
    assert_eq!(
        labgen.in_force(),
        ["lan a out: delay 1ms", "lan b out: delay 1ms"]
    );
    let table = labgen.says(&["inspect"]);
    assert!(table.succeeds().contains("delay 1ms"), "{}", table.stdout);
}

#[test]
fn a_link_is_impaired_where_it_can_be() {
    if ping_is_missing() {
        return;
    }
    let labgen = Labgen::new("impair-link");
    let file = labgen.write("lab.toml", NETS);
    labgen.says(&["up", &file]).succeeds();
    assert!(labgen.reaches("10.0.1.2") && labgen.reaches("10.0.2.2"));
    // What `b` gets is what `a` sends.
    let said = labgen.says(&[
        "impair",
        "wired",
        "--node",
        "b",
        "--direction",
        "in",
        "--loss",
        "100%",
    ]);
    assert_eq!(said.succeeds(), "wired: a out: loss 100%\n");
    assert!(!labgen.reaches("10.0.1.2") && labgen.reaches("10.0.2.2"));
    labgen.says(&["impair", "wired", "--clear"]).succeeds();
    assert!(labgen.reaches("10.0.1.2"));
    labgen.says(&["cut", "wired"]).succeeds();
    assert!(!labgen.reaches("10.0.1.2"));
    labgen.says(&["heal", "wired"]).succeeds();
    assert!(labgen.reaches("10.0.1.2"));
    let refused = labgen.says(&["impair", "plain", "--loss", "1%"]);
    refused.fails_with(1, "with `impair = {}` it is laid so that there is");
}

#[test]
fn what_cannot_be_is_refused() {
    let labgen = Labgen::new("impair-wrong");
    let file = labgen.write("lab.toml", NETS);
    labgen.says(&["up", &file]).succeeds();
    let wrong: [(&[&str], i32, &str); 8] = [
        (&["lan"], 2, "asks for nothing"),
        (&["lan", "--loss", "101%"], 2, "is not a percentage"),
        (&["lan", "--loss", "0.01"], 2, "is not a percentage"),
        (&["lan", "--rate", "10"], 2, "is not a rate"),
        (
            &["lan", "--jitter", "2ms", "--delay", "1ms"],
            2,
            "`--jitter` is more than",
        ),
        (
            &["lan", "--direction", "in", "--loss", "1%"],
            2,
            "`--direction` says nothing",
        ),
        (&["lan", "--clear", "--loss", "1%"], 2, "`--clear` ends"),
        (
            &["nowhere", "--loss", "1%"],
            1,
            "there are: lan, wired, plain",
        ),
    ];
    for (args, status, words) in wrong {
        let args = [&["impair"], args].concat();
        labgen.says(&args).fails_with(status, words);
    }
}

#[test]
fn a_changed_file_changes_what_is_done_to_frames() {
    if ping_is_missing() {
        return;
    }
    let labgen = Labgen::new("impair-change");
    let with = |keys: &str| {
        let text = HOSTS.replace("subnet =", &format!("{keys}subnet ="));
        labgen.write("lab.toml", &format!("[lab]\nwire = \"own\"\n{text}"))
    };
    let file = with("");
    labgen.says(&["up", &file]).succeeds();
    with(r#"impair = { node = "a", loss = "100%" }, "#);
    let plan = labgen.says(&["plan", &file]);
    assert!(
        plan.succeeds()
            .starts_with("~ lan: a out: loss 100%; a in: loss 100%\n"),
        "{}",
        plan.stdout
    );
    labgen.says(&["up", &file]).succeeds();
    assert!(!labgen.reaches("10.0.0.2"));
    // A cable that is laid anew is as the file says, and so are longer frames.
    with(r#"mtu = 4000, mac = { a = "02:00:00:00:00:aa" }, impair = { delay = "1ms" }, "#);
    labgen.says(&["up", &file]).succeeds();
    let long = [
        "exec", "a", "--", "ping", "-c2", "-i0.2", "-W1", "-Mdo", "-s3900", "10.0.0.2",
    ];
    labgen.says(&long).succeeds();
    assert_eq!(
        labgen.in_force(),
        ["lan a out: delay 1ms", "lan b out: delay 1ms"]
    );
    with("");
    labgen.says(&["up", &file]).succeeds();
    assert_eq!(labgen.in_force(), [""; 0]);
    assert!(labgen.reaches("10.0.0.2"));
}

#[test]
fn a_link_that_is_impaired_no_more_is_laid_without_a_wire() {
    if ping_is_missing() {
        return;
    }
    let labgen = Labgen::new("impair-unwired");
    let with = |key: &str| labgen.write("lab.toml", &NETS.replace(", impair = {}", key));
    let file = with(r#", impair = { loss = "100%" }"#);
    labgen.says(&["up", &file]).succeeds();
    assert!(!labgen.reaches("10.0.1.2"));
    with("");
    labgen.says(&["up", &file]).succeeds();
    assert_eq!(labgen.in_force(), [""; 0]);
    assert!(labgen.reaches("10.0.1.2"));
    labgen
        .says(&["impair", "wired", "--loss", "1%"])
        .fails_with(1, "with `impair = {}` it is laid so that there is");
}

#[test]
fn a_plan_says_what_delays_frames() {
    let labgen = Labgen::new("impair-plan");
    let file = labgen.write("lab.toml", NETS);
    let plan = labgen.says(&["plan", &file]);
    assert!(
        !plan.succeeds().contains("frames are delayed"),
        "{}",
        plan.stdout
    );
    let lossy = NETS.replace("impair = {}", r#"impair = { loss = "1%" }"#);
    labgen.write("lab.toml", &lossy);
    let plan = labgen.says(&["plan", &file]);
    assert!(
        plan.succeeds().contains("~ wired: a, b out: loss 1%\n"),
        "{}",
        plan.stdout
    );
    assert!(
        plan.stdout
            .ends_with("frames are delayed and lost by labgen's own wires\n"),
        "{}",
        plan.stdout
    );
}
