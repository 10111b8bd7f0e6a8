//! The owner of everything the daemon knows, as one task.
//!
//! ```text
//! REST ── Command ──>┐                        ┌── intents ──> DriverHandle ──> dataplane thread
//! peers ── PeerEvent ─> Core (Speaker inside) ─┼── messages ─> Outgoing ──> peer tasks
//! driver ── Done ───>┘                        └── version ──> whoever waits for a change
//! ```
//!
//! Nothing is shared and nothing is held across a wait: what takes time (the dataplane) runs elsewhere and
//! comes back as an event. Operations on one instance run one after the other.

mod convert;
mod kept;
mod lists;
mod operations;
mod peers;
mod refusal;
mod reload;

use std::{
    collections::BTreeMap,
    mem::{Discriminant, discriminant},
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use bagpipe_api::{AttachRequest, PeerSession};
use bgp_rib::RtcOrigin;
use bgp_transport::{Listener, PeerEvent, SeldomOf, sd_notify};
use bgp_wire::Vni;
use dataplane::{DriverError, DriverHandle, Sighting, Sightings};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep_until, timeout},
};
use vpn::{
    DetachRequest, Intent, IpVpnConfig, IpVpnIntent, Output, PreviousVnis, Speaker, VpnConfig,
    Warning,
};

use self::operations::{Done, Operations, To};
use self::peers::{Answer, Life, Starter};
pub use self::{
    lists::{Attachments, HeldRoutes},
    peers::{Calls, Peer, Sessions},
};
use crate::{
    clock::LocalTime,
    config::Config,
    glass::{self, NotFound, Shown},
    host::Addresses,
    logging::Memory,
    metrics::Page,
    rest::HttpError,
    store::{self, Kept, Key, Store},
};

/// How many events are taken in before what follows from them goes out, so that many routes make one change.
const BATCH: usize = 256;

/// How long saying goodbye to peers and the dataplane may take.
const GOODBYE: Duration = Duration::from_secs(5);

/// How long a peer may take to close the session it was told is over.
const PEERS_GOODBYE: Duration = Duration::from_millis(300);

/// How often the watchdog would be fed if there were one.
const UNWATCHED: Duration = Duration::from_secs(3600);

/// How many routes are named a minute of those that are not as they should be, of each kind.
const ROUTES_NAMED: u32 = 10;

/// What a daemon that ends leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// The dataplane is cleared.
    Nothing,
    /// The dataplane goes on as it is, for the next run to take over.
    Forwarding,
}

/// The way to the core.
pub type Commands = mpsc::Sender<Command>;

/// Where the outcome of an attach or a detach goes.
pub type Reply = oneshot::Sender<Result<(), HttpError>>;

/// What can be asked of the core.
#[derive(Debug)]
pub enum Command {
    /// Attach an endpoint; answered when the port is plugged and the routes are on their way.
    Attach {
        /// What to attach.
        request: Box<AttachRequest>,
        /// Where the outcome goes.
        reply: Reply,
    },
    /// Detach an endpoint; answered when the port is unplugged.
    Detach {
        /// What to detach.
        request: Box<bagpipe_api::DetachRequest>,
        /// Where the outcome goes.
        reply: Reply,
    },
    /// Write figures.
    Figures {
        /// Where they go.
        reply: oneshot::Sender<Page>,
    },
    /// List every attachment, as bodies that attach it again.
    Attachments {
        /// Where they go.
        reply: oneshot::Sender<Attachments>,
    },
    /// List the routes that were received, for programs.
    Routes {
        /// Those that nobody but a peer would have any use for, too: its own.
        all: bool,
        /// Where they go.
        reply: oneshot::Sender<HeldRoutes>,
    },
    /// List the sessions with peers, for programs.
    Sessions {
        /// Where they go.
        reply: oneshot::Sender<Vec<PeerSession>>,
    },
    /// Take over what has changed in the configuration.
    Reload(Box<Config>),
    /// Show a page of the looking glass.
    Show {
        /// Address of its root, for links.
        base: String,
        /// Elements below the root, decoded.
        path: Vec<String>,
        /// Where the page goes.
        reply: oneshot::Sender<Result<Shown, NotFound>>,
    },
}

/// What the core is made of.
pub struct Parts {
    /// The configuration.
    pub config: Arc<Config>,
    /// By what others know this host.
    pub addresses: Addresses,
    /// The E-VPN dataplane.
    pub driver: DriverHandle,
    /// The IP VPN dataplane, if there is one.
    pub ipvpn: Option<DriverHandle<IpVpnIntent>>,
    /// What the E-VPN dataplane learns.
    pub sightings: Sightings,
    /// The last warnings.
    pub memory: Memory,
    /// When the daemon was started.
    pub started: LocalTime,
    /// Grows with every visible change.
    pub version: watch::Sender<u64>,
    /// The sessions with its peers.
    pub sessions: Sessions,
    /// Where attachments are kept, and those that were, if they are to be.
    pub store: Option<(Store, Vec<Kept>)>,
    /// What a previous run left in the dataplane, see [`left_over`].
    pub left: Left,
}

/// What a previous run left in the dataplane, and goes on forwarding.
struct Stale {
    /// When it goes.
    until: Instant,
    /// Whether everything that was kept is attached again.
    attached: bool,
    /// Whether peers have told all their routes since.
    told: bool,
}

/// The core's state; the looking glass reads it.
pub struct Core {
    pub(crate) config: Arc<Config>,
    pub(crate) addresses: Addresses,
    pub(crate) speaker: Speaker,
    pub(crate) peers: BTreeMap<IpAddr, Peer>,
    pub(crate) driver: DriverHandle,
    pub(crate) ipvpn: Option<DriverHandle<IpVpnIntent>>,
    pub(crate) memory: Memory,
    pub(crate) started: LocalTime,
    version: watch::Sender<u64>,
    operations: Operations,
    done: mpsc::UnboundedSender<Done>,
    /// When what a previous run left in the dataplane is removed.
    stale: Option<Stale>,
    store: Option<Store>,
    /// What was attached again from the store, and by nobody else so far.
    unconfirmed: BTreeMap<Key, DetachRequest>,
    /// When that is detached.
    confirm: Option<Instant>,
    /// What was kept is being attached again.
    restoring: bool,
    /// Where the times of peers count from.
    epoch: Instant,
    /// What instances had to say about single routes.
    of_routes: SeldomOf<Discriminant<Warning>>,
    /// Connections that peers open.
    pub(crate) calls: Calls,
    listener: Option<Arc<Listener>>,
    starter: Starter,
}

/// The channels into a core.
pub struct Inbox {
    peers: mpsc::Receiver<(Life, PeerEvent)>,
    names: mpsc::Receiver<Answer>,
    done: mpsc::UnboundedReceiver<Done>,
    sightings: Sightings,
}

impl Core {
    /// A core without instances.
    ///
    /// What a previous run left in the dataplane keeps forwarding until its instances had time to be attached
    /// again (`stale_time`); then it is removed.
    pub async fn start(parts: Parts) -> (Self, Inbox) {
        let Parts {
            config,
            addresses,
            driver,
            ipvpn,
            sightings,
            memory,
            started,
            version,
            sessions:
                Sessions {
                    peers,
                    events,
                    names,
                    listener,
                    starter,
                },
            store,
            left,
        } = parts;
        let (done, done_inbox) = mpsc::unbounded_channel();
        let rtc = config.bgp.enable_rtc.then_some(RtcOrigin {
            local_as: config.bgp.my_as,
            next_hop: addresses.bgp,
        });
        let vpn_config = VpnConfig {
            router_id: addresses.router_id,
            local_address: addresses.bgp,
            local_vtep: addresses.vtep,
            capabilities: driver.capabilities().clone(),
            duplicates: config.evpn.duplicates,
            ipvpn: ipvpn.as_ref().map(|driver| IpVpnConfig {
                local_pe: addresses.pe,
                capabilities: driver.capabilities().clone(),
                max_redirects: config.ipvpn.redirect_instances,
            }),
        };
        let stale = (left.count > 0).then(|| {
            tracing::warn!(
                "found {} interfaces and routing tables of a previous run; what is not attached again within {} s \
                 is removed",
                left.count,
                config.evpn.stale_time.as_secs()
            );
            Stale {
                until: Instant::now() + config.evpn.stale_time,
                attached: false,
                told: false,
            }
        });
        let mut speaker = Speaker::new(vpn_config, rtc);
        speaker.prefer(PreviousVnis {
            vnis: left.vnis,
            interface: Some(dataplane::vxlan_interface),
        });
        let (store, kept) = store.unzip();
        let mut core = Self {
            config,
            addresses,
            speaker,
            peers,
            driver,
            ipvpn,
            memory,
            started,
            version,
            operations: Operations::default(),
            done,
            stale,
            store,
            unconfirmed: BTreeMap::new(),
            confirm: None,
            restoring: false,
            epoch: Instant::now(),
            of_routes: SeldomOf::up_to(ROUTES_NAMED),
            calls: Calls::of(listener.as_deref()),
            listener,
            starter,
        };
        core.restore(kept.unwrap_or_default());
        (
            core,
            Inbox {
                peers: events,
                names,
                done: done_inbox,
                sightings,
            },
        )
    }

    /// Works until `stop` resolves, then says goodbye: a Cease to every peer, and the dataplane cleared unless it is to
    /// be left as it is.
    pub async fn run(
        mut self,
        inbox: Inbox,
        mut commands: mpsc::Receiver<Command>,
        stop: impl Future<Output = Leave>,
    ) {
        let Inbox {
            mut peers,
            mut names,
            mut done,
            sightings,
        } = inbox;
        let mut stop = std::pin::pin!(stop);
        let interval = sd_notify::watchdog_interval();
        let is_watched = interval.is_some();
        let mut watchdog = tokio::time::interval(interval.unwrap_or(UNWATCHED));
        let how = loop {
            let (stale, confirm) = (self.stale.as_ref().map(|stale| stale.until), self.confirm);
            let listener = self.listener.clone();
            let duplicates = self.speaker.vpns().deadline();
            let duplicates = duplicates.map(|after| self.epoch + after);
            let deadline = self.peers_deadline().into_iter().chain(duplicates).min();
            tokio::select! {
                how = &mut stop => break how,
                Some((peer, event)) = peers.recv() => {
                    self.advance();
                    self.on_peer(peer, event);
                    for _ in 1..BATCH {
                        let Ok((peer, event)) = peers.try_recv() else { break };
                        self.on_peer(peer, event);
                    }
                }
                Some(done) = done.recv() => {
                    self.advance();
                    self.on_done(done);
                    if self.operations.is_empty() {
                        self.restored();
                    }
                }
                news = sightings.next() => {
                    self.advance();
                    self.on_sightings(news);
                }
                Some(command) = commands.recv() => {
                    self.advance();
                    self.on_command(command);
                }
                () = until(stale) => self.remove_stale(),
                () = until(deadline) => {
                    self.advance();
                    self.on_deadline();
                }
                () = until(confirm) => self.detach_unconfirmed(),
                _ = watchdog.tick(), if is_watched => feed_watchdog(),
                call = peers::calls::next(listener.as_deref()) => self.called(call),
                Some(answer) = names.recv() => self.on_name(answer),
            }
            self.flush();
        };
        if timeout(GOODBYE, self.goodbye(how)).await.is_err() {
            tracing::warn!("not everything was ended properly within {GOODBYE:?}");
        }
    }

    fn on_command(&mut self, command: Command) {
        match command {
            Command::Attach { request, reply } => match convert::attach(*request) {
                Ok(request) => self.attach(request, reply),
                Err(error) => {
                    reply.send(Err(error.into())).ok();
                }
            },
            Command::Detach { request, reply } => match convert::detach(*request) {
                Ok(request) => self.detach(request, To::Client(reply)),
                Err(error) => {
                    reply.send(Err(error.into())).ok();
                }
            },
            Command::Figures { reply } => {
                let mut page = Page::default();
                glass::figures(self, &mut page);
                reply.send(page).ok();
            }
            Command::Attachments { reply } => {
                reply.send(self.attachments()).ok();
            }
            Command::Routes { all, reply } => {
                reply.send(self.held_routes(all)).ok();
            }
            Command::Sessions { reply } => {
                let sessions = self.peers.values().map(peers::Peer::told);
                reply.send(sessions.collect()).ok();
            }
            Command::Reload(config) => self.reload(*config),
            Command::Show { base, path, reply } => {
                reply.send(glass::show(self, &base, &path)).ok();
            }
        }
    }

    /// Tells the speaker the time, and does what follows from that.
    fn advance(&mut self) {
        let output = self.speaker.advance(self.epoch.elapsed());
        if output != Output::default() {
            self.deliver(output);
        }
    }

    /// Sends peers what they are to know, and logs what deserves it.
    fn deliver(&mut self, output: Output) {
        for (instance, warning) in output.warnings {
            // There may be as many as a peer has routes.
            let kind = discriminant(&warning);
            if warning.is_of_a_route() && self.of_routes.happened(kind).is_none() {
                continue;
            }
            match self.speaker.vpns().worker(instance) {
                Some(worker) => tracing::warn!(worker = %worker, "{warning}"),
                None => tracing::warn!("{warning}"),
            }
        }
        peers::send(&self.peers, output.dispatches);
        self.changed();
    }

    /// Tells the world what was learnt.
    fn on_sightings(&mut self, news: Vec<Sighting>) {
        for Sighting {
            instance,
            mac,
            port,
        } in news
        {
            let output = self.speaker.sight(instance, mac, port.as_deref());
            self.deliver(output);
        }
    }

    /// Hands the dataplane what it should hold now.
    fn flush(&mut self) {
        for change in self.speaker.take_intents() {
            self.driver.submit(change);
            self.changed();
        }
        for change in self.speaker.take_ipvpn_intents() {
            if let Some(driver) = &self.ipvpn {
                driver.submit(change);
            }
            self.changed();
        }
    }

    /// How well attachments are kept, where they are.
    pub(crate) fn store_figures(&self) -> Option<&store::Figures> {
        self.store.as_ref().map(Store::figures)
    }

    /// How many operations wait for those before them.
    pub(crate) fn waiting_operations(&self) -> usize {
        self.operations.waiting()
    }

    /// Wakes whoever waits for a change.
    fn changed(&self) {
        self.version.send_modify(|version| *version += 1);
    }

    /// Removes what a previous run left and nobody attached again.
    fn remove_stale(&mut self) {
        self.stale = None;
        self.starter.restart_is_over();
        self.speaker.prefer(PreviousVnis::default());
        // Whoever kept routes through the restart may let go of those that have not come.
        self.on_deadline();
        let intents = self.speaker.vpns().intents().cloned().collect();
        let reconciled = self.driver.reconcile(intents);
        let intents = self.speaker.vpns().ipvpn_intents().cloned().collect();
        let ipvpn = self.ipvpn.as_ref().map(|driver| driver.reconcile(intents));
        tokio::spawn(async move {
            let mut result = reconciled.await;
            if let Some(ipvpn) = ipvpn {
                result = result.and(ipvpn.await);
            }
            match result {
                Ok(()) => tracing::info!("removed what a previous run left in the dataplane"),
                Err(error) => tracing::warn!("cannot remove what a previous run left: {error}"),
            }
        });
    }

    async fn goodbye(mut self, how: Leave) {
        let clear = how == Leave::Nothing && !self.config.common.keep_forwarding;
        let mut peers = std::mem::take(&mut self.peers);
        if !clear && self.config.bgp.graceful_restart_time > 0 {
            peers::abandon(std::mem::take(&mut peers));
        }
        let peers = timeout(PEERS_GOODBYE, peers::stop(peers));
        let dataplane = async {
            if clear {
                // Peers hear of the end by the Cease: the withdrawals need not be sent.
                self.speaker.stop();
                self.flush();
            }
            let reset = clear && self.stale.is_some();
            let ipvpn = async {
                if let Some(driver) = self.ipvpn {
                    end(driver, reset).await;
                }
            };
            let _ = tokio::join!(end(self.driver, reset), ipvpn);
        };
        // A peer that does not close its side has been told all the same.
        let _ = tokio::join!(peers, dataplane);
    }
}

/// What a previous run left in the dataplane.
#[derive(Debug, Default)]
pub struct Left {
    /// How many interfaces and tables.
    pub count: usize,
    /// The VNIs of VXLAN interfaces, by their names.
    vnis: BTreeMap<String, Vni>,
}

/// What a previous run left in the dataplane; nothing if that cannot be told, which is logged.
pub async fn left_over(driver: &DriverHandle, ipvpn: Option<&DriverHandle<IpVpnIntent>>) -> Left {
    let list = async {
        let evpn = driver.list().await?;
        let more = match ipvpn {
            Some(ipvpn) => ipvpn.list().await?.len(),
            None => 0,
        };
        Ok::<_, DriverError>(Left {
            count: evpn.len() + more,
            vnis: evpn
                .into_iter()
                .filter_map(|owned| Some((owned.name, owned.vni?)))
                .collect(),
        })
    };
    list.await.unwrap_or_else(|error| {
        tracing::warn!("cannot tell what a previous run left: {error}");
        Left::default()
    })
}

/// Waits until a driver has done everything asked for; with `reset` it also removes what a previous run left.
async fn end<I: Intent>(driver: DriverHandle<I>, reset: bool) {
    if reset && let Err(error) = driver.reset().await {
        tracing::warn!("cannot remove what a previous run left: {error}");
    }
    driver.shutdown().await;
}

fn feed_watchdog() {
    if let Err(error) = sd_notify::notify(sd_notify::WATCHDOG) {
        tracing::warn!("cannot tell the service manager that all is well: {error}");
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
