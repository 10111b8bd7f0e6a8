//! Routes of others, and what they change in the intent.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bgp_rib::{Route, WorkerId};
use bgp_wire::MacAddr;

use super::{Complaint, Evi};
use crate::error::Warning;
use crate::intent::FloodTarget;
use crate::learned::{Learned, Path, PathId};
use crate::manager::VpnConfig;
use crate::outcome::Outcome;
use crate::reading::{self, Entry, Meaning};

impl Evi {
    /// Takes in a route.
    pub(crate) fn receive(
        &mut self,
        source: WorkerId,
        route: &Arc<Route>,
        config: &VpnConfig,
        now: Duration,
    ) -> Outcome {
        let (meaning, warning) = reading::read(
            route,
            &config.capabilities,
            config.local_vtep,
            self.common.numbers.vni,
        );
        let id = PathId::new(source, route.key());
        let path = Path {
            route: Arc::clone(route),
            meaning,
        };
        let old = self.learned.insert(id, path);
        let changed = self.refresh(old.map(|path| path.meaning), now);
        let changed = self.refresh(Some(meaning), now) || changed;
        let mut outcome = self.review(meaning, config, now);
        outcome.changed |= changed;
        let warning = warning.filter(|warning| self.is_new(warning, route));
        outcome.warnings.extend(warning);
        outcome
    }

    /// Whether a warning has something to say that was not said before.
    fn is_new(&mut self, warning: &Warning, route: &Route) -> bool {
        let complaint = match warning {
            Warning::UnusedType { .. } => {
                let number = route.nlri.bytes.first();
                Complaint::UnusedType(number.copied().unwrap_or_default())
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
        let id = PathId::new(source, route.key());
        let Some(Path { meaning, .. }) = self.learned.remove(&id) else {
            return Outcome::default();
        };
        let changed = self.refresh(Some(meaning), now);
        let mut outcome = self.review(meaning, config, now);
        outcome.changed |= changed;
        outcome
    }

    /// What follows for own routes: of the same key, a route was about the same MAC before.
    fn review(&mut self, meaning: Meaning, config: &VpnConfig, now: Duration) -> Outcome {
        let Entry::Mac(mac) = meaning.entry() else {
            return Outcome::default();
        };
        let keys: Vec<_> = self.common.keys_of(mac).collect();
        if keys.is_empty() {
            return Outcome::default();
        }
        self.publish(config, keys, now)
    }

    /// Forgets every route; answers whether the intent changed.
    pub(crate) fn forget_all(&mut self) -> bool {
        self.learned = Learned::default();
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

    /// Brings the intent up to date after a route with this meaning came or went.
    fn refresh(&mut self, meaning: Option<Meaning>, now: Duration) -> bool {
        match meaning {
            Some(Meaning::Mac { mac, ip, .. }) => {
                let changed = self.refresh_remote(mac);
                ip.is_some_and(|ip| self.refresh_neighbour(ip)) || changed
            }
            Some(Meaning::Flood { .. }) => self.refresh_flood(now),
            Some(Meaning::Nothing { .. }) | None => false,
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
                let nearest = [
                    flood.range(..target).next_back(),
                    flood.range(target..).next(),
                ];
                let mut nearest = nearest.into_iter().flatten();
                let takes_part = nearest.any(|other| other.vtep == target.vtep);
                self.mobility.know(target.vtep, takes_part, now);
            }
        }
        changed
    }
}
