//! Routes that a speaker holds.

use std::rc::Rc;

use bgp_wire::Family;
use capture::matcher::{Difference, RouteComparison, compare_route, differences};
use scenario::{NodeKind, RouteExpectation};

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
        let to = expected.to.as_ref().and_then(|to| to.all().next());
        let topic = match to {
            Some(to) => Topic::Sent(family, to),
            None => Topic::Routes(family),
        };
        Self {
            lab: Rc::clone(lab),
            observer: Observer::new(lab, expected.on, topic),
            expected: expected.clone(),
            title: title.to_owned(),
        }
    }

    /// Of the routes held those that count: imported by the VPN and told by the peer if one is named, of the family.
    fn candidates(&self, held: Vec<Route>) -> Vec<Route> {
        let told = |route: &Route| match &self.expected.from {
            Some(from) => route.from.is_some_and(|peer| from.has(peer)),
            None => true,
        };
        let instance = self.expected.vpn.map(|vpn| &self.lab.scenario[vpn].name);
        let family = self.expected.pattern.family;
        held.into_iter()
            .filter(|route| instance.is_none_or(|name| route.instances.contains(name)))
            .filter(|route| family.is_none_or(|family| route.facts.family == family))
            .filter(told)
            .collect()
    }

    fn compare(&self, route: &Route) -> RouteComparison {
        let mut comparison = compare_route(&self.expected.pattern, &route.facts);
        match self.not_best(route) {
            None => comparison.agreed += usize::from(self.expected.best.is_some()),
            Some(difference) => {
                comparison.difference.get_or_insert(difference);
            }
        }
        comparison
    }

    fn not_best(&self, route: &Route) -> Option<Difference> {
        let wanted = self.expected.best?;
        let seen = route.best.map(|best| best.to_string());
        (route.best != Some(wanted)).then(|| Difference {
            field: "best".into(),
            expected: wanted.to_string(),
            seen: seen.unwrap_or_else(|| "not told".into()),
        })
    }

    /// What candidates are called: what is held, or what was told to whom.
    fn of_whom(&self) -> String {
        match (&self.expected.to, &self.expected.from) {
            (Some(to), _) => format!("that it told {to}"),
            (None, Some(from)) => format!("that {from} told it"),
            (None, None) => "it holds".to_owned(),
        }
    }
}

impl Watch for Watcher {
    async fn look(&mut self) -> Result<Look, ReachError> {
        let held = self.observer.routes().await?;
        let candidates = self.candidates(held);
        let mut compared: Vec<_> = candidates
            .iter()
            .map(|route| (self.compare(route), route))
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
        let on = &self.lab.scenario[self.expected.on];
        let compute = matches!(on.kind, NodeKind::Bagpipe(_));
        let seen = match found.len() {
            0 if candidates.is_empty() => match self.of_whom().as_str() {
                "it holds" if compute => "it holds no route of that family but its own".to_owned(),
                "it holds" => "it holds no route of that family".to_owned(),
                whom => format!("there is no route of that family {whom}"),
            },
            0 => format!(
                "none of the {} routes {} is like that",
                candidates.len(),
                self.of_whom()
            ),
            1 => "1 route is like that".into(),
            n => format!("{n} routes are like that"),
        };
        // The one that comes nearest says most: first those to the same destination.
        compared.sort_by_key(|(comparison, _)| {
            std::cmp::Reverse((comparison.same_destination, comparison.agreed))
        });
        let mut details = Vec::new();
        for (index, (comparison, route)) in compared.iter().take(SHOWN).enumerate() {
            details.push(route.to_string());
            // Whoever mends one thing after the other wants to know all of the nearest; of the others one says why not.
            let told: Vec<Difference> = match index {
                0 => {
                    let all = differences(&self.expected.pattern, &route.facts).into_iter();
                    all.chain(self.not_best(route)).collect()
                }
                _ => comparison.difference.iter().cloned().collect(),
            };
            details.extend(
                told.iter()
                    .map(|d| format!("  `{}` is {}, expected {}", d.field, d.seen, d.expected)),
            );
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
