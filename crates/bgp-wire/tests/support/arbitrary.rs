//! Values of every type, for property tests. The large unions are boxed: unboxed they fill a test's stack.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bgp_wire::attribute::{
    Aggregator, AsPath, AttributeValue, MpReach, MpUnreach, Origin, PmsiTunnel, Segment,
    SegmentKind,
};
use bgp_wire::capability::AddPathMode;
use bgp_wire::community::LargeCommunity;
use bgp_wire::nlri::{EvpnRoute, FlowComponent, FlowOp, FlowspecRules, RtcRoute, VpnRoute};
use bgp_wire::{
    Capability, Esi, ExtendedCommunity, Family, IpPrefix, LabelField, MacAddr, NextHop, Nlri,
    NlriValue, RouteDistinguisher, RouteTarget,
};
use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

pub fn octets(size: impl Into<proptest::collection::SizeRange>) -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), size).prop_map(Bytes::from)
}

pub fn family() -> impl Strategy<Value = Family> {
    let named = proptest::sample::select(Family::named().collect::<Vec<_>>());
    prop_oneof![3 => named, 1 => (any::<u16>(), any::<u8>()).prop_map(|(a, s)| Family::new(a, s))]
}

pub fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<Ipv4Addr>().prop_map(IpAddr::from),
        any::<Ipv6Addr>().prop_map(IpAddr::from)
    ]
}

pub fn v4_prefix() -> impl Strategy<Value = IpPrefix> {
    (any::<Ipv4Addr>(), 0..=32u8).prop_map(|(a, length)| IpPrefix::new(a.into(), length).unwrap())
}

pub fn v6_prefix() -> impl Strategy<Value = IpPrefix> {
    (any::<Ipv6Addr>(), 0..=128u8).prop_map(|(a, length)| IpPrefix::new(a.into(), length).unwrap())
}

pub fn rd() -> impl Strategy<Value = RouteDistinguisher> {
    prop_oneof![
        any::<(u16, u32)>().prop_map(|(a, n)| RouteDistinguisher::as2(a, n)),
        any::<(Ipv4Addr, u16)>().prop_map(|(a, n)| RouteDistinguisher::ipv4(a, n)),
        any::<(u32, u16)>().prop_map(|(a, n)| RouteDistinguisher::as4(a, n)),
        any::<[u8; 8]>().prop_map(RouteDistinguisher),
    ]
}

pub fn route_target() -> impl Strategy<Value = RouteTarget> {
    prop_oneof![
        any::<(u16, u32)>().prop_map(|(a, n)| RouteTarget::as2(a, n)),
        any::<(Ipv4Addr, u16)>().prop_map(|(a, n)| RouteTarget::ipv4(a, n)),
        any::<(u32, u16)>().prop_map(|(a, n)| RouteTarget::as4(a, n)),
    ]
}

pub fn community() -> impl Strategy<Value = ExtendedCommunity> {
    let kinds = proptest::sample::select(vec![0u8, 1, 2, 3, 6, 0x40, 0x80, 0x81, 0x82]);
    let subtypes = proptest::sample::select(vec![0u8, 1, 2, 3, 4, 6, 8, 0xb, 0xc, 0xd, 0x13, 0x14]);
    let near =
        (kinds, subtypes, any::<[u8; 6]>()).prop_map(|(kind, subtype, [a, b, c, d, e, f])| {
            ExtendedCommunity([kind, subtype, a, b, c, d, e, f])
        });
    prop_oneof![near, any::<[u8; 8]>().prop_map(ExtendedCommunity)]
}

fn label() -> impl Strategy<Value = LabelField> {
    any::<[u8; 3]>().prop_map(LabelField)
}

pub fn evpn() -> BoxedStrategy<EvpnRoute> {
    let esi = || any::<[u8; 10]>().prop_map(Esi);
    let tag = any::<u32>;
    prop_oneof![
        (rd(), esi(), tag(), label()).prop_map(|(rd, esi, ethernet_tag, label)| {
            EvpnRoute::EthernetAutoDiscovery {
                rd,
                esi,
                ethernet_tag,
                label,
            }
        }),
        (
            (rd(), esi(), tag()),
            any::<[u8; 6]>().prop_map(MacAddr),
            proptest::option::of(address()),
            label(),
            proptest::option::of(label()),
        )
            .prop_map(|((rd, esi, ethernet_tag), mac, ip, label1, label2)| {
                EvpnRoute::MacIp {
                    rd,
                    esi,
                    ethernet_tag,
                    mac,
                    ip,
                    label1,
                    label2,
                }
            }),
        (rd(), tag(), address()).prop_map(|(rd, ethernet_tag, originator)| {
            EvpnRoute::InclusiveMulticast {
                rd,
                ethernet_tag,
                originator,
            }
        }),
        (rd(), esi(), address()).prop_map(|(rd, esi, originator)| EvpnRoute::EthernetSegment {
            rd,
            esi,
            originator
        }),
        (
            (rd(), esi(), tag(), label()),
            prop_oneof![
                (v4_prefix(), any::<Ipv4Addr>().prop_map(IpAddr::from)),
                (v6_prefix(), any::<Ipv6Addr>().prop_map(IpAddr::from)),
            ],
        )
            .prop_map(|((rd, esi, ethernet_tag, label), (prefix, gateway))| {
                EvpnRoute::IpPrefix {
                    rd,
                    esi,
                    ethernet_tag,
                    prefix,
                    gateway,
                    label,
                }
            }),
        (6..=255u8, octets(0..=255)).prop_map(|(kind, data)| EvpnRoute::Unknown {
            kind,
            data: data.into()
        }),
    ]
    .boxed()
}

/// Bottom of stack on the last label and nowhere else; the first may not be what ends a stack in a withdraw.
fn stack(most: usize) -> impl Strategy<Value = Vec<LabelField>> {
    let label = (any::<[u8; 2]>(), any::<u8>());
    vec(label, 1..=most).prop_map(|labels| {
        let last = labels.len() - 1;
        let field = |(i, ([a, b], c)): (usize, ([u8; 2], u8))| {
            LabelField([a, b | 1, if i == last { c | 1 } else { c & !1 }])
        };
        labels.into_iter().enumerate().map(field).collect()
    })
}

fn vpn() -> impl Strategy<Value = VpnRoute> {
    let v4 = (rd(), stack(6), v4_prefix());
    let v6 = (rd(), stack(2), v6_prefix());
    prop_oneof![v4, v6].prop_map(|(rd, labels, prefix)| VpnRoute { rd, labels, prefix })
}

fn rtc() -> impl Strategy<Value = RtcRoute> {
    let full = any::<(u32, [u8; 8])>().prop_map(|(origin_as, target)| RtcRoute {
        bits: 96,
        origin_as,
        target,
    });
    let cut = (32..96u8, any::<(u32, u64)>()).prop_map(|(bits, (origin_as, target))| {
        let mask = u64::MAX.checked_shl(96 - u32::from(bits)).unwrap_or(0);
        RtcRoute {
            bits,
            origin_as,
            target: (target & mask).to_be_bytes(),
        }
    });
    prop_oneof![Just(RtcRoute::DEFAULT), full, cut]
}

fn flow_op() -> impl Strategy<Value = FlowOp> {
    (0..=0x0fu8, any::<bool>(), 0..4u32, any::<u64>()).prop_map(|(bits, and, exponent, value)| {
        let width = 1u8 << exponent;
        let value = if width == 8 {
            value
        } else {
            value & ((1 << (8 * u32::from(width))) - 1)
        };
        FlowOp {
            bits: bits | if and { FlowOp::AND } else { 0 },
            width,
            value,
        }
    })
}

pub fn rules() -> BoxedStrategy<FlowspecRules> {
    let operations = |last: u8| {
        proptest::collection::btree_map(3..=last, vec(flow_op(), 1..4), 0..4).prop_map(|map| {
            let component = |(kind, operations)| FlowComponent::Operations { kind, operations };
            map.into_iter().map(component).collect::<Vec<_>>()
        })
    };
    let all = |mut prefixes: Vec<FlowComponent>, operations: Vec<FlowComponent>| {
        prefixes.extend(operations);
        prefixes
    };
    let v4 = (
        proptest::option::of(v4_prefix()),
        proptest::option::of(v4_prefix()),
        operations(12),
    )
        .prop_map(move |(to, from, operations)| {
            let to = to.map(|prefix| FlowComponent::Destination { prefix, offset: 0 });
            let from = from.map(|prefix| FlowComponent::Source { prefix, offset: 0 });
            let components = all(to.into_iter().chain(from).collect(), operations);
            FlowspecRules {
                ipv6: false,
                components,
            }
        });
    let offset_prefix = || {
        (v6_prefix(), any::<u8>()).prop_map(|(prefix, offset)| {
            let offset = offset % (prefix.len() + 1);
            let IpAddr::V6(bits) = prefix.address() else {
                unreachable!()
            };
            let mask = u128::MAX.checked_shr(offset.into()).unwrap_or(0);
            let bits = Ipv6Addr::from(u128::from(bits) & mask);
            (IpPrefix::new(bits.into(), prefix.len()).unwrap(), offset)
        })
    };
    let v6 = (proptest::option::of(offset_prefix()), operations(13)).prop_map(
        move |(to, operations)| {
            let to = to.map(|(prefix, offset)| FlowComponent::Destination { prefix, offset });
            FlowspecRules {
                ipv6: true,
                components: all(to.into_iter().collect(), operations),
            }
        },
    );
    prop_oneof![v4, v6].boxed()
}

pub fn nlri_value() -> BoxedStrategy<NlriValue> {
    prop_oneof![
        3 => evpn().prop_map(NlriValue::Evpn),
        2 => vpn().prop_map(NlriValue::Vpn),
        1 => rtc().prop_map(NlriValue::Rtc),
        1 => v4_prefix().prop_map(NlriValue::Unicast),
        1 => v6_prefix().prop_map(NlriValue::Unicast),
        1 => rules().prop_map(NlriValue::Flowspec),
        1 => (rd(), rules()).prop_map(|(rd, rules)| NlriValue::FlowspecVpn { rd, rules }),
    ]
    .boxed()
}

pub fn next_hop(family: Family) -> impl Strategy<Value = NextHop> {
    let flowspec = matches!(family.safi, 133 | 134);
    any::<(Ipv4Addr, Ipv6Addr, Ipv6Addr, u8)>().prop_map(move |(v4, v6, other, choice)| {
        let zero = RouteDistinguisher::ZERO;
        match (family.has_vpn_next_hop(), choice % 3) {
            _ if flowspec => NextHop::None,
            (false, 0) if family != Family::IPV6_UNICAST => NextHop::V4(v4),
            (false, 1) => NextHop::V6(v6),
            (false, _) => NextHop::V6LinkLocal(v6, other),
            (true, 0) => NextHop::VpnV4(zero, v4),
            (true, 1) => NextHop::VpnV6(zero, v6),
            (true, _) => NextHop::VpnV6LinkLocal(zero, v6, zero, other),
        }
    })
}

pub fn mp_reach() -> BoxedStrategy<MpReach> {
    vec(nlri_value(), 1..4)
        .prop_flat_map(|values| {
            let family = values[0].family();
            let same = values
                .into_iter()
                .filter(move |value| value.family() == family);
            let nlri: Vec<_> = same.map(Nlri::from).collect();
            next_hop(family).prop_map(move |next_hop| MpReach {
                family,
                next_hop,
                nlri: nlri.clone(),
            })
        })
        .boxed()
}

fn as_path() -> impl Strategy<Value = AsPath> {
    let kinds = [
        SegmentKind::Set,
        SegmentKind::Sequence,
        SegmentKind::ConfedSequence,
        SegmentKind::ConfedSet,
    ];
    let segment = (
        proptest::sample::select(kinds.to_vec()),
        vec(any::<u32>(), 1..5),
    )
        .prop_map(|(kind, asns)| Segment { kind, asns });
    vec(segment, 0..4).prop_map(AsPath)
}

fn aggregator() -> impl Strategy<Value = Aggregator> {
    any::<(u32, Ipv4Addr)>().prop_map(|(asn, address)| Aggregator { asn, address })
}

/// Every attribute but those that exist only towards two-octet speakers.
pub fn attribute() -> BoxedStrategy<AttributeValue> {
    let origins = [Origin::Igp, Origin::Egp, Origin::Incomplete];
    let pmsi = prop_oneof![
        (address(), label()).prop_map(|(endpoint, label)| PmsiTunnel::to(endpoint, label)),
        (
            any::<u8>(),
            prop_oneof![0..6u8, 7..=255u8],
            label(),
            octets(0..20)
        )
            .prop_map(|(flags, kind, label, tunnel)| PmsiTunnel {
                flags,
                kind,
                label,
                tunnel
            }),
    ];
    let large = any::<(u32, u32, u32)>().prop_map(|(a, b, c)| LargeCommunity(a, b, c));
    let unknown =
        (any::<bool>(), 128..=255u8, octets(0..300)).prop_map(|(transitive, code, data)| {
            let flags = if transitive { 0xc0 } else { 0x80 };
            AttributeValue::Unknown { flags, code, data }
        });
    prop_oneof![
        proptest::sample::select(origins.to_vec()).prop_map(AttributeValue::Origin),
        as_path().prop_map(AttributeValue::AsPath),
        any::<Ipv4Addr>().prop_map(AttributeValue::NextHop),
        any::<u32>().prop_map(AttributeValue::Med),
        any::<u32>().prop_map(AttributeValue::LocalPref),
        Just(AttributeValue::AtomicAggregate),
        aggregator().prop_map(AttributeValue::Aggregator),
        vec(any::<u32>(), 1..100).prop_map(AttributeValue::Communities),
        any::<Ipv4Addr>().prop_map(AttributeValue::OriginatorId),
        vec(any::<Ipv4Addr>(), 1..5).prop_map(AttributeValue::ClusterList),
        mp_reach().prop_map(AttributeValue::MpReach),
        mp_reach().prop_map(|r| AttributeValue::MpUnreach(MpUnreach {
            family: r.family,
            nlri: r.nlri
        })),
        vec(community(), 1..10).prop_map(AttributeValue::ExtendedCommunities),
        pmsi.prop_map(AttributeValue::Pmsi),
        vec(large, 1..5).prop_map(AttributeValue::LargeCommunities),
        unknown,
    ]
    .boxed()
}

pub fn capability() -> impl Strategy<Value = Capability> {
    let mode = any::<u8>().prop_map(AddPathMode::from);
    prop_oneof![
        family().prop_map(Capability::MultiProtocol),
        Just(Capability::RouteRefresh),
        Just(Capability::EnhancedRouteRefresh),
        Just(Capability::ExtendedMessage),
        any::<u32>().prop_map(Capability::FourOctetAs),
        (
            any::<(bool, bool)>(),
            0..4096u16,
            vec((family(), any::<bool>()), 0..5)
        )
            .prop_map(|((restarting, notification), time, families)| {
                Capability::GracefulRestart {
                    restarting,
                    notification,
                    time,
                    families,
                }
            }),
        vec((family(), mode), 0..5).prop_map(Capability::AddPath),
        vec((family(), any::<u16>()), 0..5).prop_map(Capability::ExtendedNextHop),
        (150..=255u8, octets(0..=255)).prop_map(|(code, data)| Capability::Unknown { code, data }),
    ]
}
