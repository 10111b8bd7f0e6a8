//! What people see of a suite: a line as each scenario ends, those that run, and what became of all.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::json;

use super::verdict::{Count, Judged, Verdict};
use crate::cli::Test;
use crate::ui::{self, say};

/// At most this many of those that run are named.
const SHOWN: usize = 4;

/// Where it goes, and how it looks.
pub(super) struct Show {
    json: bool,
    live: bool,
    /// Of a suite that is run many times only what is not as usual is shown.
    brief: bool,
    of: usize,
}

impl Show {
    pub(super) fn new(options: &Test, of: usize) -> Self {
        Self {
            json: options.json,
            live: !options.json && io::stdout().is_terminal(),
            brief: options.repeat.get() > 1,
            of,
        }
    }

    /// One that has ended; so many have by now.
    pub(super) fn judged(&self, judged: &Judged, number: usize) {
        if self.json {
            say!("{}\n", line(judged));
            return;
        }
        let usual = match judged.verdict {
            Verdict::Passed => true,
            Verdict::Skipped => judged.round > 1,
            _ => false,
        };
        if self.brief && usual {
            return;
        }
        self.clear();
        let reason = match judged.reason.as_str() {
            "" => String::new(),
            reason => format!(": {reason}"),
        };
        say!(
            "{:<7} {number:>3}/{} {:>7.2} s  {}{reason}\n",
            judged.verdict.word(),
            self.of,
            judged.seconds(),
            judged.case.file.display(),
        );
        if matches!(
            judged.verdict,
            Verdict::Failed | Verdict::Broken | Verdict::Flaky
        ) {
            for line in judged.output.lines() {
                say!("        | {line}\n");
            }
        }
    }

    /// Those that run, in a line that the next replaces.
    pub(super) fn running(&self, running: &[(PathBuf, Instant)], done: usize) {
        if !self.live {
            return;
        }
        let mut named: Vec<String> = running
            .iter()
            .take(SHOWN)
            .map(|(file, since)| {
                let name = file.file_stem().unwrap_or_default().to_string_lossy();
                format!("{name} {} s", since.elapsed().as_secs())
            })
            .collect();
        if running.len() > SHOWN {
            named.push(format!("{} more", running.len() - SHOWN));
        }
        say!("\r\x1b[K  {done}/{} done; {}", self.of, named.join(", "));
        let _ = io::stdout().flush();
    }

    pub(super) fn clear(&self) {
        if self.live {
            say!("\r\x1b[K");
        }
    }

    /// A suite that was run once of several times.
    pub(super) fn round(&self, round: u32, of: u32, all: &[Judged], took: Duration) {
        if self.json || of == 1 {
            return;
        }
        self.clear();
        let count = Count::of(all);
        say!(
            "round {round}/{of}: {} in {:.1} s\n",
            count.words(),
            took.as_secs_f64()
        );
    }

    /// What became of all.
    pub(super) fn summary(&self, rounds: &[Vec<Judged>], jobs: u32, took: Duration) {
        let count = Count::of(rounds.iter().flatten());
        let missing = rounds.last().map_or(0, |last| self.of - last.len());
        if self.json {
            let summary = json!({
                "summary": count,
                "not-run": missing,
                "rounds": rounds.len(),
                "seconds": (took.as_secs_f64() * 1000.0).round() / 1000.0,
            });
            say!("{summary}\n");
            return;
        }
        self.clear();
        let notable: Vec<&Judged> = rounds
            .iter()
            .flatten()
            .filter(|judged| !matches!(judged.verdict, Verdict::Passed | Verdict::Skipped))
            .collect();
        if !notable.is_empty() && self.of > 1 {
            say!("\n");
        }
        for judged in notable {
            let round = match rounds.len() {
                1 => String::new(),
                _ => format!(" (round {})", judged.round),
            };
            if self.of > 1 {
                say!(
                    "{:<7} {}{round}: {}\n",
                    judged.verdict.word(),
                    judged.case.file.display(),
                    judged.reason
                );
            }
            if let Some(evidence) = &judged.evidence {
                say!("        evidence: {}\n", evidence.display());
            }
        }
        let rounds = match rounds.len() {
            1 => String::new(),
            rounds => format!("{rounds} rounds: "),
        };
        let missing = match missing {
            0 => String::new(),
            missing => format!(", {missing} not run"),
        };
        say!(
            "{rounds}{}{missing} in {:.1} s with {}\n",
            count.words(),
            took.as_secs_f64(),
            ui::count(jobs as usize, "job"),
        );
    }
}

fn line(judged: &Judged) -> serde_json::Value {
    json!({
        "file": judged.case.file,
        "name": judged.case.name,
        "lab": judged.case.lab,
        "nodes": judged.case.nodes,
        "round": judged.round,
        "verdict": judged.verdict,
        "reason": judged.reason,
        "seconds": judged.seconds(),
        "tries": judged.tries,
        "evidence": judged.evidence,
    })
}
