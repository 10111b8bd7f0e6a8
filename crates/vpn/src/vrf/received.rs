//! Routes of others, and what they change in the intent.

use std::sync::Arc;

use bgp_rib::{Route, WorkerId};
use bgp_wire::IpPrefix;

use super::Vrf;
use super::learned::{Learned, Path};
use super::reading;
use crate::error::Warning;
use crate::learned::PathId;
use crate::manager::VpnConfig;

impl Vrf {
    /// Takes in a route; answers whether the intent changed, and what is wrong with the route.
    pub(crate) fn receive(
        &mut self,
        source: WorkerId,
        route: &Arc<Route>,
        config: &VpnConfig,
    ) -> (bool, Option<Warning>) {
        let Some(ipvpn) = &config.ipvpn else {
            return (false, None);
        };
        let (meaning, warning) = reading::read(source, route, &ipvpn.capabilities, ipvpn.local_pe);
        let id: PathId = (source, route.key());
        let route = Arc::clone(route);
        let old = self.learned.insert(id, Path { route, meaning });
        let affected = [old, meaning.prefix()];
        let mut changed = false;
        for prefix in affected.into_iter().flatten() {
            changed |= self.refresh_route(prefix);
        }
        (changed, warning)
    }

    /// Forgets a route; answers whether the intent changed.
    pub(crate) fn forget(&mut self, source: WorkerId, route: &Route) -> bool {
        let gone = self.learned.remove(&(source, route.key()));
        gone.is_some_and(|prefix| self.refresh_route(prefix))
    }

    /// Forgets every route; answers whether the intent changed.
    pub(crate) fn forget_all(&mut self) -> bool {
        self.learned = Learned::default();
        let changed = !self.intent.routes.is_empty();
        if changed {
            Arc::make_mut(&mut self.intent).routes.clear();
        }
        changed
    }

    /// Brings the intent's route for a prefix up to date; answers whether that changed it. What is behind an own
    /// port is never sent to another host, whatever routes say.
    pub(super) fn refresh_route(&mut self, prefix: IpPrefix) -> bool {
        let next_hops = if self.is_local(prefix) {
            Default::default()
        } else {
            self.learned.next_hops(prefix, self.ecmp)
        };
        let old = self.intent.routes.get(&prefix);
        let changed = old.map_or(!next_hops.is_empty(), |old| *old != next_hops);
        if changed {
            let routes = &mut Arc::make_mut(&mut self.intent).routes;
            if next_hops.is_empty() {
                routes.remove(&prefix);
            } else {
                routes.insert(prefix, next_hops);
            }
        }
        changed
    }
}
