//! Traffic that Flowspec routes of others have sent by another instance's routes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bgp_wire::RouteTarget;
use bgp_wire::nlri::FlowspecRules;

use super::Vrf;
use super::reading::{Redirect, Subject};
use crate::intent::{FlowRedirect, InstanceId};
use crate::outcome::Outcome;

/// The flows that are redirected.
#[derive(Debug, Default)]
pub(super) struct Redirects {
    wanted: BTreeMap<Arc<FlowspecRules>, Arc<Redirect>>,
    /// How many flows go to the instance of each target.
    users: BTreeMap<RouteTarget, usize>,
    /// Flows that are not in the intent yet as they are wanted.
    touched: BTreeSet<Arc<FlowspecRules>>,
}

impl Vrf {
    /// Whether any flow goes to the instance of a target.
    pub(crate) fn redirects_to(&self, target: RouteTarget) -> bool {
        self.redirects.users.contains_key(&target)
    }

    /// Takes note of what became of the routes of a flow. The intent follows with [`Vrf::place_redirects`], when
    /// there is an instance to redirect to.
    pub(super) fn refresh_redirect(&mut self, rules: &Arc<FlowspecRules>, outcome: &mut Outcome) {
        let subject = Subject::Flow(Arc::clone(rules));
        let new = self.learned.redirect(self.reading(), &subject);
        let Redirects {
            wanted,
            users,
            touched,
        } = &mut self.redirects;
        if new.as_ref() == wanted.get(rules) {
            return;
        }
        touched.insert(Arc::clone(rules));
        let old = wanted.remove(rules);
        let targets = new.iter().chain(&old).map(|redirect| redirect.to);
        outcome.redirects.extend(targets);
        if let Some(new) = new {
            *users.entry(new.to).or_default() += 1;
            wanted.insert(Arc::clone(rules), new);
        }
        if let Some(old) = old
            && let Some(count) = users.get_mut(&old.to)
        {
            *count -= 1;
            if *count == 0 {
                users.remove(&old.to);
            }
        }
    }

    /// Brings the intent up to date, given the instance that imports each target; answers whether that changed it.
    pub(crate) fn place_redirects(
        &mut self,
        instances: &BTreeMap<RouteTarget, InstanceId>,
    ) -> bool {
        let mut changed = false;
        for rules in std::mem::take(&mut self.redirects.touched) {
            let redirect = self.redirects.wanted.get(&rules);
            let placed = redirect.and_then(|redirect| {
                let to = *instances.get(&redirect.to)?;
                // Redirected to itself it stays where it is.
                if to == self.common.numbers.id {
                    return None;
                }
                let traffic = redirect.traffic.clone();
                Some(FlowRedirect { traffic, to })
            });
            let text = rules.to_string();
            if self.intent.flows.get(&text) == placed.as_ref() {
                continue;
            }
            changed = true;
            let flows = &mut Arc::make_mut(&mut self.intent).flows;
            match placed {
                Some(placed) => flows.insert(text, placed),
                None => flows.remove(&text),
            };
        }
        changed
    }

    /// Has [`Vrf::place_redirects`] look again at the flows that go to the instance of a target.
    pub(crate) fn touch_redirects(&mut self, target: RouteTarget) {
        let wanted = self.redirects.wanted.iter();
        let there = wanted.filter(|(_, redirect)| redirect.to == target);
        let rules = there.map(|(rules, _)| Arc::clone(rules));
        self.redirects.touched.extend(rules);
    }

    /// Redirects nothing any more; answers the targets whose instances are not needed.
    pub(super) fn forget_redirects(&mut self) -> BTreeSet<RouteTarget> {
        let redirects = std::mem::take(&mut self.redirects);
        redirects.users.into_keys().collect()
    }
}
