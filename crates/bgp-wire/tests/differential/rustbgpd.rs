//! rustbgpd-wire reads with RFC 7606 verdicts of its own.

use std::net::IpAddr;

use bgp_wire::attribute::{AttributeValue, SegmentKind};
use bgp_wire::nlri::{EvpnRoute, NlriValue};
use bgp_wire::raw::{RawUpdate, kind};
use bgp_wire::{
    DecodeContext, Family, IpPrefix, LabelField, NextHop, Nlri, Outcome, RawMessage, Update,
};
use bytes::Bytes;
use proptest::prelude::*;
use rustbgpd_wire::{
    AsPathSegment, ErrorDisposition, EvpnIpPrefixValue, EvpnRoute as TheirEvpn, PathAttribute,
    Prefix, UpdateMessage, VpnNlri, VpnPrefix,
};

use super::{built, has_confederation, recorded};
use crate::support::{hex, update_of};

/// What both are asked for, as text.
#[derive(Debug, PartialEq, Default)]
struct Facts {
    attributes: Vec<String>,
    announced: Vec<String>,
    withdrawn: Vec<String>,
}

fn ours(update: &Update) -> Facts {
    let mut facts = Facts::default();
    for attribute in update.attributes.iter() {
        facts.attributes.extend(our_attribute(&attribute.value));
    }
    let text = |nlri: &Nlri| our_nlri(&nlri.value().unwrap());
    for (_, next_hop, nlri) in &update.reach {
        let next_hop = next_hop
            .address()
            .map(|a| format!("{a}"))
            .unwrap_or_default();
        facts.announced.extend(
            nlri.iter()
                .map(|nlri| format!("{} by {next_hop}", text(nlri))),
        );
    }
    for (_, nlri) in &update.unreach {
        facts.withdrawn.extend(
            nlri.iter()
                .map(|nlri| without_labels(&nlri.value().unwrap())),
        );
    }
    facts.sorted()
}

impl Facts {
    fn sorted(mut self) -> Self {
        self.announced.sort();
        self.withdrawn.sort();
        self
    }
}

fn our_attribute(value: &AttributeValue) -> Option<String> {
    Some(match value {
        AttributeValue::Origin(origin) => format!("origin {}", origin.number()),
        AttributeValue::AsPath(path) => {
            let segment = |s: &bgp_wire::attribute::Segment| format!("{:?}{:?}", s.kind, s.asns);
            format!("path {}", path.0.iter().map(segment).collect::<String>())
        }
        AttributeValue::Med(number) => format!("med {number}"),
        AttributeValue::LocalPref(number) => format!("preference {number}"),
        AttributeValue::AtomicAggregate => "atomic".into(),
        AttributeValue::Aggregator(a) => format!("aggregator {} {}", a.asn, a.address),
        AttributeValue::Communities(list) => format!("communities {list:?}"),
        AttributeValue::OriginatorId(id) => format!("originator {id}"),
        AttributeValue::ClusterList(list) => format!("clusters {list:?}"),
        AttributeValue::ExtendedCommunities(list) => {
            let numbers: Vec<_> = list.iter().map(|one| u64::from_be_bytes(one.0)).collect();
            format!("extended {numbers:?}")
        }
        // Large communities are made unique there; PMSI and the others are compared by the other codec.
        _ => return None,
    })
}

fn our_nlri(value: &NlriValue) -> String {
    match value {
        NlriValue::Evpn(route) => our_evpn(route),
        NlriValue::Vpn(route) => {
            format!(
                "vpn {:?} {} {}",
                route.rd.0,
                labels(&route.labels),
                route.prefix
            )
        }
        NlriValue::Rtc(route) => {
            let target = u64::from_be_bytes(route.target);
            format!("rtc {} {} {target:x}", route.bits, route.origin_as)
        }
        NlriValue::Unicast(prefix) => format!("unicast {prefix}"),
        other => format!("{other:?}"),
    }
}

fn labels(list: &[LabelField]) -> String {
    format!(
        "{:?}",
        list.iter().map(|one| one.label().get()).collect::<Vec<_>>()
    )
}

/// In a withdraw the label stack is dropped there.
fn without_labels(value: &NlriValue) -> String {
    match value {
        NlriValue::Vpn(route) => format!("vpn {:?} [] {}", route.rd.0, route.prefix),
        other => our_nlri(other),
    }
}

fn our_evpn(route: &EvpnRoute) -> String {
    match route {
        EvpnRoute::EthernetAutoDiscovery {
            rd,
            esi,
            ethernet_tag,
            label,
        } => {
            format!("ead {:?} {:?} {ethernet_tag} {label}", rd.0, esi.0)
        }
        EvpnRoute::MacIp {
            rd,
            esi,
            ethernet_tag,
            mac,
            ip,
            label1,
            label2,
        } => {
            let label2 = label2.map(LabelField::raw);
            format!(
                "mac {:?} {:?} {ethernet_tag} {:?} {ip:?} {label1} {label2:?}",
                rd.0, esi.0, mac.0
            )
        }
        EvpnRoute::InclusiveMulticast {
            rd,
            ethernet_tag,
            originator,
        } => {
            format!("imet {:?} {ethernet_tag} {originator}", rd.0)
        }
        EvpnRoute::EthernetSegment {
            rd,
            esi,
            originator,
        } => {
            format!("es {:?} {:?} {originator}", rd.0, esi.0)
        }
        EvpnRoute::IpPrefix {
            rd,
            esi,
            ethernet_tag,
            prefix,
            gateway,
            label,
        } => {
            format!(
                "prefix {:?} {:?} {ethernet_tag} {prefix} {gateway} {label}",
                rd.0, esi.0
            )
        }
        EvpnRoute::Unknown { kind, .. } => format!("type {kind}"),
    }
}

fn theirs(update: &rustbgpd_wire::ParsedUpdate) -> Facts {
    let mut facts = Facts::default();
    let unicast = |prefix: &dyn std::fmt::Display| format!("unicast {prefix}");
    let mut classic_next_hop = None;
    for attribute in &update.attributes {
        if let PathAttribute::NextHop(address) = attribute {
            classic_next_hop = Some(*address);
        }
        if let PathAttribute::MpReachNlri(reach) = attribute {
            let by = |text: String| format!("{text} by {}", reach.next_hop);
            facts.announced.extend(
                reach
                    .announced
                    .iter()
                    .map(|e| by(unicast(&prefix_of(e.prefix)))),
            );
            facts
                .announced
                .extend(reach.evpn_announced.iter().map(|r| by(their_evpn(r))));
            facts
                .announced
                .extend(reach.vpn_announced.iter().map(|e| by(their_vpn(&e.nlri))));
            facts
                .announced
                .extend(reach.rtc_announced.iter().map(|r| by(their_rtc(r))));
        }
        if let PathAttribute::MpUnreachNlri(unreach) = attribute {
            facts.withdrawn.extend(
                unreach
                    .withdrawn
                    .iter()
                    .map(|e| unicast(&prefix_of(e.prefix))),
            );
            facts
                .withdrawn
                .extend(unreach.evpn_withdrawn.iter().map(their_evpn));
            facts
                .withdrawn
                .extend(unreach.vpn_withdrawn.iter().map(|e| their_vpn(&e.nlri)));
            facts
                .withdrawn
                .extend(unreach.rtc_withdrawn.iter().map(their_rtc));
        }
    }
    let prefix =
        |prefix: &rustbgpd_wire::Ipv4Prefix| format!("unicast {}/{}", prefix.addr, prefix.len);
    facts
        .withdrawn
        .extend(update.withdrawn.iter().map(|entry| prefix(&entry.prefix)));
    for entry in &update.announced {
        let by = classic_next_hop
            .map(|address| address.to_string())
            .unwrap_or_default();
        facts
            .announced
            .push(format!("{} by {by}", prefix(&entry.prefix)));
    }
    let mut attributes: Vec<_> = update.attributes.iter().collect();
    attributes.sort_by_key(|attribute| attribute.type_code());
    facts.attributes = attributes.into_iter().filter_map(their_attribute).collect();
    facts.sorted()
}

fn their_attribute(attribute: &PathAttribute) -> Option<String> {
    Some(match attribute {
        PathAttribute::Origin(origin) => format!("origin {}", *origin as u8),
        PathAttribute::AsPath(path) => {
            let segment = |segment: &AsPathSegment| match segment {
                AsPathSegment::AsSet(list) => format!("{:?}{list:?}", SegmentKind::Set),
                AsPathSegment::AsSequence(list) => format!("{:?}{list:?}", SegmentKind::Sequence),
            };
            format!(
                "path {}",
                path.segments.iter().map(segment).collect::<String>()
            )
        }
        PathAttribute::Med(number) => format!("med {number}"),
        PathAttribute::LocalPref(number) => format!("preference {number}"),
        PathAttribute::AtomicAggregate => "atomic".into(),
        PathAttribute::Aggregator(a) => format!("aggregator {} {}", a.asn, a.router_id),
        PathAttribute::Communities(list) | PathAttribute::CommunitiesPartial(list) => {
            format!("communities {list:?}")
        }
        PathAttribute::OriginatorId(id) => format!("originator {id}"),
        PathAttribute::ClusterList(list) => format!("clusters {list:?}"),
        PathAttribute::ExtendedCommunities(list)
        | PathAttribute::ExtendedCommunitiesPartial(list) => {
            let numbers: Vec<_> = list.iter().map(|one| one.as_u64()).collect();
            format!("extended {numbers:?}")
        }
        _ => return None,
    })
}

fn prefix_of(prefix: Prefix) -> IpPrefix {
    let (address, length): (IpAddr, u8) = match prefix {
        Prefix::V4(v4) => (v4.addr.into(), v4.len),
        Prefix::V6(v6) => (v6.addr.into(), v6.len),
    };
    IpPrefix::new(address, length).unwrap()
}

fn their_vpn(nlri: &VpnNlri) -> String {
    let labels: Vec<_> = nlri.labels.iter().map(|entry| entry.label).collect();
    let (address, length): (IpAddr, u8) = match nlri.prefix {
        VpnPrefix::V4 { addr, len } => (addr.into(), len),
        VpnPrefix::V6 { addr, len } => (addr.into(), len),
    };
    format!(
        "vpn {:?} {labels:?} {address}/{length}",
        nlri.route_distinguisher.0
    )
}

fn their_rtc(route: &rustbgpd_wire::RtcNlri) -> String {
    format!(
        "rtc {} {} {:x}",
        route.prefix_len, route.origin_as, route.route_target_bits
    )
}

fn their_evpn(route: &TheirEvpn) -> String {
    match route {
        TheirEvpn::EadPerEs(r) => {
            format!(
                "ead {:?} {:?} {} {}",
                r.rd.0, r.esi.0, r.ethernet_tag.0, r.label.0
            )
        }
        TheirEvpn::EadPerEvi(r) => {
            format!(
                "ead {:?} {:?} {} {}",
                r.rd.0, r.esi.0, r.ethernet_tag.0, r.label.0
            )
        }
        TheirEvpn::MacIp(r) => format!(
            "mac {:?} {:?} {} {:?} {:?} {} {:?}",
            r.rd.0,
            r.esi.0,
            r.ethernet_tag.0,
            r.mac.0,
            r.ip,
            r.label1.0,
            r.label2.map(|label| label.0)
        ),
        TheirEvpn::Imet(r) => format!("imet {:?} {} {}", r.rd.0, r.ethernet_tag.0, r.originator_ip),
        TheirEvpn::Es(r) => format!("es {:?} {:?} {}", r.rd.0, r.esi.0, r.originator_ip),
        TheirEvpn::IpPrefix(r) => {
            let (address, length): (IpAddr, u8) = match r.prefix {
                EvpnIpPrefixValue::V4(v4) => (v4.addr.into(), v4.len),
                EvpnIpPrefixValue::V6(v6) => (v6.addr.into(), v6.len),
            };
            let (rd, esi, tag) = (r.rd.0, r.esi.0, r.ethernet_tag.0);
            format!(
                "prefix {rd:?} {esi:?} {tag} {address}/{length} {} {}",
                r.gateway, r.label.0
            )
        }
        other => format!("{other:?}"),
    }
}

/// Their outcome, and the facts unless the session is to be reset.
fn read_theirs(raw: &RawUpdate, context: &DecodeContext) -> (Outcome, Option<Facts>) {
    let message = UpdateMessage {
        withdrawn_routes: raw.withdrawn.clone(),
        path_attributes: raw.attributes.clone(),
        nlri: raw.nlri.clone(),
    };
    match message.parse_revised(context.as4, context.ibgp, false, &[]) {
        Ok(parsed) => {
            let worst = parsed
                .malformed
                .iter()
                .map(|malformed| malformed.disposition)
                .max();
            let outcome = match worst {
                None => Outcome::Accept,
                Some(ErrorDisposition::AttributeDiscard) => Outcome::AttributeDiscard,
                Some(ErrorDisposition::TreatAsWithdraw) => Outcome::TreatAsWithdraw,
                Some(ErrorDisposition::SessionReset) => Outcome::SessionReset,
            };
            (outcome, Some(theirs(&parsed.update)))
        }
        Err(_) => (Outcome::SessionReset, None),
    }
}

/// Families that are not in its list end the session there.
fn unknown_family(family: Family) -> bool {
    !matches!(
        family,
        Family::IPV4_UNICAST
            | Family::IPV6_UNICAST
            | Family::VPNV4
            | Family::VPNV6
            | Family::EVPN
            | Family::RTC
    )
}

/// What it does not know, drops, or reads in its own way; see each line.
fn differs(update: &Update) -> bool {
    let families = update.reach.iter().map(|(family, ..)| *family);
    let families = families.chain(update.unreach.iter().map(|(family, _)| *family));
    let nlri = update.reach.iter().flat_map(|(.., nlri)| nlri);
    let mut nlri = nlri.chain(update.unreach.iter().flat_map(|(_, nlri)| nlri));
    // Route types from 6 on are dropped or typed, confederation segments are malformed.
    let evpn = |value: &NlriValue| matches!(value, NlriValue::Evpn(EvpnRoute::Unknown { .. }));
    // A link-local address beside the next hop is for unicast only.
    let link_local = update.reach.iter().any(|(family, next_hop, _)| {
        matches!(next_hop, NextHop::V6LinkLocal(..)) && family.safi != 1
    });
    link_local
        || families.into_iter().any(unknown_family)
        || nlri.any(|nlri| evpn(&nlri.value().unwrap()))
        || has_confederation(&update.attributes)
}

#[test]
fn recorded_sessions() {
    let mut compared = 0;
    for captured in recorded() {
        let context = &captured.context;
        if captured.raw.kind != kind::UPDATE || !context.add_path.is_empty() {
            continue;
        }
        let update = Update::decode(RawUpdate::parse(&captured.raw.body).unwrap(), context);
        if differs(&update) {
            continue;
        }
        let (outcome, facts) = read_theirs(&update.raw, context);
        assert_eq!((outcome, facts), (Outcome::Accept, Some(ours(&update))));
        compared += 1;
    }
    assert!(compared > 60, "only {compared} UPDATEs compared");
}

/// The same verdict on malformed attributes, routes kept for the withdraw.
#[test]
fn verdicts() {
    let reach = "800e1c 0019 46 04 7f000001 00 0311 00017f0000010000 00000000 20 7f000001";
    for attribute in [
        "400303 7f0000",
        "800403 000000",
        "400503 000000",
        "400601 00",
        "c00706 fc00 7f000001",
        "c00803 000000",
        "c00800",
        "800903 000000",
        "800a05 7f00000100",
        "800a00",
        "c01007 0002fc00000000",
        "c01000",
        "c01604 00060000",
        "c0200b 0000000000000000000000",
        "c0050400000064",
        "40040400000064",
        "801008 0002fc0000000001",
        "400904 7f000001",
        "40010100",
        "40050400000064 400504000000c8",
        "800403 000000 c00706 fc00 7f000001",
    ] {
        let update = update_of(&format!("40010100 400200 {attribute} {reach}"));
        let (outcome, _) = read_theirs(&update.raw, &DecodeContext::default());
        assert_eq!(
            update.outcome(),
            outcome,
            "{attribute}: {:?}",
            update.verdicts
        );
    }
    for attributes in [
        format!("400101 03 400200 {reach}"),
        format!("40010100 400200 {reach} 400504 0000"),
        format!("40010100 400200 {reach} {reach}"),
        "40010100 400200 800e04 0019 46 00".into(),
        "40010100 400200 800e0a 0019 46 05 7f00000100 00".into(),
        "800f04 0001 80 78".into(),
    ] {
        let update = update_of(&attributes);
        let (outcome, _) = read_theirs(&update.raw, &DecodeContext::default());
        assert_eq!(
            update.outcome(),
            outcome,
            "{attributes}: {:?}",
            update.verdicts
        );
    }
}

proptest! {
    #![proptest_config(super::config())]

    #[test]
    fn built_announcements(built in built()) {
        let context = DecodeContext::default();
        let update = Update::decode(RawUpdate::parse(&built.message.body).unwrap(), &context);
        prop_assume!(!differs(&update) && !built.has_unknown_evpn());
        // Its outcome is stricter: unassigned PMSI tunnel types, type 5 with both segment and gateway.
        let (_, facts) = read_theirs(&update.raw, &context);
        prop_assert_eq!(facts, Some(ours(&update)));
    }

    /// What both take without complaint, both read alike.
    #[test]
    fn mutated_messages(
        message in proptest::sample::select(updates()),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut body = message.body.to_vec();
        for (at, octet) in changes {
            let at = at.index(body.len());
            body[at] = octet;
        }
        let Ok(raw) = RawUpdate::parse(&Bytes::from(body)) else { return Ok(()) };
        let context = DecodeContext::default();
        let update = Update::decode(raw, &context);
        prop_assume!(update.outcome() == Outcome::Accept && !differs(&update));
        if let (Outcome::Accept, Some(facts)) = read_theirs(&update.raw, &context) {
            prop_assert_eq!(facts, ours(&update));
        }
    }
}

/// Recorded UPDATEs with routes, and one of each family that was not recorded.
fn updates() -> Vec<RawMessage> {
    let rtc = hex("0000 0027 40010100 400200 40050400000064
        800e16 0001 84 04 7f000001 00 60 0000fc00 0002fc0000000001");
    let ours = RawMessage::new(kind::UPDATE, rtc);
    let recorded = recorded().into_iter().filter(|captured| {
        captured.raw.kind == kind::UPDATE && captured.context.add_path.is_empty()
    });
    recorded
        .map(|captured| captured.raw)
        .filter(|raw| raw.body.len() > 4)
        .chain([ours])
        .collect()
}
