//! BGP peers: what they say goes into the speaker, what the speaker has for them goes out.

pub(super) mod calls;
mod events;
mod names;
mod restart;
mod sessions;

use std::{
    collections::{BTreeMap, BTreeSet},
    mem::Discriminant,
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use bagpipe_api::{Agreed, PeerSession};
use bgp_rib::{
    Change, Dispatch, Helper, Match, PeerExport, RibEvent, Route, RouteTable, WorkerId, export,
};
use bgp_session::{GracefulRestart, Negotiated, State};
use bgp_transport::{MessageCounts, Outgoing, PeerHandle, SeldomOf};
use bgp_wire::{Capability, EncodeContext, Family, RouteTarget, verdict::Defect};
use tokio::{task::JoinSet, time::Instant};

use self::sessions::Wanted;
pub use self::{calls::Calls, sessions::Sessions};
pub(super) use self::{
    names::Answer,
    sessions::{Life, Starter},
};
use crate::clock::LocalTime;

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
    /// Why it went down, or did not come up, when it last did.
    pub last_error: Option<(LocalTime, String)>,
    /// Prefixes that it announced and withdrew, each time they were.
    pub prefixes: PrefixCounts,
    /// Changes of its state: whoever calls in its name can cause them.
    changes: SeldomOf<(State, State)>,
    /// What was wrong in its UPDATEs.
    defects: SeldomOf<Discriminant<Defect>>,
    /// What it announced of graceful restart in the last session.
    restart: Option<GracefulRestart>,
    /// What is kept of it while it restarts.
    helper: Helper,
    session: Option<Session>,
    handle: PeerHandle,
    life: Life,
    /// What its session was made from.
    wanted: Wanted,
}

/// How much a peer had to say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PrefixCounts {
    /// Announced, for the first time or again.
    pub announced: u64,
    /// Withdrawn.
    pub withdrawn: u64,
}

/// What lasts as long as a session.
struct Session {
    export: PeerExport,
    outgoing: Outgoing,
    context: EncodeContext,
    negotiated: Box<Negotiated>,
    since: Instant,
    /// Requests to send routes again.
    again: BTreeMap<Family, Again>,
}

/// Whether all routes of a family are to be sent again, and when at the earliest.
#[derive(Default)]
struct Again {
    is_due: bool,
    after: Duration,
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
        PeerSession {
            peer: self.address,
            state: self.state.to_string(),
            flaps: self.flaps,
            agreed: self.session.as_ref().map(agreed),
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

    /// How often its session has left Established.
    pub fn flaps(&self) -> u64 {
        self.flaps
    }

    /// How many messages came and went.
    pub fn messages(&self) -> &MessageCounts {
        self.handle.counts()
    }

    /// For how long its session has been Established.
    pub fn uptime(&self) -> Option<Duration> {
        self.session.as_ref().map(|session| session.since.elapsed())
    }

    /// The routes that it has been sent, as they are in the table.
    pub fn sent<'a>(
        &self,
        table: &'a RouteTable,
    ) -> impl Iterator<Item = (WorkerId, &'a Arc<Route>)> + use<'a> {
        let wanted: Vec<Match> = match &self.session {
            Some(_) => table.subscriptions(self.worker()).collect(),
            None => Vec::new(),
        };
        table.routes().filter(move |(source, route)| {
            let family = route.family();
            let is_wanted = |targets: &[RouteTarget]| {
                wanted.iter().any(|wanted| wanted.accepts(family, targets))
            };
            !source.is_peer() && is_wanted(&route.route_targets())
        })
    }

    /// Everything it announced goes.
    pub(super) fn forget(&mut self) -> RibEvent {
        self.helper.forget()
    }

    /// Ends its session.
    pub(super) async fn stop(self, said: &str) {
        self.handle.stop(said).await;
    }

    /// Octets waiting to be sent.
    pub fn queued(&self) -> usize {
        self.session
            .as_ref()
            .map_or(0, |session| session.outgoing.queued())
    }
}

fn agreed(session: &Session) -> Agreed {
    let negotiated = &session.negotiated;
    let mut families = negotiated.families.clone();
    families.sort_unstable();
    let mut announced = negotiated.peer.capabilities.iter();
    let since = session.since.elapsed().as_millis();
    Agreed {
        asn: negotiated.peer_as,
        families,
        hold_time: negotiated.hold_time,
        four_octet_as: negotiated.as4,
        graceful_restart: announced.any(|one| matches!(one, Capability::GracefulRestart { .. })),
        end_of_rib: session.export.ends_received().iter().copied().collect(),
        established_ms: u64::try_from(since).unwrap_or(u64::MAX),
    }
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

/// Lets go of every connection without a word.
pub(super) fn abandon(peers: BTreeMap<IpAddr, Peer>) {
    for peer in peers.into_values() {
        peer.handle.abandon();
    }
}

/// Ends every session with a Cease; all at once.
pub(super) async fn stop(peers: BTreeMap<IpAddr, Peer>) {
    let mut stopping: JoinSet<()> = peers
        .into_values()
        .map(|peer| peer.stop("shutting down"))
        .collect();
    while stopping.join_next().await.is_some() {}
}
