//! Routes of others, and what they change in the intent.

use std::net::IpAddr;
use std::sync::Arc;

use bgp_rib::{Route, WorkerId};
use bgp_wire::MacAddr;

use super::Evi;
use crate::error::Warning;
use crate::intent::FloodTarget;
use crate::learned::{Learned, Path, PathId};
use crate::manager::VpnConfig;
use crate::reading::{self, Meaning};

impl Evi {
    /// Takes in a route; answers whether the intent changed, and what is wrong with the route.
    pub(crate) fn receive(
        &mut self,
        source: WorkerId,
        route: &Arc<Route>,
        config: &VpnConfig,
    ) -> (bool, Option<Warning>) {
        let (meaning, warning) = reading::read(
            route,
            &config.capabilities,
            config.local_vtep,
            self.common.numbers.vni,
        );
        let id = (source, route.key());
        let route = Arc::clone(route);
        let old = self.learned.insert(id, Path { route, meaning });
        let changed = self.refresh(old.map(|path| path.meaning));
        (self.refresh(Some(meaning)) || changed, warning)
    }

    /// Forgets a route; answers whether the intent changed.
    pub(crate) fn forget(&mut self, source: WorkerId, route: &Route) -> bool {
        let id: PathId = (source, route.key());
        let gone = self.learned.remove(&id);
        self.refresh(gone.map(|path| path.meaning))
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
        }
        changed
    }

    /// Brings the intent up to date after a route with this meaning came or went.
    fn refresh(&mut self, meaning: Option<Meaning>) -> bool {
        match meaning {
            Some(Meaning::Mac { mac, ip, .. }) => {
                let changed = self.refresh_remote(mac);
                ip.is_some_and(|ip| self.refresh_neighbour(ip)) || changed
            }
            Some(Meaning::Flood { .. }) => self.refresh_flood(),
            Some(Meaning::Nothing { .. }) | None => false,
        }
    }

    /// A MAC of this host is never sent to another, whatever routes say.
    pub(super) fn refresh_remote(&mut self, mac: MacAddr) -> bool {
        let is_local = self.placed.contains_key(&mac);
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
        let is_local = self.owners.contains_key(&ip);
        let holder = self
            .learned
            .neighbour(ip, |mac| !self.placed.contains_key(&mac));
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

    fn refresh_flood(&mut self) -> bool {
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
            }
        }
        changed
    }
}
