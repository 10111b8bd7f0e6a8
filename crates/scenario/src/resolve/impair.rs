//! What bad links do to frames: quantities, and whose frames are meant.

use std::collections::BTreeMap;

use impair::{Contradiction, Impairment};

use super::{Found, Resolver};
use crate::error::ErrorKind;
use crate::file::{At, Effects, ImpairFile, OneOrMany};
use crate::lab::{Direction, Impaired, NetId, NodeId};
use crate::values;

/// Directions of frames, seen from a node.
pub(crate) const DIRECTIONS: [(&str, &[Direction]); 3] = [
    ("out", &[Direction::Out]),
    ("in", &[Direction::In]),
    ("both", &[Direction::Out, Direction::In]),
];

/// Whose frames.
pub(super) struct Whose<'a> {
    pub(super) net: NetId,
    pub(super) name: &'a str,
    pub(super) node: Option<&'a At<String>>,
    pub(super) direction: Option<&'a At<String>>,
}

impl Resolver<'_> {
    /// What a LAN or link does from the start. Directions of which nothing is asked are left out.
    pub(super) fn impaired(
        &mut self,
        typed: &OneOrMany<At<ImpairFile>>,
        net: NetId,
        name: &str,
        members: &[NodeId],
    ) -> Vec<Impaired> {
        let mut all = BTreeMap::new();
        for typed in &typed.0 {
            let by = self.impairment(typed.value.effects());
            let whose = Whose {
                net,
                name,
                node: typed.value.node.as_ref(),
                direction: typed.value.direction.as_ref(),
            };
            let places = self.places(&whose, members, "impairs frames of");
            if let Some(by) = by {
                all.extend(places.into_iter().map(|place| (place, by)));
            }
        }
        all.retain(|_, by| !by.is_nothing());
        let all = all.into_iter();
        all.map(|((node, direction), by)| Impaired {
            node,
            direction,
            by,
        })
        .collect()
    }

    /// The cables and directions that are meant. On a link, where what one end gets is what the other sends, always
    /// those that somebody sends into.
    pub(super) fn places(
        &mut self,
        whose: &Whose<'_>,
        members: &[NodeId],
        verb: &str,
    ) -> Vec<(NodeId, Direction)> {
        let Some(name) = whose.node else {
            if let Some(direction) = whose.direction {
                self.out_of_place(&direction.span, "direction", "says nothing without `node`");
            }
            return members.iter().map(|node| (*node, Direction::Out)).collect();
        };
        let directions = self
            .maybe(whose.direction, |word| {
                values::one_of("a direction", word, &DIRECTIONS)
            })
            .unwrap_or(DIRECTIONS[2].1);
        let nodes = self.nodes_named(name, verb);
        if let Some(stranger) = nodes.iter().find(|node| !members.contains(node)) {
            let stranger = At {
                value: self.node_name(*stranger).to_owned(),
                span: name.span.clone(),
            };
            let known = members.iter().map(|node| self.node_name(*node).to_owned());
            let (what, known) = (format!("member of `{}`", whose.name), known.collect());
            self.unknown::<()>(&stranger, verb, &what, known);
            return Vec::new();
        }
        let mut places = Vec::new();
        for node in nodes {
            for direction in directions {
                let sender = match (whose.net, direction) {
                    (NetId::Link(_), Direction::In) => members.iter().find(|other| **other != node),
                    _ => None,
                };
                places.push(match sender {
                    Some(sender) => (*sender, Direction::Out),
                    None => (node, *direction),
                });
            }
        }
        places
    }

    /// What is asked of frames.
    pub(super) fn impairment(&mut self, typed: Effects<'_>) -> Found<Impairment> {
        let mistakes = self.errors.len();
        let usual = Impairment::default();
        let mut time = |typed| self.maybe(typed, |text| Ok(impair::time(text)?));
        let (delay, jitter) = (time(typed.delay), time(typed.jitter));
        let mut share = |typed| self.maybe(typed, |text| Ok(text.parse()?));
        let asked = Impairment {
            delay: delay.unwrap_or_default(),
            jitter: jitter.unwrap_or_default(),
            loss: share(typed.loss).unwrap_or_default(),
            loss_correlation: share(typed.loss_correlation).unwrap_or_default(),
            duplicate: share(typed.duplicate).unwrap_or_default(),
            reorder: share(typed.reorder).unwrap_or_default(),
            corrupt: share(typed.corrupt).unwrap_or_default(),
            gap: usual.gap,
            rate: self.maybe(typed.rate, |text| Ok(text.parse()?)),
            queue: usual.queue,
        };
        let mut number = |typed: Option<&At<i64>>, what: &str, usual: u32| match typed {
            Some(typed) => self.number(what, typed, 1, 1_000_000),
            None => Some(usual),
        };
        let gap = number(typed.gap, "the gap", usual.gap);
        let queue = number(typed.queue, "the length of the queue", usual.queue);
        let asked = Impairment {
            gap: gap?,
            queue: queue?,
            ..asked
        };
        if self.errors.len() > mistakes {
            return None;
        }
        if let Some(contradiction) = asked.contradiction() {
            self.contradicts(typed, contradiction);
            return None;
        }
        Some(asked)
    }

    fn contradicts(&mut self, typed: Effects<'_>, contradiction: Contradiction) {
        let place = match contradiction {
            Contradiction::Jitter => typed.jitter.map(|typed| &typed.span),
            Contradiction::Reorder => typed.reorder.map(|typed| &typed.span),
            Contradiction::Gap => typed.gap.map(|typed| &typed.span),
            Contradiction::LossCorrelation => typed.loss_correlation.map(|typed| &typed.span),
            Contradiction::Queue => typed.queue.map(|typed| &typed.span),
        };
        if let Some(place) = place {
            let kind = ErrorKind::Misplaced {
                key: contradiction.key().into(),
                reason: contradiction.to_string(),
            };
            self.fail(place, kind);
        }
    }
}
