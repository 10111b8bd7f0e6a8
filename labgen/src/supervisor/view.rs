//! A lab as `inspect` shows it.

use std::time::Duration;

use futures_util::StreamExt;
use scenario::{NetId, Node, NodeId};

use super::lab::Lab;
use crate::observe::Session;
use crate::protocol::{
    InterfaceView, LabView, LanView, LinkView, NodeView, ProgramView, SessionView,
};

/// How long a speaker may take to tell of its sessions.
const PATIENCE: Duration = Duration::from_secs(1);
/// How many are asked at a time.
const ASKED_AT_ONCE: usize = 64;

/// What is known without asking anybody.
pub(super) fn known(lab: &Lab) -> LabView {
    let mut nodes: Vec<NodeView> = lab
        .scenario
        .nodes()
        .map(|(id, node)| of_node(lab, id, node))
        .collect();
    nodes.sort_by(|a, b| a.name.cmp(&b.name));
    LabView {
        name: lab.scenario.lab.name.clone(),
        file: lab.file.clone(),
        dir: lab.dir.path().to_owned(),
        pid: None,
        nodes,
        lans: lans(lab),
        links: links(lab),
        impaired: lab.impaired(),
    }
}

/// The same with what programs and the kernel say of themselves: sessions, memory, namespaces.
pub(super) async fn asked(lab: &Lab) -> LabView {
    let mut view = known(lab);
    let answers = futures_util::stream::iter(&mut view.nodes).map(|node| async move {
        node.memory_kib = memory(&node.programs);
        if let Some(id) = lab.scenario.node_named(&node.name) {
            node.sessions = sessions(lab, id).await;
            if node.on.is_none() {
                node.namespaces = lab
                    .home(id)
                    .map_or_else(|_| Vec::new(), |home| home.named());
            }
        }
    });
    answers
        .buffer_unordered(ASKED_AT_ONCE)
        .for_each(|()| std::future::ready(()))
        .await;
    view
}

fn of_node(lab: &Lab, id: NodeId, node: &Node) -> NodeView {
    let nodes = lab.state.nodes.borrow();
    let state = nodes.get(&node.name);
    let programs: Vec<ProgramView> = state
        .into_iter()
        .flat_map(|state| &state.children)
        .filter(|running| !running.once)
        .map(|running| {
            let exited = running.child.try_exit();
            ProgramView {
                name: running.name.into(),
                pid: Some(running.child.pid()).filter(|_| exited.is_none()),
                exited: exited.map(|exit| exit.to_string()),
            }
        })
        .collect();
    let cut: Vec<String> = node
        .interfaces
        .iter()
        .map(|interface| lab.scenario.net_name(interface.net))
        .filter(|net| lab.state.is_cut(&node.name, net))
        .map(str::to_owned)
        .collect();
    let addresses = node.interfaces.iter().map(|interface| {
        let net = lab.scenario.net_name(interface.net).to_owned();
        (net, joined(&interface.addresses, " "))
    });
    let interfaces = node.interfaces.iter().map(|interface| InterfaceView {
        name: interface.name.clone(),
        net: lab.scenario.net_name(interface.net).to_owned(),
        addresses: interface
            .addresses
            .iter()
            .map(ToString::to_string)
            .collect(),
        mac: interface.mac.map(|mac| mac.to_string()),
    });
    NodeView {
        name: node.name.clone(),
        kind: node.kind.name().into(),
        on: node.on.map(|on| lab.scenario[on].name.clone()),
        addresses: addresses.collect(),
        loopbacks: node.loopbacks.iter().map(ToString::to_string).collect(),
        interfaces: interfaces.collect(),
        pid: programs.last().and_then(|program| program.pid),
        exited: programs.iter().find_map(|program| program.exited.clone()),
        halted: state.is_some_and(|state| state.halted),
        programs,
        cut,
        memory_kib: None,
        sessions: Vec::new(),
        namespaces: Vec::new(),
        log: lab.dir.log(&lab.scenario[id].name),
    }
}

fn lans(lab: &Lab) -> Vec<LanView> {
    let name = |id: &NodeId| lab.scenario[*id].name.clone();
    let lans = lab.scenario.lans.iter().map(|lan| LanView {
        name: lan.name.clone(),
        subnet: joined(&lan.subnets, ", "),
        members: lan.members.iter().map(name).collect(),
    });
    let mut lans: Vec<LanView> = lans.collect();
    lans.sort_by(|a, b| a.name.cmp(&b.name));
    lans
}

fn links(lab: &Lab) -> Vec<LinkView> {
    let links = lab.scenario.links.iter().enumerate().map(|(index, link)| {
        let net = NetId::Link(scenario::LinkId(index));
        let ends = link.ends.map(|id| {
            let node = &lab.scenario[id];
            let interface = super::build::interface_on(node, net);
            let interface = interface.map_or("", |interface| interface.name.as_str());
            format!("{}/{interface}", node.name)
        });
        LinkView {
            name: link.name.clone(),
            subnet: joined(&link.subnets, ", "),
            ends,
        }
    });
    let mut links: Vec<LinkView> = links.collect();
    links.sort_by(|a, b| a.name.cmp(&b.name));
    links
}

/// Sessions of a speaker that can be asked, as they are now; none if it does not answer at once.
async fn sessions(lab: &Lab, node: NodeId) -> Vec<SessionView> {
    let ask = super::observing::sessions(lab, node);
    let answer = tokio::time::timeout(PATIENCE, ask).await;
    let sessions = answer.ok().and_then(Result::ok).unwrap_or_default();
    let view = |session: Session| SessionView {
        peer: session.peer,
        state: session.state.name().to_owned(),
        asn: session.remote_as,
        families: session
            .families
            .map(|families| families.iter().map(ToString::to_string).collect()),
    };
    sessions.into_iter().map(view).collect()
}

fn joined<T: ToString>(values: &[T], between: &str) -> String {
    let texts: Vec<String> = values.iter().map(T::to_string).collect();
    texts.join(between)
}

/// Resident memory of what runs of a node.
fn memory(programs: &[ProgramView]) -> Option<u64> {
    programs
        .iter()
        .filter_map(|program| resident_kib(program.pid?))
        .reduce(|a, b| a + b)
}

fn resident_kib(pid: i32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}
