//! Which MACs are behind which ports, from what the kernel says of its bridges. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bgp_wire::MacAddr;
use netns::link::{EntryState, FdbEntry, FdbTable};
use vpn::intent::GATEWAY_MAC;
use vpn::{EvpnIntent, InstanceId};

use crate::sightings::Sighting;

/// A bridge with ports that MACs are learnt at.
#[derive(Clone, Debug)]
pub struct Watch {
    /// Index of the bridge.
    pub bridge: u32,
    /// The ports that learn, by index.
    pub ports: BTreeMap<u32, Arc<str>>,
    /// The name by which every port is known but those that are not local, where the bridge as a whole was attached.
    pub whole: Option<Arc<str>>,
    /// Index of the VXLAN interface.
    pub vxlan: u32,
    /// Index of the end of the link to an IP VPN instance.
    pub link: Option<u32>,
    /// What is in force.
    pub intent: Arc<EvpnIntent>,
}

impl Watch {
    fn port(&self, index: u32) -> Option<&Arc<str>> {
        let whole = self.whole.as_ref();
        let inner = [Some(self.bridge), Some(self.vxlan), self.link];
        let whole = whole.filter(|_| !inner.contains(&Some(index)));
        self.ports.get(&index).or(whole)
    }
}

/// What follows from something the kernel said.
#[derive(Debug, PartialEq, Eq)]
pub enum Followup {
    /// To be told.
    Tell(Sighting),
    /// A frame took a MAC away from where it was put, and must not: it is to be put there again.
    PutBack {
        instance: InstanceId,
        mac: MacAddr,
        place: Place,
    },
    /// A port has more MACs than are learnt of one; said once.
    Full { port: Arc<str>, limit: usize },
}

/// Where a MAC is put that frames have no say in.
#[derive(Debug, PartialEq, Eq)]
pub enum Place {
    /// Behind a port of this host.
    Port(String),
    /// At another PE.
    Remote,
}

/// The MACs of all instances that learn.
#[derive(Debug)]
pub struct Table {
    /// How many are learnt at one port.
    limit: usize,
    instances: BTreeMap<InstanceId, Watched>,
    bridges: BTreeMap<u32, InstanceId>,
}

#[derive(Debug)]
struct Watched {
    watch: Watch,
    /// The port of each MAC.
    macs: BTreeMap<MacAddr, u32>,
    counts: BTreeMap<u32, usize>,
    /// Ports that have had too many.
    full: BTreeSet<u32>,
}

impl Table {
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            instances: BTreeMap::new(),
            bridges: BTreeMap::new(),
        }
    }

    /// What is to be watched of an instance from now on, if anything. Answers what follows, and the indexes of ports
    /// whose entries have to be looked at: the bridge's own where all of them have.
    pub fn watch(
        &mut self,
        instance: InstanceId,
        watch: Option<Watch>,
    ) -> (Vec<Followup>, Vec<u32>) {
        let old = self.instances.remove(&instance);
        if let Some(old) = &old {
            self.bridges.remove(&old.watch.bridge);
        }
        let Some(watch) = watch else {
            let macs = old.into_iter().flat_map(|old| old.macs);
            return (macs.map(|(mac, _)| gone(instance, mac)).collect(), vec![]);
        };
        let known = old.as_ref().map(|old| &old.watch);
        let known = known.filter(|old| old.bridge == watch.bridge);
        let is_new = |index: &u32| known.is_none_or(|old| old.port(*index).is_none());
        let mut new: Vec<u32> = watch.ports.keys().copied().filter(is_new).collect();
        if watch.whole.is_some() && known.is_none_or(|old| old.whole.is_none()) {
            new = vec![watch.bridge];
        }
        let mut watched = Watched {
            macs: BTreeMap::new(),
            counts: BTreeMap::new(),
            full: BTreeSet::new(),
            watch,
        };
        let mut followups = Vec::new();
        if let Some(old) = old {
            watched.full = old.full;
            for (mac, index) in old.macs {
                // What was attached meanwhile is not learnt any more.
                if watched.watch.port(index).is_some() && watched.place(mac).is_none() {
                    watched.add(mac, index);
                } else {
                    followups.push(gone(instance, mac));
                }
            }
        }
        self.bridges.insert(watched.watch.bridge, instance);
        self.instances.insert(instance, watched);
        (followups, new)
    }

    /// Nothing is watched any more.
    pub fn clear(&mut self) -> Vec<Followup> {
        let instances: Vec<InstanceId> = self.instances.keys().copied().collect();
        let ended = instances.into_iter();
        ended.flat_map(|id| self.watch(id, None).0).collect()
    }

    /// Whether anything is watched.
    pub fn is_idle(&self) -> bool {
        self.instances.is_empty()
    }

    /// Every bridge.
    pub fn bridges(&self) -> Vec<u32> {
        self.bridges.keys().copied().collect()
    }

    /// The bridge of an instance.
    pub fn bridge(&self, instance: InstanceId) -> Option<u32> {
        Some(self.instances.get(&instance)?.watch.bridge)
    }

    /// The VXLAN interface of an instance.
    pub fn vxlan(&self, instance: InstanceId) -> Option<u32> {
        Some(self.instances.get(&instance)?.watch.vxlan)
    }

    /// An entry that there is now.
    pub fn there(&mut self, entry: &FdbEntry) -> Vec<Followup> {
        let limit = self.limit;
        let Some((instance, watched)) = self.of(entry) else {
            return Vec::new();
        };
        let mac = MacAddr(entry.mac.0);
        let Some(port) = watched.watch.port(entry.link).cloned() else {
            return watched.forget(instance, mac);
        };
        if entry.extern_learn || entry.state == EntryState::Permanent {
            return watched.forget(instance, mac);
        }
        if let Some(place) = watched.place(mac) {
            let mut followups = watched.forget(instance, mac);
            if place != Place::Port(port.to_string()) {
                followups.push(Followup::PutBack {
                    instance,
                    mac,
                    place,
                });
            }
            return followups;
        }
        if entry.state == EntryState::Static || mac == GATEWAY_MAC || !mac.is_unicast() {
            return watched.forget(instance, mac);
        }
        if watched.macs.get(&mac) == Some(&entry.link) {
            return Vec::new();
        }
        let count = watched.counts.get(&entry.link).copied().unwrap_or_default();
        if count >= limit {
            let mut followups = watched.forget(instance, mac);
            if watched.full.insert(entry.link) {
                followups.push(Followup::Full { port, limit });
            }
            return followups;
        }
        watched.remove(mac);
        watched.add(mac, entry.link);
        vec![Followup::Tell(Sighting {
            instance,
            mac,
            port: Some(port),
        })]
    }

    /// An entry that is gone.
    pub fn gone(&mut self, entry: &FdbEntry) -> Vec<Followup> {
        let Some((instance, watched)) = self.of(entry) else {
            return Vec::new();
        };
        let mac = MacAddr(entry.mac.0);
        if watched.macs.get(&mac) != Some(&entry.link) {
            return Vec::new();
        }
        watched.forget(instance, mac)
    }

    /// Everything that there is at some of an instance's ports, named by index; at all of them for its bridge's own.
    pub fn all(&mut self, bridge: u32, ports: &[u32], entries: &[FdbEntry]) -> Vec<Followup> {
        let Some(watched) = self
            .bridges
            .get(&bridge)
            .and_then(|i| self.instances.get(i))
        else {
            return Vec::new();
        };
        let is_meant = |index: &u32| ports.contains(index) || ports.contains(&bridge);
        let there: BTreeSet<(MacAddr, u32)> = entries
            .iter()
            .map(|entry| (MacAddr(entry.mac.0), entry.link))
            .collect();
        let known = watched.macs.iter().filter(|(_, index)| is_meant(index));
        let lost: Vec<FdbEntry> = known
            .filter(|(mac, index)| !there.contains(&(**mac, **index)))
            .map(|(mac, index)| FdbEntry {
                bridge: Some(bridge),
                ..FdbEntry::behind(*index, netns::addr::MacAddr(mac.0))
            })
            .collect();
        let mut followups: Vec<Followup> = lost.iter().flat_map(|e| self.gone(e)).collect();
        let meant = entries.iter().filter(|entry| is_meant(&entry.link));
        followups.extend(
            meant
                .flat_map(|entry| self.there(entry))
                .collect::<Vec<_>>(),
        );
        followups
    }

    fn of(&mut self, entry: &FdbEntry) -> Option<(InstanceId, &mut Watched)> {
        if entry.table != FdbTable::Master {
            return None;
        }
        let instance = *self.bridges.get(&entry.bridge?)?;
        Some((instance, self.instances.get_mut(&instance)?))
    }
}

impl Watched {
    /// Where a MAC is put, if it is.
    fn place(&self, mac: MacAddr) -> Option<Place> {
        let intent = &self.watch.intent;
        let mut ports = intent.ports.iter();
        let declared = ports.find(|(_, port)| port.has(mac));
        let pinned = || intent.remote_macs.get(&mac).filter(|remote| remote.pinned);
        match declared {
            // The bridge's other ports are its owner's.
            Some((name, _)) if self.watch.whole.as_deref() == Some(name) => None,
            Some((name, _)) => Some(Place::Port(name.to_string())),
            None => pinned().map(|_| Place::Remote),
        }
    }

    fn add(&mut self, mac: MacAddr, index: u32) {
        self.macs.insert(mac, index);
        *self.counts.entry(index).or_default() += 1;
    }

    fn remove(&mut self, mac: MacAddr) -> bool {
        let Some(index) = self.macs.remove(&mac) else {
            return false;
        };
        if let Some(count) = self.counts.get_mut(&index) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&index);
            }
        }
        true
    }

    fn forget(&mut self, instance: InstanceId, mac: MacAddr) -> Vec<Followup> {
        let known = self.remove(mac).then(|| gone(instance, mac));
        known.into_iter().collect()
    }
}

fn gone(instance: InstanceId, mac: MacAddr) -> Followup {
    Followup::Tell(Sighting {
        instance,
        mac,
        port: None,
    })
}

#[cfg(test)]
mod tests;
