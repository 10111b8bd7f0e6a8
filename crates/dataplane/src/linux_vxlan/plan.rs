//! From one state to another: what to do, in an order in which no packet goes astray.

use std::collections::BTreeSet;

use netns::addr::IpPrefix;
use netns::link::{LinkError, Neighbour, Netlink, ProxyNeighbour, Request, Route, Rule};

use super::state::State;
use crate::DriverError;

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    DeleteRule(Rule),
    PutNeighbour(Neighbour),
    PutProxy(ProxyNeighbour),
    PutRoute(Route),
    DeleteRoute(Route),
    AddRule(Rule),
    DeleteProxy(ProxyNeighbour),
    DeleteNeighbour(Neighbour),
}

/// What leads from `had` to `want`: traffic that is no longer wanted is cut off first, new traffic let in last.
pub fn plan(had: &State, want: &State) -> Vec<Op> {
    let mut ops: Vec<Op> = Vec::new();
    let gone = had.rules.difference(&want.rules).cloned();
    ops.extend(gone.map(Op::DeleteRule));
    let new = want.neighbours.difference(&had.neighbours).cloned();
    ops.extend(new.map(Op::PutNeighbour));
    let new = want.proxies.difference(&had.proxies).copied();
    ops.extend(new.map(Op::PutProxy));
    let new = want.routes.difference(&had.routes).cloned();
    ops.extend(new.map(Op::PutRoute));
    // Putting a route has replaced the one of the same key.
    let kept: BTreeSet<RouteKey> = want.routes.iter().map(key).collect();
    let gone = had.routes.difference(&want.routes).cloned();
    let gone = gone.filter(|route| !kept.contains(&key(route)));
    ops.extend(gone.map(Op::DeleteRoute));
    let new = want.rules.difference(&had.rules).cloned();
    ops.extend(new.map(Op::AddRule));
    let gone = had.proxies.difference(&want.proxies).copied();
    ops.extend(gone.map(Op::DeleteProxy));
    let kept: BTreeSet<_> = want.neighbours.iter().map(|n| (n.link, n.ip)).collect();
    let gone = had.neighbours.difference(&want.neighbours).cloned();
    let gone = gone.filter(|neighbour| !kept.contains(&(neighbour.link, neighbour.ip)));
    ops.extend(gone.map(Op::DeleteNeighbour));
    ops
}

/// What tells routes of the kernel apart.
pub type RouteKey = (u32, IpPrefix, Option<u32>);

/// The key of a route.
pub fn key(route: &Route) -> RouteKey {
    (route.table, route.to, route.metric)
}

impl Op {
    fn request(&self) -> Request {
        match self {
            Self::DeleteRule(rule) => rule.delete(),
            Self::PutNeighbour(neighbour) => neighbour.replace(),
            Self::PutProxy(proxy) => proxy.replace(),
            Self::PutRoute(route) => route.replace(),
            Self::DeleteRoute(route) => route.delete(),
            Self::AddRule(rule) => rule.add(),
            Self::DeleteProxy(proxy) => proxy.delete(),
            Self::DeleteNeighbour(neighbour) => neighbour.delete(),
        }
    }

    /// Whether the error says that there was nothing to do.
    fn is_done(&self, error: &LinkError) -> bool {
        match self {
            Self::AddRule(_) => error.is_exists(),
            Self::DeleteRule(_)
            | Self::DeleteRoute(_)
            | Self::DeleteProxy(_)
            | Self::DeleteNeighbour(_) => error.is_not_found(),
            _ => false,
        }
    }
}

/// Carries `ops` out in few system calls. All are attempted; the first failure is the answer.
///
/// A remote route that the kernel does not take is logged and passed over: the other routes, and the ports, do not
/// depend on it.
pub async fn execute(netlink: &Netlink, ops: &[Op]) -> Result<(), DriverError> {
    let requests = ops.iter().map(Op::request).collect();
    let results = netlink.batch(requests).await;
    let mut first = Ok(());
    for (op, result) in ops.iter().zip(results) {
        let Err(error) = result else { continue };
        if op.is_done(&error) {
            continue;
        }
        let failed = super::kernel(&error);
        match op {
            Op::PutRoute(route) if route.hops().any(|hop| hop.encap.is_some()) => {
                tracing::warn!("passed over a route: {failed}");
            }
            _ => first = first.and(Err(failed)),
        }
    }
    first
}

#[cfg(test)]
mod tests;
