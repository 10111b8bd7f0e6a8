//! The state of a BGP session, as a speaker tells of it.

use std::rc::Rc;

use scenario::SessionExpectation;

use super::{Look, Watch};
use crate::observe::Topic;
use crate::supervisor::lab::{Lab, ReachError};
use crate::supervisor::observing::Observer;
use crate::supervisor::step::Unmet;

pub(super) struct Watcher {
    observer: Observer,
    expected: SessionExpectation,
    title: String,
}

impl Watcher {
    pub(super) fn new(lab: &Rc<Lab>, expected: &SessionExpectation, title: &str) -> Self {
        Self {
            observer: Observer::new(lab, expected.on, Topic::Sessions),
            expected: expected.clone(),
            title: title.to_owned(),
        }
    }
}

impl Watch for Watcher {
    async fn look(&mut self) -> Result<Look, ReachError> {
        let sessions = self.observer.sessions().await?;
        let wanted = self.expected.peer;
        // A reflector that is called knows each call: the session that went furthest counts.
        let state = sessions
            .iter()
            .filter(|session| session.peer == wanted)
            .map(|session| session.state)
            .max_by_key(|state| *state as u8);
        if state == Some(self.expected.state) {
            return Ok(Look::Met(String::new()));
        }
        let seen = match state {
            Some(state) => format!("it is {}", state.name()),
            None => format!("there is no session with {wanted}"),
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
        self.observer.changed().await
    }
}
