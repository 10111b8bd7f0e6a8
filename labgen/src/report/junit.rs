//! JUnit XML as Jenkins, GitLab and GitHub's actions read it: a suite a run, a case a step and, where
//! something is no step's, one for the lab.

use std::fmt::{self, Write as _};

use super::model::{Run, Step, StepState, Verdict};

/// A run as a suite.
pub struct Suite<'a> {
    /// What the suite is called.
    pub name: &'a str,
    /// The run.
    pub run: &'a Run,
    /// What is no step's.
    pub whole: Option<Whole<'a>>,
    /// How long all took, in microseconds.
    pub took: u64,
    /// What was printed.
    pub said: &'a str,
}

/// What became of a run as a whole, where its steps do not tell.
pub enum Whole<'a> {
    /// It came to nothing: why, in a line and at length.
    Error(&'a str, &'a str),
    /// There was no lab to be had: what is lacking.
    Skipped(&'a str),
}

/// The document of several suites.
pub fn document<'a>(suites: impl IntoIterator<Item = Suite<'a>>) -> String {
    let (mut all, mut out) = (Counts::default(), String::new());
    for suite in suites {
        let counts = suite.put(&mut out);
        all = all.and(counts);
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"labgen\" {all}>\n{out}</testsuites>\n"
    )
}

/// The document of a run alone.
pub(super) fn of_one(run: &Run) -> String {
    let mut said = format!("{}: {}\n", run.file, run.verdict.word());
    for note in &run.notes {
        let _ = writeln!(said, "{note}");
    }
    let error = run.error.as_deref();
    let whole = error.map(|error| Whole::Error(error.lines().next().unwrap_or_default(), error));
    document([Suite {
        name: &run.lab,
        run,
        whole,
        took: run.end,
        said: &said,
    }])
}

/// Cases, and those that did not pass.
#[derive(Clone, Copy, Default)]
struct Counts {
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
    /// Microseconds.
    took: u64,
}

impl Counts {
    fn and(self, other: Self) -> Self {
        Self {
            tests: self.tests + other.tests,
            failures: self.failures + other.failures,
            errors: self.errors + other.errors,
            skipped: self.skipped + other.skipped,
            took: self.took + other.took,
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{}\"",
            self.tests,
            self.failures,
            self.errors,
            self.skipped,
            seconds(self.took)
        )
    }
}

impl Suite<'_> {
    fn put(&self, out: &mut String) -> Counts {
        let mut counts = Counts {
            took: self.took,
            ..Counts::default()
        };
        let mut cases = String::new();
        for step in &self.run.steps {
            counts.tests += 1;
            match step.state {
                StepState::Failed => counts.failures += 1,
                StepState::NotReached | StepState::Unfinished | StepState::Stopped => {
                    counts.skipped += 1;
                }
                StepState::Passed => {}
            }
            case(self, step, &mut cases);
        }
        let body = match &self.whole {
            Some(Whole::Error(..)) => {
                counts.errors += 1;
                self.body()
            }
            Some(Whole::Skipped(_)) => {
                counts.skipped += 1;
                self.body()
            }
            None => String::new(),
        };
        if self.whole.is_some() || counts.tests == 0 {
            counts.tests += 1;
            let _ = writeln!(
                cases,
                "    <testcase name=\"the lab\" classname=\"{}\" time=\"{}\">{body}</testcase>",
                attribute(self.name),
                seconds(self.took),
            );
        }
        let (name, said) = (attribute(self.name), text(self.said));
        let _ = writeln!(
            out,
            "  <testsuite name=\"{name}\" {counts}>\n{cases}    <system-out>{said}</system-out>\n  </testsuite>"
        );
        counts
    }

    /// Of the case that stands for what is no step's.
    fn body(&self) -> String {
        match self.whole {
            Some(Whole::Error(message, words)) => format!(
                "\n      <error message=\"{}\" type=\"lab\">{}</error>\n    ",
                attribute(message),
                text(words)
            ),
            Some(Whole::Skipped(lacks)) => {
                format!("<skipped message=\"{}\"/>", attribute(lacks))
            }
            None => String::new(),
        }
    }
}

fn case(suite: &Suite<'_>, step: &Step, out: &mut String) {
    let run = suite.run;
    let name = attribute(&format!("{} {}", step.called(), step.title));
    let class = attribute(suite.name);
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
            if !around.is_empty() {
                let around = text(&around);
                let _ = write!(out, "\n      <system-out>{around}</system-out>");
            }
            out.push_str("\n    ");
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
