//! Long lists in order, by what their members are about.

use std::cmp::Ordering;

/// How many members are moved, at most, to make room for one.
const CHUNK: usize = 128;

/// Members in an order that whoever calls keeps to. What they are ordered by is in them: no key beside takes memory.
#[derive(Clone, Debug)]
pub struct Sorted<T> {
    /// None is empty.
    chunks: Vec<Vec<T>>,
}

impl<T> Sorted<T> {
    /// In order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flatten()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// The member that `side` answers `Equal` for.
    pub fn get(&self, side: impl Fn(&T) -> Ordering) -> Option<&T> {
        let (at, found) = self.find(side);
        self.chunks.get(at)?.get(found.ok()?)
    }

    /// The same, to be changed in what it is not ordered by.
    pub fn get_mut(&mut self, side: impl Fn(&T) -> Ordering) -> Option<&mut T> {
        let (at, found) = self.find(side);
        self.chunks.get_mut(at)?.get_mut(found.ok()?)
    }

    /// Those that `side` answers `Equal` for, in order; `Less` for those before them.
    pub fn matching(&self, side: impl Fn(&T) -> Ordering) -> impl Iterator<Item = &T> {
        let is_before = |member: &T| side(member) == Ordering::Less;
        let first = self
            .chunks
            .partition_point(|chunk| chunk.last().is_some_and(&is_before));
        let chunks = self.chunks.get(first..).unwrap_or_default();
        let skipped = chunks
            .first()
            .map_or(0, |chunk| chunk.partition_point(is_before));
        let rest = chunks.iter().flatten().skip(skipped);
        rest.take_while(move |member| side(member) == Ordering::Equal)
    }

    /// Adds a member, or puts it in place of the one that `side` answers `Equal` for, and answers that.
    pub fn insert(&mut self, member: T, side: impl Fn(&T) -> Ordering) -> Option<T> {
        let (at, place) = match self.find(&side) {
            (at, Ok(place)) => return Some(std::mem::replace(&mut self.chunks[at][place], member)),
            (at, Err(place)) => (at, place),
        };
        let is_last = at + 1 == self.chunks.len();
        match self.chunks.get_mut(at) {
            Some(chunk) if chunk.len() < CHUNK => put(chunk, place, member),
            // Those that come in order fill every chunk.
            Some(_) if is_last && place == CHUNK => self.chunks.push(vec![member]),
            Some(chunk) => {
                let mut high = chunk.split_off(CHUNK / 2);
                chunk.shrink_to_fit();
                match place.checked_sub(CHUNK / 2) {
                    Some(place) => put(&mut high, place, member),
                    None => put(chunk, place, member),
                }
                self.chunks.insert(at + 1, high);
            }
            None => self.chunks.push(vec![member]),
        }
        None
    }

    /// Removes the member that `side` answers `Equal` for, and answers it.
    pub fn remove(&mut self, side: impl Fn(&T) -> Ordering) -> Option<T> {
        let (at, found) = self.find(&side);
        let place = found.ok()?;
        let member = self.chunks[at].remove(place);
        let len = self.chunks[at].len();
        if len == 0 {
            self.chunks.remove(at);
        } else if let Some(next) = self.chunks.get(at + 1)
            && len + next.len() <= CHUNK / 2
        {
            let next = self.chunks.remove(at + 1);
            let chunk = &mut self.chunks[at];
            chunk.extend(next);
            chunk.shrink_to_fit();
        }
        Some(member)
    }

    /// The chunk that has a member or would get it, the last when it is beyond all, and the place in it.
    fn find(&self, side: impl Fn(&T) -> Ordering) -> (usize, Result<usize, usize>) {
        let is_before = |chunk: &Vec<T>| chunk.last().is_some_and(|m| side(m) == Ordering::Less);
        let at = self.chunks.partition_point(is_before);
        let at = at.min(self.chunks.len().saturating_sub(1));
        let place = match self.chunks.get(at) {
            Some(chunk) => chunk.binary_search_by(&side),
            None => Err(0),
        };
        (at, place)
    }
}

/// Room is made for few at a time: a vector that doubles is half empty.
fn put<T>(chunk: &mut Vec<T>, place: usize, member: T) {
    if chunk.len() == chunk.capacity() {
        chunk.reserve_exact(CHUNK.min(chunk.len() + 8).max(chunk.len() + 1) - chunk.len());
    }
    chunk.insert(place, member);
}

impl<T> Default for Sorted<T> {
    fn default() -> Self {
        Self { chunks: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_same_as_a_map(
            first in prop::collection::vec((0..90_u8, 0..9_u8), 0..900),
            steps in prop::collection::vec((any::<bool>(), 0..90_u8, 0..9_u8), 0..600),
        ) {
            // Members are about the first of two numbers, and told apart by both; the third is the value.
            let mut sorted: Sorted<(u8, u8, usize)> = Sorted::default();
            let mut model: BTreeMap<(u8, u8), usize> = BTreeMap::new();
            let first = first.into_iter().map(|(a, b)| (true, a, b));
            for (value, (adds, a, b)) in first.chain(steps).enumerate() {
                let side = |member: &(u8, u8, usize)| (member.0, member.1).cmp(&(a, b));
                let (was, wanted) = if adds {
                    (sorted.insert((a, b, value), side), model.insert((a, b), value))
                } else {
                    (sorted.remove(side), model.remove(&(a, b)))
                };
                prop_assert_eq!(was.map(|(.., value)| value), wanted);
            }
            let all: Vec<_> = sorted.iter().copied().collect();
            prop_assert_eq!(all, model.iter().map(|((a, b), v)| (*a, *b, *v)).collect::<Vec<_>>());
            for a in 0..91 {
                let found: Vec<_> = sorted.matching(|member| member.0.cmp(&a)).map(|m| m.2).collect();
                let wanted: Vec<_> = model.range((a, 0)..=(a, u8::MAX)).map(|(_, v)| *v).collect();
                prop_assert_eq!(found, wanted);
            }
        }
    }
}
