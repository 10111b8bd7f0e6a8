//! Facts.

use super::packets::{described, how_many, pattern};
use super::text;
use crate::expect::Fact;
use crate::file::ExpectFile;

pub(super) fn fact(typed: &ExpectFile, fact: &Fact) -> String {
    match fact {
        Fact::Session(session) => {
            let (on, peer) = match &typed.session {
                Some(session) => (
                    session.value.on.value.as_str(),
                    session.value.peer.value.as_str(),
                ),
                None => ("", ""),
            };
            format!("the session {on} -> {peer} {}", session.state.name())
        }
        Fact::Route(route) => {
            let Some(typed) = &typed.route else {
                return String::new();
            };
            let on = &typed.value.on.value;
            let vpn = typed
                .value
                .vpn
                .as_ref()
                .map(|vpn| format!(" in {}", vpn.value));
            let from = typed.value.from.as_ref();
            let from = from.map(|peer| format!(" from {}", peer.value));
            let to = typed.value.to.as_ref();
            let to = to.map(|peer| format!(" told to {}", peer.value));
            let what = pattern(&typed.value.pattern());
            format!(
                "on {on}{}{}{}: {}",
                vpn.unwrap_or_default(),
                from.unwrap_or_default(),
                to.unwrap_or_default(),
                how_many(route.amount, &what)
            )
        }
        Fact::Packets(packets) => {
            let Some(typed) = &typed.packets else {
                return String::new();
            };
            described(&typed.value, packets.amount)
        }
        Fact::Forwarding(entry) => {
            let Some(typed) = &typed.forwarding else {
                return String::new();
            };
            let (vpn, on) = (&typed.value.vpn.value, &typed.value.on.value);
            let to = text(&typed.value.mac).or_else(|| text(&typed.value.ip));
            let to = to.unwrap_or_default();
            let hop = typed
                .value
                .next_hop
                .as_ref()
                .map(|hop| format!(" to {}", hop.value));
            let hop = hop.unwrap_or_default();
            let vni = typed.value.vni.as_ref();
            let vni = vni.map_or_else(String::new, |vni| format!(" with VNI {}", vni.value));
            format!(
                "{} forwarding entry for {to}{hop}{vni} in {vpn} on {on}",
                article(entry.absent)
            )
        }
        Fact::Traffic(traffic) => {
            let Some(typed) = &typed.traffic else {
                return String::new();
            };
            super::traffic::figures(&typed.value, &traffic.bounds)
        }
        Fact::Neighbour(entry) => {
            let Some(typed) = &typed.neighbour else {
                return String::new();
            };
            let (ip, on) = (&typed.value.ip.value, &typed.value.on.value);
            let vpn = text(&typed.value.vpn);
            let vpn = vpn.map(|vpn| format!(" in {vpn}")).unwrap_or_default();
            format!(
                "{} neighbour entry for {ip}{vpn} on {on}",
                article(entry.absent)
            )
        }
        fact => super::node::fact(typed, fact),
    }
}

pub(super) fn article(absent: bool) -> &'static str {
    if absent { "no" } else { "a" }
}
