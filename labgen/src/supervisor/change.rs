//! Turning a lab that stands into what its scenario says now.
//!
//! ```text
//!   old lab ──diff──> changes ──┬─ end programs, take cables and nodes out     (by the old scenario)
//!   new scenario ───────────────┴─ make nodes, lay cables, start programs      (by the new one)
//! ```
//!
//! Both labs share one [`State`](super::home::State), which knows everything by name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::{fs, io};

use futures_util::StreamExt;
use impair::Impairment;
use netns::addr::IpPrefix;
use netns::link::{Address, LinkChange, LinkRef, Request, Route};
use netns::ns::NetNs;
use scenario::{Direction, Impaired, Interface, LanId, LinkId, NetId, NodeId, Scenario};

use super::build::{self, BuildError, LOOPBACK, Wiring};
use super::impair as impairing;
use super::lab::Lab;
use super::life::{LifeError, carry_out};
use super::observing::Unconverged;
use crate::kinds::{KindError, Program};
use crate::plan::{self, Blueprint, Change, Undone};
use crate::protocol::Event;
use crate::state::StateError;

/// Why a lab could not be changed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ChangeError {
    #[error("cannot read the resolved scenario `{path}`")]
    Unreadable { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Kind(#[from] KindError),
    #[error("lab `{lab}` was built from another file, `{file}`; `labgen down {lab}` ends it")]
    OtherFile { lab: String, file: String },
    #[error("lab `{0}` is still coming up or doing its steps; it can be changed after that")]
    Driven(String),
    #[error("the change was made, but `labgen list` does not know of it")]
    Unlisted(#[from] StateError),
    #[error("the change is made, but the lab does not converge")]
    Unconverged(#[from] Unconverged),
    #[error("the change stopped halfway; `labgen inspect` shows what there is")]
    Halfway(#[from] LifeError),
}

impl From<BuildError> for ChangeError {
    fn from(error: BuildError) -> Self {
        Self::Halfway(LifeError::Build(error))
    }
}

/// Reads a resolved scenario.
pub(super) fn read_scenario(path: &Path) -> Result<Scenario, ChangeError> {
    let unreadable = |source| ChangeError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let text = fs::read(path).map_err(unreadable)?;
    serde_json::from_slice(&text).map_err(|error| unreadable(error.into()))
}

/// What a lab is now, as a plan knows it: with the configurations that were in force when its programs started.
fn blueprint(lab: &Lab, undone: Undone) -> Blueprint {
    let nodes = lab.state.nodes.borrow();
    let programs = nodes
        .iter()
        .map(|(name, state)| (name.clone(), Rc::clone(&state.programs)));
    Blueprint {
        scenario: Rc::clone(&lab.scenario),
        programs: programs.collect(),
        undone,
    }
}

/// A change that has been planned and not yet made.
pub(super) struct Planned {
    pub(super) changes: Vec<Change>,
    new: Blueprint,
}

/// What has to be done to turn the lab into this scenario.
pub(super) fn prepare(
    lab: &Lab,
    undone: Undone,
    scenario: Scenario,
) -> Result<Planned, ChangeError> {
    let new = Blueprint::new(Rc::new(scenario), &lab.base)?;
    Ok(Planned {
        changes: plan::diff(Some(&blueprint(lab, undone)), &new),
        new,
    })
}

/// What has come of a change: a lab in any case, for one that stopped halfway is one too.
pub(super) struct Made {
    pub(super) lab: Lab,
    /// For the next change to make up for.
    pub(super) undone: Undone,
    pub(super) outcome: Result<(), ChangeError>,
}

/// Makes a planned change.
pub(super) async fn make(old: &Lab, planned: &Planned) -> Made {
    let new = Lab {
        scenario: Rc::clone(&planned.new.scenario),
        dir: old.dir.clone(),
        file: old.file.clone(),
        base: old.base.clone(),
        state: Rc::clone(&old.state),
        spawner: old.spawner.clone(),
        teller: old.teller.clone(),
        began: old.began,
    };
    let work = Work::of(&planned.changes, &new.scenario);
    if let Err(error) = take_down(old, &work).await {
        // Nothing of the new scenario is there yet.
        let lab = Lab {
            scenario: Rc::clone(&old.scenario),
            ..new
        };
        return Made {
            undone: undone(&lab, [&old.scenario, &new.scenario], &work),
            lab,
            outcome: Err(error.into()),
        };
    }
    if let Err(error) = put_up(&new, &planned.new, &work).await {
        return Made {
            undone: undone(&new, [&old.scenario, &new.scenario], &work),
            lab: new,
            outcome: Err(error),
        };
    }
    let starting = work.starting(&new);
    let started = build::start_all(&new, &|_: &Event| {}, &starting).await;
    let mut undone = Undone::default();
    if started.is_err() {
        let halted = starting.into_iter().filter(|id| !new.runs_all(*id));
        undone.programs = halted.map(|id| new.scenario[id].name.clone()).collect();
    }
    Made {
        lab: new,
        undone,
        outcome: started.map_err(ChangeError::from),
    }
}

/// Of a change that stopped somewhere, all that it was about.
fn undone(lab: &Lab, scenarios: [&Scenario; 2], work: &Work<'_>) -> Undone {
    let bridges = lab.state.bridges.borrow();
    let lans = lab.scenario.lans.iter().map(|lan| &lan.name);
    Undone {
        nodes: touched(work.changes, scenarios),
        programs: work.restarting.iter().map(ToString::to_string).collect(),
        lans: lans
            .filter(|lan| !bridges.contains_key(*lan))
            .cloned()
            .collect(),
    }
}

/// The nodes whose namespaces or interfaces these changes have to do with.
fn touched(changes: &[Change], scenarios: [&Scenario; 2]) -> BTreeSet<String> {
    let nodes = || {
        scenarios.into_iter().flat_map(|scenario| {
            let nodes = scenario.nodes.iter();
            nodes.flat_map(move |node| {
                let nets = node.interfaces.iter();
                nets.map(move |own| (scenario.net_name(own.net), &node.name))
            })
        })
    };
    let on = |net: &str| {
        nodes()
            .filter(move |(on, _)| *on == net)
            .map(|(_, node)| node.clone())
            .collect()
    };
    let of = |change: &Change| -> Vec<String> {
        match change {
            Change::RemoveNode { node }
            | Change::RemakeNode { node, .. }
            | Change::AddNode { node, .. }
            | Change::Plug { node, .. }
            | Change::Unplug { node, .. }
            | Change::Replug { node, .. }
            | Change::Readdress { node, .. }
            | Change::Reroute { node, .. } => vec![node.clone()],
            Change::AddLink { link: net, .. }
            | Change::RemakeLink { link: net, .. }
            | Change::RemoveLink { link: net }
            | Change::SetMtu { net, .. }
            | Change::Impair { net, .. } => on(net),
            Change::AddLan { .. } | Change::RemoveLan { .. } | Change::RestartNode { .. } => {
                Vec::new()
            }
        }
    };
    changes.iter().flat_map(of).collect()
}

/// The changes, sorted by what they ask for.
struct Work<'a> {
    changes: &'a [Change],
    /// Nodes that go, for good or to come anew.
    going: BTreeSet<&'a str>,
    /// Nodes that come.
    coming: BTreeSet<NodeId>,
    /// Nodes whose programs are ended and started.
    restarting: BTreeSet<&'a str>,
    /// Cables that go: a LAN's by its node, a link's by either end.
    cables: BTreeSet<(Option<&'a str>, &'a str)>,
    wiring: Wiring,
}

impl<'a> Work<'a> {
    fn of(changes: &'a [Change], scenario: &Scenario) -> Self {
        let mut work = Self {
            changes,
            going: BTreeSet::new(),
            coming: BTreeSet::new(),
            restarting: BTreeSet::new(),
            cables: BTreeSet::new(),
            wiring: Wiring::default(),
        };
        let lan = |name: &str| {
            scenario
                .lans
                .iter()
                .position(|lan| lan.name == name)
                .map(LanId)
        };
        let link = |name: &str| {
            let mut links = scenario.links.iter();
            links.position(|link| link.name == name).map(LinkId)
        };
        for change in changes {
            match change {
                Change::RemoveNode { node } => drop(work.going.insert(node)),
                Change::RemakeNode { node, .. } => {
                    work.going.insert(node);
                    work.coming.extend(scenario.node_named(node));
                }
                Change::AddNode { node, .. } => work.coming.extend(scenario.node_named(node)),
                Change::RestartNode { node, .. } => drop(work.restarting.insert(node)),
                Change::RemoveLink { link } => drop(work.cables.insert((None, link))),
                Change::RemakeLink { link: name, .. } => {
                    work.cables.insert((None, name));
                    work.wiring.links.extend(link(name));
                }
                Change::AddLink { link: name, .. } => work.wiring.links.extend(link(name)),
                Change::AddLan { lan: name } => work.wiring.lans.extend(lan(name)),
                Change::Unplug { node, lan } => drop(work.cables.insert((Some(node), lan))),
                Change::Replug {
                    node, lan: name, ..
                } => {
                    work.cables.insert((Some(node), name));
                    let ids = lan(name).zip(scenario.node_named(node));
                    work.wiring.joins.extend(ids);
                }
                Change::Plug { node, lan: name } => {
                    let ids = lan(name).zip(scenario.node_named(node));
                    work.wiring.joins.extend(ids);
                }
                Change::RemoveLan { .. }
                | Change::SetMtu { .. }
                | Change::Impair { .. }
                | Change::Readdress { .. }
                | Change::Reroute { .. } => {}
            }
        }
        for id in &work.coming {
            for interface in &scenario[*id].interfaces {
                if let NetId::Lan(lan) = interface.net {
                    work.wiring.joins.push((lan, *id));
                }
            }
        }
        work
    }

    /// Nodes whose programs are to be started.
    fn starting(&self, lab: &Lab) -> BTreeSet<NodeId> {
        let restarting = self.restarting.iter();
        let restarting = restarting.filter_map(|node| lab.scenario.node_named(node));
        self.coming.iter().copied().chain(restarting).collect()
    }
}

/// Ends programs, and takes out what goes.
async fn take_down(lab: &Lab, work: &Work<'_>) -> Result<(), LifeError> {
    let ending = work.going.iter().chain(&work.restarting);
    let halts = ending.filter_map(|node| lab.scenario.node_named(node));
    let mut halts = futures_util::stream::iter(halts.map(|id| lab.halt(id))).buffer_unordered(64);
    while let Some(halted) = halts.next().await {
        match halted {
            Ok(_) | Err(LifeError::NotRunning(_)) => {}
            Err(error) => return Err(error),
        }
    }
    take_cables(lab, work).await?;
    let removed = work.changes.iter().filter_map(|change| match change {
        Change::RemoveLan { lan } => Some(lan),
        _ => None,
    });
    for lan in removed {
        let bridge = lab.state.bridges.borrow_mut().remove(lan);
        if let Some(bridge) = bridge {
            let delete = vec![LinkRef::from(bridge.index).delete()];
            carry_out(lan, &lab.state.switches, delete).await?;
        }
    }
    let mut nodes = lab.state.nodes.borrow_mut();
    let mut ports = lab.state.ports.borrow_mut();
    for node in &work.going {
        nodes.remove(*node);
        ports.retain(|_, port| port.on != *node);
    }
    Ok(())
}

/// Takes cables out: the kernel would remove those of a namespace that goes in its own time only, and what comes anew
/// may bear the same names.
async fn take_cables(lab: &Lab, work: &Work<'_>) -> Result<(), LifeError> {
    let mut in_switches = Vec::new();
    let mut in_nodes: BTreeMap<String, Vec<Request>> = BTreeMap::new();
    let mut links = BTreeSet::new();
    lab.state.plugs.borrow_mut().retain(|(node, net), plug| {
        let meant = match plug.port {
            Some(_) => work.cables.contains(&(Some(node.as_str()), net.as_str())),
            None => work.cables.contains(&(None, net.as_str())),
        };
        if !(meant || work.going.contains(node.as_str()) && plug.port.is_some()) {
            return true;
        }
        let impairing = &lab.state.impairing;
        impairing.forget(net, node);
        let own = plug.port.is_some().then_some(node.as_str());
        if let Some(own) = impairing.unplug(net, own) {
            in_switches.extend(own);
            links.insert(net.clone());
        }
        match plug.port {
            Some(port) => in_switches.push(LinkRef::from(port).delete()),
            // Both ends of a link go together.
            None if links.insert(net.clone()) => {
                let own = in_nodes.entry(node.clone()).or_default();
                own.push(LinkRef::from(plug.index).delete());
            }
            None => {}
        }
        false
    });
    carry_out(&lab.scenario.lab.name, &lab.state.switches, in_switches).await?;
    for (node, requests) in in_nodes {
        let net = net_of(lab, &node);
        if let Some(net) = net {
            carry_out(&node, &net, requests).await?;
        }
    }
    Ok(())
}

fn net_of(lab: &Lab, node: &str) -> Option<NetNs> {
    let nodes = lab.state.nodes.borrow();
    nodes.get(node).map(|state| state.home.net.clone())
}

/// Makes what comes and changes what stays; programs are not started yet.
async fn put_up(lab: &Lab, new: &Blueprint, work: &Work<'_>) -> Result<(), ChangeError> {
    let programs = |id: NodeId| -> Rc<[Program]> {
        let own = new.programs.get(&lab.scenario[id].name);
        own.cloned().unwrap_or_default()
    };
    let coming: BTreeMap<NodeId, Rc<[Program]>> =
        work.coming.iter().map(|id| (*id, programs(*id))).collect();
    build::make_namespaces(lab, &work.coming, &coming).await?;
    for change in work.changes {
        in_place(lab, change).await?;
    }
    build::lay(lab, &work.wiring).await?;
    for change in work.changes {
        if let Change::Impair { net, .. } = change {
            impair_anew(lab, net).await?;
        }
    }
    for change in work.changes {
        if let Change::Reroute { node, .. } = change
            && let Ok(id) = lab.node_named(node)
        {
            let up = |own: &Interface| lab.leads_out(node, lab.scenario.net_name(own.net));
            let routes = build::routes(&lab.scenario[id], up);
            carry_out(
                node,
                &lab.home(id).map_err(LifeError::from)?.net.clone(),
                routes,
            )
            .await?;
        }
    }
    for node in &work.restarting {
        let Some(id) = lab.scenario.node_named(node) else {
            continue;
        };
        if let Some(state) = lab.state.nodes.borrow_mut().get_mut(*node) {
            state.programs = programs(id);
            state.children.clear();
            state.halted = false;
        }
    }
    Ok(())
}

/// What can be changed without taking anything out. Routes come last, when everything is plugged in.
async fn in_place(lab: &Lab, change: &Change) -> Result<(), LifeError> {
    match change {
        Change::SetMtu { net, mtu } => set_mtu(lab, net, *mtu).await,
        Change::Readdress {
            node,
            net,
            remove,
            add,
        } => {
            let index = match net {
                None => Some(LOOPBACK),
                Some(net) => {
                    let plugs = lab.state.plugs.borrow();
                    let plug = plugs.get(&(node.clone(), net.clone()));
                    plug.map(|plug| plug.index)
                }
            };
            let Some((index, place)) = index.zip(net_of(lab, node)) else {
                return Ok(());
            };
            let prefix = |a: &scenario::InterfaceAddress| IpPrefix::new(a.ip, a.len);
            let gone = remove.iter().filter_map(prefix);
            let come = add.iter().filter_map(prefix);
            let requests = gone
                .map(|prefix| Address::new(index, prefix).delete())
                .chain(come.map(|prefix| Address::new(index, prefix).replace()));
            carry_out(node, &place, requests.collect()).await
        }
        Change::Reroute { node, remove, .. } => {
            let Some(place) = net_of(lab, node) else {
                return Ok(());
            };
            let gone = remove.iter().filter_map(|route| {
                let to = IpPrefix::new(route.to.address(), route.to.len())?;
                Some(Route::to(to).via(route.via).delete())
            });
            // One that went with its link is gone already.
            match carry_out(node, &place, gone.collect()).await {
                Err(LifeError::Link { source, .. }) if source.is_not_found() => Ok(()),
                other => other,
            }
        }
        _ => Ok(()),
    }
}

/// Has a LAN or link do to frames what the scenario says from the start, and nothing else.
async fn impair_anew(lab: &Lab, net: &str) -> Result<(), LifeError> {
    let mut nets = lab.scenario.nets();
    let Some(id) = nets.find(|id| lab.scenario.net_name(*id) == net) else {
        return Ok(());
    };
    if let NetId::Link(link) = id
        && !lab.scenario[link].wired
    {
        // It has been laid anew, with nothing between its ends.
        return Ok(());
    }
    let wanted = lab.scenario.impaired(id);
    let members = lab.scenario.interfaces(id).map(|(node, _)| node);
    let nothing = members.flat_map(|node| {
        [Direction::Out, Direction::In].map(|direction| Impaired {
            node,
            direction,
            by: Impairment::default(),
        })
    });
    let is_wanted = |one: &Impaired| {
        let mut wanted = wanted.iter();
        wanted.any(|other| (other.node, other.direction) == (one.node, one.direction))
    };
    let all: Vec<Impaired> = nothing
        .filter(|one| !is_wanted(one))
        .chain(wanted.iter().copied())
        .collect();
    lab.treat(id, &all).await.map(drop)
}

async fn set_mtu(lab: &Lab, net: &str, mtu: u32) -> Result<(), LifeError> {
    let mut in_switches = Vec::new();
    if let Some(bridge) = lab.state.bridges.borrow().get(net) {
        in_switches.push(LinkChange::new(bridge.index).mtu(mtu).request());
    }
    let plugs: Vec<(String, u32, Option<u32>)> = {
        let plugs = lab.state.plugs.borrow();
        let on_net = plugs.iter().filter(|((_, on), _)| on == net);
        on_net
            .map(|((node, _), plug)| (node.clone(), plug.index, plug.port))
            .collect()
    };
    for (node, index, port) in plugs {
        in_switches.extend(port.map(|port| LinkChange::new(port).mtu(mtu).request()));
        if let Some(place) = net_of(lab, &node) {
            carry_out(
                &node,
                &place,
                vec![LinkChange::new(index).mtu(mtu).request()],
            )
            .await?;
        }
    }
    carry_out(net, &lab.state.switches, in_switches).await?;
    Ok(impairing::resize(lab, net, mtu).await?)
}
