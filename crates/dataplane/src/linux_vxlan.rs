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
//! What an instance has in the kernel is remembered and only the difference is touched, without a look at the rest where
//! ports and routes come and go; an intent that is applied again is compared with the kernel. What an earlier run left is known by rule priorities, table numbers and the
//! route protocol; it forwards on until [`Driver::reconcile`] is called.

mod flow;
mod follow;
mod holders;
mod instance;
mod left;
mod local;
mod observe;
mod plan;
mod settings;
mod state;
mod tunnel;
mod whole;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use netns::link::{LinkError, LinkErrorKind, Netlink};
use netns::ns::NetNs;
use vpn::intent::Link;
use vpn::{Direction, InstanceId, IpVpnIntent};

use self::instance::Applied;
use self::observe::{find_own, link_ends};
use self::settings::Settings;
use self::state::State;
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
/// big) do not reach hosts of the instance. Flows to or from ports 0 and 65535 cannot be told. IPv4 between PEs. Each
/// label and each flow is a rule, and the kernel tries rules one after the other.
#[derive(Debug)]
pub struct LinuxVxlanDriver {
    options: LinuxVxlanOptions,
    settings: Settings,
    netlink: Option<Netlink>,
    instances: BTreeMap<InstanceId, Applied>,
    /// The instances that have each port.
    users: BTreeMap<Arc<str>, BTreeSet<InstanceId>>,
    /// What an earlier run left and nobody has taken over.
    left: State,
    /// Index of the VXLAN interface that is in use.
    tunnel: Option<u32>,
}

impl LinuxVxlanDriver {
    /// A driver that has not touched anything.
    pub fn new(options: LinuxVxlanOptions) -> Self {
        Self {
            settings: Settings(options.namespace.clone()),
            options,
            netlink: None,
            instances: BTreeMap::new(),
            users: BTreeMap::new(),
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
