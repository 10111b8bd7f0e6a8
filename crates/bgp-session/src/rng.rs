use std::time::Duration;

/// SplitMix64: enough for jitter, and the same sequence for the same seed on every machine.
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Between 0 and 1, 1 excluded.
    fn unit(&mut self) -> f64 {
        // 53 bits fit a double exactly.
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// `full` shortened by a random part of it, at most `jitter` (0 to 1) of it.
    pub(crate) fn shorten(&mut self, full: Duration, jitter: f64) -> Duration {
        full.mul_f64(1.0 - jitter.clamp(0.0, 1.0) * self.unit())
    }
}
