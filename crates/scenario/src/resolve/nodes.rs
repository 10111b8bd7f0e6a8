//! Nodes: where they run, what they run, who they talk to.

use super::{Resolver, related};
use crate::error::{ErrorKind, Subject};
use crate::file::{At, BagpipeFile, Entry, FakeRrFile, NodeFile, SpeakerFile};
use crate::kind::{Bagpipe, Dataplane, FakeRr, FakeRrMode, NodeKind, Session};
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
            let Some(port) = listens(&node.value) else {
                continue;
            };
            let earlier = nodes[..index].iter().enumerate().find(|(other, entry)| {
                self.homes[*other] == self.homes[index] && listens(&entry.value) == Some(port)
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
        let mut sessions = self.sessions(nodes);
        for (index, node) in nodes.iter().enumerate() {
            self.subject = Subject::Node(node.name.value.clone());
            let id = NodeId(index);
            let own = std::mem::take(&mut sessions[index]);
            let kind = match &node.value {
                NodeFile::Bagpipe(typed) => NodeKind::Bagpipe(self.bagpipe(id, typed, own)),
                NodeFile::FakeRr(typed) => NodeKind::FakeRr(self.fakerr(id, typed)),
                NodeFile::GoBgp(typed) => NodeKind::GoBgp(self.speaks(id, typed, own)),
                NodeFile::Frr(typed) => NodeKind::Frr(self.frr(id, typed, own)),
                NodeFile::Bird(typed) => NodeKind::Bird(self.speaks(id, typed, own)),
                NodeFile::OpenBgpd(typed) => NodeKind::OpenBgpd(self.speaks(id, typed, own)),
                NodeFile::ExaBgp(typed) => NodeKind::ExaBgp(self.speaks(id, typed, own)),
                NodeFile::Ovs(_) => NodeKind::Ovs,
                NodeFile::Router(_) => NodeKind::Router,
                NodeFile::Host(_) => NodeKind::Host,
                NodeFile::Exec(typed) => NodeKind::Exec(self.program(typed)),
            };
            let home = self.home(id);
            self.scenario.nodes.push(Node {
                name: node.name.value.clone(),
                kind,
                on: (home != id).then_some(home),
                interfaces: self.interfaces[index].clone(),
                loopbacks: self.loopbacks[index].clone(),
                routes: Vec::new(),
                place: self.place(&node.name.span),
            });
        }
    }

    fn bagpipe(&mut self, id: NodeId, typed: &BagpipeFile, sessions: Vec<Session>) -> Bagpipe {
        let toward_peer = sessions
            .iter()
            .filter(|session| session.peer.node.is_some() && !session.local.is_loopback())
            .map(|session| session.local)
            .next();
        let dataplane = self.maybe(typed.dataplane.as_ref(), |word| {
            let words = [("linux", Dataplane::Linux), ("dummy", Dataplane::Dummy)];
            values::one_of("a dataplane", word, &words)
        });
        let hold_time = self.maybe(typed.hold_time.as_ref(), hold_time);
        Bagpipe {
            asn: self.asn(typed.asn.as_ref()),
            local_address: toward_peer.unwrap_or_else(|| self.own_address(id)),
            peers: sessions.into_iter().map(|session| session.peer).collect(),
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

    pub(super) fn asn(&mut self, typed: Option<&At<i64>>) -> u32 {
        typed
            .and_then(|asn| self.number("the AS number", asn, 1, u32::MAX.into()))
            .unwrap_or(defaults::AS)
    }
}

/// The word a node's `kind` is.
pub(super) fn kind_word(node: &NodeFile) -> &'static str {
    match node {
        NodeFile::Bagpipe(_) => "bagpipe",
        NodeFile::FakeRr(_) => "fakerr",
        NodeFile::GoBgp(_) => "gobgp",
        NodeFile::Frr(_) => "frr",
        NodeFile::Bird(_) => "bird",
        NodeFile::OpenBgpd(_) => "openbgpd",
        NodeFile::ExaBgp(_) => "exabgp",
        NodeFile::Ovs(_) => "ovs",
        NodeFile::Router(_) => "router",
        NodeFile::Host(_) => "host",
        NodeFile::Exec(_) => "exec",
    }
}

/// What a BGP speaker that is not ours says of itself.
pub(super) fn speaker(node: &NodeFile) -> Option<&SpeakerFile> {
    match node {
        NodeFile::GoBgp(node)
        | NodeFile::Frr(node)
        | NodeFile::Bird(node)
        | NodeFile::OpenBgpd(node)
        | NodeFile::ExaBgp(node) => Some(node),
        NodeFile::Bagpipe(_)
        | NodeFile::FakeRr(_)
        | NodeFile::Ovs(_)
        | NodeFile::Router(_)
        | NodeFile::Host(_)
        | NodeFile::Exec(_) => None,
    }
}

/// The node it is to run on.
pub(super) fn on(node: &NodeFile) -> Option<&At<String>> {
    match node {
        NodeFile::FakeRr(node) => node.on.as_ref(),
        NodeFile::Ovs(node) => node.on.as_ref(),
        NodeFile::Exec(node) => node.on.as_ref(),
        other => speaker(other)?.on.as_ref(),
    }
}

/// Whether a node passes on packets that are not for it.
pub(super) fn forwards(node: &NodeFile) -> bool {
    matches!(
        node,
        NodeFile::Router(_) | NodeFile::Frr(_) | NodeFile::Bird(_) | NodeFile::OpenBgpd(_)
    )
}

/// The TCP port a BGP speaker listens on; `None` for what does not. A bad number is noted when the node is resolved.
pub(super) fn listens(node: &NodeFile) -> Option<u16> {
    match node {
        NodeFile::FakeRr(node) => {
            let typed = node
                .port
                .as_ref()
                .and_then(|port| u16::try_from(port.value).ok());
            Some(typed.unwrap_or(defaults::BGP_PORT))
        }
        NodeFile::ExaBgp(_) => None,
        other => speaker(other).map(|_| defaults::BGP_PORT),
    }
}

/// RFC 4271 section 4.2: zero, or three seconds and more, whole, in 16 bits.
pub(super) fn hold_time(text: &str) -> Result<u16, ErrorKind> {
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
