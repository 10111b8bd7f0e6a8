//! A BGP message against its matcher.

use std::fmt::Display;
use std::net::IpAddr;

use bgp_wire::nlri::EvpnRoute;
use bgp_wire::types::IpPrefix;
use bgp_wire::{MacAddr, Message, Nlri, NlriValue, PathAttributes, RouteDistinguisher};
use scenario::RoutePattern;
use scenario::packet::BgpMatcher;

use super::fields::{Difference, Fields, or_none};
use crate::advertised::vni;
use crate::bgp::{BgpEvent, BgpMessage};
use crate::text;

/// How a route compares with a pattern, wherever it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteComparison {
    /// How many of the fields asked for agree.
    pub agreed: usize,
    /// The first that does not; none for a match.
    pub difference: Option<Difference>,
}

/// Compares a route that a speaker holds with `pattern`.
pub fn compare_route(
    pattern: &RoutePattern,
    nlri: &Nlri,
    next_hop: Option<IpAddr>,
    attributes: &PathAttributes,
) -> RouteComparison {
    let mut fields = Fields::default();
    compare_nlri(&mut fields, pattern, nlri);
    compare_attributes(&mut fields, pattern, nlri, next_hop, attributes);
    RouteComparison {
        agreed: fields.agreed,
        difference: fields.difference,
    }
}

/// Compares a message with `matcher`. Of several routes the one that comes closest counts.
pub(super) fn compare(matcher: &BgpMatcher, event: &BgpEvent) -> Fields {
    let of_kind = |wanted: &str, is: bool| {
        let difference = (!is).then(|| Difference {
            field: "message".to_owned(),
            expected: wanted.to_owned(),
            seen: text::bgp_message(&event.message),
        });
        Fields {
            agreed: usize::from(is),
            difference,
        }
    };
    let BgpMessage::Whole(message) = &event.message else {
        return of_kind("a message that can be read", false);
    };
    const ANNOUNCES: &str = "an UPDATE that announces";
    const WITHDRAWS: &str = "an UPDATE that withdraws";
    match (matcher, message) {
        (BgpMatcher::Open, m) => of_kind("OPEN", matches!(m, Message::Open(_))),
        (BgpMatcher::Keepalive, m) => of_kind("KEEPALIVE", matches!(m, Message::Keepalive)),
        (BgpMatcher::Notification, m) => {
            of_kind("NOTIFICATION", matches!(m, Message::Notification(_)))
        }
        (BgpMatcher::RouteRefresh, m) => {
            of_kind("ROUTE-REFRESH", matches!(m, Message::RouteRefresh(_)))
        }
        (BgpMatcher::Update(pattern), Message::Update(update)) => {
            let announced = update.reach.iter().flat_map(|(_, next_hop, nlri)| {
                nlri.iter().map(move |nlri| (nlri, next_hop.address()))
            });
            let compared = announced.map(|(nlri, next_hop)| {
                let mut fields = of_kind(ANNOUNCES, true);
                compare_nlri(&mut fields, pattern, nlri);
                compare_attributes(&mut fields, pattern, nlri, next_hop, &update.attributes);
                fields
            });
            closest(compared).unwrap_or_else(|| of_kind(ANNOUNCES, false))
        }
        (BgpMatcher::Withdraw(pattern), Message::Update(update)) => {
            let compared = update
                .unreach
                .iter()
                .flat_map(|(_, nlri)| nlri)
                .map(|nlri| {
                    let mut fields = of_kind(WITHDRAWS, true);
                    compare_nlri(&mut fields, pattern, nlri);
                    fields
                });
            closest(compared).unwrap_or_else(|| of_kind(WITHDRAWS, false))
        }
        (BgpMatcher::Update(_), _) => of_kind(ANNOUNCES, false),
        (BgpMatcher::Withdraw(_), _) => of_kind(WITHDRAWS, false),
    }
}

/// A full match if there is one, else the one with the most fields agreeing.
fn closest(compared: impl Iterator<Item = Fields>) -> Option<Fields> {
    compared.max_by_key(|fields| (fields.all_agree(), fields.agreed))
}

/// Compares what the NLRI itself holds.
fn compare_nlri(fields: &mut Fields, pattern: &RoutePattern, nlri: &Nlri) {
    let facts = Facts::of(nlri);
    fields.check("family", pattern.family, nlri.family);
    fields.check_optional("type", pattern.route_type, facts.route_type);
    fields.check_optional("mac", pattern.mac, facts.mac);
    fields.check_optional("ip", pattern.ip, facts.ip);
    fields.check_optional("prefix", pattern.prefix, facts.prefix);
    fields.check_optional("rd", pattern.rd, facts.rd);
}

/// Compares what the rest of the UPDATE says about the route.
fn compare_attributes(
    fields: &mut Fields,
    pattern: &RoutePattern,
    nlri: &Nlri,
    next_hop: Option<IpAddr>,
    attributes: &PathAttributes,
) {
    fields.check_optional("next_hop", pattern.next_hop, next_hop);
    if pattern.vni.is_some() {
        let seen = nlri.value().ok().and_then(|value| vni(&value, attributes));
        fields.check_optional("vni", pattern.vni, seen);
    }
    if !pattern.route_targets.is_empty() {
        let seen = attributes.route_targets();
        for wanted in &pattern.route_targets {
            fields.note("rt", seen.contains(wanted), || {
                (wanted.to_string(), list(&seen))
            });
        }
    }
    if let Some(wanted) = pattern.encapsulation {
        let seen = attributes.encapsulations();
        let agrees = seen
            .iter()
            .any(|seen| seen.number() == wanted.tunnel_type());
        fields.note("encap", agrees, || (wanted.to_string(), list(&seen)));
    }
}

fn list<T: Display>(items: &[T]) -> String {
    match items {
        [] => or_none::<T>(None),
        items => items.iter().map(T::to_string).collect::<Vec<_>>().join(" "),
    }
}

/// The fields of an NLRI that a pattern can ask for.
#[derive(Default)]
struct Facts {
    route_type: Option<u8>,
    mac: Option<MacAddr>,
    ip: Option<IpAddr>,
    prefix: Option<IpPrefix>,
    rd: Option<RouteDistinguisher>,
}

impl Facts {
    fn of(nlri: &Nlri) -> Self {
        match nlri.value() {
            Ok(NlriValue::Evpn(route)) => Self::of_evpn(&route),
            Ok(NlriValue::Vpn(route)) => Self::of_prefix(route.prefix).in_vpn(None, route.rd),
            Ok(NlriValue::Unicast(prefix)) => Self::of_prefix(prefix),
            Ok(NlriValue::FlowspecVpn { rd, .. }) => Self::default().in_vpn(None, rd),
            _ => Self::default(),
        }
    }

    fn of_prefix(prefix: IpPrefix) -> Self {
        let ip = prefix.is_host().then(|| prefix.address());
        Self {
            ip,
            prefix: Some(prefix),
            ..Self::default()
        }
    }

    fn of_evpn(route: &EvpnRoute) -> Self {
        let of_ip = |ip| Self {
            ip,
            ..Self::default()
        };
        match *route {
            EvpnRoute::EthernetAutoDiscovery { rd, .. } => Self::default().in_vpn(Some(1), rd),
            EvpnRoute::MacIp { rd, mac, ip, .. } => Self {
                mac: Some(mac),
                ..of_ip(ip)
            }
            .in_vpn(Some(2), rd),
            EvpnRoute::InclusiveMulticast { rd, originator, .. } => {
                of_ip(Some(originator)).in_vpn(Some(3), rd)
            }
            EvpnRoute::EthernetSegment { rd, originator, .. } => {
                of_ip(Some(originator)).in_vpn(Some(4), rd)
            }
            EvpnRoute::IpPrefix { rd, prefix, .. } => Self::of_prefix(prefix).in_vpn(Some(5), rd),
            EvpnRoute::Unknown { kind, .. } => Self {
                route_type: Some(kind),
                ..Self::default()
            },
        }
    }

    fn in_vpn(self, route_type: Option<u8>, rd: RouteDistinguisher) -> Self {
        Self {
            route_type,
            rd: Some(rd),
            ..self
        }
    }
}
