//! Routes of others advertised again with other targets, once for each endpoint: traffic for them comes in by the
//! endpoint's label, so its port gets it whatever the destination. Where traffic is attracted, the default routes take
//! their place.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bgp_rib::{RibEvent, Route};
use bgp_wire::nlri::FlowspecRules;
use bgp_wire::{IpPrefix, Label, RouteTarget};

use super::attract::{Defaults, default_of};
use super::reading::Subject;
use super::{Vrf, policy};
use crate::instance::EndpointKey;
use crate::learned::held::Held;
use crate::manager::VpnConfig;
use crate::publication;
use crate::routes::{AnnouncedAgain, distinguisher};

/// What is advertised again, and how.
#[derive(Debug, Default)]
pub(super) struct Again {
    /// The targets that the route of each prefix has borne so far.
    pub(super) sources: BTreeMap<IpPrefix, BTreeSet<RouteTarget>>,
    /// The same of Flowspec routes.
    pub(super) flow_sources: BTreeMap<Arc<FlowspecRules>, BTreeSet<RouteTarget>>,
    defaults: Defaults,
    announcers: BTreeMap<EndpointKey, Announcer>,
    pub(super) flows: BTreeMap<FlowspecRules, Arc<Route>>,
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
    /// The routes, endpoint by endpoint, then the Flowspec ones.
    pub(super) fn routes(&self) -> impl Iterator<Item = &Arc<Route>> {
        let announcers = self.announcers.values();
        let routes = announcers.flat_map(|announcer| announcer.routes.values());
        routes.chain(self.flows.values())
    }

    pub(super) fn has_no_announcers(&self) -> bool {
        self.announcers.is_empty()
    }

    fn keys(&self) -> Vec<EndpointKey> {
        self.announcers.keys().copied().collect()
    }
}

impl Vrf {
    /// The received routes that are advertised again, or attract traffic.
    pub(crate) fn readvertised(&self) -> impl Iterator<Item = Held<'_>> {
        let prefixes = self.again.sources.keys();
        let flows = self.again.flow_sources.keys().cloned();
        let subjects = prefixes
            .map(|prefix| Subject::Prefix(*prefix))
            .chain(flows.map(Subject::Flow));
        subjects.filter_map(|subject| self.learned.readvertised(self.reading(), &subject))
    }

    /// Brings what is advertised of a prefix or flow up to date with its received routes.
    pub(super) fn refresh_again(
        &mut self,
        config: &VpnConfig,
        subject: &Subject,
        events: &mut Vec<RibEvent>,
    ) {
        let source = self.learned.readvertised(self.reading(), subject);
        let records = source.map(|held| policy::history(held.route));
        match subject {
            Subject::Flow(rules) => self.refresh_flow_source(config, rules, records, events),
            Subject::Prefix(prefix) => self.refresh_source(config, *prefix, records, events),
        }
    }

    fn refresh_source(
        &mut self,
        config: &VpnConfig,
        prefix: IpPrefix,
        records: Option<BTreeSet<RouteTarget>>,
        events: &mut Vec<RibEvent>,
    ) {
        if records.as_ref() == self.again.sources.get(&prefix) {
            return;
        }
        let old = match records.clone() {
            Some(records) => self.again.sources.insert(prefix, records),
            None => self.again.sources.remove(&prefix),
        };
        if self.policy.attract.is_none() {
            self.announce_for_all(config, prefix, events);
            return;
        }
        let Some(rules) = self.policy.rules(prefix) else {
            return;
        };
        if let Some(records) = &records {
            self.again.defaults.add(prefix, records);
        }
        if let Some(old) = old {
            self.again.defaults.remove(prefix, &old);
        }
        // Nothing is redirected to where there is no way yet, or no way any more.
        let is_first = records.is_some();
        if is_first {
            self.announce_for_all(config, default_of(prefix), events);
        }
        self.refresh_flow(config, &rules, events);
        if !is_first {
            self.announce_for_all(config, default_of(prefix), events);
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

    /// Takes note of another way to attract traffic.
    pub(super) fn count_defaults(&mut self) {
        self.again.defaults = Defaults::new(&self.policy, &self.again.sources);
    }

    /// Brings everything that is advertised again up to date with new targets.
    pub(super) fn rebuild_again(&mut self, config: &VpnConfig, events: &mut Vec<RibEvent>) {
        for key in self.again.keys() {
            self.announce_all_again(config, key, events);
        }
        self.refresh_flows(config, events);
    }

    /// Brings what is advertised again for an endpoint up to date.
    pub(super) fn announce_all_again(
        &mut self,
        config: &VpnConfig,
        key: EndpointKey,
        events: &mut Vec<RibEvent>,
    ) {
        let known = self.again.announcers.get(&key);
        let known = known
            .into_iter()
            .flat_map(|known| known.routes.keys().copied());
        let all: BTreeSet<IpPrefix> = if self.policy.attract.is_some() {
            known.chain(self.again.defaults.prefixes()).collect()
        } else {
            known.chain(self.again.sources.keys().copied()).collect()
        };
        for prefix in all {
            self.announce_again(config, key, prefix, events);
        }
    }

    fn announce_for_all(
        &mut self,
        config: &VpnConfig,
        prefix: IpPrefix,
        events: &mut Vec<RibEvent>,
    ) {
        for key in self.again.keys() {
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
        let attracted;
        let records = if self.policy.attract.is_some() {
            attracted = self.again.defaults.records(prefix)?;
            &attracted
        } else {
            self.again.sources.get(&prefix)?
        };
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
            own: endpoint.prefix().filter(is_own),
        })
    }
}
