//! `labgen test`: many scenarios, one verdict.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output, Stdio};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::below::{Unreadable, below};
use super::{FAILED, LACKING, WRONG, check, fail};
use crate::cli::Test;
use crate::ui::{self, say};

/// How a scenario ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Passed,
    Failed,
    Wrong,
    Skipped,
}

impl Verdict {
    const fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "FAILED",
            Self::Wrong => "WRONG",
            Self::Skipped => "skipped",
        }
    }
}

/// One scenario, judged.
#[derive(Serialize)]
struct Judged {
    file: PathBuf,
    verdict: Verdict,
    /// Why it was skipped; empty otherwise.
    reason: String,
    seconds: f64,
}

/// Why scenarios cannot be run.
#[derive(Debug, thiserror::Error)]
enum TestError {
    #[error(transparent)]
    Read(#[from] Unreadable),
    #[error("cannot start labgen for `{}`", path.display())]
    Start { path: PathBuf, source: io::Error },
    #[error("no scenario with steps in {0}")]
    Nothing(String),
}

pub(super) fn test(options: &Test) -> ExitCode {
    let found = find(options);
    let files = match found {
        Ok(files) => files,
        Err(e) => return fail(&e, WRONG),
    };
    let mut all = Vec::new();
    for (index, file) in files.iter().enumerate() {
        match judge(file, options) {
            Ok((judged, output)) => {
                show(&judged, &output, index + 1, files.len(), options.json);
                all.push(judged);
            }
            Err(e) => return fail(&e, FAILED),
        }
    }
    summary(&all, options)
}

/// The scenarios to judge, in order. A file is taken as it is. Of a directory, those below it that have steps: others are
/// there for `labgen up`.
fn find(options: &Test) -> Result<Vec<PathBuf>, TestError> {
    let mut files = Vec::new();
    for path in &options.paths {
        if path.is_dir() {
            files.extend(
                below(path)?
                    .into_iter()
                    .filter(|path| check::has_steps(path)),
            );
        } else {
            files.push(path.to_owned());
        }
    }
    if let Some(part) = &options.filter {
        files.retain(|file| file.to_string_lossy().contains(part));
    }
    if files.is_empty() {
        let paths: Vec<_> = options
            .paths
            .iter()
            .map(|path| format!("`{}`", path.display()))
            .collect();
        return Err(TestError::Nothing(paths.join(", ")));
    }
    Ok(files)
}

/// Runs one scenario in a process of its own.
fn judge(file: &Path, options: &Test) -> Result<(Judged, Output), TestError> {
    let began = Instant::now();
    let failed = |source| TestError::Start {
        path: file.to_owned(),
        source,
    };
    let mut command = Command::new(std::env::current_exe().map_err(failed)?);
    command.arg("run").arg(file).stdin(Stdio::null());
    if let Some(out) = &options.out {
        command.arg("--out").arg(out.join(evidence_name(file)));
    }
    let output = command.output().map_err(failed)?;
    let verdict = match output
        .status
        .code()
        .and_then(|code| u8::try_from(code).ok())
    {
        Some(0) => Verdict::Passed,
        Some(WRONG) => Verdict::Wrong,
        Some(LACKING) => Verdict::Skipped,
        _ => Verdict::Failed,
    };
    let reason = match verdict {
        Verdict::Skipped => reason(&String::from_utf8_lossy(&output.stderr)),
        _ => String::new(),
    };
    let judged = Judged {
        file: file.to_owned(),
        verdict,
        reason,
        seconds: round(began.elapsed()),
    };
    Ok((judged, output))
}

/// `interop/frr.toml` leaves its evidence in `interop-frr`.
fn evidence_name(file: &Path) -> String {
    let parts = file.with_extension("");
    let parts: Vec<_> = parts
        .components()
        .filter_map(|part| match part {
            std::path::Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
            _ => None,
        })
        .collect();
    parts.join("-")
}

/// The errors a run ended with, in a line, with the packages that would help: other help is the same for every scenario.
fn reason(stderr: &str) -> String {
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

fn round(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}

fn show(judged: &Judged, output: &Output, number: usize, of: usize, json: bool) {
    if json {
        say!("{}\n", serde_json::json!(judged));
        return;
    }
    let reason = match judged.reason.as_str() {
        "" => String::new(),
        reason => format!(": {reason}"),
    };
    say!(
        "{:<7} {number:>3}/{of} {:>7.2} s  {}{reason}\n",
        judged.verdict.word(),
        judged.seconds,
        judged.file.display(),
    );
    if matches!(judged.verdict, Verdict::Failed | Verdict::Wrong) {
        for text in [&output.stdout, &output.stderr] {
            for line in String::from_utf8_lossy(text).lines() {
                say!("        | {line}\n");
            }
        }
    }
}

fn summary(all: &[Judged], options: &Test) -> ExitCode {
    let count = |verdict| {
        all.iter()
            .filter(|judged| judged.verdict == verdict)
            .count()
    };
    let (failed, wrong, skipped) = (
        count(Verdict::Failed),
        count(Verdict::Wrong),
        count(Verdict::Skipped),
    );
    let passed = count(Verdict::Passed);
    if !options.json {
        say!(
            "{passed} passed, {} failed, {skipped} skipped\n",
            failed + wrong
        );
        if let (Some(out), true) = (&options.out, failed > 0) {
            say!(
                "{} with evidence in {}\n",
                ui::count(failed, "failure"),
                out.display()
            );
        }
    }
    ExitCode::from(match (failed, wrong, skipped) {
        (1.., _, _) => FAILED,
        (_, 1.., _) => WRONG,
        // Where all was skipped nothing was judged, whatever is allowed.
        (_, _, 1..) if !options.allow_skipped || passed == 0 => LACKING,
        _ => 0,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn a_reason_is_what_the_run_said() {
        let said = "error: the scenario needs `gobgpd`, which is not installed\n\
                    help: on Debian, `apt-get install gobgpd`\n\
                    error: the kernel cannot do what the scenario needs\n  - MPLS: not built in\nhelp: no\n";
        assert_eq!(
            super::reason(said),
            "the scenario needs `gobgpd`, which is not installed (on Debian, `apt-get install \
             gobgpd`); the kernel cannot do what the scenario needs; MPLS: not built in"
        );
    }

    #[test]
    fn evidence_is_named_after_the_path() {
        let name = super::evidence_name(Path::new("./scenarios/interop/frr.toml"));
        assert_eq!(name, "scenarios-interop-frr");
    }
}
