//! Who has a BGP session with whom: what each node says, what follows from it for the other end, and what holds when
//! nobody says anything.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::nodes::{kind_word, listens, speaker};
use super::{Found, Resolver};
use crate::error::{ErrorKind, Subject};
use crate::file::{At, Entry, NodeFile, OneOrMany};
use crate::kind::{Peer, Session};
use crate::lab::{NetId, NodeId};
use crate::{defaults, values};

/// What one end knows of a session before both ends are put together.
#[derive(Clone, Debug)]
struct Wish {
    /// The other end's node, unless only an address was given that no node has.
    node: Option<NodeId>,
    address: IpAddr,
    /// The other end is a client of this one.
    client: bool,
}

impl Resolver<'_> {
    /// The sessions of every node, in the order of the nodes.
    pub(super) fn sessions(&mut self, nodes: &[Entry<NodeFile>]) -> Vec<Vec<Session>> {
        let asns: Vec<u32> = nodes.iter().map(|node| asn(&node.value)).collect();
        let mut wishes: Vec<Vec<Wish>> = Vec::with_capacity(nodes.len());
        for (index, node) in nodes.iter().enumerate() {
            self.subject = Subject::Node(node.name.value.clone());
            wishes.push(self.said(NodeId(index), &node.value));
        }
        self.follow(nodes, &asns, &mut wishes);
        self.suppose(nodes, &asns, &mut wishes);
        only_those_who_answer(nodes, &mut wishes);
        wishes
            .iter()
            .enumerate()
            .map(|(index, own)| {
                self.subject = Subject::Node(nodes[index].name.value.clone());
                let mut sessions: Vec<Session> = own
                    .iter()
                    .map(|wish| self.put_together(nodes, &asns, NodeId(index), wish))
                    .collect();
                // A speaker of ours connects in the order in which its peers were named. For the others the order of
                // the file, whichever end named the other; addresses without a node come last.
                if !matches!(&nodes[index].value, NodeFile::Bagpipe(typed) if typed.peers.is_some())
                {
                    sessions.sort_by_key(|s| s.peer.node.map_or(usize::MAX, |node| node.0));
                }
                sessions
            })
            .collect()
    }

    /// What one end says holds for the other, unless that one brings a configuration of its own.
    fn follow(&self, nodes: &[Entry<NodeFile>], asns: &[u32], wishes: &mut [Vec<Wish>]) {
        for index in 0..nodes.len() {
            let from = NodeId(index);
            let others: Vec<NodeId> = wishes[index].iter().filter_map(|wish| wish.node).collect();
            for other in others {
                let known = wishes[other.0].iter().any(|w| w.node == Some(from));
                if known || !follows(&nodes[other.0].value) {
                    continue;
                }
                if let Some(address) = self.address_reached(other, from) {
                    wishes[other.0].push(Wish {
                        node: Some(from),
                        address,
                        client: reflects_to(nodes, asns, other, from),
                    });
                }
            }
        }
    }

    /// A node that says nothing has a session with every BGP speaker around it.
    fn suppose(&self, nodes: &[Entry<NodeFile>], asns: &[u32], wishes: &mut [Vec<Wish>]) {
        let neighbours = self.neighbours(nodes);
        for (index, node) in nodes.iter().enumerate() {
            if !says_nothing(&node.value) {
                continue;
            }
            let id = NodeId(index);
            for other in &neighbours[index] {
                let known = wishes[index].iter().any(|wish| wish.node == Some(*other));
                if known || !would_talk(&node.value, &nodes[other.0].value) {
                    continue;
                }
                let Some(address) = self.address_seen(id, *other) else {
                    continue;
                };
                wishes[index].push(Wish {
                    node: Some(*other),
                    address,
                    client: reflects_to(nodes, asns, id, *other),
                });
            }
        }
    }

    /// BGP speakers on a common net, or in the same namespaces, in the order of the file.
    fn neighbours(&self, nodes: &[Entry<NodeFile>]) -> Vec<Vec<NodeId>> {
        let mut on_net: BTreeMap<NetId, BTreeSet<usize>> = BTreeMap::new();
        let mut at_home: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        let speaks = |index: &usize| talks(&nodes[*index].value);
        for index in (0..nodes.len()).filter(speaks) {
            let home = self.home(NodeId(index)).0;
            at_home.entry(home).or_default().insert(index);
            for interface in &self.interfaces[home] {
                on_net.entry(interface.net).or_default().insert(index);
            }
        }
        (0..nodes.len())
            .map(|index| {
                let home = self.home(NodeId(index)).0;
                let nets = self.interfaces[home].iter().map(|interface| interface.net);
                let around = nets.filter_map(|net| on_net.get(&net)).flatten();
                let beside = at_home.get(&home).into_iter().flatten();
                let all: BTreeSet<usize> = around.chain(beside).copied().collect();
                let others = all.into_iter().filter(|other| *other != index);
                others.map(NodeId).collect()
            })
            .collect()
    }

    /// What a node says of its own sessions.
    fn said(&mut self, id: NodeId, node: &NodeFile) -> Vec<Wish> {
        let (peers, clients) = match (node, speaker(node)) {
            (NodeFile::Bagpipe(typed), _) => (typed.peers.as_ref(), None),
            (_, Some(typed)) => (typed.peers.as_ref(), typed.clients.as_ref()),
            _ => (None, None),
        };
        let mut wishes: Vec<Wish> = Vec::new();
        for (names, client) in [(clients, true), (peers, false)] {
            for name in names.iter().flat_map(|OneOrMany(names)| names) {
                for (node, address) in self.ends(id, name) {
                    if wishes.iter().all(|wish| wish.address != address) {
                        wishes.push(Wish {
                            node,
                            address,
                            client,
                        });
                    }
                }
            }
        }
        wishes
    }

    /// The other ends that a name or an address stands for.
    fn ends(&mut self, from: NodeId, name: &At<String>) -> Vec<(Option<NodeId>, IpAddr)> {
        if let Some(lan) = name.value.strip_prefix("lan:") {
            let lan = At {
                value: lan.to_owned(),
                span: name.span.clone(),
            };
            return self.all_on(from, &lan);
        }
        if values::looks_like_address(&name.value) {
            let address = self.keep(&name.span, values::ip(&name.value));
            return address
                .map(|ip| (self.speaker_at(from, ip), ip))
                .into_iter()
                .collect();
        }
        let Some(named) = self.node(name, "has as peer") else {
            return Vec::new();
        };
        let end = self.end(from, named, name);
        end.into_iter().map(|(node, ip)| (Some(node), ip)).collect()
    }

    fn end(&mut self, from: NodeId, named: NodeId, name: &At<String>) -> Found<(NodeId, IpAddr)> {
        let ours = matches!(self.file.nodes[from.0].value, NodeFile::Bagpipe(_));
        let found = self.speaker_in(named, ours).filter(|found| *found != from);
        let Some(node) = found else {
            let needed = if ours {
                "reflector: fakerr, gobgp, frr, bird or openbgpd"
            } else {
                "BGP speaker"
            };
            let kind = ErrorKind::WrongKind {
                verb: "has as peer".into(),
                name: name.value.clone(),
                found: kind_word(&self.file.nodes[named.0].value).into(),
                needed: needed.into(),
            };
            self.fail(&name.span, kind);
            return None;
        };
        let address = self.reach(from, named, &name.span)?;
        Some((node, address))
    }

    fn all_on(&mut self, from: NodeId, lan: &At<String>) -> Vec<(Option<NodeId>, IpAddr)> {
        let Some(lan) = self.lan(lan, "has as peers all on") else {
            return Vec::new();
        };
        let members: Vec<NodeId> = (0..self.file.nodes.len())
            .map(NodeId)
            .filter(|node| *node != from && talks(&self.file.nodes[node.0].value))
            .filter(|node| {
                let interfaces = &self.interfaces[self.home(*node).0];
                interfaces.iter().any(|one| one.net == NetId::Lan(lan))
            })
            .collect();
        members
            .into_iter()
            .filter_map(|node| Some((Some(node), self.address_seen(from, node)?)))
            .collect()
    }

    /// The BGP speaker in the namespaces of `node`: itself, or one that runs on it; one that `listens` if asked for.
    fn speaker_in(&self, node: NodeId, listening: bool) -> Option<NodeId> {
        let fits = |id: &NodeId| {
            let there = &self.file.nodes[id.0].value;
            if listening {
                listens(there).is_some()
            } else {
                talks(there)
            }
        };
        if fits(&node) {
            return Some(node);
        }
        let mut all = (0..self.file.nodes.len()).map(NodeId);
        all.find(|id| self.home(*id) == node && fits(id))
    }

    fn speaker_at(&self, from: NodeId, address: IpAddr) -> Option<NodeId> {
        let ours = matches!(self.file.nodes[from.0].value, NodeFile::Bagpipe(_));
        let node = self.speaker_in(self.node_at(address)?, ours)?;
        (self.home(node) != self.home(from)).then_some(node)
    }

    fn put_together(
        &mut self,
        nodes: &[Entry<NodeFile>],
        asns: &[u32],
        id: NodeId,
        wish: &Wish,
    ) -> Session {
        let here = &nodes[id.0].value;
        let there = wish.node.map(|node| &nodes[node.0].value);
        let local = wish.node.and_then(|node| self.address_reached(node, id));
        Session {
            peer: Peer {
                address: wish.address,
                port: there.and_then(listens).unwrap_or(defaults::BGP_PORT),
                node: wish.node,
            },
            local: local.unwrap_or_else(|| self.own_address(id)),
            remote_as: wish.node.map_or(asns[id.0], |node| asns[node.0]),
            client: wish.client,
            passive: match (wish.node, there) {
                _ if listens(here).is_none() => false,
                (_, Some(there)) if listens(there).is_none() => true,
                (Some(other), _) => id < other,
                (None, _) => false,
            },
            families: self.families(id, here, wish.node, there),
        }
    }
}

/// Whether a kind of node speaks BGP as far as labgen knows.
fn talks(node: &NodeFile) -> bool {
    matches!(node, NodeFile::Bagpipe(_) | NodeFile::FakeRr(_)) || speaker(node).is_some()
}

/// Whether a node is configured by labgen, so that it can follow what the other end says.
fn follows(node: &NodeFile) -> bool {
    speaker(node).is_some_and(|speaker| speaker.config.is_none())
}

fn no_names(typed: &crate::file::SpeakerFile) -> bool {
    typed.peers.is_none() && typed.clients.is_none()
}

/// Whether a node leaves its sessions to labgen.
fn says_nothing(node: &NodeFile) -> bool {
    match (node, speaker(node)) {
        (NodeFile::Bagpipe(typed), _) => typed.peers.is_none(),
        (_, Some(typed)) => no_names(typed) && typed.config.is_none(),
        _ => false,
    }
}

/// Whether two kinds of node talk to each other when nobody says anything: one of them has to listen, and fake
/// reflectors and speakers of ours have nothing to say to their like.
fn would_talk(here: &NodeFile, there: &NodeFile) -> bool {
    match (here, there) {
        (NodeFile::Bagpipe(_), there) => listens(there).is_some(),
        (here, NodeFile::Bagpipe(_)) => listens(here).is_some(),
        (here, there) => listens(here).is_some() || listens(there).is_some(),
    }
}

/// Whether `id` reflects to `other` when nobody says so: to the speakers of ours in its autonomous system.
fn reflects_to(nodes: &[Entry<NodeFile>], asns: &[u32], id: NodeId, other: NodeId) -> bool {
    let here = &nodes[id.0].value;
    let reflector = speaker(here).is_some_and(no_names) && listens(here).is_some();
    let there = &nodes[other.0].value;
    reflector && matches!(there, NodeFile::Bagpipe(_)) && asns[id.0] == asns[other.0]
}

/// A node that says nothing leaves out those that name their peers and not it.
fn only_those_who_answer(nodes: &[Entry<NodeFile>], wishes: &mut [Vec<Wish>]) {
    let mut expected: BTreeSet<(NodeId, NodeId)> = BTreeSet::new();
    for (index, own) in wishes.iter().enumerate() {
        let others = own.iter().filter_map(|wish| wish.node);
        expected.extend(others.map(|other| (other, NodeId(index))));
    }
    let answers = |from: NodeId, other: NodeId| {
        let there = &nodes[other.0].value;
        let unknown = speaker(there).is_some_and(|typed| typed.config.is_some() && no_names(typed));
        matches!(there, NodeFile::FakeRr(_)) || unknown || expected.contains(&(from, other))
    };
    for (index, _) in nodes
        .iter()
        .enumerate()
        .filter(|(_, node)| says_nothing(&node.value))
    {
        let from = NodeId(index);
        wishes[index].retain(|wish| wish.node.is_none_or(|other| answers(from, other)));
    }
}

/// The autonomous system a node names; a bad number is noted when the node is resolved.
fn asn(node: &NodeFile) -> u32 {
    let typed = match node {
        NodeFile::Bagpipe(node) => node.asn.as_ref(),
        NodeFile::FakeRr(node) => node.asn.as_ref(),
        other => speaker(other).and_then(|typed| typed.asn.as_ref()),
    };
    typed
        .and_then(|asn| u32::try_from(asn.value).ok())
        .unwrap_or(defaults::AS)
}
