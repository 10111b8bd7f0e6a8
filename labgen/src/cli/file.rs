//! Subcommands that deal with scenario files and with the machine.

use std::num::NonZero;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};
use regex::Regex;

use super::vm::Vm;
use crate::command::Shard;

/// A scenario, in every command that reads one.
#[derive(Debug, Clone, Args)]
pub struct Scenario {
    /// The scenario
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    #[command(flatten)]
    pub variables: Variables,
}

/// Variables for scenarios.
#[derive(Debug, Clone, Default, Args)]
pub struct Variables {
    /// Give a variable of `[vars]` another value; repeatable
    #[arg(short, long, value_name = "NAME=VALUE", value_parser = assignment)]
    pub set: Vec<(String, String)>,
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.into(), value.into())),
        _ => Err("write NAME=VALUE, such as `--set leaves=8`".into()),
    }
}

fn time(text: &str) -> Result<Duration, String> {
    scenario::time_limit(text).map_err(|_| "write a time such as `90s`, `1500ms` or `2m`".into())
}

/// `labgen check`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  labgen check lab.toml
  labgen check scenarios       all below, but for those in `bad-input` and `parts`")]
pub struct Check {
    /// Scenarios, and directories of scenarios
    #[arg(required = true, value_hint = ValueHint::AnyPath)]
    pub paths: Vec<PathBuf>,
    #[command(flatten)]
    pub variables: Variables,
}

/// `labgen doctor`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  labgen doctor                              everything a scenario can use
  labgen doctor scenarios/first-ping.toml    what this one needs
  labgen doctor --kernel vmlinuz             what that kernel can do, found out in a VM")]
pub struct Doctor {
    /// Only what this scenario needs
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: Option<PathBuf>,
    #[command(flatten)]
    pub variables: Variables,
    /// As JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub vm: Vm,
}

/// `labgen test`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  labgen test                                  all below scenarios/
  labgen test scenarios/interop --filter frr --out evidence/
  labgen test --shard 2/4 --junit verdicts.xml the second quarter, as every machine counts it
  labgen test --repeat 20 --fail-fast          the hunt for what fails now and then

Exit status:
  0  none failed, and at least one passed: what was skipped is said, with what the machine lacks
  1  one failed, or took too long          2  none failed, but one is wrong
  3  none of these, but all were skipped, or with --strict any")]
pub struct Test {
    /// Scenarios, and directories of scenarios
    #[arg(default_value = "scenarios", value_hint = ValueHint::AnyPath)]
    pub paths: Vec<PathBuf>,
    /// Only those whose path or lab's name matches this regular expression; plain text matches itself
    #[arg(long, value_name = "REGEX")]
    pub filter: Option<Regex>,
    /// Only this part of N; together the parts are all, each of about as many nodes
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,
    /// Say which would be run, and run none
    #[arg(long)]
    pub list: bool,
    /// Scenarios at a time; a large one counts as several [default: as processors and memory allow]
    #[arg(short, long, value_name = "N")]
    pub jobs: Option<NonZero<u32>>,
    /// The longest a scenario may take that has no `timeout` of its own, such as `90s` [default: 2m]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub timeout: Option<Duration>,
    /// Wait N times as long for everything
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub slow: Option<u32>,
    /// Try one that fails up to N times more; if it passes then, it is flaky, which is no failure
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub retries: u32,
    /// Run all N times, and count
    #[arg(long, value_name = "N", default_value = "1")]
    pub repeat: NonZero<u32>,
    /// Begin none after the first that fails or is wrong
    #[arg(long)]
    pub fail_fast: bool,
    /// Fail with 3 when any was skipped
    #[arg(long)]
    pub strict: bool,
    /// Keep the evidence below this directory, of each scenario in its own [default: in the state directory]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub out: Option<PathBuf>,
    /// Keep the evidence of those that pass as well
    #[arg(long)]
    pub keep_evidence: bool,
    /// Write the verdicts as JUnit XML, a suite a scenario
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = super::report::file)]
    pub junit: Option<PathBuf>,
    /// The verdicts as JSON, one a line, and how many of each in the last
    #[arg(long)]
    pub json: bool,
}

/// `labgen graph`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  labgen graph scenarios/first-ping.toml
  labgen graph clos.toml --set leaves=8 -o clos.svg
  labgen graph --lab clos --format mermaid

Groups of many equal nodes (`count = 500`) are drawn as one, `compute-1..500`.")]
pub struct Graph {
    /// The scenario; without it, the lab that is up
    #[arg(value_hint = ValueHint::FilePath, conflicts_with = "lab")]
    pub file: Option<PathBuf>,
    #[command(flatten)]
    pub choice: super::lab::LabChoice,
    #[command(flatten)]
    pub variables: Variables,
    /// The kind of picture [default: as the name of `--out` ends, else ascii]
    #[arg(short, long, value_enum)]
    pub format: Option<GraphFormat>,
    /// Write to this file
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub out: Option<PathBuf>,
    /// Draw groups of more than N nodes as one; 0 draws every node [default: 12, fewer to fit a terminal]
    #[arg(long, value_name = "N")]
    pub fold: Option<usize>,
}

/// Kinds of pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum GraphFormat {
    /// Box characters
    Ascii,
    /// A self-contained document for light and dark surroundings
    Svg,
    /// A flowchart for Markdown
    Mermaid,
    /// For Graphviz
    Dot,
}
