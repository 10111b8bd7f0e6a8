//! What peers do, taken in by the core.

use std::{collections::BTreeMap, mem::discriminant, net::IpAddr, time::Duration};

use bgp_rib::{Change, PeerExport, RibEvent, RouteTable, WorkerId, export};
use bgp_session::{DownReason, Negotiated, State, Why};
use bgp_transport::{Outgoing, PeerEvent};
use bgp_wire::{Family, Update};
use tokio::time::Instant;

use super::{Life, Peer, Session, restart, sessions};
use crate::{clock, config::Bgp, core::Core};

impl Core {
    /// Takes in what happened with a peer.
    pub(in crate::core) fn on_peer(&mut self, life: Life, event: PeerEvent) {
        let address = life.address;
        let now = self.epoch.elapsed();
        let Some(peer) = self
            .peers
            .get_mut(&address)
            .filter(|peer| peer.life == life)
        else {
            return;
        };
        let worker = peer.worker();
        let events = match event {
            PeerEvent::State { from, to, why, .. } => {
                let is_tried = matches!(why, Why::ConnectTimedOut | Why::ConnectFailed);
                let why = explained(&why, peer.wanted.password().is_some());
                if peer.changes.happened((from, to)).is_some() {
                    tracing::info!(worker = %worker, "{from} -> {to}: {why}");
                }
                (peer.previous, peer.state, peer.since) = (from, to, clock::now());
                if to == State::Idle || is_tried {
                    peer.last_error = Some((clock::now(), why));
                }
                return self.changed();
            }
            PeerEvent::Established {
                negotiated,
                outgoing,
            } => {
                missing_families(worker, &self.config.bgp, &negotiated);
                let router_id = self.addresses.router_id;
                return self.on_established(address, router_id, negotiated, outgoing, now);
            }
            PeerEvent::Update(update) => {
                for verdict in &update.verdicts {
                    if let Some(times) = peer.defects.happened(discriminant(&verdict.defect)) {
                        tracing::warn!(worker = %worker, times, "in an UPDATE: {}", verdict.defect);
                    }
                }
                let Some(session) = &mut peer.session else {
                    return;
                };
                let count = |lists: &mut dyn Iterator<Item = usize>| -> u64 {
                    lists
                        .map(|length| u64::try_from(length).unwrap_or(u64::MAX))
                        .sum()
                };
                peer.prefixes.announced +=
                    count(&mut update.reach.iter().map(|(_, _, nlri)| nlri.len()));
                peer.prefixes.withdrawn +=
                    count(&mut update.unreach.iter().map(|(_, nlri)| nlri.len()));
                let ended = session.export.end_of_rib(&update);
                let events = session.export.on_update(&update, now);
                if let Some(family) = ended {
                    // Only what was kept can go, and an End-of-RIB brings nothing else.
                    let events = peer.helper.end_of_rib(family, now);
                    self.sweep(address, events);
                    self.peers_may_have_told();
                }
                events
            }
            PeerEvent::RouteRefresh(refresh) => {
                if let Some(session) = &mut peer.session {
                    session.again.entry(refresh.family).or_default().is_due = true;
                }
                return self.send_again(address, now);
            }
            PeerEvent::Down(reason) => return self.on_down(address, &reason, now),
            // Configured peers are tried for ever.
            PeerEvent::Ended => return,
        };
        let output = self.speaker.handle(events);
        self.deliver(output);
        self.mark_ends(address, now);
    }

    fn on_established(
        &mut self,
        address: IpAddr,
        router_id: std::net::Ipv4Addr,
        negotiated: Box<Negotiated>,
        outgoing: Outgoing,
        now: Duration,
    ) {
        let Some(peer) = self.peers.get_mut(&address) else {
            return;
        };
        self.starter.returned(address);
        peer.hold_time = negotiated.hold_time;
        peer.families.clone_from(&negotiated.families);
        peer.peer_as = negotiated.peer_as;
        peer.restart.clone_from(&negotiated.graceful_restart);
        let families = || negotiated.families.iter().copied();
        let announced = peer.restart.as_ref().map(restart::announced);
        let kept = peer.helper.established(announced.as_ref(), families(), now);
        let (export, events) = PeerExport::established(address, router_id, families(), now);
        peer.session = Some(Session {
            export,
            outgoing,
            context: negotiated.encode_context(),
            negotiated,
            since: Instant::now(),
            again: BTreeMap::new(),
        });
        self.sweep(address, kept);
        let output = self.speaker.handle(events);
        self.deliver(output);
        self.mark_ends(address, now);
    }

    fn on_down(&mut self, address: IpAddr, reason: &DownReason, now: Duration) {
        let Some(peer) = self.peers.get_mut(&address) else {
            return;
        };
        tracing::warn!(worker = %peer.worker(), "session is down: {reason}");
        let Some(session) = peer.session.take() else {
            return;
        };
        peer.flaps += 1;
        peer.last_error = Some((clock::now(), reason.to_string()));
        let gracefully = session.negotiated.restarts_after(reason).is_some();
        let events = peer.helper.down(gracefully, now);
        let output = self.speaker.handle(events);
        self.deliver(output);
        if let Some(peer) = self.peers.get(&address) {
            peer.log_kept(self.speaker.table(), now);
        }
    }

    /// Lets routes that were kept for a peer go, or counts them as good again.
    fn sweep(&mut self, address: IpAddr, events: Vec<RibEvent>) {
        if events.is_empty() {
            return;
        }
        let Some(peer) = self.peers.get(&address) else {
            return;
        };
        let worker = peer.worker();
        let stale = self.speaker.table().unconfirmed(worker);
        let output = self.speaker.handle(events);
        let left = self.speaker.table().unconfirmed(worker);
        peer.log_swept(stale, stale - left);
        self.deliver(output);
    }

    /// When [`Core::on_deadline`] has something to do at the latest.
    pub(in crate::core) fn peers_deadline(&self) -> Option<Instant> {
        let marks = !self.is_restarting();
        let next = self.peers.values();
        let next = next.filter_map(|peer| peer.next_deadline(marks)).min();
        next.map(|after| self.epoch + after)
    }

    /// Does what was put off until now.
    pub(in crate::core) fn on_deadline(&mut self) {
        let now = self.epoch.elapsed();
        let peers: Vec<IpAddr> = self.peers.keys().copied().collect();
        for address in peers {
            self.mark_ends(address, now);
            self.send_again(address, now);
            if let Some(peer) = self.peers.get_mut(&address) {
                let events = peer.helper.tick(now);
                self.sweep(address, events);
            }
        }
    }

    /// Whether peers are to wait for the routes of instances that have not been attached again yet (RFC 4724 section 4.1).
    fn is_restarting(&self) -> bool {
        let waits = self.stale.as_ref().is_some_and(|stale| !stale.attached);
        self.config.bgp.graceful_restart_time > 0 && waits
    }

    /// Once every peer has marked the end of its routes, entries of the previous run that they do not confirm have had
    /// their time; but reflectors mark it before their other clients have told them theirs.
    pub(in crate::core) fn peers_may_have_told(&mut self) {
        let Some(stale) = &mut self.stale else { return };
        if !stale.attached || stale.told || !self.peers.values().all(Peer::has_told) {
            return;
        }
        stale.told = true;
        let wait = match self.peers.is_empty() {
            true => Duration::ZERO,
            false => self.config.bgp.end_of_rib_wait,
        };
        stale.until = stale.until.min(Instant::now() + wait);
    }

    /// Sends the routes that the peer has asked for again, of each family at most once in [`AGAIN`]: it may ask as often as it
    /// likes, and what it gets is everything each time.
    fn send_again(&mut self, address: IpAddr, now: Duration) {
        let Some(peer) = self.peers.get_mut(&address) else {
            return;
        };
        let worker = peer.worker();
        let Some(session) = &mut peer.session else {
            return;
        };
        let due = session.again.iter_mut();
        let due = due.filter(|(_, again)| again.is_due && again.after <= now);
        let mut families = Vec::new();
        for (family, again) in due {
            (again.is_due, again.after) = (false, now + AGAIN);
            families.push(*family);
        }
        for family in families {
            resend(self.speaker.table(), worker, family, session);
        }
    }

    /// Sends the End-of-RIBs that are due. What was dispatched before is in the peer's queue already.
    fn mark_ends(&mut self, address: IpAddr, now: Duration) {
        if self.is_restarting() {
            return;
        }
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

impl Peer {
    /// Whether it has marked the end of its routes in every family. What it asks for is no route.
    fn has_told(&self) -> bool {
        self.session.as_ref().is_some_and(|session| {
            let ended = session.export.ends_received();
            let mut families = session.negotiated.families.iter();
            families.all(|family| *family == Family::RTC || ended.contains(family))
        })
    }

    /// With `marks`, that of End-of-RIBs too.
    fn next_deadline(&self, marks: bool) -> Option<Duration> {
        let session = self.session.as_ref().filter(|_| marks);
        let marks = session.and_then(|session| session.export.next_deadline());
        let again = self
            .session
            .iter()
            .flat_map(|session| session.again.values());
        let again = again.filter(|again| again.is_due).map(|again| again.after);
        marks
            .into_iter()
            .chain(self.helper.next_deadline())
            .chain(again)
            .min()
    }
}

fn missing_families(worker: WorkerId, bgp: &Bgp, negotiated: &Negotiated) {
    for family in sessions::families(bgp) {
        if !negotiated.families.contains(&family) {
            tracing::info!(worker = %worker, "the peer does not announce family {family}");
        }
    }
}

/// How often a peer gets all routes of a family again at most.
const AGAIN: Duration = Duration::from_secs(1);

/// Sends the routes of a family again (RFC 2918).
fn resend(table: &RouteTable, worker: WorkerId, family: Family, session: &Session) {
    let wanted: Vec<_> = table.subscriptions(worker).collect();
    let changes: Vec<Change> = table
        .routes_in(family)
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

/// Why the state of a session has changed. Nobody says that a connection is not signed as the other end has it (RFC 2385
/// section 4.1): its segments go unanswered.
fn explained(why: &Why, is_signed: bool) -> String {
    match why {
        Why::ConnectTimedOut if is_signed => format!(
            "{why}: the peer does not answer. It is called with a password (`md5_password`): perhaps the peer has \
             another, or none"
        ),
        Why::ConnectTimedOut => format!(
            "{why}: the peer does not answer. It is called without a password (`md5_password`): perhaps it wants one"
        ),
        _ => why.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_does_not_answer_may_want_another_password() {
        let timed_out = explained(&Why::ConnectTimedOut, true);
        assert!(timed_out.ends_with("perhaps the peer has another, or none"));
        let unsigned = explained(&Why::ConnectTimedOut, false);
        assert!(unsigned.ends_with("perhaps it wants one"));
        for text in [timed_out, unsigned] {
            assert!(
                text.starts_with("TCP connection not open in time: "),
                "{text}"
            );
        }
        assert_eq!(explained(&Why::ConnectFailed, true), "no TCP connection");
    }
}
