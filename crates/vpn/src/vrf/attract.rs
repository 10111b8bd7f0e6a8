//! Traffic attracted instead of routes advertised again: Flowspec routes that redirect it to a target, and a default
//! route with that target for each endpoint.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bgp_rib::{RibEvent, Route};
use bgp_wire::nlri::{FlowComponent, FlowspecRules};
use bgp_wire::{IpPrefix, RouteTarget};

use super::Vrf;
use super::policy::Policy;
use crate::manager::VpnConfig;
use crate::publication;

/// The default routes, one per version of IP, each there for as long as a prefix is attracted.
#[derive(Debug, Default)]
pub(super) struct Defaults(BTreeMap<IpPrefix, Default>);

#[derive(Debug, Default)]
struct Default {
    prefixes: usize,
    /// How many of the prefixes' routes have borne each target.
    borne: BTreeMap<RouteTarget, usize>,
}

impl Defaults {
    /// Those for the prefixes attracted anyway, and for those of `sources`.
    pub(super) fn new(
        policy: &Policy,
        sources: &BTreeMap<IpPrefix, BTreeSet<RouteTarget>>,
    ) -> Self {
        let mut defaults = Self::default();
        let Some(attract) = &policy.attract else {
            return defaults;
        };
        let none = BTreeSet::new();
        let fixed = attract.static_prefixes.iter().map(|prefix| (prefix, &none));
        for (prefix, borne) in fixed.chain(sources) {
            if policy.rules(*prefix).is_some() {
                defaults.add(*prefix, borne);
            }
        }
        defaults
    }

    pub(super) fn prefixes(&self) -> impl Iterator<Item = IpPrefix> + '_ {
        self.0.keys().copied()
    }

    /// The targets that a default route has to record, so that nobody attracts in circles.
    pub(super) fn records(&self, default: IpPrefix) -> Option<BTreeSet<RouteTarget>> {
        let default = self.0.get(&default)?;
        Some(default.borne.keys().copied().collect())
    }

    pub(super) fn add(&mut self, prefix: IpPrefix, borne: &BTreeSet<RouteTarget>) {
        let default = self.0.entry(default_of(prefix)).or_default();
        default.prefixes += 1;
        for target in borne {
            *default.borne.entry(*target).or_default() += 1;
        }
    }

    pub(super) fn remove(&mut self, prefix: IpPrefix, borne: &BTreeSet<RouteTarget>) {
        let key = default_of(prefix);
        let Some(default) = self.0.get_mut(&key) else {
            return;
        };
        default.prefixes -= 1;
        if default.prefixes == 0 {
            self.0.remove(&key);
            return;
        }
        for target in borne {
            if let Some(count) = default.borne.get_mut(target) {
                *count -= 1;
                if *count == 0 {
                    default.borne.remove(target);
                }
            }
        }
    }
}

/// The default route of the same version of IP.
pub(super) fn default_of(prefix: IpPrefix) -> IpPrefix {
    // A length of 0 fits every address.
    IpPrefix::new(prefix.address(), 0).unwrap_or(prefix)
}

impl Vrf {
    /// Makes the Flowspec route of some rules what it should be.
    pub(super) fn refresh_flow(
        &mut self,
        config: &VpnConfig,
        rules: &FlowspecRules,
        events: &mut Vec<RibEvent>,
    ) {
        let new = self.flow_route(config, rules);
        let old = self.again.flows.remove(rules);
        if let Some(route) = publication::change(self.worker(), old, new, events) {
            self.again.flows.insert(rules.clone(), route);
        }
    }

    /// Makes all Flowspec routes what they should be.
    pub(super) fn refresh_flows(&mut self, config: &VpnConfig, events: &mut Vec<RibEvent>) {
        let attract = self.policy.attract.iter();
        let fixed = attract.flat_map(|attract| &attract.static_prefixes);
        let prefixes = fixed.chain(self.again.sources.keys());
        let wanted = prefixes.filter_map(|prefix| self.policy.rules(*prefix));
        let of_others = self
            .again
            .flow_sources
            .keys()
            .map(|rules| (**rules).clone());
        let published = self.again.flows.keys().cloned();
        let all: BTreeSet<FlowspecRules> = wanted.chain(of_others).chain(published).collect();
        for rules in all {
            self.refresh_flow(config, &rules, events);
        }
    }

    fn flow_route(&self, config: &VpnConfig, rules: &FlowspecRules) -> Option<Route> {
        let attract = self.policy.attract.as_ref()?;
        if self.again.has_no_announcers() {
            return None;
        }
        let none = BTreeSet::new();
        let (targets, redirect, records) = if self.is_attracted(rules) {
            (
                attract.redirect.iter().copied().collect(),
                attract.to,
                &none,
            )
        } else {
            let records = self.again.flow_sources.get(rules)?;
            (vec![attract.to], self.policy.only_redirect()?, records)
        };
        let publisher = self.publisher(config, &targets)?;
        Some(publisher.flow(rules.clone(), redirect, records))
    }

    /// Whether the rules are those by which traffic to some prefix is attracted.
    fn is_attracted(&self, rules: &FlowspecRules) -> bool {
        let Some(FlowComponent::Destination { prefix, .. }) = rules.get(FlowComponent::DESTINATION)
        else {
            return false;
        };
        let mut attract = self.policy.attract.iter();
        let is_wanted = self.again.sources.contains_key(prefix)
            || attract.any(|attract| attract.static_prefixes.contains(prefix));
        is_wanted && self.policy.rules(*prefix).as_ref() == Some(rules)
    }

    /// Takes note of what became of the routes of a flow.
    pub(super) fn refresh_flow_source(
        &mut self,
        config: &VpnConfig,
        rules: &Arc<FlowspecRules>,
        records: Option<BTreeSet<RouteTarget>>,
        events: &mut Vec<RibEvent>,
    ) {
        if records.as_ref() == self.again.flow_sources.get(rules) {
            return;
        }
        match records {
            Some(records) => self.again.flow_sources.insert(Arc::clone(rules), records),
            None => self.again.flow_sources.remove(rules),
        };
        self.refresh_flow(config, rules, events);
    }
}
