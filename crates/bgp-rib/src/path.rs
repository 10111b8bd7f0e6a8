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
    /// ADD-PATH identifier (RFC 7911).
    pub(crate) id: Option<u32>,
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
    /// The path as it is kept, which is not with the message that brought it.
    pub(crate) fn get(&mut self, path: &Path) -> Arc<Path> {
        let hash = self.hasher.hash_one(path);
        let mut found = None;
        self.known.find(hash, |known| {
            found = known.upgrade().filter(|known| **known == *path);
            found.is_some()
        });
        found.unwrap_or_else(|| {
            let path = Arc::new(Path {
                id: path.id,
                next_hop: path.next_hop.detached(),
                attributes: path.attributes.detached(),
            });
            self.insert(hash, &path);
            path
        })
    }

    fn insert(&mut self, hash: u64, path: &Arc<Path>) {
        let Self { hasher, known } = self;
        let rehash = |known: &Weak<Path>| {
            let path = known.upgrade();
            path.map_or(0, |path| hasher.hash_one(&*path))
        };
        if known.len() == known.capacity() && known.len() >= FEW {
            known.retain(|path| path.strong_count() > 0);
            if known.len() < known.capacity() / 4 {
                known.shrink_to(known.len() * 2, rehash);
            } else if known.len() > known.capacity() / 4 * 3 {
                // Or the next one, too, would have all of them looked at.
                known.reserve(known.len(), rehash);
            }
        }
        known.insert_unique(hash, Arc::downgrade(path), rehash);
    }
}

#[cfg(test)]
mod tests {
    use bgp_wire::AttributeValue;

    use super::*;

    fn path(preference: u32) -> Path {
        Path {
            id: None,
            next_hop: NextHop::None,
            attributes: PathAttributes::new().with(AttributeValue::LocalPref(preference)),
        }
    }

    #[test]
    fn equal_paths_are_one() {
        let mut paths = Paths::default();
        let others = [
            path(2),
            Path {
                id: Some(1),
                ..path(1)
            },
            Path {
                next_hop: NextHop::V4([192, 0, 2, 1].into()),
                ..path(1)
            },
        ];
        let first = paths.get(&path(1));
        assert!(Arc::ptr_eq(&first, &paths.get(&path(1))));
        for other in others {
            assert_eq!(*paths.get(&other), other);
        }
    }

    #[test]
    fn paths_that_no_route_has_are_forgotten() {
        let mut paths = Paths::default();
        let kept = paths.get(&path(0));
        for preference in 1..20_000 {
            paths.get(&path(preference));
        }
        assert!(paths.known.len() < 4 * FEW, "{}", paths.known.len());
        assert!(Arc::ptr_eq(&kept, &paths.get(&path(0))));
    }
}
