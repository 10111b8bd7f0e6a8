//! How many.

use crate::amount::Amount;
use crate::error::ErrorKind;
use crate::file::{AmountFile, At};
use crate::resolve::{Found, Resolver};

/// The keys that say how many of something there must be.
#[derive(Clone, Copy)]
pub(super) struct HowMany<'a> {
    pub count: &'a Option<At<i64>>,
    pub at_least: &'a Option<At<i64>>,
    pub at_most: &'a Option<At<i64>>,
    pub absent: &'a Option<At<bool>>,
}

/// A macro, because the tables that have these keys have nothing else in common.
macro_rules! how_many {
    ($typed:expr) => {
        $crate::resolve::expect::amount::HowMany {
            count: &$typed.count,
            at_least: &$typed.at_least,
            at_most: &$typed.at_most,
            absent: &$typed.absent,
        }
    };
}
pub(super) use how_many;

impl Resolver<'_> {
    /// A number within bounds, if there is one.
    pub(super) fn maybe_number<T: TryFrom<i64>>(
        &mut self,
        what: &str,
        typed: Option<&At<i64>>,
        min: i64,
        max: i64,
    ) -> Option<T> {
        typed.and_then(|number| self.number(what, number, min, max))
    }

    pub(super) fn how_many(&mut self, typed: HowMany<'_>) -> Found<Amount> {
        let HowMany {
            count,
            at_least,
            at_most,
            absent,
        } = typed;
        let numbers = [
            ("count", count),
            ("at_least", at_least),
            ("at_most", at_most),
        ];
        let given = numbers
            .into_iter()
            .find_map(|(key, number)| Some((key, number.as_ref()?)));
        if let (Some(At { value: true, .. }), Some((key, number))) = (absent, given) {
            return self.cannot_be(&number.span, key, "says nothing beside `absent`");
        }
        match absent {
            Some(At { value: true, .. }) => Some(Amount::NONE),
            _ => self.bounds(count, at_least, at_most),
        }
    }

    /// Bounds on something that is counted without a word for how many; at least one of them must be there.
    pub(super) fn amount_of(&mut self, typed: &At<AmountFile>) -> Found<Amount> {
        let AmountFile { at_least, at_most } = &typed.value;
        if at_least.is_none() && at_most.is_none() {
            let kind = ErrorKind::NoWord {
                what: "count".into(),
                known: vec!["at_least".into(), "at_most".into()],
            };
            self.fail(&typed.span, kind);
            return None;
        }
        let at_most = match at_most {
            Some(most) => Some(self.number("the most", most, 0, i64::MAX)?),
            None => None,
        };
        let limit = at_most.map_or(i64::MAX, |most: u64| {
            i64::try_from(most).unwrap_or(i64::MAX)
        });
        let at_least = self.maybe_number("the least", at_least.as_ref(), 0, limit);
        Some(Amount {
            at_least: at_least.unwrap_or_default(),
            at_most,
        })
    }
}
