//! One instance brought up, changed, taken down.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use netns::link::{Netlink, Route};
use vpn::intent::Link;
use vpn::{InstanceId, IpVpnIntent, SharedMap};

use super::flow::Flow;
use super::local::leads_here;
use super::observe::find_ports;
use super::plan::{Op, execute, plan};
use super::state::{Host, INSTANCE_TABLES, State, TABLES};
use super::whole::Whole;
use super::{LinuxVxlanDriver, TUNNEL, kernel, links};
use crate::linux::names::fnv1a;
use crate::linux::underlay;
use crate::{DriverError, plug};

/// An instance in force.
#[derive(Clone, Debug)]
pub(super) struct Applied {
    pub(super) intent: Arc<IpVpnIntent>,
    pub(super) table: u32,
    /// Index of the tunnel.
    pub(super) tunnel: u32,
    /// Indexes of the ports that are there.
    pub(super) ports: BTreeMap<String, u32>,
    /// Ports that were asked for and are not there.
    pub(super) missing: BTreeSet<String>,
    pub(super) whole: Whole,
    /// Whether the kernel holds all of it, as far as the driver knows.
    pub(super) is_certain: bool,
    /// Whether routes lead to other instances of this host, or once did.
    pub(super) leads_here: bool,
    pub(super) mtu: Option<u32>,
}

impl LinuxVxlanDriver {
    /// Makes the kernel hold an intent; of its ports, those `tolerated` need not be there.
    pub(super) async fn bring_up(
        &mut self,
        intent: Arc<IpVpnIntent>,
        tolerated: &BTreeSet<String>,
    ) -> Result<(), DriverError> {
        if self.follow(&intent).await? {
            return Ok(());
        }
        let netlink = self.netlink()?;
        for name in intent.ports.keys() {
            self.check_port(&intent, name)?;
        }
        let before = self.instances.get(&intent.instance).cloned();
        for link in links(&intent) {
            plug::ensure(&netlink, link, plug::Side::IpVpn).await?;
        }
        let (ports, missing) = find_ports(&netlink, &intent, before.as_ref(), tolerated).await?;
        let names: Vec<String> = ports.keys().cloned().collect();
        let made = self.make(&netlink, &intent, before.as_ref(), ports, missing);
        let applied = match made.await {
            Ok(applied) => applied,
            Err(error) => {
                self.release(names);
                let had = before.as_ref().map(|before| &before.intent);
                self.remove_links(&netlink, Some(&intent), had).await;
                if let Err(error) = self.remove_idle_tunnel(&netlink).await {
                    tracing::warn!("cannot remove what was made for nothing: {error}");
                }
                return Err(error);
            }
        };
        let is_same = |before: &Applied| {
            (&before.intent.ports, &before.ports) == (&intent.ports, &applied.ports)
        };
        let moved = !before.as_ref().is_some_and(is_same);
        let had = before.as_ref().map(|before| &before.intent);
        self.remove_links(&netlink, had, Some(&intent)).await;
        self.note_users(had.map(|had| &**had), Some(&intent));
        self.instances.insert(intent.instance, applied);
        self.release(
            before
                .into_iter()
                .flat_map(|before| before.ports.into_keys()),
        );
        if moved {
            self.refresh_dependents(intent.instance, &netlink).await;
        }
        Ok(())
    }

    /// Makes the difference between `before` and an intent, all of it or nothing.
    async fn make(
        &mut self,
        netlink: &Netlink,
        intent: &Arc<IpVpnIntent>,
        before: Option<&Applied>,
        ports: BTreeMap<String, u32>,
        missing: BTreeSet<String>,
    ) -> Result<Applied, DriverError> {
        let tunnel = self.tunnel(netlink, intent).await?;
        let table = match before {
            Some(before) => before.table,
            None => self.free_table(&intent.external_id)?,
        };
        for (name, index) in &ports {
            if before.and_then(|before| before.ports.get(name)) != Some(index) {
                let is_link = intent
                    .ports
                    .get(name.as_str())
                    .is_some_and(|port| port.link.is_some());
                self.prepare_port(netlink, name, is_link).await?;
            }
        }
        let whole = self.whole(intent, tunnel, table, &ports);
        let state = &whole.state;
        if state.needs_ipv6_forwarding() {
            self.settings.forward_ipv6()?;
        }
        let had = before.map(|before| before.still_there(&ports, tunnel));
        let had = had.unwrap_or_default();
        self.take_over(netlink, state).await?;
        if let Err(error) = execute(netlink, &self.unshared(plan(&had, state), intent)).await {
            let undo = self.unshared(plan(state, &had), intent);
            if let Err(error) = execute(netlink, &undo).await {
                tracing::warn!("cannot bring the dataplane back to what it was: {error}");
            }
            return Err(error);
        }
        if intent.fallback.is_some() && before.is_none_or(|b| b.intent.fallback.is_none()) {
            let id = &intent.external_id;
            tracing::warn!(
                "VPN instance `{id}`: `fallback` names a port of Open vSwitch, and is not followed"
            );
        }
        self.warn_of_flows(intent, before);
        let mtu = match before.and_then(|before| before.mtu) {
            Some(mtu) => Some(mtu),
            None => underlay::overlay_mtu(netlink, intent.local_pe)
                .await
                .unwrap_or_default(),
        };
        for port in &missing {
            if !before.is_some_and(|before| before.missing.contains(port)) {
                let id = &intent.external_id;
                tracing::warn!("port `{port}` of VPN instance `{id}` is not there any more");
            }
        }
        Ok(Applied {
            intent: Arc::clone(intent),
            table,
            tunnel,
            ports,
            missing,
            whole,
            is_certain: true,
            leads_here: leads_here(intent),
            mtu,
        })
    }

    pub(super) async fn take_down(&mut self, instance: InstanceId) -> Result<(), DriverError> {
        let netlink = self.netlink()?;
        let Some(applied) = self.instances.get(&instance) else {
            return Ok(());
        };
        let ops = plan(&applied.whole.state, &State::default());
        let ops = self.unshared(ops, &applied.intent);
        execute(&netlink, &ops).await?;
        if let Some(applied) = self.instances.remove(&instance) {
            self.note_users(Some(&applied.intent), None);
            self.remove_links(&netlink, Some(&applied.intent), None)
                .await;
            self.release(applied.ports.into_keys());
        }
        self.refresh_dependents(instance, &netlink).await;
        self.remove_idle_tunnel(&netlink).await
    }

    /// What the kernel should hold for an intent.
    pub(super) fn whole(
        &self,
        intent: &IpVpnIntent,
        tunnel: u32,
        table: u32,
        ports: &BTreeMap<String, u32>,
    ) -> Whole {
        let tables = match intent.flows.is_empty() {
            true => BTreeMap::new(),
            false => self.tables(),
        };
        let host = Host {
            tunnel,
            tunnel_name: TUNNEL,
            table,
            ports,
            elsewhere: &self.elsewhere(intent),
            tables: &tables,
        };
        Whole::new(intent, &host)
    }

    fn tables(&self) -> BTreeMap<InstanceId, u32> {
        let instances = self.instances.iter();
        instances
            .map(|(id, applied)| (*id, applied.table))
            .collect()
    }

    /// Says what of the flows that are new cannot be told apart.
    fn warn_of_flows(&self, intent: &IpVpnIntent, before: Option<&Applied>) {
        let known = |text: &String| before.is_some_and(|b| b.intent.flows.contains_key(text));
        for (text, redirect) in intent.flows.iter().filter(|(text, _)| !known(text)) {
            let id = &intent.external_id;
            match Flow::new(&redirect.traffic, "", 0) {
                Flow::Whole(_) => {}
                Flow::WithoutLastPort(_) => tracing::warn!(
                    "VPN instance `{id}`: rules of the kernel cannot tell ports 0 and 65535, so they are not \
                     redirected by `{text}`"
                ),
                Flow::TooMany(count) => tracing::warn!(
                    "VPN instance `{id}`: nothing is redirected by `{text}`, which takes {count} rules of \
                     the kernel"
                ),
            }
        }
    }

    /// Has those ports answer for nobody any more that no instance has.
    pub(super) fn release(&self, ports: impl IntoIterator<Item = String>) {
        for name in ports {
            if !self.users.contains_key(name.as_str()) {
                self.settings.release(&name);
            }
        }
    }

    /// Takes note of the ports that an instance has from now on.
    pub(super) fn note_users(&mut self, had: Option<&IpVpnIntent>, has: Option<&IpVpnIntent>) {
        let none = SharedMap::new();
        let old = had.map_or(&none, |intent| &intent.ports);
        let new = has.map_or(&none, |intent| &intent.ports);
        let Some(instance) = has.or(had).map(|intent| intent.instance) else {
            return;
        };
        for (name, _) in new.differing(old) {
            let users = self.users.entry(Arc::clone(name)).or_default();
            users.insert(instance);
        }
        let gone = old.differing(new).map(|(name, _)| name);
        for name in gone.filter(|name| !new.contains_key(&***name)) {
            if let Some(users) = self.users.get_mut(name) {
                users.remove(&instance);
                if users.is_empty() {
                    self.users.remove(name);
                }
            }
        }
    }

    /// Removes the links of one intent that another does not want.
    async fn remove_links(
        &self,
        netlink: &Netlink,
        of: Option<&Arc<IpVpnIntent>>,
        but: Option<&Arc<IpVpnIntent>>,
    ) {
        let kept: Vec<&Link> = but.into_iter().flat_map(|intent| links(intent)).collect();
        let gone = of.into_iter().flat_map(|intent| links(intent));
        for link in gone.filter(|link| !kept.contains(link)) {
            if let Err(error) = plug::remove(netlink, link, plug::Side::IpVpn).await {
                tracing::warn!("{error}");
            }
        }
    }

    /// Removes the tunnel if nothing can come by it.
    pub(super) async fn remove_idle_tunnel(
        &mut self,
        netlink: &Netlink,
    ) -> Result<(), DriverError> {
        if self.instances.is_empty() && self.left == State::default() {
            self.remove_tunnel(netlink).await?;
        }
        Ok(())
    }

    /// Whether no other instance takes what comes from a port, if the intent does.
    pub(super) fn check_port(
        &self,
        intent: &IpVpnIntent,
        name: &Arc<str>,
    ) -> Result<(), DriverError> {
        let users = self.users.get(name).into_iter().flatten();
        let others = users.filter(|user| **user != intent.instance);
        let mut others = others.filter_map(|user| self.instances.get(user));
        match others.find(|other| intent.takes_from(name) && other.intent.takes_from(name)) {
            None => Ok(()),
            Some(other) => Err(DriverError::PortInInstance {
                name: name.to_string(),
                other: other.intent.external_id.clone(),
            }),
        }
    }

    pub(super) async fn prepare_port(
        &self,
        netlink: &Netlink,
        name: &str,
        is_link: bool,
    ) -> Result<(), DriverError> {
        self.settings.port(name, is_link)?;
        let up = netlink.set_up(name).await;
        up.map_err(|error| kernel(&error))?;
        // Has the kernel notice the carrier now and not when it gets around to it (since Linux 6.9).
        let _ = netlink.link(name).await;
        Ok(())
    }

    /// A table number that stays the same over restarts of the daemon, as far as it can.
    fn free_table(&self, external_id: &str) -> Result<u32, DriverError> {
        let first = (fnv1a(external_id.as_bytes()) % u64::from(TABLES)) as u32;
        let candidates = (0..TABLES).map(|n| INSTANCE_TABLES + (first + n) % TABLES);
        let is_taken = |table: &u32| self.instances.values().any(|a| a.table == *table);
        let mut free = candidates.filter(|table| !is_taken(table));
        free.next().ok_or_else(|| DriverError::Kernel {
            action: "find a routing table".to_owned(),
            reason: format!("all {TABLES} are in use"),
        })
    }

    /// Leaves out removals of what other instances need too.
    pub(super) fn unshared(&self, mut ops: Vec<Op>, intent: &IpVpnIntent) -> Vec<Op> {
        let others = self.instances.values();
        let others = others.filter(|other| other.intent.instance != intent.instance);
        let states = || others.clone().map(|other| &other.whole.state);
        ops.retain(|op| match op {
            Op::DeleteNeighbour(neighbour) => {
                !states().any(|state| state.neighbours.contains(neighbour))
            }
            Op::DeleteProxy(proxy) => !states().any(|state| state.proxies.contains(proxy)),
            Op::DeleteRule(rule) => !states().any(|state| state.rules.contains(rule)),
            _ => true,
        });
        ops
    }
}

impl Applied {
    /// What the kernel still holds of the state when ports have gone or were made anew.
    fn still_there(&self, ports: &BTreeMap<String, u32>, tunnel: u32) -> State {
        let links: BTreeSet<u32> = self
            .ports
            .iter()
            .filter(|(name, index)| ports.get(*name) == Some(index))
            .map(|(_, index)| *index)
            .chain([tunnel])
            .collect();
        // Ports of other instances come and go with those.
        let own: BTreeSet<u32> = self.ports.values().copied().collect();
        let is_there = |link: u32| links.contains(&link) || !own.contains(&link);
        let mut state = self.whole.state.clone();
        let all_there = |route: &Route| route.hops().all(|hop| hop.link.is_none_or(is_there));
        state.routes.retain(all_there);
        state.neighbours.retain(|n| is_there(n.link));
        state.proxies.retain(|p| is_there(p.link));
        state
    }
}
