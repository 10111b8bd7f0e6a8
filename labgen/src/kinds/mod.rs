//! The programs a node can run: what each needs, how it is configured and started. Pure: text in, text out.

mod bagpipe;
mod fakerr;
mod gobgp;

use std::path::Path;

use scenario::{Node, NodeKind};

/// How a node's program is started, and when it counts as ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The program: a name looked up in the node's PATH.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Files to write first: absolute path in the node, content.
    pub files: Vec<(String, String)>,
    /// Waits for connections; started before those that connect.
    pub passive: bool,
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

/// The program from outside that a kind of node needs.
pub fn outside(kind: &NodeKind) -> Option<Outside> {
    match kind {
        NodeKind::GoBgp(_) => Some(gobgp::OUTSIDE),
        NodeKind::Bagpipe(_) | NodeKind::FakeRr(_) | NodeKind::Host => None,
    }
}

/// The program of a node; `None` for a plain host. `base` is where relative paths start.
pub fn program(node: &Node, base: &Path) -> Result<Option<Program>, KindError> {
    Ok(match &node.kind {
        NodeKind::Bagpipe(config) => Some(bagpipe::program(node, config)?),
        NodeKind::FakeRr(config) => Some(fakerr::program(config)),
        NodeKind::GoBgp(config) => Some(gobgp::program(node, config, base)?),
        NodeKind::Host => None,
    })
}
