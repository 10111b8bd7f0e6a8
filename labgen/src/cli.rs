//! The command line: the one place that parser, help, completions and man pages come from.

mod candidates;
mod file;
mod impair;
mod lab;
mod node;
mod report;
mod setup;
mod vm;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Parser, Subcommand};

pub use self::impair::{Direction, Impair};
pub use file::{Check, Doctor, Graph, GraphFormat, Scenario, Test, Variables};
pub use lab::{Down, Inspect, List, Plan, Run, Up};
pub use node::{Cable, Capture, CaptureHere, Exec, Life, Logs, Shell};
pub use report::{Forms, Open, Report};
pub use setup::{Completions, Init, Man, Schema, Shell as ShellKind};

/// BGP VPN labs out of one file: build, break, prove with packets, explain.
///
/// A scenario file describes nodes, links, VPNs, steps and what must be true after each.
/// Everything runs in namespaces of this machine; nothing is left behind, however labgen ends.
#[derive(Debug, Parser)]
#[command(name = "labgen", version, propagate_version = true, after_help = EXAMPLES, styles = STYLES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

const EXAMPLES: &str = "\
Examples:
  labgen init                                  write a starter scenario, lab.toml
  labgen run scenarios/first-ping.toml         build, drive, judge, clean up
  labgen up scenarios/by-hand.toml             build and leave running
  labgen inspect                               what is up
  labgen shell compute-a                       look around in a node
  labgen exec compute-a -- bagpipe-looking-glass bgp peers
  labgen exec compute-a/test2 -- ping 12.11.11.2
  labgen down

Exit status:
  0  passed          1  an expectation failed, or the command could not be done
  2  scenario or usage error          3  this machine lacks something the scenario needs
  (`exec` and `shell` exit as the command they ran: 128 + n when signal n ended it,
  127 when there is no such command, 126 when it cannot be run)

Environment:
  LABGEN_STATE  directory for labs and nothing else (default: below the user's runtime directory)
  NO_COLOR      no colours";

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Build a lab and leave it running
    Up(Up),
    /// End a lab
    Down(Down),
    /// Build a lab, do its steps, judge them, end it
    Run(Run),
    /// List the labs of this user that are up
    List(List),
    /// Show a lab: nodes, addresses, processes, sessions, memory
    Inspect(Inspect),
    /// Run a command inside a node
    Exec(Exec),
    /// Open a shell inside a node
    Shell(Shell),
    /// Show what the programs of nodes said
    Logs(Logs),
    /// Write the frames of a LAN, a link or an interface as pcapng
    Capture(Capture),
    /// End the programs of nodes
    Halt(Life),
    /// Start the programs of halted nodes
    Start(Life),
    /// End the programs of nodes and start them again
    Restart(Life),
    /// Pull the cables of a link, a LAN or an interface
    Cut(Cable),
    /// Plug cables in again
    Heal(Cable),
    /// Have a link, a LAN or an interface delay, lose or damage frames
    Impair(Impair),
    /// Show what `up` would make or, of a lab that is up, change
    Plan(Plan),
    /// Validate scenarios; nothing is started
    Check(Check),
    /// Draw a lab: boxes, LANs, links, addresses
    Graph(Graph),
    /// Probe what this machine can do, by doing
    Doctor(Doctor),
    /// Tell again what a run came to, from its evidence: as a page, JSON, JUnit XML
    Report(Report),
    /// Open the report of a run in a browser
    Open(Open),
    /// Run many scenarios, and say which passed
    ///
    /// Of a directory, every scenario below it that has steps. One that needs what this machine lacks is reported
    /// as skipped, with what it lacks; never as passed.
    Test(Test),
    /// Print the JSON Schema of scenarios, for editors
    Schema(Schema),
    /// Write a starter scenario
    Init(Init),
    /// Write the script that lets a shell complete commands, labs, nodes and links
    Completions(Completions),
    /// Write the manual
    Man(Man),
    /// The table of scenarios below a directory, as scenarios/README.md has it
    #[command(name = "__scenarios", hide = true)]
    Scenarios {
        /// The directory.
        dir: std::path::PathBuf,
    },
    /// The part of `capture` that runs where the link is
    #[command(name = "__capture", hide = true)]
    CaptureHere(CaptureHere),
    /// The lab's own process; started by `up` and `run`
    #[command(name = "__supervise", hide = true)]
    Supervise,
    /// Process number 1 of the VM that `--kernel` makes
    #[command(name = "__vm-init", hide = true)]
    VmInit,
}
