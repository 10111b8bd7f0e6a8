//! What BGP speakers tell about themselves, in one shape whatever the program. Pure: how to ask, and how
//! answers read. Asking is the supervisor's.

mod bagpipe;
mod bird;
mod exabgp;
mod fakerr;
mod frr;
mod gobgp;
mod openbgpd;

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use bgp_wire::Family;
use capture::RouteFacts;
use scenario::{NodeKind, SessionState};

pub use bagpipe::{held_routes, peers};

/// A BGP session, as the speaker at one of its ends tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The peer's address.
    pub peer: IpAddr,
    /// Where the session is.
    pub state: SessionState,
    /// The peer's autonomous system, where it is told.
    pub remote_as: Option<u32>,
    /// The families both ends agreed on, sorted; `None` when that is not told or not agreed yet.
    pub families: Option<Vec<Family>>,
}

/// A route in a speaker's tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// What it says.
    pub facts: RouteFacts,
    /// Who told the speaker, as it calls them; `None` for its own.
    pub source: Option<String>,
    /// Whether it is the one the speaker uses, where it tells that.
    pub best: Option<bool>,
    /// The VPN instances that imported it.
    pub instances: Vec<String>,
    /// The route in a line, where that can say more than the facts.
    pub text: Option<String>,
}

impl Route {
    /// A route of which nothing but the facts is known.
    pub fn new(facts: RouteFacts) -> Self {
        Self {
            facts,
            source: None,
            best: None,
            instances: Vec::new(),
            text: None,
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.text {
            Some(text) => f.write_str(text)?,
            None => fmt::Display::fmt(&self.facts, f)?,
        }
        if let Some(source) = &self.source {
            write!(f, " (from {source})")?;
        }
        if self.best == Some(false) {
            f.write_str(" (not the best)")?;
        }
        Ok(())
    }
}

/// How a program is asked something.
#[derive(Debug, Clone)]
pub enum Question {
    /// By running a command in its node; what it prints is the answer.
    Command(Vec<String>),
    /// Over a Unix socket in its node.
    Socket {
        /// The socket.
        path: PathBuf,
        /// What to say after connecting.
        say: String,
        /// Whether what has been said back is all.
        complete: fn(&[u8]) -> bool,
    },
    /// By reading a file in its node; one that is not there yet is empty.
    File(PathBuf),
}

/// How to hear that asking again may give another answer.
#[derive(Debug, Clone)]
pub enum News {
    /// Not at all: ask again and again.
    None,
    /// A command in its node prints something.
    Command(Vec<String>),
    /// Something comes over a Unix socket in its node.
    Socket(PathBuf),
    /// A file in its node grows.
    File(PathBuf),
    /// Its node's log grows.
    Log,
}

/// What about a speaker is of interest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// Its sessions.
    Sessions,
    /// Its routes of a family.
    Routes(Family),
}

/// An answer that does not read as it should.
#[derive(Debug, thiserror::Error)]
#[error("{what}: `{near}`")]
pub struct Misread {
    what: String,
    near: String,
}

impl Misread {
    /// `near` is the piece that is not understood.
    pub fn new(what: impl fmt::Display, near: impl AsRef<[u8]>) -> Self {
        const SHOWN: usize = 160;
        let near = String::from_utf8_lossy(near.as_ref());
        Self {
            what: what.to_string(),
            near: near.trim().chars().take(SHOWN).collect(),
        }
    }
}

/// A kind of program that can be asked about its sessions and routes.
pub trait Speaker: Sync {
    /// How to ask; `None` when the program has nothing to say about it.
    fn question(&self, topic: Topic) -> Option<Question>;
    /// What to ask next when the first answer does not have all; the answer to it is put behind the first.
    fn further(&self, topic: Topic, answer: &[u8]) -> Option<Question> {
        let _ = (topic, answer);
        None
    }
    /// The answer to [`Topic::Sessions`], sorted by peer.
    fn sessions(&self, answer: &[u8]) -> Result<Vec<Session>, Misread>;
    /// The answer to [`Topic::Routes`]; routes of other families may be among them.
    fn routes(&self, family: Family, answer: &[u8]) -> Result<Vec<Route>, Misread>;
    /// How to hear of changes.
    fn news(&self, topic: Topic) -> News {
        let _ = topic;
        News::None
    }
}

/// How nodes of this kind are asked; `None` for those without BGP, and for `bagpipe`, which is asked by its
/// REST API ([`peers`], [`held_routes`]).
pub fn speaker(kind: &NodeKind) -> Option<&'static dyn Speaker> {
    match kind {
        NodeKind::FakeRr(_) => Some(&fakerr::FakeRr),
        NodeKind::GoBgp(_) => Some(&gobgp::GoBgp),
        NodeKind::Bird(_) => Some(&bird::Bird),
        NodeKind::ExaBgp(_) => Some(&exabgp::ExaBgp),
        NodeKind::Frr(_) => Some(&frr::Frr),
        NodeKind::OpenBgpd(_) => Some(&openbgpd::OpenBgpd),
        _ => None,
    }
}

/// The state by the RFC's name, in any case; `None` for no such name.
pub fn state_named(name: &str) -> Option<SessionState> {
    SessionState::ALL
        .into_iter()
        .find(|state| state.name().eq_ignore_ascii_case(name))
}
