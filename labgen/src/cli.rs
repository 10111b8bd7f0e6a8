//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// BGP VPN labs out of one file: build, break, prove with packets, explain.
///
/// A scenario file describes nodes, links, VPNs, steps and what must be true after each.
/// Everything runs in namespaces of this machine; nothing is left behind, however labgen ends.
#[derive(Debug, Parser)]
#[command(name = "labgen", version, propagate_version = true, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  labgen run scenarios/first-ping.toml         build, drive, judge, clean up
  labgen up scenarios/by-hand.toml             build and leave running
  labgen inspect                               what is up
  labgen exec compute-a -- bagpipe-looking-glass bgp peers
  labgen exec compute-a/test2 -- ping 12.11.11.2
  labgen down

Exit status:
  0  passed          1  an expectation failed, or the command could not be done
  2  scenario or usage error          3  this machine lacks something the scenario needs
  (`exec` exits as the command it ran: 128 + n when signal n ended it)

Environment:
  LABGEN_STATE  directory for the state of labs (default: below the user's runtime directory)
  NO_COLOR      no colours";

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Build a lab and leave it running
    #[command(after_help = "Example:\n  labgen up scenarios/by-hand.toml")]
    Up {
        /// The scenario
        file: PathBuf,
        /// Events as JSON, one a line
        #[arg(long)]
        json: bool,
    },
    /// End a lab
    Down {
        /// The lab's name; may be left out when only one is up
        lab: Option<String>,
    },
    /// Build a lab, do its steps, judge them, end it
    #[command(after_help = "Example:\n  labgen run scenarios/first-ping.toml --out evidence/")]
    Run {
        /// The scenario
        file: PathBuf,
        /// Leave the lab up after the steps (`labgen down` ends it)
        #[arg(long)]
        keep: bool,
        /// Copy captures and logs to this directory
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// Events as JSON, one a line
        #[arg(long)]
        json: bool,
    },
    /// Show a lab: nodes, addresses, processes, sessions, memory
    Inspect {
        /// The lab's name; may be left out when only one is up
        #[arg(long)]
        lab: Option<String>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Run a command inside a node
    #[command(after_help = "\
Examples:
  labgen exec compute-a -- bagpipe-rest-attach --attach --port netns --ip 12.11.11.1 \\
      --network-type evpn --vpn-instance-id test2 --rt 64512:79
  labgen exec compute-a -- ip netns exec test2 ping 12.11.11.2
  labgen exec compute-a/test2 -- ping 12.11.11.2       # the same where `ip` is missing")]
    Exec {
        /// The lab's name; may be left out when only one is up
        #[arg(long)]
        lab: Option<String>,
        /// NODE, or NODE/NETNS for a namespace named in that node
        node: String,
        /// The command and its arguments
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
    /// Validate scenarios; nothing is started
    Check {
        /// The scenarios
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Probe what this machine can do, by doing
    Doctor {
        /// Only what this scenario needs
        file: Option<PathBuf>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Run many scenarios, and say which passed
    ///
    /// Of a directory, every scenario below it that has steps. One that needs what this machine lacks is reported
    /// as skipped, with what it lacks; never as passed.
    #[command(after_help = "\
Examples:
  labgen test                                  all below scenarios/
  labgen test scenarios/interop --filter frr --out evidence/

Exit status:
  0  all passed          1  one failed          2  one is wrong          3  none of these, but some were skipped")]
    Test {
        /// Scenarios, and directories of scenarios
        #[arg(default_value = "scenarios")]
        paths: Vec<PathBuf>,
        /// Only those with this text in their path
        #[arg(long, value_name = "TEXT")]
        filter: Option<String>,
        /// Exit with 0 although some were skipped, if any passed
        #[arg(long)]
        allow_skipped: bool,
        /// Keep captures and logs of every run below this directory
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// The verdicts as JSON, one a line
        #[arg(long)]
        json: bool,
    },
    /// The lab's own process; started by `up` and `run`
    #[command(name = "__supervise", hide = true)]
    Supervise,
}
