//! From a scenario to namespaces, links and programs that are ready.

mod programs;
mod refusal;
mod wire;

use std::cell::RefCell;
use std::io;
use std::path::PathBuf;
use std::time::Instant;

use netns::link::LinkError;
use netns::ns::{Bind, NetNs, NodeNs, NodeSpec, NsError, Own};
use netns::process::Spawner;
use scenario::{NodeId, Scenario};

use super::front::Front;
use super::lab::Lab;
use super::ready::PATIENCE;
use crate::kinds::{self, KindError, NodeMount};
use crate::protocol::{Event, Order};
use crate::state::LabDir;
pub(super) use wire::bridge_name;

/// In every node: the programs that labgen brings along.
pub(super) const BIN: &str = "/run/labgen/bin";
/// In every node: where its program says that it is ready.
const READY: &str = "/run/labgen/ready";
/// Connections whose ends died with the lab must not keep its namespaces alive for minutes, trying to say goodbye.
const FORGET_ORPHANS: [(&str, &str); 2] = [
    ("net.ipv4.tcp_orphan_retries", "1"),
    ("net.ipv4.tcp_fin_timeout", "1"),
];
/// Why a lab could not be built.
#[derive(Debug, thiserror::Error)]
pub(super) enum BuildError {
    #[error("cannot make the namespaces of `{node}`")]
    Namespace { node: String, source: NsError },
    #[error("cannot build `{net}`")]
    Net { net: String, source: LinkError },
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
        "`{program}` of node `{node}` ended before it was ready ({how}); its last words:\n{log}"
    )]
    Ended {
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
    #[error("`{program}` of node `{node}` was not ready after {} s; its last words:\n{log}", PATIENCE.as_secs())]
    NotReady {
        node: String,
        program: String,
        log: String,
    },
}

/// Builds everything and waits until every program is ready.
pub(super) async fn build(
    order: &Order,
    scenario: Scenario,
    front: &Front,
    began: Instant,
    spawner: Spawner,
) -> Result<Lab, BuildError> {
    let now = || super::lab::micros(began.elapsed());
    front.send(&Event::Building {
        what: "namespaces".into(),
        at: now(),
    });
    let switches = NetNs::create().map_err(|source| BuildError::Namespace {
        node: scenario.lab.name.clone(),
        source,
    })?;
    // Ports of the LANs' bridges stay silent: what is on a LAN comes from its nodes.
    netns::sysctl::write(&switches, "net.ipv6.conf.default.disable_ipv6", "1").ok();
    let aliases: Vec<&str> = crate::PROGRAMS
        .iter()
        .skip(1)
        .map(|(name, _)| *name)
        .collect();
    netns::lab::show_executable(&order.dir.programs(), crate::PROGRAMS[0].0, &aliases).map_err(
        |source| BuildError::Namespace {
            node: scenario.lab.name.clone(),
            source,
        },
    )?;
    let mut homes = Vec::with_capacity(scenario.nodes.len());
    for (id, node) in scenario.nodes() {
        // A node on another one comes after it or before it: make namespaces for owners only.
        let home = scenario.home(id);
        let ns = match homes.get(home.0).filter(|_| home != id) {
            Some(ns) => NodeNs::clone(ns),
            None => {
                let spec = node_spec(&order.dir, &scenario, id);
                let made = NodeNs::create(&spec).and_then(|ns| {
                    netns::sysctl::write_all(&ns.net, &FORGET_ORPHANS)?;
                    Ok(ns)
                });
                made.map_err(|source| BuildError::Namespace {
                    node: node.name.clone(),
                    source,
                })?
            }
        };
        homes.push(ns);
    }
    for (id, _) in scenario.nodes() {
        let home = scenario.home(id);
        if home != id {
            homes[id.0] = homes[home.0].clone();
        }
    }

    front.send(&Event::Building {
        what: "links".into(),
        at: now(),
    });
    wire::wire(&scenario, &switches, &homes).await?;

    let lab = Lab {
        scenario,
        dir: order.dir.clone(),
        file: order.file.clone(),
        base: order.base.clone(),
        switches,
        homes,
        programs: RefCell::default(),
        ports: RefCell::default(),
        taps: RefCell::default(),
        spawner,
        began,
    };
    programs::start_all(&lab, front).await?;
    Ok(lab)
}

fn node_spec(dir: &LabDir, scenario: &Scenario, home: NodeId) -> NodeSpec {
    let show = |source: PathBuf, target: &str, read_only| Bind {
        source,
        target: target.into(),
        read_only,
    };
    let rootless = netns::lab::one_user_mapped();
    let inhabitants = scenario
        .nodes()
        .filter(|(id, _)| scenario.home(*id) == home);
    let own = inhabitants
        .flat_map(|(_, node)| kinds::mounts(node, rootless))
        .map(|mount| match mount {
            NodeMount::Tmpfs(path) => Own::Directory(path.into()),
            NodeMount::File { path, content } => Own::File {
                path: path.into(),
                content,
            },
        });
    NodeSpec {
        binds: vec![
            show(dir.programs(), BIN, true),
            show(dir.ready(), READY, false),
        ],
        own: own.collect(),
    }
}

/// The end of a node's log, indented.
pub(super) fn last_words(lab: &Lab, node: &str) -> String {
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
