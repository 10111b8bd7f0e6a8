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
//! What an instance has in the kernel is remembered and only the difference is touched. What an earlier run left
//! is known by rule priorities, table numbers and the route protocol; it forwards on until
//! [`Driver::reconcile`] is called.

mod observe;
mod plan;
mod settings;
mod state;
mod tunnel;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bgp_wire::Label;
use netns::link::{LinkError, LinkErrorKind, Netlink, Rule};
use netns::ns::NetNs;
use vpn::intent::IpVpnPort;
use vpn::{Direction, InstanceId, IpVpnIntent};

use self::observe::{find_left, find_ports};
use self::plan::{Op, execute, key, plan};
use self::settings::Settings;
use self::state::{Elsewhere, Host, INSTANCE_TABLES, LABEL_TABLES, State, TABLES};
use crate::linux::names::fnv1a;
use crate::linux::underlay;
use crate::{BoxFuture, Capabilities, Driver, DriverError, DriverView, Owned, OwnedKind};

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
/// big) do not reach hosts of the instance. One next hop a prefix. IPv4 between PEs. Each label is a rule, and the
/// kernel tries rules one after the other.
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
        self.left = find_left(&netlink).await?;
        self.netlink = Some(netlink);
        Ok(())
    }

    fn netlink(&self) -> Result<Netlink, DriverError> {
        // A clone of the handle, not of the socket.
        self.netlink.clone().ok_or(DriverError::Stopped)
    }

    async fn bring_up(
        &mut self,
        intent: Arc<IpVpnIntent>,
        tolerated: &BTreeSet<String>,
    ) -> Result<(), DriverError> {
        let netlink = self.netlink()?;
        let before = self.instances.get(&intent.instance).cloned();
        self.check(&intent)?;
        let (ports, missing) = find_ports(&netlink, &intent, before.as_ref(), tolerated).await?;
        let tunnel = self.tunnel(&netlink, &intent).await?;
        let table = match &before {
            Some(before) => before.table,
            None => self.free_table(&intent.external_id)?,
        };
        for name in ports.keys() {
            let known = before.as_ref().and_then(|before| before.ports.get(name));
            if known != ports.get(name) {
                self.prepare_port(&netlink, name).await?;
            }
        }
        let state = State::new(
            &intent,
            &Host {
                tunnel,
                tunnel_name: TUNNEL,
                table,
                ports: &ports,
                elsewhere: &self.elsewhere(&intent),
            },
        );
        if state
            .routes
            .iter()
            .any(|r| r.to.addr().is_ipv6() && r.link.is_some())
        {
            self.settings.forward_ipv6()?;
        }
        let had = before
            .as_ref()
            .map(|before| before.still_there(&ports, tunnel));
        let had = had.unwrap_or_default();
        self.take_over(&netlink, &state).await?;
        if let Err(error) = execute(&netlink, &self.unshared(plan(&had, &state), &intent)).await {
            let undo = self.unshared(plan(&state, &had), &intent);
            if let Err(error) = execute(&netlink, &undo).await {
                tracing::warn!("cannot bring the dataplane back to what it was: {error}");
            }
            return Err(error);
        }
        let mtu = match before.as_ref().and_then(|before| before.mtu) {
            Some(mtu) => Some(mtu),
            None => underlay::overlay_mtu(&netlink, intent.local_pe)
                .await
                .unwrap_or_default(),
        };
        for port in &missing {
            if !before.as_ref().is_some_and(|b| b.missing.contains(port)) {
                let id = &intent.external_id;
                tracing::warn!("port `{port}` of VPN instance `{id}` is not there any more");
            }
        }
        let applied = Applied {
            intent: Arc::clone(&intent),
            table,
            ports,
            missing,
            state,
            mtu,
        };
        self.instances.insert(intent.instance, applied);
        self.refresh_neighbours_of(intent.instance, &netlink).await
    }

    async fn take_down(&mut self, instance: InstanceId) -> Result<(), DriverError> {
        let netlink = self.netlink()?;
        let Some(applied) = self.instances.get(&instance) else {
            return Ok(());
        };
        let ops = plan(&applied.state, &State::default());
        let ops = self.unshared(ops, &applied.intent);
        let names: Vec<String> = applied.ports.keys().cloned().collect();
        execute(&netlink, &ops).await?;
        self.instances.remove(&instance);
        for name in names {
            self.settings.release(&name);
        }
        self.refresh_neighbours_of(instance, &netlink).await?;
        if self.instances.is_empty() && self.left == State::default() {
            self.remove_tunnel(&netlink).await?;
        }
        Ok(())
    }

    async fn reconcile_all(&mut self, intents: Vec<Arc<IpVpnIntent>>) -> Result<(), DriverError> {
        let mut first = Ok(());
        let wanted: BTreeSet<InstanceId> = intents.iter().map(|intent| intent.instance).collect();
        let known: Vec<InstanceId> = self.instances.keys().copied().collect();
        for instance in known.into_iter().filter(|known| !wanted.contains(known)) {
            first = first.and(self.take_down(instance).await);
        }
        for intent in intents {
            let tolerated = intent.ports.keys().cloned().collect();
            first = first.and(self.bring_up(intent, &tolerated).await);
        }
        first.and(self.sweep().await)
    }

    /// Removes what no instance wants.
    async fn sweep(&mut self) -> Result<(), DriverError> {
        let netlink = self.netlink()?;
        let mut wanted = State::default();
        for applied in self.instances.values() {
            wanted.rules.extend(applied.state.rules.iter().cloned());
            wanted.routes.extend(applied.state.routes.iter().cloned());
            let neighbours = applied.state.neighbours.iter().cloned();
            wanted.neighbours.extend(neighbours);
        }
        if !self.instances.is_empty() {
            wanted.rules.extend(state::shared(TUNNEL));
        }
        let there = find_left(&netlink).await?;
        let removals = plan(&there, &wanted).into_iter().filter(|op| {
            matches!(
                op,
                Op::DeleteRule(_) | Op::DeleteRoute(_) | Op::DeleteNeighbour(_)
            )
        });
        execute(&netlink, &removals.collect::<Vec<_>>()).await?;
        self.left = State::default();
        if self.instances.is_empty() {
            self.remove_tunnel(&netlink).await?;
        }
        Ok(())
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
                    name: name.clone(),
                    other: other.intent.external_id.clone(),
                });
            }
        }
        Ok(())
    }

    async fn prepare_port(&self, netlink: &Netlink, name: &str) -> Result<(), DriverError> {
        self.settings.port(name)?;
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

    /// Removes what an earlier run left and `state` contradicts: a port in another table, a label that meant
    /// another endpoint.
    async fn take_over(&mut self, netlink: &Netlink, state: &State) -> Result<(), DriverError> {
        if self.left == State::default() {
            return Ok(());
        }
        let place = |rule: &Rule| (rule.ipv6, rule.iif.clone(), rule.tunnel_id);
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
        let stale = |r: &&netns::link::Route| labels.contains(&r.table) && !kept.contains(&key(r));
        gone.routes = self.left.routes.iter().filter(stale).cloned().collect();
        execute(netlink, &plan(&gone, &State::default())).await?;
        self.left.rules.retain(|rule| !gone.rules.contains(rule));
        self.left
            .routes
            .retain(|route| !gone.routes.contains(route));
        Ok(())
    }

    /// Endpoints of the other instances, if the intent has routes to this host.
    fn elsewhere(&self, intent: &IpVpnIntent) -> BTreeMap<Label, Vec<Elsewhere>> {
        let mut elsewhere: BTreeMap<Label, Vec<Elsewhere>> = BTreeMap::new();
        if !leads_here(intent) {
            return elsewhere;
        }
        let others = self.instances.values();
        for other in others.filter(|other| other.intent.instance != intent.instance) {
            for (name, IpVpnPort { endpoints, .. }) in &other.intent.ports {
                let Some(&link) = other.ports.get(name) else {
                    continue;
                };
                let reachable = endpoints
                    .iter()
                    .filter(|endpoint| endpoint.direction != Direction::FromPort);
                for endpoint in reachable {
                    let there = elsewhere.entry(endpoint.label).or_default();
                    let endpoint = endpoint.clone();
                    there.push(Elsewhere { link, endpoint });
                }
            }
        }
        elsewhere
    }

    /// Brings those instances up to date that send to ports of others of this host.
    async fn refresh_neighbours_of(
        &mut self,
        changed: InstanceId,
        netlink: &Netlink,
    ) -> Result<(), DriverError> {
        let Some(tunnel) = self.tunnel else {
            return Ok(());
        };
        let dependent = self
            .instances
            .values()
            .filter(|applied| applied.intent.instance != changed && leads_here(&applied.intent));
        let dependent: Vec<Applied> = dependent.cloned().collect();
        for applied in dependent {
            let state = State::new(
                &applied.intent,
                &Host {
                    tunnel,
                    tunnel_name: TUNNEL,
                    table: applied.table,
                    ports: &applied.ports,
                    elsewhere: &self.elsewhere(&applied.intent),
                },
            );
            let ops = self.unshared(plan(&applied.state, &state), &applied.intent);
            execute(netlink, &ops).await?;
            if let Some(known) = self.instances.get_mut(&applied.intent.instance) {
                known.state = state;
            }
        }
        Ok(())
    }

    /// Leaves out removals of neighbours that other instances need too.
    fn unshared(&self, mut ops: Vec<Op>, intent: &IpVpnIntent) -> Vec<Op> {
        let others = self.instances.values();
        let others = others.filter(|other| other.intent.instance != intent.instance);
        let states: Vec<&State> = others.map(|other| &other.state).collect();
        ops.retain(|op| match op {
            Op::DeleteNeighbour(neighbour) => !states
                .iter()
                .any(|state| state.neighbours.contains(neighbour)),
            Op::DeleteProxy(proxy) => !states.iter().any(|state| state.proxies.contains(proxy)),
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
        state.routes.retain(|r| r.link.is_none_or(is_there));
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
            ..Capabilities::vxlan()
        }
    }

    fn start(&mut self) -> BoxFuture<'_, Result<(), DriverError>> {
        Box::pin(self.open())
    }

    fn apply(&mut self, intent: Arc<IpVpnIntent>) -> BoxFuture<'_, Result<(), DriverError>> {
        Box::pin(async move { self.bring_up(intent, &BTreeSet::new()).await })
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
            if netlink.index(TUNNEL).await.is_ok() {
                owned.push(Owned {
                    name: TUNNEL.to_owned(),
                    kind: OwnedKind::Vxlan,
                    vni: None,
                    instance: None,
                });
            }
            let there = find_left(&netlink).await?;
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

fn leads_here(intent: &IpVpnIntent) -> bool {
    let mut next_hops = intent.routes.values().flatten();
    next_hops.any(|next_hop| next_hop.pe == intent.local_pe)
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
