//! Packets and routes.

use super::text;
use crate::amount::Amount;
use crate::file::{
    At, BgpFile, BgpMessageFile, LayerFile, NumberOrWord, PacketsFile, RoutePatternFile, ThenFile,
};
use crate::route::RouteField;

/// `packet`, `no packet`, `3 times packet`.
pub(super) fn how_many(amount: Amount, what: &str) -> String {
    match amount {
        Amount::SOME => what.into(),
        Amount::NONE => format!("no {what}"),
        _ => format!("{amount} times {what}"),
    }
}

/// `evpn type 2 route for vm-a via compute-a`.
pub(super) fn pattern(typed: &RoutePatternFile) -> String {
    let mut words = Vec::new();
    words.extend(text(&typed.family));
    words.extend(
        typed
            .route_type
            .as_ref()
            .map(|number| format!("type {}", number.value)),
    );
    words.push("route".into());
    let mut about = [&typed.ip, &typed.prefix, &typed.mac].map(text).to_vec();
    about.retain(Option::is_some);
    about.dedup();
    words.extend(
        about
            .into_iter()
            .flatten()
            .map(|what| format!("for {what}")),
    );
    words.extend(text(&typed.next_hop).map(|hop| format!("via {hop}")));
    words.extend(typed.rt.0.iter().map(|rt| format!("rt {}", rt.value)));
    // Of the rest what is asked for, not which value: a line has no room for more.
    let told = [
        RouteField::Type,
        RouteField::Ip,
        RouteField::Prefix,
        RouteField::Mac,
        RouteField::NextHop,
        RouteField::Rt,
    ];
    let given = typed.given().into_iter().map(|(field, _)| field);
    let others: Vec<&str> = given
        .filter(|field| !told.contains(field))
        .map(RouteField::name)
        .collect();
    if !others.is_empty() {
        words.push(format!("with {}", others.join(", ")));
    }
    if !typed.lacks.0.is_empty() {
        let lacks: Vec<&str> = typed
            .lacks
            .0
            .iter()
            .map(|word| word.value.as_str())
            .collect();
        words.push(format!("without {}", lacks.join(", ")));
    }
    words.join(" ")
}

pub(super) fn described(typed: &PacketsFile, amount: Amount) -> String {
    let mut what = match (&typed.layers, &typed.tshark) {
        (Some(typed), _) => layers(&typed.value),
        (None, Some(filter)) => format!("tshark `{}`", filter.value),
        (None, None) => String::new(),
    };
    for ThenFile { layers: after, .. } in typed.then.iter().flat_map(|then| &then.value) {
        what.push_str(", then ");
        what.push_str(&layers(&after.value));
    }
    let since = typed
        .since
        .as_ref()
        .map(|since| format!(" since {}", since.value));
    let outside = typed
        .outside
        .as_ref()
        .map(|layer| format!(" outside {}", layer.value));
    format!(
        "in {}{}: {}{}",
        typed.capture.value,
        since.unwrap_or_default(),
        how_many(amount, &what),
        outside.unwrap_or_default(),
    )
}

fn layers(typed: &[LayerFile]) -> String {
    let layers: Vec<String> = typed.iter().map(layer).collect();
    layers.join(" / ")
}

fn layer(typed: &LayerFile) -> String {
    match typed {
        LayerFile::Ethernet(layer) => arrow("ethernet", &layer.src, &layer.dst),
        LayerFile::Arp(layer) => arrow("arp", &layer.sender_ip, &layer.target_ip),
        LayerFile::Ipv4(layer) => arrow("ipv4", &layer.src, &layer.dst),
        LayerFile::Ipv6(layer) => arrow("ipv6", &layer.src, &layer.dst),
        LayerFile::Icmp(layer) => word("icmp", layer.kind.as_ref()),
        LayerFile::Udp(_) => "udp".into(),
        LayerFile::Tcp(_) => "tcp".into(),
        LayerFile::Vxlan(layer) => word("vxlan", layer.vni.as_ref()),
        LayerFile::Mpls(_) => "mpls".into(),
        LayerFile::Gre(_) => "gre".into(),
        LayerFile::Bgp(message) => match &message.value {
            BgpFile::Word(word) => format!("bgp {word}"),
            BgpFile::Table(table) => bgp(table),
        },
    }
}

fn bgp(typed: &BgpMessageFile) -> String {
    let ends = match (&typed.from, &typed.to) {
        (None, None) => String::new(),
        (from, to) => arrow("", from, to),
    };
    let kind = if let Some(update) = &typed.update {
        format!(" update of a {}", pattern(&update.value))
    } else if let Some(withdraw) = &typed.withdraw {
        format!(" withdraw of a {}", pattern(&withdraw.value))
    } else {
        let words = [
            (typed.open.is_some(), " open"),
            (typed.keepalive.is_some(), " keepalive"),
            (typed.notification.is_some(), " notification"),
            (typed.route_refresh.is_some(), " route-refresh"),
            (typed.end_of_rib.is_some(), " end-of-rib"),
        ];
        let word = words.iter().find(|(given, _)| *given);
        word.map_or("", |(_, word)| word).into()
    };
    format!("bgp{ends}{kind}")
}

fn arrow(name: &str, from: &Option<At<String>>, to: &Option<At<String>>) -> String {
    match (text(from), text(to)) {
        (None, None) => name.into(),
        (from, to) => {
            let any = || "any".to_string();
            format!(
                "{name} {} -> {}",
                from.unwrap_or_else(any),
                to.unwrap_or_else(any)
            )
        }
    }
}

fn word(name: &str, typed: Option<&At<NumberOrWord>>) -> String {
    match typed.map(|typed| &typed.value) {
        None => name.into(),
        Some(NumberOrWord::Number(number)) => format!("{name} {number}"),
        Some(NumberOrWord::Word(word)) => format!("{name} {word}"),
    }
}
