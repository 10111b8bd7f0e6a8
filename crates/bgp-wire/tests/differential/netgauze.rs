//! netgauze-bgp-pkt keeps values only, so what it writes after reading shows what it has understood.

use std::collections::HashMap;
use std::net::IpAddr;

use bgp_wire::nlri::NlriValue;
use bgp_wire::raw::{RawAttribute, RawMessage, RawUpdate, kind};
use bgp_wire::{DecodeContext, Family, Message, NextHop};
use netgauze_bgp_pkt::BgpMessage;
use netgauze_bgp_pkt::wire::deserializer::BgpParsingContext;
use netgauze_iana::address_family::AddressType;
use netgauze_parse_utils::WritablePdu;
use netgauze_parse_utils::reader::SliceReader;
use netgauze_parse_utils::traits::ParseFromWithOneInput;
use proptest::prelude::*;

use super::{Built, built, has_confederation, recorded};

const FAMILIES: [(Family, AddressType); 5] = [
    (Family::IPV4_UNICAST, AddressType::Ipv4Unicast),
    (Family::IPV6_UNICAST, AddressType::Ipv6Unicast),
    (Family::VPNV4, AddressType::Ipv4MplsLabeledVpn),
    (Family::VPNV6, AddressType::Ipv6MplsLabeledVpn),
    (Family::EVPN, AddressType::L2VpnBgpEvpn),
];

/// Read and written by the other codec.
fn through(raw: &RawMessage, context: &DecodeContext) -> Result<Vec<u8>, String> {
    let octets = raw.encode();
    let with_paths = FAMILIES
        .iter()
        .filter(|(family, _)| context.add_path.contains(family));
    let add_path: HashMap<_, _> = with_paths.map(|(_, other)| (*other, true)).collect();
    let labels = HashMap::from([
        (AddressType::Ipv4MplsLabeledVpn, 8),
        (AddressType::Ipv6MplsLabeledVpn, 8),
    ]);
    let mut theirs =
        BgpParsingContext::new(context.as4, labels, add_path, false, false, true, true);
    let message = BgpMessage::parse(&mut SliceReader::new(&octets), &mut theirs)
        .map_err(|error| format!("{error:?}"))?;
    let mut written = Vec::new();
    message
        .write(&mut written)
        .map_err(|error| format!("{error:?}"))?;
    Ok(written)
}

/// A capability with a pair of numbers it does not know makes the whole OPEN an error.
fn announces_unknown_family(raw: &RawMessage) -> bool {
    let message = Message::decode(raw, &DecodeContext::default());
    matches!(message, Ok(Message::Open(open)) if open.families().contains(&Family::FLOWSPEC_L2VPN))
}

/// Families it does not know are written with an attribute length one too large.
fn writes_wrong_length(raw: &RawMessage) -> bool {
    if raw.kind != kind::UPDATE {
        return false;
    }
    let Ok(RawUpdate { attributes, .. }) = RawUpdate::parse(&raw.body) else {
        return false;
    };
    let mut walk = RawAttribute::walk(&attributes);
    walk.any(|item| {
        item.is_ok_and(|raw| matches!((raw.code, &*raw.value), (14 | 15, [_, _, 133 | 134, ..])))
    })
}

/// Reserved octets of communities it has types for are not kept, and some sub-types become others (0x0209 is
/// written as 0x0202).
fn rewrites_communities(built: &Built) -> bool {
    let list = built.attributes.extended_communities();
    list.iter().any(|one| match one.0 {
        [0..=2, subtype, ..] => subtype != 2,
        [0x03, 0x0d, rest @ ..] => rest != [0; 6],
        [0x06, 0x00, _, reserved, ..] => reserved != 0,
        [0x06, 0x01, _, reserved @ .., _, _, _] => reserved != [0; 2],
        [0x06, 0x04, _, _, _, _, reserved @ ..] => reserved != [0; 2],
        _ => false,
    })
}

#[test]
fn recorded_sessions() {
    let mut compared = 0;
    for captured in recorded() {
        let raw = &captured.raw;
        if writes_wrong_length(raw) || announces_unknown_family(raw) {
            continue;
        }
        let written = through(raw, &captured.context);
        assert_eq!(
            written.as_deref(),
            Ok(&raw.encode()[..]),
            "{} > {}",
            captured.from,
            captured.to
        );
        compared += 1;
    }
    assert!(compared > 100, "only {compared} messages compared");
}

proptest! {
    #![proptest_config(super::config())]

    #[test]
    fn built_announcements(built in built()) {
        prop_assume!(!built.has_flowspec() && !rewrites_communities(&built));
        // Prefixes of other than unicast addresses are left out or an error.
        prop_assume!(!built.any_value(|value| {
            let prefix = match value {
                NlriValue::Unicast(prefix) => prefix,
                NlriValue::Vpn(route) => &route.prefix,
                _ => return false,
            };
            match prefix.address() {
                IpAddr::V4(v4) => v4.octets()[0] >= 224,
                IpAddr::V6(v6) => v6.is_multicast(),
            }
        }));
        // Confederation segments are an error.
        prop_assume!(!has_confederation(&built.attributes));
        // A link-local address beside the next hop is for unicast only.
        let link_local = matches!(
            built.reach.next_hop,
            NextHop::V6LinkLocal(..) | NextHop::VpnV6LinkLocal(..)
        );
        prop_assume!(!link_local || built.reach.family.safi == 1);
        // A route distinguisher of unknown type is an error.
        prop_assume!(!built.any_value(|value| value.rd().is_some_and(|rd| rd.kind() > 2)));
        // Only whole octets of a membership can be said in its types.
        prop_assume!(!built.any_value(|value| {
            matches!(value, NlriValue::Rtc(route) if route.bits % 8 != 0)
        }));
        let written = through(&built.message, &DecodeContext::default());
        prop_assert_eq!(written.as_deref(), Ok(&built.message.encode()[..]));
    }
}
