//! Routes that a speaker holds.

use std::rc::Rc;

use bagpipe_api::HeldRoute;
use capture::RouteFacts;
use capture::matcher::compare_route;
use capture::text::held_route;
use scenario::RouteExpectation;

use super::session::Speaker;
use super::{Look, Watch};
use crate::supervisor::lab::{Lab, ReachError};
use crate::supervisor::step::Unmet;

/// At most this many routes are shown when an expectation is not met.
const SHOWN: usize = 12;

pub(super) struct Watcher {
    lab: Rc<Lab>,
    speaker: Speaker,
    expected: RouteExpectation,
    title: String,
}

impl Watcher {
    pub(super) fn new(lab: &Rc<Lab>, expected: &RouteExpectation, title: &str) -> Self {
        Self {
            lab: Rc::clone(lab),
            speaker: Speaker::new(lab, expected.on),
            expected: expected.clone(),
            title: title.to_owned(),
        }
    }

    /// Of the routes held those that count: imported by the VPN if one is named, of the family.
    fn candidates(&self, held: Vec<HeldRoute>) -> Vec<HeldRoute> {
        let instance = self.expected.vpn.map(|vpn| &self.lab.scenario[vpn].name);
        let family = self.expected.pattern.family;
        held.into_iter()
            .filter(|route| instance.is_none_or(|name| route.instances.contains(name)))
            .filter(|route| family.is_none_or(|family| route.nlri.family == family))
            .collect()
    }
}

fn shown(route: &HeldRoute) -> String {
    let text = held_route(&route.nlri, &route.next_hop, &route.attributes);
    format!("{text} (from {})", route.source)
}

impl Watch for Watcher {
    async fn look(&mut self) -> Result<Look, ReachError> {
        let held = self.speaker.fresh().await?.routes().await;
        let candidates = self.candidates(held.map_err(|e| self.speaker.failed(e))?);
        let mut compared: Vec<_> = candidates
            .iter()
            .map(|route| {
                let (nlri, next_hop) = (&route.nlri, route.next_hop.address());
                let facts = RouteFacts::of(nlri, next_hop, &route.attributes);
                (compare_route(&self.expected.pattern, &facts), route)
            })
            .collect();
        let found: Vec<&HeldRoute> = compared
            .iter()
            .filter(|(comparison, _)| comparison.difference.is_none())
            .map(|(_, route)| *route)
            .collect();
        let amount = self.expected.amount;
        if amount.holds(found.len() as u64) {
            return Ok(Look::Met(
                found.first().map_or_else(String::new, |route| shown(route)),
            ));
        }
        let seen = match found.len() {
            0 if candidates.is_empty() => "it holds no route of that family".to_owned(),
            0 => format!(
                "none of the {} routes it holds is like that",
                candidates.len()
            ),
            n => format!("{n} routes are like that"),
        };
        // The one that comes nearest says most.
        compared.sort_by_key(|(comparison, _)| std::cmp::Reverse(comparison.agreed));
        let mut details = Vec::new();
        for (comparison, route) in compared.iter().take(SHOWN) {
            details.push(shown(route));
            if let Some(d) = &comparison.difference {
                details.push(format!(
                    "  `{}` is {}, expected {}",
                    d.field, d.seen, d.expected
                ));
            }
        }
        Ok(Look::Unmet(Unmet {
            expected: self.title.clone(),
            seen,
            details,
        }))
    }

    async fn changed(&mut self) -> Result<(), ReachError> {
        self.speaker.changed().await
    }
}
