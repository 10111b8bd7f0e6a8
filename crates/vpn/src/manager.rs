//! All VPN instances of a host: requests and routes in, routes and intent out.
//!
//! ```text
//!   prepare_attach ──> intent ──> driver ──┬─ plugged ──> commit ──> routes go out
//!                                          └─ failed ───> abort ───> nothing remains
//! ```

mod attach;
mod detach;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use bgp_rib::{Change, Dispatch, RibEvent, WorkerId};
use bgp_wire::Vni;
use serde::{Deserialize, Serialize};

use crate::capabilities::Capabilities;
use crate::error::Warning;
use crate::evi::Evi;
use crate::ids::Allocator;
use crate::intent::{EvpnIntent, InstanceId, IntentChange};

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
    pub intent: Arc<EvpnIntent>,
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
    instances: BTreeMap<InstanceId, Evi>,
    by_name: BTreeMap<String, InstanceId>,
    tokens: BTreeMap<AttachToken, InstanceId>,
    changed: BTreeSet<InstanceId>,
    removed: BTreeSet<InstanceId>,
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
            tokens: BTreeMap::new(),
            changed: BTreeSet::new(),
            removed: BTreeSet::new(),
        }
    }

    /// What it was made with.
    pub fn config(&self) -> &VpnConfig {
        &self.config
    }

    /// Takes in a route change for one instance. Those for other workers are ignored.
    pub fn on_dispatch(&mut self, dispatch: &Dispatch) -> Vec<Effect> {
        let WorkerId::Evi(number) = dispatch.to else {
            return Vec::new();
        };
        let id = InstanceId(number);
        let Some(evi) = self.instances.get_mut(&id) else {
            return Vec::new();
        };
        let (changed, warning) = match &dispatch.change {
            Change::Advertise { route, source, .. } => evi.receive(*source, route, &self.config),
            Change::Withdraw { route, source } => (evi.forget(*source, route), None),
        };
        if changed {
            self.changed.insert(id);
        }
        warning
            .map(|warning| Effect::Warn(id, warning))
            .into_iter()
            .collect()
    }

    /// The intents that changed since the last call, removals first.
    ///
    /// An attach being prepared is in there only if something else changed too; its own intent is
    /// [`Prepared::intent`].
    pub fn take_intents(&mut self) -> Vec<IntentChange> {
        let removed = std::mem::take(&mut self.removed)
            .into_iter()
            .map(IntentChange::Remove);
        let changed = std::mem::take(&mut self.changed);
        let set = changed.iter().filter_map(|id| self.instances.get(id));
        removed
            .chain(set.map(|evi| IntentChange::Set(Arc::clone(&evi.intent))))
            .collect()
    }

    /// What the dataplane should hold now, for all instances.
    pub fn intents(&self) -> impl Iterator<Item = &Arc<EvpnIntent>> {
        self.instances.values().map(|evi| &evi.intent)
    }

    /// What the dataplane should hold now for one instance.
    pub fn intent(&self, id: InstanceId) -> Option<&Arc<EvpnIntent>> {
        self.instances.get(&id).map(|evi| &evi.intent)
    }

    /// Whether no instance exists and every number has come back.
    pub fn is_idle(&self) -> bool {
        self.instances.is_empty()
            && self.by_name.is_empty()
            && self.tokens.is_empty()
            && self.vnis.is_empty()
            && self.labels.used() == 0
            && self.rds.used() == 0
    }

    pub(crate) fn instance_map(&self) -> &BTreeMap<InstanceId, Evi> {
        &self.instances
    }

    pub(crate) fn id_of(&self, external_id: &str) -> Option<InstanceId> {
        self.by_name.get(external_id).copied()
    }

    /// Gives back what nothing holds any more of a MAC, and the instance if it was the last.
    fn settle(&mut self, id: InstanceId, mac: bgp_wire::MacAddr) {
        let Some(evi) = self.instances.get_mut(&id) else {
            return;
        };
        if evi.refresh_local(mac) {
            self.changed.insert(id);
        }
        if !evi.is_mac_held(mac)
            && let Some(label) = evi.labels.remove(&mac)
        {
            self.labels.release(label);
        }
        let of_mac = evi
            .rds
            .range((mac, None)..)
            .take_while(|((of, _), _)| *of == mac);
        let unheld: Vec<_> = of_mac
            .map(|(key, _)| *key)
            .filter(|key| !evi.is_held(*key))
            .collect();
        for key in unheld {
            if let Some(rd) = evi.rds.remove(&key) {
                self.rds.release(rd);
            }
        }
        if evi.is_unused() {
            self.remove(id);
        }
    }

    fn remove(&mut self, id: InstanceId) {
        let Some(evi) = self.instances.remove(&id) else {
            return;
        };
        self.by_name.remove(&evi.intent.external_id);
        self.vnis.remove(&evi.numbers.vni);
        if let Some(label) = evi.numbers.label {
            self.labels.release(label);
        }
        self.rds.release(evi.numbers.rd);
        self.changed.remove(&id);
        self.removed.insert(id);
    }
}
