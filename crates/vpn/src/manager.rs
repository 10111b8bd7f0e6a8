//! All VPN instances of a host: requests and routes in, routes and intent out.
//!
//! ```text
//!   prepare_attach ──> intent ──> driver ──┬─ plugged ──> commit ──> routes go out
//!                                          └─ failed ───> abort ───> nothing remains
//! ```

mod attach;
mod detach;
mod link;
mod redirect;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use bgp_rib::{Dispatch, RibEvent, WorkerId};
use bgp_wire::{RouteTarget, Vni};
use serde::{Deserialize, Serialize};

use crate::capabilities::Capabilities;
use crate::error::Warning;
use crate::evi::DuplicateDetection;
use crate::ids::Allocator;
use crate::instance::Instance;
use crate::intent::{AnyIntent, EvpnIntent, InstanceId, IntentChange, IpVpnIntent};
use crate::outcome::Outcome;
use crate::request::InstanceKind;

/// What all instances of a host have in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VpnConfig {
    /// Administrator of the route distinguishers (type 1).
    pub router_id: Ipv4Addr,
    /// The address BGP speaks from: next hop and originator of type 3 routes.
    pub local_address: IpAddr,
    /// The address tunnels end at: next hop of type 2 routes and PMSI endpoint.
    pub local_vtep: IpAddr,
    /// What the E-VPN driver can do.
    pub capabilities: Capabilities,
    /// When a MAC is taken for a duplicate.
    pub duplicates: DuplicateDetection,
    /// The IP VPN driver, if there is one.
    pub ipvpn: Option<IpVpnConfig>,
}

/// What all IP VPN instances of a host have in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IpVpnConfig {
    /// The address tunnels end at: next hop of the routes.
    pub local_pe: IpAddr,
    /// What the driver can do.
    pub capabilities: Capabilities,
    /// How many instances are made, at most, because Flowspec routes redirect to them.
    pub max_redirects: usize,
}

impl VpnConfig {
    /// What the driver of a VPN type can do, if there is one.
    pub fn capabilities_of(&self, kind: InstanceKind) -> Option<&Capabilities> {
        match kind {
            InstanceKind::Evpn => Some(&self.capabilities),
            InstanceKind::IpVpn => self.ipvpn.as_ref().map(|ipvpn| &ipvpn.capabilities),
        }
    }

    /// Where tunnels of IP VPNs end.
    pub(crate) fn local_pe(&self) -> IpAddr {
        let ipvpn = self.ipvpn.as_ref();
        ipvpn.map_or(self.local_vtep, |ipvpn| ipvpn.local_pe)
    }
}

/// Names an attach that is prepared and neither committed nor aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AttachToken(pub(crate) u64);

/// An attach that waits for the dataplane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prepared {
    /// To commit or abort it with.
    pub token: AttachToken,
    /// The instance.
    pub instance: InstanceId,
    /// What the dataplane is to hold for the instance, the new endpoint included.
    pub intent: AnyIntent,
    /// Whether the endpoint was attached already, so that the dataplane has nothing new to do.
    pub is_refresh: bool,
}

/// Something that follows from a request or a route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// To be handled by the route table.
    Rib(RibEvent),
    /// To be logged for the instance.
    Warn(InstanceId, Warning),
}

/// The VPN instances of a host.
///
/// Pure: intents are collected with [`VpnManager::take_intents`] whenever the caller sees fit, so that many
/// changes make one. They have to reach the driver in the order given: a removal frees names and VNIs that a
/// later intent may use.
#[derive(Debug)]
pub struct VpnManager {
    config: VpnConfig,
    next_instance: u32,
    next_token: u64,
    labels: Allocator,
    rds: Allocator,
    vnis: BTreeMap<Vni, InstanceId>,
    instances: BTreeMap<InstanceId, Instance>,
    by_name: BTreeMap<String, InstanceId>,
    /// The instances that traffic is redirected to, by the target that they import for it.
    redirects: BTreeMap<RouteTarget, InstanceId>,
    /// Targets for which there is no room in that, and who would redirect to them.
    refused: BTreeMap<RouteTarget, BTreeSet<InstanceId>>,
    tokens: BTreeMap<AttachToken, InstanceId>,
    changed: BTreeSet<InstanceId>,
    removed: BTreeMap<InstanceId, InstanceKind>,
    now: Duration,
    /// When the first of the duplicate MACs gets another chance.
    next_release: Option<Duration>,
    previous: PreviousVnis,
}

/// VNIs that instances had in a previous run, in which the dataplane goes on forwarding.
#[derive(Clone, Debug, Default)]
pub struct PreviousVnis {
    /// By the name of the VXLAN interface.
    pub vnis: BTreeMap<String, Vni>,
    /// What interface an instance has, by its external id.
    pub interface: Option<fn(&str) -> String>,
}

impl PreviousVnis {
    fn of(&self, external_id: &str) -> Option<Vni> {
        let interface = self.interface?(external_id);
        self.vnis.get(&interface).copied()
    }

    fn contains(&self, number: u32) -> bool {
        self.vnis.values().any(|vni| vni.get() == number)
    }
}

impl VpnManager {
    /// No instances.
    pub fn new(config: VpnConfig) -> Self {
        Self {
            config,
            next_instance: 1,
            next_token: 1,
            labels: Allocator::labels(),
            rds: Allocator::distinguishers(),
            vnis: BTreeMap::new(),
            instances: BTreeMap::new(),
            by_name: BTreeMap::new(),
            redirects: BTreeMap::new(),
            refused: BTreeMap::new(),
            tokens: BTreeMap::new(),
            changed: BTreeSet::new(),
            removed: BTreeMap::new(),
            now: Duration::ZERO,
            next_release: None,
            previous: PreviousVnis::default(),
        }
    }

    /// Gives instances, as far as they are not told one, the VNIs that they had in a previous run, and nobody else; none
    /// ends that.
    pub fn prefer(&mut self, previous: PreviousVnis) {
        self.previous = previous;
    }

    /// The name of an instance in the route table.
    pub fn worker(&self, id: InstanceId) -> Option<WorkerId> {
        self.instances.get(&id).map(Instance::worker)
    }

    /// What it was made with.
    pub fn config(&self) -> &VpnConfig {
        &self.config
    }

    /// Takes in a route change for one instance. Those for other workers are ignored.
    pub fn on_dispatch(&mut self, dispatch: &Dispatch) -> Vec<Effect> {
        let (WorkerId::Evi(number) | WorkerId::Vrf(number)) = dispatch.to else {
            return Vec::new();
        };
        let id = InstanceId(number);
        let Some(instance) = self.instances.get_mut(&id) else {
            return Vec::new();
        };
        let outcome = instance.hear(&dispatch.change, &self.config, self.now);
        self.effects(id, outcome)
    }

    /// Notes a change of an instance's intent; answers the rest of what follows from what it was told.
    fn effects(&mut self, id: InstanceId, outcome: Outcome) -> Vec<Effect> {
        if outcome.changed {
            self.changed.insert(id);
        }
        let is_alarm = |warning: &Warning| matches!(warning, Warning::DuplicateMac { .. });
        if let Some(hold) = self.config.duplicates.hold
            && outcome.warnings.iter().any(is_alarm)
        {
            self.next_release
                .get_or_insert(self.now.saturating_add(hold));
        }
        let warnings = outcome.warnings.into_iter();
        let warnings = warnings.map(|warning| Effect::Warn(id, warning));
        let events = outcome.events.into_iter().map(Effect::Rib);
        let mut effects: Vec<Effect> = warnings.chain(events).collect();
        if !outcome.redirects.is_empty() {
            self.follow_redirects(id, outcome.redirects, &mut effects);
        }
        effects
    }

    /// What the time is, as long as the caller says nothing else; any epoch will do, as long as it stays the same.
    /// Duplicate MACs whose time has come are judged anew.
    pub fn advance(&mut self, now: Duration) -> Vec<Effect> {
        self.now = self.now.max(now);
        if self.next_release.is_none_or(|due| due > self.now) {
            return Vec::new();
        }
        let mut outcomes = Vec::new();
        let mut next = None;
        for (id, instance) in &mut self.instances {
            if let Instance::Evi(evi) = instance {
                outcomes.push((*id, evi.release_duplicates(&self.config, self.now)));
                let due = evi.next_release(&self.config);
                next = due.into_iter().chain(next).min();
            }
        }
        self.next_release = next;
        let outcomes = outcomes.into_iter();
        outcomes
            .flat_map(|(id, outcome)| self.effects(id, outcome))
            .collect()
    }

    /// When [`VpnManager::advance`] has something to do, at the latest.
    pub fn deadline(&self) -> Option<Duration> {
        self.next_release
    }

    /// The E-VPN intents that changed since the last call, removals first.
    ///
    /// An attach being prepared is in there only if something else changed too; its own intent is
    /// [`Prepared::intent`].
    pub fn take_intents(&mut self) -> Vec<IntentChange> {
        self.take(InstanceKind::Evpn, |instance| match instance {
            Instance::Evi(evi) => Some(Arc::clone(&evi.intent)),
            Instance::Vrf(_) => None,
        })
    }

    /// The IP VPN intents that changed since the last call, as [`VpnManager::take_intents`].
    pub fn take_ipvpn_intents(&mut self) -> Vec<IntentChange<IpVpnIntent>> {
        self.take(InstanceKind::IpVpn, |instance| match instance {
            Instance::Vrf(vrf) => Some(Arc::clone(&vrf.intent)),
            Instance::Evi(_) => None,
        })
    }

    /// Counts an instance's intent as changed, after the dataplane did not take it. One that is not there is ignored.
    pub fn change_again(&mut self, external_id: &str) {
        self.changed.extend(self.id_of(external_id));
    }

    fn take<I>(
        &mut self,
        kind: InstanceKind,
        intent: impl Fn(&Instance) -> Option<Arc<I>>,
    ) -> Vec<IntentChange<I>> {
        let mut changes = Vec::new();
        self.removed.retain(|id, of| {
            if *of == kind {
                changes.push(IntentChange::Remove(*id));
            }
            *of != kind
        });
        let instances = &self.instances;
        self.changed.retain(|id| {
            let set = instances.get(id).and_then(&intent);
            let is_other = set.is_none();
            changes.extend(set.map(IntentChange::Set));
            is_other
        });
        changes
    }

    /// What the dataplane should hold now, for all E-VPN instances.
    pub fn intents(&self) -> impl Iterator<Item = &Arc<EvpnIntent>> {
        self.instances
            .values()
            .filter_map(|instance| match instance {
                Instance::Evi(evi) => Some(&evi.intent),
                Instance::Vrf(_) => None,
            })
    }

    /// What the dataplane should hold now, for all IP VPN instances.
    pub fn ipvpn_intents(&self) -> impl Iterator<Item = &Arc<IpVpnIntent>> {
        self.instances
            .values()
            .filter_map(|instance| match instance {
                Instance::Vrf(vrf) => Some(&vrf.intent),
                Instance::Evi(_) => None,
            })
    }

    /// What the dataplane should hold now for one E-VPN instance.
    pub fn intent(&self, id: InstanceId) -> Option<&Arc<EvpnIntent>> {
        match self.instances.get(&id)? {
            Instance::Evi(evi) => Some(&evi.intent),
            Instance::Vrf(_) => None,
        }
    }

    /// What the dataplane should hold now for one IP VPN instance.
    pub fn ipvpn_intent(&self, id: InstanceId) -> Option<&Arc<IpVpnIntent>> {
        match self.instances.get(&id)? {
            Instance::Vrf(vrf) => Some(&vrf.intent),
            Instance::Evi(_) => None,
        }
    }

    /// Whether no instance exists and every number has come back.
    pub fn is_idle(&self) -> bool {
        self.instances.is_empty()
            && self.by_name.is_empty()
            && self.redirects.is_empty()
            && self.refused.is_empty()
            && self.tokens.is_empty()
            && self.vnis.is_empty()
            && self.labels.used() == 0
            && self.rds.used() == 0
    }

    pub(crate) fn instance_map(&self) -> &BTreeMap<InstanceId, Instance> {
        &self.instances
    }

    pub(crate) fn refused_targets(
        &self,
    ) -> impl Iterator<Item = (&RouteTarget, &BTreeSet<InstanceId>)> {
        self.refused.iter()
    }

    /// The number of an instance.
    pub fn id_of(&self, external_id: &str) -> Option<InstanceId> {
        self.by_name.get(external_id).copied()
    }

    /// Takes in where the dataplane of an E-VPN instance has seen a MAC, in frames from a port where MACs are learnt;
    /// none: it is not to be seen any more. Unknown instances and ports have no effect.
    pub fn sight(
        &mut self,
        id: InstanceId,
        mac: bgp_wire::MacAddr,
        linuxif: Option<&str>,
    ) -> Vec<Effect> {
        let Some(Instance::Evi(evi)) = self.instances.get_mut(&id) else {
            return Vec::new();
        };
        let outcome = evi.sight(mac, linuxif, &self.config, self.now);
        self.effects(id, outcome)
    }

    /// Gives back what nothing holds any more of a MAC and its port, the link that nothing is behind, and the instance
    /// if it was the last.
    fn settle(&mut self, id: InstanceId, mac: bgp_wire::MacAddr, linuxif: &str) -> Vec<Effect> {
        let Some(instance) = self.instances.get_mut(&id) else {
            return Vec::new();
        };
        let changed = instance.refresh_local(mac);
        if instance.refresh_port(linuxif) || changed {
            self.changed.insert(id);
        }
        let common = instance.common_mut();
        if !common.is_mac_held(mac)
            && let Some(label) = common.labels.remove(&mac)
        {
            self.labels.release(label);
        }
        let of_mac = common.rds.matching(|(of, _)| of.cmp(&mac));
        let unheld: Vec<_> = of_mac
            .map(|(key, _)| *key)
            .filter(|key| !common.is_held(*key))
            .collect();
        for key in unheld {
            if let Some(rd) = common.rds.remove(&key) {
                self.rds.release(rd);
            }
        }
        let outcome = instance.resume(mac, &self.config, self.now);
        let mut effects = self.effects(id, outcome);
        effects.extend(self.unlink_idle(id));
        if self.instances.get(&id).is_some_and(Instance::is_unused) {
            self.remove(id);
        }
        effects
    }

    fn remove(&mut self, id: InstanceId) {
        let Some(instance) = self.instances.remove(&id) else {
            return;
        };
        let common = instance.common();
        self.by_name.remove(&common.external_id);
        self.vnis.remove(&common.numbers.vni);
        if let Some(label) = common.numbers.label {
            self.labels.release(label);
        }
        self.rds.release(common.numbers.rd);
        self.changed.remove(&id);
        self.removed.insert(id, instance.kind());
    }
}
