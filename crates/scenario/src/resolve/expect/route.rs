//! Routes of a speaker.

use std::ops::Range;

use bgp_wire::Family;

use super::amount::how_many;
use crate::error::ErrorKind;
use crate::expect::RouteExpectation;
use crate::file::{At, RouteFile};
use crate::kind::NodeKind;
use crate::lab::NodeId;
use crate::resolve::families::families;
use crate::resolve::{Found, Resolver};
use crate::route::{OneOf, RouteField};
use crate::values;

impl Resolver<'_> {
    pub(super) fn route(&mut self, typed: &RouteFile) -> Found<RouteExpectation> {
        let verb = "expects a route on";
        let on = match &typed.vpn {
            Some(_) => self.bagpipe_named(&typed.on, verb),
            None => self.peer_named(&typed.on, verb),
        };
        let vpn = match &typed.vpn {
            Some(vpn) => Some(self.vpn(vpn, "expects a route in")?),
            None => None,
        };
        let pattern = self.pattern(&typed.pattern(), "expects a route for");
        let on = on?;
        self.tells(on, typed, pattern.family);
        let from = self.told(on, &typed.from, "expects a route from");
        let to = self.told(on, &typed.to, "expects a route told to");
        if let (Some(_), Some(best)) = (&typed.to, &typed.best) {
            let reason = "says nothing beside `to`: what is told is what was chosen";
            self.out_of_place(&best.span, "best", reason);
            return None;
        }
        let amount = self.how_many(how_many!(typed))?;
        Some(RouteExpectation {
            on,
            vpn,
            from,
            to,
            pattern: Box::new(pattern),
            best: typed.best.as_ref().map(|best| best.value),
            amount,
        })
    }

    /// What nodes of a kind never say of their routes cannot be waited for.
    fn tells(&mut self, on: NodeId, typed: &RouteFile, family: Option<Family>) {
        let Some(node) = self.scenario.nodes.get(on.0) else {
            return;
        };
        let kind = node.kind.name();
        let speaks = families(kind).unwrap_or_default();
        if let Some(family) = family
            && !speaks.contains(&family)
        {
            let known = speaks.iter().map(|f| values::family_word(*f).to_owned());
            let kind = ErrorKind::UnknownWord {
                what: format!("a family that {kind} can do"),
                word: typed.family.value.clone(),
                known: known.collect(),
            };
            self.fail(&typed.family.span, kind);
            return;
        }
        if matches!(&node.kind, NodeKind::FakeRr(rr) if rr.mode == crate::kind::FakeRrMode::Splice)
        {
            let reason = "in mode `splice` holds no routes";
            self.out_of_place(&typed.on.span, &typed.on.value, reason);
            return;
        }
        self.is_no_python(on, &typed.on);
        let pattern = typed.pattern();
        let lacked = pattern.lacks.0.iter().filter_map(|word| {
            let mut all = RouteField::ALL.into_iter();
            let field = all.find(|field| field.name() == word.value)?;
            Some((field, word.span.clone()))
        });
        fn own<T>(field: RouteField, typed: &Option<At<T>>) -> Option<(RouteField, Range<usize>)> {
            Some((field, typed.as_ref()?.span.clone()))
        }
        let own = [
            own(RouteField::Best, &typed.best),
            own(RouteField::From, &typed.from),
            own(RouteField::To, &typed.to),
        ];
        let asked: Vec<_> = pattern
            .given()
            .into_iter()
            .chain(lacked)
            .chain(own.into_iter().flatten())
            .collect();
        for (field, span) in asked {
            // Families of the wrong kind are another mistake, told already.
            if field.is_spoken_by(kind) && !field.is_told_by(kind) {
                let fault = ErrorKind::Untold {
                    key: field.name().into(),
                    teller: kind.into(),
                    tellers: field.told_by().map(str::to_owned).collect(),
                };
                self.fail(&span, fault);
            }
        }
    }

    /// What the Python daemon says is for people.
    pub(super) fn is_no_python(&mut self, on: NodeId, typed: &At<String>) {
        let node = self.scenario.nodes.get(on.0);
        if node.is_some_and(|node| node.kind.is_python()) {
            let reason = "runs the Python daemon, of whose routes and sessions nothing can be expected: \
                          expect them of the other side";
            self.out_of_place(&typed.span, &typed.value, reason);
        }
    }

    /// The addresses of a peer.
    fn told(&mut self, on: NodeId, typed: &Option<At<String>>, verb: &str) -> Option<OneOf> {
        let typed = typed.as_ref()?;
        if values::looks_like_address(&typed.value) {
            return self.next_hop(typed, verb);
        }
        let node = self.node(typed, verb)?;
        let near = self.reach(on, node, &typed.span)?;
        let others = self.next_hop(typed, verb)?;
        Some(OneOf::new(std::iter::once(near).chain(others.all())))
    }
}
