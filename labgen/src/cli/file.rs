//! Subcommands that deal with scenario files and with the machine.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::vm::Vm;

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

Exit status:
  0  all passed          1  one failed          2  one is wrong          3  none of these, but some were skipped")]
pub struct Test {
    /// Scenarios, and directories of scenarios
    #[arg(default_value = "scenarios", value_hint = ValueHint::AnyPath)]
    pub paths: Vec<PathBuf>,
    /// Only those with this text in their path
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// Exit with 0 although some were skipped, if any passed
    #[arg(long)]
    pub allow_skipped: bool,
    /// Keep captures and logs of every run below this directory
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub out: Option<PathBuf>,
    /// The verdicts as JSON, one a line
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
