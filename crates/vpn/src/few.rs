//! Sets that nearly always have one member.

use std::collections::{BTreeMap, BTreeSet, btree_map, btree_set};
use std::{iter, option};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A set in order, of one member at least. One member takes no memory of its own: a node of a [`BTreeSet`] has room for eleven, and a table
/// has a set for each of its routes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Few<T> {
    /// The only member.
    One(T),
    /// Two members or more; in a box, so that the usual kind is small.
    #[allow(
        clippy::box_collection,
        reason = "a set is larger than what it points to"
    )]
    Many(Box<BTreeSet<T>>),
}

impl<T: Ord> Few<T> {
    /// These, if there are any.
    pub fn of(members: impl IntoIterator<Item = T>) -> Option<Self> {
        let mut members = members.into_iter();
        let mut few = Self::One(members.next()?);
        members.for_each(|member| few.insert(member));
        Some(few)
    }

    /// In order.
    pub fn iter(&self) -> Iter<'_, T> {
        let (one, many) = match self {
            Self::One(member) => (Some(member), btree_set::Iter::default()),
            Self::Many(members) => (None, members.iter()),
        };
        one.into_iter().chain(many)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many(members) => members.len(),
        }
    }

    /// Whether there is none, which never is.
    pub fn is_empty(&self) -> bool {
        false
    }

    fn insert(&mut self, member: T) {
        match self {
            Self::One(only) if *only == member => {}
            Self::One(_) => {
                let fresh = Self::Many(Box::new(BTreeSet::from([member])));
                let before = std::mem::replace(self, fresh);
                if let (Self::One(only), Self::Many(members)) = (before, self) {
                    members.insert(only);
                }
            }
            Self::Many(members) => {
                members.insert(member);
            }
        }
    }
}

/// The members of a [`Few`].
pub type Iter<'a, T> = iter::Chain<option::IntoIter<&'a T>, btree_set::Iter<'a, T>>;

impl<'a, T: Ord> IntoIterator for &'a Few<T> {
    type Item = &'a T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<T: Ord + Serialize> Serialize for Few<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self)
    }
}

impl<'de, T: Ord + Deserialize<'de>> Deserialize<'de> for Few<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = BTreeSet::deserialize(deserializer)?;
        Self::of(members).ok_or_else(|| de::Error::invalid_length(0, &"one member at least"))
    }
}

/// Adds a member to a map of sets.
pub(crate) fn put<K: Ord, T: Ord>(map: &mut BTreeMap<K, Few<T>>, key: K, member: T) {
    match map.entry(key) {
        btree_map::Entry::Vacant(vacant) => {
            vacant.insert(Few::One(member));
        }
        btree_map::Entry::Occupied(occupied) => occupied.into_mut().insert(member),
    }
}

/// Removes a member from a map of sets, and the set with its last member.
pub(crate) fn take<K: Ord, T: Ord>(map: &mut BTreeMap<K, Few<T>>, key: &K, member: &T) {
    let Some(set) = map.get_mut(key) else { return };
    match set {
        Few::One(only) if only == member => {
            map.remove(key);
        }
        Few::One(_) => {}
        Few::Many(members) => {
            members.remove(member);
            if members.len() == 1
                && let Some(last) = members.pop_first()
            {
                *set = Few::One(last);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_same_as_a_map_of_sets(steps in prop::collection::vec((any::<bool>(), 0..3_u8, 0..4_u8), 0..60)) {
            let mut map: BTreeMap<u8, Few<u8>> = BTreeMap::new();
            let mut model: BTreeMap<u8, BTreeSet<u8>> = BTreeMap::new();
            for (adds, key, member) in steps {
                if adds {
                    put(&mut map, key, member);
                    model.entry(key).or_default().insert(member);
                } else {
                    take(&mut map, &key, &member);
                    if let Some(set) = model.get_mut(&key) {
                        set.remove(&member);
                        if set.is_empty() {
                            model.remove(&key);
                        }
                    }
                }
                let seen: Vec<(u8, Vec<u8>)> = map.iter().map(|(k, set)| (*k, set.iter().copied().collect())).collect();
                let wanted: Vec<(u8, Vec<u8>)> = model.iter().map(|(k, set)| (*k, set.iter().copied().collect())).collect();
                prop_assert_eq!(seen, wanted);
            }
        }
    }
}
