//! `labgen test`, from outside.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{HOSTS, Labgen, SCENARIOS};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

const PASSES: &str = "[[step]]\nping = { from = \"a\", to = \"b\" }\n";
const FAILS: &str =
    "[[step]]\nping = { from = \"a\", to = \"10.0.0.77\", count = 1, within = \"50ms\" }\n";

/// A step that runs a command for the shell.
fn sh(command: &str) -> String {
    format!(
        "[[step]]\nexec = {{ on = \"a\", command = [\"sh\", \"-c\", '{command}'], within = \"1m\" }}\n"
    )
}

impl Labgen {
    /// Writes scenarios of two hosts into a directory, each with these steps.
    fn suite(&self, scenarios: &[(&str, &str)]) -> String {
        let all = self.dir.join("all");
        for (name, steps) in scenarios {
            let path = all.join(format!("{name}.toml"));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("{HOSTS}\n{steps}")).unwrap();
        }
        all.to_str().unwrap().to_owned()
    }

    /// What is left in the state directory besides evidence.
    fn left(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.dir.join("state")).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths.filter(|path| !path.ends_with(".evidence")).collect()
    }
}

fn last(text: &str) -> &str {
    text.lines().last().unwrap_or_default()
}

#[test]
fn many_scenarios_give_one_verdict() {
    let labgen = Labgen::new("suite-many");
    let all = labgen.suite(&[
        ("good", PASSES),
        ("no-steps", ""),
        ("sub/bad-input/meant", "[[step]]\n"),
    ]);
    let said = labgen.says(&["test", &all]);
    let passed = "1 passed, 0 failed, 0 skipped in ";
    assert!(last(said.succeeds()).starts_with(passed), "{}", said.stdout);

    labgen.suite(&[("sub/wrong", "[[step]]\nping = {}\n")]);
    let said = labgen.says(&["test", &all]);
    said.fails_with(2, "BROKEN");
    assert!(
        last(&said.stdout).contains("1 passed, 0 failed, 1 broken"),
        "{}",
        said.stdout
    );

    labgen.suite(&[("sub/fails", FAILS)]);
    let said = labgen.says(&["test", &all]);
    said.fails_with(1, "| FAIL");
    let why = "sub/fails.toml: step 1: ping a -> 10.0.0.77: 0 replies";
    said.fails_with(1, why);
    assert!(
        last(&said.stdout).contains("1 passed, 1 failed, 1 broken"),
        "{}",
        said.stdout
    );
    assert_eq!(labgen.left(), Vec::<PathBuf>::new());
}

#[test]
fn parts_are_everything_once() {
    let labgen = Labgen::new("suite-shard");
    let listed = |args: &[&str]| -> Vec<String> {
        let said = labgen.says(&[&["test", SCENARIOS, "--list"], args].concat());
        said.succeeds().lines().map(str::to_owned).collect()
    };
    let all = listed(&[]);
    assert!(all.len() > 10, "{all:?}");
    let mut parts = Vec::new();
    for part in ["1/3", "2/3", "3/3"] {
        let part = listed(&["--shard", part]);
        assert!(!part.is_empty());
        parts.extend(part);
    }
    parts.sort();
    assert_eq!(parts, all);
    labgen
        .says(&["test", SCENARIOS, "--shard", "4/3"])
        .fails_with(2, "there is no part 4 of 3");
}

#[test]
fn a_filter_goes_by_path_and_by_lab() {
    let labgen = Labgen::new("suite-filter");
    let all = labgen.suite(&[
        ("one/alpha", PASSES),
        ("two/beta", PASSES),
        ("two/gamma", &format!("{PASSES}[lab]\nname = \"omega\"\n")),
    ]);
    let listed = |filter: &str| -> BTreeSet<String> {
        let said = labgen.says(&["test", &all, "--list", "--filter", filter]);
        let files = said.succeeds().lines().map(|line| {
            let stem = Path::new(line).file_stem().unwrap();
            stem.to_str().unwrap().to_owned()
        });
        files.collect()
    };
    assert_eq!(
        listed("two/"),
        BTreeSet::from(["beta", "gamma"].map(str::to_owned))
    );
    assert_eq!(listed("^omega$"), BTreeSet::from(["gamma".to_owned()]));
    assert_eq!(
        listed("(alph|bet)a[.]toml"),
        BTreeSet::from(["alpha", "beta"].map(str::to_owned))
    );
    labgen
        .says(&["test", &all, "--filter", "delta"])
        .fails_with(2, "no scenario of 3 matches `delta`");
    labgen
        .says(&["test", &all, "--filter", "(alpha"])
        .fails_with(2, "unclosed group");
}

#[test]
fn one_that_hangs_is_ended_and_says_where_it_was() {
    let labgen = Labgen::new("suite-hangs");
    let hangs = sh("sleep 4711.25");
    let own = format!("{PASSES}{hangs}[lab]\ntimeout = \"1s\"\n");
    let all = labgen.suite(&[("hangs", &hangs), ("own", &own), ("passes", PASSES)]);
    let said = labgen.says(&["test", &all, "--timeout", "2s"]);
    said.fails_with(1, "hangs.toml: not done after 2s; it was at step 1: ");
    said.fails_with(1, "own.toml: not done after 1s; it was at step 2: ");
    assert!(
        last(&said.stdout).starts_with("1 passed, 2 failed"),
        "{}",
        said.stdout
    );
    assert_eq!(labgen.left(), Vec::<PathBuf>::new());
    assert_eq!(running("4711.25"), 0);
    labgen
        .says(&["test", &all, "--timeout", "soon"])
        .fails_with(2, "write a time such as");
}

/// How many processes have this argument.
fn running(argument: &str) -> usize {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    let has = |line: &Vec<u8>| {
        line.split(|b| *b == 0)
            .any(|word| word == argument.as_bytes())
    };
    lines.filter(has).count()
}

#[test]
fn one_that_passes_when_tried_again_is_flaky() {
    let labgen = Labgen::new("suite-flaky");
    let mark = labgen.dir.join("mark");
    let once = sh(&format!(
        "test -e {0} || {{ touch {0}; exit 1; }}",
        mark.display()
    ));
    let all = labgen.suite(&[("once", &once), ("passes", PASSES)]);
    let said = labgen.says(&["test", &all, "--retries", "2"]);
    let summary = last(said.succeeds());
    assert!(
        summary.starts_with("1 passed, 0 failed, 1 flaky"),
        "{summary}"
    );
    fs::remove_file(&mark).unwrap();
    let said = labgen.says(&["test", &all]);
    said.fails_with(1, "1 passed, 1 failed");
}

#[test]
fn none_is_begun_after_a_failure_where_that_is_wanted() {
    let labgen = Labgen::new("suite-fast");
    let all = labgen.suite(&[("a", PASSES), ("b", FAILS), ("c", PASSES), ("d", PASSES)]);
    let said = labgen.says(&["test", &all, "--jobs", "1", "--fail-fast"]);
    said.fails_with(1, "1 passed, 1 failed, 0 skipped, 2 not run");
}

#[test]
fn a_suite_is_run_many_times_and_counted() {
    let labgen = Labgen::new("suite-repeat");
    let mark = labgen.dir.join("mark");
    let second = sh(&format!(
        "if test -e {0}; then rm {0}; exit 1; fi; touch {0}",
        mark.display()
    ));
    let all = labgen.suite(&[("second", &second), ("passes", PASSES)]);
    let out = labgen.dir.join("out");
    let said = labgen.says(&[
        "test",
        &all,
        "--repeat",
        "3",
        "--out",
        out.to_str().unwrap(),
    ]);
    for words in [
        "round 1/3: 2 passed, 0 failed, 0 skipped in ",
        "round 2/3: 1 passed, 1 failed, 0 skipped in ",
        "round 3/3: 2 passed, 0 failed, 0 skipped in ",
        "3 rounds: 5 passed, 1 failed, 0 skipped in ",
        "second.toml (round 2): ",
    ] {
        said.fails_with(1, words);
    }
    let kept: Vec<_> = fs::read_dir(&out).unwrap().flatten().collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert!(kept[0].path().join("round-2/events.jsonl").exists());
    assert!(!kept[0].path().join("round-1").exists());
}

#[test]
fn evidence_is_kept_of_what_failed() {
    let labgen = Labgen::new("suite-evidence");
    let all = labgen.suite(&[("fails", FAILS), ("passes", PASSES)]);
    let out = labgen.dir.join("out");
    let arguments = ["test", &all, "--out", out.to_str().unwrap(), "--json"];
    let evidence = |said: &str| -> Vec<Value> {
        let lines = said.lines().map(|line| serde_json::from_str(line).unwrap());
        let mut judged: Vec<Value> = lines
            .filter(|line: &Value| line["file"].is_string())
            .collect();
        judged.sort_by_key(|line| line["file"].to_string());
        judged
            .into_iter()
            .map(|line| line["evidence"].clone())
            .collect()
    };
    let said = labgen.says(&arguments);
    assert_eq!(said.status, 1);
    let kept = evidence(&said.stdout);
    assert!(kept[1].is_null(), "{kept:?}");
    let failed = PathBuf::from(kept[0].as_str().unwrap());
    for file in ["events.jsonl", "scenario.json", "output.txt"] {
        assert!(
            failed.join(file).exists(),
            "no {file} in {}",
            failed.display()
        );
    }
    let summary: Value = serde_json::from_str(last(&said.stdout)).unwrap();
    assert_eq!(summary["summary"]["failed"], 1);
    assert_eq!(summary["summary"]["passed"], 1);

    // Again, with that of the first time still there, and of all.
    let said = labgen.says(&[&arguments[..], &["--keep-evidence"]].concat());
    let kept = evidence(&said.stdout);
    let passed = PathBuf::from(kept[1].as_str().unwrap());
    assert!(passed.join("events.jsonl").exists());
    fs::write(failed.join("letter.txt"), "dear").unwrap();
    labgen
        .says(&arguments)
        .fails_with(1, "`letter.txt`, which is no evidence");
    assert!(failed.join("letter.txt").exists());
}

#[test]
fn verdicts_are_written_as_junit() {
    let labgen = Labgen::new("suite-junit");
    let hostile = sh("echo \"<b> & ]]>\"; exit 3");
    let all = labgen.suite(&[
        ("fails", &format!("{PASSES}{hostile}")),
        ("passes", PASSES),
        ("wrong", "[[step]]\nfly = {}\n"),
    ]);
    let file = labgen.dir.join("junit.xml");
    labgen.says(&["test", &all, "--junit", file.to_str().unwrap()]);
    let text = fs::read_to_string(&file).unwrap();
    let suite = |name: &str| {
        let suites = text
            .split("<testsuite ")
            .filter(|suite| suite.contains(name));
        suites.last().unwrap_or_default().to_owned()
    };
    assert!(
        suite("/passes.toml").contains("tests=\"1\" failures=\"0\" errors=\"0\""),
        "{text}"
    );
    let fails = suite("/fails.toml");
    assert!(
        fails.contains("tests=\"2\" failures=\"1\" errors=\"0\""),
        "{text}"
    );
    assert!(fails.contains("&lt;b&gt; &amp; ]]&gt;"), "{text}");
    assert!(
        suite("/wrong.toml").contains("tests=\"1\" failures=\"0\" errors=\"1\""),
        "{text}"
    );
}

#[test]
fn standard_output_is_no_file_for_a_report() {
    let labgen = Labgen::new("suite-stdout");
    let all = labgen.suite(&[("passes", PASSES)]);
    for arguments in [
        &["test", &all, "--junit", "-"][..],
        &["report", "--html", "-"],
        &["run", &all, "--junit", "-"],
    ] {
        labgen.says(arguments).fails_with(2, "name a file");
    }
}

#[test]
fn what_is_skipped_is_never_passed() {
    let labgen = Labgen::new("suite-skipped");
    let all = labgen.suite(&[("passes", PASSES)]);
    let lacks = "[nodes]\ng = { kind = \"gobgp\" }\nh = { kind = \"gobgp\" }\n[lans]\n\
                 l = { join = [\"g\", \"h\"] }\n[[step]]\nping = { from = \"g\", to = \"h\" }\n";
    let file = labgen.write("all/lacks.toml", lacks);
    let says = |args: &[&str]| {
        let mut command = labgen.command(args);
        let output = command.env("PATH", "/nonexistent").output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    let (status, said) = says(&["test", &file]);
    assert_eq!(status, Some(3), "{said}");
    let (status, said) = says(&["test", &all]);
    assert_eq!(status, Some(0), "{said}");
    assert!(
        last(&said).starts_with("1 passed, 0 failed, 1 skipped"),
        "{said}"
    );
    assert!(said.contains("the scenario needs `gobgpd`"), "{said}");
    let (status, said) = says(&["test", &all, "--strict"]);
    assert_eq!(status, Some(3), "{said}");
}

#[test]
fn labs_of_one_name_are_up_side_by_side() {
    let labgen = Labgen::new("suite-same");
    let [one, two] = ["one", "two"].map(|name| labgen.dir.join(name).display().to_string());
    // Each waits for the other.
    let waits = |own: &str, other: &str| {
        let step = sh(&format!(
            "touch {own}; until test -e {other}; do sleep 0.01; done"
        ));
        format!("{step}[lab]\nname = \"same\"\n")
    };
    let all = labgen.suite(&[
        ("one/lab", &waits(&one, &two)),
        ("two/lab", &waits(&two, &one)),
    ]);
    labgen.says(&["test", &all, "--jobs", "2"]).succeeds();
}

#[test]
fn a_directory_that_holds_something_else_is_found_before_anything_is_run() {
    let labgen = Labgen::new("suite-occupied");
    let all = labgen.suite(&[("one", PASSES), ("two", PASSES)]);
    let out = labgen.dir.join("out");
    let name = Path::new(&all).join("two").display().to_string();
    let thesis = out.join(name.trim_start_matches('/').replace('/', "-"));
    fs::create_dir_all(&thesis).unwrap();
    fs::write(thesis.join("thesis.tex"), "").unwrap();
    let said = labgen.says(&["test", &all, "--jobs", "1", "--out", out.to_str().unwrap()]);
    said.fails_with(1, "holds `thesis.tex`, which is no evidence");
    assert_eq!(said.stdout, "");
    assert!(thesis.join("thesis.tex").exists());
}

#[test]
fn ctrl_c_ends_all_labs() {
    let labgen = Labgen::new("suite-ctrl-c");
    let mark = labgen.dir.join("mark").display().to_string();
    let hangs = sh(&format!("echo >> {mark}; exec sleep 4711.75"));
    let all = labgen.suite(&[("one", &hangs), ("two", &hangs), ("three", &hangs)]);
    let mut test = Command::new(env!("CARGO_BIN_EXE_labgen"))
        .args(["test", &all, "--jobs", "2"])
        .env("LABGEN_STATE", labgen.dir.join("state"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let both = || fs::read_to_string(&mark).is_ok_and(|text| text.lines().count() == 2);
    while !both() {
        assert!(test.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::yield_now();
    }
    kill(Pid::from_raw(test.id().cast_signed()), Signal::SIGINT).unwrap();
    let lines = BufReader::new(test.stdout.take().unwrap()).lines();
    let said: Vec<String> = lines.map(Result::unwrap).collect();
    assert_eq!(test.wait().unwrap().code(), Some(130));
    let summary = said.last().unwrap();
    assert!(
        summary.starts_with("0 passed, 0 failed, 0 skipped, 2 ended, 1 not run"),
        "{said:?}"
    );
    assert_eq!(running("4711.75"), 0);
    assert_eq!(labgen.left(), Vec::<PathBuf>::new());
}

#[test]
fn a_file_that_is_nearly_a_scenario_is_not_passed_over() {
    let labgen = Labgen::new("suite-nearly");
    let misspelt = PASSES.replace("[[step]]", "[[stpe]]");
    let suite = labgen.suite(&[("good", PASSES), ("misspelt", &misspelt)]);
    fs::write(format!("{suite}/garbage.toml"), "garbage = [\n").unwrap();
    fs::write(format!("{suite}/other.toml"), "[package]\nname = \"x\"\n").unwrap();
    let said = labgen.says(&["test", &suite]);
    assert_eq!(said.status, 2, "{}{}", said.stdout, said.stderr);
    for file in ["misspelt.toml", "garbage.toml"] {
        assert!(said.stdout.contains(file), "{}", said.stdout);
    }
    assert!(!said.stdout.contains("other.toml"), "{}", said.stdout);
}

#[test]
fn what_others_include_is_not_tested_alone() {
    let labgen = Labgen::new("suite-parts");
    let suite = labgen.suite(&[]);
    fs::create_dir_all(&suite).unwrap();
    for (name, text) in [
        (
            "whole.toml",
            format!("include = [\"part.toml\"]\n{HOSTS}\n{PASSES}"),
        ),
        ("part.toml", "[defaults.bagpipe]\nas = 64999\n".into()),
    ] {
        fs::write(format!("{suite}/{name}"), text).unwrap();
    }
    let said = labgen.says(&["test", &suite]);
    assert_eq!(said.status, 0, "{}{}", said.stdout, said.stderr);
    let verdict = last(&said.stdout);
    assert!(verdict.contains("1 passed, 0 failed"), "{verdict}");
}
