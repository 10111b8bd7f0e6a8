//! Addresses: of interfaces, of loopbacks, and those at which nodes see each other.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;

use bgp_wire::MacAddr;
use bgp_wire::types::IpPrefix;

use super::nodes::forwards;
use super::space::{hosts, is_host};
use super::{Found, Resolver};
use crate::error::ErrorKind;
use crate::file::{At, ByNode, FlagOrText, OneOrMany};
use crate::lab::{Interface, InterfaceAddress, NetId, NodeId};
use crate::{defaults, values};

/// A LAN or link whose members are about to get their interfaces.
pub(super) struct Plugged<'a> {
    pub net: NetId,
    pub name: &'a str,
    /// Where its subnet, or else the net itself, was given.
    pub place: &'a Range<usize>,
    pub subnets: &'a [IpPrefix],
    pub members: &'a [NodeId],
    pub address: &'a ByNode<OneOrMany<At<String>>>,
    pub mac: &'a ByNode<At<String>>,
}

impl Resolver<'_> {
    /// Gives every member its interface.
    pub(super) fn plug(&mut self, plugged: &Plugged<'_>) {
        let given = self.given(plugged);
        let macs = self.macs(plugged);
        let mut addresses: BTreeMap<NodeId, Vec<InterfaceAddress>> = BTreeMap::new();
        for (subnet, given) in plugged.subnets.iter().zip(&given) {
            let taken: BTreeSet<&IpAddr> = given.values().collect();
            let mut free = hosts(*subnet).filter(|address| !taken.contains(address));
            let mut missing = false;
            for node in plugged.members {
                match given.get(node).copied().or_else(|| free.next()) {
                    Some(ip) => addresses.entry(*node).or_default().push(InterfaceAddress {
                        ip,
                        len: subnet.len(),
                    }),
                    None => missing = true,
                }
            }
            if missing {
                let kind = ErrorKind::SubnetFull {
                    subnet: subnet.to_string(),
                    members: plugged.members.len(),
                    room: hosts(*subnet).take(65536).count() as u64,
                };
                self.fail(plugged.place, kind);
            }
        }
        for node in plugged.members {
            let taken = &mut self.interface_names[node.0];
            let name = values::interface(plugged.name, |name| taken.contains(name));
            taken.insert(name.clone());
            let addresses = addresses.remove(node).unwrap_or_default();
            for address in &addresses {
                self.holders.entry(address.ip).or_insert(*node);
            }
            self.interfaces[node.0].push(Interface {
                net: plugged.net,
                name,
                addresses,
                mac: macs.get(node).copied(),
            });
        }
        self.members.insert(plugged.net, plugged.members.to_vec());
    }

    /// The member that `name` names.
    fn member(&mut self, plugged: &Plugged<'_>, name: &At<String>, verb: &str) -> Found<NodeId> {
        let node = self.node_index(&name.value).map(NodeId);
        match node.filter(|node| plugged.members.contains(node)) {
            Some(node) => Some(node),
            None => {
                let members = plugged.members.iter().take(64);
                let known = members.map(|node| self.node_name(*node).to_string());
                let known = known.collect();
                self.unknown(name, verb, "member", known)
            }
        }
    }

    /// The addresses that were given, for each subnet.
    fn given(&mut self, plugged: &Plugged<'_>) -> Vec<BTreeMap<NodeId, IpAddr>> {
        let mut given = vec![BTreeMap::new(); plugged.subnets.len()];
        let mut holders: BTreeMap<IpAddr, NodeId> = BTreeMap::new();
        for (name, OneOrMany(addresses)) in &plugged.address.0 {
            let Some(node) = self.member(plugged, name, "gives an address to") else {
                continue;
            };
            for typed in addresses {
                let Some(address) = self.keep(&typed.span, values::ip(&typed.value)) else {
                    continue;
                };
                let within = |subnet: &IpPrefix| subnet.contains(address);
                let Some(at) = plugged.subnets.iter().position(within) else {
                    let subnets: Vec<String> =
                        plugged.subnets.iter().map(ToString::to_string).collect();
                    let kind = ErrorKind::OutsideSubnet {
                        address: address.to_string(),
                        subnet: subnets.join(", "),
                    };
                    self.fail(&typed.span, kind);
                    continue;
                };
                let subnet = plugged.subnets[at];
                if !is_host(subnet, address) {
                    let kind = ErrorKind::BadValue {
                        what: "an address for a node".into(),
                        value: typed.value.clone(),
                        reason: format!("the first and the last of {subnet} are not"),
                    };
                    self.fail(&typed.span, kind);
                } else if let Some(holder) = holders.insert(address, node) {
                    let kind = ErrorKind::AddressTaken {
                        address: address.to_string(),
                        name: name.value.clone(),
                        holder: self.node_name(holder).into(),
                    };
                    self.fail(&typed.span, kind);
                } else if given[at].insert(node, address).is_some() {
                    let kind = ErrorKind::Repeated {
                        verb: format!("gives an address of {subnet} to"),
                        name: name.value.clone(),
                    };
                    self.fail(&typed.span, kind);
                }
            }
        }
        given
    }

    fn macs(&mut self, plugged: &Plugged<'_>) -> BTreeMap<NodeId, MacAddr> {
        let mut given: BTreeMap<NodeId, MacAddr> = BTreeMap::new();
        let mut holders: BTreeMap<MacAddr, NodeId> = BTreeMap::new();
        for (name, typed) in &plugged.mac.0 {
            let Some(node) = self.member(plugged, name, "gives a MAC address to") else {
                continue;
            };
            let Some(mac) = self.keep(&typed.span, values::unicast_mac(&typed.value)) else {
                continue;
            };
            if let Some(holder) = holders.insert(mac, node) {
                let kind = ErrorKind::AddressTaken {
                    address: mac.to_string(),
                    name: name.value.clone(),
                    holder: self.node_name(holder).into(),
                };
                self.fail(&typed.span, kind);
            }
            given.insert(node, mac);
        }
        given
    }

    /// Loopback addresses: those given, then free ones.
    pub(super) fn loopbacks(&mut self) {
        let file = self.file;
        let mut wanting = Vec::new();
        for (index, node) in file.nodes.iter().enumerate() {
            self.about_node(index);
            for typed in &node.value.net.loopback.0 {
                let text = match &typed.value {
                    FlagOrText::Flag(flag) => {
                        if *flag {
                            wanting.push(index);
                        }
                        continue;
                    }
                    FlagOrText::Text(text) => text,
                };
                let parsed = values::ip_with_length(text, (32, 128));
                let Some((ip, len)) = self.keep(&typed.span, parsed) else {
                    continue;
                };
                if let Some(holder) = self.holders.get(&ip).copied() {
                    let kind = ErrorKind::AddressTaken {
                        address: ip.to_string(),
                        name: node.name.value.clone(),
                        holder: self.node_name(holder).into(),
                    };
                    self.fail(&typed.span, kind);
                    continue;
                }
                self.holders.insert(ip, NodeId(index));
                self.loopbacks[index].push(InterfaceAddress { ip, len });
            }
        }
        let mut next = 0;
        for index in wanting {
            let free = std::iter::from_fn(|| {
                next += 1;
                defaults::loopback(next)
            })
            .find(|ip| !self.holders.contains_key(&IpAddr::V4(*ip)));
            let Some(ip) = free.map(IpAddr::V4) else {
                self.about_node(index);
                let kind = ErrorKind::Other {
                    message: "finds no free loopback address in 10.255.0.0/16".into(),
                };
                self.fail(&file.nodes[index].name.span, kind);
                return;
            };
            self.holders.insert(ip, NodeId(index));
            self.loopbacks[index].insert(0, InterfaceAddress { ip, len: 32 });
        }
    }

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
        let home = self.home(id).0;
        let interfaces = self.interfaces[home].iter().flat_map(|one| &one.addresses);
        let mut all = self.loopbacks[home].iter().chain(interfaces);
        let first = all.find_map(|address| match address.ip {
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
                    Some(first) if forwards(&node.value.kind) => {
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
