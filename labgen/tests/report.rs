//! The evidence of a run, and what is made of it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

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

/// Two hosts, one of which asks for an address that nobody has.
fn failing() -> String {
    let steps = "
[[step]]
capture = { on = \"lan\", as = \"wire\" }

[[step]]
ping = { from = \"a\", to = \"b\", within = \"5s\" }

[[step]]
cut = { on = \"lan\" }

[[step]]
ping = { from = \"a\", to = \"b\", within = \"300ms\" }
";
    format!("{HOSTS}\n{steps}")
}

#[test]
fn a_failing_run_is_told_in_every_form() {
    let labgen = Labgen::new("forms");
    let file = labgen.write("one.toml", &failing());
    let out = labgen.dir.join("evidence");
    let line = failing().lines().count() - 1;
    let said = labgen.says(&["run", &file, "--out", out.to_str().unwrap(), "--github"]);
    said.fails_with(1, "around it:");
    let place = format!("{file}:{line}");
    said.fails_with(1, &place);
    said.fails_with(1, "fault: cut lan");
    said.fails_with(
        1,
        &format!("::error file={file},line={line},title=step 4%3A ping a -> b::"),
    );
    let json = fs::read(out.join("report.json")).unwrap();
    let json: Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["steps"][3]["state"], "failed");
    assert_eq!(json["divergence"]["what"], "cut lan");
    assert_eq!(json["captures"][0]["name"], "wire");
    let junit = fs::read_to_string(out.join("junit.xml")).unwrap();
    assert!(junit.contains("tests=\"4\" failures=\"1\""), "{junit}");
    let html = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(html.contains(&place) && html.contains("ICMP echo request"));
    // Once more, from the evidence alone, in the directory of the lab and elsewhere.
    let [page, cases] = ["page.html", "cases.xml"].map(|name| labgen.dir.join(name));
    let [html_again, junit_again] = [&page, &cases].map(|path| path.to_str().unwrap());
    labgen
        .says(&[
            "report",
            "one",
            "--html",
            html_again,
            "--junit",
            junit_again,
        ])
        .succeeds();
    assert_eq!(fs::read_to_string(cases).unwrap(), junit);
    assert_eq!(fs::read_to_string(page).unwrap(), html);
}

#[test]
fn the_last_run_is_opened_by_the_browser_of_the_user() {
    let labgen = Labgen::new("open");
    labgen.says(&["open"]).fails_with(1, "no run is kept yet");
    labgen
        .says(&["open", "/nonexistent"])
        .fails_with(1, "neither a directory of evidence");
    let file = labgen.write("one.toml", &failing());
    labgen
        .says(&["run", &file])
        .fails_with(1, "labgen open one");
    let page = labgen.dir.join("state/one/report.html");
    let browser = |command: &str| {
        let output = labgen
            .command(&["open"])
            .env("BROWSER", command)
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY")
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let said = browser("");
    assert!(
        said.contains(page.to_str().unwrap()) && said.contains("no browser"),
        "{said}"
    );
    assert_eq!(
        browser("absent:head -c 15 %s"),
        format!("{}\n<!DOCTYPE html>", page.display())
    );
    // One that `labgen test` kept is a run, too.
    labgen.says(&["test", &file]).fails_with(1, "1 failed");
    let said = browser("");
    assert!(said.contains("/state/.evidence/"), "{said}");
}

#[test]
fn a_browser_shows_the_page_without_complaint() {
    let Some(browser) = ["chromium", "chromium-headless-shell"]
        .into_iter()
        .find(is_installed)
    else {
        // Past the harness, which hides what a passing test prints.
        let mut stderr = std::io::stderr();
        let _ =
            stderr.write_all(b"SKIPPED: no chromium (apt-get install chromium-headless-shell)\n");
        return;
    };
    let labgen = Labgen::new("browser");
    let file = labgen.write("one.toml", &failing());
    let out = labgen.dir.join("evidence");
    labgen
        .says(&["run", &file, "--out", out.to_str().unwrap()])
        .fails_with(1, "FAIL");
    let page = out.join("report.html");
    let shown = in_browser(browser, &labgen, &page);
    let root = shown.lines().nth(1).unwrap();
    assert!(
        root.contains("data-loaded=") && !root.contains("data-error="),
        "{root}"
    );
    assert!(shown.contains("failed</div>") && shown.contains("Step 4 failed: ping a -&gt; b"));
    // Filled in by the script: the list of events, with the one to look first at.
    assert!(shown.contains("look first: cut lan"), "no list of events");
    assert!(shown.contains("ICMP echo reply"), "no packets");

    // A reader's keys and clicks.
    let html = fs::read_to_string(&page).unwrap();
    let used = html.replace("</body>", &format!("<script>{READER}</script></body>"));
    fs::write(&page, used).unwrap();
    let shown = in_browser(browser, &labgen, &page);
    let root = shown.lines().nth(1).unwrap();
    assert!(!root.contains("data-error="), "{root}");
    assert!(
        root.contains("data-theme=\"dark\""),
        "the button did nothing: {root}"
    );
    assert!(
        root.contains("data-zoomed=\"true\"") && root.contains("data-whole=\"true\""),
        "{root}"
    );
    assert!(
        root.contains("data-chosen=\"true\""),
        "no event was chosen by key: {root}"
    );
    assert!(
        root.contains("data-only=\"arp\""),
        "the filter let others pass: {root}"
    );
}

/// Goes to the whole run, nearer and back, from event to event, into the dark, and filters.
const READER: &str = r#"
const note = document.documentElement.dataset;
const press = (on, key) => on.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}));
press(canvas, '0');
note.whole = view.from <= 0 && view.to >= data.end;
const before = view.to - view.from;
press(canvas, '+'); press(canvas, 'ArrowRight'); press(canvas, ']'); press(list, 'ArrowDown');
note.zoomed = view.to - view.from < before;
note.chosen = chosen !== null && !document.getElementById('detail').textContent.includes('Choose');
document.getElementById('theme').click();
press(canvas, '0');
const box = document.getElementById('text');
box.value = 'arp -icmp';
box.dispatchEvent(new Event('input'));
note.only = [...new Set(wanted.map(event => event.kind))].join();
"#;

/// The page after its script has run, as the browser has it.
fn in_browser(browser: &str, labgen: &Labgen, page: &Path) -> String {
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu"])
        .arg(format!(
            "--user-data-dir={}",
            labgen.dir.join("profile").display()
        ))
        .arg("--dump-dom")
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn is_installed(program: &&str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}
