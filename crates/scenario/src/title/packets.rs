//! Packets and routes.

use super::text;
use crate::amount::Amount;
use crate::file::{At, BgpFile, LayerFile, NumberOrWord, PacketsFile, RoutePatternFile};

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
    words.join(" ")
}

pub(super) fn described(typed: &PacketsFile, amount: Amount) -> String {
    let layers: Vec<String> = typed.layers.value.iter().map(layer).collect();
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
        how_many(amount, &layers.join(" / ")),
        outside.unwrap_or_default(),
    )
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
        LayerFile::Bgp(message) => match &**message {
            BgpFile::Open => "bgp open".into(),
            BgpFile::Keepalive => "bgp keepalive".into(),
            BgpFile::Notification => "bgp notification".into(),
            BgpFile::RouteRefresh => "bgp route-refresh".into(),
            BgpFile::Update(typed) => format!("bgp update of a {}", pattern(typed)),
            BgpFile::Withdraw(typed) => format!("bgp withdraw of a {}", pattern(typed)),
        },
    }
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
