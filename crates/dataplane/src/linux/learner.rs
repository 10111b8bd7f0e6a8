//! Learning of MACs: the kernel's bridges learn, this listens to them.
//!
//! ```text
//!  driver ── what is in force ──> Learner ──> Table ──> Reporter ──> whoever advertises
//!  kernel ── entries come, go ──────┘            └──> entries put back that frames must not move
//! ```
//!
//! Ageing is the bridge's: an entry that it drops is forgotten here. A listener that was too slow asks for everything
//! again. One whose socket fails opens it anew, and does the same.

mod hearing;
mod table;

use std::sync::Arc;
use std::time::Duration;

use netns::addr::MacAddr;
use netns::link::{Change, FdbEntry, Groups, LinkChange, LinkError, Monitor, Netlink, PortFlags};
use netns::ns::NetNs;
use tokio::sync::{Mutex, mpsc};
use vpn::InstanceId;

use crate::sightings::Reporter;
use hearing::{Hearing, Source};
pub use table::Watch;
use table::{Followup, Place, Table};

/// How MACs are learnt.
#[derive(Clone, Debug, Default)]
pub struct LearningOptions {
    /// Where to tell of them; without, none are.
    pub reporter: Option<Reporter>,
    /// How many are learnt at one port: those above are reached by flooding.
    pub limit: Option<usize>,
    /// After what silence the driver's bridges forget one; the kernel's 300 s if none.
    pub ageing: Option<Duration>,
}

/// How many MACs are learnt at one port unless said otherwise.
pub const LIMIT: usize = 1024;

/// What a learner has to know of an instance.
type Order = (InstanceId, Option<Watch>);

/// The driver's side of the task that listens.
#[derive(Debug)]
pub struct Learner {
    orders: mpsc::UnboundedSender<Order>,
}

struct Task {
    table: Table,
    netlink: Netlink,
    reporter: Reporter,
    /// Held by the driver while the kernel is not as the last order says.
    turn: Arc<Mutex<()>>,
}

impl Learner {
    /// Starts to listen in a namespace. Inside a tokio runtime; ends when it is dropped.
    pub fn start(
        ns: &NetNs,
        options: &LearningOptions,
        turn: Arc<Mutex<()>>,
    ) -> Result<Option<Self>, LinkError> {
        let Some(reporter) = options.reporter.clone() else {
            return Ok(None);
        };
        let (orders, inbox) = mpsc::unbounded_channel();
        let groups = Groups {
            neighbours: true,
            ..Groups::default()
        };
        let ns = ns.clone();
        let task = Task {
            table: Table::new(options.limit.unwrap_or(LIMIT)),
            netlink: Netlink::in_ns(&ns)?,
            reporter,
            turn,
        };
        let hearing = Hearing::start(move || Monitor::open(&ns, groups))?;
        tokio::spawn(task.run(inbox, hearing));
        Ok(Some(Self { orders }))
    }

    /// Says what is in force for an instance.
    pub fn order(&self, instance: InstanceId, watch: Option<Watch>) {
        // The task ends after this, or with the runtime.
        let _ = self.orders.send((instance, watch));
    }
}

impl Task {
    async fn run<S, O>(
        mut self,
        mut orders: mpsc::UnboundedReceiver<Order>,
        mut hearing: Hearing<S, O>,
    ) where
        S: Source,
        O: FnMut() -> Result<S, S::Error>,
    {
        loop {
            let event = tokio::select! {
                biased;
                order = orders.recv() => match order {
                    Some(order) => Ok(order),
                    None => return,
                },
                change = hearing.next() => Err(change),
            };
            // What the kernel says in the midst of a change is judged after it.
            let turn = Arc::clone(&self.turn).lock_owned().await;
            match event {
                Ok((instance, watch)) => self.watch(instance, watch).await,
                Err(change) => {
                    while let Ok((instance, watch)) = orders.try_recv() {
                        self.watch(instance, watch).await;
                    }
                    match change {
                        Some(change) => self.heard(change).await,
                        None => {
                            // Nobody would tell when they go.
                            let followups = self.table.clear();
                            self.follow_up(followups).await;
                            tracing::error!(
                                "MAC addresses are not learnt any more until the daemon is started again"
                            );
                            return;
                        }
                    }
                }
            }
            drop(turn);
        }
    }

    async fn watch(&mut self, instance: InstanceId, watch: Option<Watch>) {
        let (followups, new) = self.table.watch(instance, watch);
        self.follow_up(followups).await;
        let Some(bridge) = self.table.bridge(instance) else {
            return;
        };
        for index in new {
            if index != bridge {
                let flags = PortFlags {
                    learning: Some(true),
                    ..PortFlags::default()
                };
                let change = LinkChange::new(index).port(flags);
                if let Err(error) = self.netlink.apply(change).await {
                    // On somebody else's bridge it may not be a port yet.
                    tracing::debug!("port {index} keeps its way of learning: {error}");
                }
            }
            self.look(bridge, index).await;
        }
    }

    async fn heard(&mut self, change: Change) {
        if self.table.is_idle() {
            return;
        }
        match change {
            Change::Fdb(entry) => {
                let followups = self.table.there(&entry);
                self.follow_up(followups).await;
            }
            Change::FdbGone(entry) => {
                let followups = self.table.gone(&entry);
                self.follow_up(followups).await;
            }
            Change::Lost => {
                for bridge in self.table.bridges() {
                    self.look(bridge, bridge).await;
                }
            }
            _ => {}
        }
    }

    /// Asks for everything at a port, or at a bridge.
    async fn look(&mut self, bridge: u32, index: u32) {
        let entries = match index == bridge {
            true => self.netlink.bridge_fdb(bridge).await,
            false => self.netlink.fdb(Some(index)).await,
        };
        match entries {
            Ok(entries) => {
                let followups = self.table.all(bridge, &[index], &entries);
                self.follow_up(followups).await;
            }
            Err(error) => tracing::warn!("cannot see which MAC addresses were learnt: {error}"),
        }
    }

    async fn follow_up(&self, followups: Vec<Followup>) {
        for followup in followups {
            match followup {
                Followup::Tell(sighting) => self.reporter.note(sighting),
                Followup::PutBack {
                    instance,
                    mac,
                    place,
                } => {
                    self.put_back(instance, MacAddr(mac.0), place).await;
                }
                Followup::Full { port, limit } => tracing::warn!(
                    "port `{port}` has more than {limit} MAC addresses: the others are not advertised, frames for \
                     them are flooded"
                ),
            }
        }
    }

    async fn put_back(&self, instance: InstanceId, mac: MacAddr, place: Place) {
        let entry = match place {
            Place::Port(name) => match self.netlink.index(&name).await {
                Ok(index) => FdbEntry::behind(index, mac),
                // It has gone, and the driver knows what to do when it is there again.
                Err(_) => return,
            },
            Place::Remote => {
                let Some(vxlan) = self.table.vxlan(instance) else {
                    return;
                };
                FdbEntry {
                    extern_learn: true,
                    ..FdbEntry::behind(vxlan, mac)
                }
            }
        };
        if let Err(error) = self.netlink.apply(entry.replace()).await {
            tracing::debug!("cannot put {mac} back to where it belongs: {error}");
        }
    }
}
