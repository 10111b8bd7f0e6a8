//! Sets of numbers, as Flowspec operators tell them.

use bgp_wire::nlri::FlowOp;
use serde::{Deserialize, Serialize};

use super::NumberRange;

/// Ports or protocols: ranges in ascending order that neither meet nor overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Numbers(Vec<NumberRange>);

impl Numbers {
    /// The ranges, ascending.
    pub fn ranges(&self) -> &[NumberRange] {
        &self.0
    }

    /// Whether a number is among them.
    pub fn contains(&self, number: u16) -> bool {
        self.0
            .iter()
            .any(|range| (range.low..=range.high).contains(&number))
    }

    /// The numbers that are in both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let pairs = self
            .0
            .iter()
            .flat_map(|a| other.0.iter().map(move |b| (a, b)));
        let common =
            pairs.filter_map(|(a, b)| NumberRange::new(a.low.max(b.low), a.high.min(b.high)));
        Self::union(common.collect())
    }

    /// Those up to `max` that a run of operators matches: of the parts that "or" joins, any (RFC 8955 section 4.2.1.1).
    pub(super) fn matched(operations: &[FlowOp], max: u16) -> Self {
        let mut parts: Vec<Self> = Vec::new();
        for operation in operations {
            let numbers = Self::of(operation, max);
            match parts.last_mut() {
                Some(part) if operation.bits & FlowOp::AND != 0 => {
                    *part = part.intersection(&numbers);
                }
                // The first one has nothing to be joined with, whatever its bit says.
                _ => parts.push(numbers),
            }
        }
        Self::union(parts.into_iter().flat_map(|part| part.0).collect())
    }

    fn of(operation: &FlowOp, max: u16) -> Self {
        let value = u16::try_from(operation.value).ok().filter(|v| *v <= max);
        let below = match value {
            Some(0) => None,
            Some(value) => NumberRange::new(0, value - 1),
            None => NumberRange::new(0, max),
        };
        let equal = value.and_then(|value| NumberRange::new(value, value));
        let above = value.filter(|value| *value < max);
        let above = above.and_then(|value| NumberRange::new(value + 1, max));
        let parts = [
            (FlowOp::LESS, below),
            (FlowOp::EQUAL, equal),
            (FlowOp::GREATER, above),
        ];
        let matching = parts
            .into_iter()
            .filter(|(bit, _)| operation.bits & bit != 0);
        Self::union(matching.filter_map(|(_, range)| range).collect())
    }

    fn union(mut ranges: Vec<NumberRange>) -> Self {
        ranges.sort_unstable();
        let mut union: Vec<NumberRange> = Vec::new();
        for range in ranges {
            match union.last_mut() {
                Some(last) if u32::from(range.low) <= u32::from(last.high) + 1 => {
                    last.high = last.high.max(range.high);
                }
                _ => union.push(range),
            }
        }
        Self(union)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matched(operations: &[(u8, u64)], max: u16) -> Vec<(u16, u16)> {
        let operations: Vec<_> = operations
            .iter()
            .map(|(bits, value)| FlowOp::new(*bits, *value))
            .collect();
        let numbers = Numbers::matched(&operations, max);
        numbers.ranges().iter().map(|r| (r.low, r.high)).collect()
    }

    const LESS: u8 = FlowOp::LESS;
    const EQUAL: u8 = FlowOp::EQUAL;
    const GREATER: u8 = FlowOp::GREATER;
    const AND: u8 = FlowOp::AND;

    #[test]
    fn operators_are_sets() {
        assert_eq!(matched(&[(EQUAL, 80)], 65535), [(80, 80)]);
        assert_eq!(matched(&[(LESS | EQUAL, 100)], 65535), [(0, 100)]);
        assert_eq!(matched(&[(GREATER, 100)], 255), [(101, 255)]);
        assert_eq!(matched(&[(LESS | GREATER, 7)], 9), [(0, 6), (8, 9)]);
        assert_eq!(matched(&[(LESS | EQUAL | GREATER, 7)], 9), [(0, 9)]);
        assert_eq!(matched(&[(0, 7)], 9), []);
        assert_eq!(matched(&[(LESS, 0)], 9), []);
        assert_eq!(matched(&[(GREATER, 9)], 9), []);
        // Beyond what there is.
        assert_eq!(matched(&[(LESS, 70_000)], 65535), [(0, 65535)]);
        assert_eq!(matched(&[(EQUAL, 70_000)], 65535), []);
        assert_eq!(matched(&[(GREATER, 70_000)], 65535), []);
    }

    #[test]
    fn runs_are_joined() {
        let range = [(GREATER | EQUAL, 10), (AND | LESS | EQUAL, 20)];
        assert_eq!(matched(&range, 65535), [(10, 20)]);
        let two = [range[0], range[1], (EQUAL, 21), (EQUAL, 80)];
        assert_eq!(matched(&two, 65535), [(10, 21), (80, 80)]);
        let nothing = [(GREATER, 20), (AND | LESS, 10)];
        assert_eq!(matched(&nothing, 65535), []);
        // What says that the first is joined with something.
        assert_eq!(matched(&[(AND | EQUAL, 5)], 65535), [(5, 5)]);
    }
}
