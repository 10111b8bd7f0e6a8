//! Routes of others, as an IP VPN instance uses them: per prefix, whatever their distinguishers.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use bgp_rib::WorkerId;
use bgp_rib::best_path::{self, Candidate};
use bgp_rib::export::DEFAULT_LOCAL_PREF;
use bgp_wire::IpPrefix;

use super::reading::Meaning;
use crate::intent::NextHop;
use crate::learned::PathId;

/// A received route and what it means for this instance.
pub(crate) type Path = crate::learned::Path<Meaning>;

/// All received routes of one instance.
#[derive(Clone, Debug, Default)]
pub(crate) struct Learned {
    paths: BTreeMap<PathId, Path>,
    by_prefix: BTreeMap<IpPrefix, BTreeSet<PathId>>,
}

impl Learned {
    pub(crate) fn paths(&self) -> impl Iterator<Item = (&PathId, &Path)> {
        self.paths.iter()
    }

    /// Adds a path and answers the prefix of the one of the same id.
    pub(crate) fn insert(&mut self, id: PathId, path: Path) -> Option<IpPrefix> {
        let old = self.remove(&id);
        if let Some(prefix) = path.meaning.prefix {
            self.by_prefix.entry(prefix).or_default().insert(id.clone());
        }
        self.paths.insert(id, path);
        old
    }

    /// Removes a path and answers its prefix.
    pub(crate) fn remove(&mut self, id: &PathId) -> Option<IpPrefix> {
        let prefix = self.paths.remove(id)?.meaning.prefix?;
        if let Some(ids) = self.by_prefix.get_mut(&prefix) {
            ids.remove(id);
            if ids.is_empty() {
                self.by_prefix.remove(&prefix);
            }
        }
        Some(prefix)
    }

    /// Gives every path a new meaning of the same prefix.
    pub(crate) fn reread(&mut self, mut meaning: impl FnMut(WorkerId, &Path) -> Meaning) {
        for ((source, _), path) in &mut self.paths {
            path.meaning = meaning(*source, path);
        }
    }

    /// The prefixes of all routes.
    pub(crate) fn prefixes(&self) -> impl Iterator<Item = IpPrefix> + '_ {
        self.by_prefix.keys().copied()
    }

    /// Where packets for a prefix go: to the PE of the best route, with `ecmp` also to those of equal ones.
    pub(crate) fn next_hops(&self, prefix: IpPrefix, ecmp: bool) -> BTreeSet<NextHop> {
        let used = self.best(prefix, ecmp).into_iter();
        let mut next_hops = BTreeMap::new();
        for next_hop in used.filter_map(|(_, path)| path.meaning.next_hop) {
            // One that came by two reflectors counts once, and so do two names for one endpoint.
            let NextHop {
                pe, label, encap, ..
            } = next_hop;
            next_hops.entry((pe, label, encap)).or_insert(next_hop);
        }
        next_hops.into_values().collect()
    }

    /// The paths that a prefix is forwarded by.
    pub(crate) fn best(&self, prefix: IpPrefix, ecmp: bool) -> Vec<(&PathId, &Path)> {
        let usable = |(_, path): &(&PathId, &Path)| path.meaning.next_hop.is_some();
        let Some(best) = self.paths_of(prefix).filter(usable).max_by(compare) else {
            return Vec::new();
        };
        if !ecmp {
            return vec![best];
        }
        let equal = |(_, path): &(&PathId, &Path)| local_pref(path) == local_pref(best.1);
        let mut paths: Vec<_> = self
            .paths_of(prefix)
            .filter(|path| usable(path) && equal(path))
            .collect();
        paths.sort_by(|a, b| compare(b, a));
        paths
    }

    /// The path that a prefix is advertised again for.
    pub(crate) fn readvertised(&self, prefix: IpPrefix) -> Option<(&PathId, &Path)> {
        let again = self.paths_of(prefix).filter(|(_, path)| path.meaning.again);
        again.max_by(compare)
    }

    fn paths_of(&self, prefix: IpPrefix) -> impl Iterator<Item = (&PathId, &Path)> {
        let ids = self.by_prefix.get(&prefix).into_iter().flatten();
        ids.filter_map(|id| self.paths.get_key_value(id))
    }
}

fn compare((a, path_a): &(&PathId, &Path), (b, path_b): &(&PathId, &Path)) -> Ordering {
    let candidate = |source, route| Candidate { source, route };
    best_path::compare(candidate(a.0, &path_a.route), candidate(b.0, &path_b.route))
}

fn local_pref(path: &Path) -> u32 {
    let preference = path.route.attributes.local_pref();
    preference.unwrap_or(DEFAULT_LOCAL_PREF)
}
