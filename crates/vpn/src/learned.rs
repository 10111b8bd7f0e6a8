//! Routes of others, as an E-VPN instance uses them.
//!
//! Forwarding is per MAC: the best of all its routes, whatever addresses they carry. Every address of a MAC
//! makes a neighbour. Type 3 routes make flood targets, one per originator and route distinguisher.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use bgp_rib::best_path::{self, Candidate};
use bgp_rib::{Route, WorkerId};
use bgp_wire::{MacAddr, NlriKey, RouteDistinguisher};

use crate::few::{self, Few};
use crate::intent::{FloodTarget, RemoteMac};
use crate::reading::Meaning;

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
#[derive(Clone, Debug, Default)]
pub(crate) struct Learned {
    paths: BTreeMap<PathId, Path>,
    by_mac: BTreeMap<MacAddr, Few<PathId>>,
    by_ip: BTreeMap<IpAddr, Few<PathId>>,
    by_origin: BTreeMap<(IpAddr, RouteDistinguisher), Few<PathId>>,
    /// How many origins want each flood target.
    wanted: BTreeMap<FloodTarget, usize>,
    /// Flood targets that came or went since they were last asked for.
    touched: Vec<FloodTarget>,
}

impl Learned {
    pub(crate) fn paths(&self) -> impl Iterator<Item = (&PathId, &Path)> {
        self.paths.iter()
    }

    /// Adds a path and answers the one of the same id that it replaces.
    pub(crate) fn insert(&mut self, id: PathId, path: Path) -> Option<Path> {
        let old = self.remove(&id);
        match path.meaning {
            Meaning::Mac { mac, ip, .. } => {
                few::put(&mut self.by_mac, mac, id.clone());
                if let Some(ip) = ip {
                    few::put(&mut self.by_ip, ip, id.clone());
                }
                self.paths.insert(id, path);
            }
            Meaning::Flood { origin, .. } => self.change_origin(origin, |learned| {
                few::put(&mut learned.by_origin, origin, id.clone());
                learned.paths.insert(id, path);
            }),
            Meaning::Nothing { .. } => {
                self.paths.insert(id, path);
            }
        }
        old
    }

    /// Removes a path and answers it, if it was there.
    pub(crate) fn remove(&mut self, id: &PathId) -> Option<Path> {
        let path = self.paths.get(id)?.clone();
        match path.meaning {
            Meaning::Mac { mac, ip, .. } => {
                few::take(&mut self.by_mac, &mac, id);
                if let Some(ip) = ip {
                    few::take(&mut self.by_ip, &ip, id);
                }
                self.paths.remove(id);
            }
            Meaning::Flood { origin, .. } => self.change_origin(origin, |learned| {
                few::take(&mut learned.by_origin, &origin, id);
                learned.paths.remove(id);
            }),
            Meaning::Nothing { .. } => {
                self.paths.remove(id);
            }
        }
        Some(path)
    }

    /// Where frames for `mac` go.
    pub(crate) fn remote(&self, mac: MacAddr) -> Option<RemoteMac> {
        let (_, best) = self.best(self.by_mac.get(&mac)?.iter())?;
        match best.meaning {
            Meaning::Mac { remote, .. } => Some(remote),
            _ => None,
        }
    }

    /// The best route that says where `mac` has moved to. A default gateway is in many places and does not move.
    pub(crate) fn location(&self, mac: MacAddr) -> Option<(WorkerId, &Arc<Route>)> {
        let ids = self.by_mac.get(&mac)?.iter();
        let moves = |id: &PathId| {
            let path = self.paths.get(id);
            path.is_some_and(
                |path| matches!(path.meaning, Meaning::Mac { is_gateway, .. } if !is_gateway),
            )
        };
        let (id, best) = self.best(ids.filter(|id| moves(id)))?;
        Some((id.source(), &best.route))
    }

    /// The default gateways that others tell of: address, MAC and PE.
    pub(crate) fn gateways(&self) -> impl Iterator<Item = (IpAddr, MacAddr, IpAddr)> + '_ {
        self.paths.values().filter_map(|path| match path.meaning {
            Meaning::Mac {
                mac,
                ip: Some(ip),
                remote,
                is_gateway: true,
            } => Some((ip, mac, remote.vtep)),
            _ => None,
        })
    }

    /// The MAC that holds `ip`, by the best route among MACs that `remote` accepts.
    pub(crate) fn neighbour(
        &self,
        ip: IpAddr,
        remote: impl Fn(MacAddr) -> bool,
    ) -> Option<MacAddr> {
        let ids = self.by_ip.get(&ip)?.iter();
        let ids = ids.filter(|id| self.mac_of(id).is_some_and(&remote));
        self.best(ids).and_then(|(id, _)| self.mac_of(id))
    }

    /// The addresses that routes of `mac` carry.
    pub(crate) fn ips_of(&self, mac: MacAddr) -> BTreeSet<IpAddr> {
        let ids = self.by_mac.get(&mac).into_iter().flat_map(Few::iter);
        ids.filter_map(|id| match self.paths.get(id)?.meaning {
            Meaning::Mac { ip, .. } => ip,
            _ => None,
        })
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

    /// The paths in use: the best of each MAC and address, and of each flooding origin.
    pub(crate) fn best_paths(&self) -> BTreeMap<&PathId, &Path> {
        let mut groups: BTreeMap<(MacAddr, Option<IpAddr>), Vec<&PathId>> = BTreeMap::new();
        for (id, path) in &self.paths {
            if let Meaning::Mac { mac, ip, .. } = path.meaning {
                groups.entry((mac, ip)).or_default().push(id);
            }
        }
        let macs = groups.into_values().filter_map(|ids| self.best(ids));
        let floods = self
            .by_origin
            .values()
            .filter_map(|ids| self.best(ids.iter()));
        macs.chain(floods).collect()
    }

    fn mac_of(&self, id: &PathId) -> Option<MacAddr> {
        match self.paths.get(id)?.meaning {
            Meaning::Mac { mac, .. } => Some(mac),
            _ => None,
        }
    }

    fn best<'a>(
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
        let (_, best) = self.best(self.by_origin.get(&origin)?.iter())?;
        match best.meaning {
            Meaning::Flood { target, .. } => Some(target),
            _ => None,
        }
    }
}
