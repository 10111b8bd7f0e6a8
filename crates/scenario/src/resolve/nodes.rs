//! Nodes: where they run and what they run.

use std::collections::BTreeMap;
use std::net::IpAddr;

use bgp_wire::types::IpPrefix;

use super::{Resolver, related};
use crate::error::{ErrorKind, Subject};
use crate::file::{
    At, BagpipeFile, ByNode, Entry, FakeRrFile, FrrFile, KindFile, NodeFile, ProgramFile,
    ReadyFile, SpeakerFile, SpeakerKind,
};
use crate::kind::{
    Bagpipe, Dataplane, ExecNode, FakeRr, FakeRrMode, Frr, NodeKind, Ready, Speaker,
};
use crate::lab::{Node, NodeId};
use crate::{defaults, values};

impl Resolver<'_> {
    pub(super) fn about_node(&mut self, index: usize) {
        self.subject = Subject::Node(self.file.nodes[index].name.value.clone());
    }

    /// Finds out in whose namespaces every node runs.
    pub(super) fn hosts(&mut self, nodes: &[Entry<NodeFile>]) {
        if nodes.is_empty() && self.broken.is_empty() {
            let key = "nodes".into();
            self.fail(&(0..0), ErrorKind::MissingKey { key });
        }
        for (index, node) in nodes.iter().enumerate() {
            self.about_node(index);
            self.name(&node.name);
            self.keep(&node.name.span, values::not_reserved(&node.name.value));
            let Some(name) = node.value.kind.on() else {
                continue;
            };
            let Some(host) = self.node(name, "runs on") else {
                continue;
            };
            let reason = if host.0 == index {
                Some("names the node itself".to_string())
            } else if nodes[host.0].value.kind.on().is_some() {
                Some(format!(
                    "names `{}`, which itself runs on another node",
                    name.value
                ))
            } else {
                None
            };
            match reason {
                Some(reason) => {
                    let key = "on".into();
                    self.fail(&name.span, ErrorKind::Misplaced { key, reason });
                }
                None => self.homes[index] = host.0,
            }
            self.nothing_of_its_own(&node.value);
        }
        self.ports_are_free(nodes);
    }

    /// A node that runs on another has no namespaces, and so nothing that belongs to them.
    fn nothing_of_its_own(&mut self, node: &NodeFile) {
        let loopback = node.net.loopback.0.first().map(|at| ("loopback", &at.span));
        let gateway = node.net.gateway.as_ref().map(|at| ("gateway", &at.span));
        let routes = node
            .net
            .routes
            .first()
            .map(|route| ("routes", &route.to.span));
        for (key, span) in [loopback, gateway, routes].into_iter().flatten() {
            let kind = ErrorKind::Misplaced {
                key: key.into(),
                reason: "belongs to the node that it runs on".into(),
            };
            self.fail(span, kind);
        }
    }

    /// Two that listen for BGP in the same namespaces need two TCP ports.
    fn ports_are_free(&mut self, nodes: &[Entry<NodeFile>]) {
        let mut taken: BTreeMap<(usize, u16), usize> = BTreeMap::new();
        for (index, node) in nodes.iter().enumerate() {
            let Some(port) = bgp_port(&node.value.kind) else {
                continue;
            };
            let earlier = *taken.entry((self.homes[index], port)).or_insert(index);
            if earlier != index {
                self.about_node(index);
                let earlier = &nodes[earlier];
                let reason = format!("puts it beside `{}` on TCP port {port}", earlier.name.value);
                let on = node.value.kind.on();
                let place = on.map_or(&node.name.span, |on| &on.span);
                let key = "on".into();
                let kind = ErrorKind::Misplaced { key, reason };
                self.fail_with(
                    place,
                    kind,
                    related(&earlier.name.span, "the other is here"),
                );
            }
        }
    }

    /// Resolves what every node runs; addresses and sessions are known.
    pub(super) fn kinds(&mut self, nodes: &[Entry<NodeFile>]) {
        for (index, node) in nodes.iter().enumerate() {
            self.about_node(index);
            let id = NodeId(index);
            let kind = match &node.value.kind {
                KindFile::Bagpipe(typed) => NodeKind::Bagpipe(self.bagpipe(id, typed)),
                KindFile::FakeRr(typed) => NodeKind::FakeRr(self.fakerr(id, typed)),
                KindFile::Speaker(kind, typed) => {
                    if let (SpeakerKind::OpenBgpd | SpeakerKind::ExaBgp, Some(time)) =
                        (kind, &typed.graceful_restart)
                    {
                        let reason = "is for `fakerr`, `gobgp`, `frr` and `bird`: others do not restart gracefully";
                        self.out_of_place(&time.span, "graceful_restart", reason);
                    }
                    if let (SpeakerKind::OpenBgpd, Some(password)) = (kind, &typed.password) {
                        let reason = "is for `gobgp`, `frr`, `bird` and `exabgp`: OpenBGPD takes no signed calls on Linux";
                        self.out_of_place(&password.span, "password", reason);
                    }
                    let speaker = self.speaker(id, typed);
                    match kind {
                        SpeakerKind::GoBgp => NodeKind::GoBgp(speaker),
                        SpeakerKind::Bird => NodeKind::Bird(speaker),
                        SpeakerKind::OpenBgpd => NodeKind::OpenBgpd(speaker),
                        SpeakerKind::ExaBgp => NodeKind::ExaBgp(speaker),
                    }
                }
                KindFile::Frr(own, typed) => NodeKind::Frr(Frr {
                    speaker: self.speaker(id, typed),
                    daemons: self.daemons(own),
                }),
                KindFile::Ovs(_) => NodeKind::Ovs,
                KindFile::Router(_) => NodeKind::Router,
                KindFile::Host(_) => NodeKind::Host,
                KindFile::Exec(typed) => NodeKind::Exec(self.program(typed)),
            };
            let home = self.home(id);
            let routes = if home == id {
                self.routes(id, &node.value.net)
            } else {
                Vec::new()
            };
            self.scenario.nodes.push(Node {
                name: node.name.value.clone(),
                kind,
                on: (home != id).then_some(home),
                interfaces: self.interfaces[index].clone(),
                loopbacks: self.loopbacks[index].clone(),
                routes,
                place: self.place(&node.name.span),
            });
        }
    }

    fn bagpipe(&mut self, id: NodeId, typed: &BagpipeFile) -> Bagpipe {
        let peers = self.peers_of(id);
        let toward_peer = peers
            .iter()
            .filter(|peer| !peer.address.is_loopback() && self.node_at(peer.address).is_some())
            .map(|peer| self.local_toward(id, peer.address))
            .next();
        let dataplane = self.maybe(typed.dataplane.as_ref(), |word| {
            values::one_of("a dataplane", word, &DATAPLANES)
        });
        if let (Some(_), Some(hold_time)) = (&typed.python, &typed.hold_time) {
            let reason = "has no effect beside `python`: that daemon always proposes the same";
            self.out_of_place(&hold_time.span, "hold_time", reason);
        }
        let graceful = typed.graceful_restart.as_ref().map(|typed| &typed.span);
        let persist = typed.persist.as_ref().map(|typed| &typed.span);
        for (key, span) in [("graceful_restart", graceful), ("persist", persist)] {
            if let (Some(_), Some(span)) = (&typed.python, span) {
                self.out_of_place(span, key, "is nothing that the daemon of `python` has");
            }
        }
        let local_address = toward_peer.unwrap_or_else(|| self.own_address(id));
        Bagpipe {
            asn: self.asn(id),
            local_address,
            router_id: match local_address {
                IpAddr::V4(address) => address,
                IpAddr::V6(_) => self.router_id(id),
            },
            peers,
            rtc: typed.rtc.unwrap_or(true),
            dataplane: dataplane.unwrap_or(Dataplane::Linux),
            hold_time: self.maybe(typed.hold_time.as_ref(), values::hold_time),
            graceful_restart: self.maybe(typed.graceful_restart.as_ref(), values::restart_time),
            persist: typed.persist.as_ref().is_some_and(|persist| persist.value),
            python: typed.python.as_ref().map(|python| python.value.clone()),
        }
    }

    fn fakerr(&mut self, id: NodeId, typed: &FakeRrFile) -> FakeRr {
        let mode = self.maybe(typed.mode.as_ref(), |word| {
            values::one_of("a mode", word, &MODES)
        });
        let port = typed
            .port
            .as_ref()
            .and_then(|port| self.number("the TCP port", port, 1, 65535));
        FakeRr {
            mode: mode.unwrap_or(FakeRrMode::Reflect),
            port: port.unwrap_or(defaults::BGP_PORT),
            asn: self.asn(id),
            router_id: self.router_id(id),
            graceful_restart: self
                .maybe(typed.graceful_restart.as_ref(), values::restart_time)
                .unwrap_or(0),
        }
    }

    fn speaker(&mut self, id: NodeId, typed: &SpeakerFile) -> Speaker {
        let router_id = self.maybe(typed.router_id.as_ref(), |text| {
            values::identifier("a BGP identifier", text)
        });
        let cluster_id = self.maybe(typed.cluster_id.as_ref(), |text| {
            values::identifier("a cluster id", text)
        });
        if let Some(password) = &typed.password {
            self.signed(id, password);
        }
        Speaker {
            asn: self.asn(id),
            router_id: router_id.unwrap_or_else(|| self.router_id(id)),
            cluster_id,
            sessions: self.sessions_of(id),
            networks: self.networks(id, &typed.networks.0),
            hold_time: self.maybe(typed.hold_time.as_ref(), values::hold_time),
            graceful_restart: self.maybe(typed.graceful_restart.as_ref(), values::restart_time),
            config: typed.config.as_ref().map(|path| path.value.clone()),
        }
    }

    fn asn(&self, id: NodeId) -> u32 {
        self.bgp[id.0]
            .as_ref()
            .map_or(defaults::AS, super::bgp::Bgp::asn)
    }

    /// Prefixes that a speaker originates.
    fn networks(&mut self, id: NodeId, typed: &[At<String>]) -> Vec<IpPrefix> {
        let home = self.home(id).0;
        let prefix = |ip: IpAddr, len: u8| IpPrefix::new(ip, len).ok();
        let mut networks: Vec<IpPrefix> = Vec::new();
        for network in typed {
            match network.value.as_str() {
                "loopback" => {
                    if self.loopbacks[home].is_empty() {
                        self.out_of_place(
                            &network.span,
                            "loopback",
                            "names nothing: the node has no `loopback`",
                        );
                    }
                    let own = self.loopbacks[home].iter();
                    networks.extend(own.filter_map(|own| prefix(own.ip, own.len)));
                }
                "connected" => {
                    let own = self.interfaces[home].iter().flat_map(|one| &one.addresses);
                    networks.extend(own.filter_map(|own| prefix(own.ip, own.len)));
                }
                text => networks.extend(self.keep(&network.span, values::network(text))),
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        networks.retain(|network| seen.insert((network.address(), network.len())));
        networks
    }

    fn daemons(&mut self, typed: &FrrFile) -> Vec<String> {
        let words = DAEMONS.map(|daemon| (daemon, daemon));
        let names = typed.daemons.0.iter();
        let known = names.filter_map(|name| {
            let known = values::one_of("a daemon of FRR's", &name.value, &words);
            self.keep(&name.span, known)
        });
        known.map(ToString::to_string).collect()
    }

    fn program(&mut self, typed: &ProgramFile) -> ExecNode {
        if typed.command.value.is_empty() {
            let key = "command".into();
            self.fail(&typed.command.span, ErrorKind::Empty { key });
        }
        for (path, _) in &typed.files.0 {
            self.absolute(path);
        }
        let all = |typed: &ByNode<String>| {
            let entries = typed.0.iter();
            entries
                .map(|(name, value)| (name.value.clone(), value.clone()))
                .collect()
        };
        ExecNode {
            command: typed.command.value.clone(),
            files: all(&typed.files),
            env: all(&typed.env),
            ready: typed
                .ready
                .as_ref()
                .map(|ready| self.ready(&ready.value))
                .unwrap_or_default(),
        }
    }

    fn absolute(&mut self, path: &At<String>) -> String {
        if !path.value.starts_with('/') {
            let kind = ErrorKind::BadValue {
                what: "a path in the node".into(),
                value: path.value.clone(),
                reason: "it begins with `/`".into(),
            };
            self.fail(&path.span, kind);
        }
        path.value.clone()
    }

    fn ready(&mut self, typed: &ReadyFile) -> Ready {
        match typed {
            ReadyFile::Started => Ready::Started,
            ReadyFile::Notify => Ready::Notify,
            ReadyFile::File(path) => Ready::File(self.absolute(path)),
            ReadyFile::Socket(path) => Ready::Socket(self.absolute(path)),
            ReadyFile::Log(text) => Ready::Log(text.clone()),
            ReadyFile::Tcp(port) => {
                let port = self.number("the TCP port", port, 1, 65535);
                port.map(Ready::Tcp).unwrap_or_default()
            }
            ReadyFile::Command(command) => {
                if command.value.is_empty() {
                    let key = "command".into();
                    self.fail(&command.span, ErrorKind::Empty { key });
                }
                Ready::Command(command.value.clone())
            }
        }
    }
}

/// What a `bagpipe` can forward with.
pub(crate) const DATAPLANES: [(&str, Dataplane); 2] =
    [("linux", Dataplane::Linux), ("dummy", Dataplane::Dummy)];

/// What a `fakerr` can do.
pub(crate) const MODES: [(&str, FakeRrMode); 2] = [
    ("reflect", FakeRrMode::Reflect),
    ("splice", FakeRrMode::Splice),
];

/// Daemons of FRR's that can be asked for.
pub(crate) const DAEMONS: [&str; 14] = [
    "ospfd", "ospf6d", "isisd", "ripd", "ripngd", "ldpd", "pimd", "bfdd", "eigrpd", "nhrpd",
    "babeld", "pbrd", "staticd", "vrrpd",
];

/// The TCP port on which a kind of node listens for BGP; `None` for what does not. A bad number is noted when the
/// node is resolved.
pub(super) fn bgp_port(kind: &KindFile) -> Option<u16> {
    match kind {
        KindFile::FakeRr(node) => {
            let typed = node.port.as_ref();
            let typed = typed.and_then(|port| u16::try_from(port.value).ok());
            Some(typed.unwrap_or(defaults::BGP_PORT))
        }
        KindFile::Speaker(SpeakerKind::ExaBgp, _) => None,
        KindFile::Speaker(..) | KindFile::Frr(..) => Some(defaults::BGP_PORT),
        _ => None,
    }
}
