//! Sets whose copies share what they have in common, and that nearly always have one member.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::SharedMap;

/// A set in order. One member takes no memory of its own, and a copy of many costs as little as one of a [`SharedMap`].
#[derive(Clone)]
pub struct SharedSet<T>(Members<T>);

#[derive(Clone)]
enum Members<T> {
    AtMostOne(Option<T>),
    /// Any number.
    Many(SharedMap<T, ()>),
}

impl<T: Ord + Clone> SharedSet<T> {
    /// Nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        match &self.0 {
            Members::AtMostOne(member) => usize::from(member.is_some()),
            Members::Many(members) => members.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it has this member.
    pub fn contains(&self, member: &T) -> bool {
        match &self.0 {
            Members::AtMostOne(only) => only.as_ref() == Some(member),
            Members::Many(members) => members.contains_key(member),
        }
    }

    /// In order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        let (one, many) = self.parts();
        let many = many.into_iter().flat_map(SharedMap::keys);
        one.into_iter().chain(many)
    }

    /// The members that `side` answers `Equal` for, in order; `Less` for those before them.
    pub fn matching(&self, side: impl Fn(&T) -> Ordering + Clone) -> impl Iterator<Item = &T> {
        let (one, many) = self.parts();
        let one = one.filter(|member| side(member) == Ordering::Equal);
        let many = many.into_iter();
        let many = many.flat_map(move |members| members.matching(side.clone()));
        one.into_iter().chain(many.map(|(member, ())| member))
    }

    /// The members that `other` has not. What both share is not looked at.
    pub fn difference<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a T> {
        let shared = match (&self.0, &other.0) {
            (Members::Many(own), Members::Many(other)) => Some(own.differing(other)),
            _ => None,
        };
        let rest = shared.is_none().then(|| self.iter());
        let rest = rest.into_iter().flatten();
        let rest = rest.filter(|member| !other.contains(member));
        let shared = shared.into_iter().flatten().map(|(member, ())| member);
        rest.chain(shared)
    }

    /// Adds a member; answers whether it was not there.
    pub fn insert(&mut self, member: T) -> bool {
        match &mut self.0 {
            Members::AtMostOne(only) => match only.take() {
                Some(known) if known == member => {
                    *only = Some(known);
                    false
                }
                Some(known) => {
                    self.0 = Members::Many([(known, ()), (member, ())].into());
                    true
                }
                None => {
                    *only = Some(member);
                    true
                }
            },
            Members::Many(members) => members.insert(member, ()).is_none(),
        }
    }

    /// Removes a member; answers whether it was there.
    pub fn remove(&mut self, member: &T) -> bool {
        match &mut self.0 {
            Members::AtMostOne(only) => only.take_if(|only| only == member).is_some(),
            Members::Many(members) => {
                let removed = members.remove(member).is_some();
                if members.len() <= 1 {
                    let last = members.keys().next().cloned();
                    self.0 = Members::AtMostOne(last);
                }
                removed
            }
        }
    }

    /// Removes everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    fn parts(&self) -> (Option<&T>, Option<&SharedMap<T, ()>>) {
        match &self.0 {
            Members::AtMostOne(member) => (member.as_ref(), None),
            Members::Many(members) => (None, Some(members)),
        }
    }
}

impl<T> Default for SharedSet<T> {
    fn default() -> Self {
        Self(Members::AtMostOne(None))
    }
}

impl<T: Ord + Clone> PartialEq for SharedSet<T> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.difference(other).next().is_none()
    }
}

impl<T: Ord + Clone> Eq for SharedSet<T> {}

impl<T: Ord + Clone> Extend<T> for SharedSet<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, members: I) {
        for member in members {
            self.insert(member);
        }
    }
}

impl<T: Ord + Clone> FromIterator<T> for SharedSet<T> {
    fn from_iter<I: IntoIterator<Item = T>>(members: I) -> Self {
        let mut set = Self::default();
        set.extend(members);
        set
    }
}

impl<T: Ord + Clone, const N: usize> From<[T; N]> for SharedSet<T> {
    fn from(members: [T; N]) -> Self {
        members.into_iter().collect()
    }
}

impl<T: Ord + Clone + fmt::Debug> fmt::Debug for SharedSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl<T: Ord + Clone + Serialize> Serialize for SharedSet<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de, T: Ord + Clone + Deserialize<'de>> Deserialize<'de> for SharedSet<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        BTreeSet::deserialize(deserializer).map(|set: BTreeSet<T>| set.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn members(set: &SharedSet<u8>) -> Vec<u8> {
        set.iter().copied().collect()
    }

    proptest! {
        #[test]
        fn the_same_as_another_set(
            first in prop::collection::vec(0..6_u8, 0..5),
            steps in prop::collection::vec((any::<bool>(), 0..6_u8), 0..30),
        ) {
            let before: SharedSet<u8> = first.iter().copied().collect();
            let model_before: BTreeSet<u8> = first.into_iter().collect();
            let (mut set, mut model) = (before.clone(), model_before.clone());
            for (adds, member) in steps {
                if adds {
                    prop_assert_eq!(set.insert(member), model.insert(member));
                } else {
                    prop_assert_eq!(set.remove(&member), model.remove(&member));
                }
                prop_assert_eq!(set.len(), model.len());
                prop_assert_eq!(set.contains(&member), model.contains(&member));
                prop_assert!(set.iter().eq(&model));
                let pair = set.matching(|other| (other / 2).cmp(&(member / 2)));
                prop_assert!(pair.eq(model.range(member / 2 * 2..member / 2 * 2 + 2)));
                prop_assert!(set.difference(&before).eq(model.difference(&model_before)));
                prop_assert!(before.difference(&set).eq(model_before.difference(&model)));
                prop_assert_eq!(set == before, model == model_before);
            }
            prop_assert_eq!(members(&before), model_before.into_iter().collect::<Vec<_>>());
        }
    }
}
