use bgp_wire::{Message, Notification, Open, notification::cease};

use super::Session;
use crate::{
    Action, DownReason, LinkId, Moment, Notice, Why,
    link::{Link, Phase},
};

impl Session {
    pub(super) fn tcp_connected(&mut self, id: LinkId, now: Moment, out: &mut Vec<Action>) {
        match id {
            LinkId::Out(_) => match self.link(id).map(|link| link.phase) {
                Some(Phase::Connecting) => self.shake_hands(id, now, out),
                Some(_) => {}
                // Given up while it was being opened.
                None => out.push(Action::Close(id)),
            },
            LinkId::In(_) => self.called(id, now, out),
        }
    }

    /// The peer opened a connection.
    fn called(&mut self, id: LinkId, now: Moment, out: &mut Vec<Action>) {
        if self.link(id).is_some() {
            return;
        }
        if !self.running {
            let notification = Notification::cease(cease::REJECTED);
            out.push(Action::Send(id, Message::Notification(notification)));
            out.extend([Action::Close(id), Action::Log(Notice::Refused(id))]);
            return;
        }
        // A peer that may restart could be calling after it did; its OPEN will tell.
        let established = self.negotiated();
        if established.is_some_and(|negotiated| !negotiated.peer_restarts()) {
            let notification = Notification::cease(cease::COLLISION);
            out.push(Action::Send(id, Message::Notification(notification)));
            out.push(Action::Close(id));
            let reason = DownReason::Collision;
            out.push(Action::Log(Notice::LinkLost { link: id, reason }));
            return;
        }
        let earlier = self
            .links
            .iter()
            .filter(|link| link.phase != Phase::Established)
            .map(|link| link.id)
            .find(|id| matches!(id, LinkId::In(_)));
        self.links.push(Link::new(id, None));
        self.retry_at = None;
        // RFC 4271 lets Idle refuse calls. But the peer paces itself, and refusing would only add our wait
        // to its own.
        if self.idle_until.take().is_some() {
            self.settle(Why::Called, out);
        }
        if let Some(earlier) = earlier {
            // The peer would not call twice if the first call still meant anything to it.
            let notification = Notification::cease(cease::COLLISION);
            self.end(earlier, DownReason::Collision, Some(notification), now, out);
        }
        self.shake_hands(id, now, out);
    }

    fn shake_hands(&mut self, id: LinkId, now: Moment, out: &mut Vec<Action>) {
        if let Some(delay) = self.config.delay_open {
            if let Some(link) = self.link_mut(id) {
                link.phase = Phase::Delaying;
                link.patience = Some(now + delay);
            }
        } else {
            self.send_open(id, None, now, out);
        }
        self.settle(Why::Connected, out);
    }

    /// Our OPEN goes out; `peer` is the peer's where it came first.
    pub(super) fn send_open(
        &mut self,
        id: LinkId,
        peer: Option<&Open>,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        let open = self.config.open(peer);
        let patience = now + self.config.open_hold;
        let Some(link) = self.link_mut(id) else {
            return;
        };
        link.phase = Phase::OpenSent;
        link.patience = Some(patience);
        link.local = Some(open.clone());
        out.push(Action::Send(id, Message::Open(open)));
    }

    pub(super) fn tcp_failed(&mut self, id: LinkId, why: Why, now: Moment, out: &mut Vec<Action>) {
        let connecting = |link: &Link| link.id == id && link.phase == Phase::Connecting;
        let Some(index) = self.links.iter().position(connecting) else {
            return self.tcp_closed(id, now, out);
        };
        self.links.remove(index);
        if self.links.is_empty() {
            self.retry_later(now);
        }
        self.settle(why, out);
    }

    pub(super) fn tcp_closed(&mut self, id: LinkId, now: Moment, out: &mut Vec<Action>) {
        self.end(id, DownReason::TcpClosed, None, now, out);
    }
}
