//! Traffic and what is said of it, from outside: figures that are not met, and why.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{HOSTS, Labgen};
use serde_json::Value;

/// The events of a run of two hosts with these steps.
fn run(test: &str, steps: &str) -> Vec<Value> {
    let labgen = Labgen::new(test);
    let file = labgen.write("traffic.toml", &format!("{HOSTS}\n{steps}"));
    let said = labgen.says(&["run", &file, "--json"]);
    let events = said.stdout.lines();
    events
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn failure(events: &[Value]) -> &Value {
    let failed = events.iter().find(|event| event["event"] == "step-failed");
    failed.unwrap_or_else(|| panic!("nothing failed: {events:#?}"))
}

fn details(failure: &Value) -> String {
    let lines = failure["details"].as_array().unwrap().iter();
    lines
        .filter_map(Value::as_str)
        .collect::<Vec<_>>()
        .join("\n")
}

const BEGIN: &str = r#"
[[step]]
ping = { from = "a", to = "b", within = "20s" }
[[step]]
traffic = { from = "a", to = "b", as = "one", rate = 500, timeout = "300ms" }
[[step]]
expect = { traffic = { flow = "one", received_at_least = 50 }, within = "20s" }
[[step]]
label = "cut"
cut = { on = "lan", node = "b" }
"#;

#[test]
fn an_outage_that_is_too_long_is_told_with_its_step() {
    let steps = format!(
        "{BEGIN}[[step]]\nexpect = {{ traffic = {{ flow = \"one\", outage_at_least = \"100ms\" }}, within = \"20s\" }}\n\
         [[step]]\nheal = {{ on = \"lan\", node = \"b\" }}\n\
         [[step]]\nexpect = {{ traffic = {{ flow = \"one\", since = \"cut\", outage_at_most = \"50ms\" }}, within = \"20s\" }}"
    );
    let events = run("outage", &steps);
    let failed = failure(&events);
    assert_eq!(failed["number"], "7");
    assert_eq!(
        failed["expected"],
        "traffic one: outage at most 50 ms since cut"
    );
    assert!(
        failed["seen"].as_str().unwrap().starts_with("outage "),
        "{failed}"
    );
    let details = details(failed);
    assert!(
        details.contains("after the beginning of step 4, cut b off lan"),
        "{details}"
    );
    let outages: Vec<&Value> = events.iter().filter(|e| e["event"] == "outage").collect();
    let outage = outages.first().expect("it is told");
    assert_eq!(outage["flow"], "one");
    let length = outage["until"].as_u64().unwrap() - outage["since"].as_u64().unwrap();
    assert!(length >= 100_000, "{outage}");
    assert!(outage["lost"].as_u64().unwrap() >= 40, "{outage}");
}

#[test]
fn a_loss_that_begins_ends_what_should_stay_so() {
    let steps = format!(
        "{BEGIN}[[step]]\nexpect = {{ traffic = {{ flow = \"one\", loss_at_most = \"0%\" }}, for = \"10s\" }}"
    );
    let events = run("loss", &steps);
    let failed = failure(&events);
    assert_eq!(failed["number"], "5");
    let seen = failed["seen"].as_str().unwrap();
    assert!(seen.contains("loss "), "{seen}");
}

#[test]
fn figures_that_traffic_which_has_ended_cannot_reach_are_not_waited_for() {
    let steps = r#"
[[step]]
ping = { from = "a", to = "b", within = "20s" }
[[step]]
traffic = { from = "a", to = "b", as = "one", rate = 500, for = "200ms" }
[[step]]
expect = { traffic = { flow = "one", lost_at_least = 1 }, within = "1000s" }
"#;
    let events = run("ended", steps);
    let failed = failure(&events);
    assert_eq!(failed["seen"], "lost 0");
    assert!(
        details(failed).starts_with("100 of 100 arrived"),
        "{failed}"
    );
}

#[test]
fn a_way_and_a_port_that_are_not_as_expected_say_what_is() {
    let way = run(
        "way",
        "[[step]]\ntraceroute = { from = \"a\", to = \"b\", hops = [\"10.9.9.9\"], within = \"500ms\" }",
    );
    let failed = failure(&way);
    assert!(
        failed["expected"]
            .as_str()
            .unwrap()
            .starts_with("the way 10.9.9.9, b ("),
        "{failed}"
    );
    assert!(
        failed["seen"].as_str().unwrap().starts_with("b ("),
        "{failed}"
    );

    let taken = run(
        "taken",
        "[[step]]\nbackground = true\nconnect = { from = \"a\", to = \"b\", port = 80, fails = true, for = \"300ms\" }",
    );
    assert!(
        failure(&taken)["seen"]
            .as_str()
            .unwrap()
            .starts_with("one was made")
    );

    let silent = run(
        "silent",
        "[[step]]\nconnect = { from = \"a\", to = \"b\", port = 81, listen = false, within = \"300ms\" }",
    );
    assert!(
        details(failure(&silent)).contains("Connection refused"),
        "{silent:?}"
    );
}

/// What is under way when an upper bound is asked for has yet to arrive, and what was just broken has yet to show.
#[test]
fn an_upper_bound_is_judged_by_what_is_sent_after_the_fault() {
    let steps = format!(
        "{BEGIN}[[step]]\nexpect = {{ traffic = {{ flow = \"one\", since = \"cut\", outage_at_most = \"50ms\" }}, within = \"20s\" }}"
    );
    let events = run("bound", &steps);
    let failed = failure(&events);
    assert_eq!(failed["number"], "5");
    assert!(
        failed["seen"].as_str().unwrap().starts_with("outage "),
        "{failed}"
    );
}
