use bgp_wire::{
    Capability, Message, Notification, Open, Update, notification::cease, raw::kind,
    verdict::Outcome,
};

use super::Session;
use crate::{
    Action, Delivery, DownReason, LinkId, Moment, Negotiated, Notice, PeerAs, Why, link::Phase,
};

impl Session {
    pub(super) fn received(
        &mut self,
        id: LinkId,
        message: Message,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        let Some(phase) = self.link(id).map(|link| link.phase) else {
            return;
        };
        match (phase, message) {
            (Phase::Connecting, _) => {}
            (_, Message::Notification(notification)) => {
                self.end(
                    id,
                    DownReason::NotificationReceived(notification),
                    None,
                    now,
                    out,
                );
            }
            (Phase::Delaying | Phase::OpenSent, Message::Open(open)) => {
                self.open_received(id, open, now, out);
            }
            (Phase::OpenConfirm, Message::Keepalive) => self.establish(id, now, out),
            (Phase::Established, Message::Keepalive) => self.refresh_hold(id, now),
            (Phase::Established, Message::Update(update)) => self.update(id, update, now, out),
            (Phase::Established, Message::RouteRefresh(refresh)) => {
                let known = self
                    .negotiated()
                    .is_some_and(|n| n.families.contains(&refresh.family));
                out.push(if known {
                    Action::Deliver(Delivery::RouteRefresh(refresh))
                } else {
                    Action::Log(Notice::RefreshIgnored(refresh.family))
                });
            }
            (phase, message) => {
                let (kind, name) = kind_and_name(&message);
                let notification = match phase {
                    // RFC 6608 has no subcode for a peer that speaks before any OPEN.
                    Phase::Connecting | Phase::Delaying => Notification::fsm_error(),
                    Phase::OpenSent => Notification::unexpected_in_open_sent(kind),
                    Phase::OpenConfirm => Notification::unexpected_in_open_confirm(kind),
                    Phase::Established => Notification::unexpected_in_established(kind),
                };
                let what = format!("{name} not expected in {phase:?}");
                self.complain(id, notification, what, now, out);
            }
        }
    }

    fn open_received(&mut self, id: LinkId, open: Open, now: Moment, out: &mut Vec<Action>) {
        if let Err((notification, what)) = self.check(&open) {
            return self.complain(id, notification, what, now, out);
        }
        if self.lost_collision(id, &open, now, out) {
            return;
        }
        if self
            .link(id)
            .is_some_and(|link| link.phase == Phase::Delaying)
        {
            self.send_open(id, Some(&open), now, out);
        }
        let Some(link) = self.link_mut(id) else {
            return;
        };
        let Some(local) = &link.local else { return };
        let negotiated = Negotiated::new(local, &open);
        if let Some(hold) = negotiated.hold() {
            link.patience = Some(now + hold);
        }
        // Without a hold time the wait for the first KEEPALIVE keeps the deadline of OpenSent.
        link.negotiated = Some(Box::new(negotiated));
        link.phase = Phase::OpenConfirm;
        out.push(Action::Send(id, Message::Keepalive));
        self.schedule_keepalive(id, now);
        self.settle(Why::OpenReceived, out);
    }

    /// RFC 4271 section 6.2: what is wrong with an OPEN that could be parsed.
    fn check(&self, open: &Open) -> Result<(), (Notification, String)> {
        if let Err(error) = open.check() {
            return Err((error.notification(), error.to_string()));
        }
        let local_as = self.config.local_as;
        let peer_as = open.asn();
        let accepted = match self.config.peer_as {
            PeerAs::Exactly(number) => peer_as == number,
            PeerAs::Same => peer_as == local_as || self.config.mirror.local_as,
            PeerAs::Any => true,
        };
        if !accepted || peer_as == 0 {
            return Err((
                Notification::bad_peer_as(),
                format!("peer is in AS {peer_as}"),
            ));
        }
        let internal = peer_as == local_as || self.config.mirror.local_as;
        let ours = internal && open.router_id == self.config.router_id;
        if ours {
            let what = format!("peer has our BGP identifier {}", open.router_id);
            return Err((Notification::bad_bgp_identifier(), what));
        }
        Ok(())
    }

    /// RFC 4271 section 6.8: of two connections with the same peer, the one that the side with the higher
    /// identifier opened survives, unless the other one is Established already. If that is with a peer that says
    /// it has just restarted, the new one survives (RFC 4724 section 4.2). True if `id` is gone.
    fn lost_collision(
        &mut self,
        id: LinkId,
        open: &Open,
        now: Moment,
        out: &mut Vec<Action>,
    ) -> bool {
        let rival = self
            .links
            .iter()
            .find(|link| link.id != id && link.phase > Phase::OpenSent);
        let Some((rival, phase)) = rival.map(|link| (link.id, link.phase)) else {
            return false;
        };
        if phase == Phase::Established && has_restarted(open) {
            // It has lost its end of the other one, whatever TCP thinks.
            self.end(rival, DownReason::Replaced, None, now, out);
            return false;
        }
        let ours = (self.config.router_id, self.config.local_as);
        let theirs = (open.router_id, open.asn());
        // Equal identifiers are told apart by AS number (RFC 6286 section 2.3).
        let keep_out = ours > theirs;
        let keep_this = matches!(id, LinkId::Out(_)) == keep_out && phase != Phase::Established;
        let loser = if keep_this { rival } else { id };
        let notification = Notification::cease(cease::COLLISION);
        self.end(loser, DownReason::Collision, Some(notification), now, out);
        !keep_this
    }

    fn establish(&mut self, id: LinkId, now: Moment, out: &mut Vec<Action>) {
        let Some(link) = self.link_mut(id) else {
            return;
        };
        let Some(negotiated) = link.negotiated.clone() else {
            return;
        };
        link.phase = Phase::Established;
        link.patience = negotiated.hold().map(|hold| now + hold);
        self.established_at = Some(now);
        self.retry_at = None;
        let rivals: Vec<LinkId> = self.links().filter(|rival| *rival != id).collect();
        self.settle(Why::KeepaliveReceived, out);
        for rival in rivals {
            let notification = Notification::cease(cease::COLLISION);
            self.end(rival, DownReason::Collision, Some(notification), now, out);
        }
        let announced = negotiated.local.families();
        for family in announced
            .into_iter()
            .filter(|family| !negotiated.families.contains(family))
        {
            out.push(Action::Log(Notice::FamilyMissing(family)));
        }
        out.push(Action::Established(id, negotiated));
    }

    fn update(&mut self, id: LinkId, update: Update, now: Moment, out: &mut Vec<Action>) {
        if update.outcome() != Outcome::SessionReset {
            self.refresh_hold(id, now);
            return out.push(Action::Deliver(Delivery::Update(update)));
        }
        let verdict = update
            .verdicts
            .into_iter()
            .find(|v| v.outcome == Outcome::SessionReset);
        let (notification, what) = match verdict {
            Some(verdict) => (verdict.notification, verdict.defect.to_string()),
            None => (None, "malformed UPDATE".to_owned()),
        };
        let notification = notification.unwrap_or_else(Notification::malformed_attribute_list);
        self.complain(id, notification, what, now, out);
    }
}

/// The R bit of graceful restart (RFC 4724 section 3).
fn has_restarted(open: &Open) -> bool {
    let mut capabilities = open.capabilities.iter();
    capabilities.any(|capability| {
        matches!(
            capability,
            Capability::GracefulRestart {
                restarting: true,
                ..
            }
        )
    })
}

fn kind_and_name(message: &Message) -> (u8, &'static str) {
    match message {
        Message::Open(_) => (kind::OPEN, "OPEN"),
        Message::Update(_) => (kind::UPDATE, "UPDATE"),
        Message::Notification(_) => (kind::NOTIFICATION, "NOTIFICATION"),
        Message::Keepalive => (kind::KEEPALIVE, "KEEPALIVE"),
        Message::RouteRefresh(_) => (kind::ROUTE_REFRESH, "ROUTE-REFRESH"),
    }
}
