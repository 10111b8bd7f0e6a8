//! Where nodes reach each other.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;

use super::nodes::forwards;
use super::{Found, Resolver};
use crate::error::ErrorKind;
use crate::kind::NodeKind;
use crate::lab::{Interface, NetId, NodeId};

/// Which nets lead to which, through nodes that forward: nets with the same number do.
pub(super) type Islands = BTreeMap<NetId, usize>;

impl Resolver<'_> {
    pub(super) fn home(&self, node: NodeId) -> NodeId {
        NodeId(self.homes[node.0])
    }

    /// The interfaces of a node, or of the one it runs on.
    pub(super) fn interfaces_of(&self, node: NodeId) -> &[Interface] {
        &self.interfaces[self.home(node).0]
    }

    /// The address at which `from` reaches `to` directly: loopback in the same namespace, otherwise the one on the
    /// first net they share.
    pub(super) fn address_seen(&self, from: NodeId, to: NodeId) -> Option<IpAddr> {
        if self.home(from) == self.home(to) {
            return Some(IpAddr::from([127, 0, 0, 1]));
        }
        let own = self.interfaces_of(from);
        self.interfaces_of(to)
            .iter()
            .filter(|there| own.iter().any(|here| here.net == there.net))
            .find_map(first)
    }

    /// The address at which `from` reaches `to`, routers between them or not: across routers the one by which a node is
    /// known.
    pub(super) fn address_reached(&self, from: NodeId, to: NodeId) -> Option<IpAddr> {
        let direct = self.address_seen(from, to);
        direct.or_else(|| self.address_routed(from, to))
    }

    fn address_routed(&self, from: NodeId, to: NodeId) -> Option<IpAddr> {
        let island = |interface: &Interface| self.islands.get(&interface.net);
        let here = self.interfaces_of(from);
        let there = self.interfaces_of(to);
        let joined = here.iter().any(|a| {
            there
                .iter()
                .any(|b| island(a).is_some() && island(a) == island(b))
        });
        let versions = |interfaces: &[Interface]| {
            let all = interfaces.iter().flat_map(|interface| &interface.addresses);
            all.map(|address| address.ip.is_ipv4()).collect::<Vec<_>>()
        };
        let own = versions(here);
        let mut known = self.known_addresses(to);
        joined.then(|| known.find(|ip| own.contains(&ip.is_ipv4())))?
    }

    /// The addresses a node is known by, the best first: its loopback's, then those of its interfaces.
    fn known_addresses(&self, node: NodeId) -> impl Iterator<Item = IpAddr> {
        let loopbacks = self.loopbacks[self.home(node).0].iter();
        let others = self.interfaces_of(node).iter();
        loopbacks
            .chain(others.flat_map(|interface| &interface.addresses))
            .map(|address| address.ip)
    }

    /// The first address of a node, or of the one it runs on.
    pub(super) fn first_address(&self, node: NodeId) -> Option<IpAddr> {
        self.interfaces_of(node).iter().find_map(first)
    }

    /// The address a node is known by; a node without one is a mistake noted elsewhere.
    pub(super) fn own_address(&self, id: NodeId) -> IpAddr {
        self.known_addresses(id)
            .next()
            .unwrap_or(Ipv4Addr::UNSPECIFIED.into())
    }

    /// The address a node is known by: a speaker's own choice, otherwise its first.
    pub(super) fn known_address(&self, node: NodeId) -> Option<IpAddr> {
        match self.scenario.nodes.get(node.0).map(|node| &node.kind) {
            Some(NodeKind::Bagpipe(bagpipe)) => Some(bagpipe.local_address),
            _ => self.first_address(node),
        }
    }

    /// The first IPv4 address it is known by, as a BGP identifier.
    pub(super) fn router_id(&self, id: NodeId) -> Ipv4Addr {
        self.known_addresses(id)
            .find_map(|address| match address {
                IpAddr::V4(address) => Some(address),
                IpAddr::V6(_) => None,
            })
            .unwrap_or(Ipv4Addr::UNSPECIFIED)
    }

    /// The address of `to` seen from `from`, which must share a net with it, or reach it through routers.
    pub(super) fn reach(&mut self, from: NodeId, to: NodeId, span: &Range<usize>) -> Found<IpAddr> {
        let address = self.address_reached(from, to);
        // A node without any link is a mistake noted elsewhere.
        let linked = |node| self.first_address(node).is_some();
        if address.is_none() && linked(from) && linked(to) {
            let other = self.node_name(to).into();
            self.fail(
                span,
                ErrorKind::NoCommonLan {
                    name: self.node_name(from).into(),
                    other,
                },
            );
        }
        address
    }

    /// The node that has this address.
    pub(super) fn node_at(&self, address: IpAddr) -> Option<NodeId> {
        let on_interface = |node: &usize| {
            let mut all = self.interfaces[*node].iter().flat_map(|one| &one.addresses);
            all.any(|own| own.ip == address)
        };
        let on_loopback = |node: &usize| self.loopbacks[*node].iter().any(|own| own.ip == address);
        (0..self.interfaces.len())
            .find(|node| on_interface(node) || on_loopback(node))
            .map(NodeId)
    }

    /// Finds out which nets lead to which; the interfaces are known.
    pub(super) fn find_islands(&mut self) {
        let mut islands: Islands = BTreeMap::new();
        let mut roots: Vec<usize> = Vec::new();
        for (index, node) in self.file.nodes.iter().enumerate() {
            let nets = self.interfaces[index].iter().map(|interface| interface.net);
            let mut first = None;
            for net in nets {
                let own = *islands.entry(net).or_insert_with(|| {
                    roots.push(roots.len());
                    roots.len() - 1
                });
                let own = root(&roots, own);
                match first {
                    Some(first) if forwards(&node.value) => roots[own] = root(&roots, first),
                    _ => first = Some(own),
                }
            }
        }
        for island in islands.values_mut() {
            *island = root(&roots, *island);
        }
        self.islands = islands;
    }
}

/// The number that stands for all it was joined to.
fn root(roots: &[usize], mut of: usize) -> usize {
    while roots[of] != of {
        of = roots[of];
    }
    of
}

fn first(interface: &Interface) -> Option<IpAddr> {
    interface.addresses.first().map(|address| address.ip)
}
