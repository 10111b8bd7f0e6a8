//! The namespaces of nodes, made by a few threads.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use netns::addr::IpPrefix;
use netns::link::{Address, LinkChange, Netlink, Request};
use netns::ns::{Bind, NetNs, NodeNs, NodeSpec, Own, Visitor};
use netns::sysctl;
use scenario::{Node, NodeId, Scenario};

use super::{BIN, BuildError, READY, visiting};
use crate::kinds::{self, NodeMount, Program};
use crate::state::LabDir;
use crate::supervisor::home::{FORGET_ORPHANS, Home, NodeState};
use crate::supervisor::lab::Lab;

/// IPv6 addresses can be used at once, and stay when their link goes down for a while.
const IPV6_AT_ONCE: [(&str, &str); 3] = [
    ("net.ipv6.conf.default.accept_dad", "0"),
    ("net.ipv6.conf.default.keep_addr_on_down", "1"),
    ("net.ipv6.conf.all.keep_addr_on_down", "1"),
];
/// A router forwards, whichever way packets come.
const FORWARD: [(&str, &str); 4] = [
    ("net.ipv4.ip_forward", "1"),
    ("net.ipv6.conf.all.forwarding", "1"),
    ("net.ipv4.conf.all.rp_filter", "0"),
    ("net.ipv4.conf.default.rp_filter", "0"),
];
/// Every namespace's loopback interface.
pub(in crate::supervisor) const LOOPBACK: u32 = 1;

/// What a thread needs to know of a home.
struct Job {
    node: String,
    spec: NodeSpec,
    settings: Vec<(&'static str, &'static str)>,
    requests: Vec<Request>,
    /// Something runs here, so that a mount namespace is needed.
    inhabited: bool,
}

/// Makes the homes of `nodes` (and the states of nodes that live in those), with the programs they are to run.
pub(in crate::supervisor) async fn make(
    lab: &Lab,
    nodes: &BTreeSet<NodeId>,
    programs: &BTreeMap<NodeId, Rc<[Program]>>,
) -> Result<(), BuildError> {
    let scenario = &lab.scenario;
    let owners: Vec<NodeId> = nodes
        .iter()
        .copied()
        .filter(|id| scenario.home(*id) == *id)
        .collect();
    let mut inhabitants: BTreeMap<NodeId, Vec<NodeId>> = BTreeMap::new();
    for (id, _) in scenario.nodes() {
        inhabitants.entry(scenario.home(id)).or_default().push(id);
    }
    let has_ipv6 = Path::new("/proc/sys/net/ipv6").is_dir();
    let jobs = owners.iter().map(|id| {
        let inhabitants = inhabitants.get(id).map(Vec::as_slice).unwrap_or_default();
        job(lab, *id, inhabitants, programs, has_ipv6)
    });
    let jobs: Vec<Job> = jobs.collect();
    let specs: Vec<NodeSpec> = jobs.iter().map(|job| job.spec.clone()).collect();
    let made = visiting(jobs, home).await?;
    let homes: BTreeMap<NodeId, Rc<Home>> = owners
        .into_iter()
        .zip(made.into_iter().zip(specs))
        .map(|(id, ((net, whole), spec))| (id, Rc::new(Home::new(net, spec, whole))))
        .collect();
    for id in nodes {
        let owner = scenario.home(*id);
        let home = match homes.get(&owner) {
            Some(home) => Rc::clone(home),
            // On a node that was there before.
            None => lab.home(owner)?,
        };
        let state = NodeState {
            home,
            programs: programs.get(id).cloned().unwrap_or_default(),
            children: Vec::new(),
            halted: false,
        };
        let name = scenario[*id].name.clone();
        lab.state.nodes.borrow_mut().insert(name, state);
    }
    Ok(())
}

fn job(
    lab: &Lab,
    home: NodeId,
    inhabitants: &[NodeId],
    programs: &BTreeMap<NodeId, Rc<[Program]>>,
    has_ipv6: bool,
) -> Job {
    let scenario = &lab.scenario;
    let node = &scenario[home];
    let inhabited = inhabitants.iter().any(|id| {
        programs
            .get(id)
            .is_some_and(|programs| !programs.is_empty())
    });
    let mut settings = Vec::new();
    let is_ipv6 = |address: &scenario::InterfaceAddress| address.ip.is_ipv6();
    let own = node.interfaces.iter().flat_map(|i| &i.addresses);
    if inhabited || own.chain(&node.loopbacks).any(is_ipv6) {
        settings.extend(IPV6_AT_ONCE);
    }
    if inhabitants.iter().any(|id| scenario[*id].kind.forwards()) {
        settings.extend(FORWARD);
    }
    if inhabited {
        settings.extend(FORGET_ORPHANS);
    }
    // A kernel started without IPv6 has no settings of it, and can do labs without it.
    settings.retain(|(name, _)| has_ipv6 || !name.starts_with("net.ipv6."));
    Job {
        node: node.name.clone(),
        spec: node_spec(&lab.dir, scenario, inhabitants),
        settings,
        requests: loopback(node),
        inhabited,
    }
}

/// On the thread that makes it.
fn home(visitor: &Visitor, job: &Job) -> Result<(NetNs, Option<NodeNs>), BuildError> {
    let failed = |source| BuildError::Namespace {
        node: job.node.clone(),
        source,
    };
    let net = visitor.make_net().map_err(failed)?;
    sysctl::write_here(&job.settings).map_err(failed)?;
    let set_up = |source| BuildError::Node {
        node: job.node.clone(),
        source,
    };
    let netlink = Netlink::current().map_err(set_up)?;
    for result in netlink.batch_blocking(&job.requests) {
        result.map_err(set_up)?;
    }
    let whole = job
        .inhabited
        .then(|| visitor.make_mnt(&job.spec))
        .transpose()
        .map_err(failed)?;
    Ok((net, whole))
}

fn loopback(node: &Node) -> Vec<Request> {
    let own = node
        .loopbacks
        .iter()
        .filter_map(|address| IpPrefix::new(address.ip, address.len));
    std::iter::once(LinkChange::new(LOOPBACK).up().request())
        .chain(own.map(|prefix| Address::new(LOOPBACK, prefix).replace()))
        .collect()
}

fn node_spec(dir: &LabDir, scenario: &Scenario, inhabitants: &[NodeId]) -> NodeSpec {
    let show = |source: PathBuf, target: &str, read_only| Bind {
        source,
        target: target.into(),
        read_only,
    };
    let own = inhabitants
        .iter()
        .flat_map(|id| kinds::mounts(&scenario[*id]))
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
