//! Times, counted in buckets: any number of them in a few kilobytes.

use std::fmt;

/// Buckets an octave is divided into: what is read is at most 1/128 too much.
const PARTS: u64 = 128;
const PART_BITS: u32 = PARTS.ilog2();

/// How often which time was seen. Exact below 256 ns, within 0.8 % above.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Grown as far as the longest time.
    counts: Vec<u64>,
    total: u64,
    least: u64,
    most: u64,
}

impl Histogram {
    /// Counts a time in nanoseconds.
    pub fn add(&mut self, nanos: u64) {
        let bucket = bucket(nanos);
        if self.counts.len() <= bucket {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += 1;
        self.least = if self.total == 0 {
            nanos
        } else {
            self.least.min(nanos)
        };
        self.most = self.most.max(nanos);
        self.total += 1;
    }

    /// How many were counted.
    pub fn len(&self) -> u64 {
        self.total
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// The shortest, in nanoseconds.
    pub fn min(&self) -> Option<u64> {
        (self.total > 0).then_some(self.least)
    }

    /// The longest, in nanoseconds.
    pub fn max(&self) -> Option<u64> {
        (self.total > 0).then_some(self.most)
    }

    /// The time, in nanoseconds, that `percent` of all do not exceed (nearest rank); over 100 is 100.
    pub fn percentile(&self, percent: f64) -> Option<u64> {
        if self.total == 0 {
            return None;
        }
        let rank = (percent.clamp(0.0, 100.0) / 100.0 * self.total as f64).ceil() as u64;
        let rank = rank.clamp(1, self.total);
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Some(highest(bucket).clamp(self.least, self.most));
            }
        }
        Some(self.most)
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Histogram")
            .field("len", &self.total)
            .field("min", &self.min())
            .field("median", &self.percentile(50.0))
            .field("max", &self.max())
            .finish()
    }
}

/// Linear below two octaves of parts, then `PARTS` an octave.
fn bucket(nanos: u64) -> usize {
    if nanos < 2 * PARTS {
        return nanos as usize;
    }
    let shift = nanos.ilog2() - PART_BITS;
    (u64::from(shift) * PARTS + (nanos >> shift)) as usize
}

/// The longest time that falls into a bucket.
fn highest(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < 2 * PARTS {
        return bucket;
    }
    let shift = bucket / PARTS - 1;
    let part = bucket - shift * PARTS;
    // The last bucket of all ends where the numbers do.
    ((u128::from(part) + 1) << shift)
        .min(1 << 64)
        .saturating_sub(1) as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_has_no_percentile() {
        let none = Histogram::default();
        assert_eq!(
            (none.min(), none.percentile(50.0), none.max()),
            (None, None, None)
        );
    }

    #[test]
    fn ends_are_exact() {
        let mut times = Histogram::default();
        for nanos in [0, 1_000_003, u64::MAX] {
            times.add(nanos);
        }
        assert_eq!((times.min(), times.max()), (Some(0), Some(u64::MAX)));
        assert_eq!(times.percentile(100.0), Some(u64::MAX));
        assert_eq!(times.percentile(0.0), Some(0));
    }

    proptest! {
        #[test]
        fn a_percentile_is_that_of_the_sorted_times(
            mut times in prop::collection::vec(prop_oneof![0u64..1000, 0u64..u64::MAX], 1..200),
            percent in 0.0f64..=100.0,
        ) {
            let mut counted = Histogram::default();
            for &nanos in &times {
                counted.add(nanos);
            }
            times.sort_unstable();
            let rank = (percent / 100.0 * times.len() as f64).ceil() as usize;
            let exact = times[rank.clamp(1, times.len()) - 1];
            let read = counted.percentile(percent).unwrap();
            prop_assert!(read >= exact, "{read} < {exact}");
            prop_assert!(read - exact <= exact / PARTS, "{read} for {exact}");
        }
    }
}
