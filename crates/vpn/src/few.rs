//! Sets that nearly always have one member.

use std::collections::{BTreeMap, BTreeSet, btree_map};

/// A set in order. One member takes no memory of its own: a node of a [`BTreeSet`] has room for eleven, and a table
/// has a set for each of its routes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Few<T> {
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
    /// In order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        let (one, many) = match self {
            Self::One(member) => (Some(member), None),
            Self::Many(members) => (None, Some(members.iter())),
        };
        one.into_iter().chain(many.into_iter().flatten())
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
