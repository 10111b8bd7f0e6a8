//! IP VPN over VXLAN with routing tables of the Linux kernel: no MPLS, no VRF devices.
//!
//! ```text
//!   tap0 ──> rule `iif tap0` ──> table of the instance ──> route `encap ip id LABEL dst PE` ──> ipvpn-vxlan
//!                                    │                                                            │
//!                                    └─> route `dev tap1`: another port of the instance           │
//!   tap0 <── route `dev tap0` <── table of the label <── rule `iif ipvpn-vxlan tun_id LABEL` <────┘
//! ```
//!
//! One VXLAN interface in external mode serves all instances; the label of a route is the VNI of its packets.
//! Addresses may overlap between instances, as every lookup begins with the port or the label a packet came in by.
//! The Ethernet address of a PE's tunnel follows from its IPv4 address, so nobody has to be asked for it.
//!
//! A flow that is redirected is a rule before these: `iif tap0 ipproto tcp dport 80` looks into another instance's
//! table.
//!
//! What an instance has in the kernel is remembered and only the difference is touched; an intent that is applied
//! again is compared with the kernel. What an earlier run left is known by rule priorities, table numbers and the
//! route protocol; it forwards on until [`Driver::reconcile`] is called.

mod flow;
mod left;
mod local;
mod observe;
mod plan;
mod settings;
mod state;
mod tunnel;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use netns::link::{LinkError, LinkErrorKind, Netlink, Route};
use netns::ns::NetNs;
use vpn::intent::Link;
use vpn::{Direction, InstanceId, IpVpnIntent};

use self::flow::Flow;
use self::observe::{find_own, find_ports, link_ends};
use self::plan::{Op, execute, plan};
use self::settings::Settings;
use self::state::{Host, INSTANCE_TABLES, State, TABLES};
use crate::linux::names::fnv1a;
use crate::linux::underlay;
use crate::{BoxFuture, Capabilities, Driver, DriverError, DriverView, Owned, OwnedKind, plug};

/// Name of the VXLAN interface.
const TUNNEL: &str = "ipvpn-vxlan";

/// What the `linux-vxlan` driver can be told.
#[derive(Clone, Debug)]
pub struct LinuxVxlanOptions {
    /// UDP port of VXLAN, here and at the other PEs. The kernel does not let it be that of E-VPN on the same host.
    pub vxlan_port: u16,
    /// Where to work; none for the namespace [`DriverTask::start`](crate::DriverTask::start) is called in.
    pub namespace: Option<NetNs>,
}

impl Default for LinuxVxlanOptions {
    /// The port IANA assigned, in the current namespace.
    fn default() -> Self {
        Self {
            vxlan_port: 4789,
            namespace: None,
        }
    }
}

/// IP VPN with the kernel's routing tables and one VXLAN interface, by netlink. Needs CAP_NET_ADMIN in its network
/// namespace, where it turns forwarding on.
///
/// # Limits
///
/// Packets to an address of the host itself are delivered to the host whatever instance they come from: its
/// addresses cannot be used inside. Errors that the host reports about packets of an instance (time exceeded, too
/// big) do not reach hosts of the instance. Flows to or from ports 0 and 65535 cannot be told. IPv4 between PEs. Each
/// label and each flow is a rule, and the kernel tries rules one after the other.
#[derive(Debug)]
pub struct LinuxVxlanDriver {
    options: LinuxVxlanOptions,
    settings: Settings,
    netlink: Option<Netlink>,
    instances: BTreeMap<InstanceId, Applied>,
    /// What an earlier run left and nobody has taken over.
    left: State,
    /// Index of the VXLAN interface that is in use.
    tunnel: Option<u32>,
}

/// An instance in force.
#[derive(Clone, Debug)]
struct Applied {
    intent: Arc<IpVpnIntent>,
    table: u32,
    /// Indexes of the ports that are there.
    ports: BTreeMap<String, u32>,
    /// Ports that were asked for and are not there.
    missing: BTreeSet<String>,
    state: State,
    mtu: Option<u32>,
}

impl LinuxVxlanDriver {
    /// A driver that has not touched anything.
    pub fn new(options: LinuxVxlanOptions) -> Self {
        Self {
            settings: Settings(options.namespace.clone()),
            options,
            netlink: None,
            instances: BTreeMap::new(),
            left: State::default(),
            tunnel: None,
        }
    }

    async fn open(&mut self) -> Result<(), DriverError> {
        let netlink = match &self.options.namespace {
            Some(namespace) => Netlink::in_ns(namespace),
            None => Netlink::current(),
        };
        let netlink = netlink.map_err(|error| kernel(&error))?;
        self.left = find_own(&netlink, []).await?;
        self.netlink = Some(netlink);
        Ok(())
    }

    fn netlink(&self) -> Result<Netlink, DriverError> {
        // A clone of the handle, not of the socket.
        self.netlink.clone().ok_or(DriverError::Stopped)
    }

    /// Makes the kernel hold an intent; of its ports, those `tolerated` need not be there.
    async fn bring_up(
        &mut self,
        intent: Arc<IpVpnIntent>,
        tolerated: &BTreeSet<String>,
    ) -> Result<(), DriverError> {
        let netlink = self.netlink()?;
        self.check(&intent)?;
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
        let state = self.state(intent, tunnel, table, &ports);
        if state
            .routes
            .iter()
            .any(|r| r.to.addr().is_ipv6() && r.link.is_some())
        {
            self.settings.forward_ipv6()?;
        }
        let had = before.map(|before| before.still_there(&ports, tunnel));
        let had = had.unwrap_or_default();
        self.take_over(netlink, &state).await?;
        if let Err(error) = execute(netlink, &self.unshared(plan(&had, &state), intent)).await {
            let undo = self.unshared(plan(&state, &had), intent);
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
            ports,
            missing,
            state,
            mtu,
        })
    }

    async fn take_down(&mut self, instance: InstanceId) -> Result<(), DriverError> {
        let netlink = self.netlink()?;
        let Some(applied) = self.instances.get(&instance) else {
            return Ok(());
        };
        let ops = plan(&applied.state, &State::default());
        let ops = self.unshared(ops, &applied.intent);
        execute(&netlink, &ops).await?;
        if let Some(applied) = self.instances.remove(&instance) {
            self.remove_links(&netlink, Some(&applied.intent), None)
                .await;
            self.release(applied.ports.into_keys());
        }
        self.refresh_dependents(instance, &netlink).await;
        self.remove_idle_tunnel(&netlink).await
    }

    /// What the kernel should hold for an intent.
    fn state(
        &self,
        intent: &IpVpnIntent,
        tunnel: u32,
        table: u32,
        ports: &BTreeMap<String, u32>,
    ) -> State {
        let host = Host {
            tunnel,
            tunnel_name: TUNNEL,
            table,
            ports,
            elsewhere: &self.elsewhere(intent),
            tables: &self.tables(),
        };
        State::new(intent, &host)
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
    fn release(&self, ports: impl IntoIterator<Item = String>) {
        for name in ports {
            let mut users = self.instances.values();
            if !users.any(|applied| applied.ports.contains_key(&name)) {
                self.settings.release(&name);
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
    async fn remove_idle_tunnel(&mut self, netlink: &Netlink) -> Result<(), DriverError> {
        if self.instances.is_empty() && self.left == State::default() {
            self.remove_tunnel(netlink).await?;
        }
        Ok(())
    }

    async fn reconcile_all(&mut self, intents: Vec<Arc<IpVpnIntent>>) -> Result<(), DriverError> {
        let netlink = self.netlink()?;
        let mut first = self.recall(&netlink, None).await;
        let wanted: BTreeSet<InstanceId> = intents.iter().map(|intent| intent.instance).collect();
        let known: Vec<InstanceId> = self.instances.keys().copied().collect();
        for instance in known.into_iter().filter(|known| !wanted.contains(known)) {
            first = first.and(self.take_down(instance).await);
        }
        // Also the links of what cannot be brought up: it is wanted.
        let kept = intents.iter().flat_map(|intent| links(intent));
        let kept = kept.map(|link| link.ipvpn.clone()).collect();
        for intent in intents {
            let tolerated = intent.ports.keys().map(ToString::to_string).collect();
            first = first.and(self.bring_up(intent, &tolerated).await);
        }
        first.and(self.sweep(&kept).await)
    }

    /// What the other instances have, if nothing of it is what the intent needs.
    fn check(&self, intent: &IpVpnIntent) -> Result<(), DriverError> {
        let others = self.instances.values();
        for other in others.filter(|other| other.intent.instance != intent.instance) {
            let taken = intent
                .ports
                .keys()
                .find(|name| intent.takes_from(name) && other.intent.takes_from(name));
            if let Some(name) = taken {
                return Err(DriverError::PortInInstance {
                    name: name.to_string(),
                    other: other.intent.external_id.clone(),
                });
            }
        }
        Ok(())
    }

    async fn prepare_port(
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
        let taken: BTreeSet<u32> = self.instances.values().map(|a| a.table).collect();
        let first = (fnv1a(external_id.as_bytes()) % u64::from(TABLES)) as u32;
        let candidates = (0..TABLES).map(|n| INSTANCE_TABLES + (first + n) % TABLES);
        let mut free = candidates.filter(|table| !taken.contains(table));
        free.next().ok_or_else(|| DriverError::Kernel {
            action: "find a routing table".to_owned(),
            reason: format!("all {TABLES} are in use"),
        })
    }

    /// Leaves out removals of what other instances need too.
    fn unshared(&self, mut ops: Vec<Op>, intent: &IpVpnIntent) -> Vec<Op> {
        let others = self.instances.values();
        let others = others.filter(|other| other.intent.instance != intent.instance);
        let states: Vec<&State> = others.map(|other| &other.state).collect();
        ops.retain(|op| match op {
            Op::DeleteNeighbour(neighbour) => !states
                .iter()
                .any(|state| state.neighbours.contains(neighbour)),
            Op::DeleteProxy(proxy) => !states.iter().any(|state| state.proxies.contains(proxy)),
            Op::DeleteRule(rule) => !states.iter().any(|state| state.rules.contains(rule)),
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
        let mut state = self.state.clone();
        let all_there = |route: &Route| route.hops().all(|hop| hop.link.is_none_or(is_there));
        state.routes.retain(all_there);
        state.neighbours.retain(|n| is_there(n.link));
        state.proxies.retain(|p| is_there(p.link));
        state
    }
}

impl Driver<IpVpnIntent> for LinuxVxlanDriver {
    fn name(&self) -> &'static str {
        "linux-vxlan"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            directions: BTreeSet::from([Direction::Both, Direction::ToPort, Direction::FromPort]),
            ecmp: true,
            ..Capabilities::vxlan()
        }
    }

    fn start(&mut self) -> BoxFuture<'_, Result<(), DriverError>> {
        Box::pin(self.open())
    }

    fn apply(&mut self, intent: Arc<IpVpnIntent>) -> BoxFuture<'_, Result<(), DriverError>> {
        Box::pin(async move {
            // The same again can only be meant to mend what others broke.
            let known = self.instances.get(&intent.instance);
            if known.is_some_and(|known| known.intent == intent) {
                let netlink = self.netlink()?;
                self.recall(&netlink, Some(intent.instance)).await?;
            }
            self.bring_up(intent, &BTreeSet::new()).await
        })
    }

    fn remove(&mut self, instance: InstanceId) -> BoxFuture<'_, Result<(), DriverError>> {
        Box::pin(self.take_down(instance))
    }

    fn reconcile(
        &mut self,
        intents: Vec<Arc<IpVpnIntent>>,
    ) -> BoxFuture<'_, Result<(), DriverError>> {
        Box::pin(self.reconcile_all(intents))
    }

    fn list(&mut self) -> BoxFuture<'_, Result<Vec<Owned>, DriverError>> {
        Box::pin(async {
            let netlink = self.netlink()?;
            let mut owned = Vec::new();
            match netlink.index(TUNNEL).await {
                Ok(_) => owned.push(Owned {
                    name: TUNNEL.to_owned(),
                    kind: OwnedKind::Vxlan,
                    vni: None,
                    instance: None,
                }),
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(kernel(&error)),
            }
            let users = |name: &str| {
                let mut users = self.instances.iter();
                let user = users
                    .find(|(_, applied)| links(&applied.intent).any(|link| link.ipvpn == name));
                user.map(|(instance, _)| *instance)
            };
            let ends = link_ends(&netlink).await?.into_iter();
            owned.extend(ends.map(|name| Owned {
                instance: users(&name),
                name,
                kind: OwnedKind::Link,
                vni: None,
            }));
            let there = find_own(&netlink, []).await?;
            let routes = there.routes.iter().map(|route| route.table);
            let rules = there.rules.iter().filter_map(|rule| rule.table);
            let tables: BTreeSet<u32> = routes.chain(rules).collect();
            owned.extend(tables.into_iter().map(|table| {
                let user = self.instances.iter().find(|(_, a)| a.table == table);
                Owned {
                    name: format!("table {table}"),
                    kind: OwnedKind::RoutingTable,
                    vni: None,
                    instance: user.map(|(instance, _)| *instance),
                }
            }));
            owned.sort();
            Ok(owned)
        })
    }

    fn reset(&mut self) -> BoxFuture<'_, Result<(), DriverError>> {
        Box::pin(self.reconcile_all(Vec::new()))
    }

    fn state(&self, instance: InstanceId) -> Option<DriverView> {
        let applied = self.instances.get(&instance)?;
        Some(DriverView {
            route_table: Some(applied.table),
            vxlan_if: Some(TUNNEL.to_owned()),
            mtu: applied.mtu,
            missing_ports: applied.missing.clone(),
            ..DriverView::default()
        })
    }
}

/// The links to E-VPN instances that an intent has for ports.
fn links(intent: &IpVpnIntent) -> impl Iterator<Item = &Link> {
    intent.ports.values().filter_map(|port| port.link.as_ref())
}

/// What the kernel answered, in the driver's words.
fn kernel(error: &LinkError) -> DriverError {
    match error.kind {
        LinkErrorKind::Permission => DriverError::NotPermitted {
            action: error.action.clone(),
        },
        _ => DriverError::Kernel {
            action: error.action.clone(),
            reason: crate::linux::execute::reason(error),
        },
    }
}
