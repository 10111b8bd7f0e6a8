//! BGP speakers that are not ours, and any program.

use std::net::Ipv4Addr;

use bgp_wire::types::IpPrefix;

use super::nodes::hold_time;
use super::{Found, Resolver};
use crate::error::ErrorKind;
use crate::file::{At, OneOrMany, ProgramFile, ReadyFile, SpeakerFile};
use crate::kind::{ExecNode, Frr, Ready, Session, Speaker};
use crate::lab::{InterfaceAddress, NodeId};
use crate::values;

impl Resolver<'_> {
    /// Everything but FRR, which alone has daemons to choose from.
    pub(super) fn speaks(
        &mut self,
        id: NodeId,
        typed: &SpeakerFile,
        sessions: Vec<Session>,
    ) -> Speaker {
        if let Some(daemons) = &typed.daemons {
            let reason = "is for nodes of kind `frr` only".into();
            let key = "daemons".into();
            self.fail(&daemons.span, ErrorKind::Misplaced { key, reason });
        }
        self.speaker_of(id, typed, sessions)
    }

    pub(super) fn frr(&mut self, id: NodeId, typed: &SpeakerFile, sessions: Vec<Session>) -> Frr {
        let daemons = typed.daemons.iter().flat_map(|daemons| &daemons.value);
        let daemons = daemons.filter_map(|daemon| self.daemon(daemon)).collect();
        Frr {
            speaker: self.speaker_of(id, typed, sessions),
            daemons,
        }
    }

    fn daemon(&mut self, name: &At<String>) -> Found<String> {
        let words = DAEMONS.map(|word| (word, word));
        let word = values::one_of("a daemon of FRR", &name.value, &words);
        self.keep(&name.span, word).map(String::from)
    }

    fn speaker_of(&mut self, id: NodeId, typed: &SpeakerFile, sessions: Vec<Session>) -> Speaker {
        let router_id = self.identifier("a BGP identifier", typed.router_id.as_ref());
        Speaker {
            asn: self.asn(typed.asn.as_ref()),
            router_id: router_id.unwrap_or_else(|| self.router_id(id)),
            cluster_id: self.identifier("a cluster id", typed.cluster_id.as_ref()),
            sessions,
            networks: self.networks(id, typed.networks.as_ref()),
            hold_time: self.maybe(typed.hold_time.as_ref(), hold_time),
            config: typed.config.as_ref().map(|path| path.value.clone()),
        }
    }

    fn identifier(&mut self, what: &str, typed: Option<&At<String>>) -> Option<Ipv4Addr> {
        self.maybe(typed, |id| {
            id.parse::<Ipv4Addr>().map_err(|_| ErrorKind::BadValue {
                what: what.into(),
                value: id.into(),
                reason: "like \"1.2.3.4\"".into(),
            })
        })
    }

    fn networks(&mut self, id: NodeId, typed: Option<&OneOrMany<At<String>>>) -> Vec<IpPrefix> {
        let mut networks = Vec::new();
        for word in typed.iter().flat_map(|typed| &typed.0) {
            match word.value.as_str() {
                "loopback" => networks.extend(prefixes(&self.loopbacks[self.home(id).0])),
                "connected" => {
                    let interfaces = &self.interfaces[self.home(id).0];
                    networks.extend(interfaces.iter().flat_map(|one| prefixes(&one.addresses)));
                }
                text => networks.extend(self.keep(&word.span, values::prefix(text))),
            }
        }
        networks.sort();
        networks.dedup();
        networks
    }

    pub(super) fn program(&mut self, typed: &ProgramFile) -> ExecNode {
        if typed.command.value.is_empty() {
            let key = "command".into();
            self.fail(&typed.command.span, ErrorKind::Empty { key });
        }
        for (path, _) in &typed.files.0 {
            self.absolute(path);
        }
        let text = |named: &crate::file::Named| {
            let pairs = named.0.iter();
            pairs
                .map(|(name, text)| (name.value.clone(), text.value.clone()))
                .collect()
        };
        ExecNode {
            command: texts(&typed.command.value),
            files: text(&typed.files),
            env: text(&typed.env),
            ready: typed
                .ready
                .as_ref()
                .and_then(|ready| self.ready(&ready.value))
                .unwrap_or_default(),
        }
    }

    fn ready(&mut self, typed: &ReadyFile) -> Found<Ready> {
        Some(match typed {
            ReadyFile::Started => Ready::Started,
            ReadyFile::Notify => Ready::Notify,
            ReadyFile::File(path) => Ready::File(self.absolute(path)?),
            ReadyFile::Socket(path) => Ready::Socket(self.absolute(path)?),
            ReadyFile::Tcp(port) => Ready::Tcp(self.number("the TCP port", port, 1, 65535)?),
            ReadyFile::Log(text) => Ready::Log(text.value.clone()),
            ReadyFile::Command(command) => Ready::Command(texts(command)),
        })
    }

    fn absolute(&mut self, path: &At<String>) -> Found<String> {
        if path.value.starts_with('/') {
            return Some(path.value.clone());
        }
        let kind = ErrorKind::BadValue {
            what: "a path in the node".into(),
            value: path.value.clone(),
            reason: "it begins with `/`".into(),
        };
        self.fail(&path.span, kind);
        None
    }
}

fn prefixes(addresses: &[InterfaceAddress]) -> impl Iterator<Item = IpPrefix> {
    addresses
        .iter()
        .filter_map(|address| IpPrefix::new(address.ip, address.len).ok())
}

fn texts(words: &[At<String>]) -> Vec<String> {
    words.iter().map(|word| word.value.clone()).collect()
}

/// The daemons of FRR that can run beside `zebra` and `bgpd`.
const DAEMONS: [&str; 14] = [
    "staticd", "ospfd", "ospf6d", "isisd", "bfdd", "ripd", "ripngd", "pimd", "ldpd", "eigrpd",
    "babeld", "pbrd", "fabricd", "vrrpd",
];
