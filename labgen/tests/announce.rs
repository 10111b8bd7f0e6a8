//! Routes that steps announce, and what flaps, from outside.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::Labgen;
use serde_json::Value;

const REFLECTOR: &str = r#"
[lab]
seed = 7

[nodes]
rr = { kind = "fakerr" }
compute = { kind = "bagpipe" }

[lans]
underlay = { join = ["rr", "compute"], subnet = "10.0.0.0/24" }

[vpns]
blue = { type = "evpn", rt = "64512:79", vni = 79 }

[[step]]
attach = { port = "vm", on = "compute", vpn = "blue", ip = "12.11.11.1/24" }

[[step]]
announce = { on = "rr", as = "hosts", family = "evpn", type = 2, routes = 3, rd = "1:1", mac = "02:00:00:00:00:50", vni = 79, rt = "64512:79" }

[[step]]
expect = { route = { on = "compute", vpn = "blue", family = "evpn", type = 2, rd = "1:1", count = 3 } }
"#;

/// The events of a run of a reflector and a speaker that holds three of its routes, and the run's exit status.
fn run(test: &str, steps: &str) -> (Vec<Value>, i32) {
    let labgen = Labgen::new(test);
    let file = labgen.write("announce.toml", &format!("{REFLECTOR}\n{steps}"));
    let said = labgen.says(&["run", &file, "--json"]);
    let events = said.stdout.lines();
    let events = events.map(|line| serde_json::from_str(line).unwrap());
    (events.collect(), said.status)
}

fn faults(events: &[Value]) -> Vec<(&str, &str)> {
    let faults = events.iter().filter(|event| event["event"] == "fault");
    faults
        .map(|event| {
            let word = |key: &str| event[key].as_str().unwrap();
            (word("action"), word("on"))
        })
        .collect()
}

#[test]
fn each_flap_is_told_and_what_flapped_is_there() {
    let (events, status) = run(
        "flaps",
        r#"
[[step]]
flap = { announced = "hosts", times = 4, period = "20ms", jitter = "5ms" }
[[step]]
expect = { route = { on = "compute", family = "evpn", rd = "1:1", count = 3 } }
[[step]]
flap = { session = { on = "rr", peer = "compute" }, times = 2, period = "10ms" }
[[step]]
expect = { route = { on = "compute", family = "evpn", rd = "1:1", count = 3 } }
[[step]]
flap = { port = "vm", times = 1, period = "10ms" }
[[step]]
flap = { link = { on = "underlay", node = "compute" }, times = 1, period = "10ms" }
"#,
    );
    assert_eq!(status, 0, "{events:#?}");
    let expected = [
        ("flap", "hosts"),
        ("flap", "hosts"),
        ("flap", "hosts"),
        ("flap", "hosts"),
        ("flap", "rr with 10.0.0.2"),
        ("flap", "rr with 10.0.0.2"),
        ("flap", "vm"),
    ];
    let told = faults(&events);
    assert_eq!(told[..7], expected);
    let cables: Vec<&str> = told[7..].iter().map(|(action, _)| *action).collect();
    assert_eq!(cables, ["cut", "heal"]);
}

#[test]
fn a_flap_that_is_stopped_leaves_what_it_found() {
    let (events, status) = run(
        "stopped-flap",
        r#"
[[step]]
label = "away"
background = true
flap = { announced = "hosts", times = 1000, period = "200ms", down = "199ms" }
[[step]]
expect = { route = { on = "compute", family = "evpn", rd = "1:1", absent = true } }
[[step]]
stop = { step = "away" }
[[step]]
expect = { route = { on = "compute", family = "evpn", rd = "1:1", count = 3 }, within = "2s" }
"#,
    );
    assert_eq!(status, 0, "{events:#?}");
}

#[test]
fn a_speaker_that_is_gone_cannot_be_told() {
    let (events, status) = run(
        "gone",
        r#"
[[step]]
exec = { on = "rr", command = ["sh", "-c", "kill -9 $(cat /proc/[0-9]*/stat | grep '(bagpipe-fakerr)' | cut -d' ' -f1)"], exit = 0 }
[[step]]
withdraw = { what = "hosts" }
"#,
    );
    assert_eq!(status, 1);
    let failed = events.iter().find(|event| event["event"] == "step-failed");
    let failed = failed.unwrap();
    assert_eq!(failed["step"], 5, "{failed}");
    assert!(
        failed["seen"]
            .as_str()
            .unwrap()
            .contains("`rr` does not take orders"),
        "{failed}"
    );
}
