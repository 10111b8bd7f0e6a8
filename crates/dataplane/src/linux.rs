//! Bridge and VXLAN of the Linux kernel.
//!
//! ```text
//!  tap0   tap1                    one bridge `evpn---ID` per instance, or the one the caller names
//!    │      │                     one VXLAN interface `vxlan--ID`, a port of it
//! ┌──┴──────┴──┐
//! │ evpn---ID  │ entries: local MAC -> its port (static), remote MAC -> vxlan--ID (extern_learn)
//! └──────┬─────┘ neighbours: remote IP -> MAC, answered by the bridge (neigh_suppress on vxlan--ID)
//!    vxlan--ID    entries: remote MAC -> PE and VNI, 00:00:00:00:00:00 -> every PE to flood to
//! ```
//!
//! Ports and routes that come and go are followed. Any other call, as one that says again what was said before, compares
//! what the kernel holds with what it should hold, so that a bridge deleted by hand or a port that was made anew is
//! mended. Of a bridge given by the caller only what the driver put there is touched.
//!
//! ARP and ND for known neighbours are answered by the bridge, not by the VXLAN interface's `proxy`: the
//! latter drops what it cannot answer, so hosts attached without an IP address would never be found.
//!
//! The bridge learns what else is behind ports; where an intent says so, [`Sightings`](crate::Sightings) tells of it.
//!
//! Two instances of one host that share a route target have each other's routes with the own address as
//! PE. The kernel hands such frames from one VXLAN interface to the other without sending them.

mod check;
mod desired;
pub(crate) mod execute;
mod follow;
mod instance;
mod learner;
mod model;
pub(crate) mod names;
mod observe;
mod plan;
mod probe;
mod sweep;
pub(crate) mod underlay;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use netns::link::{LinkError, Netlink};
use netns::ns::NetNs;
use tokio::sync::Mutex;
use vpn::{EvpnIntent, InstanceId};

use crate::{BoxFuture, Capabilities, Driver, DriverError, DriverView, Owned};
use instance::Applied;
use learner::Learner;
pub use learner::{LIMIT as LEARNED_LIMIT, LearningOptions};

/// What the `linux` driver can be told.
#[derive(Clone, Debug)]
pub struct LinuxOptions {
    /// UDP port of VXLAN, here and at the other PEs.
    pub vxlan_port: u16,
    /// How MACs are learnt at ports that are to.
    pub learning: LearningOptions,
    /// Where to work; none for the namespace [`DriverTask::start`](crate::DriverTask::start) is called in.
    pub namespace: Option<NetNs>,
}

impl Default for LinuxOptions {
    /// The port IANA assigned, in the current namespace.
    fn default() -> Self {
        Self {
            vxlan_port: 4789,
            learning: LearningOptions::default(),
            namespace: None,
        }
    }
}

/// E-VPN with the kernel's bridge and VXLAN, by netlink. Needs CAP_NET_ADMIN in its network namespace.
///
/// # After a crash
///
/// An instance that is applied takes over the bridge and the VXLAN interface of its names. What else a
/// previous run put there goes on forwarding until [`Driver::reconcile`] is called, because a fresh
/// daemon's first intents lack what it has not learned yet.
///
/// # MTU
///
/// MTUs of ports are not touched, and the VXLAN interface's is larger than any underlay's: a bridge drops
/// what does not fit its port silently, the VXLAN interface answers "fragmentation needed".
/// [`DriverView::mtu`] says what to give to hosts.
///
/// # Limits
///
/// The kernel forgets a bridge's neighbours when the bridge's MAC changes. The driver's own bridges have a fixed
/// one; a bridge given by the caller should have too, else ARP is flooded until the next call.
///
/// When a VXLAN interface of somebody else's bridge is reused, what was put into it is not found by
/// [`Driver::list`] after a crash, as it carries none of the driver's names. Its settings are left alone,
/// so neighbours are only suppressed there if its owner says so.
#[derive(Debug, Default)]
pub struct LinuxDriver {
    options: LinuxOptions,
    netlink: Option<Netlink>,
    /// Whether this kernel's bridges suppress ARP, once an instance has shown it.
    suppression: Option<bool>,
    instances: BTreeMap<InstanceId, Applied>,
    /// Whether nothing of a previous run is to be kept any more.
    reconciled: bool,
    /// Listens to bridges, once a port is to learn.
    learner: Option<Learner>,
    /// Held while the kernel is changed.
    turn: Arc<Mutex<()>>,
}

impl LinuxDriver {
    /// A driver that has not touched anything.
    pub fn new(options: LinuxOptions) -> Self {
        Self {
            options,
            ..Self::default()
        }
    }

    async fn open(&mut self) -> Result<(), DriverError> {
        let netlink = match &self.options.namespace {
            Some(namespace) => Netlink::in_ns(namespace),
            None => Netlink::current(),
        };
        let netlink = netlink.map_err(|error| kernel("open a netlink socket", &error))?;
        probe::probe(&netlink).await?;
        self.netlink = Some(netlink);
        let left = self.owned().await?;
        if left.is_empty() {
            self.reconciled = true;
        } else {
            let names: Vec<&str> = left.iter().map(|owned| owned.name.as_str()).collect();
            tracing::info!("found interfaces of a previous run: {}", names.join(", "));
        }
        Ok(())
    }

    fn netlink(&self) -> Result<Netlink, DriverError> {
        // A clone of the handle, not of the socket.
        self.netlink.clone().ok_or(DriverError::Stopped)
    }

    async fn reconcile_all(&mut self, intents: Vec<Arc<EvpnIntent>>) -> Result<(), DriverError> {
        let _turn = Arc::clone(&self.turn).lock_owned().await;
        self.reconciled = true;
        let wanted: BTreeSet<InstanceId> = intents.iter().map(|intent| intent.instance).collect();
        let known = self.instances.keys().copied();
        let unwanted: Vec<InstanceId> = known.filter(|known| !wanted.contains(known)).collect();
        let mut first = self.take_down(&unwanted).await;
        for instance in unwanted {
            self.learn(instance).await;
        }
        for intent in &intents {
            let tolerated = intent.ports.keys().map(ToString::to_string).collect();
            first = first.and(self.bring_up(intent, tolerated).await);
            self.learn(intent.instance).await;
        }
        // Also the names of what could not be brought up: it is wanted.
        let keep = intents.iter().flat_map(|intent| {
            let names = [names::bridge, names::vxlan];
            let names = names.map(|name| name(&intent.external_id));
            let link = intent
                .gateway_port
                .iter()
                .map(|port| port.link.evpn.clone());
            names.into_iter().chain(link)
        });
        first.and(self.sweep(&keep.collect()).await)
    }
}

impl Driver for LinuxDriver {
    fn name(&self) -> &'static str {
        "linux"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::vxlan()
    }

    fn start(&mut self) -> BoxFuture<'_, Result<(), DriverError>> {
        Box::pin(self.open())
    }

    fn apply(&mut self, intent: Arc<EvpnIntent>) -> BoxFuture<'_, Result<(), DriverError>> {
        Box::pin(async move {
            let _turn = Arc::clone(&self.turn).lock_owned().await;
            let result = self.bring_up(&intent, BTreeSet::new()).await;
            self.learn(intent.instance).await;
            result
        })
    }

    fn remove(&mut self, instance: InstanceId) -> BoxFuture<'_, Result<(), DriverError>> {
        Box::pin(async move {
            let _turn = Arc::clone(&self.turn).lock_owned().await;
            let result = self.take_down(&[instance]).await;
            self.learn(instance).await;
            result
        })
    }

    fn reconcile(
        &mut self,
        intents: Vec<Arc<EvpnIntent>>,
    ) -> BoxFuture<'_, Result<(), DriverError>> {
        Box::pin(self.reconcile_all(intents))
    }

    fn list(&mut self) -> BoxFuture<'_, Result<Vec<Owned>, DriverError>> {
        Box::pin(async { self.owned().await })
    }

    fn reset(&mut self) -> BoxFuture<'_, Result<(), DriverError>> {
        Box::pin(self.reconcile_all(Vec::new()))
    }

    fn state(&self, instance: InstanceId) -> Option<DriverView> {
        let applied = self.instances.get(&instance)?;
        Some(applied.view(self.suppression))
    }
}

fn kernel(action: &str, error: &LinkError) -> DriverError {
    DriverError::Kernel {
        action: action.to_owned(),
        reason: execute::reason(error),
    }
}
