//! What LANs and links do to frames, by wires of labgen's or by the kernel.
//!
//! ```text
//!   own, a LAN's member:   node ── p7 ~~wire~~ w8 ── w9 ─ bridge        own, a link:  node ── l4 ~~wire~~ l6 ── node
//!   netem:                 node (out) ──── p7 (in) ─ bridge             netem:        node (out) ──── (out) node
//! ```
//!
//! A wire is plugged in between a node's cable and the bridge when something is done to the frames of that cable, and
//! taken out when nothing is any more; the node sees nothing of it but a moment without frames. A link has nothing
//! between its ends where a wire could be plugged in, so it is laid through one from the start where its scenario says.

mod kernel;
mod own;

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use impair::{Impairment, seed_for};
use netns::link::Request;
use netns::wire::Treatment;
use scenario::{Direction, Impaired, LanId, LinkId, NetId, NodeId, WireKind};

use super::build::{BuildError, Wiring};
use super::lab::{Absent, Lab};
use super::life::LifeError;
use crate::protocol::ImpairedView;
use crate::wires;
use own::Laid;

/// What is done to the frames of LANs and links, and by what; by the names of the scenario.
#[derive(Default)]
pub(super) struct Impairing {
    kind: OnceCell<WireKind>,
    wires: OnceCell<netns::wire::Wires>,
    laid: RefCell<BTreeMap<Cable, Laid>>,
    in_force: RefCell<BTreeMap<Place, Impairment>>,
    /// How often what is done at each place was changed: each change begins its own random numbers.
    changes: RefCell<BTreeMap<Place, u64>>,
}

/// The cable of a LAN to a node, or a whole link.
type Cable = (String, Option<String>);

/// Frames of a cable in one direction: LAN or link, node, direction.
type Place = (String, String, Direction);

impl Impairing {
    fn at(&self, place: &Place) -> Impairment {
        self.in_force
            .borrow()
            .get(place)
            .copied()
            .unwrap_or_default()
    }

    /// What is done to the frames of a node's cable that is being taken out is done no more.
    pub(super) fn forget(&self, net: &str, node: &str) {
        let is_here = |place: &Place| place.0 == net && place.1 == node;
        self.in_force
            .borrow_mut()
            .retain(|place, _| !is_here(place));
    }

    /// Takes out the wire of a LAN's member, or of a link; what else has to be deleted in the switches' namespace.
    pub(super) fn unplug(&self, net: &str, node: Option<&str>) -> Option<Vec<Request>> {
        let cable = (net.to_owned(), node.map(str::to_owned));
        let laid = self.laid.borrow_mut().remove(&cable)?;
        Some(laid.delete())
    }
}

/// What the command line says whose frames are meant.
#[derive(Debug, Clone, Default)]
pub(super) struct Whose {
    pub(super) node: Option<String>,
    /// Both when `None`.
    pub(super) direction: Option<Direction>,
}

impl Lab {
    /// What delays and loses frames here.
    pub(super) async fn wire_kind(&self) -> WireKind {
        if let Some(kind) = self.state.impairing.kind.get() {
            return *kind;
        }
        let lab = self.scenario.lab.clone();
        let kernel_can = || {
            netns::probe::here(|name| name == "netem")
                .iter()
                .all(|probe| probe.ok)
        };
        // The probes run executors of their own.
        let asked = tokio::task::spawn_blocking(move || wires::kind(&lab, kernel_can)).await;
        let kind = asked.unwrap_or(WireKind::Own);
        *self.state.impairing.kind.get_or_init(|| kind)
    }

    /// Has a LAN, a link or the cable of one `NODE/INTERFACE` do something to frames, in place of what it did.
    pub(super) async fn impair(
        &self,
        what: &str,
        whose: Whose,
        by: Impairment,
    ) -> Result<String, LifeError> {
        let (net, node) = self.net_and_node(what)?;
        let whose = Whose {
            node: whose.node.or(node),
            ..whose
        };
        let treated = self.meant(net, &whose, by)?;
        self.treat(net, &treated).await
    }

    /// Puts impairments into force.
    pub(super) async fn treat(
        &self,
        net: NetId,
        treated: &[Impaired],
    ) -> Result<String, LifeError> {
        let _pulling = self.state.pulling.lock().await;
        let name = self.scenario.net_name(net).to_owned();
        let kind = self.wire_kind().await;
        let cable = (name.clone(), None);
        let unwired = !self.state.impairing.laid.borrow().contains_key(&cable);
        if kind == WireKind::Own && matches!(net, NetId::Link(_)) && unwired {
            return Err(LifeError::Unwired(name));
        }
        let since = self.at();
        self.put_into_force(net, treated).await?;
        let words = self.words(treated);
        let action = match treated.iter().all(|one| one.by.is_nothing()) {
            true => "clear",
            false => "impair",
        };
        self.disturbed(action, &name, since, &words);
        Ok(words)
    }

    async fn put_into_force(&self, net: NetId, treated: &[Impaired]) -> Result<(), BuildError> {
        let name = self.scenario.net_name(net);
        let state = &self.state.impairing;
        let (mut changed, mut undone) = (BTreeSet::new(), Vec::new());
        for one in treated {
            let place = (
                name.to_owned(),
                self.scenario[one.node].name.clone(),
                one.direction,
            );
            let before = match one.by.is_nothing() {
                true => state.in_force.borrow_mut().remove(&place),
                false => state.in_force.borrow_mut().insert(place.clone(), one.by),
            };
            if before.is_some() || !one.by.is_nothing() {
                *state.changes.borrow_mut().entry(place.clone()).or_default() += 1;
                changed.insert(place.clone());
            }
            undone.push((place, before));
        }
        let done = match self.wire_kind().await {
            WireKind::Own => own::treat(self, net, &changed).await,
            WireKind::Netem => kernel::treat(self, net, &changed).await,
        };
        if done.is_err() {
            // What could not be done is not told of as done.
            let mut in_force = state.in_force.borrow_mut();
            for (place, before) in undone.into_iter().rev() {
                match before {
                    Some(by) => in_force.insert(place, by),
                    None => in_force.remove(&place),
                };
            }
        }
        done
    }

    /// How the frames of a place are treated now.
    fn treatment(&self, place: &Place) -> Treatment {
        let state = &self.state.impairing;
        let change = state
            .changes
            .borrow()
            .get(place)
            .copied()
            .unwrap_or_default();
        let (net, node, direction) = place;
        let whose = format!("{net}/{node}/{direction}/{change}");
        Treatment {
            impairment: state.at(place),
            seed: seed_for(self.scenario.lab.seed.unwrap_or(0), &whose),
        }
    }

    /// `compute-a out: loss 1%; compute-b out: loss 1%`, or, of many that are treated alike, how many.
    fn words(&self, treated: &[Impaired]) -> String {
        crate::plan::treated(treated.iter().map(|one| {
            let node = self.scenario[one.node].name.as_str();
            (node, one.direction, one.by)
        }))
    }

    /// The LAN or link that is meant by its name or by `NODE/INTERFACE`, and the node then.
    fn net_and_node(&self, what: &str) -> Result<(NetId, Option<String>), LifeError> {
        let (name, node) = match what.split_once('/') {
            None => (what.to_owned(), None),
            Some((node, _)) => (self.net_of_interface(what)?, Some(node.to_owned())),
        };
        let mut nets = self.scenario.nets();
        let net = nets.find(|net| self.scenario.net_name(*net) == name);
        Ok((net.ok_or_else(|| self.unknown_net(&name))?, node))
    }

    /// As a scenario means it: see its `impair`.
    fn meant(&self, net: NetId, whose: &Whose, by: Impairment) -> Result<Vec<Impaired>, LifeError> {
        let members: Vec<NodeId> = self
            .scenario
            .interfaces(net)
            .map(|(node, _)| node)
            .collect();
        let Some(name) = &whose.node else {
            let nothing = Impairment::default();
            let gets = matches!(net, NetId::Lan(_)).then_some((Direction::In, nothing));
            let each = gets.into_iter().chain([(Direction::Out, by)]);
            let all = each.flat_map(|(direction, by)| {
                let members = members.iter();
                members.map(move |node| Impaired {
                    node: *node,
                    direction,
                    by,
                })
            });
            return Ok(all.collect());
        };
        let node = self.node_named(name)?;
        if !members.contains(&node) {
            return Err(LifeError::NotOn {
                node: name.clone(),
                net: self.scenario.net_name(net).to_owned(),
                known: members
                    .iter()
                    .map(|node| self.scenario[*node].name.clone())
                    .collect(),
            });
        }
        let directions = match whose.direction {
            Some(direction) => vec![direction],
            None => vec![Direction::Out, Direction::In],
        };
        let place = |direction| match (net, direction) {
            (NetId::Link(_), Direction::In) => {
                let sender = members.iter().copied().find(|other| *other != node);
                (sender.unwrap_or(node), Direction::Out)
            }
            _ => (node, direction),
        };
        let places = directions.into_iter().map(place);
        Ok(places
            .map(|(node, direction)| Impaired {
                node,
                direction,
                by,
            })
            .collect())
    }

    /// What is in force, for `inspect`.
    pub(super) fn impaired(&self) -> Vec<ImpairedView> {
        let state = &self.state.impairing;
        let kind = state.kind.get().copied().unwrap_or(WireKind::Own);
        let in_force = state.in_force.borrow();
        let views = in_force.iter().map(|(place, by)| {
            let (net, node, direction) = place;
            ImpairedView {
                net: net.clone(),
                node: node.clone(),
                direction: *direction,
                by: by.to_string(),
                wire: kind,
                counters: own::counters(self, place),
            }
        });
        views.collect()
    }
}

/// Whether a link is laid through a wire.
pub(super) async fn through_wire(lab: &Lab, link: LinkId) -> bool {
    lab.scenario[link].wired && lab.wire_kind().await == WireKind::Own
}

/// Plugs wires into links that were laid through them, each between these two interfaces in the switches' namespace.
pub(super) async fn plug_links(lab: &Lab, links: &[(LinkId, [u32; 2])]) -> Result<(), BuildError> {
    own::plug_links(lab, links).await
}

/// Has what was laid do to frames what the scenario says from the start.
pub(super) async fn begin(lab: &Lab, wiring: &Wiring) -> Result<(), BuildError> {
    let mut by_lan: BTreeMap<LanId, BTreeSet<NodeId>> = BTreeMap::new();
    for (lan, node) in &wiring.joins {
        by_lan.entry(*lan).or_default().insert(*node);
    }
    for (lan, nodes) in by_lan {
        let all = lab.scenario[lan].impair.iter();
        let treated: Vec<Impaired> = all
            .filter(|one| nodes.contains(&one.node))
            .copied()
            .collect();
        if !treated.is_empty() {
            lab.put_into_force(NetId::Lan(lan), &treated).await?;
        }
    }
    for link in &wiring.links {
        let treated = &lab.scenario[*link].impair;
        if !treated.is_empty() {
            lab.put_into_force(NetId::Link(*link), treated).await?;
        }
    }
    Ok(())
}

/// After a change of a LAN's or link's MTU: wires are made for frames of a certain length.
pub(super) async fn resize(lab: &Lab, net: &str, mtu: u32) -> Result<(), BuildError> {
    own::resize(lab, net, mtu).await
}

/// The plug of a node on a LAN or link.
fn plug(lab: &Lab, net: &str, node: &str) -> Result<super::home::Plug, Absent> {
    let plugs = lab.state.plugs.borrow();
    let plug = plugs.get(&(node.to_owned(), net.to_owned()));
    plug.cloned().ok_or_else(|| Absent::new(node))
}
