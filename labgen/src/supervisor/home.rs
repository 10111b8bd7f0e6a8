//! A node's namespaces, and what the supervisor keeps of everything it has made.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use netns::ns::{NetNs, NodeNs, NodeSpec, NsError};
use netns::process::{Child, Exit};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::impair::Impairing;
use super::marks::Marks;
use super::ports::PortState;
use super::recording::Tap;
use super::traffic::{self, Begun};
use crate::kinds::Program;

/// Connections whose ends died with the lab must not keep its namespaces alive for minutes, trying to say goodbye.
pub(super) const FORGET_ORPHANS: [(&str, &str); 2] = [
    ("net.ipv4.tcp_orphan_retries", "1"),
    ("net.ipv4.tcp_fin_timeout", "1"),
];

/// A node's namespaces. That of mounts is made when something is to run in it: most hosts of a large lab never need
/// one, and it costs half as much as the rest of them.
#[derive(Debug)]
pub(super) struct Home {
    /// The network namespace.
    pub(super) net: NetNs,
    spec: NodeSpec,
    whole: OnceCell<NodeNs>,
}

impl Home {
    /// Around a network namespace; `spec` is for the mount namespace, unless that is there as well.
    pub(super) fn new(net: NetNs, spec: NodeSpec, whole: Option<NodeNs>) -> Self {
        Self {
            net,
            spec,
            whole: whole.map_or_else(OnceCell::new, OnceCell::from),
        }
    }

    /// Both namespaces.
    pub(super) fn whole(&self) -> Result<&NodeNs, NsError> {
        if let Some(whole) = self.whole.get() {
            return Ok(whole);
        }
        let made = NodeNs::around(&self.net, &self.spec)?;
        netns::sysctl::write_all(&self.net, &FORGET_ORPHANS)?;
        Ok(self.whole.get_or_init(|| made))
    }

    /// The names of network namespaces in it.
    pub(super) fn named(&self) -> Vec<String> {
        let Some(whole) = self.whole.get() else {
            return Vec::new();
        };
        let names = whole.run(netns::ns::named::list);
        names.ok().and_then(Result::ok).unwrap_or_default()
    }

    /// Runs `f` inside both namespaces, on a throw-away thread, and waits for it.
    pub(super) fn run<T: Send>(&self, f: impl FnOnce() -> T + Send) -> Result<T, NsError> {
        self.whole()?.run(f)
    }
}

/// A node as it is now.
#[derive(Debug)]
pub(super) struct NodeState {
    /// Its namespaces; those of another node when it is on one.
    pub(super) home: Rc<Home>,
    /// What it runs, in the order of the starts.
    pub(super) programs: Rc<[Program]>,
    /// What was started of it, in that order.
    pub(super) children: Vec<Running>,
    /// Whether its programs were ended on request.
    pub(super) halted: bool,
}

/// A program that was started.
#[derive(Debug)]
pub(super) struct Running {
    /// What it is called in messages.
    pub(super) name: &'static str,
    /// Whether it does its work and ends.
    pub(super) once: bool,
    /// Whether nobody waited for more than its start: then it may have done its work, too.
    pub(super) brief: bool,
    pub(super) child: Child,
}

impl Running {
    /// How it ended, if it should not have.
    pub(super) fn failed(&self) -> Option<Exit> {
        let exit = self.child.try_exit().filter(|_| !self.once)?;
        (!self.brief || !exit.success()).then_some(exit)
    }
}

/// A node's interface on a LAN or link.
#[derive(Debug, Clone)]
pub(super) struct Plug {
    /// Its name in the node.
    pub(super) interface: String,
    /// Its index in the node.
    pub(super) index: u32,
    /// The port of the LAN's bridge at the other end of the cable; `None` on a point-to-point link.
    pub(super) port: Option<u32>,
    /// Whether the cable is cut.
    pub(super) cut: bool,
}

/// A LAN's bridge in the lab's own namespace.
#[derive(Debug, Clone)]
pub(super) struct Switch {
    /// Its name.
    pub(super) name: String,
    /// Its index.
    pub(super) index: u32,
}

/// Everything that was made, by the names of the scenario: they stay when the scenario changes, its indexes do not.
pub(super) struct State {
    /// The lab's own network namespace, with a bridge per LAN.
    pub(super) switches: NetNs,
    pub(super) bridges: RefCell<BTreeMap<String, Switch>>,
    pub(super) nodes: RefCell<BTreeMap<String, NodeState>>,
    /// By node and by LAN or link.
    pub(super) plugs: RefCell<BTreeMap<(String, String), Plug>>,
    pub(super) ports: RefCell<BTreeMap<String, PortState>>,
    pub(super) taps: RefCell<Vec<Tap>>,
    /// Traffic, by its name.
    pub(super) flows: RefCell<BTreeMap<String, Rc<traffic::Running>>>,
    /// The latest steps that began, in order.
    pub(super) begun: RefCell<VecDeque<Begun>>,
    /// What is done to frames on their way.
    pub(super) impairing: Impairing,
    /// Held by whoever ends or starts the programs of a node, by its name.
    turns: RefCell<BTreeMap<String, Arc<Mutex<()>>>>,
    /// Held by whoever pulls cables or plugs them in.
    pub(super) pulling: Mutex<()>,
    /// What was counted when steps began.
    pub(super) marks: Marks,
    next_index: Cell<u32>,
}

/// The first index of an interface made here. Below are those of the devices that some kernels put into every new
/// namespace.
const FIRST_INDEX: u32 = 101;

impl State {
    pub(super) fn new(switches: NetNs) -> Self {
        Self {
            switches,
            bridges: RefCell::default(),
            nodes: RefCell::default(),
            plugs: RefCell::default(),
            ports: RefCell::default(),
            taps: RefCell::default(),
            flows: RefCell::default(),
            begun: RefCell::default(),
            impairing: Impairing::default(),
            turns: RefCell::default(),
            pulling: Mutex::default(),
            marks: Marks::default(),
            next_index: Cell::new(FIRST_INDEX),
        }
    }

    /// Waits until nobody else ends or starts the programs of a node. It is one's turn until the guard goes.
    pub(super) async fn turn(&self, node: &str) -> OwnedMutexGuard<()> {
        let turn = Arc::clone(self.turns.borrow_mut().entry(node.to_owned()).or_default());
        turn.lock_owned().await
    }

    /// Whether a node's cable to a LAN or link is cut.
    pub(super) fn is_cut(&self, node: &str, net: &str) -> bool {
        let plugs = self.plugs.borrow();
        let plug = plugs.get(&(node.to_owned(), net.to_owned()));
        plug.is_some_and(|plug| plug.cut)
    }

    /// An index that no interface of the lab has.
    pub(super) fn next_index(&self) -> u32 {
        self.next_index.replace(self.next_index.get() + 1)
    }
}
