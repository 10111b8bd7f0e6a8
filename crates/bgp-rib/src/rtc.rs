//! Which route targets this speaker needs, told to peers (RFC 4684).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use bgp_wire::attribute::{AsPath, Origin};
use bgp_wire::nlri::RtcRoute;
use bgp_wire::{AttributeValue, Family, NextHop, Nlri, NlriValue, PathAttributes, RouteTarget};
use serde::{Deserialize, Serialize};

use crate::{Match, Route, WorkerId};

/// What the RT-Constraint routes of this speaker carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RtcOrigin {
    /// The own AS number.
    pub local_as: u32,
    /// The own address.
    pub next_hop: IpAddr,
}

impl RtcOrigin {
    /// The route that asks for `target`.
    pub fn route(&self, target: RouteTarget) -> Route {
        Route::new(
            Nlri::from(NlriValue::Rtc(RtcRoute::new(self.local_as, target))),
            NextHop::for_family(Family::RTC, self.next_hop),
            PathAttributes::new()
                .with(AttributeValue::Origin(Origin::Igp))
                .with(AttributeValue::AsPath(AsPath::default())),
        )
    }
}

/// Counts the subscriptions of VPN instances per route target, over all VPN families: the route stays until
/// the last one is gone.
#[derive(Debug)]
pub(crate) struct RtcRefs {
    origin: RtcOrigin,
    counts: BTreeMap<RouteTarget, usize>,
}

impl RtcRefs {
    pub(crate) fn new(origin: RtcOrigin) -> Self {
        Self {
            origin,
            counts: BTreeMap::new(),
        }
    }

    /// Notes a new subscription; answers the route to publish, if it is the first for its target.
    pub(crate) fn subscribed(&mut self, worker: WorkerId, wanted: Match) -> Option<Arc<Route>> {
        let target = constrained(worker, wanted)?;
        let count = self.counts.entry(target).or_default();
        *count += 1;
        (*count == 1).then(|| Arc::new(self.origin.route(target)))
    }

    /// Notes a subscription that is gone; answers the route to withdraw, if it was the last for its target.
    pub(crate) fn unsubscribed(&mut self, worker: WorkerId, wanted: Match) -> Option<Arc<Route>> {
        let target = constrained(worker, wanted)?;
        let count = self.counts.get_mut(&target)?;
        *count -= 1;
        if *count > 0 {
            return None;
        }
        self.counts.remove(&target);
        Some(Arc::new(self.origin.route(target)))
    }
}

/// The target that peers have to be asked for. Flowspec follows the routes it is about, so it asks for none.
fn constrained(worker: WorkerId, wanted: Match) -> Option<RouteTarget> {
    const VPN: [Family; 3] = [Family::VPNV4, Family::VPNV6, Family::EVPN];
    let counts = worker.is_instance() && wanted.family.is_none_or(|family| VPN.contains(&family));
    wanted.target.filter(|_| counts)
}
