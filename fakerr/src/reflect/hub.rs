use std::{
    collections::BTreeMap,
    mem::{Discriminant, discriminant},
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use bgp_rib::reflector::{
    ClientId, ClientInfo, HeldPath, Reflector, ReflectorAction, ReflectorConfig, ReflectorEvent,
};
use bgp_session::{Mirror, Mode, Negotiated, SessionConfig, State};
use bgp_transport::{Outgoing, PeerConfig, PeerEvent, PeerHandle, Seldom, SeldomOf, spawn};
use bgp_wire::{
    Capability, Family, Notification, RouteRefresh, Update, notification::cease, verdict::Defect,
};
use tokio::{net::TcpStream, sync::mpsc, task::JoinSet, time::Instant};
use tracing::{debug, info, warn};

use super::{obey::Resets, send::Senders};
use crate::{
    args::Args,
    identity,
    status::{Asked, ClientStatus, Status, ToldRoute, document},
};

/// The one owner of the reflector and of all sessions.
pub(super) struct Hub {
    reflector: Reflector,
    /// Since the start, for clients that were there before it.
    deferred_until: Option<Instant>,
    restart_time: u16,
    session: SessionConfig,
    pub(super) clients: BTreeMap<ClientId, Client>,
    pub(super) senders: Senders,
    pub(super) resets: Resets,
    events: mpsc::Sender<(ClientId, PeerEvent)>,
    calls: u64,
    /// How often sessions with an address have left Established.
    flaps: BTreeMap<IpAddr, u64>,
    /// Callers for whom there was no room.
    dropped: Seldom,
    /// What is not as it was when last asked: clients, routes.
    pub(super) news: (bool, bool),
}

pub(super) struct Client {
    pub(super) handle: PeerHandle,
    pub(super) address: SocketAddr,
    pub(super) state: State,
    agreed: Option<Box<Negotiated>>,
    since: Option<Instant>,
    /// What was wrong in its UPDATEs.
    defects: SeldomOf<Discriminant<Defect>>,
}

impl Client {
    fn ip(&self) -> IpAddr {
        self.address.ip().to_canonical()
    }
}

impl Hub {
    pub(super) fn new(args: &Args, events: mpsc::Sender<(ClientId, PeerEvent)>) -> Self {
        let router_id = args.router_id.unwrap_or_else(identity::default_router_id);
        let cluster_id = args.cluster_id.unwrap_or(router_id);
        info!(%router_id, %cluster_id, "reflecting");
        let local_as = args.local_as.unwrap_or(FALLBACK_AS);
        let deferral = match args.restart_time {
            0 => Duration::ZERO,
            _ => Duration::from_secs(args.deferral_time.into()),
        };
        let session = SessionConfig {
            hold_time: args.hold_time,
            families: FALLBACK_FAMILIES.to_vec(),
            capabilities: vec![
                Capability::RouteRefresh,
                Capability::EnhancedRouteRefresh,
                Capability::ExtendedMessage,
                Capability::FourOctetAs(local_as),
            ],
            mirror: Mirror {
                local_as: args.local_as.is_none(),
                families: true,
            },
            mode: Mode::Passive,
            delay_open: Some(DELAY_OPEN),
            ..SessionConfig::new(local_as, router_id)
        };
        let config = ReflectorConfig {
            router_id,
            cluster_id,
            ask_for_all: args.ask_for_all.into(),
        };
        let (reflector, deferred_until) = match deferral {
            Duration::ZERO => (Reflector::new(config), None),
            time => (Reflector::deferring(config), Some(Instant::now() + time)),
        };
        Self {
            reflector,
            deferred_until,
            restart_time: args.restart_time,
            session,
            clients: BTreeMap::new(),
            senders: Senders::default(),
            resets: Resets::default(),
            events,
            calls: 0,
            flaps: BTreeMap::new(),
            dropped: Seldom::default(),
            news: (false, false),
        }
    }

    /// A client has called.
    pub(super) fn called(&mut self, stream: TcpStream, address: SocketAddr) {
        let id = ClientId(self.calls);
        self.calls += 1;
        debug!(%id, %address, "called");
        self.make_room();
        let mut session = SessionConfig {
            seed: id.0,
            ..self.session.clone()
        };
        session.capabilities.extend(self.graceful_restart());
        let config = PeerConfig {
            once: true,
            ..PeerConfig::new(session, address)
        };
        let handle = spawn(id, config, self.events.clone());
        // There is room: nobody has called before.
        let _ = handle.accept(stream);
        let client = Client {
            handle,
            address,
            state: State::Idle,
            agreed: None,
            since: None,
            defects: SeldomOf::default(),
        };
        self.clients.insert(id, client);
    }

    /// Whoever calls and does not become a client takes up a connection. Of too many the oldest goes: a client's
    /// handshake is a matter of milliseconds.
    fn make_room(&mut self) {
        let shaking = |client: &Client| client.state != State::Established;
        if self
            .clients
            .values()
            .filter(|client| shaking(client))
            .count()
            < MAX_HANDSHAKES
        {
            return;
        }
        let mut clients = self.clients.iter();
        let oldest = clients
            .find(|(_, client)| shaking(client))
            .map(|(id, _)| *id);
        if let Some(client) = oldest.and_then(|id| self.clients.remove(&id))
            && let Some(times) = self.dropped.happened()
        {
            let address = client.address;
            warn!(%address, times, "dropped a caller that is no client yet: too many of them");
        }
    }

    /// The reflector forwards nothing, so nothing of it stops when it does (RFC 4724 section 4.1). The families are the
    /// client's own.
    fn graceful_restart(&self) -> Option<Capability> {
        let restarts = Capability::GracefulRestart {
            restarting: self.deferred_until.is_some(),
            notification: true,
            time: self.restart_time,
            families: self.session.families.iter().map(|f| (*f, true)).collect(),
        };
        (self.restart_time > 0).then_some(restarts)
    }

    /// When [`Hub::deferral_over`] is due.
    pub(super) fn deferred_until(&self) -> Option<Instant> {
        self.deferred_until
    }

    /// Whoever is not back by now is not expected any more.
    pub(super) fn deferral_over(&mut self) {
        self.deferred_until = None;
        debug!("the ends of routes are held back no more");
        self.handle(ReflectorEvent::DeferralOver);
    }

    /// Something happened on a client's session. What follows for routes waits for the flush.
    pub(super) fn take(&mut self, id: ClientId, event: PeerEvent) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        let address = client.address;
        match event {
            // In the session's own log.
            PeerEvent::State { to, .. } => {
                client.state = to;
                self.news.0 = true;
            }
            PeerEvent::Established {
                negotiated,
                outgoing,
            } => {
                client.agreed = Some(negotiated.clone());
                client.since = Some(Instant::now());
                // What is sent to it is there from now on.
                self.news = (true, true);
                self.established(id, &negotiated, outgoing);
            }
            PeerEvent::Update(update) => self.update(id, address, update),
            PeerEvent::RouteRefresh(RouteRefresh {
                family,
                subtype: RouteRefresh::REQUEST,
                ..
            }) => {
                debug!(%id, %family, "wants routes again");
                self.handle(ReflectorEvent::Refresh { client: id, family });
            }
            // Marks around what a client sends again: nothing is kept that they would tell to be old.
            PeerEvent::RouteRefresh(_) => {}
            PeerEvent::Down(reason) => {
                info!(%id, %address, %reason, "client down");
                client.since = None;
                if client.agreed.take().is_some() {
                    *self.flaps.entry(client.ip()).or_default() += 1;
                }
                self.news = (true, true);
                self.senders.remove(id);
                self.handle(ReflectorEvent::Down { client: id });
                self.resets.ended(id);
            }
            PeerEvent::Ended => {
                self.clients.remove(&id);
                self.resets.ended(id);
                self.news.0 = true;
            }
        }
    }

    /// Whether clients, and whether routes, have changed since this was last asked.
    pub(super) fn news(&mut self) -> (bool, bool) {
        std::mem::take(&mut self.news)
    }

    /// How it is now.
    pub(super) fn answer(&self, asked: Asked) -> String {
        match asked {
            Asked::Clients => document(None, &self.status()),
            Asked::Received(family) => {
                let paths = self.reflector.received(family);
                let told = paths.map(|path| ToldRoute::new(path, self.teller(&path), None));
                document(Some("routes"), &told.collect::<Vec<_>>())
            }
            Asked::Sent(family, to) => {
                let clients = self.clients.iter();
                let clients = clients.filter(|(_, client)| client.ip() == to);
                let paths = clients.flat_map(|(id, _)| self.reflector.sent(*id, family));
                let told = paths.map(|path| ToldRoute::new(path, self.teller(&path), Some(to)));
                document(Some("routes"), &told.collect::<Vec<_>>())
            }
        }
    }

    fn teller(&self, path: &HeldPath<'_>) -> Option<IpAddr> {
        Some(self.clients.get(&path.from?)?.ip())
    }

    /// The clients as they are now.
    fn status(&self) -> Status {
        let client = |client: &Client| {
            let agreed = client.agreed.as_deref();
            ClientStatus {
                address: client.ip(),
                port: client.address.port(),
                state: client.state.to_string(),
                asn: agreed.map(|agreed| agreed.peer_as),
                router_id: agreed.map(|agreed| agreed.peer.router_id),
                families: agreed.map(|agreed| {
                    let mut families = agreed.families.to_vec();
                    families.sort_unstable();
                    families
                }),
                hold_time: agreed.map(|agreed| agreed.hold_time),
                four_octet_as: agreed.map(|agreed| agreed.as4),
                // What it announces, not what was agreed on.
                graceful_restart: agreed.map(|agreed| {
                    let mut capabilities = agreed.peer.capabilities.iter();
                    capabilities.any(|one| matches!(one, Capability::GracefulRestart { .. }))
                }),
                established_ms: client
                    .since
                    .map(|since| u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)),
                flaps: self.flaps.get(&client.ip()).copied().unwrap_or(0),
            }
        };
        Status {
            router_id: self.session.router_id,
            clients: self.clients.values().map(client).collect(),
        }
    }

    fn established(&mut self, id: ClientId, negotiated: &Negotiated, outgoing: Outgoing) {
        let Some(client) = self.clients.get(&id) else {
            return;
        };
        let address = client.address;
        let info = ClientInfo {
            router_id: negotiated.peer.router_id,
            address: address.ip(),
            families: negotiated.families.iter().copied().collect(),
            enhanced_refresh: negotiated.enhanced_route_refresh,
        };
        let families: Vec<String> = negotiated.families.iter().map(Family::to_string).collect();
        info!(
            %id,
            %address,
            router_id = %info.router_id,
            asn = negotiated.peer_as,
            hold_time = negotiated.hold_time,
            families = families.join(","),
            "client up"
        );
        self.replace_older(id, &info);
        self.senders.add(id, outgoing, negotiated.encode_context());
        self.handle(ReflectorEvent::Up { client: id, info });
    }

    /// A client that comes again has lost its first session, whether we know or not (RFC 4271 section 6.8).
    fn replace_older(&self, id: ClientId, info: &ClientInfo) {
        let older = self.reflector.clients().filter(|(_, known)| {
            (known.router_id, known.address) == (info.router_id, info.address)
        });
        for (older, _) in older {
            if let Some(client) = self.clients.get(&older) {
                warn!(id = %older, by = %id, "client came again, its older session ends");
                client.handle.reset(Notification::cease(cease::COLLISION));
            }
        }
    }

    fn update(&mut self, id: ClientId, address: SocketAddr, update: Box<Update>) {
        for verdict in &update.verdicts {
            let (defect, outcome) = (&verdict.defect, &verdict.outcome);
            let client = self.clients.get_mut(&id);
            let times = client.and_then(|client| client.defects.happened(discriminant(defect)));
            if let Some(times) = times {
                warn!(%id, %address, %defect, ?outcome, times, "defect in an UPDATE");
            }
        }
        let reach: usize = update.reach.iter().map(|(_, _, nlri)| nlri.len()).sum();
        let unreach: usize = update.unreach.iter().map(|(_, nlri)| nlri.len()).sum();
        debug!(%id, reach, unreach, "UPDATE");
        self.news.1 |= reach + unreach > 0;
        self.handle(ReflectorEvent::Update { client: id, update });
    }

    pub(super) fn handle(&mut self, event: ReflectorEvent) {
        let actions = self.reflector.handle(event);
        self.act(actions);
    }

    /// Sends what the events since the last flush have changed.
    pub(super) fn flush(&mut self) {
        let actions = self.reflector.flush();
        self.act(actions);
    }

    fn act(&mut self, actions: Vec<ReflectorAction>) {
        for action in actions {
            self.senders.act(action);
        }
    }

    /// Says Cease to every client.
    pub(super) async fn stop(self) {
        let mut goodbyes = JoinSet::new();
        for client in self.clients.into_values() {
            goodbyes.spawn(async move { client.handle.stop("route reflector stopped").await });
        }
        while goodbyes.join_next().await.is_some() {}
    }
}

/// Connections at a time on which no session is Established.
const MAX_HANDSHAKES: usize = 256;
/// How long a client may take for its OPEN before it gets one that is not made for it.
const DELAY_OPEN: Duration = Duration::from_secs(2);
/// What that one says.
const FALLBACK_AS: u32 = 64512;
const FALLBACK_FAMILIES: [Family; 4] = [
    Family::VPNV4,
    Family::EVPN,
    Family::FLOWSPEC_VPNV4,
    Family::RTC,
];
