//! The families of a session: what both ends can do, and what they were told to.

use std::net::IpAddr;

use bgp_wire::Family;

use super::Resolver;
use super::nodes::{kind_word, speaker};
use crate::file::{At, NodeFile, OneOrMany};
use crate::lab::NodeId;
use crate::{defaults, values};

impl Resolver<'_> {
    /// What both ends can do and neither has ruled out.
    pub(super) fn families(
        &mut self,
        id: NodeId,
        here: &NodeFile,
        other: Option<NodeId>,
        there: Option<&NodeFile>,
    ) -> Vec<Family> {
        let own = self.chosen(here);
        let theirs = there.and_then(families_said);
        let usual = || match (here, there) {
            (NodeFile::Bagpipe(_), _) | (_, Some(NodeFile::Bagpipe(_))) | (_, None) => {
                defaults::FAMILIES.to_vec()
            }
            _ => self.unicast(id, other),
        };
        let mut families = own.or(theirs.clone()).unwrap_or_else(usual);
        let both = |family: &Family| {
            can(here).contains(family)
                && there.is_none_or(|there| can(there).contains(family))
                && theirs.as_ref().is_none_or(|theirs| theirs.contains(family))
        };
        families.retain(both);
        families.sort();
        families.dedup();
        families
    }

    fn chosen(&mut self, node: &NodeFile) -> Option<Vec<Family>> {
        let OneOrMany(words) = speaker(node)?.families.as_ref()?;
        let mut families = Vec::new();
        for word in words {
            let can = can(node);
            let known: Vec<(&str, Family)> = values::FAMILIES
                .iter()
                .copied()
                .filter(|(_, family)| can.contains(family))
                .collect();
            let what = format!("a family that {} can do", kind_word(node));
            let family = values::one_of(&what, &word.value, &known);
            let seen = self.errors.iter().any(|error| error.span == word.span);
            if !seen {
                families.extend(self.keep(&word.span, family));
            }
        }
        Some(families)
    }

    /// IPv4 and IPv6 unicast, as the nets that two nodes share have addresses.
    fn unicast(&self, id: NodeId, other: Option<NodeId>) -> Vec<Family> {
        let Some(other) = other else {
            return vec![Family::IPV4_UNICAST];
        };
        let theirs = &self.interfaces[self.home(other).0];
        let own = &self.interfaces[self.home(id).0];
        let shared = own
            .iter()
            .filter(|here| theirs.iter().any(|there| there.net == here.net));
        let mut families: Vec<Family> = shared
            .flat_map(|interface| &interface.addresses)
            .map(|address| match address.ip {
                IpAddr::V4(_) => Family::IPV4_UNICAST,
                IpAddr::V6(_) => Family::IPV6_UNICAST,
            })
            .collect();
        if families.is_empty() {
            families = vec![Family::IPV4_UNICAST, Family::IPV6_UNICAST];
        }
        families
    }
}

/// The families a node names, those that are words of ours.
fn families_said(node: &NodeFile) -> Option<Vec<Family>> {
    let OneOrMany(words) = speaker(node)?.families.as_ref()?;
    let family = |word: &At<String>| values::one_of("", &word.value, &values::FAMILIES).ok();
    Some(words.iter().filter_map(family).collect())
}

/// The families a kind of node can do, as Debian 12 packages it.
fn can(node: &NodeFile) -> &'static [Family] {
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
    const OURS: [Family; 4] = [
        Family::VPNV4,
        Family::EVPN,
        Family::RTC,
        Family::FLOWSPEC_VPNV4,
    ];
    const FRR: [Family; 5] = [
        Family::IPV4_UNICAST,
        Family::IPV6_UNICAST,
        Family::VPNV4,
        Family::VPNV6,
        Family::EVPN,
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
    match node {
        NodeFile::Bagpipe(_) => &OURS,
        NodeFile::Frr(_) => &FRR,
        NodeFile::Bird(_) => &BIRD,
        NodeFile::OpenBgpd(_) => &OPENBGPD,
        NodeFile::ExaBgp(_) => &EXABGP,
        _ => &ALL,
    }
}
