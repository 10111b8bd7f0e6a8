//! What is in the kernel and nobody here has put there, and what is not there any more.

use std::collections::BTreeSet;

use netns::link::{Netlink, Route, Rule};
use vpn::InstanceId;
use vpn::intent::Link;

use super::observe::{find_own, link_ends};
use super::plan::{Op, execute, key, plan};
use super::state::{self, LABEL_TABLES, State};
use super::{LinuxVxlanDriver, TUNNEL};
use crate::{DriverError, plug};

impl LinuxVxlanDriver {
    /// Forgets what the kernel does not hold any more of an instance, or of all, whoever took it away.
    pub(super) async fn recall(
        &mut self,
        netlink: &Netlink,
        instance: Option<InstanceId>,
    ) -> Result<(), DriverError> {
        let there = find_own(netlink, self.links()).await?;
        for (known, applied) in &mut self.instances {
            if instance.is_none_or(|instance| instance == *known) {
                applied.whole.state.recall(&there);
                applied.is_certain = false;
            }
        }
        Ok(())
    }

    /// Removes what an earlier run left and `state` contradicts: a port in another table, a label that meant
    /// another endpoint.
    pub(super) async fn take_over(
        &mut self,
        netlink: &Netlink,
        state: &State,
    ) -> Result<(), DriverError> {
        if self.left == State::default() {
            return Ok(());
        }
        // That a port leads nowhere for one instance does not contradict that it leads somewhere for another.
        let place = |rule: &Rule| {
            let table = None;
            Rule {
                table,
                ..rule.clone()
            }
        };
        let places: BTreeSet<_> = state.rules.iter().map(place).collect();
        let labels: BTreeSet<u32> = state
            .rules
            .iter()
            .filter_map(|rule| rule.table.filter(|table| *table >= LABEL_TABLES))
            .collect();
        let kept: BTreeSet<_> = state.routes.iter().map(key).collect();
        let mut gone = State::default();
        let contradicted =
            |rule: &Rule| places.contains(&place(rule)) && !state.rules.contains(rule);
        gone.rules = self
            .left
            .rules
            .iter()
            .filter(|r| contradicted(r))
            .cloned()
            .collect();
        let stale = |r: &&Route| labels.contains(&r.table) && !kept.contains(&key(r));
        gone.routes = self.left.routes.iter().filter(stale).cloned().collect();
        execute(netlink, &plan(&gone, &State::default())).await?;
        self.left.rules.retain(|rule| !gone.rules.contains(rule));
        self.left
            .routes
            .retain(|route| !gone.routes.contains(route));
        Ok(())
    }

    /// Removes what no instance wants, but the ends of links that `keep` names.
    pub(super) async fn sweep(&mut self, keep: &BTreeSet<String>) -> Result<(), DriverError> {
        let netlink = self.netlink()?;
        let mut wanted = State::default();
        for applied in self.instances.values() {
            wanted
                .rules
                .extend(applied.whole.state.rules.iter().cloned());
            wanted
                .routes
                .extend(applied.whole.state.routes.iter().cloned());
            let neighbours = applied.whole.state.neighbours.iter().cloned();
            wanted.neighbours.extend(neighbours);
            wanted
                .proxies
                .extend(applied.whole.state.proxies.iter().copied());
        }
        if !self.instances.is_empty() {
            wanted.rules.extend(state::shared(TUNNEL));
        }
        let there = find_own(&netlink, self.links()).await?;
        let removals = plan(&there, &wanted).into_iter().filter(|op| {
            matches!(
                op,
                Op::DeleteRule(_)
                    | Op::DeleteRoute(_)
                    | Op::DeleteNeighbour(_)
                    | Op::DeleteProxy(_)
            )
        });
        execute(&netlink, &removals.collect::<Vec<_>>()).await?;
        for name in link_ends(&netlink).await? {
            let used = self.users.contains_key(name.as_str());
            if let Some(link) = Link::of_end(&name).filter(|_| !used && !keep.contains(&name)) {
                plug::remove(&netlink, &link, plug::Side::IpVpn).await?;
            }
        }
        self.left = State::default();
        self.remove_idle_tunnel(&netlink).await
    }

    /// The links on which instances have neighbours.
    fn links(&self) -> BTreeSet<u32> {
        let states = self.instances.values().map(|applied| &applied.whole.state);
        let neighbours = states.flat_map(|state| &state.neighbours);
        neighbours.map(|neighbour| neighbour.link).collect()
    }
}
