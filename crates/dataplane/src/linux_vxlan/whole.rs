//! The state of an instance, changed in proportion to what changes of its intent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bgp_wire::IpPrefix;
use netns::link::{Neighbour, ProxyNeighbour, Route, RouteKind};
use vpn::{IpVpnIntent, SharedMap};

use super::holders::Holders;
use super::state::{Host, State, neighbour_of, netns_prefix, others_of};

/// A state, and what it takes to change parts of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whole {
    pub state: State,
    holders: Holders,
    /// How many hops of routes go by each neighbour on the tunnel.
    ways: BTreeMap<Neighbour, usize>,
}

/// What two intents differ in, where it is no more than ports and routes.
#[derive(Debug)]
pub struct Difference<'a> {
    /// Ports that came, went, or have other endpoints.
    pub ports: BTreeSet<&'a Arc<str>>,
    prefixes: BTreeSet<IpPrefix>,
}

/// A part of a state, as it was and as it is to be.
#[derive(Debug, Default)]
pub struct Change {
    pub had: State,
    pub want: State,
    holders: Holders,
    ways: BTreeMap<Neighbour, usize>,
}

impl<'a> Difference<'a> {
    /// Nothing if it is more than can be followed, or nothing at all: who says the same again wants it mended.
    pub fn between(from: &'a IpVpnIntent, to: &'a IpVpnIntent) -> Option<Self> {
        let is_alike = (&from.external_id, from.local_pe, from.gateway)
            == (&to.external_id, to.local_pe, to.gateway)
            && from.fallback == to.fallback
            // These are rules at every port.
            && from.flows.is_empty()
            && to.flows.is_empty();
        if !is_alike {
            return None;
        }
        let ports = differing(&from.ports, &to.ports);
        let both = [from, to].into_iter();
        let endpoints = both.flat_map(|intent| {
            let ports = ports.iter().filter_map(|name| intent.ports.get(*name));
            ports.flat_map(|port| port.endpoints.iter())
        });
        let mut prefixes: BTreeSet<IpPrefix> = endpoints.map(|e| e.prefix).collect();
        prefixes.extend(differing(&from.routes, &to.routes).into_iter().copied());
        if let Some(gateway) = to.gateway {
            let is_of_ports = gateway.address.is_ipv6() && !ports.is_empty();
            let host = IpPrefix::host(gateway.address);
            if is_of_ports || prefixes.contains(&host) {
                return None;
            }
            if !ports.is_empty() {
                prefixes.insert(host);
            }
        }
        (!prefixes.is_empty() || !ports.is_empty()).then_some(Self { ports, prefixes })
    }

    /// The ports that are not there any more.
    pub fn gone(&self, to: &IpVpnIntent) -> impl Iterator<Item = &Arc<str>> {
        let ports = self.ports.iter().copied();
        ports.filter(|name| !to.ports.contains_key(&***name))
    }

    /// Whether what it is about leads to other instances of this host.
    pub fn leads_here(&self, to: &IpVpnIntent) -> bool {
        let next_hops = self.prefixes.iter().filter_map(|p| to.routes.get(p));
        next_hops.flatten().any(|hop| hop.pe == to.local_pe)
    }
}

fn differing<'a, K: Ord + Clone, V: Clone + PartialEq>(
    from: &'a SharedMap<K, V>,
    to: &'a SharedMap<K, V>,
) -> BTreeSet<&'a K> {
    let both = from.differing(to).chain(to.differing(from));
    both.map(|(key, _)| key).collect()
}

impl Whole {
    /// What the kernel should hold for an intent.
    pub fn new(intent: &IpVpnIntent, host: &Host<'_>) -> Self {
        let state = State::new(intent, host);
        let mut ways = BTreeMap::new();
        for neighbour in state.routes.iter().flat_map(neighbours_of) {
            *ways.entry(neighbour).or_default() += 1;
        }
        Self {
            state,
            holders: Holders::of(intent, host.ports),
            ways,
        }
    }

    /// What changes when an intent takes the place of another. Every port that they differ in is there, on either host.
    pub fn change(
        &self,
        difference: &Difference<'_>,
        from: (&IpVpnIntent, &Host<'_>),
        to: (&IpVpnIntent, &Host<'_>),
    ) -> Change {
        let mut change = Change {
            holders: self.holders.clone(),
            ..Change::default()
        };
        for name in &difference.ports {
            let at = |(intent, host): (&IpVpnIntent, &Host<'_>)| {
                let port = intent.ports.get(*name)?.clone();
                Some((port, *host.ports.get(&***name)?))
            };
            if let Some((port, link)) = at(from) {
                change.had.port(from.0, name, link, from.1);
                change.holders.remove(name, &port, link);
            }
            if let Some((port, link)) = at(to) {
                change.want.port(to.0, name, link, to.1);
                change.holders.add(name, &port, link);
            }
        }
        let local = |state: &mut State| {
            let neighbours = std::mem::take(&mut state.neighbours);
            neighbours
                .into_iter()
                .filter(|n| n.link != to.1.tunnel)
                .collect::<BTreeSet<_>>()
        };
        let (had, want) = (local(&mut change.had), local(&mut change.want));
        for prefix in &difference.prefixes {
            self.change_prefix(*prefix, to, &mut change);
        }
        (change.had.neighbours, change.want.neighbours) = (had, want);
        for (neighbour, uses) in &change.ways {
            let before = self.ways.contains_key(neighbour);
            match (before, *uses > 0) {
                (false, true) => drop(change.want.neighbours.insert(neighbour.clone())),
                (true, false) => drop(change.had.neighbours.insert(neighbour.clone())),
                _ => {}
            }
        }
        change
    }

    fn change_prefix(
        &self,
        prefix: IpPrefix,
        (intent, host): (&IpVpnIntent, &Host<'_>),
        change: &mut Change,
    ) {
        let Some(to) = netns_prefix(&prefix) else {
            return;
        };
        let old = self.state.way(host.table, to).cloned();
        change.want.prefix(intent, prefix, &change.holders, host);
        let new = change.want.way(host.table, to).cloned();
        for neighbour in old.iter().flat_map(neighbours_of) {
            let uses = self.uses(change, neighbour);
            *uses = uses.saturating_sub(1);
        }
        for neighbour in new.iter().flat_map(neighbours_of) {
            *self.uses(change, neighbour) += 1;
        }
        let proxies = |route: &Option<Route>| -> Vec<ProxyNeighbour> {
            let unicast = route.iter().filter(|r| r.kind == RouteKind::Unicast);
            unicast.flat_map(|r| others_of(intent, host, r)).collect()
        };
        change.had.proxies.extend(proxies(&old));
        change.want.proxies.extend(proxies(&new));
        change.had.routes.extend(old);
    }

    fn uses<'a>(&self, change: &'a mut Change, neighbour: Neighbour) -> &'a mut usize {
        let before = self.ways.get(&neighbour).copied().unwrap_or_default();
        change.ways.entry(neighbour).or_insert(before)
    }

    /// Has it changed.
    pub fn apply(&mut self, change: Change) {
        let Change {
            had,
            want,
            holders,
            ways,
        } = change;
        exchange(&mut self.state.rules, had.rules, want.rules);
        exchange(&mut self.state.routes, had.routes, want.routes);
        exchange(&mut self.state.neighbours, had.neighbours, want.neighbours);
        exchange(&mut self.state.proxies, had.proxies, want.proxies);
        self.holders = holders;
        for (neighbour, uses) in ways {
            match uses {
                0 => drop(self.ways.remove(&neighbour)),
                _ => drop(self.ways.insert(neighbour, uses)),
            }
        }
    }
}

fn exchange<T: Ord>(all: &mut BTreeSet<T>, had: BTreeSet<T>, want: BTreeSet<T>) {
    for item in &had {
        all.remove(item);
    }
    all.extend(want);
}

/// The neighbours on the tunnel that a route goes by.
fn neighbours_of(route: &Route) -> impl Iterator<Item = Neighbour> + '_ {
    route.hops().filter_map(|hop| {
        let pe = hop.encap?.dst;
        Some(neighbour_of(hop.link?, hop.via?, pe))
    })
}
