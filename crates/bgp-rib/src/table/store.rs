//! The routes, indexed by what events ask for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bgp_wire::{Family, NlriKey, RouteTarget};

use super::places::Places;
use crate::{Change, Match, Route, WorkerId};

/// A stored route.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) source: WorkerId,
    pub(super) route: Arc<Route>,
    /// Published in a session that is over, and not again since.
    pub(super) unconfirmed: bool,
}

/// Order of arrival. A replaced route keeps its place.
pub(super) type Place = u64;

/// A family's routes with one target, or all of them.
type Bucket = (Family, Option<RouteTarget>);

#[derive(Debug, Default)]
pub(super) struct Store {
    next: Place,
    entries: BTreeMap<Place, Entry>,
    places: Places,
    buckets: BTreeMap<Bucket, BTreeSet<Place>>,
    by_source: BTreeMap<WorkerId, BTreeSet<Place>>,
    /// Routes per family: of this daemon's workers, of peers.
    counts: BTreeMap<Family, (usize, usize)>,
    /// How many routes of a source are unconfirmed, where there are any.
    unconfirmed: BTreeMap<WorkerId, usize>,
}

impl Entry {
    pub(super) fn advertise(&self, replaced: Option<Arc<Route>>) -> Change {
        Change::Advertise {
            route: Arc::clone(&self.route),
            replaced,
            source: self.source,
        }
    }

    pub(super) fn withdraw(&self) -> Change {
        Change::Withdraw {
            route: Arc::clone(&self.route),
            source: self.source,
        }
    }

    /// Sorted, each once. Read out of the attributes when asked for: routes share these, and are many.
    pub(super) fn targets(&self) -> Vec<RouteTarget> {
        self.route.route_targets()
    }

    fn is(&self, source: WorkerId, key: &NlriKey) -> bool {
        self.source == source && self.route.key() == *key
    }

    fn buckets(&self) -> impl Iterator<Item = Bucket> {
        let family = self.route.family();
        let targets = self.targets().into_iter().map(Some);
        std::iter::once(None)
            .chain(targets)
            .map(move |target| (family, target))
    }
}

impl Store {
    /// Stores a route; answers the new entry and the one it replaces, or nothing if it is no change.
    pub(super) fn insert(
        &mut self,
        source: WorkerId,
        route: Arc<Route>,
    ) -> Option<(Entry, Option<Entry>)> {
        let key = route.key();
        let entry = Entry {
            source,
            route,
            unconfirmed: false,
        };
        let known = self.place_of(source, &key);
        let place = known.unwrap_or(self.next);
        let old = self.entries.get(&place).cloned();
        if let Some(old) = &old {
            self.confirm(place);
            if old.route == entry.route {
                return None;
            }
            self.unlink(place, old);
        } else {
            self.next += 1;
            self.places.insert(source, &key, place);
        }
        self.link(place, &entry);
        self.entries.insert(place, entry.clone());
        Some((entry, old))
    }

    /// Makes a route stale or fresh, and unconfirmed; answers the entry as it was and as it is.
    pub(super) fn set_stale(
        &mut self,
        source: WorkerId,
        key: &NlriKey,
        stale: bool,
    ) -> Option<(Entry, Entry)> {
        let place = self.place_of(source, key)?;
        let entry = self.entries.get_mut(&place)?;
        let old = entry.clone();
        Arc::make_mut(&mut entry.route).stale = stale;
        if !std::mem::replace(&mut entry.unconfirmed, true) {
            *self.unconfirmed.entry(source).or_default() += 1;
        }
        Some((old, entry.clone()))
    }

    /// How many routes of a source are unconfirmed.
    pub(super) fn unconfirmed(&self, source: WorkerId) -> usize {
        self.unconfirmed.get(&source).copied().unwrap_or(0)
    }

    fn confirm(&mut self, place: Place) {
        if let Some(entry) = self.entries.get_mut(&place)
            && std::mem::take(&mut entry.unconfirmed)
            && let Some(count) = self.unconfirmed.get_mut(&entry.source)
        {
            *count -= 1;
            if *count == 0 {
                self.unconfirmed.remove(&entry.source);
            }
        }
    }

    /// Removes a route and answers it, if it was there.
    pub(super) fn remove(&mut self, source: WorkerId, key: &NlriKey) -> Option<Entry> {
        let place = self.place_of(source, key)?;
        self.places.remove(source, key, place);
        self.confirm(place);
        let entry = self.entries.remove(&place)?;
        self.unlink(place, &entry);
        Some(entry)
    }

    fn place_of(&self, source: WorkerId, key: &NlriKey) -> Option<Place> {
        let is_it = |place: &Place| {
            let entry = self.entries.get(place);
            entry.is_some_and(|entry| entry.is(source, key))
        };
        self.places.candidates(source, key).find(is_it)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// The routes that match, by family, then oldest first.
    pub(super) fn matching(&self, wanted: Match) -> impl Iterator<Item = &Entry> {
        let families = self.counts.keys().copied();
        families
            .filter(move |family| wanted.family.is_none_or(|only| only == *family))
            .filter_map(move |family| self.buckets.get(&(family, wanted.target)))
            .flatten()
            .filter_map(|place| self.entries.get(place))
    }

    pub(super) fn of_source(&self, source: WorkerId) -> impl Iterator<Item = &Entry> {
        let places = self.by_source.get(&source).into_iter().flatten();
        places.filter_map(|place| self.entries.get(place))
    }

    pub(super) fn sources(&self) -> impl Iterator<Item = WorkerId> + '_ {
        self.by_source.keys().copied()
    }

    /// How many routes of each family come from this daemon's workers and how many from peers.
    pub(super) fn counts(&self) -> impl Iterator<Item = (Family, (usize, usize))> + '_ {
        self.counts
            .iter()
            .map(|(family, counts)| (*family, *counts))
    }

    fn link(&mut self, place: Place, entry: &Entry) {
        for bucket in entry.buckets() {
            self.buckets.entry(bucket).or_default().insert(place);
        }
        self.by_source
            .entry(entry.source)
            .or_default()
            .insert(place);
        let (local, received) = self.counts.entry(entry.route.family()).or_default();
        *if entry.source.is_peer() {
            received
        } else {
            local
        } += 1;
    }

    fn unlink(&mut self, place: Place, entry: &Entry) {
        for bucket in entry.buckets() {
            remove_from(&mut self.buckets, &bucket, &place);
        }
        remove_from(&mut self.by_source, &entry.source, &place);
        let family = entry.route.family();
        if let Some((local, received)) = self.counts.get_mut(&family) {
            *if entry.source.is_peer() {
                &mut *received
            } else {
                &mut *local
            } -= 1;
            if *local + *received == 0 {
                self.counts.remove(&family);
            }
        }
    }
}

/// Removes a member from a map of sets, and the set with its last member.
pub(super) fn remove_from<K: Ord, V: Ord>(
    map: &mut BTreeMap<K, BTreeSet<V>>,
    key: &K,
    value: &V,
) -> bool {
    let Some(set) = map.get_mut(key) else {
        return false;
    };
    let removed = set.remove(value);
    if set.is_empty() {
        map.remove(key);
    }
    removed
}
