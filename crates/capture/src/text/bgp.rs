//! A BGP message in a few words.

use std::fmt::Write as _;

use bgp_wire::community::Encapsulation;
use bgp_wire::nlri::EvpnRoute;
use bgp_wire::{
    Family, LabelField, Message, Nlri, NlriValue, Notification, Open, PathAttributes, Update,
};

/// At most this many routes of an UPDATE are written out.
const ROUTES_SHOWN: usize = 3;

/// The message's name and what matters in it: `UPDATE l2vpn/evpn type 2 rd ... next-hop ... rt
/// ...`.
pub fn message(message: &Message) -> String {
    match message {
        Message::Open(message) => open(message),
        Message::Update(message) => update(message),
        Message::Notification(message) => notification(message),
        Message::Keepalive => "KEEPALIVE".to_owned(),
        Message::RouteRefresh(refresh) => match refresh.subtype {
            0 => format!("ROUTE-REFRESH {}", refresh.family),
            subtype => format!("ROUTE-REFRESH {} subtype {subtype}", refresh.family),
        },
    }
}

fn open(open: &Open) -> String {
    let families: Vec<String> = open.families().iter().map(Family::to_string).collect();
    format!(
        "OPEN as {} id {} hold {} families {}",
        open.asn(),
        open.router_id,
        open.hold_time,
        if families.is_empty() {
            "none".to_owned()
        } else {
            families.join(" ")
        }
    )
}

fn notification(notification: &Notification) -> String {
    format!("NOTIFICATION {notification}")
}

fn update(update: &Update) -> String {
    if let Some(family) = update.end_of_rib() {
        return format!("UPDATE {family} end of RIB");
    }
    let mut text = "UPDATE".to_owned();
    let uses_vni = update
        .attributes
        .encapsulations()
        .contains(&Encapsulation::Vxlan);
    for (family, nlri) in &update.unreach {
        let _ = write!(text, " withdraw {family} {}", routes(nlri, None));
    }
    for (family, next_hop, nlri) in &update.reach {
        let _ = write!(text, " {family} {}", routes(nlri, Some(uses_vni)));
        if let Some(address) = next_hop.address() {
            let _ = write!(text, " next-hop {address}");
        }
    }
    if !update.reach.is_empty() {
        text.push_str(&attributes(&update.attributes, uses_vni));
    }
    for verdict in &update.verdicts {
        let _ = write!(text, " ({})", verdict.defect);
    }
    text
}

/// What a route is about, by family, without what may change of it: `l2vpn/evpn type 2 rd ... mac ...`.
pub fn destination(nlri: &Nlri) -> String {
    format!("{} {}", nlri.family, route(nlri, None))
}

fn attributes(attributes: &PathAttributes, uses_vni: bool) -> String {
    let mut text = String::new();
    if let Some(pmsi) = attributes.pmsi() {
        let _ = write!(text, " pmsi {}", label(pmsi.label, Some(uses_vni)));
        if let Some(endpoint) = pmsi.ingress_replication() {
            let _ = write!(text, " to {endpoint}");
        }
    }
    let targets: Vec<String> = attributes
        .route_targets()
        .iter()
        .map(ToString::to_string)
        .collect();
    if !targets.is_empty() {
        let _ = write!(text, " rt {}", targets.join(","));
    }
    for community in attributes.extended_communities() {
        if let Some(mobility) = community.mac_mobility() {
            let _ = write!(text, " mobility {}", mobility.sequence);
        } else if community.route_target().is_none() {
            let _ = write!(text, " {community}");
        }
    }
    text
}

/// The routes, the first few in full. `uses_vni` says how a label reads; `None` leaves labels out,
/// as in a withdrawal, where they mean nothing.
fn routes(nlri: &[Nlri], uses_vni: Option<bool>) -> String {
    let shown = nlri
        .iter()
        .take(ROUTES_SHOWN)
        .map(|nlri| route(nlri, uses_vni));
    let mut text = shown.collect::<Vec<_>>().join(", ");
    if nlri.len() > ROUTES_SHOWN {
        let _ = write!(text, " and {} more", nlri.len() - ROUTES_SHOWN);
    }
    text
}

/// One route, without its family.
fn route(nlri: &Nlri, uses_vni: Option<bool>) -> String {
    let path = nlri
        .path_id
        .map(|id| format!("path {id} "))
        .unwrap_or_default();
    let text = match nlri.value() {
        Ok(NlriValue::Evpn(route)) => evpn(&route, uses_vni),
        Ok(NlriValue::Vpn(route)) => {
            let labels = route.labels.iter().filter(|_| uses_vni.is_some());
            let labels: Vec<String> = labels.map(|l| format!(" label {}", l.label())).collect();
            format!("{} rd {}{}", route.prefix, route.rd, labels.concat())
        }
        Ok(NlriValue::Rtc(route)) if route.is_default() => "default".to_owned(),
        Ok(NlriValue::Rtc(route)) => match route.route_target() {
            Some(target) => format!("as {} rt {target}", route.origin_as),
            None => format!("as {} first {} bits", route.origin_as, route.bits),
        },
        Ok(NlriValue::Unicast(prefix)) => prefix.to_string(),
        Ok(NlriValue::Flowspec(rules)) => format!("{} components", rules.components.len()),
        Ok(NlriValue::FlowspecVpn { rd, rules }) => {
            format!("rd {rd} {} components", rules.components.len())
        }
        Ok(NlriValue::Opaque { bytes, .. }) => format!("{} octets", bytes.len()),
        Err(error) => format!("({error})"),
    };
    format!("{path}{text}")
}

fn evpn(route: &EvpnRoute, uses_vni: Option<bool>) -> String {
    let with_label = |text: String, field: LabelField| match uses_vni {
        Some(_) => format!("{text} {}", label(field, uses_vni)),
        None => text,
    };
    match route {
        EvpnRoute::EthernetAutoDiscovery {
            rd,
            esi,
            ethernet_tag,
            label,
        } => with_label(
            format!("type 1 rd {rd} esi {esi} tag {ethernet_tag}"),
            *label,
        ),
        EvpnRoute::MacIp {
            rd,
            mac,
            ip,
            label1,
            ..
        } => {
            let ip = ip.map(|ip| format!(" ip {ip}")).unwrap_or_default();
            with_label(format!("type 2 rd {rd} mac {mac}{ip}"), *label1)
        }
        EvpnRoute::InclusiveMulticast { rd, originator, .. } => {
            format!("type 3 rd {rd} from {originator}")
        }
        EvpnRoute::EthernetSegment {
            rd,
            esi,
            originator,
        } => {
            format!("type 4 rd {rd} esi {esi} from {originator}")
        }
        EvpnRoute::IpPrefix {
            rd, prefix, label, ..
        } => with_label(format!("type 5 rd {rd} {prefix}"), *label),
        EvpnRoute::Unknown { kind, data } => format!("type {kind} {} octets", data.len()),
    }
}

fn label(field: LabelField, uses_vni: Option<bool>) -> String {
    match uses_vni {
        Some(true) => format!("vni {}", field.vni()),
        _ => format!("label {}", field.label()),
    }
}
