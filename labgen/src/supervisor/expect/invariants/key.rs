//! What makes two routes the same, whoever tells of them.

use std::fmt;

use bgp_rib::reflector::rules::Path;
use bgp_wire::Family;
use capture::RouteFacts;

/// A destination.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    family: Family,
    /// What names it, as people read it.
    text: String,
}

/// Families whose destinations every program names so that they can be compared.
pub(super) const COMPARED: [Family; 5] = [
    Family::IPV4_UNICAST,
    Family::IPV6_UNICAST,
    Family::VPNV4,
    Family::VPNV6,
    Family::EVPN,
];

impl Key {
    /// `None` for a route of a family that is not compared.
    pub(super) fn of(facts: &RouteFacts) -> Option<Self> {
        // RFC 7432 section 7: elsewhere the segment is no part of what a route is to.
        let named_by_segment = matches!(facts.route_type, Some(1 | 4));
        let named = RouteFacts {
            route_type: facts.route_type,
            rd: facts.rd,
            esi: facts.esi.filter(|_| named_by_segment),
            ethernet_tag: facts.ethernet_tag,
            mac: facts.mac,
            ip: facts.ip,
            prefix: facts.prefix,
            ..RouteFacts::new(facts.family)
        };
        COMPARED.contains(&facts.family).then(|| Self {
            family: facts.family,
            text: named.to_string(),
        })
    }

    pub(super) fn family(&self) -> Family {
        self.family
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What the rules look at of a route.
pub(super) fn path(facts: &RouteFacts) -> Path {
    Path {
        targets: facts.route_targets().into_iter().collect(),
        originator: facts.originator,
        clusters: facts.cluster_list.clone(),
        next_hop: facts.next_hop.filter(|hop| !hop.is_unspecified()),
    }
}
