//! Where nodes reach each other, and by which addresses they are known.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;

use bgp_wire::types::IpPrefix;

use super::{Found, Resolver};
use crate::error::ErrorKind;
use crate::kind::forwards;
use crate::lab::{Interface, InterfaceAddress, NetId, NodeId};

impl Resolver<'_> {
    pub(super) fn home(&self, node: NodeId) -> NodeId {
        NodeId(self.homes[node.0])
    }

    /// The first LAN or link that two nodes have in common.
    pub(super) fn common(&self, a: NodeId, b: NodeId) -> Option<(&Interface, &Interface)> {
        let (a, b) = (&self.interfaces[a.0], &self.interfaces[b.0]);
        // Both are in the order of the nets.
        let at = |interfaces: &[Interface], net: NetId| {
            interfaces
                .binary_search_by_key(&net, |interface| interface.net)
                .ok()
        };
        let pair = if a.len() <= b.len() {
            let (i, j) = a
                .iter()
                .enumerate()
                .find_map(|(i, one)| Some((i, at(b, one.net)?)))?;
            (&a[i], &b[j])
        } else {
            let (j, i) = b
                .iter()
                .enumerate()
                .find_map(|(j, one)| Some((j, at(a, one.net)?)))?;
            (&a[i], &b[j])
        };
        Some(pair)
    }

    /// Addresses at which `from` reaches `to`, and from which: loopback in the same namespace, otherwise those on
    /// the first LAN or link they share, IPv4 rather than IPv6.
    pub(super) fn addresses_between(&self, from: NodeId, to: NodeId) -> Option<(IpAddr, IpAddr)> {
        let (from, to) = (self.home(from), self.home(to));
        if from == to {
            let localhost = IpAddr::V4(Ipv4Addr::LOCALHOST);
            return Some((localhost, localhost));
        }
        let (ours, theirs) = self.common(from, to)?;
        same_version(&ours.addresses, &theirs.addresses)
    }

    /// The own address from which `from` talks to `address`: on the LAN or link that it is on, otherwise the
    /// loopback's, otherwise the first.
    pub(super) fn local_toward(&self, from: NodeId, address: IpAddr) -> IpAddr {
        if address.is_loopback() {
            return address;
        }
        let home = self.home(from);
        let version = |own: &&InterfaceAddress| own.ip.is_ipv4() == address.is_ipv4();
        let near = |own: &&InterfaceAddress| {
            let subnet = IpPrefix::new(own.ip, own.len);
            subnet.is_ok_and(|subnet| subnet.contains(address))
        };
        let all = || {
            self.interfaces[home.0]
                .iter()
                .flat_map(|one| &one.addresses)
        };
        let found = all()
            .find(near)
            .or_else(|| self.loopbacks[home.0].iter().find(version))
            .or_else(|| all().find(version));
        found.map_or_else(|| self.own_address(from), |own| own.ip)
    }

    /// The first address of a node, or of the one it runs on.
    pub(super) fn first_address(&self, node: NodeId) -> Option<IpAddr> {
        let home = self.home(node).0;
        let mut all = self.interfaces[home].iter().flat_map(|one| &one.addresses);
        let first = all.next().or(self.loopbacks[home].first());
        first.map(|address| address.ip)
    }

    /// Every address of a node, or of the one it runs on: loopbacks before others.
    pub(super) fn addresses(&self, node: NodeId) -> impl Iterator<Item = IpAddr> + '_ {
        let home = self.home(node).0;
        let interfaces = self.interfaces[home].iter().flat_map(|one| &one.addresses);
        let all = self.loopbacks[home].iter().chain(interfaces);
        all.map(|address| address.ip)
    }

    /// The first address; a node without one is a mistake noted elsewhere.
    pub(super) fn own_address(&self, id: NodeId) -> IpAddr {
        self.first_address(id)
            .unwrap_or(Ipv4Addr::UNSPECIFIED.into())
    }

    /// The address a node is known by: a speaker's own choice, otherwise its loopback's, otherwise its first.
    pub(super) fn known_address(&self, node: NodeId) -> Option<IpAddr> {
        match self.scenario.nodes.get(node.0).map(|node| &node.kind) {
            Some(crate::kind::NodeKind::Bagpipe(bagpipe)) => Some(bagpipe.local_address),
            _ => {
                let loopback = self.loopbacks[self.home(node).0].first();
                let loopback = loopback.map(|address| address.ip);
                loopback.or_else(|| self.first_address(node))
            }
        }
    }

    /// Its first IPv4 address, loopbacks before others, as a BGP identifier; one made up where it has none.
    pub(super) fn router_id(&self, id: NodeId) -> Ipv4Addr {
        let first = self.addresses(id).find_map(|address| match address {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        });
        let made_up = u32::try_from(id.0).unwrap_or(u32::MAX).saturating_add(1);
        first.unwrap_or(Ipv4Addr::from(made_up))
    }

    /// The node that has this address.
    pub(super) fn node_at(&self, address: IpAddr) -> Option<NodeId> {
        self.holders.get(&address).copied()
    }

    /// Addresses at which `from` reaches `to`, and from which, be there routers between them or not: across routers
    /// those by which they are known.
    pub(super) fn addresses_across(&self, from: NodeId, to: NodeId) -> Option<(IpAddr, IpAddr)> {
        self.addresses_between(from, to).or_else(|| {
            let (here, there) = (self.home(from), self.home(to));
            let islands = |node: NodeId| {
                let nets = self.interfaces[node.0]
                    .iter()
                    .map(|interface| interface.net);
                let found = nets.filter_map(|net| self.islands.get(&net));
                found.collect::<BTreeSet<_>>()
            };
            let joined = !islands(here).is_disjoint(&islands(there));
            let known = |node: NodeId| {
                let loopbacks = self.loopbacks[node.0].iter();
                let interfaces = self.interfaces[node.0]
                    .iter()
                    .flat_map(|one| &one.addresses);
                loopbacks.chain(interfaces).copied().collect::<Vec<_>>()
            };
            joined.then(|| same_version(&known(here), &known(there)))?
        })
    }

    /// The address of `to` seen from `from`, which must share a LAN or link with it or reach it through routers.
    pub(super) fn reach(&mut self, from: NodeId, to: NodeId, span: &Range<usize>) -> Found<IpAddr> {
        let address = self.addresses_across(from, to).map(|(theirs, _)| theirs);
        if address.is_none() {
            self.out_of_reach(from, to, span);
        }
        address
    }

    /// Finds out which nets lead to which, through nodes that forward; the interfaces are known.
    pub(super) fn find_islands(&mut self) {
        let mut islands: BTreeMap<NetId, usize> = BTreeMap::new();
        let mut roots: Vec<usize> = Vec::new();
        for (index, node) in self.file.nodes.iter().enumerate() {
            let mut first = None;
            for net in self.interfaces[index].iter().map(|interface| interface.net) {
                let own = *islands.entry(net).or_insert_with(|| {
                    roots.push(roots.len());
                    roots.len() - 1
                });
                let own = root(&mut roots, own);
                match first {
                    Some(first) if forwards(node.value.kind.word()) => {
                        roots[own] = root(&mut roots, first);
                    }
                    _ => first = Some(own),
                }
            }
        }
        for island in islands.values_mut() {
            *island = root(&mut roots, *island);
        }
        self.islands = islands;
    }

    pub(super) fn out_of_reach(&mut self, from: NodeId, to: NodeId, span: &Range<usize>) {
        // A node without any link is a mistake noted elsewhere.
        let linked = |node: NodeId| !self.interfaces[self.home(node).0].is_empty();
        if linked(from) && linked(to) {
            let kind = ErrorKind::NoCommonLan {
                name: self.node_name(from).into(),
                other: self.node_name(to).into(),
            };
            self.fail(span, kind);
        }
    }
}

/// The number that stands for all it was joined to.
fn root(roots: &mut [usize], mut of: usize) -> usize {
    while roots[of] != of {
        roots[of] = roots[roots[of]];
        of = roots[of];
    }
    of
}

/// Theirs and ours, of the first version that both have.
pub(super) fn same_version(
    ours: &[InterfaceAddress],
    theirs: &[InterfaceAddress],
) -> Option<(IpAddr, IpAddr)> {
    [true, false].into_iter().find_map(|v4| {
        let of = |addresses: &[InterfaceAddress]| {
            let mut found = addresses.iter().filter(|own| own.ip.is_ipv4() == v4);
            found.next().map(|own| own.ip)
        };
        Some((of(theirs)?, of(ours)?))
    })
}
