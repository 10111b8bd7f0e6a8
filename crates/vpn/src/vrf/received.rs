//! Routes of others, and what they change in the intent.

use std::sync::Arc;

use bgp_rib::{Route, WorkerId};
use bgp_wire::IpPrefix;

use super::Vrf;
use super::learned::{Learned, Path};
use super::policy::Policy;
use super::reading::{self, Subject};
use crate::learned::PathId;
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
        let Some(ipvpn) = &config.ipvpn else {
            return outcome;
        };
        let uses = self.policy.uses(route);
        let (meaning, warning) = reading::read(source, route, uses, ipvpn);
        outcome.warnings.extend(warning);
        let id = PathId::new(source, route.key());
        let route = Arc::clone(route);
        // Routes of one key are about one subject.
        let subject = meaning.subject.clone();
        self.learned.insert(id, Path { route, meaning });
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
        if let Some(subject) = self.learned.remove(&PathId::new(source, route.key())) {
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
        let Some(ipvpn) = &config.ipvpn else { return };
        let policy = &self.policy;
        self.learned.reread(|source, path| {
            let uses = policy.uses(&path.route);
            let (meaning, warning) = reading::read(source, &path.route, uses, ipvpn);
            // Those that were imported before have been warned of.
            let is_new = uses.imported && !old.uses(&path.route).imported;
            outcome.warnings.extend(warning.filter(|_| is_new));
            meaning
        });
        let is_new = (&old.to, &old.attract) != (&self.policy.to, &self.policy.attract);
        if is_new {
            self.count_defaults();
        }
        let subjects: Vec<Subject> = self.learned.subjects().cloned().collect();
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

    /// The paths in use: those that are forwarded by, and the one that is advertised again.
    pub(crate) fn best(&self, subject: &Subject) -> Vec<(&PathId, &Path)> {
        let mut paths = self.learned.best(subject, self.ecmp);
        let again = self.learned.readvertised(subject);
        let again = again.filter(|(id, _)| !paths.iter().any(|(known, _)| known == id));
        paths.extend(again);
        paths
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
            Default::default()
        } else {
            self.learned.next_hops(prefix, self.ecmp)
        };
        let old = self.intent.routes.get(&prefix);
        let changed = old.map_or(!next_hops.is_empty(), |old| *old != next_hops);
        if changed {
            let routes = &mut Arc::make_mut(&mut self.intent).routes;
            if next_hops.is_empty() {
                routes.remove(&prefix);
            } else {
                routes.insert(prefix, next_hops);
            }
        }
        changed
    }
}
