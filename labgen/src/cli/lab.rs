//! Subcommands that deal with a lab as a whole.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::candidates;
use super::file::Scenario;
use super::report::Forms;
use super::vm::Vm;

/// Which lab, in every command that asks one.
#[derive(Debug, Clone, Default, Args)]
pub struct LabChoice {
    /// The lab's name; may be left out when only one is up
    #[arg(short, long, value_name = "NAME", add = candidates::labs())]
    pub lab: Option<String>,
}

impl LabChoice {
    /// The name given.
    pub fn name(&self) -> Option<&str> {
        self.lab.as_deref()
    }
}

/// `labgen up`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  labgen up scenarios/by-hand.toml
  labgen up clos.toml --set leaves=8
  labgen up lab.toml && labgen inspect

A lab that is up from the same file is changed to what the file says now: only what
differs is touched (`labgen plan FILE` shows it before).

Ctrl-C while it builds ends the lab again.")]
pub struct Up {
    #[command(flatten)]
    pub scenario: Scenario,
    /// Events as JSON, one a line
    #[arg(long)]
    pub json: bool,
}

/// `labgen plan`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  labgen plan clos.toml                 what `up` would make
  vi clos.toml; labgen plan clos.toml   of a lab that is up: what `up` would change
  labgen up clos.toml                   and that changes it

+ comes, - goes, ~ changes in place, ! cannot be changed in place: it goes and comes anew.")]
pub struct Plan {
    #[command(flatten)]
    pub scenario: Scenario,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// `labgen down`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  labgen down                  the only lab that is up
  labgen down by-hand          this one; `--lab by-hand` says the same
  labgen down --all --purge    every lab of this user, its logs and captures too

Logs and captures are kept (and said where) unless `--purge` is given.")]
pub struct Down {
    /// The lab's name; may be left out when only one is up
    #[arg(value_name = "NAME", conflicts_with = "lab", add = candidates::labs())]
    pub name: Option<String>,
    #[command(flatten)]
    pub choice: LabChoice,
    /// Every lab of this user
    #[arg(long, conflicts_with_all = ["name", "lab"])]
    pub all: bool,
    /// Remove logs and captures too
    #[arg(long)]
    pub purge: bool,
}

/// `labgen run`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  labgen run scenarios/first-ping.toml
  labgen run scenarios/first-ping.toml --out evidence/
  labgen run lab.toml --keep && labgen shell compute-a
  labgen run scenarios/kernel/mpls.toml --kernel $(ci/kernel)

Ctrl-C ends the lab.")]
pub struct Run {
    #[command(flatten)]
    pub scenario: Scenario,
    /// Leave the lab up after the steps (`labgen down` ends it)
    #[arg(long, conflicts_with = "kernel")]
    pub keep: bool,
    /// Keep the evidence in this directory, events, captures and logs, with a report in every form
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub forms: Forms,
    /// Events as JSON, one a line
    #[arg(long, conflicts_with = "github")]
    pub json: bool,
    /// Wait N times as long for everything; an emulated VM is taken to be 10 times as slow
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub slow: Option<u32>,
    #[command(flatten)]
    pub vm: Vm,
}

/// `labgen list`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  labgen list
  labgen list --json | jq -r '.[].name'")]
pub struct List {
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// `labgen inspect`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  labgen inspect
  labgen inspect rr compute-7      these nodes, with every session and address
  labgen inspect --json | jq '.nodes[] | select(.name == \"rr\").sessions'")]
pub struct Inspect {
    #[command(flatten)]
    pub choice: LabChoice,
    /// Only these nodes, in full
    #[arg(value_name = "NODE", add = candidates::nodes())]
    pub nodes: Vec<String>,
    /// Every node, session and link; else many of a kind are summed up
    #[arg(short, long)]
    pub all: bool,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}
