//! Intervals in which what was sent did not arrive.

/// Probes in a row that were lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    /// When the first lost probe was sent, in nanoseconds since the flow began.
    pub start: u64,
    /// When the first probe after it that arrived was sent; for one that goes on, an interval of probes after the
    /// last lost one.
    pub end: u64,
    /// How many probes were lost.
    pub lost: u64,
}

impl Outage {
    /// How long, in nanoseconds.
    pub fn length(&self) -> u64 {
        self.end - self.start
    }
}

/// Outages, in order: their sums exactly, and the longest of them one by one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outages {
    /// How many there were, one that goes on included.
    pub count: u64,
    /// All of them together, in nanoseconds.
    pub total: u64,
    /// The longest; of equals the first.
    pub longest: Option<Outage>,
    /// All, or when there are very many, at least the [`KEPT`] longest; in order.
    pub kept: Vec<Outage>,
    /// Whether the last goes on.
    pub open: bool,
}

/// Outages that are surely kept one by one: random loss makes as many as there are probes.
pub const KEPT: usize = 512;

impl Outages {
    /// Another one ended.
    pub(super) fn add(&mut self, outage: Outage) {
        self.count += 1;
        self.total += outage.length();
        if self
            .longest
            .is_none_or(|longest| longest.length() < outage.length())
        {
            self.longest = Some(outage);
        }
        self.kept.push(outage);
        if self.kept.len() >= 2 * KEPT {
            let mut lengths: Vec<u64> = self.kept.iter().map(Outage::length).collect();
            let (_, least, _) = lengths.select_nth_unstable(KEPT);
            let least = *least;
            let longer = self.kept.iter().filter(|o| o.length() > least).count();
            let mut room = KEPT - longer.min(KEPT);
            self.kept.retain(|outage| {
                let equal = outage.length() == least && room > 0;
                room -= usize::from(equal);
                equal || outage.length() > least
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_very_many_the_longest_are_kept() {
        let mut outages = Outages::default();
        let mut start = 0;
        for number in 0..10_000u64 {
            // Every tenth is long, each a little longer than that before.
            let length = if number % 10 == 0 { 1000 + number } else { 1 };
            outages.add(Outage {
                start,
                end: start + length,
                lost: length,
            });
            start += 2 * length;
        }
        assert_eq!(outages.count, 10_000);
        assert_eq!(outages.longest.unwrap().length(), 1000 + 9990);
        assert!(outages.kept.len() >= KEPT && outages.kept.len() < 2 * KEPT);
        assert!(outages.kept.is_sorted_by_key(|outage| outage.start));
        let long = outages
            .kept
            .iter()
            .filter(|o| o.length() >= 1000 + 10_000 - KEPT as u64 * 10);
        assert_eq!(long.count(), KEPT);
    }

    #[test]
    fn of_very_many_equals_enough_are_kept() {
        let mut outages = Outages::default();
        for start in 0..5_000 {
            outages.add(Outage {
                start: 2 * start,
                end: 2 * start + 1,
                lost: 1,
            });
        }
        assert_eq!((outages.count, outages.total), (5_000, 5_000));
        assert!(outages.kept.len() >= KEPT && outages.kept.len() < 2 * KEPT);
        assert_eq!(outages.longest.unwrap().start, 0);
    }
}
