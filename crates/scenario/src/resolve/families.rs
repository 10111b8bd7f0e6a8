//! Families of sessions: what each kind can do, and what two ends have in common.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use bgp_wire::Family;

use super::bgp::{Bgp, End};
use super::{Found, Resolver};
use crate::error::ErrorKind;
use crate::lab::NodeId;
use crate::values;

/// Families that a kind of node can do; `None` for what does not speak BGP.
pub(crate) fn families(word: &str) -> Option<&'static [Family]> {
    const VPN: [Family; 6] = [
        Family::EVPN,
        Family::VPNV4,
        Family::VPNV6,
        Family::RTC,
        Family::FLOWSPEC_VPNV4,
        Family::FLOWSPEC_VPNV6,
    ];
    const ALL: [Family; 10] = [
        Family::IPV4_UNICAST,
        Family::IPV6_UNICAST,
        Family::VPNV4,
        Family::VPNV6,
        Family::EVPN,
        Family::RTC,
        Family::FLOWSPEC_IPV4,
        Family::FLOWSPEC_IPV6,
        Family::FLOWSPEC_VPNV4,
        Family::FLOWSPEC_VPNV6,
    ];
    const FRR: [Family; 6] = [
        Family::IPV4_UNICAST,
        Family::IPV6_UNICAST,
        Family::VPNV4,
        Family::VPNV6,
        Family::EVPN,
        Family::FLOWSPEC_IPV4,
    ];
    const BIRD: [Family; 6] = [
        Family::IPV4_UNICAST,
        Family::IPV6_UNICAST,
        Family::VPNV4,
        Family::VPNV6,
        Family::FLOWSPEC_IPV4,
        Family::FLOWSPEC_IPV6,
    ];
    const OPENBGPD: [Family; 4] = [
        Family::IPV4_UNICAST,
        Family::IPV6_UNICAST,
        Family::VPNV4,
        Family::VPNV6,
    ];
    const EXABGP: [Family; 9] = [
        Family::IPV4_UNICAST,
        Family::IPV6_UNICAST,
        Family::VPNV4,
        Family::VPNV6,
        Family::EVPN,
        Family::FLOWSPEC_IPV4,
        Family::FLOWSPEC_IPV6,
        Family::FLOWSPEC_VPNV4,
        Family::FLOWSPEC_VPNV6,
    ];
    match word {
        "bagpipe" => Some(&VPN),
        "fakerr" | "gobgp" => Some(&ALL),
        "frr" => Some(&FRR),
        "bird" => Some(&BIRD),
        "openbgpd" => Some(&OPENBGPD),
        "exabgp" => Some(&EXABGP),
        _ => None,
    }
}

impl Resolver<'_> {
    /// Families of a session, sorted: what both ends can do of those that are said, or else of the usual ones.
    pub(super) fn shared_families(&mut self, id: NodeId, end: &End) -> Found<Vec<Family>> {
        let own = self.bgp[id.0].as_ref()?;
        let other = end.node.and_then(|node| self.bgp[node.0].as_ref());
        let vpn = |bgp: &Bgp| bgp.word == "bagpipe";
        let said = own.given.is_some() || other.is_some_and(|other| other.given.is_some());
        let (v4, v6) = self.versions_between(id, end);
        let usual = |family: &Family| match *family {
            _ if said => true,
            Family::IPV4_UNICAST | Family::IPV6_UNICAST if vpn(own) || other.is_some_and(vpn) => {
                false
            }
            Family::IPV4_UNICAST => v4,
            Family::IPV6_UNICAST => v6,
            // Of a client that is no node of the lab, that it is one of ours is the best guess.
            _ => vpn(own) || other.map_or(end.client == Some(true), vpn),
        };
        let shared = |family: &Family| other.is_none_or(|other| other.can().contains(family));
        let client = other.is_none() && end.client == Some(true) && !said;
        let guessed =
            |family: &Family| !client || families("bagpipe").is_some_and(|f| f.contains(family));
        let found: BTreeSet<Family> = own
            .can()
            .iter()
            .filter(|family| shared(family) && usual(family) && guessed(family))
            .copied()
            .collect();
        if !found.is_empty() {
            return Some(found.into_iter().collect());
        }
        if let (Some(place), Some(other), Some(node)) = (&end.place, other, end.node) {
            let words: Vec<&str> = other
                .can()
                .iter()
                .map(|f| values::family_word(*f))
                .collect();
            let kind = ErrorKind::NoCommonFamily {
                name: self.node_name(node).into(),
                families: words.join(", "),
            };
            self.fail(&place.clone(), kind);
        }
        None
    }

    /// Versions of IP that both ends have where they meet.
    fn versions_between(&self, id: NodeId, end: &End) -> (bool, bool) {
        let own = (end.address.is_ipv4(), end.address.is_ipv6());
        let Some(node) = end.node else { return own };
        let (here, there) = (self.home(id), self.home(node));
        if end.address == IpAddr::V4(Ipv4Addr::LOCALHOST) {
            return (true, true);
        }
        let Some((ours, theirs)) = self.common(here, there) else {
            return own;
        };
        let has = |v4: bool| {
            [ours, theirs]
                .iter()
                .all(|interface| interface.addresses.iter().any(|own| own.ip.is_ipv4() == v4))
        };
        (has(true), has(false))
    }
}
