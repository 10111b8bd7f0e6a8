//! Asking the programs of nodes about their sessions and routes, and hearing of changes.

mod converged;
mod neighbours;
mod news;
mod question;

use std::rc::Rc;
use std::time::Duration;

use scenario::{NodeId, NodeKind};

use super::lab::{Absent, Lab, ReachError};
use super::rest;
use crate::observe::{self, Misread, Route, Session, Speaker, Topic};

pub(super) use converged::{Unconverged, converged, expected_sessions, is_halted};
pub(super) use neighbours::{Neighbour, neighbours};
pub(super) use news::Feed;
pub(super) use question::run;

/// How soon a program is asked again at first.
const SOON: Duration = Duration::from_millis(10);
/// How long changes that are told together are waited for.
const GATHER: Duration = Duration::from_millis(2);
/// How soon at the latest: one that tells of changes, and one that does not.
const LATE: [Duration; 2] = [Duration::from_secs(1), Duration::from_millis(250)];

/// Why a program's answer cannot be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    #[error(transparent)]
    Absent(#[from] Absent),
    #[error("cannot run `{command}`")]
    Run {
        command: String,
        source: std::io::Error,
    },
    #[error("cannot run `{command}`")]
    Start {
        command: String,
        source: netns::ns::NsError,
    },
    #[error("`{command}` failed ({how}): {said}")]
    Failed {
        command: String,
        how: String,
        said: String,
    },
    #[error("cannot read `{path}`")]
    File {
        path: String,
        source: std::io::Error,
    },
    #[error("no answer within {} s", question::PATIENCE.as_secs())]
    Silent,
    #[error("its answer is not understood: {0}")]
    Misread(#[from] Misread),
    #[error(transparent)]
    Namespace(#[from] netns::ns::NsError),
}

/// The sessions of a node, as it tells of them now; none where there is nobody to tell.
pub(super) async fn sessions(lab: &Lab, node: NodeId) -> Result<Vec<Session>, ReachError> {
    let kind = &lab.scenario[node].kind;
    if matches!(kind, NodeKind::Bagpipe(_)) && !kind.is_python() {
        let mut client = lab.client(node).await?;
        let peers = client.sessions().await;
        return read_peers(lab, node, peers);
    }
    let Some(speaker) = observe::speaker(&lab.scenario[node].kind) else {
        return Ok(Vec::new());
    };
    ask(lab, node, speaker, Topic::Sessions)
        .await
        .and_then(|answer| Ok(speaker.sessions(&answer.unwrap_or_default())?))
        .map_err(|source| unanswered(lab, node, source))
}

/// The answer to a question that is not about sessions or routes.
pub(super) async fn answer(
    lab: &Lab,
    node: NodeId,
    question: &observe::Question,
) -> Result<Vec<u8>, ReachError> {
    let answer = question::ask(lab, node, question).await;
    answer.map_err(|source| unanswered(lab, node, source))
}

/// One topic at one node, asked about again and again.
pub(super) struct Observer {
    lab: Rc<Lab>,
    node: NodeId,
    topic: Topic,
    way: Way,
}

/// How a node is asked.
enum Way {
    Rest(rest::Speaker),
    Told {
        speaker: &'static dyn Speaker,
        feed: Feed,
        pause: Duration,
    },
    /// Nobody there has to do with BGP.
    Mute,
}

impl Observer {
    pub(super) fn new(lab: &Rc<Lab>, node: NodeId, topic: Topic) -> Self {
        let kind = &lab.scenario[node].kind;
        let way = match (kind, observe::speaker(kind)) {
            (NodeKind::Bagpipe(_), _) if !kind.is_python() => {
                Way::Rest(rest::Speaker::new(lab, node))
            }
            (_, Some(speaker)) => Way::Told {
                speaker,
                feed: Feed::new(speaker.news(topic)),
                pause: SOON,
            },
            (_, None) => Way::Mute,
        };
        Self {
            lab: Rc::clone(lab),
            node,
            topic,
            way,
        }
    }

    /// Its sessions now.
    pub(super) async fn sessions(&mut self) -> Result<Vec<Session>, ReachError> {
        match &mut self.way {
            Way::Rest(rest) => {
                let peers = match rest.fresh().await {
                    Ok(client) => client.sessions().await,
                    Err(error) => {
                        rest.hang_up();
                        return Err(error);
                    }
                };
                if peers.is_err() {
                    rest.hang_up();
                }
                read_peers(&self.lab, self.node, peers)
            }
            Way::Told { speaker, .. } => {
                let speaker = *speaker;
                let answer = self.ask(speaker).await?;
                let sessions = speaker.sessions(&answer).map_err(AskError::Misread);
                sessions.map_err(|source| unanswered(&self.lab, self.node, source))
            }
            Way::Mute => Ok(Vec::new()),
        }
    }

    /// Its routes now; routes of other families may be among them.
    pub(super) async fn routes(&mut self) -> Result<Vec<Route>, ReachError> {
        let Some(family) = self.topic.family() else {
            return Ok(Vec::new());
        };
        match &mut self.way {
            Way::Rest(rest) => {
                let held = match rest.fresh().await {
                    Ok(client) => client.routes().await,
                    Err(error) => {
                        rest.hang_up();
                        return Err(error);
                    }
                };
                let held = held.map_err(|error| {
                    rest.hang_up();
                    rest.failed(error)
                })?;
                Ok(observe::held_routes(held))
            }
            Way::Told { speaker, .. } => {
                let speaker = *speaker;
                let answer = self.ask(speaker).await?;
                let routes = speaker.routes(family, &answer).map_err(AskError::Misread);
                routes.map_err(|source| unanswered(&self.lab, self.node, source))
            }
            Way::Mute => Ok(Vec::new()),
        }
    }

    /// Comes back when asking again may give something else.
    pub(super) async fn changed(&mut self) -> Result<(), ReachError> {
        match &mut self.way {
            Way::Rest(rest) => {
                let said = rest.changed().await;
                if said.is_err() {
                    rest.hang_up();
                }
                said
            }
            Way::Told { feed, pause, .. } => {
                let news = tokio::time::timeout(*pause, feed.next()).await;
                let late = LATE[usize::from(!feed.is_open())];
                *pause = match news {
                    Ok(()) => {
                        // More of the same is on its way.
                        tokio::time::sleep(GATHER).await;
                        feed.drain();
                        SOON
                    }
                    Err(_) => (*pause * 2).min(late),
                };
                Ok(())
            }
            Way::Mute => std::future::pending().await,
        }
    }

    /// Begins to listen before it asks, so that no change between the two is missed.
    async fn ask(&mut self, speaker: &'static dyn Speaker) -> Result<Vec<u8>, ReachError> {
        if let Way::Told { feed, .. } = &mut self.way {
            feed.open(&self.lab, self.node).await;
        }
        let answer = ask(&self.lab, self.node, speaker, self.topic).await;
        answer
            .map(Option::unwrap_or_default)
            .map_err(|source| unanswered(&self.lab, self.node, source))
    }
}

async fn ask(
    lab: &Lab,
    node: NodeId,
    speaker: &'static dyn Speaker,
    topic: Topic,
) -> Result<Option<Vec<u8>>, AskError> {
    let Some(first) = speaker.question(topic) else {
        return Ok(None);
    };
    let mut answer = question::ask(lab, node, &first).await?;
    if let Some(next) = speaker.further(topic, &answer) {
        answer.extend(question::ask(lab, node, &next).await?);
    }
    Ok(Some(answer))
}

fn read_peers(
    lab: &Lab,
    node: NodeId,
    peers: Result<Vec<bagpipe_api::PeerSession>, bagpipe_api::ClientError>,
) -> Result<Vec<Session>, ReachError> {
    let peers = peers.map_err(|source| ReachError::Client {
        node: lab.scenario[node].name.clone(),
        source,
    })?;
    observe::peers(peers).map_err(|misread| unanswered(lab, node, AskError::Misread(misread)))
}

fn unanswered(lab: &Lab, node: NodeId, source: AskError) -> ReachError {
    ReachError::Ask {
        node: lab.scenario[node].name.clone(),
        source,
    }
}
