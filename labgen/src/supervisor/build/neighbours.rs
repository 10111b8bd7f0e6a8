//! Neighbours that nodes are told of in large labs.
//!
//! The kernel keeps 1,024 neighbours that it has found by itself, for all namespaces of the machine together, and from
//! half of that on it looks through all of them for each new one. Two for a session soon add up to that; neighbours it
//! was told of do not count.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use netns::addr::MacAddr;
use netns::link::{EntryState, Neighbour, Request};
use scenario::{Interface, NetId, NodeId, NodeKind, Scenario};

/// Sessions from which on nodes are told: below, ARP is seen as it is elsewhere.
const MANY: usize = 200;

/// What nodes are told, by node and net.
#[derive(Debug, Default)]
pub(super) struct Neighbours(BTreeMap<(NodeId, NetId), BTreeSet<(IpAddr, MacAddr)>>);

impl Neighbours {
    /// The ends of all sessions between nodes of one LAN or link, if those are many. `mac` tells the Ethernet address of a node on a net.
    pub(super) fn of(scenario: &Scenario, mac: impl Fn(NodeId, &Interface) -> MacAddr) -> Self {
        let mut told = Self::default();
        let interfaces = || {
            scenario.nodes().flat_map(|(id, node)| {
                let interfaces = node.interfaces.iter();
                interfaces.map(move |interface| (id, interface))
            })
        };
        let mut owners = BTreeMap::new();
        for (id, interface) in interfaces() {
            for address in &interface.addresses {
                owners.insert((interface.net, address.ip), (id, interface));
            }
        }
        for (id, interface) in interfaces() {
            for peer in peers(&scenario[id].kind) {
                let there = owners.get(&(interface.net, peer));
                let Some((other, other_interface)) = there.filter(|(other, _)| *other != id) else {
                    continue;
                };
                let mut tell = |node, ip, mac| {
                    let at = told.0.entry((node, interface.net)).or_default();
                    at.insert((ip, mac))
                };
                tell(id, peer, mac(*other, other_interface));
                let mut own = interface.addresses.iter().map(|address| address.ip);
                if let Some(own) = own.find(|ip| ip.is_ipv4() == peer.is_ipv4()) {
                    tell(*other, own, mac(id, interface));
                }
            }
        }
        // A session is told of at both ends, however many of them configure it.
        let entries: usize = told.0.values().map(BTreeSet::len).sum();
        if entries < 2 * MANY {
            return Self::default();
        }
        told
    }

    /// What a node is told through the interface with this index. Kept until it turns out wrong: who moves is found.
    pub(super) fn requests(&self, node: NodeId, net: NetId, index: u32) -> Vec<Request> {
        let told = self.0.get(&(node, net)).into_iter().flatten();
        told.map(|(ip, mac)| {
            Neighbour {
                state: EntryState::Stale,
                extern_learn: true,
                ..Neighbour::permanent(index, *ip, *mac)
            }
            .replace()
        })
        .collect()
    }
}

/// Addresses that a node has sessions with.
pub(in crate::supervisor) fn peers(kind: &NodeKind) -> impl Iterator<Item = IpAddr> {
    let speaker = match kind {
        NodeKind::Bagpipe(speaker) => speaker.peers.as_slice(),
        _ => &[],
    };
    let sessions = kind.speaker().map(|speaker| speaker.sessions.as_slice());
    let sessions = sessions.unwrap_or_default().iter();
    let peers = sessions.map(|session| session.peer.address);
    speaker.iter().map(|peer| peer.address).chain(peers)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAKERR: &str = "kind = \"fakerr\"";

    fn told(reflector: &str, computes: usize) -> Neighbours {
        let text = format!(
            "[nodes]\nrr = {{ {reflector} }}\nc = {{ kind = \"bagpipe\", count = {computes} }}\n\
             [lans]\nlan = {{ join = [\"rr\", \"c\"], subnet = \"10.0.0.0/16\" }}\n"
        );
        let scenario = scenario::check(&text, "lab.toml").unwrap();
        let number = |id: NodeId| MacAddr([2, 0, 0, 0, (id.0 >> 8) as u8, id.0 as u8]);
        Neighbours::of(&scenario, |id, _| number(id))
    }

    #[test]
    fn both_ends_of_many_sessions_are_told() {
        let told = told(FAKERR, MANY);
        let reflector: Vec<usize> = told.0.values().map(BTreeSet::len).collect();
        assert_eq!(reflector.iter().max(), Some(&MANY));
        assert_eq!(reflector.iter().sum::<usize>(), 2 * MANY);
    }

    #[test]
    fn few_find_each_other() {
        assert!(told(FAKERR, MANY - 1).0.is_empty());
        // Its sessions are in its own configuration and in that of its clients.
        let gobgp = "kind = \"gobgp\", clients = [\"c\"]";
        assert!(told(gobgp, MANY - 1).0.is_empty());
        assert!(!told(gobgp, MANY).0.is_empty());
    }
}
