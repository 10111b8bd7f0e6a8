//! A run as its evidence tells it. Times are lab time: microseconds since the supervisor began.

use serde::Serialize;

/// The version of `report.json`: it grows when a field changes its meaning or goes, not when one comes.
pub const FORMAT: u32 = 1;

/// A run, whole: what every form of report is made of. Serialised, it is `report.json`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Run {
    /// [`FORMAT`].
    pub format: u32,
    /// The lab's name.
    pub lab: String,
    /// What it shows, as the scenario says.
    pub about: Option<String>,
    /// The scenario's file as the user typed it.
    pub file: String,
    /// The version of labgen that ran it.
    pub version: String,
    /// Lab time 0 in nanoseconds since 1970 (UTC).
    pub epoch_ns: u64,
    /// How it ended.
    pub verdict: Verdict,
    /// Why the lab could not be built.
    pub error: Option<String>,
    /// What was being made last, while the lab was being built.
    #[serde(skip)]
    pub building: Option<String>,
    /// When everything was ready.
    pub up: Option<u64>,
    /// When the last thing happened.
    pub end: u64,
    /// Steps in the order of their beginnings, then those that were not reached.
    pub steps: Vec<Step>,
    /// Where to look first.
    pub divergence: Option<Divergence>,
    /// What was broken and mended on purpose.
    pub faults: Vec<Fault>,
    /// When traffic did not get through.
    pub outages: Vec<Outage>,
    /// What a reader should know about the run or this account of it.
    pub notes: Vec<String>,
    /// BGP messages out of the captures, in order of time.
    pub messages: Vec<Message>,
    /// Routes announced and withdrawn by them.
    pub routes: Vec<RouteChange>,
    /// Captures, by name.
    pub captures: Vec<Capture>,
    /// Logs, by node.
    pub logs: Vec<Log>,
    /// Files of the evidence directory, relative to it.
    pub evidence: Vec<String>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Every step passed.
    Passed,
    /// A step did not.
    Failed,
    /// The lab could not be built.
    Broken,
    /// It was ended before its last step.
    #[default]
    Unfinished,
}

impl Verdict {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Broken => "broken",
            Self::Unfinished => "unfinished",
        }
    }
}

/// A step, as far as it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Counted from 1; of a step in another, both: `3.2`.
    pub number: String,
    /// The rounds, from 1, of the repeated steps it is in, the outermost first.
    pub rounds: Vec<u64>,
    /// What it does.
    pub title: String,
    /// Where it was written: the file as the user knows it, and the line.
    pub file: String,
    /// Counted from 1; 0 where it is not known.
    pub line: usize,
    /// How it ended.
    pub state: StepState,
    /// When it began.
    pub since: Option<u64>,
    /// When it ended.
    pub until: Option<u64>,
    /// What was seen: of a step that failed, instead.
    pub seen: String,
    /// What was expected, of a step that failed.
    pub expected: Option<String>,
    /// More about a failure, the nearest miss first.
    pub details: Vec<String>,
}

impl Step {
    /// Its number, with the round where it is repeated: `3.2 (round 4)`.
    pub fn called(&self) -> String {
        if self.rounds.is_empty() {
            return self.number.clone();
        }
        let rounds: Vec<String> = self.rounds.iter().map(u64::to_string).collect();
        format!("{} (round {})", self.number, rounds.join("."))
    }

    /// How long it took.
    pub fn took(&self) -> Option<u64> {
        Some(self.until?.saturating_sub(self.since?))
    }
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepState {
    /// Well.
    Passed,
    /// Not well.
    Failed,
    /// It was given up: one in it, or beside it, failed.
    Stopped,
    /// The run ended before.
    Unfinished,
    /// It never began.
    NotReached,
}

impl StepState {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Stopped => "given up",
            Self::Unfinished => "unfinished",
            Self::NotReached => "not reached",
        }
    }
}

/// The first thing that was not as expected, as far as the evidence tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Divergence {
    /// From when to when the failing expectation was waited for.
    pub since: u64,
    /// Its end.
    pub until: u64,
    /// The event to look at first.
    pub at: u64,
    /// What that is, in a line.
    pub what: String,
    /// Why it is taken for that.
    pub why: String,
}

/// Something that was broken or mended on purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// `cut`, `heal`, `halt`, ...
    pub action: String,
    /// The node, link or interface.
    pub on: String,
    /// What came of it.
    pub seen: String,
    /// When it was begun.
    pub since: u64,
    /// When it was done.
    pub at: u64,
}

/// Traffic that did not get through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outage {
    /// The flow.
    pub flow: String,
    /// When the first lost probe was sent.
    pub since: u64,
    /// When the next one was that was not lost.
    pub until: u64,
    /// Probes lost.
    pub lost: u64,
}

/// A BGP message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// When its last octet was seen.
    pub at: u64,
    /// Who sent it: a node's name, else an address.
    pub from: String,
    /// To whom.
    pub to: String,
    /// What it is.
    pub kind: MessageKind,
    /// It in words.
    pub text: String,
    /// The capture it is in, and the number of its last frame there, counted from 1 as Wireshark does.
    pub capture: String,
    /// That number.
    pub frame: usize,
}

/// Kinds of BGP messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MessageKind {
    /// OPEN.
    Open,
    /// UPDATE that announces.
    Update,
    /// UPDATE that only withdraws.
    Withdraw,
    /// UPDATE that ends a RIB (RFC 4724).
    EndOfRib,
    /// NOTIFICATION.
    Notification,
    /// KEEPALIVE.
    Keepalive,
    /// ROUTE-REFRESH (RFC 2918).
    Refresh,
    /// What cannot be read.
    Broken,
}

/// A route announced or withdrawn on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RouteChange {
    /// When.
    pub at: u64,
    /// The destination, by family: what the route is about.
    pub route: String,
    /// Whether it is withdrawn.
    pub withdrawn: bool,
    /// By whom.
    pub from: String,
    /// To whom.
    pub to: String,
    /// The route with its attributes.
    pub text: String,
}

/// A capture.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Capture {
    /// Its name.
    pub name: String,
    /// Its file, relative to the evidence directory.
    pub file: String,
    /// Frames in it.
    pub frames: usize,
    /// Those shown; left out of JSON.
    #[serde(skip)]
    pub packets: Vec<Packet>,
}

/// A frame of a capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// When it was seen.
    pub at: u64,
    /// Its number in the capture, counted from 1.
    pub frame: usize,
    /// Octets on the wire.
    pub length: u32,
    /// `bgp`, `arp`, `icmp`, `vxlan`, ...
    pub protocol: &'static str,
    /// It in a line.
    pub text: String,
}

/// What a program said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Log {
    /// The node.
    pub node: String,
    /// The file, relative to the evidence directory.
    pub file: String,
    /// Lines in it.
    pub lines: usize,
    /// Those shown; left out of JSON.
    #[serde(skip)]
    pub shown: Vec<LogLine>,
}

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When it was said.
    pub at: u64,
    /// Whether it says so itself; else it is the time of the line before.
    pub timed: bool,
    /// How grave it is.
    pub level: Level,
    /// The line.
    pub text: String,
}

/// How grave a line of a log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For developers.
    Debug,
    /// What is usual.
    Info,
    /// What is not.
    Warning,
    /// What is wrong.
    Error,
}

impl Run {
    /// The step that failed, the innermost one where steps are nested.
    pub fn failed_step(&self) -> Option<&Step> {
        let failed = self.steps.iter();
        failed
            .filter(|step| step.state == StepState::Failed)
            .max_by_key(|step| step.number.matches('.').count())
    }

    /// The step that failed, and what was seen, in a line.
    pub fn failure(&self) -> Option<String> {
        let step = self.failed_step()?;
        Some(format!(
            "step {}: {}: {}",
            step.called(),
            step.title,
            step.seen
        ))
    }

    /// What it was doing when it was heard of last.
    pub fn doing(&self) -> String {
        let mut begun = self.steps.iter().filter(|step| step.since.is_some()).rev();
        let any = begun.clone().next().is_some();
        match (begun.find(|step| step.until.is_none()), &self.building) {
            (Some(step), _) => format!("step {}: {}", step.called(), step.title),
            (None, _) if any => "ending the lab".into(),
            (None, Some(what)) if self.up.is_none() => format!("building the lab: {what}"),
            (None, None) => "reading the scenario".into(),
            (None, Some(_)) => "nothing".into(),
        }
    }
}
