//! Sessions that are up, and tables of routes that do not change any more.
//!
//! Every node's sessions and tables are followed by a task each, all at once. When nothing has changed for long enough,
//! all are asked once more: what nobody told of is found then.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hasher};
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use bgp_wire::Family;
use scenario::{ConvergedExpectation, NodeId, NodeKind, Scenario, SessionState};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

use super::{AGAIN, Look, Watch};
use crate::observe::{Route, Session, Topic};
use crate::supervisor::lab::{Lab, ReachError, micros};
use crate::supervisor::observing::{Observer, expected_sessions, is_halted};
use crate::supervisor::step::Unmet;
use crate::ui;

/// Nodes that are asked at the same time.
const ASKED_AT_ONCE: usize = 64;

/// At most this many are named that are not at rest.
const SHOWN: usize = 12;

/// A lab on its way to rest.
pub(super) struct Rest {
    lab: Rc<Lab>,
    expected: ConvergedExpectation,
    title: String,
    followed: Vec<Followed>,
    common: Rc<Common>,
    /// Has all be asked again.
    again: watch::Sender<()>,
    /// Since when all are asked for the last time.
    last_asked: Option<Instant>,
}

/// What those who follow nodes share.
struct Common {
    news: Notify,
    turns: Semaphore,
}

/// What is followed of a node, until this is dropped.
struct Followed {
    node: NodeId,
    topic: Topic,
    seen: Rc<RefCell<Seen>>,
    task: JoinHandle<()>,
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What is known of it.
#[derive(Default)]
struct Seen {
    /// When the last answer was asked for.
    asked: Option<Instant>,
    /// When it was last another one than before, and in what.
    changed: Option<(Instant, String)>,
    answer: Answer,
    /// Why there is no answer now.
    silent: Option<String>,
}

#[derive(Default)]
enum Answer {
    #[default]
    None,
    /// Whom with, and in which state.
    Sessions(BTreeMap<IpAddr, SessionState>),
    /// A digest of each route.
    Routes(BTreeSet<u64>),
}

impl Rest {
    pub(super) fn new(lab: &Rc<Lab>, expected: &ConvergedExpectation, title: &str) -> Self {
        let common = Rc::new(Common {
            news: Notify::new(),
            turns: Semaphore::new(ASKED_AT_ONCE),
        });
        let (again, _) = watch::channel(());
        let mut followed = Vec::new();
        for node in nodes(&lab.scenario, &expected.nodes) {
            for topic in topics(&lab.scenario[node].kind) {
                let seen = Rc::<RefCell<Seen>>::default();
                let follow = follow(
                    Observer::new(lab, node, topic),
                    topic,
                    Rc::clone(&seen),
                    Rc::clone(&common),
                    again.subscribe(),
                );
                followed.push(Followed {
                    node,
                    topic,
                    seen,
                    task: tokio::task::spawn_local(follow),
                });
            }
        }
        Self {
            lab: Rc::clone(lab),
            expected: expected.clone(),
            title: title.to_owned(),
            followed,
            common,
            again,
            last_asked: None,
        }
    }

    fn unmet(&self, seen: String, mut details: Vec<String>) -> Look {
        let more = details.len().saturating_sub(SHOWN);
        details.truncate(SHOWN);
        if more > 0 {
            details.push(format!("and {more} more"));
        }
        Look::Unmet(Unmet {
            expected: self.title.clone(),
            seen,
            details,
        })
    }

    /// Those that count now: nobody asks a node that was halted.
    fn followed(&self) -> impl Iterator<Item = &Followed> {
        let counts = |followed: &&Followed| !is_halted(&self.lab, followed.node);
        self.followed.iter().filter(counts)
    }

    fn called(&self, followed: &Followed) -> String {
        let name = &self.lab.scenario[followed.node].name;
        match followed.topic {
            Topic::Sessions => format!("sessions of {name}"),
            Topic::Routes(family) | Topic::Sent(family, _) => {
                match self.lab.scenario[followed.node].kind {
                    NodeKind::Bagpipe(_) => format!("routes of {name}"),
                    _ => format!("{family} routes of {name}"),
                }
            }
        }
    }

    /// Sessions that are to be up and are not.
    fn missing(&self) -> Vec<String> {
        let wanted = expected_sessions(&self.lab);
        let mut missing = Vec::new();
        for followed in self.followed() {
            let seen = followed.seen.borrow();
            let (Some(peers), Answer::Sessions(sessions)) =
                (wanted.get(&followed.node), &seen.answer)
            else {
                continue;
            };
            let name = &self.lab.scenario[followed.node].name;
            for peer in peers {
                match sessions.get(peer) {
                    Some(SessionState::Established) => {}
                    Some(state) => missing.push(format!("{name} with {peer} is {}", state.name())),
                    None => missing.push(format!("{name} knows no session with {peer}")),
                }
            }
        }
        missing
    }
}

/// Speakers whose sessions and tables count.
fn nodes(scenario: &Scenario, given: &[NodeId]) -> Vec<NodeId> {
    let nodes = scenario.nodes().map(|(id, _)| id);
    nodes
        .filter(|id| given.is_empty() || given.contains(id))
        .collect()
}

/// What is followed of a node: its sessions, and its tables of the families that it speaks with somebody.
fn topics(kind: &NodeKind) -> Vec<Topic> {
    let mut topics = vec![Topic::Sessions];
    match kind {
        kind if kind.is_python() => return Vec::new(),
        // It tells of all families at once.
        NodeKind::Bagpipe(_) => topics.push(Topic::Routes(Family::EVPN)),
        // What it passes on, its clients hold.
        NodeKind::FakeRr(_) => {}
        kind => {
            let Some(speaker) = kind.speaker() else {
                return Vec::new();
            };
            let families = speaker
                .sessions
                .iter()
                .flat_map(|session| &session.families);
            let families: BTreeSet<Family> = families.copied().collect();
            topics.extend(families.into_iter().map(Topic::Routes));
        }
    }
    topics
}

async fn follow(
    mut observer: Observer,
    topic: Topic,
    seen: Rc<RefCell<Seen>>,
    common: Rc<Common>,
    mut again: watch::Receiver<()>,
) {
    loop {
        again.mark_unchanged();
        let asked = {
            let _turn = common.turns.acquire().await;
            let asked = Instant::now();
            let answer = match topic {
                Topic::Sessions => {
                    let sessions = observer.sessions().await;
                    sessions.map(|sessions| seen.borrow_mut().sessions(sessions, asked))
                }
                Topic::Routes(_) | Topic::Sent(..) => {
                    let routes = observer.routes().await;
                    routes.map(|routes| seen.borrow_mut().routes(&routes, asked))
                }
            };
            answer.map_err(|error| seen.borrow_mut().silent(crate::command::chain(&error)))
        };
        common.news.notify_one();
        if asked.is_err() {
            sleep(AGAIN).await;
            continue;
        }
        tokio::select! {
            told = observer.changed() => if told.is_err() {
                sleep(AGAIN).await;
            },
            // It is asked again in any case; nobody is left to say so when the lab is not looked at any more.
            _ = again.changed() => {}
        }
    }
}

impl Seen {
    fn sessions(&mut self, told: Vec<Session>, asked: Instant) {
        let mut sessions: BTreeMap<IpAddr, SessionState> = BTreeMap::new();
        for Session { peer, state, .. } in told {
            // A reflector that is called knows each call: the session that went furthest counts.
            let known = sessions.entry(peer).or_insert(state);
            *known = if state as u8 > *known as u8 {
                state
            } else {
                *known
            };
        }
        let nobody = BTreeMap::new();
        let before = match &self.answer {
            Answer::Sessions(before) => before,
            _ => &nobody,
        };
        let mut other = sessions.iter();
        let other = other.find(|(peer, state)| before.get(peer) != Some(state));
        let fewer = sessions.len() < before.len();
        let what = match (other, fewer) {
            (Some((peer, state)), _) => Some(format!("{peer} {}", state.name())),
            (None, true) => Some("one is gone".into()),
            (None, false) => None,
        };
        self.answered(asked, what);
        self.answer = Answer::Sessions(sessions);
    }

    fn routes(&mut self, routes: &[Route], asked: Instant) {
        let nothing = BTreeSet::new();
        let before = match &self.answer {
            Answer::Routes(before) => before,
            _ => &nothing,
        };
        let digests: BTreeMap<u64, &Route> =
            routes.iter().map(|route| (digest(route), route)).collect();
        let other = digests.iter().find(|(digest, _)| !before.contains(digest));
        let gone = before.iter().filter(|old| !digests.contains_key(old));
        let what = match (other, gone.count()) {
            (Some((_, route)), _) => Some(format!("new is {route}")),
            (None, 0) => None,
            (None, gone) => Some(format!("{} gone", ui::count(gone, "route"))),
        };
        let digests = digests.into_keys().collect();
        self.answered(asked, what);
        self.answer = Answer::Routes(digests);
    }

    /// Notes an answer, and in what it differs from the one before.
    fn answered(&mut self, asked: Instant, what: Option<String>) {
        let first = self.asked.is_none() || self.silent.is_some();
        self.asked = Some(asked);
        self.silent = None;
        if what.is_some() || first {
            let what = what.unwrap_or_else(|| "first answer".into());
            self.changed = Some((Instant::now(), what));
        }
    }

    fn silent(&mut self, why: String) {
        self.silent = Some(why);
    }
}

/// Everything that is known of a route, in a number.
fn digest(route: &Route) -> u64 {
    struct Hashing(DefaultHasher);

    impl std::fmt::Write for Hashing {
        fn write_str(&mut self, text: &str) -> std::fmt::Result {
            self.0.write(text.as_bytes());
            Ok(())
        }
    }

    let mut hashing = Hashing(DefaultHasher::new());
    // Writing into a hasher does not fail.
    let _ = write!(hashing, "{route:?}");
    hashing.0.finish()
}

impl Watch for Rest {
    async fn look(&mut self) -> Result<Look, ReachError> {
        let now = Instant::now();
        let mut silent = Vec::new();
        let mut restless = Vec::new();
        let mut late = false;
        for followed in self.followed() {
            let (seen, name) = (followed.seen.borrow(), self.called(followed));
            match (&seen.silent, &seen.changed) {
                (Some(why), _) => silent.push(format!("{name}: {why}")),
                (None, None) => silent.push(format!("{name}: no answer yet")),
                (None, Some((when, what))) if now < *when + self.expected.quiet => {
                    let ago = ui::ms(micros(now.duration_since(*when)));
                    restless.push((*when, format!("{name}, {ago} ago: {what}")));
                }
                (None, Some(_)) => {}
            }
            late |= seen.asked < self.last_asked;
        }
        if !silent.is_empty() {
            let seen = format!("{} not told", ui::count(silent.len(), "table"));
            self.last_asked = None;
            return Ok(self.unmet(seen, silent));
        }
        if !restless.is_empty() {
            restless.sort_by_key(|(when, _)| std::cmp::Reverse(*when));
            let seen = format!(
                "{} changed within the last {}",
                ui::count(restless.len(), "table"),
                ui::ms(micros(self.expected.quiet))
            );
            self.last_asked = None;
            let details = restless.into_iter().map(|(_, text)| text).collect();
            return Ok(self.unmet(seen, details));
        }
        let missing = self.missing();
        if !missing.is_empty() {
            self.last_asked = None;
            let seen = format!(
                "{} not Established",
                ui::count(missing.len(), "session end")
            );
            return Ok(self.unmet(seen, missing));
        }
        if self.last_asked.is_none() {
            self.last_asked = Some(now);
            self.again.send_replace(());
            late = !self.followed.is_empty();
        }
        if late {
            return Ok(self.unmet("it is at rest, but for the last look".into(), Vec::new()));
        }
        Ok(Look::Met(String::new()))
    }

    async fn changed(&mut self) -> Result<(), ReachError> {
        let quiet = self.expected.quiet;
        let over = self.followed().filter_map(|followed| {
            let seen = followed.seen.borrow();
            seen.changed.as_ref().map(|(when, _)| *when + quiet)
        });
        let over = over.filter(|over| *over > Instant::now()).max();
        tokio::select! {
            () = self.common.news.notified() => {}
            () = sleep_until(over.unwrap_or_else(Instant::now)), if over.is_some() => {}
        }
        // What is told at the same time is looked at together.
        sleep(GATHER).await;
        Ok(())
    }
}

/// How long news that come together are waited for.
const GATHER: Duration = Duration::from_millis(2);
