//! The state of a BGP session, as a speaker tells of it.

use std::fmt::Display;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use scenario::SessionExpectation;

use super::{Look, Watch};
use crate::observe::{Session, Topic};
use crate::supervisor::lab::{Lab, ReachError};
use crate::supervisor::observing::Observer;
use crate::supervisor::step::Unmet;

/// The first thing that is not as expected.
fn difference(expected: &SessionExpectation, session: &Session) -> Option<String> {
    fn unlike<T: PartialEq + Display>(
        key: &str,
        wanted: &Option<T>,
        seen: &Option<T>,
    ) -> Option<String> {
        let wanted = wanted.as_ref().filter(|_| wanted != seen)?;
        let seen = seen
            .as_ref()
            .map_or_else(|| "not told".to_owned(), T::to_string);
        Some(format!("`{key}` is {seen}, expected {wanted}"))
    }
    if session.state != expected.state {
        return Some(format!("it is {}", session.state.name()));
    }
    let agreed = session.families.as_deref().unwrap_or_default();
    let missing = expected
        .families
        .iter()
        .find(|family| !agreed.contains(family));
    if let Some(missing) = missing {
        let agreed: Vec<String> = agreed.iter().map(ToString::to_string).collect();
        return Some(format!(
            "{missing} is not agreed on, but {}",
            agreed.join(", ")
        ));
    }
    let up = session
        .up
        .map(|up| up.duration(SystemTime::now()))
        .unwrap_or_default();
    if let Some(least) = expected.uptime.filter(|least| up < *least) {
        return Some(format!(
            "it has been Established for {} ms, expected {} ms or more",
            up.as_millis(),
            least.as_millis()
        ));
    }
    unlike("hold_time", &expected.hold_time, &session.hold_time)
        .or_else(|| {
            unlike(
                "four_octet_as",
                &expected.four_octet_as,
                &session.four_octet_as,
            )
        })
        .or_else(|| {
            unlike(
                "graceful_restart",
                &expected.graceful_restart,
                &session.graceful_restart,
            )
        })
        .or_else(|| unlike("flaps", &expected.flaps, &session.flaps))
}

pub(super) struct Watcher {
    observer: Observer,
    expected: SessionExpectation,
    title: String,
    /// How long it takes until the session has been up for long enough, if nothing else is missing.
    due: Option<Duration>,
}

impl Watcher {
    pub(super) fn new(lab: &Rc<Lab>, expected: &SessionExpectation, title: &str) -> Self {
        Self {
            observer: Observer::new(lab, expected.on, Topic::Sessions),
            expected: expected.clone(),
            title: title.to_owned(),
            due: None,
        }
    }
}

impl Watch for Watcher {
    async fn look(&mut self) -> Result<Look, ReachError> {
        self.due = None;
        let sessions = self.observer.sessions().await?;
        let wanted = self.expected.peer;
        // A reflector that is called knows each call: the session that went furthest counts.
        let of_peer = sessions.iter().filter(|session| session.peer == wanted);
        let found = of_peer.max_by_key(|session| session.state as u8);
        let seen = match found {
            None => format!("there is no session with {wanted}"),
            Some(session) => match difference(&self.expected, session) {
                None => return Ok(Look::Met(String::new())),
                Some(difference) => {
                    let up = session.up.map(|up| up.duration(SystemTime::now()));
                    let least = self.expected.uptime.zip(up);
                    self.due = least.and_then(|(least, up)| least.checked_sub(up));
                    difference
                }
            },
        };
        let details = sessions
            .iter()
            .map(|session| format!("{} {}", session.peer, session.state.name()))
            .collect();
        Ok(Look::Unmet(Unmet {
            expected: self.title.clone(),
            seen,
            details,
        }))
    }

    async fn changed(&mut self) -> Result<(), ReachError> {
        match self.due.take() {
            // What is waited for is time itself, of which nobody tells.
            Some(due) => tokio::select! {
                () = tokio::time::sleep(due) => Ok(()),
                told = self.observer.changed() => told,
            },
            None => self.observer.changed().await,
        }
    }
}
