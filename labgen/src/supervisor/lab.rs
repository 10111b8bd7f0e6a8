//! A lab that stands: what there is, and how steps and questions reach it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bagpipe_api::Client;
use netns::link::Netlink;
use netns::ns::{NetNs, NodeNs};
use netns::process::{Child, Spawner};
use scenario::{NetId, NodeId, PortId, Scenario};

use super::ports::PortState;
use super::recording::Tap;
use crate::protocol::{LabView, LanView, NodeView, SessionView};
use crate::state::LabDir;

/// Where a speaker's REST API listens, in its own namespace.
const REST: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8082);

/// Everything the supervisor owns. When this is dropped, or the process dies, the lab is gone.
pub(super) struct Lab {
    pub(super) scenario: Scenario,
    pub(super) dir: LabDir,
    pub(super) file: String,
    pub(super) base: PathBuf,
    /// The lab's own network namespace, with a bridge per LAN.
    pub(super) switches: NetNs,
    /// Namespaces by node; a node on another one holds that one's.
    pub(super) homes: Vec<NodeNs>,
    /// What runs in each node, in the order of the starts.
    pub(super) programs: RefCell<BTreeMap<NodeId, Vec<Child>>>,
    pub(super) ports: RefCell<BTreeMap<PortId, PortState>>,
    pub(super) taps: RefCell<Vec<Tap>>,
    pub(super) spawner: Spawner,
    pub(super) began: Instant,
}

/// Why a node cannot be asked something.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReachError {
    #[error("cannot reach the REST API of `{node}`: {source}")]
    Connect {
        node: String,
        source: netns::ns::NsError,
    },
    #[error("the REST API of `{node}` does not answer: {source}")]
    Client {
        node: String,
        source: bagpipe_api::ClientError,
    },
    #[error("the connection to `{node}` is gone")]
    Gone { node: String },
    #[error("cannot look into `{node}`: {source}")]
    Link {
        node: String,
        source: netns::link::LinkError,
    },
}

impl Lab {
    /// Microseconds since the lab began to be built.
    pub(super) fn at(&self) -> u64 {
        micros(self.began.elapsed())
    }

    /// The namespaces a node's program runs in.
    pub(super) fn home(&self, node: NodeId) -> &NodeNs {
        &self.homes[node.0]
    }

    /// A connection to the REST API of a speaker.
    pub(super) async fn client(&self, node: NodeId) -> Result<Client, ReachError> {
        let name = || self.scenario[node].name.clone();
        let stream = netns::tcp::tcp_in(&self.home(node).net, REST)
            .await
            .map_err(|source| ReachError::Connect {
                node: name(),
                source,
            })?;
        Client::over(stream, "127.0.0.1:8082")
            .await
            .map_err(|source| ReachError::Client {
                node: name(),
                source,
            })
    }

    /// Where every frame of a LAN or link passes once: a namespace, and an interface in it.
    pub(super) fn listening_place(&self, net: NetId) -> (&NetNs, String) {
        match net {
            NetId::Lan(lan) => (&self.switches, super::build::bridge_name(lan.0)),
            NetId::Link(link) => {
                let end = self.scenario[link].ends[0];
                let mut interfaces = self.scenario[end].interfaces.iter();
                let own = interfaces.find(|interface| interface.net == net);
                let name = own.map(|interface| interface.name.clone());
                (&self.home(end).net, name.unwrap_or_default())
            }
        }
    }

    /// A routing socket in a node's namespace.
    pub(super) fn netlink(&self, node: NodeId) -> Result<Netlink, ReachError> {
        Netlink::in_ns(&self.home(node).net).map_err(|source| ReachError::Link {
            node: self.scenario[node].name.clone(),
            source,
        })
    }

    /// What environment programs and commands find in a node.
    pub(super) fn environment(&self) -> Vec<(OsString, OsString)> {
        vec![
            ("PATH".into(), self.path()),
            // So that the tools find what the daemon beside them was started with.
            (
                bagpipe_bgp::config::FILE_VARIABLE.into(),
                crate::kinds::BAGPIPE_CONFIG.into(),
            ),
        ]
    }

    /// Where programs are looked for in a node: labgen's own first.
    pub(super) fn path(&self) -> OsString {
        let mut path = OsString::from(super::build::BIN);
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        for part in [inherited, "/usr/sbin:/sbin:/usr/bin:/bin".into()] {
            path.push(":");
            path.push(part);
        }
        path
    }

    /// The lab as `inspect` shows it.
    pub(super) async fn view(&self) -> LabView {
        let mut nodes = Vec::new();
        for (id, node) in self.scenario.nodes() {
            let programs = self.programs.borrow().get(&id).cloned().unwrap_or_default();
            let exited = programs.iter().find_map(Child::try_exit);
            let running = programs.last().filter(|_| exited.is_none()).map(Child::pid);
            nodes.push(NodeView {
                name: node.name.clone(),
                kind: node.kind.name().into(),
                on: node.on.map(|on| self.scenario[on].name.clone()),
                addresses: node
                    .interfaces
                    .iter()
                    .map(|interface| {
                        let addresses: Vec<String> = interface
                            .addresses
                            .iter()
                            .map(ToString::to_string)
                            .collect();
                        let net = self.scenario.net_name(interface.net).to_owned();
                        (net, addresses.join(" "))
                    })
                    .collect(),
                pid: running,
                exited: exited.map(|exit| exit.to_string()),
                memory_kib: running.and_then(resident_kib),
                sessions: self.sessions(id).await,
                namespaces: if node.on.is_none() {
                    self.namespaces(id)
                } else {
                    Vec::new()
                },
                log: self.dir.log(&node.name),
            });
        }
        nodes.sort_by(|a, b| a.name.cmp(&b.name));
        let mut lans: Vec<LanView> = self
            .scenario
            .lans
            .iter()
            .map(|lan| LanView {
                name: lan.name.clone(),
                subnet: comma_separated(&lan.subnets),
                members: lan
                    .members
                    .iter()
                    .map(|n| self.scenario[*n].name.clone())
                    .collect(),
            })
            .collect();
        lans.sort_by(|a, b| a.name.cmp(&b.name));
        LabView {
            name: self.scenario.lab.name.clone(),
            file: self.file.clone(),
            dir: self.dir.path().to_owned(),
            pid: None,
            nodes,
            lans,
        }
    }

    /// Sessions of a speaker that can be asked, as they are now; none if it does not answer at once.
    async fn sessions(&self, node: NodeId) -> Vec<SessionView> {
        if !matches!(self.scenario[node].kind, scenario::NodeKind::Bagpipe(_)) {
            return Vec::new();
        }
        let ask = async {
            let peers = self
                .client(node)
                .await
                .ok()?
                .looking_glass("bgp/peers")
                .await
                .ok()?;
            let peers = peers.as_array()?.iter().filter_map(|peer| {
                Some(SessionView {
                    peer: peer.get("id")?.as_str()?.parse().ok()?,
                    state: peer.get("state")?.as_str()?.to_owned(),
                })
            });
            Some(peers.collect())
        };
        tokio::time::timeout(Duration::from_secs(1), ask)
            .await
            .ok()
            .flatten()
            .unwrap_or_default()
    }

    fn namespaces(&self, node: NodeId) -> Vec<String> {
        self.home(node)
            .run(netns::ns::named::list)
            .ok()
            .and_then(Result::ok)
            .unwrap_or_default()
    }
}

fn comma_separated<T: ToString>(values: &[T]) -> String {
    let texts: Vec<String> = values.iter().map(T::to_string).collect();
    texts.join(", ")
}

/// Whole microseconds.
pub(super) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn resident_kib(pid: i32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}
