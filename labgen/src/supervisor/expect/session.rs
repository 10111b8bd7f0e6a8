//! The state of a BGP session, as a speaker's looking glass has it.

use std::rc::Rc;
use std::time::Duration;

use bagpipe_api::Client;
use scenario::SessionExpectation;

use super::{Look, Watch};
use crate::supervisor::lab::{Lab, ReachError};
use crate::supervisor::step::Unmet;

/// The longest one question waits for a change; expectations end sooner by themselves.
const LONG: Duration = Duration::from_secs(30);

/// A speaker's REST API, and the version of what it last showed.
pub(super) struct Speaker {
    lab: Rc<Lab>,
    node: scenario::NodeId,
    client: Option<Client>,
    version: u64,
}

impl Speaker {
    pub(super) fn new(lab: &Rc<Lab>, node: scenario::NodeId) -> Self {
        Self {
            lab: Rc::clone(lab),
            node,
            client: None,
            version: 0,
        }
    }

    fn name(&self) -> String {
        self.lab.scenario[self.node].name.clone()
    }

    /// The API, with the version taken *before* anything is asked: a change in between is not missed.
    pub(super) async fn fresh(&mut self) -> Result<&mut Client, ReachError> {
        if self.client.is_none() {
            self.client = Some(self.lab.client(self.node).await?);
        }
        self.ask(0, Duration::ZERO).await?;
        let node = self.name();
        self.client.as_mut().ok_or(ReachError::Gone { node })
    }

    pub(super) async fn changed(&mut self) -> Result<(), ReachError> {
        self.ask(self.version, LONG).await
    }

    /// Ends the connection; the next question makes another.
    pub(super) fn hang_up(&mut self) {
        self.client = None;
    }

    async fn ask(&mut self, after: u64, wait: Duration) -> Result<(), ReachError> {
        let node = self.name();
        let client = self
            .client
            .as_mut()
            .ok_or_else(|| ReachError::Gone { node: node.clone() })?;
        let version = client.changes(after, wait).await;
        self.version = version.map_err(|source| ReachError::Client { node, source })?;
        Ok(())
    }

    /// Puts the node's name to what went wrong with a question.
    pub(super) fn failed(&self, source: bagpipe_api::ClientError) -> ReachError {
        ReachError::Client {
            node: self.name(),
            source,
        }
    }
}

pub(super) struct Watcher {
    speaker: Speaker,
    expected: SessionExpectation,
    title: String,
}

impl Watcher {
    pub(super) fn new(lab: &Rc<Lab>, expected: &SessionExpectation, title: &str) -> Self {
        let speaker = Speaker::new(lab, expected.on);
        Self {
            speaker,
            expected: expected.clone(),
            title: title.to_owned(),
        }
    }
}

impl Watch for Watcher {
    async fn look(&mut self) -> Result<Look, ReachError> {
        let peers = self.speaker.fresh().await?.looking_glass("bgp/peers").await;
        let peers = peers.map_err(|e| self.speaker.failed(e))?;
        let state_of = |peer: &serde_json::Value| {
            let id = peer.get("id")?.as_str()?.to_owned();
            Some((id, peer.get("state")?.as_str()?.to_owned()))
        };
        let peers: Vec<(String, String)> = peers
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(state_of)
            .collect();
        let wanted = self.expected.peer.to_string();
        let state = peers
            .iter()
            .find(|(id, _)| *id == wanted)
            .map(|(_, state)| state.as_str());
        if state == Some(self.expected.state.name()) {
            return Ok(Look::Met(String::new()));
        }
        let seen = match state {
            Some(state) => format!("it is {state}"),
            None => format!("there is no session with {wanted}"),
        };
        let details = peers
            .iter()
            .map(|(id, state)| format!("{id} {state}"))
            .collect();
        Ok(Look::Unmet(Unmet {
            expected: self.title.clone(),
            seen,
            details,
        }))
    }

    async fn changed(&mut self) -> Result<(), ReachError> {
        self.speaker.changed().await
    }
}
