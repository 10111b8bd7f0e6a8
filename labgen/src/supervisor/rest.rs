//! The REST API of our speaker, and word of changes there.

use std::rc::Rc;
use std::time::Duration;

use bagpipe_api::Client;

use super::lab::{Lab, ReachError};

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
        // Out of here while it is asked: a connection on which somebody did not wait for the answer is of no use.
        let gone = || ReachError::Gone { node: node.clone() };
        let mut client = self.client.take().ok_or_else(gone)?;
        let version = client.changes(after, wait).await;
        self.client = Some(client);
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
