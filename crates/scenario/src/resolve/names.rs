//! Names of nodes, groups, LANs, links and VPNs, and what to say of those that nothing has.

use super::{Found, Resolver};
use crate::error::ErrorKind;
use crate::file::At;
use crate::lab::{LanId, LinkId, NetId, NodeId, VpnId};

/// Groups of no more members are listed one by one.
const FEW: usize = 3;

impl<'a> Resolver<'a> {
    /// Notes which names there are.
    pub(super) fn index(&mut self) {
        let file = self.file;
        let ids = |names: Vec<&'a str>| names.into_iter().enumerate().map(|(id, name)| (name, id));
        let nodes = file.nodes.iter().map(|node| node.name.value.as_str());
        self.node_ids = ids(nodes.collect()).collect();
        let lans = file.lans.iter().map(|lan| lan.name.value.as_str());
        self.lan_ids = ids(lans.collect()).collect();
        let vpns = file.vpns.iter().map(|vpn| vpn.name.value.as_str());
        self.vpn_ids = ids(vpns.collect()).collect();
        for (name, count) in &file.groups {
            let members = (1..=*count).filter_map(|i| {
                let id = self.node_ids.get(format!("{name}-{i}").as_str())?;
                Some(NodeId(*id))
            });
            let members = members.collect();
            self.groups.insert(name, members);
        }
    }

    pub(super) fn node_index(&self, name: &str) -> Option<usize> {
        self.node_ids.get(name).copied()
    }

    pub(super) fn node_name(&self, node: NodeId) -> &'a str {
        &self.file.nodes[node.0].name.value
    }

    /// Names to choose from: large groups as one.
    pub(super) fn node_names(&self) -> Vec<String> {
        let mut whole: std::collections::BTreeMap<NodeId, String> = Default::default();
        let mut skipped: std::collections::BTreeSet<NodeId> = Default::default();
        for members in self.groups.values() {
            if let [first, .., last] = members.as_slice()
                && members.len() > FEW
            {
                let all = format!("{} .. {}", self.node_name(*first), self.node_name(*last));
                whole.insert(*first, all);
                skipped.extend(&members[1..]);
            }
        }
        (0..self.file.nodes.len())
            .map(NodeId)
            .filter(|id| !skipped.contains(id))
            .map(|id| match whole.get(&id) {
                Some(all) => all.clone(),
                None => self.node_name(id).to_string(),
            })
            .collect()
    }

    /// The node of this name; `verb` says what is done to it.
    pub(super) fn node(&mut self, name: &At<String>, verb: &str) -> Found<NodeId> {
        if let Some(index) = self.node_index(&name.value) {
            return Some(NodeId(index));
        }
        if let Some(members) = self.groups.get(name.value.as_str())
            && let [first, .., last] = members.as_slice()
        {
            let kind = ErrorKind::IsGroup {
                verb: verb.into(),
                name: name.value.clone(),
                first: self.node_name(*first).into(),
                last: self.node_name(*last).into(),
            };
            self.fail(&name.span, kind);
            return None;
        }
        self.unknown(name, verb, "node", self.node_names())
    }

    /// The node of this name, or all members of the group.
    pub(super) fn nodes_named(&mut self, name: &At<String>, verb: &str) -> Vec<NodeId> {
        if self.node_index(&name.value).is_none()
            && let Some(members) = self.groups.get(name.value.as_str())
        {
            return members.clone();
        }
        self.node(name, verb).into_iter().collect()
    }

    /// The node of this name whose kind is `bagpipe`.
    pub(super) fn bagpipe_named(&mut self, name: &At<String>, verb: &str) -> Found<NodeId> {
        let id = self.node(name, verb)?;
        self.of_kind(id, name, verb, "bagpipe", |word| word == "bagpipe")
    }

    /// The BGP speaker of this name: what it says of its sessions and routes can be asked of every kind.
    pub(super) fn peer_named(&mut self, name: &At<String>, verb: &str) -> Found<NodeId> {
        let id = self.node(name, verb)?;
        let speaks = |word: &str| super::families::families(word).is_some();
        self.of_kind(id, name, verb, "BGP speaker", speaks)
    }

    pub(super) fn of_kind(
        &mut self,
        id: NodeId,
        name: &At<String>,
        verb: &str,
        needed: &str,
        fits: impl Fn(&str) -> bool,
    ) -> Found<NodeId> {
        let found = self.file.nodes[id.0].value.kind.word();
        if fits(found) {
            return Some(id);
        }
        let kind = ErrorKind::WrongKind {
            verb: verb.into(),
            name: name.value.clone(),
            found: found.into(),
            needed: needed.into(),
        };
        self.fail(&name.span, kind);
        None
    }

    pub(super) fn lan(&mut self, name: &At<String>, verb: &str) -> Found<LanId> {
        match self.lan_ids.get(name.value.as_str()) {
            Some(index) => Some(LanId(*index)),
            None => {
                let known = self.file.lans.iter().map(|lan| lan.name.value.clone());
                self.unknown(name, verb, "LAN", known.collect())
            }
        }
    }

    /// A LAN or a link.
    pub(super) fn net(&mut self, name: &At<String>, verb: &str) -> Found<NetId> {
        if let Some(index) = self.lan_ids.get(name.value.as_str()) {
            return Some(NetId::Lan(LanId(*index)));
        }
        if let Some(index) = self.link_ids.get(&name.value) {
            return Some(NetId::Link(LinkId(*index)));
        }
        let lans = self.file.lans.iter().map(|lan| lan.name.value.clone());
        let links = self.scenario.links.iter().map(|link| link.name.clone());
        let what = if self.file.links.is_empty() {
            "LAN"
        } else {
            "LAN or link"
        };
        self.unknown(name, verb, what, lans.chain(links).collect())
    }

    pub(super) fn vpn(&mut self, name: &At<String>, verb: &str) -> Found<VpnId> {
        match self.vpn_ids.get(name.value.as_str()) {
            Some(index) => Some(VpnId(*index)),
            None => {
                let known = self.file.vpns.iter().map(|vpn| vpn.name.value.clone());
                self.unknown(name, verb, "VPN", known.collect())
            }
        }
    }

    pub(super) fn unknown<T>(
        &mut self,
        name: &At<String>,
        verb: &str,
        what: &str,
        known: Vec<String>,
    ) -> Found<T> {
        if !self.broken.contains(&name.value) {
            let kind = ErrorKind::UnknownName {
                verb: verb.into(),
                what: what.into(),
                name: name.value.clone(),
                known,
            };
            let related = self.attached_later(&name.value);
            self.fail_with(&name.span, kind, related);
        }
        None
    }
}
