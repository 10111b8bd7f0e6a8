//! Echo requests.

use crate::file::{At, PingFile};
use crate::resolve::{Found, Resolver};
use crate::step::{Endpoint, Ping};
use crate::{defaults, values};

impl Resolver<'_> {
    pub(super) fn ping(&mut self, typed: &PingFile) -> Found<Ping> {
        let from = self.endpoint(&typed.from, "pings from");
        let to = self.ping_target(from, &typed.to);
        let count = match &typed.count {
            Some(count) => self.number("the count", count, 1, 65535),
            None => Some(1),
        };
        let source = self.source(typed.source.as_ref(), to);
        let size = match &typed.size {
            Some(size) => self.number("the size", size, 0, 65_507),
            None => Some(defaults::PING_SIZE),
        };
        let ttl = match &typed.ttl {
            Some(ttl) => Some(self.number("the TTL", ttl, 1, 255)?),
            None => None,
        };
        let interval = self.maybe(typed.interval.as_ref(), values::duration);
        let (fails, within) = (typed.fails.as_ref(), typed.within.as_ref());
        let outcome = self.outcome(fails, within, typed.during.as_ref(), "reply");
        Some(Ping {
            from: from?,
            to: to?,
            count: count?,
            source,
            size: size?,
            ttl,
            df: typed.df.as_ref().is_some_and(|df| df.value),
            interval,
            outcome,
        })
    }

    /// An address, that of a port, or that of a node: where the asker reaches it, if it is a node too.
    pub(super) fn ping_target(
        &mut self,
        from: Option<Endpoint>,
        to: &At<String>,
    ) -> Found<std::net::IpAddr> {
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
