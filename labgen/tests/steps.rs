//! Steps in steps, from outside: what fails where, and what becomes of the others.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{HOSTS, Labgen};
use serde_json::Value;

/// The events of a run of two hosts with these steps, and the run's exit status.
fn run(test: &str, steps: &str) -> (Vec<Value>, i32) {
    let labgen = Labgen::new(test);
    let file = labgen.write("steps.toml", &format!("{HOSTS}\n{steps}"));
    let said = labgen.says(&["run", &file, "--json"]);
    let events = said.stdout.lines();
    let events = events.map(|line| serde_json::from_str(line).unwrap());
    (events.collect(), said.status)
}

/// The numbers of the steps that came to this end.
fn ended(events: &[Value], how: &str) -> Vec<u64> {
    let events = events.iter().filter(|event| event["event"] == how);
    events.filter_map(|event| event["step"].as_u64()).collect()
}

const TRUE: &str = r#"exec = { on = "a", command = ["true"] }"#;
const FALSE: &str = r#"exec = { on = "a", command = ["false"] }"#;
const LONG: &str = r#"exec = { on = "a", command = ["sleep", "1000"], within = "2000s" }"#;

#[test]
fn the_branch_that_fails_stops_the_others() {
    let steps = format!(
        "[[step]]\nparallel = [ {{ {LONG} }}, {{ steps = [ {{ {TRUE} }}, {{ {FALSE} }} ] }} ]"
    );
    let (events, status) = run("branches", &steps);
    assert_eq!(status, 1);
    assert_eq!(ended(&events, "step-failed"), [5]);
    assert_eq!(ended(&events, "step-passed"), [4]);
    let mut stopped = ended(&events, "step-stopped");
    stopped.sort_unstable();
    assert_eq!(stopped, [1, 2, 3]);
}

#[test]
fn a_background_step_that_fails_ends_the_run() {
    let steps = format!("[[step]]\nbackground = true\n{FALSE}\n[[step]]\n{LONG}");
    let (events, status) = run("beside", &steps);
    assert_eq!(status, 1);
    assert_eq!(ended(&events, "step-failed"), [1]);
    assert_eq!(ended(&events, "step-stopped"), [2]);
}

#[test]
fn a_background_step_that_fails_while_the_last_step_waits_for_it_fails_the_run() {
    let failing = r#"exec = { on = "a", command = ["sh", "-c", "sleep 0.3; false"] }"#;
    let steps = format!(
        "[[step]]\nlabel = \"beside\"\nbackground = true\n{failing}\n\
         [[step]]\nwait = {{ step = \"beside\", within = \"30s\" }}"
    );
    let (events, status) = run("beside-waited-for", &steps);
    assert_eq!(status, 1);
    assert_eq!(ended(&events, "step-failed"), [1]);
    assert_eq!(ended(&events, "step-stopped"), [2]);
}

#[test]
fn a_background_step_that_is_stopped_has_passed_and_one_that_is_not_is_waited_for() {
    let steps = format!(
        "[[step]]\nlabel = \"long\"\nbackground = true\n{LONG}\n[[step]]\nstop = {{ step = \"long\" }}\n\
         [[step]]\nbackground = true\nexec = {{ on = \"a\", command = [\"sleep\", \"0.3\"] }}"
    );
    let (events, status) = run("stopped", &steps);
    assert_eq!(status, 0);
    assert_eq!(ended(&events, "step-passed"), [1, 2, 3]);
}

#[test]
fn rounds_are_told_of_one_by_one_and_one_that_fails_is_the_last() {
    let steps = format!("[[step]]\nrepeat = {{ times = 3, steps = [ {{ {TRUE} }} ] }}");
    let (events, _) = run("rounds", &steps);
    let inner = events
        .iter()
        .filter(|event| event["event"] == "step-passed" && event["step"] == 2);
    let rounds: Vec<&Value> = inner.map(|event| &event["rounds"][0]).collect();
    assert_eq!(rounds, [1, 2, 3]);

    // Fails when it finds what it has left.
    let once = r#"exec = { on = "a", command = ["mkdir", "/run/once"] }"#;
    let steps = format!("[[step]]\nrepeat = {{ times = 9, steps = [ {{ {once} }} ] }}");
    let (events, status) = run("rounds-fail", &steps);
    assert_eq!(status, 1);
    let failed = events
        .iter()
        .find(|event| event["event"] == "step-failed")
        .unwrap();
    assert_eq!(failed["rounds"], serde_json::json!([2]));
    assert_eq!(failed["number"], "1.1");
}

#[test]
fn a_step_that_was_included_is_shown_where_it_was_written() {
    let labgen = Labgen::new("included");
    labgen.write("part.toml", &format!("\n\n[[step]]\n{FALSE}\n"));
    let file = labgen.write("steps.toml", &format!("include = [\"part.toml\"]\n{HOSTS}"));
    let said = labgen.says(&["run", &file]);
    said.fails_with(1, "part.toml:3");
    let report = labgen.dir.join("verdicts.xml");
    labgen.says(&["test", &file, "--junit", report.to_str().unwrap()]);
    let report = std::fs::read_to_string(report).unwrap();
    assert!(report.contains("part.toml:3"), "{report}");
}
