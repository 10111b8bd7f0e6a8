//! Ending and starting the programs of a lab that stands.

use std::time::Duration;

use netns::link::{LinkError, Netlink, Request};
use netns::ns::NetNs;
use netns::process::Child;
use nix::sys::signal::Signal;
use scenario::NodeId;

use super::build::{self, BuildError};
use super::home::Running;
use super::lab::{Absent, Lab, UnknownNode};
use crate::protocol::Event;

/// How long a program may take to end after it was asked to, before it is made to.
const GRACE: Duration = Duration::from_secs(5);

/// Why something cannot be done to the lab.
#[derive(Debug, thiserror::Error)]
pub(super) enum LifeError {
    #[error(transparent)]
    Node(#[from] UnknownNode),
    #[error(transparent)]
    Absent(#[from] Absent),
    #[error("node `{0}` runs no program")]
    NothingToRun(String),
    #[error("node `{0}` is running")]
    Running(String),
    #[error("node `{0}` is not running")]
    NotRunning(String),
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error("node `{node}` runs no program `{program}`; it runs: {}", .running.join(", "))]
    UnknownProgram {
        node: String,
        program: String,
        running: Vec<String>,
    },
    #[error("cannot signal `{program}` of node `{node}`")]
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
    #[error("`{node}` is not on `{net}`; there are: {}", .known.join(", "))]
    NotOn {
        node: String,
        net: String,
        known: Vec<String>,
    },
    #[error(
        "nothing is between the ends of link `{0}` that could do that; with `impair = {{}}` it is laid so that there is"
    )]
    Unwired(String),
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

    /// Whether a node's programs were all started, and none that is to last has ended.
    pub(super) fn runs_all(&self, node: NodeId) -> bool {
        let nodes = self.state.nodes.borrow();
        let Some(state) = nodes.get(&self.scenario[node].name) else {
            return false;
        };
        let ended = |running: &Running| running.failed().is_some();
        state.children.len() == state.programs.len() && !state.children.iter().any(ended)
    }

    /// Ends the programs of a node, the last started first: by SIGTERM and, where that does not help in time, by
    /// SIGKILL, which also ends what they leave behind. Its namespaces and links stay. How each ended.
    pub(super) async fn halt(&self, node: NodeId) -> Result<String, LifeError> {
        let name = &self.scenario[node].name;
        let _turn = self.state.turn(name).await;
        let since = self.at();
        let ends = self.end(node).await?;
        self.disturbed("halt", name, since, &ends);
        Ok(ends)
    }

    async fn end(&self, node: NodeId) -> Result<String, LifeError> {
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
            // What it has started in the background would keep ports and files from whoever is started next.
            child.end_leftovers();
            ends.push(format!("{program}: {exit}"));
        }
        if let Some(state) = self.state.nodes.borrow_mut().get_mut(name) {
            state.halted = true;
        }
        Ok(ends.join(", "))
    }

    /// Sends a signal to one program of a node, or to all that run. Which, with their process ids.
    pub(super) async fn signal(
        &self,
        node: NodeId,
        program: Option<&str>,
        signal: Signal,
    ) -> Result<String, LifeError> {
        let name = &self.scenario[node].name;
        let alive = self.alive(node);
        let meant = |(known, _): &&(&str, Child)| program.is_none_or(|program| program == *known);
        let meant: Vec<_> = alive.iter().filter(meant).collect();
        if alive.is_empty() {
            return Err(LifeError::NotRunning(name.clone()));
        }
        if let (true, Some(program)) = (meant.is_empty(), program) {
            return Err(LifeError::UnknownProgram {
                node: name.clone(),
                program: program.to_owned(),
                running: alive.iter().map(|(known, _)| (*known).into()).collect(),
            });
        }
        let mut told = Vec::new();
        for (program, child) in &meant {
            child.kill(signal).map_err(|source| LifeError::Signal {
                node: name.clone(),
                program: (*program).into(),
                source,
            })?;
            told.push(format!("{program}: pid {}", child.pid()));
        }
        let told = told.join(", ");
        self.disturbed(
            "signal",
            name,
            self.at(),
            &format!("{} to {told}", signal.as_str()),
        );
        if signal == Signal::SIGKILL {
            // No program survives it: one that is started next is not to be found running still.
            for (_, child) in meant {
                child.clone().exited().await;
            }
        }
        Ok(told)
    }

    /// Starts the programs of a node that are not running, as they were configured, and waits until they are ready.
    pub(super) async fn start(&self, node: NodeId) -> Result<String, LifeError> {
        let name = &self.scenario[node].name;
        let _turn = self.state.turn(name).await;
        let since = self.at();
        let pids = self.begin(node).await?;
        self.disturbed("start", name, since, &pids);
        Ok(pids)
    }

    async fn begin(&self, node: NodeId) -> Result<String, LifeError> {
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
        let name = &self.scenario[node].name;
        let _turn = self.state.turn(name).await;
        let since = self.at();
        let begun = match self.end(node).await {
            Ok(_) | Err(LifeError::NotRunning(_)) => self.begin(node).await,
            Err(error) => Err(error),
        };
        if let Ok(pids) = &begun {
            self.disturbed("restart", name, since, pids);
        }
        begun
    }
}

/// Carries requests out in a namespace.
pub(super) async fn carry_out(
    place: &str,
    net: &NetNs,
    requests: Vec<Request>,
) -> Result<(), LifeError> {
    let failed = |source| LifeError::Link {
        place: place.to_owned(),
        source,
    };
    if requests.is_empty() {
        return Ok(());
    }
    let netlink = Netlink::in_ns(net).map_err(failed)?;
    for result in netlink.batch(requests).await {
        result.map_err(failed)?;
    }
    Ok(())
}
