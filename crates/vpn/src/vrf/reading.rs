//! What a received route means for an IP VPN instance.

use std::net::IpAddr;
use std::sync::Arc;

use bgp_rib::{Route, WorkerId, render};
use bgp_wire::nlri::{FlowspecRules, VpnRoute};
use bgp_wire::{ExtendedCommunity, IpPrefix, NlriValue, RouteTarget};

use super::policy::Policy;
use crate::error::{Flaw, Warning};
use crate::intent::NextHop;
use crate::learned::held::Held;
use crate::manager::IpVpnConfig;
use crate::traffic::TrafficMatch;

/// What a route is about, whatever its distinguisher.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    Prefix(IpPrefix),
    Flow(Arc<FlowspecRules>),
}

/// Where a route has traffic sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Forward {
    To(NextHop),
    Redirect(Arc<Redirect>),
}

/// Traffic for the VRF that imports a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Redirect {
    pub(crate) traffic: TrafficMatch,
    pub(crate) to: RouteTarget,
}

impl Subject {
    /// Of a route without subject nothing is used: it is kept for display.
    pub(crate) fn of(route: &Route) -> Option<Self> {
        if let Some(prefix) = route.nlri().vpn_prefix() {
            return Some(Self::Prefix(prefix));
        }
        match route.nlri().value() {
            Ok(NlriValue::FlowspecVpn { rules, .. }) => Some(Self::Flow(Arc::new(rules))),
            _ => None,
        }
    }
}

/// What the use of a route depends on, beside the route.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading<'a> {
    pub(super) policy: &'a Policy,
    /// Nothing can be forwarded without.
    pub(super) ipvpn: Option<&'a IpVpnConfig>,
}

impl Reading<'_> {
    /// Where a route that is to be forwarded by sends traffic.
    pub(super) fn forward(&self, held: Held<'_>) -> Option<Forward> {
        self.read(held.source, held.route)?.ok()
    }

    /// The same, or why it cannot; nothing for a route that is not to be forwarded by.
    pub(super) fn read(&self, source: WorkerId, route: &Route) -> Option<Result<Forward, Warning>> {
        let ipvpn = self.ipvpn?;
        let is_imported = || self.policy.uses(route).imported;
        Some(match route.nlri().value() {
            Ok(NlriValue::Vpn(value)) => {
                is_imported().then(|| next_hop(source, route, &value, ipvpn).map(Forward::To))?
            }
            Ok(NlriValue::FlowspecVpn { rules, .. }) => {
                is_imported().then(|| redirect(route, &rules).map(Forward::Redirect))?
            }
            _ => {
                let route = render::nlri_text(route);
                Err(Warning::UnusedType { route })
            }
        })
    }
}

fn unusable(route: &Route, flaw: Flaw) -> Warning {
    Warning::Unusable {
        route: render::nlri_text(route),
        flaw,
    }
}

/// Where packets for the route's prefix go.
fn next_hop(
    source: WorkerId,
    route: &Route,
    value: &VpnRoute,
    ipvpn: &IpVpnConfig,
) -> Result<NextHop, Warning> {
    let unusable = |flaw| Err(unusable(route, flaw));
    let Some(encap) = ipvpn
        .capabilities
        .common(&route.attributes().encapsulations())
    else {
        let route = render::nlri_text(route);
        return Err(Warning::NoCommonEncapsulation { route });
    };
    // The first is for the PE, what is below it for those behind it, who know better.
    let Some(label) = value.labels.first() else {
        return unusable(Flaw::LabelStack);
    };
    let local_pe = ipvpn.local_pe;
    // Over IPv4, IPv6 routes carry the next hop as an IPv4-mapped address (RFC 4659 section 3.2.1.2).
    let pe = route.next_hop().address().map(|pe| pe.to_canonical());
    match pe.filter(|pe| is_pe(*pe, local_pe)) {
        None => unusable(Flaw::NextHop),
        // A reflector that sends us our own route must not make us send to ourselves.
        Some(pe) if pe == local_pe && source.is_peer() => unusable(Flaw::Loop),
        Some(pe) => {
            let communities = route.attributes().extended_communities().iter();
            let mut orders = communities.filter_map(ExtendedCommunity::consistent_hash_order);
            Ok(NextHop {
                order: orders.next().unwrap_or_default(),
                pe,
                label: label.label(),
                encap,
            })
        }
    }
}

/// Which traffic goes to the VRF of another target.
fn redirect(route: &Route, rules: &FlowspecRules) -> Result<Arc<Redirect>, Warning> {
    let communities = route.attributes().extended_communities();
    let mut targets = communities.iter().filter_map(ExtendedCommunity::redirect);
    let (Some(to), None) = (targets.next(), targets.next()) else {
        return Err(unusable(route, Flaw::Redirects));
    };
    if communities.iter().any(is_other_action) {
        return Err(unusable(route, Flaw::OtherActions));
    }
    let traffic = TrafficMatch::read(rules).ok_or_else(|| unusable(route, Flaw::Components))?;
    Ok(Arc::new(Redirect { traffic, to }))
}

/// Whether it asks for something else than a redirect to a VRF (RFC 8955 section 7).
fn is_other_action(community: &ExtendedCommunity) -> bool {
    let is_action = matches!(community.bytes(), [0x80..=0x82, 0x06..=0x09, ..]);
    community.redirect_ip().is_some() || is_action && community.redirect().is_none()
}

/// Tunnels run between addresses of one family.
fn is_pe(address: IpAddr, local: IpAddr) -> bool {
    !address.is_unspecified() && !address.is_multicast() && address.is_ipv4() == local.is_ipv4()
}
