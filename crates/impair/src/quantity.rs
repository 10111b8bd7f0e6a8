//! Shares, rates and times as people write them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A text that is none of these.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` is not {what}: {rule}")]
pub struct BadQuantity {
    /// What it should be: `a percentage`.
    pub what: &'static str,
    /// The text.
    pub value: String,
    /// What such a text is like.
    pub rule: &'static str,
}

/// A share of all frames, in millionths: `"1%"` is 10,000 of them.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Share(u32);

impl Share {
    /// No frame.
    pub const NONE: Self = Self(0);
    /// Every frame.
    pub const ALL: Self = Self(1_000_000);

    /// So many frames of a million; `None` when that is more than all.
    pub fn new(millionths: u32) -> Option<Self> {
        (millionths <= Self::ALL.0).then_some(Self(millionths))
    }

    /// Of a million frames, how many.
    pub fn millionths(self) -> u32 {
        self.0
    }

    /// Of all frames, how many: from 0 to 1.
    pub fn fraction(self) -> f64 {
        f64::from(self.0) / 1e6
    }

    pub(crate) fn is_none(self) -> bool {
        self.0 == 0
    }
}

impl FromStr for Share {
    type Err = BadQuantity;

    fn from_str(text: &str) -> Result<Self, BadQuantity> {
        let parsed = text
            .strip_suffix('%')
            .and_then(|number| in_parts(number, 10_000));
        let share = parsed.and_then(|millionths| Self::new(u32::try_from(millionths).ok()?));
        share.ok_or_else(|| BadQuantity {
            what: "a percentage",
            value: text.into(),
            rule: "like \"1%\" or \"0.05%\", at most \"100%\", with four decimals at most",
        })
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", decimal(u64::from(self.0), 4))
    }
}

/// Bits per second, Ethernet headers included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rate(u64);

/// The units of a rate, as `tc` has them, and their decimals.
const UNITS: [(&str, usize); 4] = [("gbit", 9), ("mbit", 6), ("kbit", 3), ("bit", 0)];

impl Rate {
    /// The slowest and the fastest that can be asked for: 1 kbit/s, below which a frame takes minutes, and 100 Gbit/s.
    const BOUNDS: std::ops::RangeInclusive<u64> = 1_000..=100_000_000_000;

    /// `None` below 1 kbit/s and above 100 Gbit/s.
    pub fn new(bits_per_second: u64) -> Option<Self> {
        Self::BOUNDS
            .contains(&bits_per_second)
            .then_some(Self(bits_per_second))
    }

    /// In bits.
    pub fn bits_per_second(self) -> u64 {
        self.0
    }

    /// How long a frame of so many octets is being sent.
    pub fn time(self, octets: usize) -> Duration {
        let bits = 8 * octets as u128;
        let nanos = (bits * 1_000_000_000).div_ceil(u128::from(self.0));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

impl FromStr for Rate {
    type Err = BadQuantity;

    fn from_str(text: &str) -> Result<Self, BadQuantity> {
        let parsed = UNITS.iter().find_map(|(unit, decimals)| {
            let number = text.strip_suffix(unit)?;
            in_parts(number, unit_of(*decimals))
        });
        parsed.and_then(Self::new).ok_or_else(|| BadQuantity {
            what: "a rate",
            value: text.into(),
            rule: "like \"500kbit\", \"10mbit\" or \"1gbit\" (per second), from \"1kbit\" to \"100gbit\"",
        })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, decimals) = UNITS
            .into_iter()
            .find(|(_, decimals)| self.0 >= unit_of(*decimals))
            .unwrap_or(UNITS[3]);
        write!(f, "{}{unit}", decimal(self.0, decimals))
    }
}

/// A time on the way: `"500us"`, `"1.5ms"`, `"2s"`, at most a minute.
///
/// # Errors
///
/// It is none of these.
pub fn time(text: &str) -> Result<Duration, BadQuantity> {
    let units = [("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000)];
    let parsed = units.iter().find_map(|(unit, whole)| {
        let nanos = in_parts(text.strip_suffix(unit)?, *whole)?;
        (nanos <= 60_000_000_000).then(|| Duration::from_nanos(nanos))
    });
    parsed.ok_or_else(|| BadQuantity {
        what: "a time on the way",
        value: text.into(),
        rule: "like \"500us\", \"1.5ms\" or \"2s\", at most \"60s\"",
    })
}

/// A time as [`time`] reads it.
pub(crate) fn in_words(time: Duration) -> String {
    let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    match nanos {
        1_000_000_000.. => format!("{}s", decimal(nanos, 9)),
        1_000_000.. => format!("{}ms", decimal(nanos, 6)),
        _ => format!("{}us", decimal(nanos, 3)),
    }
}

/// A number with or without a fraction, in parts of which one has `whole`: `1.5` of 1000 is 1500. Neither signs nor
/// exponents; `None` also where it is between two parts, or 2^63 of them or more.
pub fn in_parts(text: &str, whole: u64) -> Option<u64> {
    let (integer, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(integer) || !digits(fraction) {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let scale = 10u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    // Nothing is left of a fraction of noughts.
    let below = u128::from(fraction.parse().unwrap_or(0u64)) * u128::from(whole);
    if below % u128::from(scale) != 0 {
        return None;
    }
    let above = u128::from(integer.parse::<u64>().ok()?).checked_mul(u128::from(whole))?;
    let all = above.checked_add(below / u128::from(scale))?;
    u64::try_from(all).ok().filter(|all| *all < 1 << 63)
}

/// Parts of one that has so many decimals.
fn unit_of(decimals: usize) -> u64 {
    10u64.pow(u32::try_from(decimals).unwrap_or(0))
}

fn decimal(value: u64, decimals: usize) -> String {
    let unit = unit_of(decimals);
    let part = format!("{:0decimals$}", value % unit);
    match part.trim_end_matches('0') {
        "" => (value / unit).to_string(),
        part => format!("{}.{part}", value / unit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_percentages() {
        let read = |text: &str| text.parse::<Share>().map(Share::millionths);
        assert_eq!(read("1%"), Ok(10_000));
        assert_eq!(read("0.05%"), Ok(500));
        assert_eq!(read("100%"), Ok(1_000_000));
        assert_eq!(read("12.3400%"), Ok(123_400));
        for wrong in [
            "1",
            "0.01",
            "101%",
            "100.0001%",
            "-1%",
            "1 %",
            "%",
            ".5%",
            "1.%",
            "1e1%",
            "1.2.3%",
            "0.00001%",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn rates_have_units() {
        let read = |text: &str| text.parse::<Rate>().map(Rate::bits_per_second);
        assert_eq!(read("10mbit"), Ok(10_000_000));
        assert_eq!(read("1.5gbit"), Ok(1_500_000_000));
        assert_eq!(read("1000bit"), Ok(1_000));
        for wrong in [
            "10",
            "0mbit",
            "999bit",
            "200gbit",
            "1000.5bit",
            "10Mbit",
            "10mbps",
            "1.2.3mbit",
            "99999999999999999999gbit",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_are_short() {
        assert_eq!(time("500us"), Ok(Duration::from_micros(500)));
        assert_eq!(time("1.5ms"), Ok(Duration::from_micros(1_500)));
        assert_eq!(time("2s"), Ok(Duration::from_secs(2)));
        for wrong in ["1", "61s", "1m", "-1ms", "ms", "1.2.3ms"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_shown_can_be_read() {
        for text in ["1%", "0.05%", "100%"] {
            assert_eq!(
                text.parse::<Share>().map(|share| share.to_string()),
                Ok(text.into())
            );
        }
        for text in ["10mbit", "1.5gbit", "1.234kbit"] {
            assert_eq!(
                text.parse::<Rate>().map(|rate| rate.to_string()),
                Ok(text.into())
            );
        }
        for text in ["500us", "1.5ms", "2s"] {
            assert_eq!(time(text).map(in_words), Ok(text.into()));
        }
    }
}
