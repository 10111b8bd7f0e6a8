//! Which keys routes of which family have.

use std::ops::Range;

use bgp_wire::Family;

use crate::error::ErrorKind;
use crate::file::AnnounceFile;
use crate::resolve::patterns::{wrong_family, wrong_type};
use crate::resolve::{Found, Resolver};
use crate::route::field::{EVPN, FLOWSPEC, WITH_LABEL, WITH_PREFIX, WITH_RD};

/// What a key is for.
struct For {
    families: &'static [Family],
    /// E-VPN route types.
    types: &'static [u8],
}

const EVERY_TYPE: &[u8] = &[1, 2, 3, 4, 5];

/// What a key of `announce` is for; `None` for those that routes of every family have.
fn meant_for(key: &str) -> Option<For> {
    const FORWARDED: [Family; 6] = [
        Family::IPV4_UNICAST,
        Family::IPV6_UNICAST,
        Family::VPNV4,
        Family::VPNV6,
        Family::EVPN,
        Family::RTC,
    ];
    let (families, types): (&'static [Family], &'static [u8]) = match key {
        "prefix" => (WITH_PREFIX, &[5]),
        "rd" => (WITH_RD, EVERY_TYPE),
        "label" => (WITH_LABEL, &[1, 2, 3, 5]),
        "encap" => (WITH_LABEL, EVERY_TYPE),
        "next_hop" => (&FORWARDED, EVERY_TYPE),
        "vni" => (EVPN, &[1, 2, 3, 5]),
        "type" => (EVPN, EVERY_TYPE),
        "mac" | "mobility" | "sticky" | "default_gateway" => (EVPN, &[2]),
        "ip" => (EVPN, &[2, 3, 4]),
        "esi" => (EVPN, &[1, 2, 4, 5]),
        "ethernet_tag" => (EVPN, &[1, 2, 3, 5]),
        "gateway" => (EVPN, &[5]),
        "router_mac" => (EVPN, &[2, 5]),
        "pmsi" | "endpoint" => (EVPN, &[3]),
        "flowspec" | "action" => (FLOWSPEC, EVERY_TYPE),
        "origin_as" => (&[Family::RTC], EVERY_TYPE),
        _ => return None,
    };
    Some(For { families, types })
}

/// The keys that are given and that not every family has, with their places.
fn given(typed: &AnnounceFile) -> Vec<(&'static str, Range<usize>)> {
    macro_rules! given {
        ($($key:literal $field:ident),* $(,)?) => {
            [$(($key, typed.$field.as_ref().map(|at| at.span.clone()))),*]
        };
    }
    let single = given![
        "type" route_type, "prefix" prefix, "rd" rd, "label" label, "vni" vni, "mac" mac, "ip" ip, "esi" esi,
        "ethernet_tag" ethernet_tag, "gateway" gateway, "action" action, "origin_as" origin_as, "next_hop" next_hop,
        "encap" encap, "mobility" mobility, "sticky" sticky, "default_gateway" default_gateway,
        "router_mac" router_mac, "pmsi" pmsi, "endpoint" endpoint,
    ];
    let flowspec = typed.flowspec.0.first().map(|at| at.span.clone());
    let all = single.into_iter().chain([("flowspec", flowspec)]);
    all.filter_map(|(key, span)| Some((key, span?))).collect()
}

impl Resolver<'_> {
    /// The route type of an E-VPN route, 0 of another.
    pub(super) fn route_type(
        &mut self,
        typed: &AnnounceFile,
        family: Family,
        at: &Range<usize>,
    ) -> Found<u8> {
        match &typed.route_type {
            _ if family != Family::EVPN => Some(0),
            Some(route_type) => self.number("the route type", route_type, 1, 5),
            None => {
                self.fail(at, ErrorKind::MissingKey { key: "type".into() });
                None
            }
        }
    }

    /// Notes keys that routes of this family, or E-VPN routes of this type, do not have.
    pub(super) fn only_its_keys(&mut self, typed: &AnnounceFile, family: Family, route_type: u8) {
        for (key, span) in given(typed) {
            let Some(meant) = meant_for(key) else {
                continue;
            };
            if !meant.families.contains(&family) {
                self.out_of_place(&span, key, wrong_family(family, meant.families));
            } else if family == Family::EVPN && !meant.types.contains(&route_type) {
                self.out_of_place(&span, key, wrong_type(route_type, meant.types));
            }
        }
    }

    /// Notes attributes that ExaBGP has no words for beside Flowspec: it gives those routes the usual ones itself.
    pub(super) fn only_its_words(&mut self, typed: &AnnounceFile, kind: &str, family: Family) {
        if kind != "exabgp" || !FLOWSPEC.contains(&family) {
            return;
        }
        let spans = [
            ("origin", typed.origin.as_ref().map(|at| &at.span)),
            ("as_path", typed.as_path.as_ref().map(|at| &at.span)),
            ("local_pref", typed.local_pref.as_ref().map(|at| &at.span)),
            ("med", typed.med.as_ref().map(|at| &at.span)),
            ("originator", typed.originator.as_ref().map(|at| &at.span)),
            (
                "cluster_list",
                typed.cluster_list.as_ref().map(|at| &at.span),
            ),
        ];
        for (key, span) in spans {
            if let Some(span) = span {
                let reason = "ExaBGP cannot give a Flowspec route; fakerr and gobgp can".into();
                let key = key.into();
                self.fail(span, ErrorKind::Misplaced { key, reason });
            }
        }
    }
}
