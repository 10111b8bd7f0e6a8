//! What has to be done to turn one lab into another: from nothing, or from one that is up. Pure.

mod diff;
mod render;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;

use scenario::{InterfaceAddress, Scenario, StaticRoute};
use serde::{Deserialize, Serialize};

use crate::kinds::{self, KindError, Program};

pub use diff::diff;
pub use render::{render, treated};

/// A scenario with the programs that its nodes come down to.
#[derive(Debug, Clone)]
pub struct Blueprint {
    /// What is meant.
    pub scenario: Rc<Scenario>,
    /// Programs by the names of their nodes, with their generated configurations.
    pub programs: BTreeMap<String, Rc<[Program]>>,
    /// What of it is not so, in a lab whose last change stopped halfway.
    pub undone: Undone,
}

/// What a change that stopped halfway leaves behind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Undone {
    /// Nodes of which nothing is certain: neither that they are there nor what they have.
    pub nodes: BTreeSet<String>,
    /// Nodes whose programs may not run.
    pub programs: BTreeSet<String>,
    /// LANs that are not there.
    pub lans: BTreeSet<String>,
}

impl Blueprint {
    /// Of a scenario whose relative paths start at `base`.
    ///
    /// # Errors
    ///
    /// A node's program cannot be configured, or a configuration file cannot be read.
    pub fn new(scenario: Rc<Scenario>, base: &Path) -> Result<Self, KindError> {
        let mut programs = BTreeMap::new();
        for node in &scenario.nodes {
            programs.insert(node.name.clone(), kinds::programs(node, base)?.into());
        }
        Ok(Self {
            scenario,
            programs,
            undone: Undone::default(),
        })
    }
}

/// One thing to do. In the order of a plan, each can be done after those before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "change")]
pub enum Change {
    /// A node goes, with its cables and all that runs in it.
    RemoveNode {
        /// Its name.
        node: String,
    },
    /// A point-to-point link goes.
    RemoveLink {
        /// Its name.
        link: String,
    },
    /// A node's cable to a LAN goes.
    Unplug {
        /// The node.
        node: String,
        /// The LAN.
        lan: String,
    },
    /// A LAN goes, with all cables to it.
    RemoveLan {
        /// Its name.
        lan: String,
    },
    /// A node is taken down and made anew with its cables: it cannot be changed in place.
    RemakeNode {
        /// Its name.
        node: String,
        /// What cannot.
        why: String,
    },
    /// A node comes, with its cables to LANs.
    AddNode {
        /// Its name.
        node: String,
        /// What it is.
        kind: String,
    },
    /// A LAN comes.
    AddLan {
        /// Its name.
        lan: String,
    },
    /// Interfaces get another MTU.
    SetMtu {
        /// The LAN or link.
        net: String,
        /// Octets.
        mtu: u32,
    },
    /// A LAN or link does something else to frames.
    Impair {
        /// The LAN or link.
        net: String,
        /// What, in words.
        by: String,
    },
    /// A node gets a cable to a LAN.
    Plug {
        /// The node.
        node: String,
        /// The LAN.
        lan: String,
    },
    /// A node's cable to a LAN is taken out and laid anew.
    Replug {
        /// The node.
        node: String,
        /// The LAN.
        lan: String,
        /// What cannot be changed in place.
        why: String,
    },
    /// A link is taken out and laid anew.
    RemakeLink {
        /// Its name.
        link: String,
        /// What cannot be changed in place.
        why: String,
    },
    /// A point-to-point link comes.
    AddLink {
        /// Its name.
        link: String,
        /// The nodes at its ends.
        ends: [String; 2],
    },
    /// An interface's addresses change.
    Readdress {
        /// The node.
        node: String,
        /// The LAN or link; `None` is the loopback interface.
        net: Option<String>,
        /// Addresses that go.
        remove: Vec<InterfaceAddress>,
        /// Addresses that come.
        add: Vec<InterfaceAddress>,
    },
    /// A node's routes change.
    Reroute {
        /// The node.
        node: String,
        /// Routes that go.
        remove: Vec<StaticRoute>,
        /// Routes that come.
        add: Vec<StaticRoute>,
    },
    /// A node's programs are ended and started with another configuration.
    RestartNode {
        /// The node.
        node: String,
        /// What is different.
        why: String,
    },
}
