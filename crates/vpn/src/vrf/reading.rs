//! What a received route means for an IP VPN instance.

use std::net::IpAddr;

use bgp_rib::{Route, WorkerId, render};
use bgp_wire::nlri::VpnRoute;
use bgp_wire::{ExtendedCommunity, IpPrefix, NlriValue};

use super::policy::Uses;
use crate::error::{Flaw, Warning};
use crate::intent::NextHop;
use crate::manager::IpVpnConfig;

/// The use of a route. One without any is kept for display.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Meaning {
    /// What the route is about.
    pub(crate) prefix: Option<IpPrefix>,
    /// The PE that the prefix is behind, of a route to forward by.
    pub(crate) next_hop: Option<NextHop>,
    /// Whether it is to be advertised again.
    pub(crate) again: bool,
}

/// Reads a route that `source` published. One that should be forwarded by and cannot comes with the reason.
pub(crate) fn read(
    source: WorkerId,
    route: &Route,
    uses: Uses,
    ipvpn: &IpVpnConfig,
) -> (Meaning, Option<Warning>) {
    let Ok(NlriValue::Vpn(value)) = route.nlri.value() else {
        let route = render::nlri_text(route);
        return (Meaning::default(), Some(Warning::UnusedType { route }));
    };
    let mut meaning = Meaning {
        prefix: Some(value.prefix),
        next_hop: None,
        again: uses.again,
    };
    if !uses.imported {
        return (meaning, None);
    }
    match next_hop(source, route, &value, ipvpn) {
        Ok(next_hop) => {
            meaning.next_hop = Some(next_hop);
            (meaning, None)
        }
        Err(warning) => (meaning, Some(warning)),
    }
}

/// Where packets for the route's prefix go.
fn next_hop(
    source: WorkerId,
    route: &Route,
    value: &VpnRoute,
    ipvpn: &IpVpnConfig,
) -> Result<NextHop, Warning> {
    let text = || render::nlri_text(route);
    let unusable = |flaw| {
        Err(Warning::Unusable {
            route: text(),
            flaw,
        })
    };
    let Some(encap) = ipvpn
        .capabilities
        .common(&route.attributes.encapsulations())
    else {
        return Err(Warning::NoCommonEncapsulation { route: text() });
    };
    // No driver can push more than one label.
    let [label] = &*value.labels else {
        return unusable(Flaw::LabelStack);
    };
    let local_pe = ipvpn.local_pe;
    // Over IPv4, IPv6 routes carry the next hop as an IPv4-mapped address (RFC 4659 section 3.2.1.2).
    let pe = route.next_hop.address().map(|pe| pe.to_canonical());
    match pe.filter(|pe| is_pe(*pe, local_pe)) {
        None => unusable(Flaw::NextHop),
        // A reflector that sends us our own route must not make us send to ourselves.
        Some(pe) if pe == local_pe && source.is_peer() => unusable(Flaw::Loop),
        Some(pe) => {
            let label = label.label();
            let communities = route.attributes.extended_communities().iter();
            let mut orders = communities.filter_map(ExtendedCommunity::consistent_hash_order);
            Ok(NextHop {
                order: orders.next().unwrap_or_default(),
                pe,
                label,
                encap,
            })
        }
    }
}

/// Tunnels run between addresses of one family.
fn is_pe(address: IpAddr, local: IpAddr) -> bool {
    !address.is_unspecified() && !address.is_multicast() && address.is_ipv4() == local.is_ipv4()
}
