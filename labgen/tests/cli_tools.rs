//! Starters, completions, manuals, captures, pictures: from outside.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::fs;
use std::io::BufReader;

use common::{HOSTS, Labgen, scenario};

#[test]
fn the_starter_is_right_and_runs() {
    let labgen = Labgen::new("init");
    let file = labgen.dir.join("lab.toml");
    let file = file.to_str().unwrap();
    labgen.says(&["init", file]).succeeds();
    labgen.says(&["check", file]).succeeds();
    labgen.says(&["run", file]).succeeds();
    fs::write(file, "mine").unwrap();
    labgen
        .says(&["init", file])
        .fails_with(1, "is there already");
    assert_eq!(fs::read_to_string(file).unwrap(), "mine");

    let mut piped = labgen.command(&["init", "-"]);
    let piped = piped.current_dir(&labgen.dir).output().unwrap();
    let text = String::from_utf8(piped.stdout).unwrap();
    assert!(!labgen.dir.join("-").exists());
    labgen
        .says(&["check", &labgen.write("piped.toml", &text)])
        .succeeds();
}

#[test]
fn every_subcommand_has_a_page_with_examples() {
    let labgen = Labgen::new("man");
    let dir = labgen.dir.join("man");
    labgen
        .says(&["man", "--dir", dir.to_str().unwrap()])
        .succeeds();
    let pages: Vec<String> = fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().path().to_str().unwrap().to_owned())
        .collect();
    assert!(pages.len() > 12, "{pages:?}");
    for page in &pages {
        assert!(!page.contains("__"), "{page} is nobody's business");
        let text = fs::read_to_string(page).unwrap();
        assert!(text.contains("Example"), "no example in {page}");
    }
    assert!(labgen.says(&["man"]).succeeds().contains("labgen"));
}

#[test]
fn shells_complete_commands_labs_and_nodes() {
    let labgen = Labgen::new("completions");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = labgen.says(&["completions", shell]);
        assert!(script.succeeds().contains("labgen"), "{shell}");
    }
    let file = labgen.write("one.toml", HOSTS);
    labgen.says(&["up", &file]).succeeds();
    let offered = |words: &[&str]| -> Vec<String> {
        let mut command = labgen.command(&["--", "labgen"]);
        let output = command
            .args(words)
            .env("COMPLETE", "fish")
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let words = text.lines().filter_map(|line| line.split('\t').next());
        words.map(str::to_owned).collect()
    };
    assert!(offered(&["gra"]).contains(&"graph".to_owned()));
    assert!(offered(&["down", ""]).contains(&"one".to_owned()));
    assert_eq!(offered(&["shell", ""])[..2], ["a", "b"]);
    assert!(offered(&["capture", ""]).contains(&"lan".to_owned()));
}

#[test]
fn a_capture_is_whole_however_it_ends() {
    let labgen = Labgen::new("capture");
    let file = labgen.write("one.toml", HOSTS);
    labgen.says(&["up", &file]).succeeds();
    labgen
        .says(&["capture", "wire", "-w", "/dev/null"])
        .fails_with(1, "there are: lan");
    for (link, out) in [("lan", "lan.pcapng"), ("a/lan", "a.pcapng")] {
        let out = labgen.dir.join(out);
        let mut capture =
            labgen.command(&["capture", link, "--count", "4", "-w", out.to_str().unwrap()]);
        capture.timeout(std::time::Duration::from_secs(20));
        let ping = std::thread::spawn(move || capture.output().unwrap());
        // Echoes until four frames have passed.
        while !ping.is_finished() {
            labgen.says(&["exec", "a", "--", "ping", "-c", "1", "-W", "1", "10.0.0.2"]);
        }
        let output = ping.join().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        assert!(said.contains("4 frames"), "{said}");
        let reader = BufReader::new(fs::File::open(&out).unwrap());
        let frames = capture::CaptureReader::new(reader).unwrap();
        assert_eq!(frames.map(Result::unwrap).count(), 4);
    }
}

#[test]
fn graphs_of_files_and_of_labs_agree() {
    let labgen = Labgen::new("graph");
    let from_file = labgen.says(&["graph", &scenario("by-hand")]);
    labgen.says(&["up", &scenario("by-hand")]).succeeds();
    let from_lab = labgen.says(&["graph", "--lab", "by-hand"]);
    assert_eq!(from_file.succeeds(), from_lab.succeeds());
    let out = labgen.dir.join("lab.svg");
    labgen
        .says(&["graph", "-o", out.to_str().unwrap()])
        .succeeds();
    assert!(fs::read_to_string(out).unwrap().starts_with("<svg "));
}

#[test]
fn the_schema_is_printed_for_editors() {
    let labgen = Labgen::new("schema");
    let schema: serde_json::Value =
        serde_json::from_str(labgen.says(&["schema"]).succeeds()).unwrap();
    assert!(schema["properties"]["nodes"].is_object());
}

#[test]
fn doctor_tells_of_every_kind_and_of_one_scenario() {
    let labgen = Labgen::new("doctor-kinds");
    let all: serde_json::Value =
        serde_json::from_str(&labgen.says(&["doctor", "--json"]).stdout).unwrap();
    let programs = all["programs"].as_array().unwrap();
    for kind in ["gobgp", "frr", "bird", "openbgpd", "exabgp", "ovs"] {
        let what = format!("nodes of kind `{kind}`");
        assert!(
            programs
                .iter()
                .any(|program| program["needed_for"] == what.as_str()),
            "{kind}"
        );
    }
    let features = all["kernel"].as_array().unwrap();
    for name in [
        "VRF",
        "GRE",
        "netem",
        "nftables",
        "cls_bpf",
        "MPLS",
        "OVS datapath",
        "KVM",
    ] {
        assert!(
            features.iter().any(|feature| feature["name"] == name),
            "{name}"
        );
    }
    let nowhere = labgen
        .command(&["doctor", &scenario("first-ping-gobgp")])
        .env("PATH", "/nonexistent")
        .output()
        .unwrap();
    let said = String::from_utf8(nowhere.stdout).unwrap();
    assert_eq!(nowhere.status.code(), Some(3), "{said}");
    assert!(said.contains("apt-get install gobgpd"), "{said}");
    assert!(!said.contains("exabgp"), "{said}");
}
