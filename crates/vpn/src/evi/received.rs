//! Routes of others, and what they change in the intent.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bgp_rib::{Route, WorkerId};
use bgp_wire::MacAddr;

use super::{Complaint, Evi};
use crate::error::Warning;
use crate::intent::FloodTarget;
use crate::manager::VpnConfig;
use crate::outcome::Outcome;
use crate::reading::{About, Entry};

impl Evi {
    /// Takes in a route.
    pub(crate) fn receive(
        &mut self,
        source: WorkerId,
        route: &Arc<Route>,
        config: &VpnConfig,
        now: Duration,
    ) -> Outcome {
        let (meaning, warning) = self.learned.reading().read(route);
        let old = self.learned.insert(source, route, meaning);
        let about = meaning.about();
        let old = old.filter(|old| *old != about);
        let changed = old.is_some_and(|old| self.refresh(old, now));
        let changed = self.refresh(about, now) || changed;
        let mut outcome = self.review(about, config, now);
        outcome.changed |= changed;
        let warning = warning.filter(|warning| self.is_new(warning, route));
        outcome.warnings.extend(warning);
        outcome
    }

    /// Whether a warning has something to say that was not said before.
    fn is_new(&mut self, warning: &Warning, route: &Route) -> bool {
        let complaint = match warning {
            Warning::UnusedType { .. } => {
                let number = route.nlri().bytes.first().copied();
                Complaint::UnusedType(number.unwrap_or_default())
            }
            Warning::MultiHomed { .. } => Complaint::MultiHomed,
            Warning::EthernetTag { .. } => Complaint::EthernetTag,
            _ => return true,
        };
        self.complaints.insert(complaint)
    }

    /// Forgets a route.
    pub(crate) fn forget(
        &mut self,
        source: WorkerId,
        route: &Route,
        config: &VpnConfig,
        now: Duration,
    ) -> Outcome {
        let Some(about) = self.learned.remove(source, route) else {
            return Outcome::default();
        };
        let changed = self.refresh(about, now);
        let mut outcome = self.review(about, config, now);
        outcome.changed |= changed;
        outcome
    }

    /// What follows for own routes: of the same key, a route was about the same MAC before.
    fn review(&mut self, about: About, config: &VpnConfig, now: Duration) -> Outcome {
        let (About::Mac(mac, _) | About::Nothing(Entry::Mac(mac))) = about else {
            return Outcome::default();
        };
        let keys: Vec<_> = self.own_keys(mac).collect();
        if keys.is_empty() {
            return self.resume(mac, config, now);
        }
        self.publish(config, keys, now)
    }

    /// Forgets every route; answers whether the intent changed.
    pub(crate) fn forget_all(&mut self) -> bool {
        self.learned.clear();
        let intent = &self.intent;
        let changed = !intent.remote_macs.is_empty()
            || !intent.neighbours.is_empty()
            || !intent.flood.is_empty();
        if changed {
            let intent = Arc::make_mut(&mut self.intent);
            intent.remote_macs.clear();
            intent.neighbours.clear();
            intent.flood.clear();
            self.mobility.know_nobody();
        }
        changed
    }

    /// Brings the intent up to date after a route about this came or went.
    fn refresh(&mut self, about: About, now: Duration) -> bool {
        match about {
            About::Mac(mac, ip) => {
                let changed = self.refresh_remote(mac);
                ip.is_some_and(|ip| self.refresh_neighbour(ip)) || changed
            }
            About::Flood => self.refresh_flood(now),
            About::Nothing(_) => false,
        }
    }

    /// A MAC of this host is never sent to another, whatever routes say.
    pub(super) fn refresh_remote(&mut self, mac: MacAddr) -> bool {
        let is_local = self.is_local_mac(mac);
        let remote = self.learned.remote(mac).filter(|_| !is_local);
        let changed = self.intent.remote_macs.get(&mac) != remote.as_ref();
        if changed {
            let macs = &mut Arc::make_mut(&mut self.intent).remote_macs;
            match remote {
                Some(remote) => macs.insert(mac, remote),
                None => macs.remove(&mac),
            };
        }
        changed
    }

    pub(super) fn refresh_neighbour(&mut self, ip: IpAddr) -> bool {
        let is_local = self.is_local_ip(ip);
        let holder = self.learned.neighbour(ip, |mac| !self.is_local_mac(mac));
        let holder = holder.filter(|_| !is_local);
        let changed = self.intent.neighbours.get(&ip) != holder.as_ref();
        if changed {
            let neighbours = &mut Arc::make_mut(&mut self.intent).neighbours;
            match holder {
                Some(mac) => neighbours.insert(ip, mac),
                None => neighbours.remove(&ip),
            };
        }
        changed
    }

    fn refresh_flood(&mut self, now: Duration) -> bool {
        let touched: Vec<FloodTarget> = self.learned.take_touched();
        let mut changed = false;
        for target in touched {
            let wanted = self.learned.floods_to(&target);
            if wanted != self.intent.flood.contains(&target) {
                let flood = &mut Arc::make_mut(&mut self.intent).flood;
                changed |= if wanted {
                    flood.insert(target)
                } else {
                    flood.remove(&target)
                };
                // Targets are in order of PE.
                let mut of_pe = flood.matching(|other| other.vtep.cmp(&target.vtep));
                let takes_part = of_pe.next().is_some();
                self.mobility.know(target.vtep, takes_part, now);
            }
        }
        changed
    }
}
