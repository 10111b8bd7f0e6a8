//! One instance brought up, changed, taken down.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use netns::link::{LinkChange, Netlink};
use netns::ns::NetNs;
use vpn::intent::Link;
use vpn::{EvpnIntent, InstanceId};

use super::check::{Context, check};
use super::desired::Desired;
use super::execute::execute;
use super::learner::{Learner, Watch};
use super::model::Op;
use super::observe::{Observation, observe};
use super::plan::{plan, teardown};
use super::probe::suppression;
use super::{LinuxDriver, kernel, underlay};
use crate::{DriverError, DriverView, plug};

/// An instance in force.
#[derive(Clone, Debug)]
pub struct Applied {
    external_id: String,
    /// What was asked for.
    pub(super) want: Desired,
    /// Ports that were asked for and are not there.
    pub(super) missing: BTreeSet<String>,
    /// Ports that were down before they were plugged.
    pub(super) raised: BTreeSet<String>,
    mtu: Option<u32>,
    /// Indexes of its interfaces.
    pub(super) indexes: BTreeMap<String, u32>,
    /// What it was made from; nothing while what the kernel holds is not known.
    pub(super) intent: Option<Arc<EvpnIntent>>,
}

impl Applied {
    /// What the kernel holds for it, as far as the driver knows.
    fn held(&self) -> Desired {
        self.want.clone().without(&self.missing)
    }

    pub fn view(&self, suppression: Option<bool>) -> DriverView {
        DriverView {
            linux_bridge: Some(self.want.bridge.clone()),
            route_table: None,
            vxlan_if: Some(self.want.vxlan.clone()),
            mtu: self.mtu,
            // Of a reused interface the settings are its owner's.
            arp_suppression: suppression.filter(|_| self.want.own_vxlan),
            missing_ports: self.missing.clone(),
        }
    }

    /// What is to be learnt at its ports; nothing if none of them learns.
    fn watch(&self) -> Option<Watch> {
        let intent = self.intent.as_ref()?;
        let index = |name: &str| self.indexes.get(name).copied();
        let ports = intent.ports.iter().filter(|(_, port)| port.learn);
        let ports = ports.filter(|(name, _)| !self.missing.contains(&***name));
        let names: Vec<&Arc<str>> = ports.map(|(name, _)| name).collect();
        let whole = names.iter().find(|name| ****name == *self.want.bridge);
        let local = names.iter().filter(|name| ****name != *self.want.bridge);
        let watch = Watch {
            bridge: index(&self.want.bridge)?,
            vxlan: index(&self.want.vxlan)?,
            link: self.want.gateway.as_ref().and_then(|l| index(&l.evpn)),
            whole: whole.map(|name| Arc::clone(name)),
            ports: local
                .filter_map(|name| Some((index(name)?, Arc::clone(name))))
                .collect(),
            intent: Arc::clone(intent),
        };
        (!names.is_empty()).then_some(watch)
    }

    /// The bridge, the VXLAN interface and the end of a link that no other instance may use.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        let link = self.want.gateway.iter().map(|link| &link.evpn);
        [&self.want.bridge, &self.want.vxlan]
            .into_iter()
            .chain(link)
    }

    /// The link that is of no use any more when `now` is in force.
    fn old_link(&self, now: Option<&Desired>) -> Option<&Link> {
        let kept = now.and_then(|now| now.gateway.as_ref());
        let link = self.want.gateway.as_ref();
        link.filter(|link| Some(*link) != kept)
    }
}

impl LinuxDriver {
    /// Makes the kernel hold what `intent` wants. Ports in `tolerated`, and those applied before, may be
    /// missing.
    pub(super) async fn bring_up(
        &mut self,
        intent: &Arc<EvpnIntent>,
        mut tolerated: BTreeSet<String>,
    ) -> Result<(), DriverError> {
        if self.follow(intent).await {
            return Ok(());
        }
        let netlink = self.netlink()?;
        let want = Desired::new(intent, self.options.vxlan_port);
        let before = self.instances.get(&intent.instance).cloned();
        tolerated.extend(before.iter().flat_map(|b| b.want.ports.keys().cloned()));
        let context = self.context(intent, &want, tolerated)?;
        let moved = before.as_ref().is_some_and(|b| !same_links(&b.want, &want));
        if let Some(link) = &want.gateway {
            plug::ensure(&netlink, link, plug::Side::Evpn).await?;
        }
        let result = match &before {
            // Nothing of the old can be kept, and the new may need its names.
            Some(old) if moved => {
                self.undo(&netlink, Some(old), None).await;
                self.change(&netlink, &want, None, &context).await
            }
            _ => {
                let before = before.as_ref();
                self.change(&netlink, &want, before, &context).await
            }
        };
        match result {
            Ok(mut applied) => {
                applied.external_id.clone_from(&intent.external_id);
                applied.intent = Some(Arc::clone(intent));
                if before.is_none() || moved {
                    self.set_ageing(&netlink, &applied).await;
                }
                applied.mtu = match &before {
                    Some(before) if !moved => before.mtu,
                    _ => overlay_mtu(&netlink, intent).await,
                };
                warn_of_missing(&applied, before.as_ref());
                if self.suppression.is_none() && applied.want.own_vxlan {
                    self.suppression = suppression(&netlink, &applied.want.vxlan).await;
                    if self.suppression == Some(false) {
                        tracing::warn!(
                            "this kernel's bridge cannot suppress ARP, it will be flooded"
                        );
                    }
                }
                let link = before
                    .as_ref()
                    .and_then(|b| b.old_link(Some(&applied.want)));
                if let Some(link) = link
                    && let Err(error) = plug::remove(&netlink, link, plug::Side::Evpn).await
                {
                    tracing::warn!("{error}");
                }
                self.instances.insert(intent.instance, applied);
                Ok(())
            }
            Err(Failed { error, made }) => {
                let had = before.as_ref().and_then(|b| b.want.gateway.as_ref());
                if let Some(link) = want.gateway.as_ref().filter(|link| Some(*link) != had)
                    && let Err(error) = plug::remove(&netlink, link, plug::Side::Evpn).await
                {
                    tracing::warn!("{error}");
                }
                if moved {
                    self.undo(&netlink, made.as_ref(), None).await;
                    self.undo(&netlink, None, before.as_ref()).await;
                } else if made.is_some() {
                    self.undo(&netlink, made.as_ref(), before.as_ref()).await;
                }
                Err(error)
            }
        }
    }

    /// Sets after what silence an own bridge forgets, as far as that was said.
    async fn set_ageing(&self, netlink: &Netlink, applied: &Applied) {
        let Some(time) = self.options.learning.ageing else {
            return;
        };
        let index = applied.indexes.get(&applied.want.bridge);
        if let Some(index) = index.filter(|_| applied.want.own_bridge) {
            let change = LinkChange::new(*index).ageing(time);
            if let Err(error) = netlink.apply(change).await {
                let bridge = &applied.want.bridge;
                tracing::warn!("bridge `{bridge}` keeps its ageing time: {error}");
            }
        }
    }

    /// Has the bridge of an instance listened to, if MACs are to be learnt there, or not any more.
    pub(super) async fn learn(&mut self, instance: InstanceId) {
        let applied = self.instances.get(&instance);
        if applied.is_some_and(|applied| applied.intent.is_none()) {
            // Nothing is in force that was not before.
            return;
        }
        let watch = applied.and_then(Applied::watch);
        if watch.is_some() && self.learner.is_none() {
            let ns = match &self.options.namespace {
                Some(ns) => Ok(ns.clone()),
                None => NetNs::current(),
            };
            let started = match ns {
                Ok(ns) => Learner::start(&ns, &self.options.learning, Arc::clone(&self.turn))
                    .map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            match started {
                Ok(learner) => self.learner = learner,
                Err(error) => tracing::error!("MAC addresses cannot be learnt: {error}"),
            }
        }
        if let Some(learner) = &self.learner {
            learner.order(instance, watch);
        }
    }

    /// Removes what was made for instances; unknown ones are passed over.
    pub(super) async fn take_down(&mut self, instances: &[InstanceId]) -> Result<(), DriverError> {
        let netlink = self.netlink()?;
        let applied = instances.iter().filter_map(|id| self.instances.get(id));
        remove(&netlink, applied.clone()).await?;
        for link in applied.filter_map(|applied| applied.old_link(None)) {
            plug::remove(&netlink, link, plug::Side::Evpn).await?;
        }
        for instance in instances {
            self.instances.remove(instance);
        }
        Ok(())
    }

    /// What the other instances have, if nothing of it is what `want` needs.
    fn context(
        &self,
        intent: &EvpnIntent,
        want: &Desired,
        tolerated: BTreeSet<String>,
    ) -> Result<Context, DriverError> {
        let mut context = Context {
            tolerated,
            ..Context::default()
        };
        let others = self
            .instances
            .iter()
            .filter(|(instance, _)| **instance != intent.instance);
        for (_, other) in others {
            for name in other.names() {
                if *name == want.bridge || *name == want.vxlan {
                    return Err(DriverError::NameClash {
                        external_id: intent.external_id.clone(),
                        other: other.external_id.clone(),
                        name: name.clone(),
                    });
                }
                let claim = (name.clone(), other.external_id.clone());
                context.claimed.extend([claim]);
            }
        }
        Ok(context)
    }

    async fn change(
        &self,
        netlink: &Netlink,
        want: &Desired,
        before: Option<&Applied>,
        context: &Context,
    ) -> Result<Applied, Failed> {
        let held = before.map(Applied::held);
        let seen = observe(netlink, want, held.as_ref()).await;
        let Observation {
            kernel,
            mut indexes,
        } = seen.map_err(|error| super::kernel("see what there is", &error))?;
        let want = want.clone().reusing(&kernel);
        let missing = check(&kernel, &want, context)?;
        let made = want.clone().without(&missing);
        let mut raised = before.map(|b| b.raised.clone()).unwrap_or_default();
        let mut ops = plan(&kernel, &made, &raised);
        if !self.reconciled {
            ops.retain(|op| !removes_unknown(op, held.as_ref()));
        }
        raised.extend(ports_to_raise(&ops, &made));
        raised.retain(|port| want.ports.contains_key(port));
        let result = execute(netlink, &mut indexes, &ops).await;
        let applied = Applied {
            external_id: String::new(),
            want,
            missing,
            raised,
            mtu: None,
            indexes,
            intent: None,
        };
        match result {
            Ok(()) => {
                let ports = new_ports(&ops, &made);
                let ports = ports.filter_map(|port| applied.indexes.get(port).copied());
                // What is wrong with the socket the next request will tell.
                let _ = netlink.notice_carriers(ports.collect()).await;
                Ok(applied)
            }
            Err(error) => Err(Failed {
                error,
                made: Some(applied),
            }),
        }
    }

    /// Brings the kernel from a half-made state back to the one before, as far as it lets.
    async fn undo(&self, netlink: &Netlink, made: Option<&Applied>, before: Option<&Applied>) {
        let mut result = match (made, before) {
            (Some(made), None) => remove(netlink, [made].into_iter()).await,
            (made, Some(before)) => restore(netlink, made, before).await,
            (None, None) => Ok(()),
        };
        if let Some(made) = made {
            let raised_before = before.map(|before| &before.raised);
            let raised = made.raised.iter();
            let raised = raised.filter(|port| !raised_before.is_some_and(|b| b.contains(*port)));
            result = result.and(lower_strays(netlink, raised).await);
        }
        if let Err(error) = result {
            tracing::warn!("cannot bring the dataplane back to what it was: {error}");
        }
    }
}

/// Why an instance could not be changed, and what may have been made of it by then.
struct Failed {
    error: DriverError,
    made: Option<Applied>,
}

impl From<DriverError> for Failed {
    /// Nothing was touched.
    fn from(error: DriverError) -> Self {
        Self { error, made: None }
    }
}

async fn remove(
    netlink: &Netlink,
    instances: impl Iterator<Item = &Applied>,
) -> Result<(), DriverError> {
    let mut ops = Vec::new();
    let mut indexes = BTreeMap::new();
    for applied in instances {
        let held = applied.held();
        let seen = observe(netlink, &held, Some(&held)).await;
        let seen = seen.map_err(|error| kernel("see what there is", &error))?;
        ops.extend(teardown(&seen.kernel, &held, &applied.raised));
        indexes.extend(seen.indexes);
    }
    // Links last, all together.
    ops.sort_by_key(|op| matches!(op, Op::DeleteLink { .. }));
    execute(netlink, &mut indexes, &ops).await
}

async fn restore(
    netlink: &Netlink,
    made: Option<&Applied>,
    before: &Applied,
) -> Result<(), DriverError> {
    let had = made.unwrap_or(before).held();
    let want = before.held();
    let seen = observe(netlink, &want, Some(&had)).await;
    let seen = seen.map_err(|error| kernel("see what there is", &error))?;
    let raised = made.map(|made| &made.raised).unwrap_or(&before.raised);
    let ops = plan(&seen.kernel, &want, raised);
    execute(netlink, &mut { seen.indexes }, &ops).await
}

/// Ports that were plugged or set up.
pub(super) fn new_ports<'a>(ops: &'a [Op], made: &'a Desired) -> impl Iterator<Item = &'a String> {
    ops.iter().filter_map(|op| match op {
        Op::Plug { name, .. } | Op::SetUp { name, up: true } if made.ports.contains_key(name) => {
            Some(name)
        }
        _ => None,
    })
}

/// Sets those ports down again that were set up and then could not be plugged.
async fn lower_strays(
    netlink: &Netlink,
    ports: impl Iterator<Item = &String>,
) -> Result<(), DriverError> {
    for port in ports {
        let stray = match netlink.link(port).await {
            Ok(link) => link.up && link.master.is_none(),
            Err(_) => false,
        };
        if stray {
            let lowered = netlink.set_down(port).await;
            lowered.map_err(|error| kernel(&format!("set interface `{port}` down"), &error))?;
        }
    }
    Ok(())
}

async fn overlay_mtu(netlink: &Netlink, intent: &EvpnIntent) -> Option<u32> {
    let mtu = underlay::overlay_mtu(netlink, intent.local_vtep).await;
    mtu.unwrap_or_else(|error| {
        tracing::warn!("cannot tell the MTU for hosts: {error}");
        None
    })
}

/// Whether both have the same bridge and VXLAN interface, so that one can be changed into the other.
fn same_links(a: &Desired, b: &Desired) -> bool {
    a.bridge == b.bridge && a.endpoint == b.endpoint && (a.vxlan == b.vxlan || !a.own_vxlan)
}

/// Whether it removes what the driver has not put there itself, but perhaps its predecessor.
fn removes_unknown(op: &Op, had: Option<&Desired>) -> bool {
    match op {
        Op::Unplug { name } => !had.is_some_and(|had| had.ports.contains_key(name)),
        Op::DeleteTunnel { tunnel, .. } => !had.is_some_and(|had| had.tunnels.contains(tunnel)),
        Op::DeleteEntry { mac, .. } => !had.is_some_and(|had| had.entries().contains_key(mac)),
        Op::DeleteNeighbour { ip, .. } => !had.is_some_and(|had| had.neighbours.contains_key(ip)),
        _ => false,
    }
}

pub(super) fn ports_to_raise(ops: &[Op], want: &Desired) -> BTreeSet<String> {
    let raised = ops.iter().filter_map(|op| match op {
        Op::SetUp { name, up: true } if want.ports.contains_key(name) => Some(name.clone()),
        _ => None,
    });
    raised.collect()
}

fn warn_of_missing(applied: &Applied, before: Option<&Applied>) {
    for port in &applied.missing {
        if !before.is_some_and(|before| before.missing.contains(port)) {
            let id = &applied.external_id;
            tracing::warn!("port `{port}` of VPN instance `{id}` cannot be plugged any more");
        }
    }
}
