//! The command line, from outside: what a user types, what comes back.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use common::{HOSTS, Labgen, SCENARIOS, scenario};
use serde_json::Value;

#[test]
fn first_ping_passes_and_leaves_evidence_where_told() {
    let labgen = Labgen::new("first-ping");
    let out = labgen.dir.join("evidence");
    labgen
        .says(&[
            "run",
            &scenario("first-ping"),
            "--out",
            out.to_str().unwrap(),
        ])
        .succeeds();
    let wire = fs::read(out.join("captures/wire.pcapng")).unwrap();
    assert_eq!(
        &wire[..4],
        [0x0a, 0x0d, 0x0d, 0x0a],
        "pcapng begins with a section header"
    );
    for node in ["rr", "compute-a", "compute-b"] {
        assert!(
            out.join(format!("logs/{node}.log")).exists(),
            "no log of {node}"
        );
    }
}

#[test]
fn the_seeds_arrangement_passes() {
    Labgen::new("splice")
        .says(&["run", &scenario("first-ping-splice")])
        .succeeds();
}

#[test]
fn gobgp_reflects_as_well() {
    let labgen = Labgen::new("gobgp");
    let said = labgen.says(&["run", &scenario("first-ping-gobgp")]);
    if said.status == 3 && said.stderr.contains("gobgpd") {
        // Past the harness, which hides what a passing test prints.
        let mut stderr = std::io::stderr();
        let _ = stderr.write_all(b"SKIPPED: gobgpd is not installed (apt-get install gobgpd)\n");
        return;
    }
    said.succeeds();
}

#[test]
fn a_missing_program_is_named_with_its_package_before_anything_is_built() {
    let labgen = Labgen::new("missing");
    let output = labgen
        .command(&["run", &scenario("first-ping-gobgp")])
        .env("PATH", "/nonexistent")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.contains("`gobgpd`") && stderr.contains("apt-get install gobgpd"),
        "{stderr}"
    );
    assert!(!labgen.dir.join("state/first-ping-gobgp").exists());
}

#[test]
fn by_hand_as_the_documentation_has_it() {
    let labgen = Labgen::new("by-hand");
    labgen.says(&["up", &scenario("by-hand")]).succeeds();
    for (node, ip) in [("compute-a", "12.11.11.1"), ("compute-b", "12.11.11.2")] {
        let line = format!(
            "exec {node} -- bagpipe-rest-attach --attach --port netns --ip {ip} \
             --network-type evpn --vpn-instance-id test2 --rt 64512:79"
        );
        let words: Vec<&str> = line.split(' ').collect();
        assert!(labgen.says(&words).succeeds().contains("response: 200"));
    }
    let routes = labgen.says(&[
        "exec",
        "compute-b",
        "--",
        "bagpipe-looking-glass",
        "bgp",
        "routes",
    ]);
    assert!(routes.succeeds().contains("12.11.11.1"));

    let inspected = labgen.says(&["inspect", "--json"]);
    let lab: Value = serde_json::from_str(inspected.succeeds()).unwrap();
    let node = |name: &str| {
        let nodes = lab["nodes"].as_array().unwrap();
        nodes
            .iter()
            .find(|node| node["name"] == name)
            .unwrap()
            .clone()
    };
    assert_eq!(node("compute-a")["sessions"][0]["state"], "Established");
    assert_eq!(
        node("compute-a")["namespaces"],
        serde_json::json!(["test2"])
    );
    assert_eq!(node("rr")["kind"], "fakerr");

    assert!(labgen.says(&["down"]).succeeds().contains("by-hand"));
    labgen.says(&["inspect"]).fails_with(1, "no lab is up");
}

#[test]
fn commands_run_in_the_node_and_their_status_comes_back() {
    let labgen = Labgen::new("exec");
    let file = labgen.write("one.toml", HOSTS);
    labgen.says(&["up", &file]).succeeds();
    let seen = labgen.says(&["exec", "a", "--", "ls", "/sys/class/net"]);
    assert_eq!(seen.succeeds(), "lan\nlo\n");
    assert_eq!(
        labgen
            .says(&["exec", "a", "--", "sh", "-c", "exit 7"])
            .status,
        7
    );
    assert_eq!(
        labgen
            .says(&["exec", "a", "--", "sh", "-c", "kill -9 $$"])
            .status,
        128 + 9
    );
    labgen
        .says(&["exec", "a", "--", "no-such-program"])
        .fails_with(127, "no-such-program");
    labgen
        .says(&["exec", "a", "--", "/etc/passwd"])
        .fails_with(126, "/etc/passwd");
    labgen
        .says(&["exec", "c", "--", "true"])
        .fails_with(1, "nodes are: a, b");
    labgen
        .says(&["exec", "a/blue", "--", "true"])
        .fails_with(1, "`blue`");
}

#[test]
fn labs_keep_apart_and_are_named_when_there_are_several() {
    let labgen = Labgen::new("several");
    let (one, two) = (
        labgen.write("one.toml", HOSTS),
        labgen.write("two.toml", HOSTS),
    );
    labgen.says(&["up", &one]).succeeds();
    labgen
        .says(&["run", &one])
        .fails_with(1, "lab `one` is already up");
    labgen.says(&["up", &two]).succeeds();
    labgen
        .says(&["inspect"])
        .fails_with(1, "several labs are up (one, two)");
    assert!(
        labgen
            .says(&["inspect", "--lab", "two"])
            .succeeds()
            .contains("lab two")
    );
    labgen.says(&["down", "one"]).succeeds();
    assert!(labgen.says(&["inspect"]).succeeds().contains("lab two"));
    labgen
        .says(&["down", "three"])
        .fails_with(1, "lab `three` is not up");
}

#[test]
fn a_failed_step_says_what_was_seen_and_where_it_was_asked_for() {
    let labgen = Labgen::new("fails");
    let steps = "[[step]]\nping = { from = \"a\", to = \"10.0.0.77\", within = \"300ms\" }\n";
    let file = labgen.write("fails.toml", &format!("{HOSTS}\n{steps}"));
    let said = labgen.says(&["run", &file]);
    said.fails_with(1, "expected: 1 reply from 10.0.0.77");
    said.fails_with(1, &format!("{file}:9"));
    said.fails_with(1, "seen:     0 replies");
}

#[test]
fn a_mistake_starts_nothing() {
    let labgen = Labgen::new("mistake");
    labgen
        .says(&["run", &scenario("bad-input/unknown-node")])
        .fails_with(2, "did you mean");
    labgen
        .says(&["up", "no-such-file.toml"])
        .fails_with(2, "no-such-file.toml");
    labgen.says(&["fly"]).fails_with(2, "fly");
    assert!(!labgen.dir.join("state").exists());
}

#[test]
fn check_agrees_with_every_scenario_and_refuses_every_bad_one() {
    let labgen = Labgen::new("check");
    let files = |dir: &str| -> Vec<PathBuf> {
        let entries = fs::read_dir(Path::new(SCENARIOS).join(dir)).unwrap();
        let files = entries.map(|entry| entry.unwrap().path());
        files
            .filter(|path| path.extension().is_some_and(|e| e == "toml"))
            .collect()
    };
    let checked = labgen.says(&["check", SCENARIOS]);
    let checked = checked.succeeds();
    for file in files("").iter().chain(&files("interop")) {
        let line = format!("{}: fine: ", file.display());
        assert!(checked.contains(&line), "no {line} in {checked}");
    }
    for file in files("bad-input") {
        labgen
            .says(&["check", file.to_str().unwrap()])
            .fails_with(2, "error: ");
    }
    let empty = labgen.dir.to_str().unwrap();
    let said = labgen.says(&["check", empty]);
    said.fails_with(2, &format!("no scenario in `{empty}`"));
}

#[test]
fn a_kernel_without_namespaces_to_give_is_named() {
    let labgen = Labgen::new("namespaces");
    let limited = "echo 3 > /proc/sys/user/max_net_namespaces && exec \"$@\"";
    let output = std::process::Command::new("unshare")
        .args(["--user", "--map-root-user", "sh", "-c", limited, "sh"])
        .arg(env!("CARGO_BIN_EXE_labgen"))
        .args(["run", &scenario("first-ping")])
        .env("LABGEN_STATE", labgen.dir.join("state"))
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(
        stderr.contains("the kernel cannot do what the scenario needs"),
        "{stderr}"
    );
    assert!(output.stdout.is_empty(), "nothing was built");
}

#[test]
fn doctor_names_what_there_is() {
    let labgen = Labgen::new("doctor");
    let said = labgen.says(&["doctor", "--json"]);
    let found: Value = serde_json::from_str(&said.stdout).unwrap();
    let kernel = found["kernel"].as_array().unwrap();
    let vxlan = kernel
        .iter()
        .find(|probe| probe["name"] == "vxlan")
        .unwrap();
    assert_eq!(vxlan["ok"], true);
    assert!(!found["programs"].as_array().unwrap().is_empty());
}

#[test]
fn what_cannot_be_printed_is_no_success() {
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let mut schema = std::process::Command::new(env!("CARGO_BIN_EXE_labgen"));
    let child = schema.arg("schema").stdout(full);
    let output = child.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let output = output.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said.contains("cannot print: No space left on device"),
        "{said}"
    );
}

#[test]
fn a_picture_is_not_called_what_it_cannot_be() {
    let labgen = Labgen::new("picture");
    let file = labgen.write("one.toml", HOSTS);
    let picture = labgen.dir.join("lab.png");
    let graph = labgen.says(&["graph", &file, "-o", picture.to_str().unwrap()]);
    graph.fails_with(2, "no picture is called `.png`");
    assert!(!picture.exists());
}

#[test]
fn where_evidence_cannot_be_kept_nothing_is_run() {
    let labgen = Labgen::new("unkept");
    let file = labgen.write("one.toml", HOSTS);
    let run = labgen.says(&["run", &file, "--out", "/dev/null/evidence"]);
    run.fails_with(1, "cannot make `/dev/null/evidence`");
    assert!(!run.stdout.contains("passed"), "{}", run.stdout);
}

#[test]
fn programs_that_a_node_does_not_run_are_found_before_anything_starts() {
    let labgen = Labgen::new("programs");
    let with = |program: &str| {
        format!(
            "[nodes]\nrr = {{ kind = \"fakerr\" }}\n[lans]\nlan = {{ join = [\"rr\"], subnet = \"10.0.0.0/24\" }}\n\
             [[step]]\nexpect = {{ program = {{ on = \"rr\", program = \"{program}\" }} }}\n\
             [[step]]\nsignal = {{ node = \"rr\", program = \"{program}\", signal = \"SIGHUP\" }}\n"
        )
    };
    let wrong = labgen.write("wrong.toml", &with("bagpipe-fakerrr"));
    let said = labgen.says(&["check", &wrong]);
    for step in ["1", "2"] {
        said.fails_with(
            2,
            &format!("step {step} names `bagpipe-fakerrr`, which `rr` does not run"),
        );
    }
    assert!(
        said.stderr.contains("it runs: bagpipe-fakerr\n"),
        "{}",
        said.stderr
    );
    let right = labgen.write("right.toml", &with("bagpipe-fakerr"));
    labgen.says(&["check", &right]).succeeds();
}
