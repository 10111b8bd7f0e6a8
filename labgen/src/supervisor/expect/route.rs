//! Routes that a speaker holds.

use std::rc::Rc;

use bgp_wire::Family;
use capture::matcher::compare_route;
use scenario::RouteExpectation;

use super::{Look, Watch};
use crate::observe::{Route, Topic};
use crate::supervisor::lab::{Lab, ReachError};
use crate::supervisor::observing::Observer;
use crate::supervisor::step::Unmet;

/// At most this many routes are shown when an expectation is not met.
const SHOWN: usize = 12;

pub(super) struct Watcher {
    lab: Rc<Lab>,
    observer: Observer,
    expected: RouteExpectation,
    title: String,
}

impl Watcher {
    pub(super) fn new(lab: &Rc<Lab>, expected: &RouteExpectation, title: &str) -> Self {
        // A pattern of a route that is held always names its family.
        let family = expected.pattern.family.unwrap_or(Family::IPV4_UNICAST);
        Self {
            lab: Rc::clone(lab),
            observer: Observer::new(lab, expected.on, Topic::Routes(family)),
            expected: expected.clone(),
            title: title.to_owned(),
        }
    }

    /// Of the routes held those that count: imported by the VPN if one is named, of the family.
    fn candidates(&self, held: Vec<Route>) -> Vec<Route> {
        let instance = self.expected.vpn.map(|vpn| &self.lab.scenario[vpn].name);
        let family = self.expected.pattern.family;
        held.into_iter()
            .filter(|route| instance.is_none_or(|name| route.instances.contains(name)))
            .filter(|route| family.is_none_or(|family| route.facts.family == family))
            .collect()
    }
}

impl Watch for Watcher {
    async fn look(&mut self) -> Result<Look, ReachError> {
        let held = self.observer.routes().await?;
        let candidates = self.candidates(held);
        let mut compared: Vec<_> = candidates
            .iter()
            .map(|route| (compare_route(&self.expected.pattern, &route.facts), route))
            .collect();
        let found: Vec<&Route> = compared
            .iter()
            .filter(|(comparison, _)| comparison.difference.is_none())
            .map(|(_, route)| *route)
            .collect();
        let amount = self.expected.amount;
        if amount.holds(found.len() as u64) {
            return Ok(Look::Met(
                found.first().map_or_else(String::new, ToString::to_string),
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
            details.push(route.to_string());
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
        self.observer.changed().await
    }
}
