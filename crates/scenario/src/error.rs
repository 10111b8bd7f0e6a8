//! What can be wrong with a scenario: a kind with its data, and a place.

use std::fmt;
use std::ops::Range;

use serde::Serialize;

use crate::nearest::nearest;

/// One mistake. [`render`](crate::render::render) draws it; its text is `Display`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{subject}{kind}")]
pub struct ScenarioError {
    /// Byte offsets into the texts, as [`Sources`](crate::Sources) counts them.
    pub span: Range<usize>,
    /// Which part of the scenario is at fault.
    pub subject: Subject,
    /// What is wrong with it.
    pub kind: ErrorKind,
    /// An earlier place that has to do with it.
    pub related: Option<Related>,
}

/// A second place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Related {
    /// Byte offsets into the texts, as [`Sources`](crate::Sources) counts them.
    pub span: Range<usize>,
    /// What was there: `first attached here`.
    pub text: String,
}

/// The part of a scenario that a mistake is in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// The text as a whole; the kind's text stands alone.
    Text,
    /// The scenario.
    Scenario,
    /// The table `[lab]`.
    Lab,
    /// A node.
    Node(String),
    /// A LAN.
    Lan(String),
    /// A point-to-point link, or the entry that makes several.
    Link(String),
    /// A VPN.
    Vpn(String),
    /// A step, counting from 1.
    Step(usize),
}

/// The kinds of mistake. The texts continue a sentence that the [`Subject`] begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum ErrorKind {
    /// The text is not TOML.
    #[error("the text is not TOML: {message}")]
    Syntax {
        /// What the parser said.
        message: String,
    },
    /// A TOML key that is there twice.
    #[error("the key `{key}` is there twice")]
    DuplicateKey {
        /// The key.
        key: String,
    },
    /// A file that cannot be read.
    #[error("includes `{path}`, which cannot be read")]
    Unreadable {
        /// The file, as it was looked for.
        path: String,
        /// Why not.
        reason: String,
    },
    /// A file that includes itself.
    #[error("includes `{path}`, which includes this file{}", by_way_of(.through))]
    IncludeCycle {
        /// The file, as it was typed.
        path: String,
        /// The files between that one and this one.
        through: Vec<String>,
    },
    /// A name that an entry in another file, or made from another entry, has.
    #[error("is given twice")]
    GivenTwice,
    /// A key that means nothing.
    #[error("has the unknown key `{key}`")]
    UnknownKey {
        /// The key.
        key: String,
        /// The keys that mean something there.
        known: Vec<String>,
    },
    /// A value of the wrong TOML type.
    #[error("has {found} where {expected} belongs")]
    WrongType {
        /// What is there.
        found: String,
        /// What should be.
        expected: String,
        /// The same value in the right type, when that is easy to say.
        fix: Option<String>,
    },
    /// A key that must be there.
    #[error("lacks the key `{key}`")]
    MissingKey {
        /// The key.
        key: String,
    },
    /// A word that is none of the few that can be there.
    #[error("has `{word}`, which is not {what}")]
    UnknownWord {
        /// What it should be: `a kind of node`.
        what: String,
        /// The word.
        word: String,
        /// The words that can be there.
        known: Vec<String>,
    },
    /// A name that nothing has.
    #[error("{verb} `{name}`, which is not a {what}")]
    UnknownName {
        /// What is done to it: `expects a route on`.
        verb: String,
        /// What it should name.
        what: String,
        /// The name.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// A group where one node belongs.
    #[error("{verb} `{name}`, which is a group of nodes")]
    IsGroup {
        /// What is done to it: `attaches a port on`.
        verb: String,
        /// The group.
        name: String,
        /// Its first member.
        first: String,
        /// Its last member.
        last: String,
    },
    /// Two speakers that share no address family.
    #[error("has no family in common with `{name}`, which does {families}")]
    NoCommonFamily {
        /// The other speaker.
        name: String,
        /// What the other can do, or may do.
        families: String,
    },
    /// A value that is not well formed.
    #[error("has `{value}`, which is not {what}")]
    BadValue {
        /// What it should be: `a duration`.
        what: String,
        /// The value.
        value: String,
        /// Why it is not, or what it looks like.
        reason: String,
    },
    /// An expression that has no value.
    #[error("has `{expression}`, which cannot be computed")]
    Uncomputable {
        /// What stands between `${` and `}`.
        expression: String,
        /// Why not.
        reason: String,
    },
    /// A number out of its range.
    #[error("has {value} as {what}, which is out of range")]
    OutOfRange {
        /// What the number is.
        what: String,
        /// The number.
        value: i64,
        /// The least it can be.
        min: i64,
        /// The most it can be.
        max: i64,
    },
    /// Something said twice that can be said once.
    #[error("{verb} `{name}` a second time")]
    Repeated {
        /// What is done to it: `joins`.
        verb: String,
        /// The name.
        name: String,
    },
    /// An address that is not in the LAN's subnet.
    #[error("has the address {address}, which is not in its subnet")]
    OutsideSubnet {
        /// The address.
        address: String,
        /// The subnet.
        subnet: String,
    },
    /// An address that somebody has already.
    #[error("gives {address} to `{name}`, but `{holder}` has it")]
    AddressTaken {
        /// The address.
        address: String,
        /// Who should get it.
        name: String,
        /// Who has it.
        holder: String,
    },
    /// A subnet with too few addresses.
    #[error("has {members} members, but {subnet} has only {room} addresses for them")]
    SubnetFull {
        /// The subnet.
        subnet: String,
        /// How many addresses are needed.
        members: usize,
        /// How many there are.
        room: u64,
    },
    /// A node without any link.
    #[error("is on no LAN and no link")]
    InNoLan {
        /// Whether its kind can run on another node.
        on: bool,
    },
    /// Two nodes that cannot reach each other.
    #[error("needs a LAN or link that joins both `{name}` and `{other}`")]
    NoCommonLan {
        /// One node.
        name: String,
        /// The other node.
        other: String,
    },
    /// A node that is asked for by an address, and has none.
    #[error("{verb} `{name}`, which has no address")]
    NoAddress {
        /// What is done with the address: `expects a packet to`.
        verb: String,
        /// The node.
        name: String,
    },
    /// A link for a node that has no namespaces of its own.
    #[error("joins `{node}`, which runs on `{host}` and has no link of its own")]
    NoOwnLink {
        /// The node.
        node: String,
        /// The node it runs on.
        host: String,
    },
    /// A node of a kind that cannot do this.
    #[error("{verb} `{name}`, which is a {found}")]
    WrongKind {
        /// What is asked of it: `attaches a port on`.
        verb: String,
        /// The node.
        name: String,
        /// What it is.
        found: String,
        /// What it should be.
        needed: String,
    },
    /// A table that should hold one of several words and holds none.
    #[error("says nothing to {what}")]
    NoWord {
        /// What it is there for: `do`, `expect`.
        what: String,
        /// The words that can be there.
        known: Vec<String>,
    },
    /// A table that should hold one of several words and holds two.
    #[error("has both `{first}` and `{second}`")]
    TwoWords {
        /// The first.
        first: String,
        /// The second.
        second: String,
    },
    /// Two keys that exclude each other, or a key that means nothing beside another.
    #[error("has `{key}`, which {reason}")]
    Misplaced {
        /// The key.
        key: String,
        /// Why it cannot be there.
        reason: String,
    },
    /// Something that nodes of a kind never say of their routes or sessions.
    #[error("expects `{key}`, which {teller} does not tell")]
    Untold {
        /// The key.
        key: String,
        /// The kind of node that is asked.
        teller: String,
        /// Kinds that do tell it.
        tellers: Vec<String>,
    },
    /// An empty list.
    #[error("has an empty `{key}`")]
    Empty {
        /// The key.
        key: String,
    },
    /// A port that is attached already.
    #[error("attaches `{port}`, which is attached already")]
    StillAttached {
        /// The port.
        port: String,
    },
    /// A port that is not attached.
    #[error("detaches `{port}`, which is not attached")]
    NotAttached {
        /// The port.
        port: String,
    },
    /// An address that another port of the VPN has.
    #[error("gives {address} to `{port}`, but in `{vpn}` it belongs to `{holder}`")]
    TakenInVpn {
        /// The IP or MAC address.
        address: String,
        /// The port.
        port: String,
        /// The VPN.
        vpn: String,
        /// The port that has it.
        holder: String,
    },
    /// Steps whose second round would find something else than the first.
    #[error("{what}, but is repeated")]
    NotRepeatable {
        /// What it does and does not undo.
        what: String,
    },
    /// A step that does not go on beside, or has been waited for or stopped.
    #[error("{verb} `{label}`, which does not go on in the background")]
    NotGoingOn {
        /// What is done to it: `waits for`.
        verb: String,
        /// Its label.
        label: String,
    },
    /// Anything else.
    #[error("{message}")]
    Other {
        /// What.
        message: String,
    },
}

impl ScenarioError {
    /// How to mend it, when there is a good guess. Where an earlier or later place explains it, guessing at
    /// another name would only mislead.
    pub fn help(&self) -> Option<String> {
        match (&self.kind, &self.related) {
            (ErrorKind::UnknownName { .. }, Some(_)) => None,
            (kind, _) => kind.help(),
        }
    }
}

impl From<impair::BadQuantity> for ErrorKind {
    fn from(error: impair::BadQuantity) -> Self {
        Self::BadValue {
            what: error.what.into(),
            value: error.value,
            reason: error.rule.into(),
        }
    }
}

impl ErrorKind {
    /// What to write under the place.
    pub fn label(&self) -> Option<String> {
        match self {
            Self::UnknownKey { known, .. } => Some(format!("keys here are: {}", listed(known))),
            Self::UnknownWord { known, .. } | Self::NoWord { known, .. } => {
                Some(format!("one of: {}", listed(known)))
            }
            Self::UnknownName { what, known, .. } if known.is_empty() => {
                Some(format!("there is no {what} yet"))
            }
            Self::UnknownName { what, known, .. } => {
                Some(format!("{}: {}", plural(what), listed(known)))
            }
            Self::Untold { tellers, .. } => Some(format!("these do: {}", listed(tellers))),
            Self::IsGroup { first, last, .. } => Some(format!("one of: {first} .. {last}")),
            Self::WrongType { expected, .. } => Some(format!("expected {expected}")),
            Self::BadValue { reason, .. } | Self::Uncomputable { reason, .. } => {
                Some(reason.clone())
            }
            Self::OutOfRange { min, max, .. } => Some(format!("from {min} to {max}")),
            Self::Unreadable { reason, .. } => Some(reason.clone()),
            Self::MissingKey { key } => Some(format!("`{key}` must be said here")),
            Self::OutsideSubnet { subnet, .. } => Some(format!("the subnet is {subnet}")),
            Self::WrongKind { needed, .. } => Some(format!("this needs a {needed}")),
            Self::TwoWords { .. } => Some("only one can be here".into()),
            _ => None,
        }
    }

    /// How to mend it, when there is a good guess.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::UnknownKey { key: word, known }
            | Self::UnknownWord { word, known, .. }
            | Self::UnknownName {
                name: word, known, ..
            } => {
                let near = nearest(word, known.iter().map(String::as_str))?;
                Some(format!("did you mean `{near}`?"))
            }
            Self::WrongType { fix: Some(fix), .. } => Some(format!("write `{fix}`")),
            Self::InNoLan { on: true } => {
                Some("join it to a LAN or a link, or let it run `on` another node".into())
            }
            Self::InNoLan { on: false } => Some("join it to a LAN or a link".into()),
            Self::NoAddress { .. } => {
                Some("give it a `loopback`, or its LAN or link a `subnet` or another `ip`".into())
            }
            Self::StillAttached { .. } => Some("detach it first".into()),
            Self::NotAttached { .. } => Some("attach it first".into()),
            Self::NotRepeatable { .. } => {
                Some("undo it at the end of the steps that are repeated".into())
            }
            Self::NotGoingOn { .. } => Some(
                "say `background = true` in that step, and wait for it or stop it only once".into(),
            ),
            Self::SubnetFull { .. } => Some("take a larger subnet".into()),
            _ => None,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => Ok(()),
            Self::Scenario => write!(f, "the scenario "),
            Self::Lab => write!(f, "the lab "),
            Self::Node(name) => write!(f, "node `{name}` "),
            Self::Lan(name) => write!(f, "LAN `{name}` "),
            Self::Link(name) => write!(f, "link `{name}` "),
            Self::Vpn(name) => write!(f, "VPN `{name}` "),
            Self::Step(number) => write!(f, "step {number} "),
        }
    }
}

/// ` through `b.toml` and `c.toml``.
fn by_way_of(files: &[String]) -> String {
    if files.is_empty() {
        return String::new();
    }
    let files: Vec<String> = files.iter().map(|file| format!("`{file}`")).collect();
    format!(" through {}", files.join(" and "))
}

/// More than anybody reads are cut off.
fn listed(known: &[String]) -> String {
    const MOST: usize = 48;
    if known.len() <= MOST {
        return known.join(", ");
    }
    format!(
        "{} and {} more",
        known[..MOST].join(", "),
        known.len() - MOST
    )
}

fn plural(what: &str) -> String {
    match what {
        "port or node" => "ports and nodes are".into(),
        "LAN or link" => "LANs and links are".into(),
        _ if what.starts_with("LAN or link of") => "it is on".into(),
        _ if what.starts_with("peer of") => "its peers are".into(),
        _ if what.starts_with("member of") => "its members are".into(),
        _ if what.starts_with("network interface of") => "its interfaces are".into(),
        _ => format!("{what}s are"),
    }
}
