//! LANs: members, subnets.

use std::collections::BTreeMap;
use std::ops::Range;

use bgp_wire::types::IpPrefix;

use super::addresses::Plugged;
use super::space::Owner;
use super::{Resolver, related};
use crate::error::{ErrorKind, Subject};
use crate::file::{At, Entry, LanFile, OneOrMany};
use crate::lab::{Lan, LanId, NetId, NodeId};
use crate::{defaults, values};

/// Which versions of IP a net has addresses of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Versions {
    pub v4: bool,
    pub v6: bool,
}

impl Resolver<'_> {
    /// Resolves every LAN and gives its members their interfaces. Subnets that are given, here and on links, have been
    /// taken already.
    pub(super) fn lans(&mut self, lans: &[Entry<LanFile>], given: &[Option<Vec<IpPrefix>>]) {
        for (index, (lan, given)) in lans.iter().zip(given).enumerate() {
            self.subject = Subject::Lan(lan.name.value.clone());
            self.name(&lan.name);
            let join = &lan.value.join;
            let members = self.members(&join.value);
            if join.value.is_empty() {
                let kind = ErrorKind::Empty { key: "join".into() };
                self.fail(&join.span, kind);
            }
            let versions = self.versions(lan.value.ip.as_ref(), lan.value.subnet.is_some());
            let subnets = match given {
                Some(subnets) => subnets.clone(),
                None => self.free_lans(index, lan, versions, members.len()),
            };
            let mtu = self.mtu(lan.value.mtu.as_ref(), &subnets);
            let subnet = lan.value.subnet.as_ref();
            let place = subnet.and_then(|subnet| subnet.0.first());
            self.plug(&Plugged {
                net: NetId::Lan(LanId(index)),
                name: &lan.name.value,
                place: place.map_or(&lan.name.span, |subnet| &subnet.span),
                subnets: &subnets,
                members: &members,
                address: &lan.value.address,
                mac: &lan.value.mac,
            });
            let net = NetId::Lan(LanId(index));
            let impair = self.impaired(&lan.value.impair, net, &lan.name.value, &members);
            self.scenario.lans.push(Lan {
                name: lan.name.value.clone(),
                subnets,
                mtu,
                members,
                impair,
                place: self.place(&lan.name.span),
            });
        }
    }

    /// Reads the subnets that are given and takes them; `None` where none is. `what` is `LAN` or `link`.
    pub(super) fn given_subnets(
        &mut self,
        typed: Option<&OneOrMany<At<String>>>,
        owner: &str,
    ) -> Option<Vec<IpPrefix>> {
        let mut subnets = Vec::new();
        for typed in &typed?.0 {
            let Some(subnet) = self.keep(&typed.span, values::prefix(&typed.value)) else {
                continue;
            };
            if let Some(holder) = self.space.holder(subnet).cloned() {
                let kind = ErrorKind::Misplaced {
                    key: "subnet".into(),
                    reason: format!("overlaps that of {}", holder.name),
                };
                let place = holder.place.as_ref();
                self.fail_with(
                    &typed.span,
                    kind,
                    place.and_then(|span| related(span, "it is here")),
                );
            }
            let owner = Owner {
                name: owner.into(),
                place: Some(typed.span.clone()),
            };
            self.space.take(subnet, owner);
            subnets.push(subnet);
        }
        Some(subnets)
    }

    /// Which versions to choose subnets of.
    pub(super) fn versions(&mut self, ip: Option<&At<String>>, given: bool) -> Versions {
        if let Some(ip) = ip.filter(|_| given) {
            self.out_of_place(&ip.span, "ip", "says nothing beside `subnet`");
        }
        let word = self.maybe(ip, |word| {
            values::one_of("a choice of IP versions", word, &values::VERSIONS)
        });
        let (v4, v6) = word.unwrap_or((true, false));
        Versions { v4, v6 }
    }

    /// IPv6 needs 1280 octets (RFC 8200 section 5).
    pub(super) fn mtu(&mut self, typed: Option<&At<i64>>, subnets: &[IpPrefix]) -> u32 {
        let v6 = subnets.iter().any(|subnet| subnet.address().is_ipv6());
        let least = if v6 { 1280 } else { 576 };
        typed
            .and_then(|mtu| self.number("the MTU", mtu, least, 65535))
            .unwrap_or(defaults::MTU)
    }

    /// Free subnets that are large enough.
    fn free_lans(
        &mut self,
        index: usize,
        lan: &Entry<LanFile>,
        versions: Versions,
        members: usize,
    ) -> Vec<IpPrefix> {
        let room = u32::try_from(members + 2).unwrap_or(u32::MAX);
        let bits = room.next_power_of_two().trailing_zeros().max(8);
        let length = u8::try_from(32 - bits.min(24)).unwrap_or(8);
        // The upper half is for links and loopbacks, where there are any.
        let file = self.file;
        let shared = !file.links.is_empty()
            || file
                .nodes
                .iter()
                .any(|node| !node.value.net.loopback.0.is_empty());
        let upper = defaults::link_subnets();
        let usable = |subnet: &IpPrefix| !(shared && upper.contains(subnet.address()));
        let v4 =
            |n| defaults::subnet(n).and_then(|subnet| IpPrefix::new(subnet.address(), length).ok());
        let mut free = Vec::new();
        for is_v4 in [true, false] {
            if !(if is_v4 { versions.v4 } else { versions.v6 }) {
                continue;
            }
            let found = (index..index + 65536)
                .filter_map(|n| if is_v4 { v4(n) } else { defaults::subnet6(n) })
                .find(|subnet| usable(subnet) && self.space.holder(*subnet).is_none());
            match found {
                Some(subnet) => {
                    let owner = Owner {
                        name: format!("LAN `{}`", lan.name.value),
                        place: None,
                    };
                    self.space.take(subnet, owner);
                    free.push(subnet);
                }
                None => {
                    let key = "subnet".into();
                    self.fail(&lan.name.span, ErrorKind::MissingKey { key });
                }
            }
        }
        free
    }

    fn members(&mut self, join: &[At<String>]) -> Vec<NodeId> {
        let mut members: Vec<NodeId> = Vec::new();
        let mut places: BTreeMap<NodeId, &Range<usize>> = BTreeMap::new();
        for name in join {
            for node in self.nodes_named(name, "joins") {
                self.linked.insert(node);
                if self.home(node) != node {
                    self.no_own_link(node, &name.span);
                } else if let Some(first) = places.get(&node) {
                    let place = related(first, "it is here already");
                    let kind = ErrorKind::Repeated {
                        verb: "joins".into(),
                        name: self.node_name(node).into(),
                    };
                    self.fail_with(&name.span, kind, place);
                } else {
                    places.insert(node, &name.span);
                    members.push(node);
                }
            }
        }
        members
    }

    pub(super) fn no_own_link(&mut self, node: NodeId, span: &Range<usize>) {
        let kind = ErrorKind::NoOwnLink {
            node: self.node_name(node).into(),
            host: self.node_name(self.home(node)).into(),
        };
        self.fail(span, kind);
    }

    /// Every node that talks to others is on a LAN or link.
    pub(super) fn all_linked(&mut self) {
        // A LAN or link that could not be read may well have joined the node.
        if !self.broken.is_empty() {
            return;
        }
        for (index, node) in self.file.nodes.iter().enumerate() {
            let alone = matches!(node.value.kind.word(), "ovs" | "exec");
            if node.value.kind.on().is_none() && !alone && !self.linked.contains(&NodeId(index)) {
                self.about_node(index);
                let on = node.value.kind.takes_on();
                self.fail(&node.name.span, ErrorKind::InNoLan { on });
            }
        }
    }
}
