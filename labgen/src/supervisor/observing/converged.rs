use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use scenario::{FakeRrMode, NetId, Node, NodeId, NodeKind, Peer, Scenario, SessionState};
use tokio::time::{Instant, timeout_at};

use super::Observer;
use crate::observe::Topic;
use crate::supervisor::lab::Lab;
use crate::supervisor::slowness;

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

/// Waits until every session that the scenario configures is Established, asked at both ends. What was broken on
/// purpose is not waited for: sessions of nodes that are halted, or that a cut cable takes away.
pub(in crate::supervisor) async fn converged(lab: &Rc<Lab>) -> Result<(), Unconverged> {
    let patience = slowness::patience(PATIENCE, lab.scenario.lab.slow);
    let deadline = Instant::now() + patience;
    let mut ends: Vec<(NodeId, BTreeSet<IpAddr>)> = expected_sessions(lab).into_iter().collect();
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

/// The peers with whom every node that has any is to have a session now, as it knows them.
pub(in crate::supervisor) fn expected_sessions(lab: &Lab) -> BTreeMap<NodeId, BTreeSet<IpAddr>> {
    wanted(&lab.scenario, &|node, net| fault(lab, node, net))
}

/// Whether the programs of a node were ended on purpose.
pub(in crate::supervisor) fn is_halted(lab: &Lab, node: NodeId) -> bool {
    let nodes = lab.state.nodes.borrow();
    let state = nodes.get(&lab.scenario[node].name);
    state.is_some_and(|state| state.halted)
}

/// Whether a fault that was made on purpose takes away what a node says over a net or, without one, over any.
fn fault(lab: &Lab, node: NodeId, net: Option<NetId>) -> bool {
    let name = &lab.scenario[node].name;
    is_halted(lab, node)
        || match net {
            Some(net) => lab.state.is_cut(name, lab.scenario.net_name(net)),
            // Which cables the way takes is up to routing.
            None => lab.state.plugs.borrow().values().any(|plug| plug.cut),
        }
}

/// One end of a session, as it is configured.
struct End<'a> {
    node: NodeId,
    local: IpAddr,
    peer: &'a Peer,
}

impl End<'_> {
    /// The net that both ends have their addresses on; none where others forward between them.
    fn net(&self, scenario: &Scenario) -> Option<NetId> {
        let on = |node: NodeId, address: IpAddr| {
            let mut interfaces = scenario[node].interfaces.iter();
            let own = interfaces.find(|own| own.addresses.iter().any(|own| own.ip == address));
            own.map(|interface| interface.net)
        };
        let own = on(self.node, self.local)?;
        let other = self
            .peer
            .node
            .map_or(Some(own), |node| on(node, self.peer.address));
        (other == Some(own)).then_some(own)
    }

    fn is_out(&self, scenario: &Scenario, fault: &dyn Fn(NodeId, Option<NetId>) -> bool) -> bool {
        let net = self.net(scenario);
        fault(self.node, net) || self.peer.node.is_some_and(|other| fault(other, net))
    }
}

fn ends(scenario: &Scenario) -> impl Iterator<Item = End<'_>> {
    scenario.nodes().flat_map(|(node, Node { kind, .. })| {
        let end = move |(peer, local)| End { node, local, peer };
        let (peers, local) = match kind {
            NodeKind::Bagpipe(bagpipe) => (bagpipe.peers.as_slice(), Some(bagpipe.local_address)),
            _ => (Default::default(), None),
        };
        let own = peers.iter().zip(local.into_iter().cycle());
        let sessions = kind.speaker().into_iter().flat_map(|s| &s.sessions);
        own.chain(sessions.map(|session| (&session.peer, session.local)))
            .map(end)
    })
}

/// The peers of every node that has any, as it knows them, but for sessions that a fault takes away. A reflector of
/// ours knows its clients only when they call: their configuration says who will.
fn wanted(
    scenario: &Scenario,
    fault: &dyn Fn(NodeId, Option<NetId>) -> bool,
) -> BTreeMap<NodeId, BTreeSet<IpAddr>> {
    let splices = |other: NodeId| matches!(&scenario[other].kind, NodeKind::FakeRr(rr) if rr.mode == FakeRrMode::Splice);
    let out = |end: &End<'_>| end.is_out(scenario, fault);
    // Whom it joins has a session with its other client, and none while that is gone.
    let broken: BTreeSet<NodeId> = ends(scenario)
        .filter(out)
        .filter_map(|end| end.peer.node.filter(|other| splices(*other)))
        .collect();
    let mut wanted: BTreeMap<NodeId, BTreeSet<IpAddr>> = BTreeMap::new();
    for end in ends(scenario) {
        let other = end.peer.node;
        if out(&end) || other.is_some_and(|other| broken.contains(&other)) {
            continue;
        }
        if let Some(other) = other
            && matches!(scenario[other].kind, NodeKind::FakeRr(_))
            && !splices(other)
        {
            wanted.entry(other).or_default().insert(end.local);
        }
        if !scenario[end.node].kind.is_python() {
            wanted.entry(end.node).or_default().insert(end.peer.address);
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
