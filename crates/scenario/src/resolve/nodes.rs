//! Nodes: where they run, what they run, who they talk to.

use std::net::{IpAddr, Ipv4Addr};

use super::{Found, Resolver, related};
use crate::error::{ErrorKind, Subject};
use crate::file::{At, BagpipeFile, Entry, FakeRrFile, GoBgpFile, NodeFile, OneOrMany};
use crate::kind::{Bagpipe, Dataplane, FakeRr, FakeRrMode, NodeKind, Peer, Session, Speaker};
use crate::lab::{Node, NodeId};
use crate::{defaults, values};

impl Resolver<'_> {
    /// Finds out in whose namespaces every node runs.
    pub(super) fn hosts(&mut self, nodes: &[Entry<NodeFile>]) {
        if nodes.is_empty() && self.broken.is_empty() {
            self.fail(
                &(0..0),
                ErrorKind::MissingKey {
                    key: "nodes".into(),
                },
            );
        }
        for (index, node) in nodes.iter().enumerate() {
            self.subject = Subject::Node(node.name.value.clone());
            self.name(&node.name);
            let Some(name) = on(&node.value) else {
                continue;
            };
            let Some(host) = self.node(name, "runs on") else {
                continue;
            };
            let reason = if host.0 == index {
                Some("names the node itself".to_string())
            } else if on(&nodes[host.0].value).is_some() {
                Some(format!(
                    "names `{}`, which itself runs on another node",
                    name.value
                ))
            } else {
                None
            };
            match reason {
                Some(reason) => {
                    self.fail(
                        &name.span,
                        ErrorKind::Misplaced {
                            key: "on".into(),
                            reason,
                        },
                    );
                }
                None => self.homes[index] = host.0,
            }
        }
        self.ports_are_free(nodes);
    }

    /// Two reflectors in the same namespaces need two TCP ports.
    fn ports_are_free(&mut self, nodes: &[Entry<NodeFile>]) {
        for (index, node) in nodes.iter().enumerate() {
            let Some(port) = reflector_port(&node.value) else {
                continue;
            };
            let earlier = nodes[..index].iter().enumerate().find(|(other, entry)| {
                self.homes[*other] == self.homes[index]
                    && reflector_port(&entry.value) == Some(port)
            });
            if let Some((_, earlier)) = earlier {
                self.subject = Subject::Node(node.name.value.clone());
                let reason = format!("puts it beside `{}` on TCP port {port}", earlier.name.value);
                let place = on(&node.value).map_or(&node.name.span, |on| &on.span);
                let kind = ErrorKind::Misplaced {
                    key: "on".into(),
                    reason,
                };
                self.fail_with(
                    place,
                    kind,
                    related(&earlier.name.span, "the other is here"),
                );
            }
        }
    }

    /// Resolves what every node runs; LANs and addresses are known.
    pub(super) fn kinds(&mut self, nodes: &[Entry<NodeFile>]) {
        for (index, node) in nodes.iter().enumerate() {
            self.subject = Subject::Node(node.name.value.clone());
            let id = NodeId(index);
            let kind = match &node.value {
                NodeFile::Bagpipe(typed) => NodeKind::Bagpipe(self.bagpipe(id, typed)),
                NodeFile::FakeRr(typed) => NodeKind::FakeRr(self.fakerr(id, typed)),
                NodeFile::GoBgp(typed) => NodeKind::GoBgp(self.gobgp(id, typed)),
                NodeFile::Host(_) => NodeKind::Host,
            };
            let home = self.home(id);
            self.scenario.nodes.push(Node {
                name: node.name.value.clone(),
                kind,
                on: (home != id).then_some(home),
                interfaces: self.interfaces[index].clone(),
                loopbacks: Vec::new(),
                routes: Vec::new(),
                place: self.place(&node.name.span),
            });
        }
    }

    fn bagpipe(&mut self, id: NodeId, typed: &BagpipeFile) -> Bagpipe {
        let peers = match &typed.peers {
            Some(OneOrMany(names)) => names
                .iter()
                .filter_map(|name| self.peer(id, name))
                .collect(),
            None => self.reachable_reflectors(id),
        };
        let toward_peer = peers
            .iter()
            .filter(|peer| !peer.address.is_loopback())
            .find_map(|peer| self.address_seen(self.node_at(peer.address)?, id));
        let dataplane = self.maybe(typed.dataplane.as_ref(), |word| {
            let words = [("linux", Dataplane::Linux), ("dummy", Dataplane::Dummy)];
            values::one_of("a dataplane", word, &words)
        });
        let hold_time = self.maybe(typed.hold_time.as_ref(), hold_time);
        Bagpipe {
            asn: self.asn(typed.asn.as_ref()),
            local_address: toward_peer.unwrap_or_else(|| self.own_address(id)),
            peers,
            rtc: typed.rtc.unwrap_or(true),
            dataplane: dataplane.unwrap_or(Dataplane::Linux),
            hold_time,
        }
    }

    fn fakerr(&mut self, id: NodeId, typed: &FakeRrFile) -> FakeRr {
        let mode = self.maybe(typed.mode.as_ref(), |word| {
            let words = [
                ("reflect", FakeRrMode::Reflect),
                ("splice", FakeRrMode::Splice),
            ];
            values::one_of("a mode", word, &words)
        });
        let port = typed
            .port
            .as_ref()
            .and_then(|port| self.number("the TCP port", port, 1, 65535));
        FakeRr {
            mode: mode.unwrap_or(FakeRrMode::Reflect),
            port: port.unwrap_or(defaults::BGP_PORT),
            asn: self.asn(typed.asn.as_ref()),
            router_id: self.router_id(id),
        }
    }

    fn gobgp(&mut self, id: NodeId, typed: &GoBgpFile) -> Speaker {
        let clients: Vec<IpAddr> = match &typed.clients {
            Some(OneOrMany(names)) => names
                .iter()
                .filter_map(|name| self.address_of(id, name))
                .collect(),
            None => self
                .others(id, |kind| matches!(kind, NodeFile::Bagpipe(_)))
                .into_iter()
                .map(|(_, address)| address)
                .collect(),
        };
        let families: Vec<bgp_wire::Family> = match &typed.families {
            Some(OneOrMany(names)) => names
                .iter()
                .filter_map(|name| {
                    let family = values::one_of("a family", &name.value, &values::FAMILIES);
                    self.keep(&name.span, family)
                })
                .collect(),
            None => defaults::FAMILIES.to_vec(),
        };
        let cluster_id = self.maybe(typed.cluster_id.as_ref(), |id| {
            id.parse::<Ipv4Addr>().map_err(|_| ErrorKind::BadValue {
                what: "a cluster id".into(),
                value: id.into(),
                reason: "like \"1.2.3.4\"".into(),
            })
        });
        let asn = self.asn(typed.asn.as_ref());
        let local = |address: IpAddr| {
            let peer = self.node_at(address).unwrap_or(id);
            self.address_seen(peer, id)
        };
        let sessions = clients.iter().map(|address| Session {
            peer: Peer {
                address: *address,
                port: defaults::BGP_PORT,
                node: self.node_at(*address),
            },
            local: local(*address).unwrap_or_else(|| self.own_address(id)),
            remote_as: asn,
            client: true,
            passive: true,
            families: families.clone(),
        });
        Speaker {
            asn,
            router_id: self.router_id(id),
            cluster_id,
            sessions: sessions.collect(),
            networks: Vec::new(),
            hold_time: None,
            config: typed.config.as_ref().map(|path| path.value.clone()),
        }
    }

    /// Its first IPv4 address, as a BGP identifier.
    fn router_id(&self, id: NodeId) -> Ipv4Addr {
        let interfaces = &self.interfaces[self.home(id).0];
        let mut addresses = interfaces.iter().flat_map(|interface| &interface.addresses);
        addresses
            .find_map(|address| match address.ip {
                IpAddr::V4(address) => Some(address),
                IpAddr::V6(_) => None,
            })
            .unwrap_or(Ipv4Addr::UNSPECIFIED)
    }

    fn asn(&mut self, typed: Option<&At<i64>>) -> u32 {
        typed
            .and_then(|asn| self.number("the AS number", asn, 1, u32::MAX.into()))
            .unwrap_or(defaults::AS)
    }

    /// The first address; a node without one is a mistake noted elsewhere.
    fn own_address(&self, id: NodeId) -> IpAddr {
        self.first_address(id)
            .unwrap_or(Ipv4Addr::UNSPECIFIED.into())
    }

    /// A peer by name or address: a reflector, or a node on which one runs.
    fn peer(&mut self, from: NodeId, name: &At<String>) -> Found<Peer> {
        if values::looks_like_address(&name.value) {
            let address = self.keep(&name.span, values::ip(&name.value))?;
            let node = self
                .reflector_at(address)
                .filter(|node| self.home(*node) != self.home(from));
            let port = node.and_then(|node| reflector_port(&self.file.nodes[node.0].value));
            return Some(Peer {
                address,
                port: port.unwrap_or(defaults::BGP_PORT),
                node,
            });
        }
        let named = self.node(name, "has as peer")?;
        let Some(node) = self.reflector_in(named) else {
            let kind = ErrorKind::WrongKind {
                verb: "has as peer".into(),
                name: name.value.clone(),
                found: kind_word(&self.file.nodes[named.0].value).into(),
                needed: "reflector: fakerr or gobgp".into(),
            };
            self.fail(&name.span, kind);
            return None;
        };
        let address = self.address_of(from, name)?;
        let port = reflector_port(&self.file.nodes[node.0].value).unwrap_or(defaults::BGP_PORT);
        Some(Peer {
            address,
            port,
            node: Some(node),
        })
    }

    fn reachable_reflectors(&self, from: NodeId) -> Vec<Peer> {
        self.others(from, |kind| reflector_port(kind).is_some())
            .into_iter()
            .map(|(node, address)| {
                let port = reflector_port(&self.file.nodes[node.0].value);
                Peer {
                    address,
                    port: port.unwrap_or(defaults::BGP_PORT),
                    node: Some(node),
                }
            })
            .collect()
    }

    /// Nodes of some kind that `from` reaches, with the address it reaches them at.
    fn others(&self, from: NodeId, wanted: fn(&NodeFile) -> bool) -> Vec<(NodeId, IpAddr)> {
        (0..self.file.nodes.len())
            .map(NodeId)
            .filter(|node| *node != from && wanted(&self.file.nodes[node.0].value))
            .filter_map(|node| Some((node, self.address_seen(from, node)?)))
            .collect()
    }

    /// An address, or that of a node seen from `from`.
    fn address_of(&mut self, from: NodeId, name: &At<String>) -> Found<IpAddr> {
        if values::looks_like_address(&name.value) {
            return self.keep(&name.span, values::ip(&name.value));
        }
        let node = self.node(name, "has as peer")?;
        self.reach(from, node, &name.span)
    }

    /// The address of `to` seen from `from`, which must share a LAN with it.
    pub(super) fn reach(
        &mut self,
        from: NodeId,
        to: NodeId,
        span: &std::ops::Range<usize>,
    ) -> Found<IpAddr> {
        let address = self.address_seen(from, to);
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

    /// The reflector that runs in the namespaces of `node`.
    fn reflector_in(&self, node: NodeId) -> Option<NodeId> {
        let is_reflector = |id: &NodeId| reflector_port(&self.file.nodes[id.0].value).is_some();
        if is_reflector(&node) {
            return Some(node);
        }
        let mut all = (0..self.file.nodes.len()).map(NodeId);
        all.find(|id| self.home(*id) == node && is_reflector(id))
    }

    fn reflector_at(&self, address: IpAddr) -> Option<NodeId> {
        self.reflector_in(self.node_at(address)?)
    }

    /// The node that has this address.
    fn node_at(&self, address: IpAddr) -> Option<NodeId> {
        self.interfaces
            .iter()
            .position(|interfaces| {
                let mut all = interfaces.iter().flat_map(|interface| &interface.addresses);
                all.any(|own| own.ip == address)
            })
            .map(NodeId)
    }
}

/// The word a node's `kind` is.
pub(super) fn kind_word(node: &NodeFile) -> &'static str {
    match node {
        NodeFile::Bagpipe(_) => "bagpipe",
        NodeFile::FakeRr(_) => "fakerr",
        NodeFile::GoBgp(_) => "gobgp",
        NodeFile::Host(_) => "host",
    }
}

/// The node it is to run on.
pub(super) fn on(node: &NodeFile) -> Option<&At<String>> {
    match node {
        NodeFile::FakeRr(node) => node.on.as_ref(),
        NodeFile::GoBgp(node) => node.on.as_ref(),
        NodeFile::Bagpipe(_) | NodeFile::Host(_) => None,
    }
}

/// The TCP port of a reflector; `None` for what is none. A bad number is noted when the node is resolved.
fn reflector_port(node: &NodeFile) -> Option<u16> {
    match node {
        NodeFile::FakeRr(node) => {
            let typed = node
                .port
                .as_ref()
                .and_then(|port| u16::try_from(port.value).ok());
            Some(typed.unwrap_or(defaults::BGP_PORT))
        }
        NodeFile::GoBgp(_) => Some(defaults::BGP_PORT),
        NodeFile::Bagpipe(_) | NodeFile::Host(_) => None,
    }
}

/// RFC 4271 section 4.2: zero, or three seconds and more, whole, in 16 bits.
fn hold_time(text: &str) -> Result<u16, ErrorKind> {
    let time = values::duration(text)?;
    let seconds = u16::try_from(time.as_secs())
        .ok()
        .filter(|n| *n == 0 || *n >= 3);
    seconds
        .filter(|_| time.subsec_millis() == 0)
        .ok_or_else(|| ErrorKind::BadValue {
            what: "a hold time".into(),
            value: text.into(),
            reason: "\"0s\", or whole seconds from 3 to 65535".into(),
        })
}
