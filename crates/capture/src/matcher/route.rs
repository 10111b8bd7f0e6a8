//! A route against its pattern.

use std::fmt::Display;

use scenario::RoutePattern;

use super::fields::{Difference, Fields, or_none};
use crate::facts::RouteFacts;

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

/// Compares what the NLRI itself holds.
pub(super) fn compare_nlri(fields: &mut Fields, pattern: &RoutePattern, route: &RouteFacts) {
    fields.check("family", pattern.family, route.family);
    fields.check_optional("type", pattern.route_type, route.route_type);
    fields.check_optional("mac", pattern.mac, route.mac);
    fields.check_optional("ip", pattern.ip, route.ip);
    fields.check_optional("prefix", pattern.prefix, route.prefix);
    fields.check_optional("rd", pattern.rd, route.rd);
}

/// Compares what the rest of the UPDATE says about the route.
pub(super) fn compare_attributes(fields: &mut Fields, pattern: &RoutePattern, route: &RouteFacts) {
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
