//! Comparing what is there with what was asked for, field by field.

use std::fmt::Display;

use scenario::Numbers;
use serde::{Deserialize, Serialize};

/// The first field of a layer that is not as asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The field, by its word in a scenario.
    pub field: String,
    /// What was asked for.
    pub expected: String,
    /// What is there.
    pub seen: String,
}

/// The outcome of comparing one layer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields {
    /// How many of the fields asked for agree.
    pub agreed: usize,
    /// The first that does not.
    pub difference: Option<Difference>,
    /// The others that do not, where they are asked for: to put them into words costs more than to find the first.
    pub others: Option<Vec<Difference>>,
}

impl Fields {
    /// Whether all fields asked for agree.
    pub fn all_agree(&self) -> bool {
        self.difference.is_none()
    }

    /// Compares a field that is always there.
    pub fn check<T: PartialEq + Display>(&mut self, field: &str, wanted: Option<T>, seen: T) {
        self.check_optional(field, wanted, Some(seen));
    }

    /// Compares a field that may be absent.
    pub fn check_optional<T: PartialEq + Display>(
        &mut self,
        field: &str,
        wanted: Option<T>,
        seen: Option<T>,
    ) {
        let Some(wanted) = wanted else { return };
        let agrees = seen.as_ref() == Some(&wanted);
        self.note(field, agrees, || {
            (wanted.to_string(), or_none(seen.as_ref()))
        });
    }

    /// Compares a number with those that it may be.
    pub fn check_number<T: Into<u64>>(&mut self, field: &str, wanted: Option<&Numbers>, seen: T) {
        self.check_optional_number(field, wanted, Some(seen));
    }

    /// Compares a number that may be absent with those that it may be.
    pub fn check_optional_number<T: Into<u64>>(
        &mut self,
        field: &str,
        wanted: Option<&Numbers>,
        seen: Option<T>,
    ) {
        let Some(wanted) = wanted else { return };
        let seen: Option<u64> = seen.map(Into::into);
        self.note(field, seen.is_some_and(|seen| wanted.has(seen)), || {
            (wanted.to_string(), or_none(seen.as_ref()))
        });
    }

    /// Notes how a comparison made elsewhere came out; `words` says what was asked for and what is
    /// there.
    pub fn note(&mut self, field: &str, agrees: bool, words: impl FnOnce() -> (String, String)) {
        if agrees {
            self.agreed += 1;
            return;
        }
        if self.difference.is_some() && self.others.is_none() {
            return;
        }
        let (expected, seen) = words();
        let difference = Difference {
            field: field.to_owned(),
            expected,
            seen,
        };
        match (&self.difference, &mut self.others) {
            (Some(_), Some(others)) => others.push(difference),
            _ => self.difference = Some(difference),
        }
    }
}

/// The value, or the word for there being none.
pub(crate) fn or_none<T: Display>(value: Option<&T>) -> String {
    value.map_or_else(|| "none".to_owned(), T::to_string)
}
