//! Ports: what is attached where, and the addresses that names stand for.

use std::net::IpAddr;

use bgp_wire::MacAddr;

use super::{Found, MOST_32, Resolver, related};
use crate::error::{ErrorKind, Related};
use crate::file::{At, AttachFile, DetachFile};
use crate::lab::{NodeId, Port, PortDirection, PortId, VpnType};
use crate::route::OneOf;
use crate::step::{Attach, Endpoint};
use crate::{defaults, values};

/// Which way traffic may pass.
pub(crate) const DIRECTIONS: [(&str, PortDirection); 3] = [
    ("both", PortDirection::Both),
    ("to-port", PortDirection::ToPort),
    ("from-port", PortDirection::FromPort),
];

/// The first interface of a machine.
const INSIDE: &str = "tovpn";

impl Resolver<'_> {
    pub(super) fn attach(&mut self, typed: &AttachFile) -> Found<Attach> {
        let name = &typed.port;
        let before = self.ports.get(&name.value).copied();
        let last = before.map(|port| self.attached[port.0].clone());
        if let Some((_, since, true)) = &last {
            let kind = ErrorKind::StillAttached {
                port: name.value.clone(),
            };
            self.fail_with(&name.span, kind, related(since, "it was attached here"));
            return None;
        }
        let last = last.map(|(attach, _, _)| attach);
        if last.is_none() {
            self.name(name);
            if let Some(node) = self.node_index(&name.value) {
                let place = related(&self.file.nodes[node].name.span, "the node is here");
                let kind = ErrorKind::Misplaced {
                    key: name.value.clone(),
                    reason: "is the name of a node and cannot be a port's".into(),
                };
                self.fail_with(&name.span, kind, place);
            }
        }
        let verb = format!("attaches `{}` on", name.value);
        let on = match &typed.on {
            Some(on) => self.bagpipe_named(on, &verb),
            None => self.said_before(last.as_ref().map(|last| last.on), "on", name),
        };
        let verb = format!("attaches `{}` to", name.value);
        let vpn = match &typed.vpn {
            Some(vpn) => self.vpn(vpn, &verb),
            None => self.said_before(last.as_ref().map(|last| last.vpn), "vpn", name),
        };
        let ip = match &typed.ip {
            Some(ip) => {
                let parsed = values::ip_with_length(&ip.value, defaults::PORT_PREFIX);
                self.keep(&ip.span, parsed)
            }
            None => {
                let said = last.as_ref().map(|last| (last.ip, last.prefix_len));
                self.said_before(said, "ip", name)
            }
        };
        let own = || last.as_ref().map(|last| last.mac);
        let mac = match &typed.mac {
            Some(mac) => self.keep(&mac.span, values::unicast_mac(&mac.value)),
            None => own().or_else(|| Some(values::mac_for(&self.scenario.lab.name, &name.value))),
        };
        let (Some(on), Some(vpn), Some((ip, prefix_len)), Some(mac)) = (on, vpn, ip, mac) else {
            // Later steps may use the name all the same.
            self.broken.insert(name.value.clone());
            return None;
        };
        let machine = self.beside(typed, before, on);
        let port = before.unwrap_or_else(|| self.new_port(&name.value, machine));
        let attach = Attach {
            port,
            on,
            vpn,
            ip,
            prefix_len,
            mac,
            advertise_subnet: false,
            subnets: Vec::new(),
            direction: PortDirection::default(),
            local_pref: None,
            hash_order: 0,
            learn: false,
        };
        let attach = self.advertised(typed, attach, last.as_ref());
        if let Some(last) = last.filter(|last| last.on != on) {
            self.stays(&name.value, &name.span, last.port);
        }
        if !typed.duplicate.as_ref().is_some_and(|flag| flag.value) {
            self.is_free(typed, &attach);
        }
        let entry = (attach.clone(), name.span.clone(), true);
        match self.attached.get_mut(port.0) {
            Some(known) => *known = entry,
            None => self.attached.push(entry),
        }
        Some(attach)
    }

    pub(super) fn detach(&mut self, typed: &DetachFile) -> Found<(PortId, Attach)> {
        let name = &typed.port;
        let id = self.port(name, "detaches")?;
        let (attach, _, attached) = &mut self.attached[id.0];
        let from = attach.clone();
        if !std::mem::replace(attached, false) {
            self.fail(
                &name.span,
                ErrorKind::NotAttached {
                    port: name.value.clone(),
                },
            );
            return None;
        }
        Some((id, from))
    }

    fn said_before<T>(&mut self, said: Option<T>, key: &str, port: &At<String>) -> Found<T> {
        if said.is_none() && !self.broken.contains(&port.value) {
            self.fail(&port.span, ErrorKind::MissingKey { key: key.into() });
        }
        said
    }

    /// The attachment with what is advertised of it and how, beside its address.
    fn advertised(&mut self, typed: &AttachFile, attach: Attach, last: Option<&Attach>) -> Attach {
        let subnets = typed.subnets.as_ref().map(|typed| {
            let typed = typed.0.iter();
            typed
                .filter_map(|subnet| self.keep(&subnet.span, values::network(&subnet.value)))
                .collect()
        });
        let direction = self.maybe(typed.direction.as_ref(), |word| {
            values::one_of("a direction", word, &DIRECTIONS)
        });
        let mut number = |what: &str, typed: Option<&At<i64>>| {
            typed.and_then(|typed| self.number::<u32>(what, typed, 0, MOST_32))
        };
        let local_pref = number("LOCAL_PREF", typed.local_pref.as_ref());
        let hash_order = number("the hash order", typed.hash_order.as_ref());
        if self.scenario.vpns[attach.vpn.0].kind == VpnType::Evpn {
            let keys = [
                (
                    "advertise_subnet",
                    typed.advertise_subnet.as_ref().map(|t| &t.span),
                ),
                (
                    "subnets",
                    typed
                        .subnets
                        .as_ref()
                        .and_then(|t| Some(&t.0.first()?.span)),
                ),
                ("direction", typed.direction.as_ref().map(|t| &t.span)),
            ];
            for (key, span) in keys {
                if let Some(span) = span {
                    self.out_of_place(span, key, "is for IP VPNs");
                }
            }
        }
        let learn = match &typed.learn {
            Some(flag) => flag.value,
            None => last.is_some_and(|last| last.learn),
        };
        if learn {
            self.can_learn(typed, &attach);
        }
        Attach {
            advertise_subnet: match &typed.advertise_subnet {
                Some(flag) => flag.value,
                None => last.is_some_and(|last| last.advertise_subnet),
            },
            subnets: subnets
                .or_else(|| last.map(|last| last.subnets.clone()))
                .unwrap_or_default(),
            direction: direction
                .or_else(|| last.map(|last| last.direction))
                .unwrap_or_default(),
            local_pref: local_pref.or_else(|| last.and_then(|last| last.local_pref)),
            hash_order: hash_order
                .or_else(|| last.map(|last| last.hash_order))
                .unwrap_or_default(),
            learn,
            ..attach
        }
    }

    /// Whether MACs can be learnt where a port is attached.
    fn can_learn(&mut self, typed: &AttachFile, attach: &Attach) {
        let span = typed.learn.as_ref().map_or(&typed.port.span, |t| &t.span);
        if self.scenario.vpns[attach.vpn.0].kind == VpnType::Ipvpn {
            self.out_of_place(span, "learn", "is for E-VPNs");
        }
        let node = self.scenario.nodes.get(attach.on.0);
        if node.is_some_and(|node| node.kind.is_python()) {
            let reason = "is nothing that the daemon of `python` can do";
            self.out_of_place(span, "learn", reason);
        }
    }

    /// The port whose machine a new port is at, if it has none of its own.
    fn beside(&mut self, typed: &AttachFile, before: Option<PortId>, on: NodeId) -> Option<PortId> {
        let beside = typed.beside.as_ref()?;
        let other = self.port(beside, "is beside")?;
        let (known, place, is_attached) = &self.attached[other.0];
        let (place, is_attached, there) = (place.clone(), *is_attached, known.on);
        let machine = self.scenario.ports[other.0].machine;
        let reason = match before {
            Some(port) if self.scenario.ports[port.0].machine != machine => {
                "is not whose machine the port has been at so far"
            }
            _ if !is_attached => "is not attached",
            _ if there != on => "is at another node",
            _ => return Some(machine),
        };
        let kind = ErrorKind::Misplaced {
            key: beside.value.clone(),
            reason: reason.into(),
        };
        self.fail_with(
            &beside.span,
            kind,
            related(&place, "it was attached here last"),
        );
        None
    }

    /// A port that shares its machine with others cannot go elsewhere without them.
    pub(super) fn stays(&mut self, name: &str, span: &std::ops::Range<usize>, port: PortId) {
        let machine = self.scenario.ports[port.0].machine;
        let mut ports = self.scenario.ports.iter().enumerate();
        let is_alone = ports.all(|(id, other)| id == port.0 || other.machine != machine);
        if !is_alone {
            self.out_of_place(
                span,
                name,
                "shares its machine with another port and has to stay",
            );
        }
    }

    fn new_port(&mut self, name: &str, machine: Option<PortId>) -> PortId {
        let id = PortId(self.scenario.ports.len());
        let machine = machine.unwrap_or(id);
        let beside = self.scenario.ports.iter();
        let inside = match beside.filter(|port| port.machine == machine).count() {
            0 => INSIDE.to_owned(),
            others => format!("{INSIDE}{}", others + 1),
        };
        let ports: std::collections::BTreeSet<&str> = self
            .scenario
            .ports
            .iter()
            .map(|port| port.interface.as_str())
            .collect();
        let nodes = &self.interface_names;
        let taken =
            |name: &str| ports.contains(name) || nodes.iter().any(|taken| taken.contains(name));
        let interface = values::interface(&format!("ns-{name}"), taken);
        self.scenario.ports.push(Port {
            name: name.into(),
            interface,
            machine,
            inside,
        });
        self.ports.insert(name.into(), id);
        id
    }

    /// In one VPN, an address belongs to one attached port.
    fn is_free(&mut self, typed: &AttachFile, attach: &Attach) {
        let others = self.attached.iter().filter(|(other, _, attached)| {
            *attached && other.port != attach.port && other.vpn == attach.vpn
        });
        let clash = others
            .filter_map(|(other, place, _)| {
                if other.ip == attach.ip {
                    Some((
                        other.port,
                        attach.ip.to_string(),
                        typed.ip.as_ref(),
                        place.clone(),
                    ))
                } else if other.mac == attach.mac {
                    Some((
                        other.port,
                        attach.mac.to_string(),
                        typed.mac.as_ref(),
                        place.clone(),
                    ))
                } else {
                    None
                }
            })
            .next();
        if let Some((holder, address, at, place)) = clash {
            let kind = ErrorKind::TakenInVpn {
                address,
                port: typed.port.value.clone(),
                vpn: self.file.vpns[attach.vpn.0].name.value.clone(),
                holder: self.scenario.ports[holder.0].name.clone(),
            };
            let span = at.map_or(&typed.port.span, |at| &at.span);
            self.fail_with(span, kind, related(&place, "that port was attached here"));
        }
    }

    /// A port that was attached before.
    pub(super) fn port(&mut self, name: &At<String>, verb: &str) -> Found<PortId> {
        match self.ports.get(&name.value) {
            Some(port) => Some(*port),
            None => self.unknown(name, verb, "port", self.ports.keys().cloned().collect()),
        }
    }

    /// A port or a node.
    pub(super) fn endpoint(&mut self, name: &At<String>, verb: &str) -> Found<Endpoint> {
        if let Some(port) = self.ports.get(&name.value) {
            return Some(Endpoint::Port(*port));
        }
        if let Some(node) = self.node_index(&name.value) {
            return Some(Endpoint::Node(NodeId(node)));
        }
        if self.groups.contains_key(name.value.as_str()) {
            return self.node(name, verb).map(Endpoint::Node);
        }
        let known = self
            .ports
            .keys()
            .cloned()
            .chain(self.node_names())
            .collect();
        self.unknown(name, verb, "port or node", known)
    }

    /// An address, or that of a port or node.
    pub(super) fn ip_of(&mut self, name: &At<String>, verb: &str) -> Found<IpAddr> {
        if values::looks_like_address(&name.value) {
            return self.keep(&name.span, values::ip(&name.value));
        }
        match self.endpoint(name, verb)? {
            Endpoint::Port(port) => Some(self.attached[port.0].0.ip),
            Endpoint::Node(node) => {
                let known = self.known_address(node);
                let known = known.filter(|address| !address.is_unspecified());
                known.or_else(|| self.no_address(name, node, verb))
            }
        }
    }

    /// Notes that a node is asked for by an address and has none; one on no LAN and no link is a mistake noted elsewhere.
    fn no_address<T>(&mut self, name: &At<String>, node: NodeId, verb: &str) -> Found<T> {
        if !self.interfaces[self.home(node).0].is_empty() {
            let kind = ErrorKind::NoAddress {
                verb: verb.into(),
                name: name.value.clone(),
            };
            self.fail(&name.span, kind);
        }
        None
    }

    /// A MAC address, or that of a port.
    pub(super) fn mac_of(&mut self, name: &At<String>, verb: &str) -> Found<MacAddr> {
        if let Some(port) = self.ports.get(&name.value) {
            return Some(self.attached[port.0].0.mac);
        }
        if values::looks_like_address(&name.value) {
            return self.keep(&name.span, values::mac(&name.value));
        }
        if let Ok(mac) = values::mac(&name.value) {
            return Some(mac);
        }
        let port = self.port(name, verb)?;
        Some(self.attached[port.0].0.mac)
    }

    /// Any address of a node, as routes cross links and LANs of either version; or an address.
    pub(super) fn next_hop(&mut self, name: &At<String>, verb: &str) -> Found<OneOf> {
        if values::looks_like_address(&name.value) {
            let address = self.keep(&name.span, values::ip(&name.value));
            return address.map(OneOf::from);
        }
        let node = self.node(name, verb)?;
        let known = self.known_address(node);
        let all = known.into_iter().chain(self.addresses(node));
        let all: Vec<IpAddr> = all.filter(|address| !address.is_unspecified()).collect();
        if all.is_empty() {
            return self.no_address(name, node, verb);
        }
        Some(OneOf::new(all))
    }

    /// The step that first attaches a port, when the port is unknown only because that comes later.
    pub(super) fn attached_later(&self, name: &str) -> Option<Related> {
        let mut found = None;
        for step in self.file.steps.iter().flatten() {
            step.value.walk(&mut |step| {
                let port = step.attach.as_ref().map(|attach| &attach.value.port);
                let port = port.filter(|port| port.value == name);
                found = found.take().or_else(|| port.map(|port| port.span.clone()));
            });
        }
        let place = &found?;
        related(place, "it is attached only here")
    }
}
