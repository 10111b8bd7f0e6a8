//! Routes of others, as an IP VPN instance uses them: per prefix or flow, whatever their distinguishers.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bgp_rib::WorkerId;
use bgp_rib::best_path::{self, Candidate};
use bgp_rib::export::DEFAULT_LOCAL_PREF;
use bgp_wire::{ExtendedCommunity, IpPrefix};

use super::reading::{Forward, Meaning, Redirect, Subject};
use crate::few::{self, Few};
use crate::intent::NextHop;
use crate::learned::PathId;

/// A received route and what it means for this instance.
pub(crate) type Path = crate::learned::Path<Meaning>;

/// All received routes of one instance.
#[derive(Clone, Debug, Default)]
pub(crate) struct Learned {
    paths: BTreeMap<PathId, Path>,
    by_subject: BTreeMap<Subject, Few<PathId>>,
}

impl Learned {
    pub(crate) fn paths(&self) -> impl Iterator<Item = (&PathId, &Path)> {
        self.paths.iter()
    }

    /// Adds a path, or replaces the one of the same id.
    pub(crate) fn insert(&mut self, id: PathId, path: Path) {
        self.remove(&id);
        if let Some(subject) = path.meaning.subject.clone() {
            few::put(&mut self.by_subject, subject, id.clone());
        }
        self.paths.insert(id, path);
    }

    /// Removes a path and answers what it was about.
    pub(crate) fn remove(&mut self, id: &PathId) -> Option<Subject> {
        let subject = self.paths.remove(id)?.meaning.subject?;
        few::take(&mut self.by_subject, &subject, id);
        Some(subject)
    }

    /// Gives every path a new meaning of the same subject.
    pub(crate) fn reread(&mut self, mut meaning: impl FnMut(WorkerId, &Path) -> Meaning) {
        for (id, path) in &mut self.paths {
            path.meaning = meaning(id.source(), path);
        }
    }

    /// What the routes are about.
    pub(crate) fn subjects(&self) -> impl Iterator<Item = &Subject> + '_ {
        self.by_subject.keys()
    }

    /// Where packets for a prefix go: to the PE of the best route, with `ecmp` also to those of equal ones.
    pub(crate) fn next_hops(&self, prefix: IpPrefix, ecmp: bool) -> BTreeSet<NextHop> {
        let mut next_hops = BTreeMap::new();
        for (_, path) in self.best(&Subject::Prefix(prefix), ecmp) {
            if let Some(Forward::To(next_hop)) = path.meaning.forward {
                // One that came by two reflectors counts once, and so do two names for one endpoint.
                let NextHop {
                    pe, label, encap, ..
                } = next_hop;
                next_hops.entry((pe, label, encap)).or_insert(next_hop);
            }
        }
        next_hops.into_values().collect()
    }

    /// Where traffic that a flow matches goes.
    pub(crate) fn redirect(&self, subject: &Subject) -> Option<&Arc<Redirect>> {
        let best = self.best(subject, false).pop()?;
        match &best.1.meaning.forward {
            Some(Forward::Redirect(redirect)) => Some(redirect),
            _ => None,
        }
    }

    /// The paths that are forwarded by.
    pub(crate) fn best(&self, subject: &Subject, ecmp: bool) -> Vec<(&PathId, &Path)> {
        let usable = |(_, path): &(&PathId, &Path)| path.meaning.forward.is_some();
        let Some(best) = self.paths_of(subject).filter(usable).max_by(compare) else {
            return Vec::new();
        };
        if !ecmp {
            return vec![best];
        }
        let equal = |(_, path): &(&PathId, &Path)| preference(path) == preference(best.1);
        let mut paths: Vec<_> = self
            .paths_of(subject)
            .filter(|path| usable(path) && equal(path))
            .collect();
        paths.sort_by(|a, b| compare(b, a));
        paths
    }

    /// The path that is advertised again: the one that was least often, then the preferred one.
    ///
    /// Each time adds to its records, so that two instances that advertise again what the other does cannot go on for
    /// ever about whose is to be preferred.
    pub(crate) fn readvertised(&self, subject: &Subject) -> Option<(&PathId, &Path)> {
        let again = self
            .paths_of(subject)
            .filter(|(_, path)| path.meaning.again);
        again.max_by(|a, b| records(b.1).cmp(&records(a.1)).then_with(|| compare(a, b)))
    }

    fn paths_of(&self, subject: &Subject) -> impl Iterator<Item = (&PathId, &Path)> {
        let ids = self.by_subject.get(subject).into_iter().flat_map(Few::iter);
        ids.filter_map(|id| self.paths.get_key_value(id))
    }
}

fn compare((a, path_a): &(&PathId, &Path), (b, path_b): &(&PathId, &Path)) -> Ordering {
    let candidate = |source, route| Candidate { source, route };
    best_path::compare(
        candidate(a.source(), &path_a.route),
        candidate(b.source(), &path_b.route),
    )
}

/// How many targets a route has borne before.
fn records(path: &Path) -> usize {
    let communities = path.route.attributes.extended_communities().iter();
    let records: BTreeSet<_> = communities
        .filter_map(ExtendedCommunity::rt_record)
        .collect();
    records.len()
}

/// What equal routes have in common.
fn preference(path: &Path) -> (bool, u32) {
    let preference = path.route.attributes.local_pref();
    (path.route.stale, preference.unwrap_or(DEFAULT_LOCAL_PREF))
}
