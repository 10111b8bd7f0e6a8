//! Routes of others, as an IP VPN instance uses them: per prefix or flow, whatever their distinguishers.
//!
//! There may be very many. What one means is in it, and read again when it is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bgp_rib::export::DEFAULT_LOCAL_PREF;
use bgp_rib::{Route, WorkerId};
use bgp_wire::nlri::FlowspecRules;
use bgp_wire::{ExtendedCommunity, IpPrefix, NlriKey};

use super::reading::{Forward, Reading, Redirect, Subject};
use crate::few::Few;
use crate::intent::NextHop;
use crate::learned::held::{Held, Index, compare};

/// All received routes of one instance.
#[derive(Clone, Debug)]
pub(crate) struct Learned {
    by_prefix: Index<IpPrefix>,
    by_flow: BTreeMap<Arc<FlowspecRules>, ByKey>,
    /// What cannot be read.
    others: ByKey,
}

type ByKey = BTreeMap<(WorkerId, NlriKey), Arc<Route>>;

impl Default for Learned {
    fn default() -> Self {
        Self {
            by_prefix: Index::new(prefix_of),
            by_flow: BTreeMap::new(),
            others: ByKey::new(),
        }
    }
}

impl Learned {
    /// Every route, who published it and what it is about.
    pub(crate) fn routes(&self) -> impl Iterator<Item = (WorkerId, &Arc<Route>, Option<Subject>)> {
        let prefixes = self.by_prefix.iter();
        let prefixes = prefixes.map(|held| (held, prefix_of(held.route).map(Subject::Prefix)));
        let flows = self.by_flow.iter().flat_map(|(rules, routes)| {
            let subject = Subject::Flow(Arc::clone(rules));
            all(routes).map(move |held| (held, Some(subject.clone())))
        });
        let others = all(&self.others).map(|held| (held, None));
        let all = prefixes.chain(flows).chain(others);
        all.map(|(held, subject)| (held.source, held.route, subject))
    }

    /// Adds a route about `subject`, or replaces the one of the same source and key.
    pub(crate) fn insert(
        &mut self,
        source: WorkerId,
        route: &Arc<Route>,
        subject: Option<&Subject>,
    ) {
        match subject {
            Some(Subject::Prefix(_)) => {
                self.by_prefix.insert(source, route);
            }
            Some(Subject::Flow(rules)) => {
                let routes = self.by_flow.entry(Arc::clone(rules)).or_default();
                routes.insert((source, route.key()), Arc::clone(route));
            }
            None => {
                self.others.insert((source, route.key()), Arc::clone(route));
            }
        }
    }

    /// Removes the route of this source and key and answers what it was about.
    pub(crate) fn remove(&mut self, source: WorkerId, route: &Route) -> Option<Subject> {
        // Routes of one key are about one subject.
        let subject = Subject::of(route);
        match &subject {
            Some(Subject::Prefix(_)) => {
                self.by_prefix.remove(source, route)?;
            }
            Some(Subject::Flow(rules)) => {
                let routes = self.by_flow.get_mut(rules)?;
                routes.remove(&(source, route.key()))?;
                if routes.is_empty() {
                    self.by_flow.remove(rules);
                }
            }
            None => {
                self.others.remove(&(source, route.key()))?;
            }
        }
        subject
    }

    /// What the routes are about, in order.
    pub(crate) fn subjects(&self) -> impl Iterator<Item = Subject> + '_ {
        let mut last = None;
        let prefixes = self.by_prefix.iter();
        let prefixes = prefixes.filter_map(|held| prefix_of(held.route));
        let prefixes = prefixes.filter(move |prefix| last.replace(*prefix) != Some(*prefix));
        let flows = self.by_flow.keys().cloned().map(Subject::Flow);
        prefixes.map(Subject::Prefix).chain(flows)
    }

    /// Where packets for a prefix go: to the PE of the best route, with `ecmp` also to those of equal ones.
    pub(crate) fn next_hops(
        &self,
        reading: Reading<'_>,
        prefix: IpPrefix,
        ecmp: bool,
    ) -> Option<Few<NextHop>> {
        let mut next_hops = BTreeMap::new();
        for held in self.best(reading, &Subject::Prefix(prefix), ecmp) {
            if let Some(Forward::To(next_hop)) = reading.forward(held) {
                // One that came by two reflectors counts once, and so do two names for one endpoint.
                let NextHop {
                    pe, label, encap, ..
                } = next_hop;
                next_hops.entry((pe, label, encap)).or_insert(next_hop);
            }
        }
        Few::of(next_hops.into_values())
    }

    /// Where traffic that a flow matches goes.
    pub(crate) fn redirect(
        &self,
        reading: Reading<'_>,
        subject: &Subject,
    ) -> Option<Arc<Redirect>> {
        let best = self.best(reading, subject, false).pop()?;
        match reading.forward(best) {
            Some(Forward::Redirect(redirect)) => Some(redirect),
            _ => None,
        }
    }

    /// The routes that are forwarded by.
    pub(crate) fn best(
        &self,
        reading: Reading<'_>,
        subject: &Subject,
        ecmp: bool,
    ) -> Vec<Held<'_>> {
        let of_subject = self.of(subject);
        let mut usable: Vec<Held<'_>> = of_subject
            .filter(|held| reading.forward(*held).is_some())
            .collect();
        usable.sort_by(|a, b| compare(*b, *a));
        let first = usable.first().map(|held| preference(held.route));
        if ecmp {
            usable.retain(|held| Some(preference(held.route)) == first);
        } else {
            usable.truncate(1);
        }
        usable
    }

    /// The route that is advertised again: the one that was least often, then the preferred one.
    ///
    /// Each time adds to its records, so that two instances that advertise again what the other does cannot go on for
    /// ever about whose is to be preferred.
    pub(crate) fn readvertised(&self, reading: Reading<'_>, subject: &Subject) -> Option<Held<'_>> {
        if !reading.policy.is_again() {
            return None;
        }
        let again = self
            .of(subject)
            .filter(|held| reading.policy.uses(held.route).again);
        again.max_by(|a, b| {
            records(b.route)
                .cmp(&records(a.route))
                .then_with(|| compare(*a, *b))
        })
    }

    fn of(&self, subject: &Subject) -> impl Iterator<Item = Held<'_>> {
        let (prefix, rules) = match subject {
            Subject::Prefix(prefix) => (Some(*prefix), None),
            Subject::Flow(rules) => (None, Some(rules)),
        };
        let of_prefix = prefix.into_iter();
        let of_prefix = of_prefix.flat_map(|prefix| self.by_prefix.matching(prefix));
        let of_flow = rules.and_then(|rules| self.by_flow.get(rules));
        of_prefix.chain(of_flow.into_iter().flat_map(all))
    }
}

fn prefix_of(route: &Route) -> Option<IpPrefix> {
    route.nlri().vpn_prefix()
}

fn all(routes: &ByKey) -> impl Iterator<Item = Held<'_>> {
    routes.iter().map(|((source, _), route)| Held {
        source: *source,
        route,
    })
}

/// How many targets a route has borne before.
fn records(route: &Route) -> usize {
    let communities = route.attributes().extended_communities().iter();
    let records: BTreeSet<_> = communities
        .filter_map(ExtendedCommunity::rt_record)
        .collect();
    records.len()
}

/// What equal routes have in common.
fn preference(route: &Route) -> (bool, u32) {
    let preference = route.attributes().local_pref();
    (route.stale, preference.unwrap_or(DEFAULT_LOCAL_PREF))
}
