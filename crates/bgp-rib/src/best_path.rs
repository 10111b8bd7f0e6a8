//! Which of several routes to the same destination is used.

use std::cmp::Ordering;

use bgp_wire::community::MacMobility;
use bgp_wire::nlri::EvpnRoute;
use bgp_wire::{ExtendedCommunity, Family, NlriValue};

use crate::export::DEFAULT_LOCAL_PREF;
use crate::{Route, WorkerId};

/// A route in the running.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Who published it.
    pub source: WorkerId,
    /// The route.
    pub route: &'a Route,
}

/// Compares two candidates for the same destination; the greater one is used. The order is total, so that
/// every instance and every run choose the same.
///
/// 1. A fresh route wins over one whose publisher is away: others know what has happened since.
/// 2. A MAC that must not move wins over one that may, then the higher MAC mobility sequence, which is the later
///    location (RFC 7432 sections 7.7 and 15). Absent means 0. Type 2 routes only.
/// 3. The higher LOCAL_PREF; absent means 100.
/// 4. The lower next hop, for type 2 the PE of RFC 7432 section 15.1.
/// 5. The lower NLRI octets, thus the lower route distinguisher; then the lower source, an own worker first.
pub fn compare(a: Candidate<'_>, b: Candidate<'_>) -> Ordering {
    let preference = |c: Candidate<'_>| (!c.route.stale, mobility(c.route), local_pref(c.route));
    preference(a)
        .cmp(&preference(b))
        .then_with(|| {
            b.route
                .next_hop()
                .address()
                .cmp(&a.route.next_hop().address())
        })
        .then_with(|| b.route.nlri().bytes.cmp(a.route.nlri().bytes))
        .then_with(|| b.source.is_peer().cmp(&a.source.is_peer()))
        .then_with(|| b.source.cmp(&a.source))
}

fn local_pref(route: &Route) -> u32 {
    route
        .attributes()
        .local_pref()
        .unwrap_or(DEFAULT_LOCAL_PREF)
}

/// Whether the MAC of a type 2 route is static, and how often it has moved: absent means never.
pub fn mobility(route: &Route) -> (bool, u32) {
    if route.family() != Family::EVPN {
        return (false, 0);
    }
    let communities = route.attributes().extended_communities().iter();
    let mobility = communities
        .filter_map(ExtendedCommunity::mac_mobility)
        .next();
    match (mobility, route.nlri().value()) {
        (Some(MacMobility { sticky, sequence }), Ok(NlriValue::Evpn(EvpnRoute::MacIp { .. }))) => {
            (sticky, sequence)
        }
        _ => (false, 0),
    }
}
