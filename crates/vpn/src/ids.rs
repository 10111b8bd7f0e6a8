//! Numbers that are handed out and come back.

use std::collections::{BTreeSet, VecDeque};

/// Numbers of a range, ascending; one that came back is handed out again only when no fresh one is left,
/// the longest unused first.
#[derive(Clone, Debug)]
pub(crate) struct Allocator {
    fresh: std::ops::RangeInclusive<u32>,
    returned: VecDeque<u32>,
    used: BTreeSet<u32>,
}

impl Allocator {
    /// MPLS labels that are not reserved (RFC 3032 section 2.1).
    pub(crate) fn labels() -> Self {
        Self::new(16..=(1 << 20) - 1)
    }

    /// The number part of a type 1 route distinguisher (RFC 4364 section 4.2).
    pub(crate) fn distinguishers() -> Self {
        Self::new(0..=u32::from(u16::MAX))
    }

    fn new(range: std::ops::RangeInclusive<u32>) -> Self {
        Self {
            fresh: range,
            returned: VecDeque::new(),
            used: BTreeSet::new(),
        }
    }

    pub(crate) fn allocate(&mut self) -> Option<u32> {
        self.allocate_unless(|_| false)
    }

    /// The next number that is not `taken` by other means. Those passed over stay free.
    pub(crate) fn allocate_unless(&mut self, taken: impl Fn(u32) -> bool) -> Option<u32> {
        let mut passed = Vec::new();
        let number = loop {
            match self.fresh.next() {
                Some(number) if taken(number) => passed.push(number),
                Some(number) => break Some(number),
                None => {
                    let place = self.returned.iter().position(|number| !taken(*number));
                    break place.and_then(|place| self.returned.remove(place));
                }
            }
        };
        self.returned.extend(passed);
        self.used.extend(number);
        number
    }

    /// Hands out this very number, if it is free.
    pub(crate) fn take(&mut self, number: u32) -> bool {
        if let Some(place) = self.returned.iter().position(|free| *free == number) {
            self.returned.remove(place);
        } else if self.fresh.contains(&number) {
            let passed = self.fresh.by_ref().take_while(|fresh| *fresh != number);
            self.returned.extend(passed);
        } else {
            return false;
        }
        self.used.insert(number)
    }

    pub(crate) fn release(&mut self, number: u32) {
        if self.used.remove(&number) {
            self.returned.push_back(number);
        }
    }

    pub(crate) fn used(&self) -> usize {
        self.used.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_may_be_asked_for() {
        let mut numbers = Allocator::new(1..=5);
        assert!(numbers.take(3));
        assert!(!numbers.take(3) && !numbers.take(6));
        assert!(numbers.take(1));
        let next: Vec<_> = std::iter::from_fn(|| numbers.allocate()).collect();
        assert_eq!(next, [4, 5, 2]);
    }

    #[test]
    fn a_returned_number_comes_last() {
        let mut numbers = Allocator::new(1..=3);
        assert_eq!([numbers.allocate(), numbers.allocate()], [Some(1), Some(2)]);
        numbers.release(2);
        numbers.release(1);
        let next: Vec<_> = std::iter::from_fn(|| numbers.allocate()).collect();
        assert_eq!(next, [3, 2, 1]);
        assert_eq!(numbers.used(), 3);
    }

    #[test]
    fn a_number_passed_over_stays_free() {
        let mut numbers = Allocator::new(1..=3);
        assert_eq!(numbers.allocate_unless(|n| n == 1), Some(2));
        assert_eq!([numbers.allocate(), numbers.allocate()], [Some(3), Some(1)]);
        assert_eq!(numbers.allocate(), None);
    }

    #[test]
    fn a_number_is_released_once() {
        let mut numbers = Allocator::new(1..=2);
        assert_eq!(numbers.allocate(), Some(1));
        numbers.release(1);
        numbers.release(1);
        let rest: Vec<_> = std::iter::from_fn(|| numbers.allocate()).collect();
        assert_eq!(rest, [2, 1]);
    }
}
