//! Addresses: of interfaces, of loopbacks, and those at which nodes see each other.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::Range;

use bgp_wire::MacAddr;
use bgp_wire::types::IpPrefix;

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
}
