//! What can be asked of a route: which families and types have it, and which kinds of node tell it. The one table
//! that mistakes are found by and that `docs/peers.md` shows.

use std::fmt;

use bgp_wire::Family;
use serde::{Deserialize, Serialize};

/// Something that can be asked of a route, by its key in a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "each is the key of its name, explained there")]
pub enum RouteField {
    Type,
    Mac,
    Ip,
    Prefix,
    Rd,
    Esi,
    EthernetTag,
    Label,
    Vni,
    Flowspec,
    NextHop,
    Rt,
    Encap,
    Communities,
    LargeCommunities,
    ExtendedCommunities,
    Origin,
    AsPath,
    AsPathContains,
    LocalPref,
    Med,
    Originator,
    ClusterList,
    Pmsi,
    PmsiEndpoint,
    Mobility,
    Sticky,
    DefaultGateway,
    RouterMac,
    Best,
    From,
    To,
}

use RouteField::*;

/// Kinds of node that are asked for their sessions and routes.
pub(crate) const KINDS: [&str; 7] = [
    "bagpipe", "fakerr", "gobgp", "frr", "bird", "openbgpd", "exabgp",
];

// Families whose routes have the same keys.
pub(crate) const EVPN: &[Family] = &[Family::EVPN];
pub(crate) const WITH_LABEL: &[Family] = &[Family::EVPN, Family::VPNV4, Family::VPNV6];
pub(crate) const WITH_PREFIX: &[Family] = &[
    Family::IPV4_UNICAST,
    Family::IPV6_UNICAST,
    Family::EVPN,
    Family::VPNV4,
    Family::VPNV6,
];
pub(crate) const WITH_RD: &[Family] = &[
    Family::EVPN,
    Family::VPNV4,
    Family::VPNV6,
    Family::FLOWSPEC_VPNV4,
    Family::FLOWSPEC_VPNV6,
];
pub(crate) const FLOWSPEC: &[Family] = &[
    Family::FLOWSPEC_IPV4,
    Family::FLOWSPEC_IPV6,
    Family::FLOWSPEC_VPNV4,
    Family::FLOWSPEC_VPNV6,
];

impl RouteField {
    /// Every one, in the order in which they are shown.
    pub const ALL: [Self; 32] = [
        Type,
        Mac,
        Ip,
        Prefix,
        Rd,
        Esi,
        EthernetTag,
        Label,
        Vni,
        Flowspec,
        NextHop,
        Rt,
        Encap,
        Communities,
        LargeCommunities,
        ExtendedCommunities,
        Origin,
        AsPath,
        AsPathContains,
        LocalPref,
        Med,
        Originator,
        ClusterList,
        Pmsi,
        PmsiEndpoint,
        Mobility,
        Sticky,
        DefaultGateway,
        RouterMac,
        Best,
        From,
        To,
    ];

    /// Its key in a scenario.
    pub const fn name(self) -> &'static str {
        match self {
            Type => "type",
            Mac => "mac",
            Ip => "ip",
            Prefix => "prefix",
            Rd => "rd",
            Esi => "esi",
            EthernetTag => "ethernet_tag",
            Label => "label",
            Vni => "vni",
            Flowspec => "flowspec",
            NextHop => "next_hop",
            Rt => "rt",
            Encap => "encap",
            Communities => "communities",
            LargeCommunities => "large_communities",
            ExtendedCommunities => "extended_communities",
            Origin => "origin",
            AsPath => "as_path",
            AsPathContains => "as_path_contains",
            LocalPref => "local_pref",
            Med => "med",
            Originator => "originator",
            ClusterList => "cluster_list",
            Pmsi => "pmsi",
            PmsiEndpoint => "pmsi.endpoint",
            Mobility => "mobility",
            Sticky => "sticky",
            DefaultGateway => "default_gateway",
            RouterMac => "router_mac",
            Best => "best",
            From => "from",
            To => "to",
        }
    }

    /// The families whose routes can have it; `None` for all.
    pub const fn families(self) -> Option<&'static [Family]> {
        match self {
            Type | Mac | Esi | EthernetTag | Pmsi | PmsiEndpoint | Mobility | Sticky
            | DefaultGateway | RouterMac => Some(EVPN),
            Ip | Prefix => Some(WITH_PREFIX),
            Rd => Some(WITH_RD),
            Label | Vni => Some(WITH_LABEL),
            Flowspec => Some(FLOWSPEC),
            _ => None,
        }
    }

    /// The E-VPN route types that can have it (RFC 7432 section 7, RFC 9136 section 3.1); `None` for all.
    pub const fn types(self) -> Option<&'static [u8]> {
        match self {
            Mac | Mobility | Sticky | DefaultGateway => Some(&[2]),
            Ip => Some(&[2, 3, 4, 5]),
            Prefix => Some(&[5]),
            Esi => Some(&[1, 2, 4, 5]),
            EthernetTag => Some(&[1, 2, 3, 5]),
            Label => Some(&[1, 2, 5]),
            Vni => Some(&[1, 2, 3, 5]),
            Pmsi | PmsiEndpoint => Some(&[3]),
            RouterMac => Some(&[2, 5]),
            _ => None,
        }
    }

    /// Whether it is part of the NLRI, so that a withdrawal has it too. Labels mean nothing there (RFC 8277 section 2.4).
    pub const fn withdrawn(self) -> bool {
        matches!(
            self,
            Type | Mac | Ip | Prefix | Rd | Esi | EthernetTag | Flowspec
        )
    }

    /// Whether a route can do without it: it is an attribute that is not mandatory.
    pub const fn may_lack(self) -> bool {
        matches!(
            self,
            Rt | Encap
                | Communities
                | LargeCommunities
                | ExtendedCommunities
                | LocalPref
                | Med
                | Originator
                | ClusterList
                | Pmsi
                | Mobility
                | DefaultGateway
                | RouterMac
        )
    }

    /// The kinds of node that speak a family which has it and that tell it.
    pub fn told_by(self) -> impl Iterator<Item = &'static str> {
        KINDS.into_iter().filter(move |kind| self.is_told_by(kind))
    }

    /// Whether nodes of that kind tell it of their routes.
    pub fn is_told_by(self, kind: &str) -> bool {
        let untold = match self {
            Label | Vni => &["openbgpd"][..],
            // In words of their own.
            Flowspec => &["frr", "bird"],
            PmsiEndpoint => &["frr"],
            Best => &["bagpipe", "exabgp"],
            To => &["bagpipe", "gobgp", "frr", "bird", "openbgpd", "exabgp"],
            _ => &[],
        };
        self.is_spoken_by(kind) && !untold.contains(&kind)
    }

    /// Whether nodes of that kind speak a family that has it.
    pub fn is_spoken_by(self, kind: &str) -> bool {
        let spoken = crate::resolve::families::families(kind).unwrap_or_default();
        self.families()
            .is_none_or(|families| families.iter().any(|family| spoken.contains(family)))
            && !spoken.is_empty()
    }

    /// Which kinds of node tell what, as a table in Markdown; a dash where no family of the kind has it.
    pub fn table() -> String {
        let row = |cells: Vec<&str>| format!("| {} |\n", cells.join(" | "));
        let mut table = row([&["Key"], &KINDS[..]].concat());
        table += &row(vec!["---"; KINDS.len() + 1]);
        for field in Self::ALL {
            let name = format!("`{field}`");
            let told = KINDS.map(|kind| match field.is_told_by(kind) {
                true => "yes",
                false if field.is_spoken_by(kind) => "no",
                false => "-",
            });
            table += &row([&[name.as_str()], &told[..]].concat());
        }
        table
    }
}

impl fmt::Display for RouteField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
