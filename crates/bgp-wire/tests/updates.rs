//! Building UPDATEs: packing, orders, AS number widths, path identifiers; and what identifies a route.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use std::net::Ipv4Addr;

use bgp_wire::attribute::{Aggregator, AsPath, AttributeValue, Origin, Segment, SegmentKind, code};
use bgp_wire::nlri::{EvpnRoute, FlowComponent, FlowOp, FlowspecRules, VpnRoute};
use bgp_wire::raw::RawAttribute;
use bgp_wire::{
    DecodeContext, EncodeContext, Esi, Family, Label, LabelField, MacAddr, Message, NextHop, Nlri,
    NlriValue, PathAttributes, RouteDistinguisher, Update,
};
use bytes::Bytes;
use support::hex;

const PE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

fn base() -> PathAttributes {
    [
        AttributeValue::Origin(Origin::Igp),
        AttributeValue::AsPath(AsPath::default()),
        AttributeValue::LocalPref(100),
    ]
    .into_iter()
    .collect()
}

fn mac_route(number: u16) -> EvpnRoute {
    let [a, b] = number.to_be_bytes();
    EvpnRoute::MacIp {
        rd: RouteDistinguisher::ipv4(PE, 1),
        esi: Esi::ZERO,
        ethernet_tag: 0,
        mac: MacAddr([2, 0, 0, 0, a, b]),
        ip: None,
        label1: LabelField([0, 0x13, 0x89]),
        label2: None,
    }
}

fn evpn(route: EvpnRoute) -> Nlri {
    NlriValue::Evpn(route).into()
}

fn unicast(prefix: &str) -> Nlri {
    NlriValue::Unicast(prefix.parse().unwrap()).into()
}

#[track_caller]
fn decode(raw: &bgp_wire::RawMessage, context: &DecodeContext) -> Update {
    let Ok(Message::Update(update)) = Message::decode(raw, context) else {
        panic!("no UPDATE")
    };
    assert_eq!(update.verdicts, []);
    update
}

#[test]
fn packing_fills_messages() {
    let routes: Vec<_> = (0..1000).map(|number| evpn(mac_route(number))).collect();
    let next_hop = NextHop::V4(PE);
    for (extended_message, max) in [(false, 4096), (true, 65535)] {
        let context = EncodeContext {
            extended_message,
            ..Default::default()
        };
        let announced = Update::announce(&base(), Family::EVPN, &next_hop, &routes, &context);
        let withdrawn = Update::withdraw(Family::EVPN, &routes, &context);
        for messages in [&announced, &withdrawn] {
            for message in messages {
                assert!(message.wire_len() <= max);
            }
            let full = messages
                .iter()
                .filter(|message| message.wire_len() + 35 > max)
                .count();
            assert_eq!(full, messages.len() - 1, "all but the last are full");
        }
        let read = announced
            .iter()
            .flat_map(|m| decode(m, &Default::default()).reach);
        assert_eq!(read.flat_map(|(.., nlri)| nlri).collect::<Vec<_>>(), routes);
        let read = withdrawn
            .iter()
            .flat_map(|m| decode(m, &Default::default()).unreach);
        assert_eq!(read.flat_map(|(_, nlri)| nlri).collect::<Vec<_>>(), routes);
    }
}

#[test]
fn routes_that_fit_nowhere_are_given_back() {
    let large = base().with(AttributeValue::Communities((0..1010).collect()));
    let route = evpn(mac_route(1));
    let next_hop = NextHop::V4(PE);
    let answer = Update::announce_all(
        &large,
        Family::EVPN,
        &next_hop,
        std::slice::from_ref(&route),
        &EncodeContext::default(),
    );
    assert_eq!(
        (answer.messages, answer.too_large),
        (vec![], vec![route.clone()])
    );
    let context = EncodeContext {
        extended_message: true,
        ..Default::default()
    };
    assert_eq!(
        Update::announce(&large, Family::EVPN, &next_hop, &[route], &context).len(),
        1
    );
}

#[test]
fn classic_fields_for_ipv4_unicast() {
    let prefix = unicast("10.1.2.0/23");
    let context = EncodeContext::default();
    let nlri = std::slice::from_ref(&prefix);
    let message = &Update::announce(&base(), prefix.family, &NextHop::V4(PE), nlri, &context)[0];
    assert_eq!(
        message.body,
        hex("0000 0015 40010100 400200 400304 c0000201 40050400000064 17 0a0102"),
    );
    let update = decode(message, &DecodeContext::default());
    assert_eq!(
        update.reach,
        [(prefix.family, NextHop::V4(PE), vec![prefix.clone()])]
    );
    let withdraw = &Update::withdraw(prefix.family, nlri, &context)[0];
    assert_eq!(withdraw.body, hex("0004 17 0a0102 0000"));
    // With an IPv6 next hop only the multiprotocol attribute will do (RFC 8950).
    let next_hop = NextHop::V6("2001:db8::1".parse().unwrap());
    let message = &Update::announce(&base(), prefix.family, &next_hop, nlri, &context)[0];
    let update = decode(message, &DecodeContext::default());
    assert_eq!(update.reach, [(prefix.family, next_hop, vec![prefix])]);
    assert!(update.raw.nlri.is_empty());
}

#[test]
fn end_of_rib() {
    for family in [Family::IPV4_UNICAST, Family::EVPN, Family::new(9, 9)] {
        let update = decode(&Update::end_of_rib_for(family), &DecodeContext::default());
        assert_eq!(update.end_of_rib(), Some(family));
        assert_eq!((update.reach.len(), update.unreach.len()), (0, 0));
    }
    let routes = [evpn(mac_route(1))];
    let withdraw = &Update::withdraw(Family::EVPN, &routes, &EncodeContext::default())[0];
    assert_eq!(
        decode(withdraw, &DecodeContext::default()).end_of_rib(),
        None
    );
}

#[test]
fn path_identifiers() {
    let context = EncodeContext {
        add_path: [Family::EVPN].into(),
        ..Default::default()
    };
    let routes = [
        evpn(mac_route(1)).with_path_id(Some(7)),
        evpn(mac_route(1)).with_path_id(Some(8)),
    ];
    let next_hop = NextHop::V4(PE);
    let message = &Update::announce(&base(), Family::EVPN, &next_hop, &routes, &context)[0];
    let decode_context = DecodeContext {
        add_path: [Family::EVPN].into(),
        ..Default::default()
    };
    let update = decode(message, &decode_context);
    assert_eq!(update.reach[0].2, routes);
    assert_ne!(routes[0].key(), routes[1].key());
}

#[test]
fn two_octet_sessions() {
    let path = AsPath::sequence([4_200_000_001, 64512]);
    let aggregator = Aggregator {
        asn: 4_200_000_001,
        address: PE,
    };
    let attributes = base()
        .with(AttributeValue::AsPath(path.clone()))
        .with(AttributeValue::Aggregator(aggregator))
        .with(AttributeValue::NextHop(PE));
    let context = EncodeContext {
        as4: false,
        ..Default::default()
    };
    let routes = [unicast("10.0.0.0/8")];
    let next_hop = NextHop::V4(PE);
    let message = &Update::announce(
        &attributes,
        Family::IPV4_UNICAST,
        &next_hop,
        &routes,
        &context,
    )[0];
    assert_eq!(
        message.body,
        hex(
            "0000 003c 40010100 400206 0202 5ba0 fc00 400304 c0000201 40050400000064
             c00706 5ba0 c0000201 c0110a 0202 fa56ea01 0000fc00 c01208 fa56ea01 c0000201 08 0a"
        ),
    );
    let two = DecodeContext {
        as4: false,
        ..Default::default()
    };
    let update = decode(message, &two);
    assert_eq!(update.attributes, attributes);
    assert_eq!(update.attributes.as_path(), Some(&path));
}

#[test]
fn merged_paths() {
    let sequence = |asns: &[u32]| AsPath::sequence(asns);
    let set = |asns: &[u32]| Segment {
        kind: SegmentKind::Set,
        asns: asns.to_vec(),
    };
    let wide = AttributeValue::As4Path(sequence(&[4_200_000_001, 3]));
    for (narrow, merged) in [
        (
            sequence(&[1, 2, 23456, 3]),
            sequence(&[1, 2, 4_200_000_001, 3]),
        ),
        // The longer one is not believed.
        (sequence(&[23456]), sequence(&[23456])),
        (
            AsPath(vec![
                set(&[8, 9]),
                Segment {
                    kind: SegmentKind::Sequence,
                    asns: vec![23456, 3],
                },
            ]),
            AsPath(vec![
                set(&[8, 9]),
                Segment {
                    kind: SegmentKind::Sequence,
                    asns: vec![4_200_000_001, 3],
                },
            ]),
        ),
    ] {
        let mut section = bytes::BytesMut::new();
        let context = EncodeContext {
            as4: false,
            ..Default::default()
        };
        for value in [
            AttributeValue::Origin(Origin::Igp),
            AttributeValue::AsPath(narrow),
            wide.clone(),
        ] {
            bgp_wire::Attribute::new(value, &context)
                .raw
                .encode_into(&mut section);
        }
        let raw = bgp_wire::raw::RawUpdate::new(Bytes::new(), section.freeze(), Bytes::new());
        let update = Update::decode(
            raw,
            &DecodeContext {
                as4: false,
                ..Default::default()
            },
        );
        assert_eq!(update.attributes.as_path(), Some(&merged));
        assert!(update.attributes.get(code::AS4_PATH).is_none());
    }
}

#[test]
fn attributes_as_a_builder() {
    let attributes = base();
    let more = attributes
        .clone()
        .with(AttributeValue::Med(5))
        .with(AttributeValue::LocalPref(7));
    assert_eq!(
        (more.med(), more.local_pref(), attributes.local_pref()),
        (Some(5), Some(7), Some(100))
    );
    let codes: Vec<_> = more.iter().map(|attribute| attribute.code()).collect();
    assert_eq!(codes, [1, 2, 4, 5]);
    assert_eq!(
        more.without(code::MED).with(AttributeValue::LocalPref(100)),
        attributes
    );
    let json = serde_json::to_string(&attributes).unwrap();
    assert_eq!(
        serde_json::from_str::<PathAttributes>(&json).unwrap(),
        attributes
    );
}

#[test]
fn length_form_does_not_make_a_difference() {
    let update = support::update_of("40010100 400200 5005000400000064");
    assert_eq!(update.attributes, base());
}

#[test]
fn unknown_attributes_pass_on_as_partial() {
    let unknown = |flags, code| AttributeValue::Unknown {
        flags,
        code,
        data: hex("01"),
    };
    let attributes = base()
        .with(unknown(0xc0, 99))
        .with(unknown(0x80, 98))
        .propagated();
    assert!(attributes.get(98).is_none());
    assert_eq!(
        attributes.get(99).unwrap().raw,
        RawAttribute::new(0xe0, 99, hex("01"))
    );
    assert_eq!(base().propagated(), base());
}

#[test]
fn what_identifies_a_route() {
    let EvpnRoute::MacIp {
        rd,
        ethernet_tag,
        mac,
        ..
    } = mac_route(1)
    else {
        unreachable!()
    };
    let moved = EvpnRoute::MacIp {
        rd,
        esi: Esi([1; 10]),
        ethernet_tag,
        mac,
        ip: None,
        label1: LabelField::WITHDRAW,
        label2: Some(LabelField::WITHDRAW),
    };
    assert_eq!(evpn(moved).key(), evpn(mac_route(1)).key());
    let address = EvpnRoute::MacIp {
        rd,
        esi: Esi::ZERO,
        ethernet_tag,
        mac,
        ip: Some(PE.into()),
        label1: LabelField::default(),
        label2: None,
    };
    assert_ne!(evpn(address).key(), evpn(mac_route(1)).key());
    assert_ne!(evpn(mac_route(2)).key(), evpn(mac_route(1)).key());

    // Host bits and labels are not.
    let vpn = |bytes: &str| Nlri::new(Family::VPNV4, hex(bytes)).key();
    let one = vpn("74 000111 00017f0000010000 0a0101f0");
    assert_eq!(one, vpn("74 800000 00017f0000010000 0a0101ff"));
    assert_eq!(one, vpn("74 000000 00017f0000010000 0a0101f1"));
    assert_eq!(one, vpn("8c 000110 000121 00017f0000010000 0a0101f0"));
    assert_ne!(one, vpn("75 000111 00017f0000010000 0a0101f0"));

    let json = serde_json::to_string(&one).unwrap();
    assert_eq!(
        serde_json::from_str::<bgp_wire::NlriKey>(&json).unwrap(),
        one
    );
}

#[test]
fn label_stacks() {
    let labels =
        [16, 17, 18].map(|label| LabelField::from_label(Label::new(label).unwrap(), label == 18));
    let rd = RouteDistinguisher::as4(4_200_000_001, 3);
    for prefix in ["10.0.0.0/8", "0.0.0.0/0", "10.1.1.1/32"] {
        for count in 1..=3 {
            let prefix = prefix.parse().unwrap();
            let route = NlriValue::Vpn(VpnRoute {
                rd,
                labels: labels[3 - count..].to_vec(),
                prefix,
            });
            assert_eq!(Nlri::from(route.clone()).value(), Ok(route));
        }
    }
    let empty = VpnRoute {
        rd,
        labels: vec![],
        prefix: "10.0.0.0/8".parse().unwrap(),
    };
    let Ok(NlriValue::Vpn(read)) = Nlri::from(NlriValue::Vpn(empty)).value() else {
        panic!()
    };
    assert_eq!(read.labels, [LabelField::WITHDRAW]);
}

#[test]
fn long_flowspec_rules() {
    let operations: Vec<_> = (0..100).map(|port| FlowOp::equal(1000 + port)).collect();
    let component = FlowComponent::Operations {
        kind: FlowComponent::PORT,
        operations,
    };
    let rules = FlowspecRules {
        ipv6: true,
        components: vec![component],
    };
    let nlri = Nlri::from(NlriValue::Flowspec(rules.clone()));
    assert_eq!(nlri.bytes[..2], [0xf1, 0x2d]);
    assert_eq!(nlri.value(), Ok(NlriValue::Flowspec(rules)));
    // The long form of a short length is read too, and names the same route.
    let (short, long) = (hex("03 038106"), hex("f003 038106"));
    let [short, long] = [short, long].map(|bytes| Nlri::new(Family::FLOWSPEC_IPV4, bytes));
    assert_eq!(short.value(), long.value());
    assert_eq!(short.key(), long.key());
}

// Host bits of a prefix made another route of the same rules.
#[test]
fn flowspec_host_bits_are_not_identity() {
    let route = |bytes| Nlri::new(Family::FLOWSPEC_IPV4, hex(bytes));
    let (one, other) = (route("03 010110"), route("03 010100"));
    assert_eq!((one.value(), one.key()), (other.value(), other.key()));
    assert_ne!(route("03 010410").key(), route("03 010400").key());
}

#[test]
fn flowspec_prefixes_with_offset() {
    // 2001:db8::/32 compared from bit 16 on: the pattern is 0db8.
    let bytes = hex("05 01 20 10 0db8");
    let nlri = Nlri::new(Family::FLOWSPEC_IPV6, bytes);
    let Ok(NlriValue::Flowspec(rules)) = nlri.value() else {
        panic!("{:?}", nlri.value())
    };
    let prefix = "0:db8::/32".parse().unwrap();
    assert_eq!(
        rules.components,
        [FlowComponent::Destination { prefix, offset: 16 }]
    );
    assert_eq!(Nlri::from(NlriValue::Flowspec(rules)), nlri);
}
