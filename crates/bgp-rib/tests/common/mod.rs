//! Routes to test with.
#![allow(dead_code, reason = "each test file uses some")]
#![allow(clippy::unwrap_used, reason = "the values are right")]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use bgp_rib::{Match, RibEvent, Route, WorkerId};
use bgp_wire::attribute::{AsPath, Origin};
use bgp_wire::nlri::{EvpnRoute, VpnRoute};
use bgp_wire::{
    AttributeValue, Esi, ExtendedCommunity, Family, LabelField, MacAddr, NextHop, Nlri, NlriValue,
    PathAttributes, RouteDistinguisher, RouteTarget, Vni,
};

pub const PE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

pub fn peer(n: u8) -> WorkerId {
    WorkerId::Peer(IpAddr::from([10, 0, 0, n]))
}

pub fn rt(n: u32) -> RouteTarget {
    RouteTarget::as2(64512, n)
}

pub fn vni(n: u32) -> Vni {
    Vni::new(n).unwrap()
}

pub fn attributes(targets: &[u32]) -> PathAttributes {
    let attributes = PathAttributes::new()
        .with(AttributeValue::Origin(Origin::Igp))
        .with(AttributeValue::AsPath(AsPath::default()));
    if targets.is_empty() {
        return attributes;
    }
    let communities = targets.iter().map(|n| ExtendedCommunity::from(rt(*n)));
    attributes.with(AttributeValue::ExtendedCommunities(communities.collect()))
}

/// A type 2 route for the MAC that ends in `n`.
pub fn mac_route(n: u8, targets: &[u32]) -> Route {
    let route = EvpnRoute::MacIp {
        rd: RouteDistinguisher::ipv4(PE, 1),
        esi: Esi::ZERO,
        ethernet_tag: 0,
        mac: MacAddr([2, 0, 0, 0, 0, n]),
        ip: Some(IpAddr::from([12, 11, 11, n])),
        label1: LabelField::from_vni(vni(79)),
        label2: None,
    };
    Route::new(
        Nlri::from(NlriValue::Evpn(route)),
        NextHop::V4(PE),
        attributes(targets),
    )
}

/// 10.1.1.n/32 with label 17.
pub fn vpn_route(n: u8, targets: &[u32]) -> Route {
    let route = VpnRoute {
        rd: RouteDistinguisher::ipv4(PE, 0),
        labels: vec![LabelField::from_label(17.try_into().unwrap(), true)],
        prefix: format!("10.1.1.{n}/32").parse().unwrap(),
    };
    Route::new(
        Nlri::from(NlriValue::Vpn(route)),
        NextHop::for_family(Family::VPNV4, PE.into()),
        attributes(targets),
    )
}

pub fn advertise(source: WorkerId, route: &Route) -> RibEvent {
    RibEvent::Advertise {
        source,
        route: Arc::new(route.clone()),
    }
}

pub fn withdraw(source: WorkerId, route: &Route) -> RibEvent {
    RibEvent::Withdraw {
        source,
        key: route.key(),
    }
}

pub fn subscribe(worker: WorkerId, wanted: Match) -> RibEvent {
    RibEvent::Subscribe { worker, wanted }
}

pub fn unsubscribe(worker: WorkerId, wanted: Match) -> RibEvent {
    RibEvent::Unsubscribe { worker, wanted }
}

pub fn evpn(target: u32) -> Match {
    Match::new(Family::EVPN, rt(target))
}
