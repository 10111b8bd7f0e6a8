//! Routes as text, in the form the looking glass has always had.

use std::fmt::Write as _;

use bgp_wire::attribute::{PmsiTunnel, code};
use bgp_wire::nlri::{EvpnRoute, RtcRoute, VpnRoute};
use bgp_wire::{AttributeValue, Esi, Family, LabelField, NlriValue};
use serde::{Serialize, Serializer};

use crate::{Route, WorkerId};

/// Octets that most texts of an NLRI fit in: a looking glass makes one for each of very many routes.
const ROOM: usize = 112;

/// As a MAC is shown.
const DIGITS: [char; 16] = [
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
];

/// A route in display form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RouteView {
    /// What names it, see [`nlri_text`].
    pub nlri: String,
    /// The family.
    #[serde(rename = "afi-safi")]
    pub family: Family,
    /// Attribute names and texts, in the order to show. ORIGIN and AS_PATH are left out.
    #[serde(serialize_with = "as_map")]
    pub attributes: Vec<(String, String)>,
    /// Address of the next hop; none for Flowspec.
    pub next_hop: Option<String>,
    /// Who published it.
    pub source: WorkerId,
    /// The route targets, sorted; none for families that have none.
    pub route_targets: Option<Vec<String>>,
}

impl RouteView {
    /// The route as `source` published it.
    pub fn new(source: WorkerId, route: &Route) -> Self {
        let family = route.family();
        let has_targets = [Family::VPNV4, Family::VPNV6, Family::EVPN].contains(&family);
        let targets = || {
            let targets = route.route_targets();
            targets
                .iter()
                .map(|target| format!("target:{target}"))
                .collect()
        };
        Self {
            nlri: nlri_text(route),
            family,
            attributes: attribute_texts(source, route),
            next_hop: route
                .next_hop()
                .address()
                .map(|address| address.to_string()),
            source,
            route_targets: has_targets.then(targets),
        }
    }
}

fn as_map<S: Serializer>(pairs: &[(String, String)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(name, text)| (name, text)))
}

/// The NLRI of a route, with next hop and label where the form has them. NLRI that cannot be read are shown as
/// their family and octets.
pub fn nlri_text(route: &Route) -> String {
    match route.nlri().value() {
        Ok(NlriValue::Evpn(evpn)) => evpn_text(&evpn).unwrap_or_else(|| opaque_text(route)),
        Ok(NlriValue::Vpn(vpn)) => vpn_text(&vpn, route),
        Ok(NlriValue::Rtc(rtc)) => rtc_text(&rtc),
        Ok(NlriValue::FlowspecVpn { rd, rules }) => format!("flow {rules} rd {rd}"),
        Ok(NlriValue::Unicast(prefix)) => match route.next_hop().address() {
            Some(next_hop) => format!("{prefix} next-hop {next_hop}"),
            None => prefix.to_string(),
        },
        _ => opaque_text(route),
    }
}

fn opaque_text(route: &Route) -> String {
    let mut text = format!("{} 0x", route.family());
    for octet in route.nlri().bytes.iter() {
        let _ = write!(text, "{octet:02x}");
    }
    text
}

fn vpn_text(vpn: &VpnRoute, route: &Route) -> String {
    let mut text = String::with_capacity(ROOM);
    let _ = write!(text, "{} label ", vpn.prefix);
    match vpn.labels.as_slice() {
        [only] => {
            let _ = write!(text, "{}", only.label());
        }
        labels => {
            let labels = labels.iter().map(|field| field.label().to_string());
            text.push_str(&bracketed(&labels.collect::<Vec<_>>()));
        }
    }
    let _ = match route.next_hop().address() {
        Some(address) => write!(text, " next-hop {address} rd {}", vpn.rd),
        None => write!(text, " next-hop None rd {}", vpn.rd),
    };
    text
}

fn rtc_text(rtc: &RtcRoute) -> String {
    if rtc.is_default() {
        return "rtc wildcard".to_owned();
    }
    match rtc.route_target() {
        Some(target) => format!("rtc {}:target:{target}", rtc.origin_as),
        None => {
            let target = u64::from_be_bytes(rtc.target);
            format!("rtc {}:0x{target:016x}/{}", rtc.origin_as, rtc.bits)
        }
    }
}

fn evpn_text(evpn: &EvpnRoute) -> Option<String> {
    Some(match evpn {
        EvpnRoute::EthernetAutoDiscovery {
            rd,
            esi,
            ethernet_tag,
            label,
        } => {
            format!(
                "evpn:ethernetad::{rd}:{}:{ethernet_tag}: {}",
                esi_text(esi),
                label_text(*label)
            )
        }
        EvpnRoute::MacIp {
            rd,
            esi,
            ethernet_tag,
            mac,
            ip,
            label1,
            ..
        } => {
            let mut text = String::with_capacity(ROOM);
            let _ = write!(text, "evpn:macadv::{rd}:");
            match esi.is_zero() {
                true => text.push('-'),
                false => text.push_str(&esi_text(esi)),
            }
            let _ = write!(text, ":{ethernet_tag}");
            for octet in mac.0 {
                let digits = [octet >> 4, octet & 15].map(|digit| DIGITS[usize::from(digit)]);
                text.extend([':', digits[0], digits[1]]);
            }
            text.push_str("/48:");
            if let Some(ip) = ip {
                let _ = write!(text, "{ip}");
            }
            let _ = write!(text, ": label {} ({})", label1.label(), label1.raw());
            text
        }
        EvpnRoute::InclusiveMulticast {
            rd,
            ethernet_tag,
            originator,
        } => {
            format!("evpn:multicast::{rd}:{ethernet_tag}:{originator}")
        }
        EvpnRoute::EthernetSegment {
            rd,
            esi,
            originator,
        } => {
            format!("evpn:ethernetsegment::{rd}:{}:{originator}", esi_text(esi))
        }
        EvpnRoute::IpPrefix {
            rd,
            esi,
            ethernet_tag,
            prefix,
            gateway,
            label,
        } => {
            let (esi, label) = (esi_text(esi), label_text(*label));
            format!("evpn:prefix::{rd}:{esi}:{ethernet_tag}:{prefix}:{gateway}: {label}")
        }
        EvpnRoute::Unknown { .. } => return None,
    })
}

fn esi_text(esi: &Esi) -> String {
    if esi.is_zero() {
        "-".to_owned()
    } else {
        esi.to_string()
    }
}

/// Both readings of the field, because the NLRI does not tell a VNI from a label.
fn label_text(field: LabelField) -> String {
    format!("label {} ({})", field.label(), field.raw())
}

fn attribute_texts(source: WorkerId, route: &Route) -> Vec<(String, String)> {
    let attributes = &route.attributes();
    let text = |code| {
        let text = match &attributes.get(code)?.value {
            AttributeValue::LocalPref(n) | AttributeValue::Med(n) => n.to_string(),
            AttributeValue::ExtendedCommunities(communities) => {
                let mut communities = communities.clone();
                communities.sort_unstable();
                bracketed(
                    &communities
                        .iter()
                        .map(ToString::to_string)
                        .collect::<Vec<_>>(),
                )
            }
            AttributeValue::Pmsi(pmsi) => pmsi_text(pmsi, source),
            AttributeValue::OriginatorId(id) => id.to_string(),
            AttributeValue::ClusterList(ids) => {
                bracketed(&ids.iter().map(ToString::to_string).collect::<Vec<_>>())
            }
            AttributeValue::Communities(values) => {
                let pair = |value: &u32| format!("{}:{}", value >> 16, value & 0xffff);
                bracketed(&values.iter().map(pair).collect::<Vec<_>>())
            }
            _ => return None,
        };
        Some(text)
    };
    let shown = [
        ("local-preference", code::LOCAL_PREF),
        ("extended-community", code::EXTENDED_COMMUNITIES),
        ("pmsi-tunnel", code::PMSI),
        ("originator-id", code::ORIGINATOR_ID),
        ("cluster-list", code::CLUSTER_LIST),
        ("med", code::MED),
        ("community", code::COMMUNITIES),
    ];
    let texts = shown
        .iter()
        .filter_map(|(name, code)| Some(((*name).to_owned(), text(*code)?)));
    texts.collect()
}

/// Own tunnels carry a VNI and no label, so their label reading is shown as 0.
fn pmsi_text(pmsi: &PmsiTunnel, source: WorkerId) -> String {
    let label = if source.is_peer() {
        pmsi.label.label().get()
    } else {
        0
    };
    let raw = pmsi.label.raw();
    match pmsi.ingress_replication() {
        Some(endpoint) => {
            format!(
                "pmsi:ingressreplication:{}:{label}({raw}):{endpoint}",
                pmsi.flags
            )
        }
        None if pmsi.kind == 0 => format!("pmsi:notunnel:{}:{label}({raw}):", pmsi.flags),
        None => format!("pmsi:{}:{}:{label}({raw}):", pmsi.kind, pmsi.flags),
    }
}

/// `[ a b ]`; a single one stands alone.
fn bracketed(texts: &[String]) -> String {
    match texts {
        [only] => only.clone(),
        _ => format!("[ {} ]", texts.join(" ")),
    }
}
