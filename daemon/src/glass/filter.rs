//! Which routes of a list are wanted.

use bgp_rib::{Route, WorkerId};
use bgp_wire::{Family, IpPrefix, MacAddr, NlriValue, RouteTarget, nlri::EvpnRoute};

/// What a route has to be; what is not said does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this family.
    pub family: Option<Family>,
    /// With this route target.
    pub target: Option<RouteTarget>,
    /// Of this prefix, or of one or an address within.
    pub prefix: Option<IpPrefix>,
    /// Of this MAC address.
    pub mac: Option<MacAddr>,
    /// Published by this worker.
    pub source: Option<WorkerId>,
}

impl Filter {
    /// Whether a route is wanted.
    pub fn accepts(&self, source: WorkerId, route: &Route) -> bool {
        self.family.is_none_or(|family| family == route.family())
            && self.source.is_none_or(|wanted| wanted == source)
            && self
                .target
                .is_none_or(|target| route.attributes().route_targets().contains(&target))
            && (self.prefix.is_none() && self.mac.is_none() || self.is_about(route))
    }

    fn is_about(&self, route: &Route) -> bool {
        let (prefix, mac) = match route.nlri().value() {
            Ok(NlriValue::Vpn(vpn)) => (Some(vpn.prefix), None),
            Ok(NlriValue::Unicast(prefix)) => (Some(prefix), None),
            Ok(NlriValue::Evpn(EvpnRoute::MacIp { mac, ip, .. })) => {
                (ip.map(IpPrefix::host), Some(mac))
            }
            Ok(NlriValue::Evpn(EvpnRoute::IpPrefix { prefix, .. })) => (Some(prefix), None),
            Ok(NlriValue::Evpn(EvpnRoute::InclusiveMulticast { originator, .. })) => {
                (Some(IpPrefix::host(originator)), None)
            }
            _ => (None, None),
        };
        let is_within = |wanted: IpPrefix| {
            prefix.is_some_and(|found| {
                found.len() >= wanted.len() && wanted.contains(found.address())
            })
        };
        self.prefix.is_none_or(is_within) && self.mac.is_none_or(|wanted| mac == Some(wanted))
    }
}
