//! Who talks BGP to whom: what the entries name, what follows where they name nobody, and both ends of each.
//!
//! A session that one end names is configured on both, unless the other has a configuration file of its own. Ends
//! that name nobody talk to each other wherever they share a LAN or link.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::Range;

use bgp_wire::Family;

use super::families::families;
use super::{Found, Resolver};
use crate::error::ErrorKind;
use crate::file::{At, KindFile, OneOrMany};
use crate::kind::{Peer, Session};
use crate::lab::{NetId, NodeId};
use crate::{defaults, values};

/// A BGP speaker, as far as others need to know it.
#[derive(Clone, Debug)]
pub(super) struct Bgp {
    pub word: &'static str,
    asn: u32,
    port: u16,
    /// Families it says.
    pub given: Option<Vec<Family>>,
    /// Whether it says whom it talks to.
    explicit: bool,
    /// Whether it has a configuration file of its own.
    config: bool,
    /// Whether it is the Python daemon, which only calls, and signs nothing.
    python: bool,
    /// What it signs connections with.
    password: Option<String>,
}

/// One end of a session.
#[derive(Clone, Debug)]
pub(super) struct End {
    pub address: IpAddr,
    local: IpAddr,
    pub node: Option<NodeId>,
    /// Whether the other is a client; `None` leaves it to what they are.
    pub client: Option<bool>,
    pub place: Option<Range<usize>>,
}

/// Whether it is there to be called, so that others find it by themselves.
fn listens(word: &str) -> bool {
    !matches!(word, "bagpipe" | "exabgp")
}

impl Bgp {
    pub fn asn(&self) -> u32 {
        self.asn
    }

    /// Whether it accepts connections; the others only make them. Ours accepts those of peers it is told of.
    fn takes_calls(&self) -> bool {
        listens(self.word) || (self.word == "bagpipe" && !self.python)
    }

    /// Whether it can sign its connections (RFC 2385). OpenBGPD 7.7 on Linux has no key on the socket it listens on.
    fn signs(&self) -> bool {
        !matches!(self.word, "fakerr" | "openbgpd") && !self.python
    }

    /// Families it may do.
    pub fn can(&self) -> &[Family] {
        match &self.given {
            Some(given) => given,
            None => families(self.word).unwrap_or_default(),
        }
    }
}

impl Resolver<'_> {
    /// Finds every session. Addresses are known, nodes are not resolved yet.
    pub(super) fn sessions(&mut self) {
        let file = self.file;
        let nodes = || file.nodes.iter().enumerate();
        for (index, node) in nodes() {
            self.about_node(index);
            let bgp = self.bgp_of(&node.value.kind);
            self.bgp.push(bgp);
            let home = self.home(NodeId(index));
            if home.0 != index {
                self.hosted.entry(home).or_default().push(NodeId(index));
            }
        }
        for (index, node) in nodes() {
            self.about_node(index);
            let id = NodeId(index);
            match &node.value.kind {
                KindFile::Bagpipe(typed) => self.named(id, typed.peers.as_ref(), None),
                kind => {
                    if let Some(speaker) = kind.speaker() {
                        self.named(id, speaker.peers.as_ref(), Some(false));
                        self.named(id, speaker.clients.as_ref(), Some(true));
                    }
                }
            }
        }
        let on_nets = self.on_nets();
        for index in 0..file.nodes.len() {
            self.about_node(index);
            self.implied(NodeId(index), &on_nets);
        }
        for index in 0..file.nodes.len() {
            self.mirrored(NodeId(index));
        }
    }

    fn bgp_of(&mut self, kind: &KindFile) -> Option<Bgp> {
        let word = kind.word();
        let can = families(word)?;
        let asn = match kind {
            KindFile::Bagpipe(typed) => typed.asn.as_ref(),
            KindFile::FakeRr(typed) => typed.asn.as_ref(),
            kind => kind.speaker().and_then(|speaker| speaker.asn.as_ref()),
        };
        let asn = asn.and_then(|asn| self.number("the AS number", asn, 1, u32::MAX.into()));
        let speaker = kind.speaker();
        let typed = speaker.and_then(|speaker| speaker.families.as_ref());
        let given = typed.map(|OneOrMany(names)| {
            let words: Vec<(&str, Family)> = values::FAMILIES
                .into_iter()
                .filter(|(_, family)| can.contains(family))
                .collect();
            let what = format!("a family that {word} can do");
            let given = names.iter().filter_map(|name| {
                let family = values::one_of(&what, &name.value, &words);
                self.keep(&name.span, family)
            });
            given.collect()
        });
        let password = speaker.and_then(|speaker| speaker.password.as_ref());
        let password = self.maybe(password, values::password);
        let explicit = match kind {
            KindFile::Bagpipe(typed) => typed.peers.is_some(),
            _ => speaker.is_some_and(|one| one.peers.is_some() || one.clients.is_some()),
        };
        Some(Bgp {
            word,
            asn: asn.unwrap_or(defaults::AS),
            port: super::nodes::bgp_port(kind).unwrap_or(defaults::BGP_PORT),
            given,
            explicit,
            config: speaker.is_some_and(|speaker| speaker.config.is_some()),
            python: matches!(kind, KindFile::Bagpipe(typed) if typed.python.is_some()),
            password,
        })
    }

    /// Notes an end, unless `at` has one with that address.
    fn end_at(&mut self, at: NodeId, end: End) {
        if self.ends_seen[at.0].insert(end.address) {
            self.ends[at.0].push(end);
        }
    }

    /// The ends that an entry names.
    fn named(&mut self, from: NodeId, typed: Option<&OneOrMany<At<String>>>, client: Option<bool>) {
        let verb = match client {
            Some(true) => "has as client",
            _ => "has as peer",
        };
        for name in typed.map(|typed| typed.0.as_slice()).unwrap_or_default() {
            let place = Some(name.span.clone());
            if let Some(lan) = name.value.strip_prefix("lan:") {
                let lan = At {
                    value: lan.to_string(),
                    span: name.span.clone(),
                };
                let Some(lan) = self.lan(&lan, "has as peers all on") else {
                    continue;
                };
                let members = self.members.get(&NetId::Lan(lan)).cloned();
                for node in members.unwrap_or_default() {
                    for other in self.speakers_in(node) {
                        if other != from && self.can_talk(from, other) {
                            self.toward(from, other, client, place.clone());
                        }
                    }
                }
            } else if values::looks_like_address(&name.value) {
                let Some(address) = self.keep(&name.span, values::ip(&name.value)) else {
                    continue;
                };
                let node = self.node_at(address);
                let others = node.map(|node| self.speakers_in(node)).unwrap_or_default();
                let away = |other: &NodeId| {
                    self.home(*other) != self.home(from) && self.can_talk(from, *other)
                };
                let node = others.into_iter().find(away);
                let end = End {
                    address,
                    local: self.local_toward(from, address),
                    node,
                    client,
                    place,
                };
                self.end_at(from, end);
            } else {
                self.named_node(from, name, verb, client);
            }
        }
    }

    fn named_node(&mut self, from: NodeId, name: &At<String>, verb: &str, client: Option<bool>) {
        let nodes = self.nodes_named(name, verb);
        let several = nodes.len() > 1;
        for node in nodes {
            if node == from {
                if !several {
                    self.out_of_place(&name.span, &name.value, "is the node itself");
                }
                continue;
            }
            let speakers = self.speakers_in(node);
            let found = speakers.iter().find(|other| self.can_talk(from, **other));
            match found {
                Some(other) => self.toward(from, *other, client, Some(name.span.clone())),
                None => {
                    let calls = self.bgp[from.0]
                        .as_ref()
                        .is_some_and(|own| !own.takes_calls());
                    let needed = match calls {
                        true => {
                            "BGP speaker that can be called: fakerr, gobgp, frr, bird, openbgpd or bagpipe"
                        }
                        false => "BGP speaker",
                    };
                    let kind = ErrorKind::WrongKind {
                        verb: verb.into(),
                        name: self.node_name(node).into(),
                        found: self.file.nodes[node.0].value.kind.word().into(),
                        needed: needed.into(),
                    };
                    self.fail(&name.span, kind);
                }
            }
        }
    }

    /// Notes the end of a session with `other`, which an entry names.
    fn toward(
        &mut self,
        from: NodeId,
        other: NodeId,
        client: Option<bool>,
        place: Option<Range<usize>>,
    ) {
        match (self.addresses_across(from, other), place) {
            (Some((address, local)), place) => {
                let end = End {
                    address,
                    local,
                    node: Some(other),
                    client,
                    place,
                };
                self.end_at(from, end);
            }
            (None, Some(place)) => self.out_of_reach(from, other, &place),
            (None, None) => {}
        }
    }

    fn word(&self, node: NodeId) -> &'static str {
        self.file.nodes[node.0].value.kind.word()
    }

    /// One of them must wait for the other to connect, and they must share a family.
    fn can_talk(&self, a: NodeId, b: NodeId) -> bool {
        let [Some(a), Some(b)] = [a, b].map(|id| self.bgp[id.0].as_ref()) else {
            return false;
        };
        let reflector = |one: &Bgp| one.word == "fakerr";
        (a.takes_calls() || b.takes_calls()) && !(reflector(a) && reflector(b))
    }

    /// The BGP speakers in a node's namespaces, its own first.
    fn speakers_in(&self, node: NodeId) -> Vec<NodeId> {
        let hosted = self.hosted.get(&node).into_iter().flatten().copied();
        let all = [node].into_iter().chain(hosted);
        all.filter(|id| self.bgp[id.0].is_some()).collect()
    }

    /// Speakers on every net that name nobody: all of them, and those that accept connections.
    fn on_nets(&self) -> BTreeMap<NetId, [Vec<NodeId>; 2]> {
        let mut on_nets: BTreeMap<NetId, [Vec<NodeId>; 2]> = BTreeMap::new();
        for (index, bgp) in self.bgp.iter().enumerate() {
            let Some(bgp) = bgp.as_ref().filter(|bgp| !bgp.explicit) else {
                continue;
            };
            let id = NodeId(index);
            for interface in &self.interfaces[self.home(id).0] {
                let [all, listening] = on_nets.entry(interface.net).or_default();
                all.push(id);
                if listens(bgp.word) {
                    listening.push(id);
                }
            }
        }
        on_nets
    }

    /// The ends of a node that names nobody.
    fn implied(&mut self, from: NodeId, on_nets: &BTreeMap<NetId, [Vec<NodeId>; 2]>) {
        let Some(bgp) = self.bgp[from.0].as_ref() else {
            return;
        };
        if bgp.explicit || bgp.config || bgp.word == "fakerr" {
            return;
        }
        let (word, which) = (bgp.word, usize::from(!listens(bgp.word)));
        let home = self.home(from);
        let mut others: BTreeSet<NodeId> = self.interfaces[home.0]
            .iter()
            .filter_map(|interface| on_nets.get(&interface.net))
            .flat_map(|speakers| speakers[which].iter().copied())
            .collect();
        others.extend(self.speakers_in(home));
        for other in others {
            // Our reflector is there for our speakers: others talk to it only when they say so.
            let fake = self.word(other) == "fakerr" && word != "bagpipe";
            let explicit = self.bgp[other.0]
                .as_ref()
                .is_none_or(|other| other.explicit);
            if other != from && !fake && !explicit && self.can_talk(from, other) {
                self.toward(from, other, None, None);
            }
        }
    }

    /// Gives the other end of every session of `from` its own.
    fn mirrored(&mut self, from: NodeId) {
        let ends = self.ends[from.0].clone();
        for end in ends {
            let Some(other) = end.node else { continue };
            let lists = self.bgp[other.0].as_ref().is_some_and(|bgp| !bgp.config);
            if lists && self.word(other) != "fakerr" {
                let mirrored = End {
                    address: end.local,
                    local: end.address,
                    node: Some(from),
                    client: None,
                    place: None,
                };
                self.end_at(other, mirrored);
            }
        }
    }

    /// The peers that a node of ours connects to.
    pub(super) fn peers_of(&mut self, id: NodeId) -> Vec<Peer> {
        let ends = self.ends[id.0].clone();
        for end in &ends {
            // Nothing to note but a lack of families.
            let _ = self.shared_families(id, end);
        }
        ends.iter().map(|end| self.peer(id, end)).collect()
    }

    fn peer(&self, id: NodeId, end: &End) -> Peer {
        let own = self.bgp[id.0].as_ref();
        let bgp = end.node.and_then(|node| self.bgp[node.0].as_ref());
        let signed = [own, bgp].into_iter().flatten();
        Peer {
            address: end.address,
            port: bgp.map_or(defaults::BGP_PORT, |bgp| bgp.port),
            node: end.node,
            calls: bgp.is_some_and(|bgp| !bgp.takes_calls()),
            password: signed.into_iter().find_map(|one| one.password.clone()),
        }
    }

    /// A password needs another end that signs, too.
    pub(super) fn signed(&mut self, id: NodeId, password: &At<String>) {
        let others = self.ends[id.0].iter().filter_map(|end| end.node);
        let other = |other: NodeId| Some((other, self.bgp[other.0].as_ref()?));
        let reason = others.filter_map(other).find_map(|(other, bgp)| {
            let what = match &bgp.password {
                _ if !bgp.signs() => "which it talks to, does not sign its connections",
                Some(theirs) if *theirs != password.value => "which it talks to, has another",
                _ => return None,
            };
            Some(format!(
                "cannot be used: `{}`, {what}",
                self.node_name(other)
            ))
        });
        if let Some(reason) = reason {
            self.out_of_place(&password.span, "password", reason);
        }
    }

    /// The sessions of a speaker that is not ours, in the order of the nodes; addresses that no node has come last.
    pub(super) fn sessions_of(&mut self, id: NodeId) -> Vec<Session> {
        let ends = self.ends[id.0].clone();
        let sessions = ends.iter().filter_map(|end| self.session_at(id, end));
        let mut sessions: Vec<Session> = sessions.collect();
        sessions.sort_by_key(|session| session.peer.node.map_or(usize::MAX, |node| node.0));
        sessions
    }

    fn session_at(&mut self, id: NodeId, end: &End) -> Found<Session> {
        let families = self.shared_families(id, end)?;
        let own = self.bgp[id.0].as_ref()?;
        let other = end.node.and_then(|node| self.bgp[node.0].as_ref());
        let remote_as = other.map_or(own.asn, |other| other.asn);
        let ours = other.is_some_and(|other| other.word == "bagpipe" && other.asn == own.asn);
        let passive = match (end.node, other) {
            _ if own.word == "exabgp" => false,
            (Some(node), Some(other)) => {
                other.word != "fakerr" && (!listens(other.word) || id < node)
            }
            // Whoever it is, somebody's configuration makes it a client that connects, or a peer that waits.
            _ => end.client == Some(true),
        };
        Some(Session {
            peer: self.peer(id, end),
            local: end.local,
            remote_as,
            // RFC 4456 section 4: only an internal peer can be one.
            client: remote_as == own.asn && end.client.unwrap_or(ours && own.word != "exabgp"),
            passive,
            families,
        })
    }
}
