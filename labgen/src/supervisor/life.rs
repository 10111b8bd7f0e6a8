//! What can be done to a lab that stands: ending and starting programs, cutting and healing cables.

use std::collections::BTreeMap;
use std::time::Duration;

use netns::link::{LinkChange, LinkError, Netlink, Request};
use netns::ns::NetNs;
use netns::process::Child;
use nix::sys::signal::Signal;
use scenario::{NetId, NodeId};

use super::build::{self, BuildError};
use super::home::Plug;
use super::lab::{Lab, UnknownNode};
use crate::protocol::Event;

/// How long a program may take to end after it was asked to, before it is made to.
const GRACE: Duration = Duration::from_secs(5);

/// Why something cannot be done to the lab.
#[derive(Debug, thiserror::Error)]
pub(super) enum LifeError {
    #[error(transparent)]
    Node(#[from] UnknownNode),
    #[error("node `{0}` runs no program")]
    NothingToRun(String),
    #[error("node `{0}` is running")]
    Running(String),
    #[error("node `{0}` is not running")]
    NotRunning(String),
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error("cannot end `{program}` of node `{node}`")]
    Signal {
        node: String,
        program: String,
        source: netns::ns::NsError,
    },
    #[error("no LAN, link or NODE/INTERFACE `{net}`; there are: {}", .known.join(", "))]
    UnknownNet { net: String, known: Vec<String> },
    #[error("no interface `{interface}` in node `{node}`; it has: {}", .known.join(", "))]
    UnknownInterface {
        node: String,
        interface: String,
        known: Vec<String>,
    },
    #[error("`{0}` is cut already")]
    Cut(String),
    #[error("`{0}` is not cut")]
    NotCut(String),
    #[error("cannot change the links of `{place}`")]
    Link { place: String, source: LinkError },
}

impl Lab {
    /// The programs of a node that have not ended, in the order of their starts.
    fn alive(&self, node: NodeId) -> Vec<(&'static str, Child)> {
        let nodes = self.state.nodes.borrow();
        let children = nodes
            .get(&self.scenario[node].name)
            .into_iter()
            .flat_map(|state| &state.children);
        children
            .filter(|running| running.child.try_exit().is_none())
            .map(|running| (running.name, running.child.clone()))
            .collect()
    }

    /// Ends the programs of a node, the last started first: by SIGTERM and, where that does not help in time, by
    /// SIGKILL. Its namespaces and links stay. How each ended.
    pub(super) async fn halt(&self, node: NodeId) -> Result<String, LifeError> {
        let name = &self.scenario[node].name;
        let mut alive = self.alive(node);
        if alive.is_empty() {
            return Err(LifeError::NotRunning(name.clone()));
        }
        alive.reverse();
        for (program, child) in &alive {
            child
                .kill(Signal::SIGTERM)
                .map_err(|source| LifeError::Signal {
                    node: name.clone(),
                    program: (*program).into(),
                    source,
                })?;
        }
        let deadline = tokio::time::Instant::now() + GRACE;
        let mut ends = Vec::new();
        for (program, mut child) in alive {
            let exit = match tokio::time::timeout_at(deadline, child.exited()).await {
                Ok(exit) => exit,
                Err(_) => {
                    // It may have ended a moment ago; the wait below tells in any case.
                    let _ = child.kill_group(Signal::SIGKILL);
                    child.exited().await
                }
            };
            ends.push(format!("{program}: {exit}"));
        }
        if let Some(state) = self.state.nodes.borrow_mut().get_mut(name) {
            state.halted = true;
        }
        Ok(ends.join(", "))
    }

    /// Starts the programs of a node that are not running, as they were configured, and waits until they are ready.
    pub(super) async fn start(&self, node: NodeId) -> Result<String, LifeError> {
        let name = &self.scenario[node].name;
        if self.programs(node).is_empty() {
            return Err(LifeError::NothingToRun(name.clone()));
        }
        if !self.alive(node).is_empty() {
            return Err(LifeError::Running(name.clone()));
        }
        if let Some(state) = self.state.nodes.borrow_mut().get_mut(name) {
            state.children.clear();
            state.halted = false;
        }
        build::start_node(self, &|_: &Event| {}, node).await?;
        let pids = self.alive(node).into_iter();
        let pids: Vec<String> = pids
            .map(|(program, child)| format!("{program}: pid {}", child.pid()))
            .collect();
        Ok(pids.join(", "))
    }

    /// Ends what runs of a node, and starts it again.
    pub(super) async fn restart(&self, node: NodeId) -> Result<String, LifeError> {
        match self.halt(node).await {
            Ok(_) | Err(LifeError::NotRunning(_)) => self.start(node).await,
            Err(error) => Err(error),
        }
    }

    /// Pulls cables: those of a whole LAN or link, or that of one `NODE/INTERFACE`.
    ///
    /// On a LAN the bridge's port goes down: the node's interface loses its carrier and keeps addresses and routes, as
    /// when a cable is pulled. A point-to-point link has no far side to switch off without its being the other node's
    /// near side; to treat both ends alike, both interfaces go down. They keep their addresses; the kernel takes their
    /// routes away, and [`Lab::heal`] brings back those that labgen had made.
    pub(super) async fn cut(&self, what: &str) -> Result<String, LifeError> {
        let mut cables = self.cables(what)?;
        cables.retain(|(_, plug)| !plug.cut);
        if cables.is_empty() {
            return Err(LifeError::Cut(what.to_owned()));
        }
        self.switch(&cables, false).await?;
        Ok(self.mark(&cables, true))
    }

    /// Plugs cables in again, and restores the addresses and routes that labgen had given.
    pub(super) async fn heal(&self, what: &str) -> Result<String, LifeError> {
        let mut cables = self.cables(what)?;
        cables.retain(|(_, plug)| plug.cut);
        if cables.is_empty() {
            return Err(LifeError::NotCut(what.to_owned()));
        }
        self.switch(&cables, true).await?;
        self.restore(&cables).await?;
        Ok(self.mark(&cables, false))
    }

    /// Notes what was done, and says which interfaces it concerned.
    fn mark(&self, cables: &[Cable], cut: bool) -> String {
        let mut plugs = self.state.plugs.borrow_mut();
        let mut interfaces = Vec::new();
        for (key, plug) in cables {
            if let Some(plug) = plugs.get_mut(key) {
                plug.cut = cut;
            }
            interfaces.push(format!("{}/{}", key.0, plug.interface));
        }
        interfaces.join(", ")
    }

    /// The cables that are meant by a LAN, a link or `NODE/INTERFACE`; of a link always both ends.
    fn cables(&self, what: &str) -> Result<Vec<Cable>, LifeError> {
        let plugs = self.state.plugs.borrow();
        let of_net = |net: &str| -> Vec<Cable> {
            plugs
                .iter()
                .filter(|((_, on), _)| on == net)
                .map(|(key, plug)| (key.clone(), plug.clone()))
                .collect()
        };
        let Some((node, interface)) = what.split_once('/') else {
            let cables = of_net(what);
            return match cables.is_empty() {
                true => Err(self.unknown_net(what)),
                false => Ok(cables),
            };
        };
        self.node_named(node)?;
        let mut of_node = plugs.iter().filter(|((owner, _), _)| owner == node);
        match of_node
            .clone()
            .find(|(_, plug)| plug.interface == interface)
        {
            Some((key, plug)) if plug.port.is_some() => Ok(vec![(key.clone(), plug.clone())]),
            Some(((_, net), _)) => Ok(of_net(net)),
            None => Err(LifeError::UnknownInterface {
                node: node.to_owned(),
                interface: interface.to_owned(),
                known: of_node
                    .by_ref()
                    .map(|(_, plug)| plug.interface.clone())
                    .collect(),
            }),
        }
    }

    fn unknown_net(&self, net: &str) -> LifeError {
        let lans = self.scenario.lans.iter().map(|lan| lan.name.clone());
        let links = self.scenario.links.iter().map(|link| link.name.clone());
        LifeError::UnknownNet {
            net: net.to_owned(),
            known: lans.chain(links).collect(),
        }
    }

    /// Sets the ends of cables that labgen switches with up or down.
    async fn switch(&self, cables: &[Cable], up: bool) -> Result<(), LifeError> {
        let change = |index: u32| {
            let change = LinkChange::new(index);
            if up { change.up() } else { change.down() }.request()
        };
        let mut in_switches = Vec::new();
        let mut in_nodes: BTreeMap<&str, Vec<Request>> = BTreeMap::new();
        for ((node, _), plug) in cables {
            match plug.port {
                Some(port) => in_switches.push(change(port)),
                None => in_nodes.entry(node).or_default().push(change(plug.index)),
            }
        }
        if !in_switches.is_empty() {
            carry_out(&self.scenario.lab.name, &self.state.switches, in_switches).await?;
        }
        for (node, requests) in in_nodes {
            let net = self.home(self.node_named(node)?).net.clone();
            carry_out(node, &net, requests).await?;
        }
        Ok(())
    }

    /// Gives nodes again what their interfaces and routing tables had from the start.
    async fn restore(&self, cables: &[Cable]) -> Result<(), LifeError> {
        let mut by_node: BTreeMap<&str, Vec<Request>> = BTreeMap::new();
        for ((node, net), plug) in cables {
            let owner = &self.scenario[self.node_named(node)?];
            let own = owner
                .interfaces
                .iter()
                .find(|interface| self.scenario.net_name(interface.net) == net);
            let requests = by_node.entry(node).or_default();
            requests.extend(own.into_iter().flat_map(|own| build::give(plug.index, own)));
        }
        for (node, mut requests) in by_node {
            let id = self.node_named(node)?;
            requests.extend(build::routes(&self.scenario[id]));
            carry_out(node, &self.home(id).net.clone(), requests).await?;
        }
        Ok(())
    }

    /// Where the frames of a LAN or link, or of one `NODE/INTERFACE`, can be listened to: a namespace and an interface
    /// in it.
    pub(super) fn listen_to(&self, what: &str) -> Result<(NetNs, String), LifeError> {
        if let Some((node, interface)) = what.split_once('/') {
            self.cables(what)?;
            let id = self.node_named(node)?;
            return Ok((self.home(id).net.clone(), interface.to_owned()));
        }
        let lans = self.scenario.lans.iter().map(|lan| &lan.name);
        let links = self.scenario.links.iter().map(|link| &link.name);
        let lan = lans.enumerate().find(|(_, name)| *name == what);
        let link = links.enumerate().find(|(_, name)| *name == what);
        match (lan, link) {
            (Some((index, _)), _) => Ok(self.listening_place(NetId::Lan(scenario::LanId(index)))),
            (_, Some((index, _))) => Ok(self.listening_place(NetId::Link(scenario::LinkId(index)))),
            (None, None) => Err(self.unknown_net(what)),
        }
    }
}

/// A node's interface, by the names of the node and of the LAN or link.
type Cable = ((String, String), Plug);

/// Carries requests out in a namespace.
async fn carry_out(place: &str, net: &NetNs, requests: Vec<Request>) -> Result<(), LifeError> {
    let failed = |source| LifeError::Link {
        place: place.to_owned(),
        source,
    };
    let netlink = Netlink::in_ns(net).map_err(failed)?;
    for result in netlink.batch(requests).await {
        result.map_err(failed)?;
    }
    Ok(())
}
