//! Routes of a speaker.

use super::MOST;
use crate::amount::Amount;
use crate::error::ErrorKind;
use crate::expect::RouteExpectation;
use crate::file::{At, RouteFile};
use crate::resolve::{Found, Resolver};

impl Resolver<'_> {
    pub(super) fn route(&mut self, typed: &RouteFile) -> Found<RouteExpectation> {
        let verb = "expects a route on";
        let on = match &typed.vpn {
            Some(_) => self.bagpipe_named(&typed.on, verb),
            None => self.speaker_named(&typed.on, verb),
        };
        let vpn = match &typed.vpn {
            Some(vpn) => Some(self.vpn(vpn, "expects a route in")?),
            None => None,
        };
        let pattern = self.pattern(&typed.pattern(), "expects a route for");
        let amount = match (&typed.absent, &typed.count) {
            (Some(absent), Some(_)) => {
                let reason = "says nothing beside `count`".into();
                self.fail(
                    &absent.span,
                    ErrorKind::Misplaced {
                        key: "absent".into(),
                        reason,
                    },
                );
                None
            }
            (Some(At { value: true, .. }), None) => Some(Amount::NONE),
            (_, Some(count)) => self
                .number("the count", count, 0, MOST)
                .map(Amount::exactly),
            (_, None) => Some(Amount::SOME),
        };
        Some(RouteExpectation {
            on: on?,
            vpn,
            pattern,
            amount: amount?,
        })
    }
}
