//! JUnit XML as Jenkins, GitLab and GitHub's actions read it: a suite a run, a case a step.

use std::fmt::Write as _;

use super::model::{Run, Step, StepState, Verdict};

/// The document.
pub fn document(run: &Run) -> String {
    let mut cases = String::new();
    let (mut failures, mut errors, mut skipped) = (0, 0, 0);
    if let Some(error) = &run.error {
        errors += 1;
        let _ = writeln!(
            cases,
            "    <testcase name=\"build\" classname=\"{}\" time=\"{}\">\n      <error message=\"{}\">{}</error>\n    </testcase>",
            attribute(&run.lab),
            seconds(run.end),
            attribute(error.lines().next().unwrap_or_default()),
            text(error),
        );
    }
    for step in &run.steps {
        match step.state {
            StepState::Failed => failures += 1,
            StepState::NotReached | StepState::Unfinished | StepState::Stopped => skipped += 1,
            StepState::Passed => {}
        }
        case(run, step, &mut cases);
    }
    let tests = run.steps.len() + errors;
    let counts = format!(
        "tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" time=\"{}\"",
        seconds(run.end)
    );
    let name = attribute(&run.lab);
    let mut notes = format!("{}: {}\n", run.file, run.verdict.word());
    for note in &run.notes {
        let _ = writeln!(notes, "{note}");
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"labgen\" {counts}>\n  \
         <testsuite name=\"{name}\" {counts} skipped=\"{skipped}\">\n{cases}    <system-out>{}</system-out>\n  </testsuite>\n</testsuites>\n",
        text(&notes)
    )
}

fn case(run: &Run, step: &Step, out: &mut String) {
    let name = attribute(&format!("{} {}", step.called(), step.title));
    let class = attribute(&run.lab);
    let took = seconds(step.took().unwrap_or(0));
    let _ = write!(
        out,
        "    <testcase name=\"{name}\" classname=\"{class}\" time=\"{took}\">"
    );
    match step.state {
        StepState::Failed => {
            let _ = write!(
                out,
                "\n      <failure message=\"{}\" type=\"expectation\">{}</failure>",
                attribute(&step.seen),
                text(&account(step))
            );
            let around = super::terminal::around(run, "the directory of this file");
            let _ = write!(
                out,
                "\n      <system-out>{}</system-out>\n    ",
                text(&around)
            );
        }
        StepState::NotReached | StepState::Stopped => {
            let _ = write!(out, "<skipped message=\"{}\"/>", step.state.word());
        }
        StepState::Unfinished => {
            let why = match run.verdict {
                Verdict::Unfinished => "the run was ended during this step",
                _ => "the run ended during this step",
            };
            let _ = write!(out, "<skipped message=\"{why}\"/>");
        }
        StepState::Passed => {}
    }
    out.push_str("</testcase>\n");
}

/// What failed, as the terminal tells it.
pub(super) fn account(step: &Step) -> String {
    let expected = step.expected.as_deref().unwrap_or_default();
    let mut account = format!(
        "{}:{}\nexpected: {expected}\nseen:     {}\n",
        step.file, step.line, step.seen
    );
    for detail in &step.details {
        let _ = writeln!(account, "  {detail}");
    }
    account
}

fn seconds(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// Character data: without what XML 1.0 has no way to write.
fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' => out.push(c),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c if u32::from(c) < 0x20 || c == '\u{7f}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// An attribute's value: line ends would be read as blanks.
fn attribute(value: &str) -> String {
    text(value).replace('\n', "&#10;").replace('\t', "&#9;")
}
