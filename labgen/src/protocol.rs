//! What the command line and the supervisor say to each other: one JSON object a line.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use impair::{Counters, Impairment};
use scenario::{Direction, WireKind};
use serde::{Deserialize, Serialize};

use crate::plan::Change;
use crate::state::LabDir;

/// The first line the supervisor reads: where the lab is, and how to live. What to build is in
/// [`LabDir::scenario`].
#[derive(Debug, Serialize, Deserialize)]
pub struct Order {
    /// Where the lab keeps its files.
    pub dir: LabDir,
    /// The scenario's name as the user typed it, for messages.
    pub file: String,
    /// The directory relative paths in the scenario start from.
    pub base: PathBuf,
    /// Whether to stay or to go.
    pub mode: Mode,
}

/// How the supervisor lives after the lab is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// Stay until told to go down.
    Up,
    /// Do the steps, then go; with `keep`, stay after them.
    Run {
        /// Stay after the steps, whatever their outcome.
        keep: bool,
    },
}

/// Said by the front end after `Event::Up`: the lab may outlive it.
pub const DETACH: &str = "detach";

/// What the supervisor tells the command that started it, and writes to [`LabDir::events`] as it does. Times are
/// microseconds since it started: lab time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum Event {
    /// The first event.
    Began {
        /// Lab time 0 in nanoseconds since 1970 (UTC), by the clock that stamps captured frames.
        epoch_ns: u64,
        /// The scenario's file as the user typed it.
        file: String,
        /// The version of labgen.
        version: String,
    },
    /// A part of the lab is being made.
    Building {
        /// What.
        what: String,
        /// When.
        at: u64,
    },
    /// A node's program was started.
    Started {
        /// The node.
        node: String,
        /// When.
        at: u64,
    },
    /// A node's program said that it is ready.
    Ready {
        /// The node.
        node: String,
        /// When.
        at: u64,
    },
    /// Everything is ready.
    Up {
        /// The lab as `inspect` shows it.
        lab: LabView,
        /// When.
        at: u64,
    },
    /// A step begins. Steps overlap where they are parallel or in the background, and one begins inside those it is in.
    StepStarted {
        /// Which, counting from 1 through all steps, each before those in it.
        step: usize,
        /// Its number for people: `3`, or `3.2` for the second in the third.
        number: String,
        /// The rounds, from 1, of the repeated steps it is in, the outermost first; empty for one that is in none.
        rounds: Vec<u64>,
        /// How many steps there are that are in no other.
        of: usize,
        /// What it does.
        title: String,
        /// The scenario's line.
        line: usize,
        /// Whether the next begins before this one ends.
        background: bool,
        /// When.
        at: u64,
    },
    /// A step ended well.
    StepPassed {
        /// As in `StepStarted`.
        step: usize,
        /// As in `StepStarted`.
        rounds: Vec<u64>,
        /// What was seen, in a line; may be empty.
        seen: String,
        /// When.
        at: u64,
    },
    /// A step was given up: because one in it, or beside it, failed.
    StepStopped {
        /// As in `StepStarted`.
        step: usize,
        /// As in `StepStarted`.
        rounds: Vec<u64>,
        /// When.
        at: u64,
    },
    /// A step did not.
    StepFailed(Failure),
    /// Something was broken or mended on purpose, by a step or by a command.
    Fault {
        /// The word for it: `cut`, `heal`, `halt`, `start`, `restart`, `signal`, `impair`, ...
        action: String,
        /// The node, link or interface.
        on: String,
        /// What came of it, or what exactly was done.
        seen: String,
        /// When it was begun.
        since: u64,
        /// When it was done.
        at: u64,
    },
    /// Traffic that did not get through for a while.
    Outage {
        /// What was sent: a flow's name.
        flow: String,
        /// When the first probe was sent that was lost.
        since: u64,
        /// When the first probe after it was sent that was not, or the flow ended.
        until: u64,
        /// How many probes were lost.
        lost: u64,
        /// When this was found out.
        at: u64,
    },
    /// Something the user should know that is no failure.
    Note {
        /// What.
        text: String,
    },
    /// The lab could not be built.
    Broken {
        /// Why, with what to do.
        error: String,
        /// The environment lacks something, as opposed to a fault of ours or the scenario's.
        lacking: bool,
    },
    /// The last event of a run.
    Done {
        /// All steps passed.
        passed: bool,
        /// When.
        at: u64,
        /// The files written.
        evidence: Vec<PathBuf>,
    },
}

/// A step that failed: enough to find out why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Which, as in [`Event::StepStarted`].
    pub step: usize,
    /// Its number for people.
    pub number: String,
    /// The rounds of the repeated steps it is in.
    pub rounds: Vec<u64>,
    /// What it does.
    pub title: String,
    /// The file it was written in, as the user knows it.
    pub file: String,
    /// Its line there.
    pub line: usize,
    /// What should have been.
    pub expected: String,
    /// What was instead.
    pub seen: String,
    /// More lines: nearest misses, what was there.
    pub details: Vec<String>,
    /// When, in microseconds since the supervisor started.
    pub at: u64,
}

/// What the other commands ask of a running lab.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "request")]
pub enum Request {
    /// The lab as it is now.
    Inspect,
    /// The namespaces of a node, or of a port's namespace on it.
    Enter {
        /// The node.
        node: String,
        /// A namespace named in it (`ip netns`).
        netns: Option<String>,
    },
    /// End the programs of a node; its namespaces and links stay.
    Halt {
        /// The node.
        node: String,
    },
    /// Start the programs of a node that was halted or whose programs have ended; answered when they are ready.
    Start {
        /// The node.
        node: String,
    },
    /// End the programs of a node and start them again; answered when they are ready.
    Restart {
        /// The node.
        node: String,
    },
    /// Pull cables.
    Cut {
        /// A LAN, a link, or `NODE/INTERFACE`.
        link: String,
    },
    /// Plug cables in again.
    Heal {
        /// A LAN, a link, or `NODE/INTERFACE`.
        link: String,
    },
    /// Have cables do something to frames, in place of what they did.
    Impair {
        /// A LAN, a link, or `NODE/INTERFACE`.
        link: String,
        /// Only to the frames of this node.
        node: Option<String>,
        /// Of a node only those in this direction.
        direction: Option<Direction>,
        /// What.
        by: Impairment,
    },
    /// Where to listen to packets.
    Listen {
        /// A LAN, a link, or `NODE/INTERFACE`.
        link: String,
    },
    /// What would have to be done to turn the lab into another scenario.
    Plan {
        /// The scenario's file, as an absolute path: it must be the one that the lab was built from.
        file: PathBuf,
        /// What it comes down to, as JSON.
        resolved: PathBuf,
    },
    /// Turn the lab into another scenario; the answer is what was done.
    Change {
        /// The scenario's file, as for `Plan`.
        file: PathBuf,
        /// What it comes down to, as JSON; it is moved to its place in the lab's directory.
        resolved: PathBuf,
    },
    /// End the lab.
    Down,
}

/// The answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "reply")]
pub enum Reply {
    /// To `Inspect`.
    Lab {
        /// What there is.
        lab: LabView,
    },
    /// To `Enter`: the supervisor's descriptors of the namespaces; good while the connection lasts.
    Entered {
        /// Of the network namespace.
        net: i32,
        /// Of the mount namespace.
        mnt: i32,
        /// What programs find in their environment there.
        env: Vec<(String, String)>,
    },
    /// To `Halt`, `Start`, `Restart`, `Cut`, `Heal`, `Impair`: it is done.
    Done {
        /// What came of it, in a line.
        seen: String,
    },
    /// To `Plan` and `Change`.
    Plan {
        /// In the order in which they are made.
        changes: Vec<Change>,
    },
    /// To `Listen`: good while the connection lasts.
    Listening {
        /// The supervisor's descriptor of the network namespace.
        net: i32,
        /// The interface in it that every frame passes once.
        interface: String,
    },
    /// To `Down`: the lab goes as soon as this is read.
    Bye,
    /// It cannot be done.
    Refused {
        /// Why.
        error: String,
    },
}

/// A lab, as `inspect` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabView {
    /// Its name.
    pub name: String,
    /// The scenario it came from.
    pub file: String,
    /// Its state directory.
    pub dir: PathBuf,
    /// The supervisor's process id, as the host counts.
    pub pid: Option<i32>,
    /// Its nodes, in order of name.
    pub nodes: Vec<NodeView>,
    /// Its LANs, in order of name.
    pub lans: Vec<LanView>,
    /// Its point-to-point links, in order of name.
    pub links: Vec<LinkView>,
    /// What is done to frames, in order of LANs and links.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub impaired: Vec<ImpairedView>,
}

/// What is done to the frames of a node's cable in one direction, as `inspect` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImpairedView {
    /// The LAN or link.
    pub net: String,
    /// The node.
    pub node: String,
    /// Seen from the node.
    pub direction: Direction,
    /// What is done.
    pub by: String,
    /// What does it.
    pub wire: WireKind,
    /// What has become of the frames, where labgen's own wire does it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counters: Option<Counters>,
}

/// A node, as `inspect` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeView {
    /// Its name.
    pub name: String,
    /// What it is: `bagpipe`, `fakerr`, ...
    pub kind: String,
    /// The node whose namespaces it lives in, where not its own.
    pub on: Option<String>,
    /// LAN or link -> addresses with prefix length, separated by spaces.
    pub addresses: BTreeMap<String, String>,
    /// Addresses of its loopback interface, with prefix length.
    pub loopbacks: Vec<String>,
    /// Its interfaces, in the order of the scenario.
    pub interfaces: Vec<InterfaceView>,
    /// Its program's process id inside the lab; none for a node without program or one that ended.
    pub pid: Option<i32>,
    /// How its program ended, if it did.
    pub exited: Option<String>,
    /// Its programs were ended by `halt`.
    pub halted: bool,
    /// All its programs, in the order of the starts.
    pub programs: Vec<ProgramView>,
    /// LANs and links whose cable to this node is cut.
    pub cut: Vec<String>,
    /// Resident memory of its programs in KiB.
    pub memory_kib: Option<u64>,
    /// Peers of a speaker that can be asked, with the session's state.
    pub sessions: Vec<SessionView>,
    /// Ports attached by steps or namespaces named in the node.
    pub namespaces: Vec<String>,
    /// Where its output goes.
    pub log: PathBuf,
}

/// An interface of a node, as `inspect` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceView {
    /// What it is called in the node: its net's name, shortened where that is too long.
    pub name: String,
    /// The LAN or link.
    pub net: String,
    /// Its addresses, with prefix length.
    pub addresses: Vec<String>,
    /// Its MAC address, where the scenario gives one.
    pub mac: Option<String>,
}

/// A program of a node, as `inspect` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramView {
    /// What it is called.
    pub name: String,
    /// Its process id inside the lab; none when it has ended.
    pub pid: Option<i32>,
    /// How it ended, if it did.
    pub exited: Option<String>,
}

/// A BGP session, as `inspect` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionView {
    /// The peer.
    pub peer: IpAddr,
    /// `Established` and the others of RFC 4271.
    pub state: String,
    /// The peer's autonomous system, where the node tells it.
    #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
    pub asn: Option<u32>,
    /// The families both ends agreed on, where the node tells them: `l2vpn/evpn`, ...
    #[serde(skip_serializing_if = "Option::is_none")]
    pub families: Option<Vec<String>>,
}

/// A LAN, as `inspect` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LanView {
    /// Its name.
    pub name: String,
    /// Its subnet.
    pub subnet: String,
    /// Who is on it.
    pub members: Vec<String>,
}

/// A point-to-point link, as `inspect` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkView {
    /// Its name.
    pub name: String,
    /// Its subnets.
    pub subnet: String,
    /// Both ends: `NODE/INTERFACE`.
    pub ends: [String; 2],
}
