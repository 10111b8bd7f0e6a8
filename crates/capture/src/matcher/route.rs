//! A BGP message against its matcher.

use std::fmt::Display;

use bgp_wire::Message;
use scenario::RoutePattern;
use scenario::packet::BgpMatcher;

use super::fields::{Difference, Fields, or_none};
use crate::bgp::{BgpEvent, BgpMessage};
use crate::facts::RouteFacts;
use crate::text;

/// How a route compares with a pattern, wherever it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteComparison {
    /// How many of the fields asked for agree.
    pub agreed: usize,
    /// The first that does not; none for a match.
    pub difference: Option<Difference>,
}

/// Compares a route with `pattern`: one from octets and one that a program told of in its own words
/// are judged alike.
pub fn compare_route(pattern: &RoutePattern, route: &RouteFacts) -> RouteComparison {
    let mut fields = Fields::default();
    compare_nlri(&mut fields, pattern, route);
    compare_attributes(&mut fields, pattern, route);
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
                let route = RouteFacts::of(nlri, next_hop, &update.attributes);
                compare_nlri(&mut fields, pattern, &route);
                compare_attributes(&mut fields, pattern, &route);
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
                    compare_nlri(&mut fields, pattern, &RouteFacts::of_nlri(nlri));
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
fn compare_nlri(fields: &mut Fields, pattern: &RoutePattern, route: &RouteFacts) {
    fields.check("family", pattern.family, route.family);
    fields.check_optional("type", pattern.route_type, route.route_type);
    fields.check_optional("mac", pattern.mac, route.mac);
    fields.check_optional("ip", pattern.ip, route.ip);
    fields.check_optional("prefix", pattern.prefix, route.prefix);
    fields.check_optional("rd", pattern.rd, route.rd);
}

/// Compares what the rest of the UPDATE says about the route.
fn compare_attributes(fields: &mut Fields, pattern: &RoutePattern, route: &RouteFacts) {
    if let Some(wanted) = &pattern.next_hop {
        let agrees = route.next_hop.is_some_and(|seen| wanted.has(seen));
        let seen = route.next_hop.map(|seen| seen.to_canonical());
        fields.note("next_hop", agrees, || {
            (wanted.to_string(), or_none(seen.as_ref()))
        });
    }
    fields.check_optional("vni", pattern.vni, route.vni);
    let targets = &route.route_targets;
    for wanted in &pattern.route_targets {
        fields.note("rt", targets.contains(wanted), || {
            (wanted.to_string(), list(targets))
        });
    }
    if let Some(wanted) = pattern.encapsulation {
        let seen = &route.encapsulations;
        let agrees = seen
            .iter()
            .any(|seen| seen.number() == wanted.tunnel_type());
        fields.note("encap", agrees, || (wanted.to_string(), list(seen)));
    }
}

fn list<T: Display>(items: &[T]) -> String {
    match items {
        [] => or_none::<T>(None),
        items => items.iter().map(T::to_string).collect::<Vec<_>>().join(" "),
    }
}

#[cfg(test)]
mod tests {
    use bgp_wire::Family;
    use scenario::OneOf;

    use super::*;

    #[test]
    fn a_mapped_next_hop_is_that_of_ipv4() {
        let route = RouteFacts {
            next_hop: "::ffff:10.0.0.2".parse().ok(),
            ..RouteFacts::new(Family::VPNV6)
        };
        let asked = |addresses: &[&str]| RoutePattern {
            next_hop: Some(OneOf::new(addresses.iter().flat_map(|a| a.parse()))),
            ..RoutePattern::default()
        };
        for addresses in [&["10.0.0.2"][..], &["fd00::2", "10.0.0.2"]] {
            let like = compare_route(&asked(addresses), &route);
            assert_eq!((like.agreed, like.difference), (1, None));
        }
        let other = compare_route(&asked(&["10.0.0.3", "fd00::2"]), &route);
        let said = other.difference.map(|d| (d.expected, d.seen));
        let (expected, seen) = ("10.0.0.3 or fd00::2", "10.0.0.2");
        assert_eq!(said, Some((expected.into(), seen.into())));
    }
}
