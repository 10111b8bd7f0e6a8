//! LANs: members, subnets, addresses, interface names.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bgp_wire::types::IpPrefix;

use super::nodes::on;
use super::{Resolver, related};
use crate::error::{ErrorKind, Subject};
use crate::file::{At, Entry, LanFile};
use crate::lab::{Interface, InterfaceAddress, Lan, LanId, NetId, NodeId};
use crate::{defaults, values};

impl Resolver<'_> {
    /// Resolves every LAN and gives its members their links.
    pub(super) fn lans(&mut self, lans: &[Entry<LanFile>]) {
        let subnets = self.subnets(lans);
        for (index, (lan, subnet)) in lans.iter().zip(subnets).enumerate() {
            self.subject = Subject::Lan(lan.name.value.clone());
            self.name(&lan.name);
            let members = self.members(&lan.value.join.value);
            if lan.value.join.value.is_empty() {
                self.fail(
                    &lan.value.join.span,
                    ErrorKind::Empty { key: "join".into() },
                );
            }
            let mtu = lan
                .value
                .mtu
                .as_ref()
                .and_then(|mtu| self.number("the MTU", mtu, 576, 65535));
            let Some(subnet) = subnet else { continue };
            self.links_of(LanId(index), lan, subnet, &members);
            self.scenario.lans.push(Lan {
                name: lan.name.value.clone(),
                subnets: vec![subnet],
                mtu: mtu.unwrap_or(defaults::MTU),
                members: members.iter().map(|(node, _)| *node).collect(),
                place: self.place(&lan.name.span),
            });
        }
        // A LAN that could not be read may well have joined the node.
        if !self.broken.is_empty() {
            return;
        }
        let joined = |name: &str| {
            lans.iter().any(|lan| {
                lan.value
                    .join
                    .value
                    .iter()
                    .any(|member| member.value == name)
            })
        };
        for node in &self.file.nodes {
            if on(&node.value).is_none() && !joined(&node.name.value) {
                self.subject = Subject::Node(node.name.value.clone());
                self.fail(&node.name.span, ErrorKind::InNoLan);
            }
        }
    }

    /// The subnet of every LAN: those given, then free ones for the rest.
    fn subnets(&mut self, lans: &[Entry<LanFile>]) -> Vec<Option<IpPrefix>> {
        let mut given: Vec<(usize, IpPrefix)> = Vec::new();
        for (index, lan) in lans.iter().enumerate() {
            self.subject = Subject::Lan(lan.name.value.clone());
            let Some(typed) = &lan.value.subnet else {
                continue;
            };
            let Some(subnet) = self.keep(&typed.span, values::prefix(&typed.value)) else {
                continue;
            };
            if let Some((other, _)) = given.iter().find(|(_, other)| overlap(*other, subnet)) {
                let other = &lans[*other];
                let reason = format!("overlaps that of LAN `{}`", other.name.value);
                let kind = ErrorKind::Misplaced {
                    key: "subnet".into(),
                    reason,
                };
                let place = other.value.subnet.as_ref().map(|subnet| &subnet.span);
                self.fail_with(
                    &typed.span,
                    kind,
                    place.and_then(|span| related(span, "it is here")),
                );
            }
            given.push((index, subnet));
        }
        (0..lans.len())
            .map(|index| {
                if lans[index].value.subnet.is_some() {
                    return given
                        .iter()
                        .find(|(at, _)| *at == index)
                        .map(|(_, subnet)| *subnet);
                }
                let free = (index..index + 65536)
                    .filter_map(defaults::subnet)
                    .find(|free| !given.iter().any(|(_, taken)| overlap(*taken, *free)));
                let Some(free) = free else {
                    self.subject = Subject::Lan(lans[index].name.value.clone());
                    self.fail(
                        &lans[index].name.span,
                        ErrorKind::MissingKey {
                            key: "subnet".into(),
                        },
                    );
                    return None;
                };
                given.push((index, free));
                Some(free)
            })
            .collect()
    }

    fn members(&mut self, join: &[At<String>]) -> Vec<(NodeId, At<String>)> {
        let mut members: Vec<(NodeId, At<String>)> = Vec::new();
        for name in join {
            let Some(node) = self.node(name, "joins") else {
                continue;
            };
            if self.home(node) != node {
                let kind = ErrorKind::NoOwnLink {
                    node: name.value.clone(),
                    host: self.node_name(self.home(node)).into(),
                };
                self.fail(&name.span, kind);
            } else if let Some((_, first)) = members.iter().find(|(member, _)| *member == node) {
                let place = related(&first.span, "it is here already");
                let kind = ErrorKind::Repeated {
                    verb: "joins".into(),
                    name: name.value.clone(),
                };
                self.fail_with(&name.span, kind, place);
            } else {
                members.push((node, name.clone()));
            }
        }
        members
    }

    fn links_of(
        &mut self,
        lan: LanId,
        entry: &Entry<LanFile>,
        subnet: IpPrefix,
        members: &[(NodeId, At<String>)],
    ) {
        let given = self.given_addresses(&entry.value, subnet, members);
        let mut free =
            hosts(subnet).filter(|address| !given.values().any(|taken| taken == address));
        let mut missing = false;
        let mut addresses = BTreeMap::new();
        for (node, _) in members {
            match given.get(node).copied().or_else(|| free.next()) {
                Some(address) => {
                    addresses.insert(*node, address);
                }
                None => missing = true,
            }
        }
        if missing {
            let place = entry
                .value
                .subnet
                .as_ref()
                .map_or(&entry.name.span, |subnet| &subnet.span);
            let kind = ErrorKind::SubnetFull {
                subnet: subnet.to_string(),
                members: members.len(),
                room: hosts(subnet).take(65536).count() as u64,
            };
            self.fail(&place.clone(), kind);
        }
        for (node, address) in addresses {
            let interfaces = &mut self.interfaces[node.0];
            let name = values::interface(&entry.name.value, |name| {
                interfaces.iter().any(|interface| interface.name == name)
            });
            interfaces.push(Interface {
                net: NetId::Lan(lan),
                name,
                addresses: vec![InterfaceAddress {
                    ip: address,
                    len: subnet.len(),
                }],
                mac: None,
            });
        }
    }

    fn given_addresses(
        &mut self,
        lan: &LanFile,
        subnet: IpPrefix,
        members: &[(NodeId, At<String>)],
    ) -> BTreeMap<NodeId, IpAddr> {
        let mut given: BTreeMap<NodeId, IpAddr> = BTreeMap::new();
        for (name, typed) in &lan.address.0 {
            let known = || members.iter().map(|(_, name)| name.value.clone()).collect();
            let Some((node, _)) = members
                .iter()
                .find(|(_, member)| member.value == name.value)
            else {
                self.unknown::<()>(name, "gives an address to", "member", known());
                continue;
            };
            let Some(address) = self.keep(&typed.span, values::ip(&typed.value)) else {
                continue;
            };
            let holder = given
                .iter()
                .find(|(_, taken)| **taken == address)
                .map(|(node, _)| *node);
            if !subnet.contains(address) {
                let kind = ErrorKind::OutsideSubnet {
                    address: address.to_string(),
                    subnet: subnet.to_string(),
                };
                self.fail(&typed.span, kind);
            } else if !is_host(subnet, address) {
                let kind = ErrorKind::BadValue {
                    what: "an address for a node".into(),
                    value: typed.value.clone(),
                    reason: format!("the first and the last of {subnet} are not"),
                };
                self.fail(&typed.span, kind);
            } else if let Some(holder) = holder {
                let kind = ErrorKind::AddressTaken {
                    address: address.to_string(),
                    name: name.value.clone(),
                    holder: self.node_name(holder).into(),
                };
                self.fail(&typed.span, kind);
            } else {
                given.insert(*node, address);
            }
        }
        given
    }
}

fn overlap(a: IpPrefix, b: IpPrefix) -> bool {
    a.contains(b.address()) || b.contains(a.address())
}

/// Addresses that a node can have: without the network's and the broadcast address where there are such
/// (not in an IPv4 /31, RFC 3021, nor /32; IPv6 has only the first).
fn hosts(subnet: IpPrefix) -> impl Iterator<Item = IpAddr> {
    let (base, bits) = match subnet.address() {
        IpAddr::V4(address) => (u128::from(u32::from(address)), 32),
        IpAddr::V6(address) => (u128::from(address), 128),
    };
    let room = u32::from(bits - subnet.len());
    let last = if room >= 64 {
        u128::from(u64::MAX)
    } else {
        (1 << room) - 1
    };
    let range = match (bits, room) {
        (_, 0 | 1) => 0..=last,
        (32, _) => 1..=last - 1,
        _ => 1..=last,
    };
    range.map(move |offset| match subnet.address() {
        IpAddr::V4(_) => Ipv4Addr::from((base + offset) as u32).into(),
        IpAddr::V6(_) => Ipv6Addr::from(base + offset).into(),
    })
}

fn is_host(subnet: IpPrefix, address: IpAddr) -> bool {
    match (subnet.address(), address) {
        (IpAddr::V4(network), IpAddr::V4(address)) if subnet.len() < 31 => {
            let mask = u32::MAX.checked_shr(subnet.len().into()).unwrap_or(0);
            address != network && u32::from(address) != u32::from(network) | mask
        }
        (IpAddr::V6(network), IpAddr::V6(address)) if subnet.len() < 127 => address != network,
        _ => true,
    }
}
