//! Reports of runs that are written here as events, hostile ones among them.

use std::fs;
use std::path::PathBuf;

use super::model::{Run, StepState, Verdict};
use super::{Form, annotations, around, read};

/// A run with a step in another that fails in its second round, words that would be markup, and a clock.
const EVENTS: &str = r#"
{"event":"began","epoch_ns":1795284336000000000,"file":"labs/a,b.toml","version":"0.1.0"}
{"event":"started","node":"a","at":100}
{"event":"step-started","step":1,"number":"1","rounds":[],"of":2,"title":"repeat","line":3,"background":false,"at":1000}
{"event":"step-started","step":2,"number":"1.1","rounds":[1],"of":2,"title":"cut <lan>","line":4,"background":false,"at":1000}
{"event":"fault","action":"cut","on":"lan","seen":"a/lan","since":1100,"at":1900}
{"event":"step-passed","step":2,"rounds":[1],"seen":"</script><script>alert(1)</script>","at":2000}
{"event":"step-started","step":2,"number":"1.1","rounds":[2],"of":2,"title":"cut <lan>","line":4,"background":false,"at":2000}
{"event":"outage","flow":"f","since":1100,"until":2100,"lost":9,"at":2100}
{"event":"step-failed","step":2,"number":"1.1","rounds":[2],"title":"cut <lan>","file":"labs/a,b.toml","line":4,"expected":"a & \"b\"","seen":"100%\nnot <it>","details":["near <miss>\u0007"],"at":3000}
{"event":"step-stopped","step":1,"rounds":[],"at":3001}
{"event":"from-the-future","at":1}
{"event":"done","passed":false,"at":4000,"evidence":[]}
"#;

struct Evidence(PathBuf);

impl Evidence {
    fn new(test: &str, events: &str) -> Self {
        let name = format!("labgen-report-{test}-{}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir_all(dir.join("logs")).unwrap();
        fs::write(dir.join("events.jsonl"), events.trim_start()).unwrap();
        Self(dir)
    }

    fn run(&self) -> Run {
        read(&self.0).unwrap().0
    }
}

impl Drop for Evidence {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn steps_in_steps_and_rounds_are_told_apart() {
    let evidence = Evidence::new("rounds", EVENTS);
    let run = evidence.run();
    assert_eq!(run.verdict, Verdict::Failed);
    let steps: Vec<_> = run
        .steps
        .iter()
        .map(|s| (s.called(), s.state, s.took()))
        .collect();
    assert_eq!(
        steps,
        [
            ("1".to_owned(), StepState::Stopped, Some(2001)),
            ("1.1 (round 1)".to_owned(), StepState::Passed, Some(1000)),
            ("1.1 (round 2)".to_owned(), StepState::Failed, Some(1000)),
        ]
    );
    assert_eq!(run.failed_step().unwrap().called(), "1.1 (round 2)");
    assert_eq!(run.faults.len(), 1);
    assert_eq!(run.outages[0].lost, 9);
    assert_eq!(run.notes, ["1 line of events.jsonl could not be read"]);
}

#[test]
fn a_run_that_was_killed_is_unfinished_and_one_that_cannot_begin_is_broken() {
    let begun = EVENTS.lines().take(7).collect::<Vec<_>>().join("\n") + "\n{\"event\":\"step-pas";
    let run = Evidence::new("killed", &begun).run();
    assert_eq!(run.verdict, Verdict::Unfinished);
    assert_eq!(run.steps[0].state, StepState::Unfinished);
    let broken = r#"{"event":"broken","error":"no <bird>\nat all","lacking":true}"#;
    let run = Evidence::new("broken", broken).run();
    assert_eq!(run.verdict, Verdict::Broken);
    let junit = Form::Junit.of(&run, None);
    assert!(
        junit.contains("errors=\"1\"") && junit.contains("no &lt;bird&gt;"),
        "{junit}"
    );
    assert!(
        annotations(&run)
            .contains("::error file=,title=lab  could not be built::no <bird>%0Aat all")
    );
}

#[test]
fn nothing_that_a_lab_says_becomes_markup() {
    let evidence = Evidence::new("hostile", EVENTS);
    let log = "2026-11-21T18:05:36.002Z ERROR <img src=x onerror=alert(1)> </script><!--\n";
    fs::write(evidence.0.join("logs/a.log"), log).unwrap();
    let run = evidence.run();
    assert_eq!(run.logs[0].shown[0].at, 2000);
    let page = Form::Html.of(&run, None);
    assert_eq!(
        page.matches("</script>").count(),
        2,
        "the data's and the script's"
    );
    for markup in ["<img src=x", "<miss>", "<it>", "<lan>", "<!--"] {
        assert!(!page.contains(markup), "{markup}");
    }
    // Nothing is fetched.
    for outside in ["http://", "https://", "src=\"/", "@import", "<link"] {
        let own = page.replace("http://www.w3.org/2000/svg", "");
        assert!(!own.contains(outside), "{outside}");
    }
}

#[test]
fn junit_is_xml_whatever_was_said() {
    let run = Evidence::new("junit", EVENTS).run();
    let junit = Form::Junit.of(&run, None);
    assert!(
        junit.contains(r#"tests="3" failures="1" errors="0""#),
        "{junit}"
    );
    assert!(
        junit.contains("name=\"1.1 (round 2) cut &lt;lan&gt;\""),
        "{junit}"
    );
    assert!(
        junit.contains("message=\"100%&#10;not &lt;it&gt;\""),
        "{junit}"
    );
    assert!(
        junit.contains("near &lt;miss&gt;\u{fffd}"),
        "a bell is no character of XML: {junit}"
    );
}

#[test]
fn annotations_are_one_line_each() {
    let run = Evidence::new("github", EVENTS).run();
    let said = annotations(&run);
    assert_eq!(said.lines().count(), 1, "{said}");
    let head = "::error file=labs/a%2Cb.toml,line=4,title=step 1.1 (round 2)%3A cut <lan>::";
    assert!(said.starts_with(head), "{said}");
    assert!(said.contains("seen:     100%25%0Anot <it>"), "{said}");
}

#[test]
fn around_a_failure_are_the_faults_before_it() {
    let run = Evidence::new("around", EVENTS).run();
    let said = around(&run, "here");
    let fault = said
        .lines()
        .find(|line| line.contains("fault: cut lan"))
        .unwrap();
    assert!(fault.trim_start().starts_with("-1.90 ms"), "{said}");
    assert!(said.contains("evidence: here"), "{said}");
}

#[test]
fn json_has_what_documentation_promises() {
    let run = Evidence::new("json", EVENTS).run();
    let json: serde_json::Value = serde_json::from_str(&Form::Json.of(&run, None)).unwrap();
    assert_eq!(json["format"], 1);
    assert_eq!(json["verdict"], "failed");
    assert_eq!(json["steps"][2]["state"], "failed");
    assert_eq!(json["steps"][0]["state"], "stopped");
    assert_eq!(json["divergence"]["until"], 3000);
    let told = include_str!("../../../docs/report.md");
    for field in json.as_object().unwrap().keys() {
        assert!(
            told.contains(&format!("| `{field}` |")),
            "docs/report.md lacks `{field}`"
        );
    }
}

#[test]
fn what_it_was_doing_is_the_last_that_was_begun() {
    let told = r#"{"event":"began","epoch_ns":1,"file":"x","version":"1"}
{"event":"building","what":"links","at":1}
{"event":"up","lab":{"name":"x","file":"x","dir":"/","pid":null,"nodes":[],"lans":[],"links":[]},"at":2}
{"event":"step-started","step":1,"number":"1","rounds":[],"of":2,"title":"ping a","line":1,"background":false,"at":10}
{"event":"step-passed","step":1,"rounds":[],"seen":"","at":30}
{"event":"step-started","step":2,"number":"2","rounds":[],"of":2,"title":"twice","line":2,"background":false,"at":40}
{"event":"step-started","step":3,"number":"2.1","rounds":[1],"of":2,"title":"ping b","line":3,"background":false,"at":50}
"#;
    let doing = |lines: usize| {
        let told: Vec<&str> = told.lines().take(lines).collect();
        super::read::told(&told.join("\n"), None).doing()
    };
    assert_eq!(doing(1), "reading the scenario");
    assert_eq!(doing(2), "building the lab: links");
    assert_eq!(doing(3), "nothing");
    assert_eq!(doing(4), "step 1: ping a");
    assert_eq!(doing(5), "ending the lab");
    assert_eq!(doing(7), "step 2.1 (round 1): ping b");
}
