//! A route against its pattern.

use std::fmt::Display;
use std::net::IpAddr;

use bgp_wire::{Family, Label};
use scenario::route::{origin_word, pmsi_word};
use scenario::{OneOf, PmsiPattern, RouteField, RoutePattern};

use super::fields::{Difference, Fields, or_none};
use crate::facts::{PmsiFacts, RouteFacts};

/// How a route compares with a pattern, wherever it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteComparison {
    /// Whether it is a route to what was asked for: all fields of the NLRI agree.
    pub same_destination: bool,
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
    let same_destination = fields.all_agree();
    compare_attributes(&mut fields, pattern, route);
    RouteComparison {
        same_destination,
        agreed: fields.agreed,
        difference: fields.difference,
    }
}

/// Everything in which a route is not as `pattern` has it.
pub fn differences(pattern: &RoutePattern, route: &RouteFacts) -> Vec<Difference> {
    let mut fields = Fields {
        others: Some(Vec::new()),
        ..Fields::default()
    };
    compare_nlri(&mut fields, pattern, route);
    compare_attributes(&mut fields, pattern, route);
    let first = fields.difference.into_iter();
    first.chain(fields.others.into_iter().flatten()).collect()
}

/// Compares what the NLRI itself holds.
pub(super) fn compare_nlri(fields: &mut Fields, pattern: &RoutePattern, route: &RouteFacts) {
    fields.check("family", pattern.family, route.family);
    fields.check_optional("type", pattern.route_type, route.route_type);
    fields.check_optional("mac", pattern.mac, route.mac);
    fields.check_optional("ip", pattern.ip, route.ip);
    fields.check_optional("prefix", pattern.prefix, route.prefix);
    fields.check_optional("rd", pattern.rd, route.rd);
    fields.check_optional("esi", pattern.esi, route.esi);
    fields.check_optional("ethernet_tag", pattern.ethernet_tag, route.ethernet_tag);
    all_there(fields, "flowspec", &pattern.flowspec, &route.flowspec);
    if route.family == Family::RTC {
        all_there(fields, "rt", &pattern.route_targets, &route.route_targets());
    }
}

/// Compares what the rest of the UPDATE says about the route.
pub(super) fn compare_attributes(fields: &mut Fields, pattern: &RoutePattern, route: &RouteFacts) {
    one_of(
        fields,
        "next_hop",
        pattern.next_hop.as_ref(),
        route.next_hop,
    );
    let label = pattern.label.map(Label::get);
    fields.check_optional("label", label, route.label);
    fields.check_optional("vni", pattern.vni, route.vni);
    if route.family != Family::RTC {
        all_there(fields, "rt", &pattern.route_targets, &route.route_targets());
    }
    if let Some(wanted) = pattern.encapsulation {
        let seen = route.encapsulations();
        let agrees = seen
            .iter()
            .any(|seen| seen.number() == wanted.tunnel_type());
        fields.note("encap", agrees, || (wanted.to_string(), list(&seen)));
    }
    compare_evpn(fields, pattern, route);
    all_there(
        fields,
        "communities",
        &pattern.communities,
        &route.communities,
    );
    all_there(
        fields,
        "large_communities",
        &pattern.large_communities,
        &route.large_communities,
    );
    all_there(
        fields,
        "extended_communities",
        &pattern.extended_communities,
        &route.extended_communities,
    );
    compare_path(fields, pattern, route);
    for field in &pattern.lacks {
        let seen = attribute(*field, route);
        fields.note(field.name(), seen.is_none(), || {
            ("none".to_owned(), or_none(seen.as_ref()))
        });
    }
}

/// What decides between paths, and where the route has been.
fn compare_path(fields: &mut Fields, pattern: &RoutePattern, route: &RouteFacts) {
    let origin = pattern.origin.map(origin_word);
    fields.check_optional("origin", origin, route.origin.map(origin_word));
    let path = route.as_path.as_ref();
    if let Some(wanted) = &pattern.as_path {
        let wanted: Vec<String> = wanted.iter().map(u32::to_string).collect();
        let wanted = wanted.join(" ");
        // Of a route that came in without any, the path is the empty one.
        let seen = path.cloned().unwrap_or_default();
        fields.note("as_path", seen == wanted, || {
            (quoted(&wanted), quoted(&seen))
        });
    }
    for wanted in &pattern.as_path_contains {
        let numbers = path
            .iter()
            .flat_map(|path| path.split(|c: char| !c.is_ascii_digit()));
        let agrees = numbers.flat_map(str::parse).any(|asn: u32| asn == *wanted);
        fields.note("as_path_contains", agrees, || {
            (wanted.to_string(), quoted(path.map_or("", String::as_str)))
        });
    }
    fields.check_optional("local_pref", pattern.local_pref, route.local_pref);
    fields.check_optional("med", pattern.med, route.med);
    fields.check_optional("originator", pattern.originator, route.originator);
    if let Some(wanted) = &pattern.cluster_list {
        let seen = &route.cluster_list;
        fields.note("cluster_list", seen == wanted, || {
            (list(wanted), list(seen))
        });
    }
}

/// What only E-VPN routes have.
fn compare_evpn(fields: &mut Fields, pattern: &RoutePattern, route: &RouteFacts) {
    if let Some(wanted) = &pattern.pmsi {
        compare_pmsi(fields, wanted, route.pmsi.as_ref());
    }
    // Only of a MAC address can be told how often it moved: never, unless it says so (RFC 7432 section 15).
    let moves = (route.route_type == Some(2)).then(|| route.mobility());
    let sequence = moves.map(|moves| moves.map_or(0, |moves| moves.sequence));
    fields.check_optional("mobility", pattern.mobility, sequence);
    let sticky = moves.map(|moves| moves.is_some_and(|moves| moves.sticky));
    fields.check_optional("sticky", pattern.sticky, sticky);
    let gateway = route.is_default_gateway();
    fields.check("default_gateway", pattern.default_gateway, gateway);
    fields.check_optional("router_mac", pattern.router_mac, route.router_mac());
}

fn compare_pmsi(fields: &mut Fields, wanted: &PmsiPattern, seen: Option<&PmsiFacts>) {
    fields.note("pmsi", seen.is_some(), || {
        ("a tunnel".to_owned(), or_none::<&str>(None))
    });
    let Some(seen) = seen else { return };
    let tunnel = wanted.tunnel.map(pmsi_word);
    fields.check("pmsi.type", tunnel, pmsi_word(seen.tunnel));
    fields.check("pmsi.label", wanted.label, seen.field.label());
    fields.check("pmsi.vni", wanted.vni, seen.field.vni());
    one_of(
        fields,
        "pmsi.endpoint",
        wanted.endpoint.as_ref(),
        seen.endpoint,
    );
}

/// What a route has of something that it can lack, in words.
fn attribute(field: RouteField, route: &RouteFacts) -> Option<String> {
    fn some<T: Display>(items: &[T]) -> Option<String> {
        (!items.is_empty()).then(|| list(items))
    }
    fn text<T: Display>(value: Option<T>) -> Option<String> {
        value.map(|value| value.to_string())
    }
    match field {
        RouteField::Rt => some(&route.route_targets()),
        RouteField::Encap => some(&route.encapsulations()),
        RouteField::Communities => some(&route.communities),
        RouteField::LargeCommunities => some(&route.large_communities),
        RouteField::ExtendedCommunities => some(&route.extended_communities),
        RouteField::LocalPref => text(route.local_pref),
        RouteField::Med => text(route.med),
        RouteField::Originator => text(route.originator),
        RouteField::ClusterList => some(&route.cluster_list),
        RouteField::Pmsi => text(route.pmsi.map(|pmsi| pmsi_word(pmsi.tunnel))),
        RouteField::Mobility => text(route.mobility().map(|mobility| mobility.sequence)),
        RouteField::DefaultGateway => text(route.is_default_gateway().then_some("a mark")),
        RouteField::RouterMac => text(route.router_mac()),
        // Nothing else can be lacked, which is found before a lab begins.
        _ => None,
    }
}

/// Each of `wanted` is among `seen`.
fn all_there<T: PartialEq + Display>(fields: &mut Fields, field: &str, wanted: &[T], seen: &[T]) {
    for wanted in wanted {
        fields.note(field, seen.contains(wanted), || {
            (wanted.to_string(), list(seen))
        });
    }
}

fn one_of(fields: &mut Fields, field: &str, wanted: Option<&OneOf>, seen: Option<IpAddr>) {
    let Some(wanted) = wanted else { return };
    let agrees = seen.is_some_and(|seen| wanted.has(seen));
    let seen = seen.map(|seen| seen.to_canonical());
    fields.note(field, agrees, || {
        (wanted.to_string(), or_none(seen.as_ref()))
    });
}

/// A path, which may be empty.
fn quoted(path: &str) -> String {
    format!("`{path}`")
}

fn list<T: Display>(items: &[T]) -> String {
    match items {
        [] => or_none::<T>(None),
        items => items.iter().map(T::to_string).collect::<Vec<_>>().join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_differs_is_told_where_it_is_asked_for() {
        let route = RouteFacts {
            local_pref: Some(100),
            med: Some(7),
            label: Some(16),
            ..RouteFacts::new(Family::VPNV4)
        };
        let pattern = RoutePattern {
            family: Some(Family::VPNV4),
            label: Label::new(17).ok(),
            local_pref: Some(200),
            med: Some(7),
            originator: "10.0.0.1".parse().ok(),
            ..RoutePattern::default()
        };
        let told = differences(&pattern, &route);
        let told: Vec<_> = told
            .iter()
            .map(|d| (d.field.as_str(), d.seen.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                ("label", "16"),
                ("local_pref", "100"),
                ("originator", "none")
            ]
        );
        let compared = compare_route(&pattern, &route);
        assert_eq!(compared.agreed, 2);
        assert_eq!(
            compared.difference.as_ref(),
            differences(&pattern, &route).first()
        );
    }

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
