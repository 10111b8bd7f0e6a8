//! The programs a node can run: what each needs, how it is configured and started. Pure: text in, text out.

mod accounts;
mod bagpipe;
mod bird;
mod exabgp;
mod exec;
mod fakerr;
mod frr;
mod gobgp;
mod openbgpd;
mod ovs;
mod speaker;
#[cfg(test)]
mod testing;

pub use bagpipe::CONFIG as BAGPIPE_CONFIG;

use std::fs;
use std::path::{Path, PathBuf};

use scenario::{Node, NodeKind, Ready};

pub use bird::CONTROL as BIRD_CONTROL;
pub use exabgp::{COMMANDS as EXABGP_COMMANDS, EVENTS as EXABGP_EVENTS};
pub use fakerr::{CONTROL as FAKERR_CONTROL, STATUS as FAKERR_STATUS};

/// A program of a node: how it is started, and when it counts as ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// What it is called in messages; unique in its node.
    pub name: &'static str,
    /// The program: a name looked up in the node's PATH.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Environment variables to set.
    pub env: Vec<(String, String)>,
    /// Files to write first: absolute path in the node, content.
    pub files: Vec<(String, String)>,
    /// The fact that makes it ready.
    pub ready: Ready,
    /// Waits for connections; started before those that connect.
    pub passive: bool,
    /// Does its work and ends: ready when it has ended with status 0, whatever `ready` says.
    pub once: bool,
    /// The one of its files that it reads its configuration from: what it refuses there is shown with the line.
    pub config: Option<String>,
    /// Gives up its privileges by `setgroups`, which the namespace of an ordinary user refuses to everybody.
    pub pretend_groups: bool,
}

impl Program {
    /// A program without arguments or files, ready when it says so by `sd_notify(3)`.
    fn new(name: &'static str) -> Self {
        Self {
            name,
            command: name.into(),
            args: Vec::new(),
            env: Vec::new(),
            files: Vec::new(),
            ready: Ready::Notify,
            passive: false,
            once: false,
            config: None,
            pretend_groups: false,
        }
    }
}

/// A part of a node's file system that is its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeMount {
    /// An empty directory in place of this one.
    Tmpfs(String),
    /// A file in place of this one.
    File {
        /// Its path in the node.
        path: String,
        /// What is in it.
        content: String,
    },
}

/// A program from outside that a scenario needs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Outside {
    /// Looked up in PATH.
    pub program: &'static str,
    /// The Debian package that has it.
    pub package: &'static str,
}

/// Why a node's program cannot be configured.
#[derive(Debug, thiserror::Error)]
pub enum KindError {
    /// The speaker connects to one TCP port, whoever the peer.
    #[error("node `{node}`: its peers listen on ports {}; bagpipe-bgp connects to one port only, so give them the same", .ports.iter().map(u16::to_string).collect::<Vec<_>>().join(" and "))]
    Ports {
        /// The node.
        node: String,
        /// Its peers' ports.
        ports: Vec<u16>,
    },
    /// A file the scenario names cannot be read.
    #[error("node `{node}`: cannot read `{path}`: {source}")]
    Unreadable {
        /// The node.
        node: String,
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

/// The programs from outside that a kind of node needs.
pub fn outside(kind: &NodeKind) -> Vec<Outside> {
    match kind {
        NodeKind::GoBgp(_) => vec![gobgp::OUTSIDE],
        NodeKind::Frr(_) => vec![frr::OUTSIDE],
        NodeKind::OpenBgpd(_) => vec![openbgpd::OUTSIDE],
        NodeKind::Bird(_) => vec![bird::OUTSIDE],
        NodeKind::ExaBgp(_) => vec![exabgp::OUTSIDE],
        NodeKind::Ovs => vec![ovs::OUTSIDE],
        NodeKind::Bagpipe(config) if config.python.is_some() => vec![bagpipe::BRIDGES],
        NodeKind::Exec(_)
        | NodeKind::Bagpipe(_)
        | NodeKind::FakeRr(_)
        | NodeKind::Router
        | NodeKind::Host => Vec::new(),
    }
}

/// Every kind that needs programs from outside, with them.
pub fn all_outside() -> Vec<(&'static str, Vec<Outside>)> {
    let speaker = || scenario::Speaker {
        asn: 0,
        router_id: std::net::Ipv4Addr::UNSPECIFIED,
        cluster_id: None,
        sessions: Vec::new(),
        networks: Vec::new(),
        hold_time: None,
        graceful_restart: None,
        config: None,
    };
    let frr = scenario::Frr {
        speaker: speaker(),
        daemons: Vec::new(),
    };
    let kinds = [
        NodeKind::GoBgp(speaker()),
        NodeKind::Frr(frr),
        NodeKind::Bird(speaker()),
        NodeKind::OpenBgpd(speaker()),
        NodeKind::ExaBgp(speaker()),
        NodeKind::Ovs,
    ];
    kinds
        .iter()
        .map(|kind| (kind.name(), outside(kind)))
        .collect()
}

/// The programs of a node, in the order of their starts: each is ready before the next is started.
/// `base` is where relative paths start.
pub fn programs(node: &Node, base: &Path) -> Result<Vec<Program>, KindError> {
    Ok(match &node.kind {
        NodeKind::Bagpipe(config) => vec![bagpipe::program(node, config, base)?],
        NodeKind::FakeRr(config) => vec![fakerr::program(config)],
        NodeKind::GoBgp(config) => gobgp::programs(node, config, base)?,
        NodeKind::Frr(config) => frr::programs(node, config, base)?,
        NodeKind::OpenBgpd(config) => vec![openbgpd::program(node, config, base)?],
        NodeKind::Bird(config) => vec![bird::program(node, config, base)?],
        NodeKind::ExaBgp(config) => vec![exabgp::program(node, config, base)?],
        NodeKind::Ovs => ovs::programs(),
        NodeKind::Exec(config) => exec::programs(config),
        NodeKind::Router | NodeKind::Host => Vec::new(),
    })
}

/// The program of a Python environment that a node names, where this user cannot run it.
pub fn missing_python(node: &Node, base: &Path) -> Option<PathBuf> {
    let NodeKind::Bagpipe(config) = &node.kind else {
        return None;
    };
    let program = bagpipe::python_program(config, base)?;
    // Its interpreter may be somewhere else.
    let interpreter = program.with_file_name("python3");
    let runs = |path: &PathBuf| nix::unistd::access(path, nix::unistd::AccessFlags::X_OK).is_ok();
    let is_there = runs(&program) && runs(&interpreter);
    (!is_there).then_some(program)
}

/// What a node's programs find in their file system in place of the host's.
pub fn mounts(node: &Node) -> Vec<NodeMount> {
    match &node.kind {
        NodeKind::Frr(_) => frr::mounts(),
        NodeKind::OpenBgpd(_) => accounts::mounts().into(),
        NodeKind::Bird(_)
        | NodeKind::ExaBgp(_)
        | NodeKind::GoBgp(_)
        | NodeKind::Ovs
        | NodeKind::Exec(_)
        | NodeKind::Bagpipe(_)
        | NodeKind::FakeRr(_)
        | NodeKind::Router
        | NodeKind::Host => Vec::new(),
    }
}

/// A configuration file of the user's own.
fn read_config(node: &Node, base: &Path, file: &str) -> Result<String, KindError> {
    let path = base.join(file);
    fs::read_to_string(&path).map_err(|source| KindError::Unreadable {
        node: node.name.clone(),
        path: path.display().to_string(),
        source,
    })
}
