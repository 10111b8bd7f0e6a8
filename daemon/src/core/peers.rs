//! BGP peers: what they say goes into the speaker, what the speaker has for them goes out.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use bagpipe_api::{Agreed, PeerSession};
use bgp_rib::{Change, Dispatch, PeerExport, RouteTable, WorkerId, export};
use bgp_session::{Backoff, Negotiated, SessionConfig, State};
use bgp_transport::{Outgoing, PeerConfig, PeerEvent, PeerHandle};
use bgp_wire::{Capability, EncodeContext, Family, RouteRefresh, Update};
use tokio::{sync::mpsc, task::JoinSet, time::Instant};

use super::Core;
use crate::{
    clock::{self, LocalTime},
    config::Bgp,
};

/// How many peer events may wait before nothing more is read from peers.
const EVENTS: usize = 256;

/// A configured peer, as far as the looking glass and the core know it.
pub struct Peer {
    /// Its address.
    pub address: IpAddr,
    /// Where its session stands.
    pub state: State,
    /// Where it stood before.
    pub previous: State,
    /// Since when.
    pub since: LocalTime,
    /// Hold time agreed in the last session, or the one proposed.
    pub hold_time: u16,
    /// Families of the last session, in the order agreed.
    pub families: Vec<Family>,
    /// AS of the peer in the last session.
    pub peer_as: u32,
    /// How often the session has left Established.
    flaps: u64,
    session: Option<Session>,
    handle: PeerHandle,
}

/// What lasts as long as a session.
struct Session {
    export: PeerExport,
    outgoing: Outgoing,
    context: EncodeContext,
    agreed: Agreed,
    since: Instant,
}

impl Peer {
    /// Its name in the route table.
    pub fn worker(&self) -> WorkerId {
        WorkerId::Peer(self.address)
    }

    /// Whether RT-Constraint is in force.
    pub fn is_constrained(&self) -> bool {
        self.session
            .as_ref()
            .is_some_and(|session| session.export.is_constrained())
    }

    /// As programs are told of it.
    pub(super) fn told(&self) -> PeerSession {
        let agreed = self.session.as_ref().map(|session| {
            let since = session.since.elapsed().as_millis();
            Agreed {
                established_ms: u64::try_from(since).unwrap_or(u64::MAX),
                end_of_rib: session.export.ends_received().iter().copied().collect(),
                ..session.agreed.clone()
            }
        });
        PeerSession {
            peer: self.address,
            state: self.state.to_string(),
            flaps: self.flaps,
            agreed,
        }
    }

    /// Families whose End-of-RIB was received and sent in this session.
    pub fn ends_of_rib(&self) -> (Vec<Family>, Vec<Family>) {
        let export = self.session.as_ref().map(|session| &session.export);
        let list =
            |families: Option<&BTreeSet<Family>>| families.into_iter().flatten().copied().collect();
        (
            list(export.map(PeerExport::ends_received)),
            list(export.map(PeerExport::ends_sent)),
        )
    }

    /// Octets waiting to be sent.
    pub fn queued(&self) -> usize {
        self.session
            .as_ref()
            .map_or(0, |session| session.outgoing.queued())
    }
}

fn agreed(negotiated: &Negotiated) -> Agreed {
    let mut families = negotiated.families.clone();
    families.sort_unstable();
    let mut announced = negotiated.peer.capabilities.iter();
    Agreed {
        asn: negotiated.peer_as,
        families,
        hold_time: negotiated.hold_time,
        four_octet_as: negotiated.as4,
        graceful_restart: announced.any(|one| matches!(one, Capability::GracefulRestart { .. })),
        end_of_rib: Vec::new(),
        established_ms: 0,
    }
}

/// The families offered: one capability each, ascending.
fn families(bgp: &Bgp) -> Vec<Family> {
    let mut families = vec![
        Family::VPNV4,
        Family::VPNV6,
        Family::FLOWSPEC_VPNV4,
        Family::EVPN,
    ];
    if bgp.enable_rtc {
        families.push(Family::RTC);
    }
    families.sort_unstable();
    families
}

/// The sessions of a daemon, before there is a core to take in what they bring.
pub struct Sessions {
    pub(super) peers: BTreeMap<IpAddr, Peer>,
    pub(super) events: mpsc::Receiver<(IpAddr, PeerEvent)>,
}

impl Sessions {
    /// Connects to every peer of the configuration, at once; `seed` varies the timers. Events wait for the
    /// core, and when too many do, so do the peers.
    pub fn connect(bgp: &Bgp, local_address: Ipv4Addr, seed: u64) -> Self {
        let (sender, events) = mpsc::channel(EVENTS);
        let peers = bgp.peers.iter().zip(0..);
        let peers = peers.map(|(address, index)| {
            let address = IpAddr::V4(*address);
            let session = session(bgp, local_address, seed.wrapping_add(index));
            let mut config = PeerConfig::new(session, SocketAddr::new(address, bgp.bgp_port));
            config.local = Some(local_address.into());
            let peer = Peer {
                address,
                state: State::Idle,
                previous: State::Idle,
                since: clock::now(),
                hold_time: bgp.hold_time,
                families: Vec::new(),
                peer_as: bgp.my_as,
                flaps: 0,
                session: None,
                handle: bgp_transport::spawn(address, config, sender.clone()),
            };
            (address, peer)
        });
        Self {
            peers: peers.collect(),
            events,
        }
    }
}

fn session(bgp: &Bgp, local_address: Ipv4Addr, seed: u64) -> SessionConfig {
    let mut session = SessionConfig::new(bgp.my_as, local_address);
    session.hold_time = bgp.hold_time;
    session.families = families(bgp);
    session.capabilities.push(Capability::ExtendedMessage);
    session.connect_retry = Backoff {
        first: bgp.connect_retry,
        max: bgp.connect_retry_max.max(bgp.connect_retry),
        ..Backoff::default()
    };
    session.idle_hold = session.connect_retry;
    session.seed = seed;
    session
}

/// Sends changes to the peers they are for, in order.
pub(super) fn send(peers: &BTreeMap<IpAddr, Peer>, dispatches: Vec<Dispatch>) {
    let mut changes: BTreeMap<IpAddr, Vec<Change>> = BTreeMap::new();
    for Dispatch { to, change } in dispatches {
        if let WorkerId::Peer(address) = to {
            changes.entry(address).or_default().push(change);
        }
    }
    for (address, changes) in changes {
        if let Some(session) = peers.get(&address).and_then(|peer| peer.session.as_ref()) {
            let messages = export::messages(&changes, &session.context);
            session.outgoing.send_all(&messages);
        }
    }
}

/// Ends every session with a Cease; all at once.
pub(super) async fn stop(peers: BTreeMap<IpAddr, Peer>) {
    let mut stopping: JoinSet<()> = peers
        .into_values()
        .map(|peer| async move { peer.handle.stop("shutting down").await })
        .collect();
    while stopping.join_next().await.is_some() {}
}

impl Core {
    /// Takes in what happened with a peer.
    pub(super) fn on_peer(&mut self, address: IpAddr, event: PeerEvent) {
        let Some(peer) = self.peers.get_mut(&address) else {
            return;
        };
        let worker = peer.worker();
        let now = self.epoch.elapsed();
        let events = match event {
            PeerEvent::State { from, to, why, .. } => {
                tracing::info!(worker = %worker, "{from} -> {to}: {why}");
                (peer.previous, peer.state, peer.since) = (from, to, clock::now());
                Vec::new()
            }
            PeerEvent::Established {
                negotiated,
                outgoing,
            } => {
                missing_families(worker, &self.config.bgp, &negotiated);
                peer.hold_time = negotiated.hold_time;
                peer.families.clone_from(&negotiated.families);
                peer.peer_as = negotiated.peer_as;
                let context = negotiated.encode_context();
                let agreed = agreed(&negotiated);
                let (export, events) = PeerExport::established(
                    address,
                    self.local_address,
                    negotiated.families.iter().copied(),
                    now,
                );
                peer.session = Some(Session {
                    export,
                    outgoing,
                    context,
                    agreed,
                    since: Instant::now(),
                });
                events
            }
            PeerEvent::Update(update) => {
                for verdict in &update.verdicts {
                    tracing::warn!(worker = %worker, "in an UPDATE: {}", verdict.defect);
                }
                match &mut peer.session {
                    Some(session) => session.export.on_update(&update, now),
                    None => Vec::new(),
                }
            }
            PeerEvent::RouteRefresh(refresh) => {
                if let Some(session) = &peer.session {
                    resend(self.speaker.table(), worker, &refresh, session);
                }
                return;
            }
            PeerEvent::Down(reason) => {
                tracing::warn!(worker = %worker, "session is down: {reason}");
                match peer.session.take() {
                    Some(session) => {
                        peer.flaps += 1;
                        vec![session.export.down()]
                    }
                    None => Vec::new(),
                }
            }
            // Configured peers are tried for ever.
            PeerEvent::Ended => return,
        };
        let output = self.speaker.handle(events);
        self.deliver(output);
        self.mark_ends(address, now);
    }

    /// When [`Core::on_deadline`] has something to do at the latest.
    pub(super) fn peers_deadline(&self) -> Option<Instant> {
        let sessions = self.peers.values().filter_map(|peer| peer.session.as_ref());
        let next = sessions.filter_map(|session| session.export.next_deadline());
        next.min().map(|after| self.epoch + after)
    }

    /// Does what was put off until now.
    pub(super) fn on_deadline(&mut self) {
        let now = self.epoch.elapsed();
        let peers: Vec<IpAddr> = self.peers.keys().copied().collect();
        for address in peers {
            self.mark_ends(address, now);
        }
    }

    /// Sends the End-of-RIBs that are due. What was dispatched before is in the peer's queue already.
    fn mark_ends(&mut self, address: IpAddr, now: Duration) {
        let peer = self.peers.get_mut(&address);
        let Some(session) = peer.and_then(|peer| peer.session.as_mut()) else {
            return;
        };
        let ends = session.export.take_ends(now);
        if ends.is_empty() {
            return;
        }
        let messages: Vec<_> = ends.into_iter().map(Update::end_of_rib_for).collect();
        session.outgoing.send_all(&messages);
        self.changed();
    }
}

fn missing_families(worker: WorkerId, bgp: &Bgp, negotiated: &Negotiated) {
    for family in families(bgp) {
        if !negotiated.families.contains(&family) {
            tracing::info!(worker = %worker, "the peer does not announce family {family}");
        }
    }
}

/// Sends the routes of a family again (RFC 2918).
fn resend(table: &RouteTable, worker: WorkerId, refresh: &RouteRefresh, session: &Session) {
    let wanted: Vec<_> = table.subscriptions(worker).collect();
    let changes: Vec<Change> = table
        .routes_in(refresh.family)
        .filter(|(source, route)| {
            let targets = route.route_targets();
            !source.is_peer()
                && wanted
                    .iter()
                    .any(|wanted| wanted.accepts(route.family(), &targets))
        })
        .map(|(source, route)| Change::Advertise {
            route: route.clone(),
            replaced: None,
            source,
        })
        .collect();
    session
        .outgoing
        .send_all(&export::messages(&changes, &session.context));
}
