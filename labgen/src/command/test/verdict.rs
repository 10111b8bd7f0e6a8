//! How scenarios ended.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::suite::Case;
use crate::report::model::Run;

/// How a scenario ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    Passed,
    /// It failed, and passed when it was tried again.
    Flaky,
    Failed,
    /// The scenario is wrong.
    Broken,
    /// The machine lacks something.
    Skipped,
    /// It was ended before it was through, because all was.
    Ended,
}

impl Verdict {
    /// As it is shown: what calls for somebody stands out.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Flaky => "FLAKY",
            Self::Failed => "FAILED",
            Self::Broken => "BROKEN",
            Self::Skipped => "skipped",
            Self::Ended => "ended",
        }
    }
}

/// One scenario, judged.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) case: Case,
    /// Which time the whole suite was run, from 1.
    pub(super) round: u32,
    pub(super) verdict: Verdict,
    /// Why it did not pass, in a line; empty otherwise.
    pub(super) reason: String,
    /// How long the last try took.
    pub(super) took: Duration,
    /// How often it was tried.
    pub(super) tries: u32,
    /// What it printed, errors last.
    pub(super) output: String,
    /// Where its evidence was kept.
    pub(super) evidence: Option<PathBuf>,
    /// The last try, as its supervisor told of it.
    pub(super) run: Run,
}

impl Judged {
    pub(super) fn seconds(&self) -> f64 {
        (self.took.as_secs_f64() * 1000.0).round() / 1000.0
    }
}

/// How many ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Count {
    pub(super) passed: usize,
    pub(super) flaky: usize,
    pub(super) failed: usize,
    pub(super) broken: usize,
    pub(super) skipped: usize,
    pub(super) ended: usize,
}

impl Count {
    pub(super) fn of<'a>(all: impl IntoIterator<Item = &'a Judged>) -> Self {
        let mut count = Self::default();
        for judged in all {
            *match judged.verdict {
                Verdict::Passed => &mut count.passed,
                Verdict::Flaky => &mut count.flaky,
                Verdict::Failed => &mut count.failed,
                Verdict::Broken => &mut count.broken,
                Verdict::Skipped => &mut count.skipped,
                Verdict::Ended => &mut count.ended,
            } += 1;
        }
        count
    }

    /// In words; what is usually there is told also when it is not.
    pub(super) fn words(&self) -> String {
        let told = [
            (self.passed, "passed", true),
            (self.failed, "failed", true),
            (self.broken, "broken", false),
            (self.flaky, "flaky", false),
            (self.skipped, "skipped", true),
            (self.ended, "ended", false),
        ];
        let told = told.into_iter().filter(|(n, _, always)| *n > 0 || *always);
        let told: Vec<String> = told.map(|(n, what, _)| format!("{n} {what}")).collect();
        told.join(", ")
    }
}

/// The errors a run ended with, in a line, with the packages that would help: other help is the same for every scenario.
pub(super) fn errors(stderr: &str) -> String {
    let mut lines = Vec::new();
    let mut inside = false;
    for line in stderr.lines() {
        match line.strip_prefix("error: ") {
            Some(error) => {
                inside = true;
                lines.push(error.to_owned());
            }
            None if line.starts_with("help: ") => {
                inside = false;
                let package = line.strip_prefix("help: on Debian");
                if let (Some(package), Some(error)) = (package, lines.last_mut()) {
                    error.push_str(&format!(" (on Debian{package})"));
                }
            }
            None if inside => lines.push(line.trim_start_matches([' ', '-']).to_owned()),
            None => {}
        }
    }
    lines.join("; ")
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_reason_is_what_the_run_said() {
        let said = "error: the scenario needs `gobgpd`, which is not installed\n\
                    help: on Debian, `apt-get install gobgpd`\n\
                    error: the kernel cannot do what the scenario needs\n  - MPLS: not built in\nhelp: no\n";
        assert_eq!(
            super::errors(said),
            "the scenario needs `gobgpd`, which is not installed (on Debian, `apt-get install \
             gobgpd`); the kernel cannot do what the scenario needs; MPLS: not built in"
        );
    }
}
