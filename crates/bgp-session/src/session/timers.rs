use bgp_wire::{Message, Notification};

use super::Session;
use crate::{Action, DownReason, LinkId, Moment, Why, link::Phase};

/// Keepalives leave after between this part of the interval and all of it (RFC 4271 section 10).
const KEEPALIVE_JITTER: f64 = 0.25;

impl Session {
    pub(super) fn tick(&mut self, now: Moment, out: &mut Vec<Action>) {
        let due = |at: Option<Moment>| at.is_some_and(|at| at <= now);
        if due(self.idle_until) {
            self.begin(Why::Retry, now, out);
        }
        if due(self.retry_at) {
            self.connect(now, out);
            self.settle(Why::Retry, out);
        }
        let ids: Vec<LinkId> = self.links().collect();
        for id in ids {
            let Some(link) = self.link(id) else { continue };
            let (impatient, phase) = (due(link.patience), link.phase);
            let keepalive = due(link.keepalive_at);
            if due(link.send_hold_at) {
                let notification = Notification::send_hold_timer_expired();
                let reason = DownReason::SendHoldTimerExpired;
                self.end(id, reason, Some(notification), now, out);
            } else if impatient {
                self.out_of_patience(id, phase, now, out);
            } else if keepalive {
                out.push(Action::Send(id, Message::Keepalive));
                self.schedule_keepalive(id, now);
            }
        }
    }

    fn out_of_patience(&mut self, id: LinkId, phase: Phase, now: Moment, out: &mut Vec<Action>) {
        match phase {
            Phase::Connecting => {
                out.push(Action::Close(id));
                self.tcp_failed(id, Why::ConnectTimedOut, now, out);
            }
            Phase::Delaying => {
                self.send_open(id, None, now, out);
                self.settle(Why::DelayOver, out);
            }
            Phase::OpenSent | Phase::OpenConfirm | Phase::Established => {
                let notification = Notification::hold_timer_expired();
                self.end(
                    id,
                    DownReason::HoldTimerExpired,
                    Some(notification),
                    now,
                    out,
                );
            }
        }
    }

    pub(super) fn schedule_keepalive(&mut self, id: LinkId, now: Moment) {
        let interval = self
            .negotiated_on(id)
            .and_then(|negotiated| negotiated.keepalive);
        let wait = interval.map(|interval| self.rng.shorten(interval, KEEPALIVE_JITTER));
        if let Some(link) = self.link_mut(id) {
            link.keepalive_at = wait.map(|wait| now + wait);
        }
    }

    /// The peer is alive: the HoldTimer starts again.
    pub(super) fn refresh_hold(&mut self, id: LinkId, now: Moment) {
        if let Some(link) = self.link_mut(id)
            && link.phase == Phase::Established
            && let Some(negotiated) = &link.negotiated
        {
            link.patience = negotiated.hold().map(|hold| now + hold);
        }
    }

    pub(super) fn send_blocked(&mut self, id: LinkId, now: Moment) {
        let deadline = now + self.config.send_hold;
        if let Some(link) = self.link_mut(id)
            && link.phase == Phase::Established
        {
            link.send_hold_at.get_or_insert(deadline);
        }
    }

    pub(super) fn send_flowing(&mut self, id: LinkId, waiting: bool, now: Moment) {
        if let Some(link) = self.link_mut(id) {
            link.send_hold_at = None;
        }
        if waiting {
            self.send_blocked(id, now);
        }
    }
}
