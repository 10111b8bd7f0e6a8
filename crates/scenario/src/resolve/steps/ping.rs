//! Echo requests.

use crate::error::ErrorKind;
use crate::file::{At, PingFile};
use crate::resolve::{Found, Resolver};
use crate::step::{Endpoint, Ping, PingOutcome};
use crate::{defaults, values};

impl Resolver<'_> {
    pub(super) fn ping(&mut self, typed: &PingFile) -> Found<Ping> {
        let from = self.endpoint(&typed.from, "pings from");
        let to = self.ping_target(from, &typed.to);
        let count = match &typed.count {
            Some(count) => self.number("the count", count, 1, 65535),
            None => Some(1),
        };
        let within = self.maybe(typed.within.as_ref(), values::duration);
        let during = self.maybe(typed.during.as_ref(), values::duration);
        let fails = typed.fails.as_ref().is_some_and(|fails| fails.value);
        let misplaced = match (fails, &typed.within, &typed.during) {
            (true, Some(within), _) => Some((
                within,
                "within",
                "waits for replies, but this ping fails; say `for`",
            )),
            (false, _, Some(during)) => {
                Some((during, "for", "is for a ping that fails; say `within`"))
            }
            _ => None,
        };
        if let Some((place, key, reason)) = misplaced {
            let kind = ErrorKind::Misplaced {
                key: key.into(),
                reason: reason.into(),
            };
            self.fail(&place.span, kind);
        }
        let outcome = if fails {
            PingOutcome::Silence(during.unwrap_or(defaults::SILENCE))
        } else {
            PingOutcome::Replies(within.unwrap_or(defaults::WITHIN))
        };
        Some(Ping {
            from: from?,
            to: to?,
            count: count?,
            outcome,
        })
    }

    /// An address, that of a port, or that of a node: where the asker reaches it, if it is a node too.
    fn ping_target(&mut self, from: Option<Endpoint>, to: &At<String>) -> Found<std::net::IpAddr> {
        if values::looks_like_address(&to.value) {
            return self.keep(&to.span, values::ip(&to.value));
        }
        match (from, self.endpoint(to, "pings")?) {
            (_, Endpoint::Port(port)) => Some(self.attached[port.0].0.ip),
            (Some(Endpoint::Node(from)), Endpoint::Node(node)) => self.reach(from, node, &to.span),
            (_, Endpoint::Node(node)) => self.first_address(node),
        }
    }
}
