//! Routes of others, and what they change in the intent.

use std::sync::Arc;

use bgp_rib::{Route, WorkerId};
use bgp_wire::IpPrefix;

use super::Vrf;
use super::learned::Learned;
use super::policy::Policy;
use super::reading::{Reading, Subject};
use crate::learned::held::Held;
use crate::manager::VpnConfig;
use crate::outcome::Outcome;

impl Vrf {
    /// Takes in a route.
    pub(crate) fn receive(
        &mut self,
        source: WorkerId,
        route: &Arc<Route>,
        config: &VpnConfig,
    ) -> Outcome {
        let mut outcome = Outcome::default();
        let read = self.reading().read(source, route);
        outcome.warnings.extend(read.and_then(Result::err));
        let subject = Subject::of(route);
        self.learned.insert(source, route, subject.as_ref());
        if let Some(subject) = subject {
            self.refresh(config, &subject, &mut outcome);
        }
        outcome
    }

    /// Forgets a route.
    pub(crate) fn forget(
        &mut self,
        source: WorkerId,
        route: &Route,
        config: &VpnConfig,
    ) -> Outcome {
        let mut outcome = Outcome::default();
        if let Some(subject) = self.learned.remove(source, route) {
            self.refresh(config, &subject, &mut outcome);
        }
        outcome
    }

    /// Uses received routes by another policy from now on.
    pub(super) fn follow(&mut self, config: &VpnConfig, policy: Policy, outcome: &mut Outcome) {
        if policy == self.policy {
            return;
        }
        let old = std::mem::replace(&mut self.policy, policy);
        // Those that were imported before have been warned of.
        let routes = self.learned.routes();
        let is_new = |route: &Route| self.policy.uses(route).imported && !old.uses(route).imported;
        for (source, route, _) in routes.filter(|(_, route, _)| is_new(route)) {
            let read = self.reading().read(source, route);
            outcome.warnings.extend(read.and_then(Result::err));
        }
        let is_new = (&old.to, &old.attract) != (&self.policy.to, &self.policy.attract);
        if is_new {
            self.count_defaults();
        }
        let subjects: Vec<Subject> = self.learned.subjects().collect();
        for subject in subjects {
            self.refresh(config, &subject, outcome);
        }
        if is_new {
            self.rebuild_again(config, &mut outcome.events);
        }
    }

    fn refresh(&mut self, config: &VpnConfig, subject: &Subject, outcome: &mut Outcome) {
        match subject {
            Subject::Prefix(prefix) => outcome.changed |= self.refresh_route(*prefix),
            Subject::Flow(rules) => self.refresh_redirect(rules, outcome),
        }
        self.refresh_again(config, subject, &mut outcome.events);
    }

    /// The routes in use: those that are forwarded by, and the one that is advertised again.
    pub(crate) fn best(&self, subject: &Subject) -> Vec<Held<'_>> {
        let mut routes = self.learned.best(self.reading(), subject, self.ecmp);
        let again = self.learned.readvertised(self.reading(), subject);
        let again = again.filter(|held| !routes.iter().any(|known| known.is(*held)));
        routes.extend(again);
        routes
    }

    /// How routes are read.
    pub(super) fn reading(&self) -> Reading<'_> {
        Reading {
            policy: &self.policy,
            ipvpn: self.ipvpn.as_ref(),
        }
    }

    /// Forgets every route; answers whether the intent changed.
    pub(crate) fn forget_all(&mut self) -> bool {
        self.learned = Learned::default();
        let changed = !self.intent.routes.is_empty() || !self.intent.flows.is_empty();
        if changed {
            let intent = Arc::make_mut(&mut self.intent);
            intent.routes.clear();
            intent.flows.clear();
        }
        changed
    }

    /// Brings the intent's route for a prefix up to date; answers whether that changed it. An address behind an own
    /// port is never sent to another host, whatever routes say. A subnet may be behind many, and what comes from a
    /// port that has it is not for that port.
    pub(super) fn refresh_route(&mut self, prefix: IpPrefix) -> bool {
        let next_hops = if prefix.is_host() && self.is_local(prefix) {
            None
        } else {
            self.learned.next_hops(self.reading(), prefix, self.ecmp)
        };
        let changed = self.intent.routes.get(&prefix) != next_hops.as_ref();
        if changed {
            let routes = &mut Arc::make_mut(&mut self.intent).routes;
            match next_hops {
                Some(next_hops) => routes.insert(prefix, next_hops),
                None => routes.remove(&prefix),
            };
        }
        changed
    }
}
