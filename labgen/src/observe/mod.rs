//! What BGP speakers tell about themselves, in one shape whatever the program. Pure: how to ask, and how
//! answers read. Asking is the supervisor's.

mod bagpipe;
mod bird;
mod exabgp;
mod fakerr;
mod frr;
mod gobgp;
mod openbgpd;
mod openflow;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use bgp_wire::{ExtendedCommunity, Family, RouteTarget};
use capture::RouteFacts;
use scenario::{NodeKind, SessionState};

pub use bagpipe::{held_routes, peers};
pub use openflow::{Flow, flows};

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
    /// The hold time agreed on, in seconds.
    pub hold_time: Option<u16>,
    /// Whether both ends can do four-octet AS numbers.
    pub four_octet_as: Option<bool>,
    /// Whether the peer announces graceful restart.
    pub graceful_restart: Option<bool>,
    /// How long it has been Established.
    pub up: Option<Up>,
    /// How often it has left Established since the program began.
    pub flaps: Option<u64>,
}

/// How long a session has been Established, as programs tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Up {
    /// For so long when it was asked.
    For(Duration),
    /// Since then, by the wall clock.
    Since(SystemTime),
}

impl Up {
    /// Since so long after the beginning of 1970; `None` where no clock gets that far.
    fn since(epoch: Duration) -> Option<Self> {
        SystemTime::UNIX_EPOCH.checked_add(epoch).map(Self::Since)
    }

    /// How long that is when it is `now`.
    pub fn duration(self, now: SystemTime) -> Duration {
        match self {
            Self::For(duration) => duration,
            Self::Since(then) => now.duration_since(then).unwrap_or_default(),
        }
    }
}

impl Session {
    /// One of which nothing but the state is known.
    pub fn new(peer: IpAddr, state: SessionState) -> Self {
        Self {
            peer,
            state,
            remote_as: None,
            families: None,
            hold_time: None,
            four_octet_as: None,
            graceful_restart: None,
            up: None,
            flaps: None,
        }
    }

    /// The same without what only a session that is Established has, unless it is.
    fn settled(self) -> Self {
        match self.state {
            SessionState::Established => self,
            state => Self {
                remote_as: self.remote_as,
                flaps: self.flaps,
                ..Self::new(self.peer, state)
            },
        }
    }
}

/// A route in a speaker's tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// What it says.
    pub facts: RouteFacts,
    /// Who told the speaker, as it calls them; `None` for its own.
    pub source: Option<String>,
    /// The same one's address, where it is told.
    pub from: Option<IpAddr>,
    /// The peer that was told it, as it was told: the route is not one received, but one sent.
    pub to: Option<IpAddr>,
    /// Whether it is the one the speaker uses, where it tells that.
    pub best: Option<bool>,
    /// The VPN instances that imported it.
    pub instances: Vec<String>,
}

impl Route {
    /// A route of which nothing but the facts is known.
    pub fn new(facts: RouteFacts) -> Self {
        Self {
            facts,
            source: None,
            from: None,
            to: None,
            best: None,
            instances: Vec::new(),
        }
    }

    /// The same, told by the peer of this address.
    pub fn told_by(self, peer: Option<IpAddr>) -> Self {
        Self {
            source: peer.map(|peer| peer.to_string()),
            from: peer,
            ..self
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.facts, f)?;
        if let Some(source) = &self.source {
            write!(f, " (from {source})")?;
        }
        if let Some(to) = &self.to {
            write!(f, " (to {to})")?;
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
    Socket {
        /// The socket.
        path: PathBuf,
        /// What to say after connecting.
        say: &'static str,
    },
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
    /// What it told a peer, as the peer holds it.
    Sent(Family, IpAddr),
}

impl Topic {
    /// The family, where it is about routes.
    pub fn family(self) -> Option<Family> {
        match self {
            Self::Sessions => None,
            Self::Routes(family) | Self::Sent(family, _) => Some(family),
        }
    }
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
    /// The answer to [`Topic::Routes`] or [`Topic::Sent`]; routes of other families may be among them.
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

/// Site of origin: the layout of a route target with another sub-type (RFC 4360 section 5).
fn site_of_origin(layout: RouteTarget) -> Option<ExtendedCommunity> {
    let [kind, _, a, b, c, d, e, f] = layout.bytes();
    Some(ExtendedCommunity([kind, 3, a, b, c, d, e, f]))
}

/// The state by the RFC's name, in any case; `None` for no such name.
pub fn state_named(name: &str) -> Option<SessionState> {
    SessionState::ALL
        .into_iter()
        .find(|state| state.name().eq_ignore_ascii_case(name))
}
