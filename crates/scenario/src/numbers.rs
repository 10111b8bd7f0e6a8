//! Which numbers a field may have.

use std::fmt;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

/// One number, one of several, or any within bounds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbers(Vec<RangeInclusive<u64>>);

impl Numbers {
    /// One of these.
    pub fn one_of(numbers: impl IntoIterator<Item = u64>) -> Self {
        Self(numbers.into_iter().map(|number| number..=number).collect())
    }

    /// Any of at least `least` and at most `most`.
    pub fn within(least: Option<u64>, most: Option<u64>) -> Self {
        Self(vec![least.unwrap_or(0)..=most.unwrap_or(u64::MAX)])
    }

    /// Whether `number` is one of them.
    pub fn has(&self, number: impl Into<u64>) -> bool {
        let number = number.into();
        self.0.iter().any(|range| range.contains(&number))
    }
}

impl<N: Into<u64>> From<N> for Numbers {
    fn from(number: N) -> Self {
        Self::one_of([number.into()])
    }
}

/// `64`, `80 or 443`, `at most 5`, `2 to 4`.
impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.0.iter().enumerate() {
            let or = if index > 0 { " or " } else { "" };
            f.write_str(or)?;
            match (*range.start(), *range.end()) {
                (least, most) if least == most => write!(f, "{least}")?,
                (0, most) => write!(f, "at most {most}")?,
                (least, u64::MAX) => write!(f, "at least {least}")?,
                (least, most) => write!(f, "{least} to {most}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_has_what_it_says() {
        for (numbers, text, has, lacks) in [
            (Numbers::from(64_u8), "64", 64, 63_u64),
            (Numbers::one_of([80, 443]), "80 or 443", 443, 81),
            (Numbers::within(None, Some(5)), "at most 5", 0, 6),
            (Numbers::within(Some(5), None), "at least 5", u64::MAX, 4),
            (Numbers::within(Some(2), Some(4)), "2 to 4", 4, 5),
        ] {
            assert_eq!(numbers.to_string(), text);
            assert!(numbers.has(has) && !numbers.has(lacks), "{text}");
        }
    }
}
