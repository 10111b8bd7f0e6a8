//! Routes of others advertised again with other targets, once for each endpoint: traffic for them comes in by the
//! endpoint's label, so its port gets it whatever the destination.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bgp_rib::{RibEvent, Route};
use bgp_wire::{IpPrefix, Label, RouteTarget};

use super::learned::Path;
use super::{Vrf, policy};
use crate::instance::EndpointKey;
use crate::learned::PathId;
use crate::manager::VpnConfig;
use crate::publication;
use crate::routes::{AnnouncedAgain, distinguisher};

/// What is advertised again, and how.
#[derive(Debug, Default)]
pub(super) struct Again {
    /// The targets that the route of each prefix has borne so far.
    records: BTreeMap<IpPrefix, BTreeSet<RouteTarget>>,
    announcers: BTreeMap<EndpointKey, Announcer>,
}

/// An endpoint that routes are advertised for.
#[derive(Debug)]
struct Announcer {
    how: How,
    routes: BTreeMap<IpPrefix, Arc<Route>>,
}

/// What routes take over from their endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct How {
    rd: u32,
    label: Label,
    hash_order: u32,
    /// What is advertised of the endpoint itself under the same distinguisher.
    own: Option<IpPrefix>,
}

impl Again {
    /// The routes, endpoint by endpoint.
    pub(super) fn routes(&self) -> impl Iterator<Item = &Arc<Route>> {
        let announcers = self.announcers.values();
        announcers.flat_map(|announcer| announcer.routes.values())
    }

    /// The prefixes advertised again.
    pub(super) fn prefixes(&self) -> impl Iterator<Item = IpPrefix> + '_ {
        self.records.keys().copied()
    }
}

impl Vrf {
    /// The received routes that are advertised again.
    pub(crate) fn readvertised(&self) -> impl Iterator<Item = (&PathId, &Path)> {
        let prefixes = self.again.prefixes();
        prefixes.filter_map(|prefix| self.learned.readvertised(prefix))
    }

    /// Brings what is advertised of a prefix up to date with its received routes.
    pub(super) fn refresh_again(
        &mut self,
        config: &VpnConfig,
        prefix: IpPrefix,
        events: &mut Vec<RibEvent>,
    ) {
        let source = self.learned.readvertised(prefix);
        let records = source.map(|(_, path)| policy::history(&path.route));
        if records.as_ref() == self.again.records.get(&prefix) {
            return;
        }
        match records {
            Some(records) => self.again.records.insert(prefix, records),
            None => self.again.records.remove(&prefix),
        };
        let keys: Vec<EndpointKey> = self.again.announcers.keys().copied().collect();
        for key in keys {
            self.announce_again(config, key, prefix, events);
        }
    }

    /// Takes note of what became of the endpoints `touched`, and withdraws what was advertised for those that are no
    /// more; answers those whose routes have to be made anew.
    pub(super) fn refresh_announcers(
        &mut self,
        touched: impl IntoIterator<Item = EndpointKey>,
        events: &mut Vec<RibEvent>,
    ) -> Vec<EndpointKey> {
        let mut changed = Vec::new();
        for key in touched {
            let how = self.how(key);
            if how == self.again.announcers.get(&key).map(|known| known.how) {
                continue;
            }
            match (how, self.again.announcers.get_mut(&key)) {
                (Some(how), Some(known)) => known.how = how,
                (Some(how), None) => {
                    let routes = BTreeMap::new();
                    self.again.announcers.insert(key, Announcer { how, routes });
                }
                (None, _) => {
                    let source = self.worker();
                    let gone = self.again.announcers.remove(&key);
                    let gone = gone.into_iter().flat_map(|gone| gone.routes.into_values());
                    events.extend(gone.map(|route| RibEvent::Withdraw {
                        source,
                        key: route.key(),
                    }));
                    continue;
                }
            }
            changed.push(key);
        }
        changed
    }

    /// Brings everything that is advertised again up to date with new targets.
    pub(super) fn rebuild_again(&mut self, config: &VpnConfig, events: &mut Vec<RibEvent>) {
        let keys: Vec<EndpointKey> = self.again.announcers.keys().copied().collect();
        for key in keys {
            self.announce_all_again(config, key, events);
        }
    }

    /// Brings what is advertised again for an endpoint up to date.
    pub(super) fn announce_all_again(
        &mut self,
        config: &VpnConfig,
        key: EndpointKey,
        events: &mut Vec<RibEvent>,
    ) {
        let prefixes: Vec<IpPrefix> = self.again.prefixes().collect();
        for prefix in prefixes {
            self.announce_again(config, key, prefix, events);
        }
    }

    /// Makes one route what it should be.
    fn announce_again(
        &mut self,
        config: &VpnConfig,
        key: EndpointKey,
        prefix: IpPrefix,
        events: &mut Vec<RibEvent>,
    ) {
        let source = self.worker();
        let new = self.again_route(config, key, prefix);
        let Some(announcer) = self.again.announcers.get_mut(&key) else {
            return;
        };
        let old = announcer.routes.remove(&prefix);
        // What the endpoint advertises for itself took the place of the route, so that there is none to withdraw.
        if announcer.how.own == Some(prefix) {
            return;
        }
        if let Some(route) = publication::change(source, old, new, events) {
            announcer.routes.insert(prefix, route);
        }
    }

    fn again_route(&self, config: &VpnConfig, key: EndpointKey, prefix: IpPrefix) -> Option<Route> {
        let how = self.again.announcers.get(&key)?.how;
        let records = self.again.records.get(&prefix)?;
        let publisher = self.publisher(config, &self.policy.to)?;
        Some(publisher.again(&AnnouncedAgain {
            prefix,
            label: how.label,
            rd: distinguisher(config.router_id, how.rd),
            hash_order: how.hash_order,
            records,
        }))
    }

    fn how(&self, key: EndpointKey) -> Option<How> {
        let endpoint = self.common.endpoints.get(&key)?;
        if !endpoint.direction.is_advertised() {
            return None;
        }
        let is_own = |prefix: &IpPrefix| !prefix.is_host() && !self.common.export.is_empty();
        Some(How {
            rd: *self.common.rds.get(&key)?,
            label: Label::new(*self.common.labels.get(&key.0)?).ok()?,
            hash_order: endpoint.hash_order,
            own: endpoint.prefix.filter(is_own),
        })
    }
}
