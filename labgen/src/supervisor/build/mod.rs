//! From a scenario to namespaces, links and programs that are ready.

mod namespaces;
mod neighbours;
mod programs;
mod refusal;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use netns::link::LinkError;
use netns::ns::{NetNs, NsError, Visitor};
use netns::process::Spawner;
use scenario::{NodeId, Scenario};

use super::front::Front;
use super::home::State;
use super::lab::{Absent, Lab};
use super::recording;
use crate::kinds::{self, KindError, Program};
use crate::protocol::{Event, Mode, Order};
use crate::ui::{self, last_words};
pub(super) use namespaces::{LOOPBACK, make as make_namespaces};
pub(super) use neighbours::peers;
pub(super) use programs::{start_all, start_node};
pub(super) use wire::{Wiring, give, interface_on, lay, routes};

/// In every node: the programs that labgen brings along.
pub(super) const BIN: &str = "/run/labgen/bin";
/// In every node: where its program says that it is ready.
const READY: &str = "/run/labgen/ready";
/// Why a lab could not be built.
#[derive(Debug, thiserror::Error)]
pub(super) enum BuildError {
    #[error(transparent)]
    Absent(#[from] Absent),
    #[error("cannot go from namespace to namespace")]
    Thread(#[source] NsError),
    #[error("cannot make the namespaces of `{node}`")]
    Namespace { node: String, source: NsError },
    #[error("cannot build `{net}`")]
    Net { net: String, source: LinkError },
    #[error("cannot have `{net}` do anything to frames")]
    Wire { net: String, source: NsError },
    #[error("cannot set up `{node}`")]
    Node { node: String, source: LinkError },
    #[error(transparent)]
    Kind(#[from] KindError),
    #[error("cannot write `{path}` in node `{node}`")]
    File {
        node: String,
        path: String,
        source: io::Error,
    },
    #[error("cannot start `{program}` of node `{node}`")]
    Start {
        node: String,
        program: String,
        source: NsError,
    },
    #[error("cannot listen for `{node}` to be ready on `{path}`")]
    Notify {
        node: String,
        path: PathBuf,
        source: io::Error,
    },
    #[error(
        "`{program}` of node `{node}` ended before it was ready ({how}); {}",
        last_words(.log)
    )]
    Ended {
        node: String,
        program: String,
        how: String,
        log: String,
    },
    #[error(
        "`{program}` of node `{node}` ended while others were started ({how}); {}",
        last_words(.log)
    )]
    Died {
        node: String,
        program: String,
        how: String,
        log: String,
    },
    #[error("`{program}` of node `{node}` refuses its configuration:\n{words}{quoted}")]
    Refused {
        node: String,
        program: String,
        words: String,
        quoted: String,
    },
    #[error("`{program}` of node `{node}` was not ready after {} s; {}", .after.as_secs(), last_words(.log))]
    NotReady {
        node: String,
        program: String,
        after: Duration,
        log: String,
    },
}

/// Builds everything and waits until every program is ready.
pub(super) async fn build(
    order: &Order,
    scenario: Rc<Scenario>,
    front: &Front,
    began: Instant,
    spawner: Spawner,
) -> Result<Lab, BuildError> {
    let beginning = |source| BuildError::Namespace {
        node: scenario.lab.name.clone(),
        source,
    };
    let switches = NetNs::create().map_err(beginning)?;
    // Ports of the LANs' bridges stay silent: what is on a LAN comes from its nodes.
    netns::sysctl::write(&switches, "net.ipv6.conf.default.disable_ipv6", "1").ok();
    let (program, aliases) = crate::PROGRAMS
        .split_first()
        .map_or(("", Vec::new()), |((own, _), others)| {
            (*own, others.iter().map(|(name, _)| *name).collect())
        });
    netns::lab::show_executable(&order.dir.programs(), program, &aliases).map_err(beginning)?;

    let lab = Lab {
        scenario,
        dir: order.dir.clone(),
        file: order.file.clone(),
        base: order.base.clone(),
        state: Rc::new(State::new(switches)),
        spawner,
        teller: front.teller(),
        began,
    };
    let all: BTreeSet<NodeId> = lab.scenario.nodes().map(|(id, _)| id).collect();
    populate(&lab, front, &all, &Wiring::whole(&lab.scenario), order.mode).await?;
    Ok(lab)
}

/// Makes nodes, plugs them in and starts what they run.
async fn populate(
    lab: &Lab,
    front: &Front,
    nodes: &BTreeSet<NodeId>,
    wiring: &Wiring,
    mode: Mode,
) -> Result<(), BuildError> {
    let building = |what: &str| {
        front.send(&Event::Building {
            what: what.into(),
            at: lab.at(),
        });
    };
    let mut programs = BTreeMap::new();
    for id in nodes {
        let own: Rc<[Program]> = kinds::programs(&lab.scenario[*id], &lab.base)?.into();
        programs.insert(*id, own);
    }
    building("namespaces");
    namespaces::make(lab, nodes, &programs).await?;
    building("links");
    wire::lay(lab, wiring).await?;
    if let Mode::Run { .. } = mode {
        // Before any session begins. A lab does without where it cannot be.
        let text = match recording::record(lab) {
            Ok(0) => None,
            Ok(left_out) => {
                let nets = ui::count(left_out, "LAN or link");
                Some(format!(
                    "{nets} too many to be recorded; `record` in [lab] says what is"
                ))
            }
            Err(error) => {
                let why = crate::command::chain(&error);
                Some(format!("what speakers say is not recorded: {why}"))
            }
        };
        if let Some(text) = text {
            front.send(&Event::Note { text });
        }
    }
    programs::start_all(lab, &|event| front.send(event), nodes).await
}

/// Calls `work` for every item, on a few throw-away threads; the first failure, or all results in order.
async fn visiting<T, R>(
    items: Vec<T>,
    work: impl Fn(&Visitor, &T) -> Result<R, BuildError> + Send + Sync + 'static,
) -> Result<Vec<R>, BuildError>
where
    T: Send + Sync + 'static,
    R: Send + 'static,
{
    let visits = tokio::task::spawn_blocking(move || netns::ns::visit(&items, work));
    match visits.await {
        Ok(visits) => visits.map_err(BuildError::Thread)?.into_iter().collect(),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down: nobody will ask for the outcome.
            Err(_) => std::future::pending().await,
        },
    }
}

/// The end of a node's log, indented.
pub(super) fn end_of_log(lab: &Lab, node: &str) -> String {
    let log = std::fs::read(lab.dir.log(node)).unwrap_or_default();
    last_lines(&String::from_utf8_lossy(&log))
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(8);
    lines[from..]
        .iter()
        .map(|line| format!("    {line}\n"))
        .collect()
}
