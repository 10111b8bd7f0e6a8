//! A lab that stands: what there is, and how steps and questions reach it.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bagpipe_api::Client;
use netns::link::Netlink;
use netns::ns::NetNs;
use netns::process::Spawner;
use scenario::{NetId, NodeId, Scenario};

use super::front::Teller;
use super::home::{Home, State};
use crate::kinds::Program;
use crate::protocol::Event;
use crate::state::LabDir;

/// Where a speaker's REST API listens, in its own namespace.
const REST: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8082);

/// Everything the supervisor owns. When this is dropped, or the process dies, the lab is gone.
pub(super) struct Lab {
    pub(super) scenario: Rc<Scenario>,
    pub(super) dir: LabDir,
    pub(super) file: String,
    pub(super) base: PathBuf,
    /// What was made of it.
    pub(super) state: Rc<State>,
    pub(super) spawner: Spawner,
    /// To whoever follows what happens to the lab.
    pub(super) teller: Teller,
    pub(super) began: Instant,
}

/// Why a node cannot be asked something.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReachError {
    #[error(transparent)]
    Absent(#[from] Absent),
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
    #[error("cannot ask `{node}`: {source}")]
    Ask {
        node: String,
        source: super::observing::AskError,
    },
    #[error("the connection to `{node}` is gone")]
    Gone { node: String },
    #[error("cannot look into `{node}`: {source}")]
    Link {
        node: String,
        source: netns::link::LinkError,
    },
}

/// The scenario has the node and the lab does not.
#[derive(Debug, thiserror::Error)]
#[error(
    "node `{0}` was not made, because a change of the lab stopped halfway; `labgen up` with its file makes it"
)]
pub(super) struct Absent(String);

impl Absent {
    pub(super) fn new(node: &str) -> Self {
        Self(node.to_owned())
    }
}

/// There is no such node.
#[derive(Debug, thiserror::Error)]
#[error("no node `{node}`; nodes are: {}", .known.join(", "))]
pub(super) struct UnknownNode {
    node: String,
    known: Vec<String>,
}

impl Lab {
    /// The node of this name.
    pub(super) fn node_named(&self, node: &str) -> Result<NodeId, UnknownNode> {
        self.scenario.node_named(node).ok_or_else(|| {
            let nodes = self.scenario.nodes.iter();
            let mut known: Vec<String> = nodes.map(|node| node.name.clone()).collect();
            known.sort_unstable();
            UnknownNode {
                node: node.to_owned(),
                known,
            }
        })
    }

    /// Microseconds since the lab began to be built.
    pub(super) fn at(&self) -> u64 {
        micros(self.began.elapsed())
    }

    /// Tells that something was broken or mended on purpose, begun at `since`.
    pub(super) fn disturbed(&self, action: &str, on: &str, since: u64, seen: &str) {
        self.teller.tell(Event::Fault {
            action: action.into(),
            on: on.into(),
            seen: seen.into(),
            since,
            at: self.at(),
        });
    }

    /// The namespaces a node's programs run in.
    pub(super) fn home(&self, node: NodeId) -> Result<Rc<Home>, Absent> {
        let name = &self.scenario[node].name;
        let nodes = self.state.nodes.borrow();
        let state = nodes.get(name).ok_or_else(|| Absent(name.clone()));
        state.map(|state| Rc::clone(&state.home))
    }

    /// What a node runs, in the order of the starts.
    pub(super) fn programs(&self, node: NodeId) -> Rc<[Program]> {
        let nodes = self.state.nodes.borrow();
        let state = nodes.get(&self.scenario[node].name);
        state.map_or_else(Rc::default, |state| Rc::clone(&state.programs))
    }

    /// A connection to the REST API of a speaker.
    pub(super) async fn client(&self, node: NodeId) -> Result<Client, ReachError> {
        let name = || self.scenario[node].name.clone();
        let stream = netns::tcp::tcp_in(&self.home(node)?.net, REST)
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
    pub(super) fn listening_place(&self, net: NetId) -> Result<(NetNs, String), Absent> {
        Ok(match net {
            NetId::Lan(lan) => {
                let bridges = self.state.bridges.borrow();
                let bridge = bridges.get(&self.scenario[lan].name);
                let name = bridge.map(|bridge| bridge.name.clone());
                (self.state.switches.clone(), name.unwrap_or_default())
            }
            NetId::Link(link) => {
                let end = self.scenario[link].ends[0];
                let own = super::build::interface_on(&self.scenario[end], net);
                let name = own.map(|interface| interface.name.clone());
                (self.home(end)?.net.clone(), name.unwrap_or_default())
            }
        })
    }

    /// A routing socket in a node's namespace.
    pub(super) fn netlink(&self, node: NodeId) -> Result<Netlink, ReachError> {
        Netlink::in_ns(&self.home(node)?.net).map_err(|source| ReachError::Link {
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
}

/// Whole microseconds.
pub(super) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
