//! Routes as text.
#![allow(clippy::unwrap_used, reason = "the values are right")]

mod common;

use bgp_rib::render::{RouteView, nlri_text};
use bgp_rib::{Route, RtcOrigin, WorkerId};
use bgp_wire::attribute::PmsiTunnel;
use bgp_wire::community::Encapsulation;
use bgp_wire::nlri::{EvpnRoute, RtcRoute, VpnRoute};
use bgp_wire::{
    AttributeValue, Esi, ExtendedCommunity, Family, LabelField, MacAddr, NextHop, Nlri, NlriValue,
    RouteDistinguisher,
};
use common::*;

fn evpn_route(value: EvpnRoute) -> Route {
    Route::new(
        Nlri::from(NlriValue::Evpn(value)),
        NextHop::V4([127, 0, 0, 1].into()),
        attributes(&[]),
    )
}

fn rd(n: u16) -> RouteDistinguisher {
    RouteDistinguisher::ipv4([127, 0, 0, 1].into(), n)
}

fn mac(ip: Option<&str>, raw: u32) -> Route {
    evpn_route(EvpnRoute::MacIp {
        rd: rd(2),
        esi: Esi::ZERO,
        ethernet_tag: 0,
        mac: MacAddr([0, 0, 0xde, 0xad, 0xbe, 2]),
        ip: ip.map(|ip| ip.parse().unwrap()),
        label1: LabelField::from_vni(vni(raw)),
        label2: None,
    })
}

fn multicast() -> Route {
    evpn_route(EvpnRoute::InclusiveMulticast {
        rd: rd(2),
        ethernet_tag: 0,
        originator: [127, 0, 0, 1].into(),
    })
}

#[test]
fn nlri_read_as_they_always_did() {
    let labels = |labels: &[u32]| {
        let last = labels.len() - 1;
        let field =
            |(i, n): (usize, &u32)| LabelField::from_label((*n).try_into().unwrap(), i == last);
        labels.iter().enumerate().map(field).collect()
    };
    let vpn = |numbers: &[u32]| {
        Route::new(
            Nlri::from(NlriValue::Vpn(VpnRoute {
                rd: rd(0),
                labels: labels(numbers),
                prefix: "10.1.1.1/32".parse().unwrap(),
            })),
            NextHop::for_family(Family::VPNV4, [127, 0, 0, 1].into()),
            attributes(&[]),
        )
    };
    let rtc = RtcOrigin {
        local_as: 64512,
        next_hop: [127, 0, 0, 1].into(),
    };
    let wildcard = Nlri::from(NlriValue::Rtc(RtcRoute::DEFAULT));
    let wildcard = rtc.route(rt(1)).with_nlri(wildcard);
    let unknown = Nlri::new(Family::new(9, 9), vec![1, 2, 255]);
    let unknown = wildcard.clone().with_nlri(unknown);
    let expected = [
        (
            vpn(&[17]),
            "10.1.1.1/32 label 17 next-hop 127.0.0.1 rd 127.0.0.1:0",
        ),
        (
            vpn(&[5, 6]),
            "10.1.1.1/32 label [ 5 6 ] next-hop 127.0.0.1 rd 127.0.0.1:0",
        ),
        (
            mac(Some("10.9.9.9"), 5001),
            "evpn:macadv::127.0.0.1:2:-:0:00:00:DE:AD:BE:02/48:10.9.9.9: label 312 (5001)",
        ),
        (
            mac(None, 16),
            "evpn:macadv::127.0.0.1:2:-:0:00:00:DE:AD:BE:02/48:: label 1 (16)",
        ),
        (multicast(), "evpn:multicast::127.0.0.1:2:0:127.0.0.1"),
        (rtc.route(rt(1)), "rtc 64512:target:64512:1"),
        (wildcard, "rtc wildcard"),
        (unknown, "afi9/safi9 0x0102ff"),
    ];
    for (route, text) in expected {
        assert_eq!(nlri_text(&route), text);
    }
}

#[test]
fn attributes_read_as_they_always_did() {
    let communities = vec![
        Encapsulation::Vxlan.into(),
        ExtendedCommunity::from_consistent_hash_order(0),
        rt(3).into(),
    ];
    let route = multicast();
    let attributes = route
        .attributes()
        .clone()
        .with(AttributeValue::LocalPref(100))
        .with(AttributeValue::Med(7))
        .with(AttributeValue::Communities(vec![64512 << 16 | 5]))
        .with(AttributeValue::OriginatorId(PE))
        .with(AttributeValue::ClusterList(vec![PE, [10, 0, 0, 2].into()]))
        .with(AttributeValue::Pmsi(PmsiTunnel::to(
            [127, 0, 0, 1].into(),
            LabelField::from_vni(vni(5001)),
        )))
        .with(AttributeValue::ExtendedCommunities(communities));
    let route = route.with_attributes(attributes);
    insta::assert_json_snapshot!("received", RouteView::new(peer(9), &route));
    let own = RouteView::new(WorkerId::Evi(2), &route);
    let pmsi = own
        .attributes
        .iter()
        .find(|(name, _)| name == "pmsi-tunnel");
    assert_eq!(
        pmsi.unwrap().1,
        "pmsi:ingressreplication:0:0(5001):127.0.0.1"
    );
}

#[test]
fn only_vpn_families_show_targets_and_flowspec_has_no_next_hop() {
    let route = RtcOrigin {
        local_as: 64512,
        next_hop: PE.into(),
    }
    .route(rt(1));
    let view = RouteView::new(WorkerId::Manager, &route);
    assert_eq!((view.route_targets, view.attributes), (None, vec![]));
    let flow = Nlri::new(Family::FLOWSPEC_VPNV4, vec![]);
    let flow = route.with_next_hop(NextHop::None).with_nlri(flow);
    assert_eq!(RouteView::new(WorkerId::Vrf(1), &flow).next_hop, None);
}

#[test]
fn workers_have_names_both_ways() {
    for worker in [
        WorkerId::Manager,
        peer(1),
        WorkerId::Vrf(1),
        WorkerId::Evi(2),
    ] {
        assert_eq!(worker.to_string().parse(), Ok(worker));
    }
    assert_eq!(peer(1).to_string(), "BGP-10.0.0.1");
    let error = "EVI-x".parse::<WorkerId>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "`EVI-x` is not a worker such as `BGP-10.0.0.1` or `EVI-2`"
    );
}
