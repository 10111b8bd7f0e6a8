//! Expectations.

mod dataplane;
mod packets;
mod route;
mod session;

use std::time::Duration;

use super::{Found, Resolver};
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
