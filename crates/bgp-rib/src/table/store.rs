//! The routes, indexed by what events ask for.
//!
//! There may be very many, so that what is kept beside each is small: no index has what the route itself has.

use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;

use bgp_wire::{Family, NlriKey, RouteTarget};
use hashbrown::HashTable;

use super::publishers::{Number, Publishers};
use crate::sorted::Sorted;
use crate::{Change, Match, Route, WorkerId};

/// A route in the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    pub(super) source: WorkerId,
    pub(super) route: &'a Arc<Route>,
    /// Published in a session that is over, and not again since.
    pub(super) unconfirmed: bool,
}

/// Order of arrival. A replaced route keeps its place. There are as many as fit in a table, not as many as ever come.
pub(super) type Place = u32;

/// A stored route.
#[derive(Debug)]
struct Slot {
    route: Arc<Route>,
    place: Place,
    mark: Mark,
}

/// Whose a route is, and whether it is unconfirmed: in the lowest bit, as a field of its own would take eight octets.
#[derive(Clone, Copy, Debug)]
struct Mark(u32);

impl Mark {
    fn new(source: Number, unconfirmed: bool) -> Self {
        Self(source << 1 | u32::from(unconfirmed))
    }

    fn source(self) -> Number {
        self.0 >> 1
    }

    fn is_unconfirmed(self) -> bool {
        self.0 & 1 == 1
    }

    /// Answers what it was.
    fn set_unconfirmed(&mut self, unconfirmed: bool) -> bool {
        let old = std::mem::replace(self, Self::new(self.source(), unconfirmed));
        old.is_unconfirmed()
    }
}

/// What became of a route that was published.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) new: Arc<Route>,
    /// What it replaces.
    pub(super) old: Option<Arc<Route>>,
}

#[derive(Debug)]
pub(super) struct Store {
    next: Place,
    /// The last place before those in use are numbered anew.
    last: Place,
    /// In order of their places.
    slots: Sorted<Slot>,
    hasher: RandomState,
    /// Places by source and key, which the routes have. Only ever looked up, so its order shows nowhere.
    identities: HashTable<Place>,
    /// Places of a family's routes with one target.
    buckets: BTreeMap<(Family, RouteTarget), Sorted<Place>>,
    publishers: Publishers,
    /// Routes per family: of this daemon's workers, of peers.
    counts: BTreeMap<Family, (usize, usize)>,
    /// How many routes of a source are unconfirmed, where there are any.
    unconfirmed: BTreeMap<WorkerId, usize>,
}

impl Default for Store {
    fn default() -> Self {
        Self::up_to(Place::MAX)
    }
}

impl<'a> Entry<'a> {
    pub(super) fn new(source: WorkerId, route: &'a Arc<Route>) -> Self {
        Self {
            source,
            route,
            unconfirmed: false,
        }
    }

    pub(super) fn advertise(&self, replaced: Option<Arc<Route>>) -> Change {
        Change::Advertise {
            route: Arc::clone(self.route),
            replaced,
            source: self.source,
        }
    }

    pub(super) fn withdraw(&self) -> Change {
        Change::Withdraw {
            route: Arc::clone(self.route),
            source: self.source,
        }
    }

    /// Sorted, each once. Read out of the attributes when asked for: routes share these, and are many.
    pub(super) fn targets(&self) -> Vec<RouteTarget> {
        self.route.route_targets()
    }
}

impl Store {
    fn up_to(last: Place) -> Self {
        Self {
            next: 0,
            last,
            slots: Sorted::default(),
            hasher: RandomState::default(),
            identities: HashTable::default(),
            buckets: BTreeMap::new(),
            publishers: Publishers::default(),
            counts: BTreeMap::new(),
            unconfirmed: BTreeMap::new(),
        }
    }

    /// Stores a route; answers nothing if it is no change.
    pub(super) fn insert(&mut self, source: WorkerId, route: Arc<Route>) -> Option<Stored> {
        let key = route.key();
        if let Some(place) = self.place_of(source, &key) {
            self.confirm(source, place);
            let slot = self.slots.get_mut(|slot| slot.place.cmp(&place))?;
            if slot.route == route {
                return None;
            }
            let old = std::mem::replace(&mut slot.route, Arc::clone(&route));
            // Of one key, they are of one family.
            if old.route_targets() != route.route_targets() {
                self.unlink(place, &old);
                self.link(place, &route);
            }
            return Some(Stored {
                new: route,
                old: Some(old),
            });
        }
        if self.next == self.last {
            self.number_anew();
        }
        let place = self.next;
        self.next += 1;
        let slot = Slot {
            route: Arc::clone(&route),
            place,
            mark: Mark::new(self.publishers.add(source, place), false),
        };
        self.slots.insert(slot, |other| other.place.cmp(&place));
        let hash = self.hasher.hash_one((source, &key));
        let Self {
            slots,
            hasher,
            identities,
            publishers,
            ..
        } = self;
        let rehash = |place: &Place| {
            let slot = slots.get(|slot| slot.place.cmp(place));
            slot.map_or(0, |slot| {
                let source = publishers.worker(slot.mark.source());
                hasher.hash_one((source, slot.route.key()))
            })
        };
        identities.insert_unique(hash, place, rehash);
        self.link(place, &route);
        *self.count(source, route.family()) += 1;
        Some(Stored {
            new: route,
            old: None,
        })
    }

    /// Gives the routes the first places, in the order that they are in.
    fn number_anew(&mut self) {
        let old = std::mem::replace(self, Self::up_to(self.last));
        for Entry {
            source,
            route,
            unconfirmed,
        } in old.iter()
        {
            let place = self.next;
            self.insert(source, Arc::clone(route));
            if unconfirmed && let Some(slot) = self.slots.get_mut(|slot| slot.place.cmp(&place)) {
                slot.mark.set_unconfirmed(true);
            }
        }
        self.unconfirmed = old.unconfirmed;
    }

    /// Makes a route stale or fresh, and unconfirmed; answers it as it was and as it is.
    pub(super) fn set_stale(
        &mut self,
        source: WorkerId,
        key: &NlriKey,
        stale: bool,
    ) -> Option<(Arc<Route>, Arc<Route>)> {
        let place = self.place_of(source, key)?;
        let slot = self.slots.get_mut(|slot| slot.place.cmp(&place))?;
        let old = Arc::clone(&slot.route);
        Arc::make_mut(&mut slot.route).stale = stale;
        if !slot.mark.set_unconfirmed(true) {
            *self.unconfirmed.entry(source).or_default() += 1;
        }
        Some((old, Arc::clone(&slot.route)))
    }

    /// How many routes of a source are unconfirmed.
    pub(super) fn unconfirmed(&self, source: WorkerId) -> usize {
        self.unconfirmed.get(&source).copied().unwrap_or(0)
    }

    fn confirm(&mut self, source: WorkerId, place: Place) {
        if let Some(slot) = self.slots.get_mut(|slot| slot.place.cmp(&place))
            && slot.mark.set_unconfirmed(false)
            && let Some(count) = self.unconfirmed.get_mut(&source)
        {
            *count -= 1;
            if *count == 0 {
                self.unconfirmed.remove(&source);
            }
        }
    }

    /// Removes a route and answers it, if it was there.
    pub(super) fn remove(&mut self, source: WorkerId, key: &NlriKey) -> Option<Arc<Route>> {
        let place = self.place_of(source, key)?;
        let hash = self.hasher.hash_one((source, key));
        if let Ok(found) = self.identities.find_entry(hash, |other| *other == place) {
            found.remove();
        }
        self.confirm(source, place);
        let slot = self.slots.remove(|slot| slot.place.cmp(&place))?;
        self.unlink(place, &slot.route);
        self.publishers.remove(source, place);
        let family = slot.route.family();
        *self.count(source, family) -= 1;
        if self.counts.get(&family) == Some(&(0, 0)) {
            self.counts.remove(&family);
        }
        Some(slot.route)
    }

    fn place_of(&self, source: WorkerId, key: &NlriKey) -> Option<Place> {
        let number = self.publishers.get(source)?.number;
        let hash = self.hasher.hash_one((source, key));
        let is_it = |place: &Place| {
            let slot = self.slots.get(|slot| slot.place.cmp(place));
            slot.is_some_and(|slot| slot.mark.source() == number && slot.route.key() == *key)
        };
        self.identities.find(hash, is_it).copied()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        self.slots.iter().map(|slot| self.entry(slot))
    }

    /// The routes that match, by family, then oldest first. Without target all routes are looked at.
    pub(super) fn matching(&self, wanted: Match) -> impl Iterator<Item = Entry<'_>> {
        let families = self.counts.keys().copied();
        let families =
            families.filter(move |family| wanted.family.is_none_or(|only| only == *family));
        families.flat_map(move |family| {
            let bucket = wanted
                .target
                .map(|target| self.buckets.get(&(family, target)));
            let all = bucket.is_none().then(|| self.iter());
            let all = all.into_iter().flatten();
            let all = all.filter(move |entry| entry.route.family() == family);
            let places = bucket.flatten().into_iter().flat_map(Sorted::iter).copied();
            all.chain(self.at(places))
        })
    }

    pub(super) fn of_source(&self, source: WorkerId) -> impl Iterator<Item = Entry<'_>> {
        let publisher = self.publishers.get(source);
        let of_peer = publisher.filter(|_| source.is_peer());
        let all = of_peer.into_iter().flat_map(move |publisher| {
            let slots = self.slots.iter();
            slots.filter(move |slot| slot.mark.source() == publisher.number)
        });
        let places = publisher
            .into_iter()
            .flat_map(|publisher| publisher.places());
        all.map(|slot| self.entry(slot)).chain(self.at(places))
    }

    pub(super) fn sources(&self) -> impl Iterator<Item = WorkerId> + '_ {
        self.publishers.iter()
    }

    /// How many routes of each family come from this daemon's workers and how many from peers.
    pub(super) fn counts(&self) -> impl Iterator<Item = (Family, (usize, usize))> + '_ {
        self.counts
            .iter()
            .map(|(family, counts)| (*family, *counts))
    }

    fn at(&self, places: impl Iterator<Item = Place>) -> impl Iterator<Item = Entry<'_>> {
        let slots = places.filter_map(|place| self.slots.get(|slot| slot.place.cmp(&place)));
        slots.map(|slot| self.entry(slot))
    }

    fn entry<'a>(&'a self, slot: &'a Slot) -> Entry<'a> {
        Entry {
            source: self.publishers.worker(slot.mark.source()),
            route: &slot.route,
            unconfirmed: slot.mark.is_unconfirmed(),
        }
    }

    fn count(&mut self, source: WorkerId, family: Family) -> &mut usize {
        let (local, received) = self.counts.entry(family).or_default();
        if source.is_peer() { received } else { local }
    }

    fn link(&mut self, place: Place, route: &Route) {
        for target in route.route_targets() {
            let bucket = self.buckets.entry((route.family(), target)).or_default();
            bucket.insert(place, |other| other.cmp(&place));
        }
    }

    fn unlink(&mut self, place: Place, route: &Route) {
        for target in route.route_targets() {
            let bucket = (route.family(), target);
            if let Some(places) = self.buckets.get_mut(&bucket) {
                places.remove(|other| other.cmp(&place));
                if places.is_empty() {
                    self.buckets.remove(&bucket);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bgp_wire::{NextHop, Nlri, PathAttributes};
    use proptest::prelude::*;

    use super::*;

    fn route(number: u8) -> Arc<Route> {
        let nlri = Nlri::new(Family::IPV4_UNICAST, vec![32, 10, 0, 0, number]);
        let attributes = PathAttributes::default();
        Arc::new(Route::new(nlri, NextHop::None, attributes))
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Insert,
        Remove,
        SetStale,
    }

    fn seen(store: &Store) -> Vec<(WorkerId, Arc<Route>, bool)> {
        let entries = store.iter();
        entries
            .map(|entry| (entry.source, Arc::clone(entry.route), entry.unconfirmed))
            .collect()
    }

    proptest! {
        #[test]
        fn places_that_are_used_up_show_nowhere(
            steps in prop::collection::vec(
                (prop::sample::select(vec![Step::Insert, Step::Insert, Step::Remove, Step::SetStale]), 0..2_u32, 0..8_u8),
                0..300,
            ),
        ) {
            let mut few = Store::up_to(20);
            let mut many = Store::default();
            for (step, source, number) in steps {
                let (source, route) = (WorkerId::Vrf(source), route(number));
                for store in [&mut few, &mut many] {
                    match step {
                        Step::Insert => drop(store.insert(source, Arc::clone(&route))),
                        Step::Remove => drop(store.remove(source, &route.key())),
                        Step::SetStale => drop(store.set_stale(source, &route.key(), true)),
                    }
                }
                prop_assert!(few.next <= few.last);
                prop_assert_eq!(seen(&few), seen(&many));
                prop_assert_eq!(few.unconfirmed(source), many.unconfirmed(source));
                let of_source = |store: &Store| store.of_source(source).map(|entry| entry.route.key()).collect::<Vec<_>>();
                prop_assert_eq!(of_source(&few), of_source(&many));
            }
        }
    }
}
