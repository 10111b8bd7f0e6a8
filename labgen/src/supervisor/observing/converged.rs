use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use scenario::{FakeRrMode, NodeId, NodeKind, Scenario, SessionState};
use tokio::time::{Instant, timeout_at};

use super::Observer;
use crate::observe::Topic;
use crate::supervisor::lab::Lab;

/// The longest a lab may take until every session is up.
const PATIENCE: Duration = Duration::from_secs(120);
/// Nodes that are asked at the same time.
const ASKED_AT_ONCE: usize = 64;
/// How soon a program is asked again that did not answer.
const AGAIN: Duration = Duration::from_millis(50);
/// At most this many sessions are named that are not up.
const SHOWN: usize = 12;

/// Sessions that are not up in time.
#[derive(Debug, thiserror::Error)]
#[error("{} not Established after {} s:\n{}", crate::ui::count(.missing.len(), "session end"), .patience.as_secs(), list(.missing))]
pub(in crate::supervisor) struct Unconverged {
    missing: Vec<String>,
    patience: Duration,
}

fn list(missing: &[String]) -> String {
    let mut lines: Vec<String> = missing
        .iter()
        .take(SHOWN)
        .map(|line| format!("  - {line}"))
        .collect();
    if missing.len() > SHOWN {
        lines.push(format!("  - and {} more", missing.len() - SHOWN));
    }
    lines.join("\n")
}

/// Waits until every session that the scenario configures is Established, asked at both ends.
pub(in crate::supervisor) async fn converged(lab: &Rc<Lab>) -> Result<(), Unconverged> {
    let patience = PATIENCE * lab.scenario.lab.slow;
    let deadline = Instant::now() + patience;
    let mut ends: Vec<(NodeId, BTreeSet<IpAddr>)> = wanted(&lab.scenario).into_iter().collect();
    // Those with most sessions first: when a reflector has all of its own, one question at each client does.
    ends.sort_by_key(|(node, peers)| (std::cmp::Reverse(peers.len()), *node));
    let waits = ends
        .into_iter()
        .map(|(node, peers)| at_one_end(lab, node, peers, deadline));
    let missing: Vec<Vec<String>> = stream::iter(waits)
        .buffer_unordered(ASKED_AT_ONCE)
        .collect()
        .await;
    let mut missing = missing.concat();
    missing.sort();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(Unconverged { missing, patience })
    }
}

/// The peers of every node that has any, as it knows them. A reflector of ours knows its clients only when they
/// call: their configuration says who will.
fn wanted(scenario: &Scenario) -> BTreeMap<NodeId, BTreeSet<IpAddr>> {
    let mut wanted: BTreeMap<NodeId, BTreeSet<IpAddr>> = BTreeMap::new();
    for (id, node) in scenario.nodes() {
        let sessions: Vec<_> = match &node.kind {
            NodeKind::Bagpipe(bagpipe) => {
                let peers = bagpipe.peers.iter();
                peers.map(|peer| (peer, bagpipe.local_address)).collect()
            }
            kind => {
                let sessions = kind.speaker().into_iter().flat_map(|s| &s.sessions);
                sessions
                    .map(|session| (&session.peer, session.local))
                    .collect()
            }
        };
        for (peer, local) in sessions {
            if let Some(other) = peer.node {
                match &scenario[other].kind {
                    NodeKind::FakeRr(rr) if rr.mode == FakeRrMode::Splice => {}
                    NodeKind::FakeRr(_) => {
                        wanted.entry(other).or_default().insert(local);
                    }
                    _ => {}
                }
            }
            wanted.entry(id).or_default().insert(peer.address);
        }
    }
    wanted
}

/// Waits for the sessions of one node; those that are not up in time, in words.
async fn at_one_end(
    lab: &Rc<Lab>,
    node: NodeId,
    peers: BTreeSet<IpAddr>,
    deadline: Instant,
) -> Vec<String> {
    let name = &lab.scenario[node].name;
    let mut missing: Vec<String> = peers
        .iter()
        .map(|peer| format!("`{name}` has not told of its session with {peer}"))
        .collect();
    let waiting = async {
        let mut observer = Observer::new(lab, node, Topic::Sessions);
        loop {
            match observer.sessions().await {
                Ok(sessions) => {
                    let state = |peer: &IpAddr| {
                        let of_peer = sessions.iter().filter(|session| session.peer == *peer);
                        of_peer
                            .map(|session| session.state)
                            .max_by_key(|state| *state as u8)
                    };
                    missing = peers
                        .iter()
                        .filter_map(|peer| match state(peer) {
                            Some(SessionState::Established) => None,
                            Some(state) => {
                                Some(format!("`{name}` with {peer} is {}", state.name()))
                            }
                            None => Some(format!("`{name}` knows no session with {peer}")),
                        })
                        .collect();
                    if missing.is_empty() {
                        return;
                    }
                    if observer.changed().await.is_err() {
                        tokio::time::sleep(AGAIN).await;
                    }
                }
                Err(error) => {
                    missing = vec![crate::command::chain(&error)];
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    };
    // What has come to `missing` by then is the answer.
    let _ = timeout_at(deadline, waiting).await;
    missing
}
