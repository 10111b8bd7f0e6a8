//! Path attributes as `gobgp -j` shows them: an object each, `type` the attribute's code.

use bgp_wire::attribute::Origin;
use bgp_wire::community::{Community, Encapsulation, LargeCommunity, MacMobility};
use bgp_wire::{ExtendedCommunity, Family, LabelField, RouteTarget};
use capture::{PmsiFacts, RouteFacts};
use serde_json::Value;

use super::{list, number, text};
use crate::observe::site_of_origin;

/// Takes what the attribute says into `facts`.
pub(super) fn note(facts: &mut RouteFacts, attribute: &Value) {
    let kind: u8 = number(attribute, "type").unwrap_or_default();
    match kind {
        1 => facts.origin = number(attribute, "value").and_then(Origin::from_number),
        2 => facts.as_path = Some(as_path(attribute)),
        3 | 14 => facts.next_hop = text(attribute, "nexthop").or(facts.next_hop),
        4 => facts.med = number(attribute, "metric").or_else(|| number(attribute, "value")),
        5 => facts.local_pref = number(attribute, "value"),
        8 => {
            let numbers = list(attribute, "communities").filter_map(Value::as_u64);
            let numbers = numbers.filter_map(|number| u32::try_from(number).ok());
            facts.communities = numbers.map(Community).collect();
        }
        9 => facts.originator = text(attribute, "value"),
        10 => {
            let clusters = list(attribute, "value").filter_map(Value::as_str);
            facts.cluster_list = clusters.filter_map(|id| id.parse().ok()).collect();
        }
        16 => {
            let communities = list(attribute, "value").filter_map(extended_community);
            facts.extended_communities.extend(communities);
        }
        22 => {
            facts.pmsi = pmsi(attribute);
            // The PMSI tunnel of a type 3 route has its label.
            if facts.family == Family::EVPN {
                facts.vni = facts.pmsi.map(|pmsi| pmsi.field.vni());
            }
        }
        32 => {
            let communities = list(attribute, "value").filter_map(large_community);
            facts.large_communities = communities.collect();
        }
        _ => {}
    }
}

fn large_community(told: &Value) -> Option<LargeCommunity> {
    Some(LargeCommunity(
        number(told, "ASN")?,
        number(told, "LocalData1")?,
        number(told, "LocalData2")?,
    ))
}

fn extended_community(told: &Value) -> Option<ExtendedCommunity> {
    let kind: u8 = number(told, "type")?;
    let value = || told.get("value")?.as_str();
    Some(match (kind, number::<u8>(told, "subtype")?) {
        (0..=2, 2) => layout(kind, value()?)?.into(),
        (0..=2, 3) => site_of_origin(layout(kind, value()?)?)?,
        (3, 11) => ExtendedCommunity::from_color(number(told, "color")?),
        (3, 12) => Encapsulation::from_number(number(told, "tunnel_type")?).into(),
        (3, 13) => ExtendedCommunity::DEFAULT_GATEWAY,
        (6, 0) => ExtendedCommunity::from_mac_mobility(MacMobility {
            sticky: told.get("is_sticky").and_then(Value::as_bool) == Some(true),
            sequence: number(told, "sequence")?,
        }),
        (6, 2) => ExtendedCommunity::from_es_import(text(told, "value")?),
        (6, 3) => ExtendedCommunity::from_router_mac(text(told, "mac")?),
        (128, 6) => {
            let rate = told.get("rate").and_then(Value::as_f64)?;
            ExtendedCommunity::from_traffic_rate(number(told, "as")?, rate as f32)
        }
        (128..=130, 8) => ExtendedCommunity::from_redirect(layout(kind & 3, value()?)?),
        _ => return None,
    })
}

/// The text does not tell a small four-octet AS number from one of two octets; the type does. Large ones are
/// written with a dot.
pub(super) fn layout(kind: u8, text: &str) -> Option<RouteTarget> {
    let (administrator, number) = text.rsplit_once(':')?;
    match kind {
        2 => {
            let asn = match administrator.split_once('.') {
                Some((high, low)) => {
                    u32::from(high.parse::<u16>().ok()?) << 16 | u32::from(low.parse::<u16>().ok()?)
                }
                None => administrator.parse().ok()?,
            };
            Some(RouteTarget::as4(asn, number.parse().ok()?))
        }
        _ => text.parse().ok(),
    }
}

/// The label field is shown as its 24 bits.
fn pmsi(attribute: &Value) -> Option<PmsiFacts> {
    let [_, octets @ ..] = number::<u32>(attribute, "label").unwrap_or(0).to_be_bytes();
    Some(PmsiFacts {
        tunnel: number(attribute, "tunnel-type")?,
        field: LabelField(octets),
        endpoint: text(attribute, "tunnel-id"),
    })
}

fn as_path(attribute: &Value) -> String {
    let segment = |segment: &Value| {
        let numbers: Vec<String> = list(segment, "asns").map(ToString::to_string).collect();
        let numbers = numbers.join(" ");
        match number::<u8>(segment, "segment_type") {
            Some(1) => format!("{{{numbers}}}"),
            Some(3) => format!("({numbers})"),
            Some(4) => format!("[{numbers}]"),
            _ => numbers,
        }
    };
    let segments: Vec<String> = list(attribute, "as_paths").map(segment).collect();
    segments.join(" ")
}
