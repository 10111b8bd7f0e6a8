//! Where routes are, by what identifies them.

use std::collections::HashMap;
use std::collections::hash_map::{Entry, RandomState};
use std::hash::BuildHasher;

use bgp_wire::NlriKey;

use super::store::Place;
use crate::WorkerId;

/// Places of routes by a hash of their source and key, which the routes themselves have: a key of its own for each would
/// be the greater part of a large table. Only ever looked up, so its order shows nowhere.
#[derive(Debug, Default)]
pub(super) struct Places {
    hasher: RandomState,
    first: HashMap<u64, Place>,
    /// Of those whose hash another has already: next to none.
    others: HashMap<u64, Vec<Place>>,
}

impl Places {
    /// The places of everything with this hash.
    pub(super) fn candidates(
        &self,
        source: WorkerId,
        key: &NlriKey,
    ) -> impl Iterator<Item = Place> + use<'_> {
        let hash = self.hash(source, key);
        let first = self.first.get(&hash).copied();
        let others = first.and_then(|_| self.others.get(&hash));
        first
            .into_iter()
            .chain(others.into_iter().flatten().copied())
    }

    /// Notes a place that is not noted yet.
    pub(super) fn insert(&mut self, source: WorkerId, key: &NlriKey, place: Place) {
        match self.first.entry(self.hash(source, key)) {
            Entry::Vacant(vacant) => {
                vacant.insert(place);
            }
            Entry::Occupied(taken) => self.others.entry(*taken.key()).or_default().push(place),
        }
    }

    /// Forgets a place.
    pub(super) fn remove(&mut self, source: WorkerId, key: &NlriKey, place: Place) {
        let hash = self.hash(source, key);
        let mut others = self.others.remove(&hash).unwrap_or_default();
        if self.first.get(&hash) == Some(&place) {
            match others.pop() {
                Some(next) => self.first.insert(hash, next),
                None => self.first.remove(&hash),
            };
        } else {
            others.retain(|other| *other != place);
        }
        if !others.is_empty() {
            self.others.insert(hash, others);
        }
    }

    #[cfg(not(test))]
    fn hash(&self, source: WorkerId, key: &NlriKey) -> u64 {
        self.hasher.hash_one((source, key))
    }

    /// Every other route has the hash of another.
    #[cfg(test)]
    fn hash(&self, source: WorkerId, key: &NlriKey) -> u64 {
        self.hasher.hash_one((source, key)) % 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bgp_wire::{Family, Nlri};

    #[test]
    fn what_has_one_hash_is_kept_apart() {
        let keys: Vec<NlriKey> = (0..9)
            .map(|octet| Nlri::new(Family::EVPN, vec![octet]).key())
            .collect();
        let mut places = Places::default();
        let found = |places: &Places, at: usize| {
            places
                .candidates(WorkerId::Evi(1), &keys[at])
                .any(|place| place == at as Place)
        };
        for (place, key) in (0..).zip(&keys) {
            places.insert(WorkerId::Evi(1), key, place);
        }
        for removed in [0, 8, 4, 1, 2, 3, 5, 6, 7] {
            assert!(found(&places, removed));
            places.remove(WorkerId::Evi(1), &keys[removed], removed as Place);
            assert!(!found(&places, removed));
        }
        assert!(places.first.is_empty() && places.others.is_empty());
    }
}
