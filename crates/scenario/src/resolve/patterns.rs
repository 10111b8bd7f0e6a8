//! Patterns of routes.

use bgp_wire::Family;

use super::Resolver;
use crate::error::ErrorKind;
use crate::file::{At, RoutePatternFile};
use crate::route::{Encapsulation, RoutePattern};
use crate::values;

impl Resolver<'_> {
    /// Resolves a pattern; `verb` says what is done with the routes it names. Mistakes leave fields out.
    pub(super) fn pattern(&mut self, typed: &RoutePatternFile, verb: &str) -> RoutePattern {
        let family = self.maybe(typed.family.as_ref(), |word| {
            values::one_of("a family", word, &values::FAMILIES)
        });
        let given = typed.family.as_ref();
        self.only_evpn("type", typed.route_type.as_ref(), given, family);
        self.only_evpn("mac", typed.mac.as_ref(), given, family);
        let evpn = typed.route_type.is_some() || typed.mac.is_some();
        RoutePattern {
            family: family.or_else(|| (evpn && given.is_none()).then_some(Family::EVPN)),
            route_type: typed
                .route_type
                .as_ref()
                .and_then(|number| self.number("the route type", number, 1, 11)),
            ip: typed.ip.as_ref().and_then(|ip| self.ip_of(ip, verb)),
            prefix: self.maybe(typed.prefix.as_ref(), values::prefix),
            mac: typed.mac.as_ref().and_then(|mac| self.mac_of(mac, verb)),
            rd: self.maybe(typed.rd.as_ref(), values::route_distinguisher),
            vni: typed.vni.as_ref().and_then(|vni| self.vni(vni)),
            next_hop: typed
                .next_hop
                .as_ref()
                .and_then(|hop| self.next_hop(hop, "expects a route with the next hop")),
            route_targets: self.route_targets(&typed.rt),
            encapsulation: self.maybe(typed.encap.as_ref(), |word| {
                let words = Encapsulation::ALL.map(|encap| (encap.name(), encap));
                values::one_of("an encapsulation", word, &words)
            }),
        }
    }

    /// A withdrawal has an NLRI and no attributes.
    pub(super) fn withdrawn(&mut self, typed: &RoutePatternFile, verb: &str) -> RoutePattern {
        let attributes = [
            ("next_hop", typed.next_hop.as_ref()),
            ("rt", typed.rt.0.first()),
            ("encap", typed.encap.as_ref()),
        ];
        for (key, place) in attributes {
            if let Some(place) = place {
                let reason = "a withdrawal does not carry".into();
                self.fail(
                    &place.span,
                    ErrorKind::Misplaced {
                        key: key.into(),
                        reason,
                    },
                );
            }
        }
        self.pattern(typed, verb)
    }

    fn only_evpn<T>(
        &mut self,
        key: &str,
        typed: Option<&At<T>>,
        given: Option<&At<String>>,
        family: Option<Family>,
    ) {
        if let (Some(typed), Some(given), Some(family)) = (typed, given, family)
            && family != Family::EVPN
        {
            let reason = format!("a route of family `{}` does not have", given.value);
            self.fail(
                &typed.span,
                ErrorKind::Misplaced {
                    key: key.into(),
                    reason,
                },
            );
        }
    }
}
