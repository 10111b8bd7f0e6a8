//! Expectations.

mod dataplane;
mod packets;
mod route;
mod session;

use std::time::Duration;

use super::{Found, Resolver};
use crate::amount::Amount;
use crate::error::ErrorKind;
use crate::expect::{Expectation, Fact, Since};
use crate::file::{At, ExpectFile};
use crate::{defaults, values};

impl Resolver<'_> {
    pub(super) fn expect(&mut self, typed: &ExpectFile) -> Found<Expectation> {
        let within = self.maybe(typed.within.as_ref(), values::duration);
        let fact = if let Some(session) = &typed.session {
            Fact::Session(self.session(&session.value)?)
        } else if let Some(route) = &typed.route {
            Fact::Route(self.route(&route.value)?)
        } else if let Some(packets) = &typed.packets {
            Fact::Packets(self.packets(&packets.value)?)
        } else if let Some(forwarding) = &typed.forwarding {
            Fact::Forwarding(self.forwarding(&forwarding.value)?)
        } else {
            Fact::Neighbour(self.neighbour(&typed.neighbour.as_ref()?.value)?)
        };
        let hold = self.maybe(typed.during.as_ref(), values::duration);
        let default = match hold {
            Some(_) => Duration::ZERO,
            None => defaults::WITHIN,
        };
        Some(Expectation {
            fact,
            within: within.unwrap_or(default),
            hold,
        })
    }

    /// How many there must be; one or more when nothing is said.
    fn bounds(
        &mut self,
        count: &Option<At<i64>>,
        at_least: &Option<At<i64>>,
        at_most: &Option<At<i64>>,
    ) -> Found<Amount> {
        if let Some(count) = count {
            if at_least.is_some() || at_most.is_some() {
                let reason = "leaves nothing to `at_least` and `at_most`".into();
                self.out_of_place(&count.span, "count", reason);
                return None;
            }
            let count = self.number("the count", count, 0, MOST);
            return count.map(Amount::exactly);
        }
        let at_most = match at_most {
            Some(most) => Some(self.number("the most", most, 0, MOST)?),
            None => None,
        };
        let at_least = match at_least {
            Some(least) => {
                let most = at_most.map_or(MOST, |most: u64| i64::try_from(most).unwrap_or(MOST));
                self.number("the least", least, 0, most)?
            }
            None => u64::from(at_most.is_none()),
        };
        Some(Amount { at_least, at_most })
    }

    fn since(&mut self, label: &At<String>) -> Found<Since> {
        if label.value == LAST_STEP {
            if self.last_step.is_none() {
                let kind = ErrorKind::Misplaced {
                    key: LAST_STEP.into(),
                    reason: "names nothing: no step before this one does anything".into(),
                };
                self.fail(&label.span, kind);
            }
            return self.last_step.map(Since::Step);
        }
        match self.labels.get(&label.value) {
            Some((step, _)) => Some(Since::Step(*step)),
            None => {
                let labels = self.labels.keys().cloned();
                let known = [LAST_STEP.to_string()].into_iter().chain(labels).collect();
                self.unknown(label, "expects packets since", "label", known)
            }
        }
    }
}

/// The word for the last step that did something.
pub(super) const LAST_STEP: &str = "last-step";

/// More than can be counted.
const MOST: i64 = u32::MAX as i64;
