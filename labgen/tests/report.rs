//! The evidence of a run, and what is made of it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::fs;
use std::path::Path;

use common::{HOSTS, Labgen};
use serde_json::Value;

fn events(dir: &Path) -> Vec<Value> {
    let text = fs::read_to_string(dir.join("events.jsonl")).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn the_events_of_a_run_are_kept_from_the_clock_to_the_verdict() {
    let labgen = Labgen::new("events");
    let ping = "[[step]]\nping = { from = \"a\", to = \"b\", within = \"5s\" }\n";
    let file = labgen.write("one.toml", &format!("{HOSTS}\n{ping}"));
    let out = labgen.dir.join("evidence");
    labgen
        .says(&["run", &file, "--out", out.to_str().unwrap()])
        .succeeds();
    for dir in [&out, &labgen.dir.join("state/one")] {
        let events = events(dir);
        assert_eq!(events[0]["event"], "began");
        assert_eq!(events[0]["file"], file.as_str());
        let since_2020 = 1_577_836_800_000_000_000;
        assert!(events[0]["epoch_ns"].as_u64().unwrap() > since_2020);
        let last = events.last().unwrap();
        assert_eq!(
            (&last["event"], &last["passed"]),
            (&"done".into(), &true.into())
        );
        let scenario = fs::read(dir.join("scenario.json")).unwrap();
        serde_json::from_slice::<Value>(&scenario).unwrap();
    }
    labgen.says(&["down", "one", "--purge"]).succeeds();
    assert!(!labgen.dir.join("state/one").exists());
}

#[test]
fn faults_are_events_whoever_made_them() {
    let labgen = Labgen::new("faults");
    let file = labgen.write("one.toml", HOSTS);
    labgen.says(&["up", &file]).succeeds();
    labgen.says(&["cut", "lan"]).succeeds();
    labgen.says(&["heal", "a/lan"]).succeeds();
    let faults: Vec<_> = events(&labgen.dir.join("state/one"))
        .into_iter()
        .filter(|event| event["event"] == "fault")
        .map(|event| (event["action"].clone(), event["on"].clone()))
        .collect();
    assert_eq!(
        faults,
        [
            ("cut".into(), "lan".into()),
            ("heal".into(), "a/lan".into())
        ]
    );
}
