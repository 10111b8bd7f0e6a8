//! Patterns of routes.

use std::net::Ipv4Addr;
use std::ops::Range;

use bgp_wire::{Family, Label, Vni};

use super::{Found, MOST_32, Resolver};
use crate::error::ErrorKind;
use crate::file::{At, NumberOrWord, OneOrMany, PmsiFile, RoutePatternFile};
use crate::kind::NodeKind;
use crate::route::{Encapsulation, ORIGINS, PMSI_TUNNELS, PmsiPattern, RouteField, RoutePattern};
use crate::values;

/// By what a node is known in an attribute.
#[derive(Clone, Copy)]
enum Known {
    RouterId,
    ClusterId,
}

impl Resolver<'_> {
    /// Resolves a pattern; `verb` says what is done with the routes it names. Mistakes leave fields out.
    pub(super) fn pattern(&mut self, typed: &RoutePatternFile, verb: &str) -> RoutePattern {
        let family = self.maybe(typed.family.as_ref(), |word| {
            values::one_of("a family", word, &values::FAMILIES)
        });
        let given = typed.given();
        let family = match typed.family {
            Some(_) => family,
            None => implied(&given),
        };
        let route_type = typed
            .route_type
            .as_ref()
            .and_then(|number| self.number("the route type", number, 1, 11));
        self.of_family(&given, family);
        self.of_type(&given, route_type);
        let lacks = self.lacks(typed, &given, family, route_type);
        RoutePattern {
            family,
            route_type,
            ip: typed.ip.as_ref().and_then(|ip| self.ip_of(ip, verb)),
            prefix: self.maybe(typed.prefix.as_ref(), values::prefix),
            mac: typed.mac.as_ref().and_then(|mac| self.mac_of(mac, verb)),
            rd: self.maybe(typed.rd.as_ref(), values::route_distinguisher),
            esi: self.maybe(typed.esi.as_ref(), values::esi),
            ethernet_tag: self.field("the Ethernet tag", &typed.ethernet_tag, MOST_32),
            label: self.label_of(&typed.label),
            vni: self.vni_of(&typed.vni),
            flowspec: self.each(&typed.flowspec, |text| values::flow_text(text, family)),
            next_hop: typed
                .next_hop
                .as_ref()
                .and_then(|hop| self.next_hop(hop, "expects a route with the next hop")),
            route_targets: self.route_targets(&typed.rt),
            encapsulation: self.maybe(typed.encap.as_ref(), |word| {
                let words = Encapsulation::ALL.map(|encap| (encap.name(), encap));
                values::one_of("an encapsulation", word, &words)
            }),
            communities: self.each(&typed.communities, values::community),
            large_communities: self.each(&typed.large_communities, values::large_community),
            extended_communities: self
                .each(&typed.extended_communities, values::extended_community),
            origin: self.maybe(typed.origin.as_ref(), |word| {
                values::one_of("an origin", word, &ORIGINS)
            }),
            as_path: typed.as_path.as_ref().and_then(|path| self.as_path(path)),
            as_path_contains: typed
                .as_path_contains
                .0
                .iter()
                .filter_map(|asn| self.number("the AS number", asn, 1, MOST_32))
                .collect(),
            local_pref: self.field("the local preference", &typed.local_pref, MOST_32),
            med: self.field("the multi-exit discriminator", &typed.med, MOST_32),
            originator: typed
                .originator
                .as_ref()
                .and_then(|id| self.identifier_of(id, Known::RouterId)),
            cluster_list: typed.cluster_list.as_ref().map(|list| {
                let ids = list.value.iter();
                ids.filter_map(|id| self.identifier_of(id, Known::ClusterId))
                    .collect()
            }),
            pmsi: typed.pmsi.as_ref().map(|pmsi| self.pmsi(&pmsi.value)),
            mobility: self.field("the sequence number", &typed.mobility, MOST_32),
            sticky: typed.sticky.as_ref().map(|typed| typed.value),
            default_gateway: typed.default_gateway.as_ref().map(|typed| typed.value),
            router_mac: typed
                .router_mac
                .as_ref()
                .and_then(|mac| self.mac_of(mac, verb)),
            lacks,
        }
    }

    /// A withdrawal has an NLRI and no attributes.
    pub(super) fn withdrawn(&mut self, typed: &RoutePatternFile, verb: &str) -> RoutePattern {
        let rtc = typed
            .family
            .as_ref()
            .is_some_and(|word| word.value == "rtc");
        let lacks = typed.lacks.0.first().map(|lacks| ("lacks", &lacks.span));
        let given = typed.given();
        let attributes = given
            .iter()
            // The target of a membership is its NLRI.
            .filter(|(field, _)| !(field.withdrawn() || rtc && *field == RouteField::Rt))
            .map(|(field, span)| (field.name(), span));
        for (key, span) in attributes.chain(lacks) {
            self.out_of_place(span, key, "a withdrawal does not carry");
        }
        self.pattern(typed, verb)
    }

    /// What routes of the family cannot have.
    fn of_family(&mut self, given: &[(RouteField, Range<usize>)], family: Option<Family>) {
        let Some(family) = family else { return };
        for (field, span) in given {
            if let Some(families) = field.families().filter(|all| !all.contains(&family)) {
                self.out_of_place(span, field.name(), wrong_family(family, families));
            }
        }
    }

    /// What E-VPN routes of the type cannot have.
    fn of_type(&mut self, given: &[(RouteField, Range<usize>)], route_type: Option<u8>) {
        let Some(route_type) = route_type else { return };
        for (field, span) in given {
            if let Some(types) = field.types().filter(|all| !all.contains(&route_type)) {
                self.out_of_place(span, field.name(), wrong_type(route_type, types));
            }
        }
    }

    fn lacks(
        &mut self,
        typed: &RoutePatternFile,
        given: &[(RouteField, Range<usize>)],
        family: Option<Family>,
        route_type: Option<u8>,
    ) -> Vec<RouteField> {
        let words: Vec<(&str, RouteField)> = RouteField::ALL
            .into_iter()
            .filter(|field| field.may_lack())
            .map(|field| (field.name(), field))
            .collect();
        let mut lacks = Vec::new();
        for word in &typed.lacks.0 {
            let named = values::one_of("something that a route can lack", &word.value, &words);
            let Some(field) = self.keep(&word.span, named) else {
                continue;
            };
            if implies(given, field) {
                self.out_of_place(&word.span, field.name(), "is asked for as well");
            } else if let Some((family, families)) = family.zip(field.families())
                && !families.contains(&family)
            {
                self.out_of_place(&word.span, field.name(), wrong_family(family, families));
            } else if let Some((route_type, types)) = route_type.zip(field.types())
                && !types.contains(&route_type)
            {
                self.out_of_place(&word.span, field.name(), wrong_type(route_type, types));
            } else {
                lacks.push(field);
            }
        }
        lacks
    }

    fn pmsi(&mut self, typed: &PmsiFile) -> PmsiPattern {
        let tunnel = typed.tunnel.as_ref().and_then(|tunnel| {
            let number = match &tunnel.value {
                NumberOrWord::Number(number) => values::number("the tunnel type", *number, 0, 255),
                NumberOrWord::Word(word) => {
                    values::one_of("a type of PMSI tunnel", word, &PMSI_TUNNELS)
                }
            };
            self.keep(&tunnel.span, number)
        });
        PmsiPattern {
            tunnel,
            label: self.label_of(&typed.label),
            vni: self.vni_of(&typed.vni),
            endpoint: typed
                .endpoint
                .as_ref()
                .and_then(|end| self.next_hop(end, "expects a tunnel to")),
        }
    }

    pub(super) fn as_path(&mut self, typed: &At<Vec<i64>>) -> Found<Vec<u32>> {
        let numbers = typed.value.iter();
        let path = numbers.map(|asn| values::number("the AS number", *asn, 1, MOST_32));
        let path = path.collect::<Result<Vec<u32>, ErrorKind>>();
        self.keep(&typed.span, path)
    }

    /// A BGP identifier or cluster id, or that of a node.
    fn identifier_of(&mut self, typed: &At<String>, known: Known) -> Found<Ipv4Addr> {
        let what = match known {
            Known::RouterId => "a BGP identifier",
            Known::ClusterId => "a cluster id",
        };
        if values::looks_like_address(&typed.value) {
            return self.keep(&typed.span, values::identifier(what, &typed.value));
        }
        let node = self.node(typed, "expects a route by way of")?;
        let kind = &self.scenario.nodes.get(node.0)?.kind;
        let id = match (kind, kind.speaker(), known) {
            (NodeKind::FakeRr(rr), ..) => Some(rr.router_id),
            (NodeKind::Bagpipe(bagpipe), _, Known::RouterId) => Some(bagpipe.router_id),
            (_, Some(speaker), Known::RouterId) => Some(speaker.router_id),
            (_, Some(speaker), Known::ClusterId) => {
                Some(speaker.cluster_id.unwrap_or(speaker.router_id))
            }
            _ => None,
        };
        if id.is_none() {
            let kind = ErrorKind::BadValue {
                what: what.into(),
                value: typed.value.clone(),
                reason: "that node has none that is known".into(),
            };
            self.fail(&typed.span, kind);
        }
        id
    }

    fn label_of(&mut self, typed: &Option<At<i64>>) -> Option<Label> {
        let typed = typed.as_ref()?;
        let number = self.number("the label", typed, 0, i64::from(Label::MAX))?;
        Label::new(number).ok()
    }

    fn vni_of(&mut self, typed: &Option<At<i64>>) -> Option<Vni> {
        self.vni(typed.as_ref()?)
    }

    pub(super) fn each<T>(
        &mut self,
        typed: &OneOrMany<At<String>>,
        parse: impl Fn(&str) -> Result<T, ErrorKind>,
    ) -> Vec<T> {
        let typed = typed.0.iter();
        typed
            .filter_map(|one| self.keep(&one.span, parse(&one.value)))
            .collect()
    }
}

/// The family of a pattern that names none and asks for what one family only has.
fn implied(given: &[(RouteField, Range<usize>)]) -> Option<Family> {
    let one = |field: &RouteField| match field.families() {
        Some([family]) => Some(*family),
        _ => None,
    };
    given.iter().find_map(|(field, _)| one(field))
}

/// Whether something is asked for that a route without `field` cannot have.
fn implies(given: &[(RouteField, Range<usize>)], field: RouteField) -> bool {
    given.iter().any(|(asked, _)| {
        *asked == field
            || matches!(
                (asked, field),
                (RouteField::PmsiEndpoint, RouteField::Pmsi)
                    | (
                        RouteField::Rt | RouteField::Encap | RouteField::RouterMac,
                        RouteField::ExtendedCommunities
                    )
            )
    })
}

/// Why a key is not for routes of a family.
pub(super) fn wrong_family(family: Family, families: &[Family]) -> String {
    let words: Vec<&str> = families.iter().map(|f| values::family_word(*f)).collect();
    format!(
        "a route of family `{}` does not have; those of {} do",
        values::family_word(family),
        words.join(", "),
    )
}

/// Why a key is not for E-VPN routes of a type.
pub(super) fn wrong_type(route_type: u8, types: &[u8]) -> String {
    let words: Vec<String> = types.iter().map(u8::to_string).collect();
    let words = words.join(", ");
    format!("an E-VPN route of type {route_type} does not have; those of type {words} do")
}
