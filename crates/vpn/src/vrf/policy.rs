//! Which routes of others an instance uses, and what for.

use std::collections::BTreeSet;

use bgp_rib::Route;
use bgp_wire::{ExtendedCommunity, RouteTarget};

use crate::instance::Common;

/// The route targets that decide on the use of a route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Policy {
    /// Routes with one of these are forwarded by.
    pub(super) import: BTreeSet<RouteTarget>,
    /// Routes with one of these are advertised again...
    pub(super) from: BTreeSet<RouteTarget>,
    /// ...with these.
    pub(super) to: Vec<RouteTarget>,
}

/// What a route is used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Uses {
    pub(crate) imported: bool,
    pub(crate) again: bool,
}

impl Policy {
    /// As the instance's requests say.
    pub(super) fn of(common: &Common) -> Self {
        // Nobody could import what has no target, so it is not advertised.
        let again = common.readvertise.as_ref().filter(|r| !r.to.is_empty());
        Self {
            import: common.import.clone(),
            from: again.map(|again| again.from.clone()).unwrap_or_default(),
            to: again.map_or_else(Vec::new, |again| again.to.iter().copied().collect()),
        }
    }

    /// The targets that the instance has to subscribe to.
    pub(super) fn wanted(&self) -> BTreeSet<RouteTarget> {
        self.import.union(&self.from).copied().collect()
    }

    /// What to use a route for. One that bore a target that it would be advertised with has come full circle.
    pub(super) fn uses(&self, route: &Route) -> Uses {
        let targets = route.attributes.route_targets();
        let is_one_in = |set: &BTreeSet<_>| targets.iter().any(|target| set.contains(target));
        Uses {
            imported: is_one_in(&self.import),
            again: is_one_in(&self.from) && !records(route).any(|seen| self.to.contains(&seen)),
        }
    }
}

/// The targets that a route bore before it was advertised again.
fn records(route: &Route) -> impl Iterator<Item = RouteTarget> + '_ {
    let communities = route.attributes.extended_communities().iter();
    communities.filter_map(ExtendedCommunity::rt_record)
}

/// The targets that a route has borne so far.
pub(super) fn history(route: &Route) -> BTreeSet<RouteTarget> {
    records(route)
        .chain(route.attributes.route_targets())
        .collect()
}
