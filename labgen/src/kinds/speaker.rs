//! What the configurations of all BGP speakers ask.

use std::collections::BTreeSet;
use std::net::IpAddr;

use bgp_wire::Family;
use bgp_wire::types::IpPrefix;
use scenario::{Node, Speaker};

/// The families of all sessions, and those of what is originated.
pub(super) fn families(speaker: &Speaker) -> BTreeSet<Family> {
    let spoken = speaker
        .sessions
        .iter()
        .flat_map(|session| session.families.iter().copied());
    let originated = [Family::IPV4_UNICAST, Family::IPV6_UNICAST]
        .into_iter()
        .filter(|family| speaker.networks.iter().any(|prefix| holds(*family, prefix)));
    spoken.chain(originated).collect()
}

/// Whether a prefix is a route of this unicast family.
pub(super) fn holds(family: Family, prefix: &IpPrefix) -> bool {
    match prefix.address() {
        IpAddr::V4(_) => family == Family::IPV4_UNICAST,
        IpAddr::V6(_) => family == Family::IPV6_UNICAST,
    }
}

/// The interval of keepalives for a hold time (RFC 4271 section 10).
pub(super) fn keepalive(hold: u16) -> u16 {
    (hold / 3).max(1)
}

/// Whether an address is in none of the node's subnets, or not known to be in one: an external session to it
/// needs more than one hop.
pub(super) fn distant(node: &Node, address: IpAddr) -> bool {
    let own = node
        .interfaces
        .iter()
        .flat_map(|interface| &interface.addresses);
    !own.into_iter()
        .filter_map(|own| IpPrefix::new(own.ip, own.len).ok())
        .any(|subnet| subnet.contains(address))
}
