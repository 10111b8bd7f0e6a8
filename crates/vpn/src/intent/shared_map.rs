//! Maps whose copies share what they have in common.
//!
//! A driver holds the intent in force while the next one is made. With a map that is copied whole, each route would cost
//! as much as all of them together.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Index;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How many entries are copied, at most, to change one that another copy shares.
const CHUNK: usize = 128;

/// A map in order of its keys, in chunks that copies share until one of them changes.
#[derive(Clone)]
pub struct SharedMap<K, V> {
    /// None is empty.
    chunks: Vec<Arc<Vec<(K, V)>>>,
    len: usize,
}

impl<K: Ord + Clone, V: Clone> SharedMap<K, V> {
    /// Nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What a key stands for.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let (at, found) = self.find(key);
        let entry = found.ok().and_then(|place| self.chunks[at].get(place));
        entry.map(|(_, value)| value)
    }

    /// The same, to be changed.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let (at, found) = self.find(key);
        let place = found.ok()?;
        let entry = Arc::make_mut(&mut self.chunks[at]).get_mut(place);
        entry.map(|(_, value)| value)
    }

    /// Whether there is such a key.
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.get(key).is_some()
    }

    /// In order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let entries = self.chunks.iter().flat_map(|chunk| chunk.iter());
        entries.map(|(key, value)| (key, value))
    }

    /// The entries whose keys `side` answers `Equal` for, in order; `Less` for those before them.
    pub fn matching(&self, side: impl Fn(&K) -> Ordering) -> impl Iterator<Item = (&K, &V)> {
        let is_before = |entry: &(K, V)| side(&entry.0) == Ordering::Less;
        let first = self
            .chunks
            .partition_point(|chunk| chunk.last().is_some_and(&is_before));
        let chunks = self.chunks.get(first..).unwrap_or_default();
        let skipped = chunks
            .first()
            .map_or(0, |chunk| chunk.partition_point(is_before));
        let rest = chunks.iter().flat_map(|chunk| chunk.iter()).skip(skipped);
        let rest = rest.take_while(move |entry| side(&entry.0) == Ordering::Equal);
        rest.map(|(key, value)| (key, value))
    }

    /// In order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    /// In order of the keys.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    /// What a key stands for, to be changed: the default value if it had none.
    pub fn get_or_default(&mut self, key: &K) -> &mut V
    where
        V: Default,
    {
        if !self.contains_key(key) {
            self.insert(key.clone(), V::default());
        }
        let (at, Ok(place) | Err(place)) = self.find(key);
        &mut Arc::make_mut(&mut self.chunks[at])[place].1
    }

    /// What the keys nearest to a place stand for: of the chunk that has a key or would get it, one before and one
    /// after that.
    pub fn around<Q: Ord + ?Sized>(&self, key: &Q) -> impl Iterator<Item = &V>
    where
        K: Borrow<Q>,
    {
        let (at, Ok(place) | Err(place)) = self.find(key);
        let chunk = self.chunks.get(at).map_or(&[][..], |chunk| chunk);
        let before = place.checked_sub(1).and_then(|place| chunk.get(place));
        let around = before.into_iter().chain(chunk.get(place));
        around.map(|(_, value)| value)
    }

    /// Gives a key a value, and answers the one it had.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let (at, found) = self.find(&key);
        let place = match found {
            Ok(place) => {
                let entry = &mut Arc::make_mut(&mut self.chunks[at])[place];
                return Some(std::mem::replace(&mut entry.1, value));
            }
            Err(place) => place,
        };
        self.len += 1;
        let is_last = at + 1 == self.chunks.len();
        match self.chunks.get_mut(at) {
            Some(chunk) if chunk.len() < CHUNK => {
                let chunk = Arc::make_mut(chunk);
                if chunk.len() == chunk.capacity() {
                    chunk.reserve_exact(CHUNK.min(chunk.len() + 8) - chunk.len());
                }
                chunk.insert(place, (key, value));
            }
            // Those that come in order fill every chunk.
            Some(_) if is_last && place == CHUNK => self.chunks.push(Arc::new(vec![(key, value)])),
            Some(chunk) => {
                let (low, high) = chunk.split_at(CHUNK / 2);
                let (mut low, mut high) = (low.to_vec(), high.to_vec());
                match place.checked_sub(CHUNK / 2) {
                    Some(place) => high.insert(place, (key, value)),
                    None => low.insert(place, (key, value)),
                }
                *chunk = Arc::new(low);
                self.chunks.insert(at + 1, Arc::new(high));
            }
            None => self.chunks.push(Arc::new(vec![(key, value)])),
        }
        None
    }

    /// Removes a key, and answers what it stood for.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let (at, found) = self.find(key);
        let place = found.ok()?;
        self.len -= 1;
        let chunk = Arc::make_mut(&mut self.chunks[at]);
        let (_, value) = chunk.remove(place);
        let len = chunk.len();
        if len == 0 {
            self.chunks.remove(at);
        } else if let Some(next) = self.chunks.get(at + 1)
            && len + next.len() <= CHUNK / 2
        {
            let next = self.chunks.remove(at + 1);
            Arc::make_mut(&mut self.chunks[at]).extend(next.iter().cloned());
        }
        Some(value)
    }

    /// Removes everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The chunk that has a key or would get it, the last when it is beyond all, and the place in it.
    fn find<Q: Ord + ?Sized>(&self, key: &Q) -> (usize, Result<usize, usize>)
    where
        K: Borrow<Q>,
    {
        let is_before = |chunk: &Arc<Vec<(K, V)>>| {
            let last = chunk.last().map(|(last, _)| last.borrow());
            last.is_some_and(|last| last < key)
        };
        let at = self.chunks.partition_point(is_before);
        let at = at.min(self.chunks.len().saturating_sub(1));
        let place = match self.chunks.get(at) {
            Some(chunk) => chunk.binary_search_by(|(own, _)| own.borrow().cmp(key)),
            None => Err(0),
        };
        (at, place)
    }
}

impl<K: Ord + Clone, V: Clone + PartialEq> SharedMap<K, V> {
    /// The entries that `other` has not, or not with this value. What both share is not looked at.
    pub fn differing<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = (&'a K, &'a V)> {
        let mut rest = other.chunks.iter().peekable();
        let changed = self.chunks.iter().filter(move |chunk| {
            let first = chunk.first().map(|(key, _)| key);
            let is_before = |theirs: &&Arc<Vec<(K, V)>>| theirs.last().map(|(key, _)| key) < first;
            while rest.next_if(is_before).is_some() {}
            let theirs = rest.peek();
            !theirs.is_some_and(|theirs| Arc::ptr_eq(theirs, chunk))
        });
        let entries = changed.flat_map(|chunk| chunk.iter());
        let differs = |(key, value): &&(K, V)| other.get(key) != Some(value);
        entries.filter(differs).map(|(key, value)| (key, value))
    }
}

impl<K, V> Default for SharedMap<K, V> {
    fn default() -> Self {
        Self {
            chunks: Vec::new(),
            len: 0,
        }
    }
}

impl<K: Ord + Clone, V: Clone + PartialEq> PartialEq for SharedMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.differing(other).next().is_none()
    }
}

impl<K: Ord + Clone, V: Clone + Eq> Eq for SharedMap<K, V> {}

impl<Q: Ord + ?Sized, K: Ord + Clone + Borrow<Q>, V: Clone> Index<&Q> for SharedMap<K, V> {
    type Output = V;

    /// # Panics
    /// Where there is no such key, as other maps do.
    fn index(&self, key: &Q) -> &V {
        #[allow(clippy::expect_used, reason = "what indexing a map does")]
        self.get(key).expect("no entry found for key")
    }
}

impl<K: Ord + Clone, V: Clone> Extend<(K, V)> for SharedMap<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        for (key, value) in entries {
            self.insert(key, value);
        }
    }
}

impl<K: Ord + Clone, V: Clone> FromIterator<(K, V)> for SharedMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = Self::default();
        map.extend(entries);
        map
    }
}

impl<K: Ord + Clone, V: Clone, const N: usize> From<[(K, V); N]> for SharedMap<K, V> {
    fn from(entries: [(K, V); N]) -> Self {
        entries.into_iter().collect()
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for SharedMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.chunks.iter().flat_map(|chunk| chunk.iter());
        f.debug_map()
            .entries(entries.map(|(key, value)| (key, value)))
            .finish()
    }
}

impl<K: Ord + Clone + Serialize, V: Clone + Serialize> Serialize for SharedMap<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de, K: Ord + Clone + Deserialize<'de>, V: Clone + Deserialize<'de>> Deserialize<'de>
    for SharedMap<K, V>
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        BTreeMap::deserialize(deserializer).map(|map: BTreeMap<K, V>| map.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entries(map: &SharedMap<u16, u8>) -> Vec<(u16, u8)> {
        map.iter().map(|(key, value)| (*key, *value)).collect()
    }

    proptest! {
        #[test]
        fn the_same_as_another_map(
            first in prop::collection::vec((0..600_u16, 0..3_u8), 0..900),
            steps in prop::collection::vec((any::<bool>(), 0..600_u16, 0..3_u8), 0..300),
        ) {
            let before: SharedMap<u16, u8> = first.iter().copied().collect();
            let model_before: BTreeMap<u16, u8> = first.into_iter().collect();
            let (mut map, mut model) = (before.clone(), model_before.clone());
            for (adds, key, value) in steps {
                if adds {
                    prop_assert_eq!(map.insert(key, value), model.insert(key, value));
                } else {
                    prop_assert_eq!(map.remove(&key), model.remove(&key));
                }
                prop_assert_eq!(map.len(), model.len());
                prop_assert_eq!(map.get(&key), model.get(&key));
                let hundred = map.matching(|other| (other / 100).cmp(&(key / 100)));
                let wanted = model.range(key / 100 * 100..key / 100 * 100 + 100);
                prop_assert!(hundred.eq(wanted));
            }
            if let (Some(value), Some(other)) = (map.get_mut(&7), model.get_mut(&7)) {
                *value += 1;
                *other += 1;
            }
            prop_assert_eq!(entries(&map), model.clone().into_iter().collect::<Vec<_>>());
            // Whoever holds the copy has what it was.
            prop_assert_eq!(entries(&before), model_before.clone().into_iter().collect::<Vec<_>>());
            prop_assert_eq!(map == before, model == model_before);
            for (a, b, of_a, of_b) in [(&map, &before, &model, &model_before), (&before, &map, &model_before, &model)] {
                let differing: Vec<_> = a.differing(b).map(|(key, value)| (*key, *value)).collect();
                let wanted = of_a.iter().filter(|(key, value)| of_b.get(key) != Some(value));
                prop_assert_eq!(differing, wanted.map(|(key, value)| (*key, *value)).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn a_change_copies_one_chunk() {
        let before: SharedMap<u32, u32> = (0..10_000).map(|n| (n, n)).collect();
        assert_eq!(before.chunks.len(), 10_000_usize.div_ceil(CHUNK));
        let mut now = before.clone();
        now.insert(5_000, 0);
        let shared = now.chunks.iter().zip(&before.chunks);
        assert_eq!(shared.filter(|(a, b)| !Arc::ptr_eq(a, b)).count(), 1);
    }
}
