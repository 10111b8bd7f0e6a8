//! The interface every driver has.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bgp_wire::Vni;
use serde::{Deserialize, Serialize};
use vpn::{Capabilities, EvpnIntent, InstanceId};

use crate::DriverError;

/// A future that can be called through `dyn`.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Makes forwarding state for the instances of one VPN type, given by its intent: E-VPN unless said otherwise.
///
/// Calls are serialised by [`DriverTask`](crate::DriverTask), which owns the driver.
pub trait Driver<I = EvpnIntent>: Send {
    /// The name the configuration knows the driver by.
    fn name(&self) -> &'static str;

    /// What the driver can forward; constant.
    fn capabilities(&self) -> Capabilities;

    /// Opens what the driver needs and finds what a previous run left. Makes nothing.
    ///
    /// # Errors
    /// When the driver cannot work on this host.
    fn start(&mut self) -> BoxFuture<'_, Result<(), DriverError>>;

    /// Makes the dataplane of one instance equal to `intent`; only the difference is touched.
    ///
    /// Adopts interfaces of the instance's names that a previous run left. A port that was applied before
    /// and whose interface has gone is not an error: it is listed in [`DriverView::missing_ports`] and
    /// plugged by the next call that finds it.
    ///
    /// # Errors
    /// The dataplane is then as it was before the call, and the previous intent stays in force.
    fn apply(&mut self, intent: Arc<I>) -> BoxFuture<'_, Result<(), DriverError>>;

    /// Removes everything made for the instance. Unknown instances are no error.
    ///
    /// # Errors
    /// When the kernel refuses; what could be removed is gone, and calling again is safe.
    fn remove(&mut self, instance: InstanceId) -> BoxFuture<'_, Result<(), DriverError>>;

    /// Makes the dataplane hold `intents` and nothing else of this driver, whatever was there before:
    /// devices and entries that are still wanted are not touched, so their traffic goes on.
    ///
    /// # Errors
    /// The first failure; the other instances are brought up all the same.
    fn reconcile(&mut self, intents: Vec<Arc<I>>) -> BoxFuture<'_, Result<(), DriverError>>;

    /// Everything on this host that carries the driver's names, also from before a crash; sorted by name.
    ///
    /// # Errors
    /// When the kernel cannot be asked.
    fn list(&mut self) -> BoxFuture<'_, Result<Vec<Owned>, DriverError>>;

    /// Removes everything that [`list`](Self::list) names and everything applied.
    ///
    /// # Errors
    /// When the kernel refuses; calling again is safe.
    fn reset(&mut self) -> BoxFuture<'_, Result<(), DriverError>>;

    /// What the looking glass shows of an applied instance.
    fn state(&self, instance: InstanceId) -> Option<DriverView>;
}

/// What the looking glass shows of an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriverView {
    /// The bridge the ports are in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub linux_bridge: Option<String>,
    /// The routing table of an IP VPN instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route_table: Option<u32>,
    /// The VXLAN interface.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vxlan_if: Option<String>,
    /// Largest IP packet, in bytes, that crosses the underlay in one piece: the MTU to give to hosts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// Whether ARP and ND for known neighbours are answered on this host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arp_suppression: Option<bool>,
    /// Applied ports whose interface has gone since.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub missing_ports: BTreeSet<String>,
}

/// Something on this host that the driver made, now or in a previous run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Owned {
    /// Name of the interface, or `table N`.
    pub name: String,
    /// What it is.
    pub kind: OwnedKind,
    /// The VNI it receives on, of a VXLAN interface.
    pub vni: Option<Vni>,
    /// The applied instance it belongs to; none for a leftover.
    pub instance: Option<InstanceId>,
}

/// Kinds of things a driver makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OwnedKind {
    /// A bridge.
    Bridge,
    /// A VXLAN interface.
    Vxlan,
    /// One end of a link between an E-VPN and an IP VPN instance.
    Link,
    /// Rules and routes of a routing table.
    RoutingTable,
}
