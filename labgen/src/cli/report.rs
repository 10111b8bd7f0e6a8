//! Subcommands that deal with what a run left behind.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::candidates;

/// What a run writes besides its evidence.
#[derive(Debug, Clone, Default, Args)]
pub struct Forms {
    /// Write the report as one HTML page to this file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = file)]
    pub html: Option<PathBuf>,
    /// Write the report as JUnit XML to this file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = file)]
    pub junit: Option<PathBuf>,
    /// Print failures as annotations for GitHub [default: where GITHUB_ACTIONS is `true`]
    #[arg(long)]
    pub github: bool,
}

/// The file of a report. `-`, which would be standard output elsewhere, is no file anybody means.
pub(super) fn file(text: &str) -> Result<PathBuf, String> {
    match text {
        "-" => Err("standard output has what people read: name a file".to_owned()),
        _ => Ok(text.into()),
    }
}

/// `labgen report`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  labgen report                              of the last run
  labgen report evidence/                    of what `labgen run --out evidence/` kept
  labgen report first-ping --html ping.html  one form of it, elsewhere

Without `--html` and `--junit`, report.html, report.json and junit.xml are written beside the evidence.")]
pub struct Report {
    /// A directory of evidence, or the name of a lab [default: the last run]
    #[arg(value_name = "DIR|LAB", value_hint = ValueHint::DirPath, add = candidates::labs())]
    pub evidence: Option<String>,
    #[command(flatten)]
    pub forms: Forms,
}

/// `labgen open`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  labgen open              the last run
  labgen open evidence/    what `labgen run --out evidence/` kept

The report is made if there is none yet. It is opened by $BROWSER, else by xdg-open.")]
pub struct Open {
    /// A directory of evidence, or the name of a lab [default: the last run]
    #[arg(value_name = "DIR|LAB", value_hint = ValueHint::DirPath, add = candidates::labs())]
    pub evidence: Option<String>,
}
