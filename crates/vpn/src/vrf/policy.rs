//! Which routes of others an instance uses, and what for.

use std::collections::BTreeSet;

use bgp_rib::Route;
use bgp_wire::nlri::FlowspecRules;
use bgp_wire::{ExtendedCommunity, Family, IpPrefix, RouteTarget};

use crate::instance::Common;
use crate::traffic::AttractTraffic;

/// The route targets that decide on the use of a route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Policy {
    /// Routes with one of these are forwarded by.
    pub(super) import: BTreeSet<RouteTarget>,
    /// Routes with this one are too, but not Flowspec ones: other instances redirect traffic here for it.
    pub(super) redirect: Option<RouteTarget>,
    /// Routes with one of these are advertised again...
    pub(super) from: BTreeSet<RouteTarget>,
    /// ...with these.
    pub(super) to: Vec<RouteTarget>,
    /// Instead of the routes themselves, traffic is attracted.
    pub(super) attract: Option<AttractTraffic>,
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
        let attract = common.attract_traffic.clone();
        let to = match (&attract, again) {
            (Some(attract), _) => vec![attract.to],
            (None, Some(again)) => again.to.iter().copied().collect(),
            (None, None) => Vec::new(),
        };
        Self {
            import: common.import.clone(),
            redirect: common.redirection.as_ref().map(|r| r.target),
            from: again.map(|again| again.from.clone()).unwrap_or_default(),
            to,
            attract,
        }
    }

    /// The targets to ask for routes with.
    pub(super) fn wanted(&self) -> BTreeSet<RouteTarget> {
        self.wanted_flows()
            .into_iter()
            .chain(self.redirect)
            .collect()
    }

    /// The targets to ask for Flowspec routes with.
    pub(super) fn wanted_flows(&self) -> BTreeSet<RouteTarget> {
        self.import.union(&self.from).copied().collect()
    }

    /// Whether anything is advertised again.
    pub(super) fn is_again(&self) -> bool {
        !self.from.is_empty()
    }

    /// What to use a route for. One that bore a target that it would be advertised with has come full circle.
    pub(super) fn uses(&self, route: &Route) -> Uses {
        let targets = route.attributes().route_targets();
        let is_flow = FLOWS.contains(&route.family());
        let redirect = self.redirect.filter(|_| !is_flow);
        let is_new = |seen: &RouteTarget| {
            let mut redirects = self.attract.iter().map(|attract| &attract.redirect);
            !self.to.contains(seen) && !redirects.any(|redirect| redirect.contains(seen))
        };
        let again = targets.iter().any(|target| self.from.contains(target));
        Uses {
            imported: targets
                .iter()
                .any(|target| self.import.contains(target) || redirect == Some(*target)),
            again: again
                && (!is_flow || self.only_redirect().is_some())
                && records(route).all(|seen| is_new(&seen)),
        }
    }

    /// The target that traffic attracted for a Flowspec route of others is redirected to.
    pub(super) fn only_redirect(&self) -> Option<RouteTarget> {
        let mut targets = self.attract.iter().flat_map(|attract| &attract.redirect);
        targets.next().copied().filter(|_| targets.next().is_none())
    }

    /// The rules by which traffic to a prefix is attracted.
    pub(super) fn rules(&self, prefix: IpPrefix) -> Option<FlowspecRules> {
        self.attract.as_ref()?.classifier.rules(prefix)
    }
}

/// The Flowspec families of IP VPN instances.
pub(super) const FLOWS: [Family; 2] = [Family::FLOWSPEC_VPNV4, Family::FLOWSPEC_VPNV6];

/// The targets that a route bore before it was advertised again.
fn records(route: &Route) -> impl Iterator<Item = RouteTarget> + '_ {
    let communities = route.attributes().extended_communities().iter();
    communities.filter_map(ExtendedCommunity::rt_record)
}

/// The targets that a route has borne so far.
pub(super) fn history(route: &Route) -> BTreeSet<RouteTarget> {
    records(route)
        .chain(route.attributes().route_targets())
        .collect()
}
