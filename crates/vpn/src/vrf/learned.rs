//! Routes of others, as an IP VPN instance uses them: per prefix, whatever their distinguishers.

use std::collections::{BTreeMap, BTreeSet};

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
    /// Those that can be used.
    by_prefix: BTreeMap<IpPrefix, BTreeSet<PathId>>,
}

impl Learned {
    pub(crate) fn paths(&self) -> impl Iterator<Item = (&PathId, &Path)> {
        self.paths.iter()
    }

    /// Adds a path and answers the prefix that the one of the same id was used for.
    pub(crate) fn insert(&mut self, id: PathId, path: Path) -> Option<IpPrefix> {
        let old = self.remove(&id);
        if let Meaning::Prefix { prefix, .. } = path.meaning {
            self.by_prefix.entry(prefix).or_default().insert(id.clone());
        }
        self.paths.insert(id, path);
        old
    }

    /// Removes a path and answers the prefix that it was used for.
    pub(crate) fn remove(&mut self, id: &PathId) -> Option<IpPrefix> {
        let Meaning::Prefix { prefix, .. } = self.paths.remove(id)?.meaning else {
            return None;
        };
        if let Some(ids) = self.by_prefix.get_mut(&prefix) {
            ids.remove(id);
            if ids.is_empty() {
                self.by_prefix.remove(&prefix);
            }
        }
        Some(prefix)
    }

    /// The prefixes that some route can be used for.
    pub(crate) fn prefixes(&self) -> impl Iterator<Item = IpPrefix> + '_ {
        self.by_prefix.keys().copied()
    }

    /// Where packets for a prefix go: to the PE of the best route, with `ecmp` also to those of equal ones.
    pub(crate) fn next_hops(&self, prefix: IpPrefix, ecmp: bool) -> BTreeSet<NextHop> {
        let used = self.best(prefix, ecmp).into_iter();
        used.filter_map(|(_, path)| match path.meaning {
            Meaning::Prefix { next_hop, .. } => Some(next_hop),
            Meaning::Nothing { .. } => None,
        })
        .collect()
    }

    /// The paths in use for a prefix.
    pub(crate) fn best(&self, prefix: IpPrefix, ecmp: bool) -> Vec<(&PathId, &Path)> {
        let ids = self.by_prefix.get(&prefix).into_iter().flatten();
        let mut paths: Vec<_> = ids.filter_map(|id| self.paths.get_key_value(id)).collect();
        paths.sort_by(|(a, path_a), (b, path_b)| {
            let candidate = |source, route| Candidate { source, route };
            best_path::compare(candidate(b.0, &path_b.route), candidate(a.0, &path_a.route))
        });
        let preference = |path: &Path| {
            let preference = path.route.attributes.local_pref();
            preference.unwrap_or(DEFAULT_LOCAL_PREF)
        };
        let Some(best) = paths.first().map(|(_, path)| preference(path)) else {
            return paths;
        };
        if ecmp {
            paths.retain(|(_, path)| preference(path) == best);
        } else {
            paths.truncate(1);
        }
        paths
    }
}
