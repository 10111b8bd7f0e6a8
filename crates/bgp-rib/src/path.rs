//! What routes have in common: everything but the destination.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Arc, Weak};

use bgp_wire::{NextHop, PathAttributes};
use hashbrown::HashTable;

/// The fewest known paths at which it is worth looking for those that no route has any more.
const FEW: usize = 256;

/// How a destination is reached.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Path {
    pub(crate) next_hop: NextHop,
    pub(crate) attributes: PathAttributes,
}

/// The paths of a peer's routes, each once. A path takes several times the memory of a route, and most of a peer's routes have
/// one of few, whether they come together or one by one.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    hasher: RandomState,
    known: HashTable<Weak<Path>>,
}

impl Paths {
    /// The path of routes that came with these. It does not keep the message that brought them.
    pub(crate) fn get(&mut self, next_hop: &NextHop, attributes: &PathAttributes) -> Arc<Path> {
        let hash = self.hasher.hash_one((next_hop, attributes));
        let mut found = None;
        self.known.find(hash, |known| {
            found = known.upgrade();
            let is_it =
                |path: &Arc<Path>| path.next_hop == *next_hop && path.attributes == *attributes;
            found = found.take().filter(is_it);
            found.is_some()
        });
        found.unwrap_or_else(|| {
            let path = Arc::new(Path {
                next_hop: next_hop.detached(),
                attributes: attributes.detached(),
            });
            self.insert(hash, &path);
            path
        })
    }

    fn insert(&mut self, hash: u64, path: &Arc<Path>) {
        let Self { hasher, known } = self;
        let rehash = |known: &Weak<Path>| {
            let path = known.upgrade();
            path.map_or(0, |path| {
                hasher.hash_one((&path.next_hop, &path.attributes))
            })
        };
        if known.len() == known.capacity() && known.len() >= FEW {
            known.retain(|path| path.strong_count() > 0);
            if known.len() < known.capacity() / 4 {
                known.shrink_to(known.len() * 2, rehash);
            }
        }
        known.insert_unique(hash, Arc::downgrade(path), rehash);
    }
}

#[cfg(test)]
mod tests {
    use bgp_wire::AttributeValue;

    use super::*;

    fn attributes(preference: u32) -> PathAttributes {
        PathAttributes::new().with(AttributeValue::LocalPref(preference))
    }

    #[test]
    fn equal_paths_are_one() {
        let mut paths = Paths::default();
        let next_hop = NextHop::V4([192, 0, 2, 1].into());
        let first = paths.get(&next_hop, &attributes(1));
        assert!(Arc::ptr_eq(&first, &paths.get(&next_hop, &attributes(1))));
        let other = paths.get(&next_hop, &attributes(2));
        assert_eq!(other.attributes.local_pref(), Some(2));
        let elsewhere = paths.get(&NextHop::None, &attributes(1));
        assert_eq!(elsewhere.next_hop, NextHop::None);
        assert_eq!(elsewhere.attributes, attributes(1));
    }

    #[test]
    fn paths_that_no_route_has_are_forgotten() {
        let mut paths = Paths::default();
        let kept = paths.get(&NextHop::None, &attributes(0));
        for preference in 1..100_000 {
            paths.get(&NextHop::None, &attributes(preference));
        }
        assert!(paths.known.len() < 4 * FEW, "{}", paths.known.len());
        assert!(Arc::ptr_eq(
            &kept,
            &paths.get(&NextHop::None, &attributes(0))
        ));
    }
}
