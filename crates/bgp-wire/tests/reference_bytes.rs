//! The byte tables of the reference speaker: what it sends is read as meant, and what we build of the same values
//! is the same octets.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use std::net::Ipv4Addr;

use bgp_wire::attribute::{AsPath, AttributeValue, Origin, PmsiTunnel};
use bgp_wire::community::Encapsulation;
use bgp_wire::nlri::{EvpnRoute, FlowComponent, FlowOp, FlowspecRules, RtcRoute, VpnRoute};
use bgp_wire::open::Open;
use bgp_wire::{
    Capability, EncodeContext, Esi, ExtendedCommunity, Family, Label, LabelField, Message, NextHop,
    Nlri, NlriValue, Outcome, PathAttributes, RouteDistinguisher, RouteTarget, Update, Vni,
};
use support::{assert_wire, hex, read_anything};

const PE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);

fn base() -> PathAttributes {
    PathAttributes::new()
        .with(AttributeValue::LocalPref(100))
        .with(AttributeValue::AsPath(AsPath::default()))
        .with(AttributeValue::Origin(Origin::Igp))
}

fn communities(list: impl Into<Vec<ExtendedCommunity>>) -> AttributeValue {
    AttributeValue::ExtendedCommunities(list.into())
}

/// One route both ways; `body` is an UPDATE body.
#[track_caller]
fn assert_announce(body: &str, attributes: &PathAttributes, next_hop: NextHop, value: NlriValue) {
    let nlri = Nlri::from(value.clone());
    let family = nlri.family;
    let context = EncodeContext::default();
    let built = Update::announce(
        attributes,
        family,
        &next_hop,
        std::slice::from_ref(&nlri),
        &context,
    );
    let body = hex(body);
    assert_eq!(built.len(), 1);
    assert_eq!(built[0].body, body);

    let Ok(Message::Update(update)) = Message::decode(&built[0], &Default::default()) else {
        panic!("not an UPDATE")
    };
    assert_eq!(update.verdicts, []);
    assert_eq!(update.attributes, *attributes);
    assert_eq!(update.reach, [(family, next_hop, vec![nlri.clone()])]);
    assert_eq!(nlri.value(), Ok(value));
    for end in 0..body.len() {
        read_anything(2, body.slice(..end), &Default::default());
    }
}

#[test]
fn open() {
    let families = [
        Family::VPNV4,
        Family::RTC,
        Family::FLOWSPEC_VPNV4,
        Family::EVPN,
    ];
    let capabilities = families.map(Capability::MultiProtocol).to_vec();
    let open = Open::new(64512, 180, PE, capabilities);
    let bytes = "ffffffffffffffffffffffffffffffff 003d 01 04 fc00 00b4 7f000001 20
        0206010400010080 0206010400010084 0206010400010086 0206010400190046";
    assert_eq!(Message::Open(open.clone()).encode().encode(), hex(bytes));
    let raw = &support::messages(&hex(bytes), 4096)[0];
    let Ok(Message::Open(read)) = Message::decode(raw, &Default::default()) else {
        panic!()
    };
    assert_eq!(read.capabilities, open.capabilities);
    assert_eq!(read.families(), families);
    assert_wire(bytes, &Message::Open(read));
}

#[test]
fn keepalive() {
    assert_wire(
        "ffffffffffffffffffffffffffffffff 0013 04",
        &Message::Keepalive,
    );
}

#[test]
fn route_target_membership() {
    let target = RouteTarget::as2(64512, 1);
    let route = NlriValue::Rtc(RtcRoute::new(64512, target));
    assert_announce(
        "0000 0027 40010100 400200 40050400000064
         800e16 0001 84 04 7f000001 00 60 0000fc00 0002fc0000000001",
        &base(),
        NextHop::V4(PE),
        route,
    );
}

#[test]
fn route_target_membership_withdraw() {
    // The reference repeats all attributes in a withdraw.
    let update = support::update_of(
        "40010100 400200 40050400000064 800f10 0001 84 60 0000fc00 0002fc0000000001",
    );
    let nlri = Nlri::from(NlriValue::Rtc(RtcRoute::new(
        64512,
        RouteTarget::as2(64512, 1),
    )));
    assert_eq!(update.outcome(), Outcome::Accept);
    assert_eq!(update.unreach, [(Family::RTC, vec![nlri.clone()])]);
    let minimal = Update::withdraw(Family::RTC, &[nlri], &Default::default());
    assert_eq!(
        minimal[0].body,
        hex("0000 0013 800f10 0001 84 60 0000fc00 0002fc0000000001")
    );
}

#[test]
fn vpnv4_route() {
    let attributes = base().with(communities([
        Encapsulation::Mpls.into(),
        RouteTarget::as2(64512, 1).into(),
    ]));
    assert_announce(
        "0000 0045 40010100 400200 40050400000064 c01010 030c00000000000a 0002fc0000000001
         800e21 0001 80 0c 0000000000000000 7f000001 00 78 000111 00017f0000010000 0a010101",
        &attributes,
        NextHop::VpnV4(RouteDistinguisher::ZERO, PE),
        NlriValue::Vpn(VpnRoute {
            rd: RouteDistinguisher::ipv4(PE, 0),
            labels: vec![LabelField::from_label(Label::new(17).unwrap(), true)],
            prefix: "10.1.1.1/32".parse().unwrap(),
        }),
    );
}

#[test]
fn inclusive_multicast() {
    let vni = Vni::new(16).unwrap();
    let attributes = base()
        .with(communities([
            Encapsulation::Vxlan.into(),
            RouteTarget::as2(64512, 3).into(),
        ]))
        .with(AttributeValue::Pmsi(PmsiTunnel::to(
            PE.into(),
            LabelField::from_vni(vni),
        )));
    assert_announce(
        "0000 004c 40010100 400200 40050400000064 c01010 030c000000000008 0002fc0000000003
         c01609 00 06 000010 7f000001
         800e1c 0019 46 04 7f000001 00 03 11 00017f0000010000 00000000 20 7f000001",
        &attributes,
        NextHop::V4(PE),
        NlriValue::Evpn(EvpnRoute::InclusiveMulticast {
            rd: RouteDistinguisher::ipv4(PE, 0),
            ethernet_tag: 0,
            originator: PE.into(),
        }),
    );
    let pmsi = attributes.pmsi().unwrap();
    assert_eq!(pmsi.ingress_replication(), Some(PE.into()));
    assert_eq!(pmsi.label.vni(), vni);
}

fn mac_ip(ip: Option<&str>) -> NlriValue {
    NlriValue::Evpn(EvpnRoute::MacIp {
        rd: RouteDistinguisher::ipv4(PE, 2),
        esi: Esi::ZERO,
        ethernet_tag: 0,
        mac: "00:00:de:ad:be:02".parse().unwrap(),
        ip: ip.map(|ip| ip.parse().unwrap()),
        label1: LabelField::from_vni(Vni::new(5001).unwrap()),
        label2: None,
    })
}

#[test]
fn mac_ip_with_and_without_address() {
    let head = "00017f0000010002 00000000000000000000 00000000 30 0000deadbe02";
    for (ip, length, tail) in [
        (Some("10.9.9.9"), "25", "20 0a090909"),
        (None, "21", "00"),
        (Some("fd00::9"), "31", "80 fd000000000000000000000000000009"),
    ] {
        let nlri = Nlri::from(mac_ip(ip));
        assert_eq!(
            nlri.bytes,
            hex(&format!("02 {length} {head} {tail} 001389"))
        );
        assert_eq!(nlri.value(), Ok(mac_ip(ip)));
    }
    let body = "0000 0054 40010100 400200 40050400000064 c01010 030c000000000008 0002fc0000000003
        800e30 0019 46 04 7f000001 00 0225";
    let attributes = base().with(communities([
        Encapsulation::Vxlan.into(),
        RouteTarget::as2(64512, 3).into(),
    ]));
    assert_announce(
        &format!("{body} {head} 20 0a090909 001389"),
        &attributes,
        NextHop::V4(PE),
        mac_ip(Some("10.9.9.9")),
    );
}

#[test]
fn flowspec_redirect() {
    let attributes = base().with(communities([
        ExtendedCommunity::from_redirect(RouteTarget::as2(64512, 300)),
        RouteTarget::as2(64512, 120).into(),
    ]));
    let operation = |kind, value| FlowComponent::Operations {
        kind,
        operations: vec![FlowOp::equal(value)],
    };
    let rules = FlowspecRules {
        ipv6: false,
        components: vec![
            FlowComponent::Destination {
                prefix: "12.0.0.0/24".parse().unwrap(),
                offset: 0,
            },
            operation(FlowComponent::PROTOCOL, 6),
            operation(FlowComponent::DESTINATION_PORT, 80),
        ],
    };
    assert_eq!(
        rules.to_string(),
        "destination-ipv4 12.0.0.0/24 protocol =tcp destination-port =80"
    );
    assert_announce(
        "0000 003d 40010100 400200 40050400000064 c01010 8008fc000000012c 0002fc0000000078
         800e19 0001 86 00 00 13 00017f0000010000 01180c0000 038106 058150",
        &attributes,
        NextHop::None,
        NlriValue::FlowspecVpn {
            rd: RouteDistinguisher::ipv4(PE, 0),
            rules,
        },
    );
}

#[test]
fn flowspec_ranges() {
    let rules = FlowspecRules {
        ipv6: false,
        components: vec![FlowComponent::Operations {
            kind: FlowComponent::SOURCE_PORT,
            operations: FlowOp::range(10, 2000),
        }],
    };
    assert_eq!(rules.to_string(), "source-port [ >=10&<=2000 ]");
    assert_eq!(
        Nlri::from(NlriValue::Flowspec(rules)).bytes,
        hex("06 06 030a d507d0")
    );
}

#[test]
fn community_texts() {
    for (bytes, text) in [
        ("0002fc0000000002", "target:64512:2"),
        ("0013fc0000000079", "rtrecord:64512:121"),
        ("8008fc000000012c", "redirect:64512:300"),
        ("030c000000000008", "encap:VXLAN"),
        ("030c00000000000d", "encap:MPLS-in-UDP"),
        ("0314000000000000", "consistentHashSortOrder:0"),
        ("0314000000000001", "0x0314000000000001"),
        ("0600000000000001", "0x0600000000000001"),
    ] {
        let community = ExtendedCommunity(hex(bytes).as_ref().try_into().unwrap());
        assert_eq!(community.to_string(), text);
        assert_eq!(text.parse(), Ok(community));
    }
}
