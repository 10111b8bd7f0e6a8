//! MACs that nobody declares: learnt from the frames that come in by a port (RFC 7432 section 9.1).
//!
//! ```text
//!  the dataplane saw a frame ──> learnt here ──> routes go out ── a better route of another PE ──> forgotten here
//!                                    └── silent for long, or its port is gone ──> taken back
//! ```
//!
//! A learnt MAC is where it was seen last, on whichever PE: other than one that is attached, it has no say beside the
//! better route of another PE, and moves back with the next frame.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bgp_rib::Route;
use bgp_wire::MacAddr;

use super::Evi;
use crate::instance::EndpointKey;
use crate::intent::GATEWAY_MAC;
use crate::manager::VpnConfig;
use crate::outcome::Outcome;
use crate::routes::Announced;

/// Where MACs were seen.
#[derive(Debug, Default)]
pub(super) struct Learning {
    ports: BTreeMap<MacAddr, Arc<str>>,
    macs: BTreeMap<Arc<str>, BTreeSet<MacAddr>>,
    /// The route of another PE that there was when a MAC was seen: its frame is later.
    outdone: BTreeMap<MacAddr, Arc<Route>>,
    /// Where those were seen that are not learnt because of others. The kernel tells only of changes: when the others
    /// go before its entry has changed, no frame brings such a MAC back.
    waiting: BTreeMap<MacAddr, Arc<str>>,
}

impl Learning {
    /// The port that a MAC was seen at.
    pub(super) fn port_of(&self, mac: MacAddr) -> Option<&str> {
        self.ports.get(&mac).map(|port| &**port)
    }

    /// What was seen at a port.
    fn macs_at(&self, linuxif: &str) -> impl Iterator<Item = MacAddr> + '_ {
        self.macs.get(linuxif).into_iter().flatten().copied()
    }

    fn insert(&mut self, mac: MacAddr, linuxif: &str) {
        self.remove(mac);
        self.waiting.remove(&mac);
        let known = self.macs.get_key_value(linuxif);
        let port: Arc<str> = known.map_or_else(|| linuxif.into(), |(port, _)| Arc::clone(port));
        self.macs.entry(Arc::clone(&port)).or_default().insert(mac);
        self.ports.insert(mac, port);
    }

    /// Whether the route of another PE was there before the MAC was seen.
    pub(super) fn is_older(&self, mac: MacAddr, route: &Arc<Route>) -> bool {
        self.outdone.get(&mac) == Some(route)
    }

    /// No route of another PE is left for a MAC: the next is later.
    pub(super) fn outlast(&mut self, mac: MacAddr) {
        self.outdone.remove(&mac);
    }

    /// Takes a MAC out until others let go of it; answers whether it was there.
    fn put_off(&mut self, mac: MacAddr) -> bool {
        let port = self.ports.get(&mac).map(Arc::clone);
        self.waiting.extend(port.map(|port| (mac, port)));
        self.remove(mac)
    }

    /// Answers whether it was there.
    pub(super) fn remove(&mut self, mac: MacAddr) -> bool {
        self.outdone.remove(&mac);
        let Some(port) = self.ports.remove(&mac) else {
            return false;
        };
        if let Some(macs) = self.macs.get_mut(&port) {
            macs.remove(&mac);
            if macs.is_empty() {
                self.macs.remove(&port);
            }
        }
        true
    }
}

impl Evi {
    /// Takes in that the dataplane has seen a MAC at a port, or sees it at none any more. What is attached, what must
    /// not move and what nobody could have is none to be learnt.
    pub(crate) fn sight(
        &mut self,
        mac: MacAddr,
        linuxif: Option<&str>,
        config: &VpnConfig,
        now: Duration,
    ) -> Outcome {
        self.learning.waiting.remove(&mac);
        let linuxif = linuxif.filter(|port| self.common.learns(port) && is_learnable(mac));
        if let Some(linuxif) = linuxif.filter(|_| self.is_elsewhere(mac)) {
            self.learning.waiting.insert(mac, linuxif.into());
        }
        let linuxif = linuxif.filter(|_| !self.is_elsewhere(mac));
        if self.learning.port_of(mac) == linuxif {
            return Outcome::default();
        }
        match linuxif {
            Some(linuxif) => {
                self.learning.insert(mac, linuxif);
                let route = self.learned.location(mac).map(|(_, route)| route);
                let outdone = route.map(|route| (mac, Arc::clone(route)));
                self.learning.outdone.extend(outdone);
            }
            None => drop(self.learning.remove(mac)),
        }
        let changed = self.refresh_seen(mac);
        let mut outcome = self.publish(config, [(mac, None)], now);
        outcome.changed |= changed;
        outcome
    }

    /// Learns a MAC after all if nobody else has it any more.
    pub(crate) fn resume(&mut self, mac: MacAddr, config: &VpnConfig, now: Duration) -> Outcome {
        let is_free = !self.is_elsewhere(mac) && self.learned.remote(mac).is_none();
        let port = self.learning.waiting.get(&mac).filter(|_| is_free);
        match port.map(Arc::clone) {
            Some(port) => self.sight(mac, Some(&port), config, now),
            None => Outcome::default(),
        }
    }

    /// What was learnt at a port where nothing is to be learnt any more is forgotten; its keys, and whether that
    /// changed the intent.
    pub(crate) fn unlearn(&mut self, linuxif: &str) -> (Vec<EndpointKey>, bool) {
        if self.common.learns(linuxif) {
            return (Vec::new(), false);
        }
        self.learning.waiting.retain(|_, port| **port != *linuxif);
        let macs: Vec<MacAddr> = self.learning.macs_at(linuxif).collect();
        let mut changed = false;
        for mac in &macs {
            self.learning.remove(*mac);
            changed |= self.refresh_seen(*mac);
        }
        (macs.into_iter().map(|mac| (mac, None)).collect(), changed)
    }

    /// What was learnt is attached from now on.
    pub(crate) fn claim(&mut self, mac: MacAddr) {
        self.learning.put_off(mac);
    }

    /// The keys of what was learnt, at one port or at all.
    pub(crate) fn learnt(&self, linuxif: Option<&str>) -> Vec<EndpointKey> {
        let key = |mac| (mac, None);
        match linuxif {
            Some(linuxif) => self.learning.macs_at(linuxif).map(key).collect(),
            None => self.learning.ports.keys().copied().map(key).collect(),
        }
    }

    /// What was learnt, by port.
    pub(crate) fn learnt_macs(&self) -> impl Iterator<Item = (&str, &BTreeSet<MacAddr>)> {
        self.learning
            .macs
            .iter()
            .map(|(port, macs)| (&**port, macs))
    }

    /// Forgets everything that was learnt, with the routes for it.
    pub(super) fn unlearn_all(&mut self) {
        self.learning = Learning::default();
    }

    /// Gives a learnt MAC up if the route of another PE is better; answers whether that changed the intent.
    pub(super) fn give_up(&mut self, mac: MacAddr, now: Duration) -> bool {
        if self.mobility.is_advertised(mac) || !self.learning.put_off(mac) {
            return false;
        }
        self.mobility.depart(mac, now);
        self.refresh_seen(mac)
    }

    /// The keys of the endpoints of a MAC, attached or learnt.
    pub(super) fn own_keys(&self, mac: MacAddr) -> impl Iterator<Item = EndpointKey> + '_ {
        let learnt = self.is_only_learnt(mac).then_some((mac, None));
        self.common.keys_of(mac).chain(learnt)
    }

    pub(super) fn is_only_learnt(&self, mac: MacAddr) -> bool {
        self.learning.port_of(mac).is_some() && self.common.keys_of(mac).next().is_none()
    }

    /// The route of a MAC that was learnt: under the distinguisher of the instance, as there may be many.
    pub(super) fn learnt_route(&self, config: &VpnConfig, mac: MacAddr) -> Option<Route> {
        let port = self.learning.port_of(mac)?;
        let learner = self.common.learner(port)?;
        if !learner.direction.is_advertised() {
            return None;
        }
        let publisher = self.publisher(config)?;
        Some(publisher.endpoint(&Announced {
            mac,
            ip: None,
            rd: publisher.rd,
            local_pref: learner.local_pref,
            hash_order: learner.hash_order,
            sequence: self.mobility.sequence(mac),
            is_gateway: false,
        }))
    }

    /// Whether a MAC is attached, or must not move here.
    fn is_elsewhere(&self, mac: MacAddr) -> bool {
        let remote = || self.learned.remote(mac);
        self.common.is_mac_held(mac) || remote().is_some_and(|remote| remote.pinned)
    }

    /// Brings the intent up to date after a MAC was learnt or forgotten.
    fn refresh_seen(&mut self, mac: MacAddr) -> bool {
        let mut changed = self.refresh_remote(mac);
        for ip in self.learned.ips_of(mac) {
            changed |= self.refresh_neighbour(ip);
        }
        changed
    }
}

fn is_learnable(mac: MacAddr) -> bool {
    mac.is_unicast() && mac != GATEWAY_MAC
}
