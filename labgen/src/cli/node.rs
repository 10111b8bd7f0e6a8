//! Subcommands that deal with nodes and links of a running lab.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::candidates;
use super::lab::LabChoice;

/// `labgen exec`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  labgen exec compute-a -- bagpipe-rest-attach --attach --port netns --ip 12.11.11.1 \\
      --network-type evpn --vpn-instance-id test2 --rt 64512:79
  labgen exec compute-a -- ip netns exec test2 ping 12.11.11.2
  labgen exec compute-a/test2 -- ping 12.11.11.2       # the same where `ip` is missing

Exits as the command did: 128 + n when signal n ended it, 127 when there is no such
command, 126 when it cannot be run.")]
pub struct Exec {
    #[command(flatten)]
    pub choice: LabChoice,
    /// NODE, or NODE/NETNS for a namespace named in that node
    #[arg(add = candidates::nodes())]
    pub node: String,
    /// The command and its arguments
    #[arg(last = true, required = true, value_hint = ValueHint::CommandWithArguments)]
    pub command: Vec<OsString>,
}

/// `labgen shell`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  labgen shell compute-a
  labgen shell compute-a/test2         in a namespace named in the node
  SHELL=/bin/sh labgen shell rr

The shell is $SHELL, or /bin/sh. LABGEN_LAB and LABGEN_NODE are set in it.")]
pub struct Shell {
    #[command(flatten)]
    pub choice: LabChoice,
    /// NODE, or NODE/NETNS for a namespace named in that node
    #[arg(add = candidates::nodes())]
    pub node: String,
}

/// `labgen logs`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  labgen logs                      of all nodes
  labgen logs rr compute-a -n 20   the last 20 lines of each
  labgen logs -f rr                and what comes, until the lab ends

The logs of a lab that has ended are shown when it is named by `--lab`.")]
pub struct Logs {
    #[command(flatten)]
    pub choice: LabChoice,
    /// The nodes, or `supervisor`; all nodes when none is named
    #[arg(value_name = "NODE", add = candidates::nodes())]
    pub nodes: Vec<String>,
    /// Go on with what is said from now on, until the lab ends
    #[arg(short, long)]
    pub follow: bool,
    /// Only the last lines of each
    #[arg(short = 'n', long, value_name = "LINES")]
    pub tail: Option<usize>,
}

/// `labgen capture`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  labgen capture underlay -w underlay.pcapng      until Ctrl-C
  labgen capture underlay | wireshark -k -i -     live
  labgen capture uplink -c 10 | tshark -r -
  labgen capture compute-a/underlay -w a.pcapng   one node's interface

Timestamps have nanoseconds. How many frames were lost is said at the end; lab and
capture do not slow each other down.")]
pub struct Capture {
    #[command(flatten)]
    pub choice: LabChoice,
    /// A LAN, a link, or NODE/INTERFACE
    #[arg(add = candidates::links())]
    pub link: String,
    /// Write pcapng to this file instead of standard output
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub write: Option<PathBuf>,
    /// End after this many frames
    #[arg(short, long, value_name = "FRAMES")]
    pub count: Option<u64>,
    /// Keep at most this many octets of each frame
    #[arg(short, long, value_name = "OCTETS", default_value_t = 65_535, value_parser = clap::value_parser!(u32).range(1..=65_535))]
    pub snap_len: u32,
    /// Only frames that are one of these, by their outermost headers
    #[arg(long, alias = "filter", value_name = "KIND", value_delimiter = ',', value_parser = traffic())]
    pub only: Vec<String>,
    /// What the kernel has room for until frames are written
    #[arg(long, value_name = "MIB", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub ring: u32,
}

/// Kinds of frame that the kernel can tell.
fn traffic() -> clap::builder::PossibleValuesParser {
    scenario::Traffic::ALL.map(|(word, _)| word).into()
}

/// The part of `labgen capture` that runs where the link is.
#[derive(Debug, Args)]
pub struct CaptureHere {
    /// What the link is called in the capture.
    pub name: String,
    /// The interface.
    pub interface: String,
    #[arg(long)]
    pub count: Option<u64>,
    #[arg(long)]
    pub snap_len: u32,
    #[arg(long)]
    pub only: Vec<String>,
    #[arg(long)]
    pub ring: u32,
}

/// `labgen halt`, `labgen start`, `labgen restart`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  labgen halt rr               end its programs; namespaces and links stay
  labgen start rr              start them again, and wait until they are ready
  labgen restart rr compute-1  one after the other")]
pub struct Life {
    #[command(flatten)]
    pub choice: LabChoice,
    /// The nodes
    #[arg(value_name = "NODE", required = true, add = candidates::nodes())]
    pub nodes: Vec<String>,
}

/// `labgen cut`, `labgen heal`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  labgen cut uplink            a point-to-point link
  labgen cut underlay          every cable of a LAN
  labgen cut leaf-1/underlay   one node's cable: NODE/INTERFACE
  labgen heal underlay

On a LAN the node's interface loses its carrier and keeps addresses and routes, as when a
cable is pulled. The interfaces of a point-to-point link go down at both ends; `heal` brings
back the addresses and routes that labgen had given.")]
pub struct Cable {
    #[command(flatten)]
    pub choice: LabChoice,
    /// A LAN, a link, or NODE/INTERFACE
    #[arg(add = candidates::links())]
    pub link: String,
}
