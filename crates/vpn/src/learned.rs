//! Routes of others, as an E-VPN instance uses them.
//!
//! Forwarding is per MAC: the best of all its routes, whatever addresses they carry. Every address of a MAC
//! makes a neighbour. Type 3 routes make flood targets, one per originator and route distinguisher.
//!
//! Of type 2 routes there may be very many. What one means is in it, and read again when it is asked for.

pub(crate) mod held;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use bgp_rib::best_path::{self, Candidate};
use bgp_rib::{Route, WorkerId};
use bgp_wire::{MacAddr, NlriKey, RouteDistinguisher};

use crate::few::{self, Few};
use crate::intent::{FloodTarget, RemoteMac};
use crate::reading::{self, About, Entry, Meaning, Reading};
use held::{Held, Index, best};

/// Who published the route, and its key; shared by the indexes that have it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PathId(Arc<(WorkerId, NlriKey)>);

impl PathId {
    pub(crate) fn new(source: WorkerId, key: NlriKey) -> Self {
        Self(Arc::new((source, key)))
    }

    /// Who published the route.
    pub(crate) fn source(&self) -> WorkerId {
        self.0.0
    }
}

/// A received route and what it means for an instance: of E-VPN unless said otherwise.
#[derive(Clone, Debug)]
pub(crate) struct Path<M = Meaning> {
    pub(crate) route: Arc<Route>,
    pub(crate) meaning: M,
}

/// All received routes of one instance.
#[derive(Clone, Debug)]
pub(crate) struct Learned {
    reading: Reading,
    /// Type 2 routes that can be used, by MAC.
    by_mac: Index<MacAddr>,
    /// Those of them with an address, by it.
    by_ip: Index<IpAddr>,
    /// All others.
    paths: BTreeMap<PathId, Path>,
    by_origin: BTreeMap<(IpAddr, RouteDistinguisher), Few<PathId>>,
    /// How many origins want each flood target.
    wanted: BTreeMap<FloodTarget, usize>,
    /// Flood targets that came or went since they were last asked for.
    touched: Vec<FloodTarget>,
}

impl Learned {
    /// Nothing yet; what comes will be read like this.
    pub(crate) fn new(reading: Reading) -> Self {
        Self {
            reading,
            by_mac: Index::new(mac_of),
            by_ip: Index::new(ip_of),
            paths: BTreeMap::new(),
            by_origin: BTreeMap::new(),
            wanted: BTreeMap::new(),
            touched: Vec::new(),
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.reading.clone());
    }

    /// How routes are read.
    pub(crate) fn reading(&self) -> &Reading {
        &self.reading
    }

    /// Every route, who published it and what it is about.
    pub(crate) fn routes(&self) -> impl Iterator<Item = (WorkerId, &Arc<Route>, Entry)> {
        let macs = self.by_mac.iter().map(|held| {
            let entry = mac_of(held.route).map_or(Entry::Other, Entry::Mac);
            (held.source, held.route, entry)
        });
        let others = self.paths.iter();
        macs.chain(others.map(|(id, path)| (id.source(), &path.route, path.meaning.entry())))
    }

    /// Adds a route that was read, and answers what the one of the same source and key that it replaces was about.
    pub(crate) fn insert(
        &mut self,
        source: WorkerId,
        route: &Arc<Route>,
        meaning: Meaning,
    ) -> Option<About> {
        let key = route.key();
        if let Meaning::Mac { mac, ip, .. } = meaning {
            // Of the same key, it was about the same MAC and address, if it was of any use.
            let unused = self.paths.remove(&PathId::new(source, key.clone()));
            if ip.is_some() {
                self.by_ip.insert(source, route);
            }
            let old = self.by_mac.insert(source, route);
            return old
                .map(|_| About::Mac(mac, ip))
                .or(unused.map(|path| path.meaning.about()));
        }
        let old = self.remove(source, route);
        let id = PathId::new(source, key);
        let path = Path {
            route: Arc::clone(route),
            meaning,
        };
        match meaning {
            Meaning::Flood { origin, .. } => self.change_origin(origin, |learned| {
                few::put(&mut learned.by_origin, origin, id.clone());
                learned.paths.insert(id, path);
            }),
            Meaning::Mac { .. } | Meaning::Nothing { .. } => {
                self.paths.insert(id, path);
            }
        }
        old
    }

    /// Removes the route of this source and key and answers what it was about, if it was there.
    pub(crate) fn remove(&mut self, source: WorkerId, route: &Route) -> Option<About> {
        let key = route.key();
        if let Some((mac, ip)) = route.nlri().mac_ip()
            && self.by_mac.remove(source, route).is_some()
        {
            if ip.is_some() {
                self.by_ip.remove(source, route);
            }
            return Some(About::Mac(mac, ip));
        }
        let id = PathId::new(source, key);
        let meaning = self.paths.get(&id)?.meaning;
        if let Meaning::Flood { origin, .. } = meaning {
            self.change_origin(origin, |learned| {
                few::take(&mut learned.by_origin, &origin, &id);
                learned.paths.remove(&id);
            });
        } else {
            self.paths.remove(&id);
        }
        Some(meaning.about())
    }

    /// Where frames for `mac` go.
    pub(crate) fn remote(&self, mac: MacAddr) -> Option<RemoteMac> {
        self.remote_of(best(self.by_mac.matching(mac))?)
    }

    /// The best route that says where `mac` has moved to. A default gateway is in many places and does not move.
    pub(crate) fn location(&self, mac: MacAddr) -> Option<(WorkerId, &Arc<Route>)> {
        let held = best(
            self.by_mac
                .matching(mac)
                .filter(|held| !reading::is_gateway(held.route)),
        )?;
        Some((held.source, held.route))
    }

    /// The default gateways that others tell of: address, MAC and PE.
    pub(crate) fn gateways(&self) -> impl Iterator<Item = (IpAddr, MacAddr, IpAddr)> + '_ {
        let gateways = self
            .by_ip
            .iter()
            .filter(|held| reading::is_gateway(held.route));
        gateways.filter_map(|held| {
            let (mac, ip) = held.route.nlri().mac_ip()?;
            Some((ip?, mac, self.remote_of(held)?.vtep))
        })
    }

    /// The MAC that holds `ip`, by the best route among MACs that `remote` accepts.
    pub(crate) fn neighbour(
        &self,
        ip: IpAddr,
        remote: impl Fn(MacAddr) -> bool,
    ) -> Option<MacAddr> {
        let of_ip = self.by_ip.matching(ip);
        let best = best(of_ip.filter(|held| mac_of(held.route).is_some_and(&remote)));
        best.and_then(|held| mac_of(held.route))
    }

    /// The addresses that routes of `mac` carry.
    pub(crate) fn ips_of(&self, mac: MacAddr) -> BTreeSet<IpAddr> {
        self.by_mac
            .matching(mac)
            .filter_map(|held| ip_of(held.route))
            .collect()
    }

    /// The flood targets that may have come or gone since the last call.
    pub(crate) fn take_touched(&mut self) -> Vec<FloodTarget> {
        std::mem::take(&mut self.touched)
    }

    /// Whether somebody wants this flood target.
    pub(crate) fn floods_to(&self, target: &FloodTarget) -> bool {
        self.wanted.contains_key(target)
    }

    /// The routes in use: the best of each MAC and address, and of each flooding origin.
    pub(crate) fn best_routes(&self) -> Vec<(WorkerId, &Arc<Route>, Entry)> {
        let mut bests: BTreeMap<(MacAddr, Option<IpAddr>), Held<'_>> = BTreeMap::new();
        for held in self.by_mac.iter() {
            if let Some(about) = held.route.nlri().mac_ip() {
                let known = bests.entry(about).or_insert(held);
                *known = best([*known, held].into_iter()).unwrap_or(held);
            }
        }
        let macs = bests.into_iter().map(|((mac, _), held)| {
            let entry = Entry::Mac(mac);
            (held.source, held.route, entry)
        });
        let floods = self.by_origin.values();
        let floods = floods.filter_map(|ids| self.best_path(ids.iter()));
        let floods = floods.map(|(id, path)| (id.source(), &path.route, path.meaning.entry()));
        macs.chain(floods).collect()
    }

    fn remote_of(&self, held: Held<'_>) -> Option<RemoteMac> {
        match self.reading.read(held.route).0 {
            Meaning::Mac { remote, .. } => Some(remote),
            _ => None,
        }
    }

    fn best_path<'a>(
        &'a self,
        ids: impl IntoIterator<Item = &'a PathId>,
    ) -> Option<(&'a PathId, &'a Path)> {
        let paths = ids
            .into_iter()
            .filter_map(|id| Some((id, self.paths.get(id)?)));
        paths.max_by(|(a, path_a), (b, path_b)| {
            let candidate = |source, path: &'a Path| Candidate {
                source,
                route: &path.route,
            };
            best_path::compare(candidate(a.source(), path_a), candidate(b.source(), path_b))
        })
    }

    /// Applies a change to the routes of one origin and keeps count of what its best route wants.
    fn change_origin(
        &mut self,
        origin: (IpAddr, RouteDistinguisher),
        change: impl FnOnce(&mut Self),
    ) {
        let before = self.target_of(origin);
        change(self);
        let after = self.target_of(origin);
        self.touched.extend(before.into_iter().chain(after));
        if let Some(target) = after {
            *self.wanted.entry(target).or_default() += 1;
        }
        if let Some(target) = before
            && let Some(count) = self.wanted.get_mut(&target)
        {
            *count -= 1;
            if *count == 0 {
                self.wanted.remove(&target);
            }
        }
    }

    fn target_of(&self, origin: (IpAddr, RouteDistinguisher)) -> Option<FloodTarget> {
        let (_, best) = self.best_path(self.by_origin.get(&origin)?.iter())?;
        match best.meaning {
            Meaning::Flood { target, .. } => Some(target),
            _ => None,
        }
    }
}

fn mac_of(route: &Route) -> Option<MacAddr> {
    route.nlri().mac_ip().map(|(mac, _)| mac)
}

fn ip_of(route: &Route) -> Option<IpAddr> {
    route.nlri().mac_ip().and_then(|(_, ip)| ip)
}
