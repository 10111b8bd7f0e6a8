//! How many of something there must be.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Bounds on a number, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// The least that will do.
    pub at_least: u64,
    /// The most that will do; `None` is no limit.
    pub at_most: Option<u64>,
}

impl Amount {
    /// One or more.
    pub const SOME: Self = Self {
        at_least: 1,
        at_most: None,
    };
    /// None at all.
    pub const NONE: Self = Self::exactly(0);

    /// This many, no more and no fewer.
    pub const fn exactly(n: u64) -> Self {
        Self {
            at_least: n,
            at_most: Some(n),
        }
    }

    /// Whether `n` lies within the bounds.
    pub fn holds(self, n: u64) -> bool {
        n >= self.at_least && self.at_most.is_none_or(|most| n <= most)
    }

    /// Whether counting further can no longer help: `n` is over the upper bound.
    pub fn exceeded_by(self, n: u64) -> bool {
        self.at_most.is_some_and(|most| n > most)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.at_least, self.at_most) {
            (0, Some(0)) => write!(f, "no"),
            (least, Some(most)) if least == most => write!(f, "{least}"),
            (0, Some(most)) => write!(f, "at most {most}"),
            (least, Some(most)) => write!(f, "{least} to {most}"),
            (least, None) => write!(f, "at least {least}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Amount;

    #[test]
    fn bounds_are_inclusive() {
        assert!(Amount::exactly(3).holds(3));
        assert!(!Amount::exactly(3).holds(2));
        assert!(Amount::exactly(3).exceeded_by(4));
        assert!(Amount::SOME.holds(u64::MAX));
        assert!(!Amount::SOME.holds(0));
        assert!(Amount::NONE.holds(0));
        assert!(!Amount::SOME.exceeded_by(9));
    }

    #[test]
    fn reads_aloud() {
        let shown: Vec<String> = [
            Amount::NONE,
            Amount::SOME,
            Amount::exactly(3),
            Amount {
                at_least: 0,
                at_most: Some(2),
            },
            Amount {
                at_least: 2,
                at_most: Some(4),
            },
        ]
        .iter()
        .map(ToString::to_string)
        .collect();
        assert_eq!(shown, ["no", "at least 1", "3", "at most 2", "2 to 4"]);
    }
}
