//! What changed between two intents.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use bgp_wire::MacAddr;
use serde::{Deserialize, Serialize};

use super::{EvpnIntent, FloodTarget, Gateway, GatewayPort, Port, RemoteMac, SharedMap};

/// The difference between two intents of one instance. Applying it to the old one gives the new one.
///
/// Removals carry what is removed, because kernel interfaces want the whole entry to delete it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntentDelta {
    /// VNI, local VTEP, bridge or instance changed: everything has to be made anew.
    pub recreate: bool,
    /// The gateway's new value, if it changed.
    pub gateway: Option<Option<Gateway>>,
    /// The new value of where the instance is plugged in, if it changed.
    pub gateway_port: Option<Option<GatewayPort>>,
    /// Ports that are new or whose addresses changed.
    pub ports_set: BTreeMap<Arc<str>, Port>,
    /// Ports that are gone.
    pub ports_removed: BTreeMap<Arc<str>, Port>,
    /// Remote MACs that are new or have moved.
    pub macs_set: BTreeMap<MacAddr, RemoteMac>,
    /// Remote MACs that are gone.
    pub macs_removed: BTreeMap<MacAddr, RemoteMac>,
    /// Neighbours that are new or changed.
    pub neighbours_set: BTreeMap<IpAddr, MacAddr>,
    /// Neighbours that are gone.
    pub neighbours_removed: BTreeMap<IpAddr, MacAddr>,
    /// Flood targets that are new.
    pub flood_added: BTreeSet<FloodTarget>,
    /// Flood targets that are gone.
    pub flood_removed: BTreeSet<FloodTarget>,
}

impl IntentDelta {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What has to be done to get from `old` to `new`.
///
/// With [`IntentDelta::recreate`] the lists are those against an empty instance: all of `new` is to be set.
pub fn diff(old: &EvpnIntent, new: &EvpnIntent) -> IntentDelta {
    let recreate = old.instance != new.instance
        || old.external_id != new.external_id
        || old.vni != new.vni
        || old.local_vtep != new.local_vtep
        || old.linuxbr != new.linuxbr;
    if recreate {
        return IntentDelta {
            recreate,
            gateway: Some(new.gateway),
            gateway_port: Some(new.gateway_port.clone()),
            ports_set: owned(new.ports.iter()),
            macs_set: owned(new.remote_macs.iter()),
            neighbours_set: owned(new.neighbours.iter()),
            flood_added: new.flood.iter().copied().collect(),
            ..IntentDelta::default()
        };
    }
    let (ports_set, ports_removed) = differences(&old.ports, &new.ports);
    let (macs_set, macs_removed) = differences(&old.remote_macs, &new.remote_macs);
    let (neighbours_set, neighbours_removed) = differences(&old.neighbours, &new.neighbours);
    IntentDelta {
        recreate,
        gateway: (old.gateway != new.gateway).then_some(new.gateway),
        gateway_port: (old.gateway_port != new.gateway_port).then(|| new.gateway_port.clone()),
        ports_set,
        ports_removed,
        macs_set,
        macs_removed,
        neighbours_set,
        neighbours_removed,
        flood_added: new.flood.difference(&old.flood).copied().collect(),
        flood_removed: old.flood.difference(&new.flood).copied().collect(),
    }
}

/// Entries to set and entries to remove.
fn differences<K: Ord + Clone, V: PartialEq + Clone>(
    old: &SharedMap<K, V>,
    new: &SharedMap<K, V>,
) -> (BTreeMap<K, V>, BTreeMap<K, V>) {
    let removed = old
        .differing(new)
        .filter(|(key, _)| !new.contains_key(*key));
    (owned(new.differing(old)), owned(removed))
}

fn owned<'a, K: Ord + Clone + 'a, V: Clone + 'a>(
    entries: impl Iterator<Item = (&'a K, &'a V)>,
) -> BTreeMap<K, V> {
    entries
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}
