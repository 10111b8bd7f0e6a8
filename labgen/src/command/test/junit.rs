//! The verdicts as JUnit XML: a suite for each scenario.

use super::verdict::{Judged, Verdict};
use crate::report::{self, Suite, Whole};

/// All of them.
pub(super) fn junit(rounds: &[Vec<Judged>]) -> String {
    let several = rounds.len() > 1;
    let judged: Vec<&Judged> = rounds.iter().flatten().collect();
    let name = |judged: &Judged| match (judged.case.file.display(), several) {
        (file, true) => format!("{file} round {}", judged.round),
        (file, false) => file.to_string(),
    };
    let names: Vec<String> = judged.iter().map(|judged| name(judged)).collect();
    let suites = judged.iter().zip(&names);
    report::junit(suites.map(|(judged, name)| suite(judged, name)))
}

fn suite<'a>(judged: &'a Judged, name: &'a str) -> Suite<'a> {
    Suite {
        name,
        run: &judged.run,
        whole: match judged.verdict {
            Verdict::Passed | Verdict::Flaky => None,
            Verdict::Skipped => Some(Whole::Skipped(&judged.reason)),
            _ if judged.run.failed_step().is_some() => None,
            // That there was no lab, that it took too long.
            _ => Some(Whole::Error(&judged.reason, &judged.output)),
        },
        took: u64::try_from(judged.took.as_micros()).unwrap_or(u64::MAX),
        said: &judged.output,
    }
}
