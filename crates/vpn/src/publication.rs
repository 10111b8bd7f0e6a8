//! What instances of both types tell the route table: made equal to what it should be, in few steps.

use std::collections::BTreeSet;
use std::sync::Arc;

use bgp_rib::{Match, RibEvent, Route, WorkerId};
use bgp_wire::{Family, RouteTarget};

use crate::instance::EndpointKey;
use crate::intent::SharedMap;

/// The events that lead from the targets `subscribed` to those to `import`, in each family.
pub(crate) fn subscribe(
    worker: WorkerId,
    families: &[Family],
    subscribed: &mut BTreeSet<RouteTarget>,
    import: &BTreeSet<RouteTarget>,
    events: &mut Vec<RibEvent>,
) {
    let matches = |target: &RouteTarget| {
        let target = *target;
        families
            .iter()
            .map(move |family| Match::new(*family, target))
    };
    let new = import.difference(subscribed).flat_map(matches);
    events.extend(new.map(|wanted| RibEvent::Subscribe { worker, wanted }));
    let gone = subscribed.difference(import).flat_map(matches);
    events.extend(gone.map(|wanted| RibEvent::Unsubscribe { worker, wanted }));
    subscribed.clone_from(import);
}

/// The events that lead from one route to the other, and what is published then. A new route comes before the
/// one that it replaces under another key is taken away.
pub(crate) fn change(
    source: WorkerId,
    old: Option<Arc<Route>>,
    new: Option<Route>,
    events: &mut Vec<RibEvent>,
) -> Option<Arc<Route>> {
    let withdraw = |key| RibEvent::Withdraw { source, key };
    match (old, new) {
        (Some(old), Some(new)) if *old == new => Some(old),
        (old, Some(new)) => {
            let route = Arc::new(new);
            events.push(RibEvent::Advertise {
                source,
                route: Arc::clone(&route),
            });
            let gone = old.map(|old| old.key()).filter(|gone| *gone != route.key());
            events.extend(gone.map(withdraw));
            Some(route)
        }
        (Some(old), None) => {
            events.push(withdraw(old.key()));
            None
        }
        (None, None) => None,
    }
}

/// The events after which just these `routes` of endpoints are published, and `advertised` says so. New things come
/// before those that end.
pub(crate) fn endpoints(
    source: WorkerId,
    advertised: &mut SharedMap<EndpointKey, Arc<Route>>,
    routes: Vec<(EndpointKey, Option<Route>)>,
    events: &mut Vec<RibEvent>,
) {
    let mut withdrawn = Vec::new();
    for (key, mut route) in routes {
        let out = match &mut route {
            Some(route) => {
                share_path(route, advertised, key);
                &mut *events
            }
            None => &mut withdrawn,
        };
        let old = advertised.remove(&key);
        if let Some(route) = change(source, old, route, out) {
            advertised.insert(key, route);
        }
    }
    events.extend(withdrawn);
}

/// Has a route share next hop and attributes with one of its neighbours, if they are the same, which they mostly are: they
/// take more memory than the rest of a route.
fn share_path(
    route: &mut Route,
    advertised: &SharedMap<EndpointKey, Arc<Route>>,
    key: EndpointKey,
) {
    let mut around = advertised.around(&key);
    around.find(|known| route.share_path(known));
}

/// The events that end all of `routes` and every subscription.
pub(crate) fn retire(worker: WorkerId, routes: impl Iterator<Item = Arc<Route>>) -> Vec<RibEvent> {
    let source = worker;
    let withdrawals = routes.map(|route| RibEvent::Withdraw {
        source,
        key: route.key(),
    });
    withdrawals.chain([RibEvent::Cleanup { worker }]).collect()
}
