mod receive;
mod tcp;
mod timers;

use std::time::Duration;

use bgp_wire::{Message, Notification};

use crate::{
    Action, DownReason, Event, LinkId, Moment, Negotiated, Notice, SessionConfig, State, Why,
    link::{Link, Phase},
    rng::Rng,
};

/// The longest wait before calling, and for an answer, while the peer is expected back from a restart.
const EXPECTED_WAIT: Duration = Duration::from_secs(1);

/// The state machine of one peer. See the [crate] for how it is driven.
#[derive(Clone, Debug)]
pub struct Session {
    config: SessionConfig,
    /// Between `Start` and `Stop`.
    running: bool,
    /// At most one of each direction.
    links: Vec<Link>,
    /// IdleHoldTimer.
    idle_until: Option<Moment>,
    /// ConnectRetryTimer.
    retry_at: Option<Moment>,
    /// In a row, as ConnectRetryCounter; a session that lasted starts the count anew.
    failures: u32,
    established_at: Option<Moment>,
    /// The peer is restarting and will be back by then (RFC 4724).
    expected_until: Option<Moment>,
    /// Connections opened so far.
    calls: u32,
    rng: Rng,
    /// As last reported by `StateChanged`.
    state: State,
}

impl Session {
    /// A session at rest, in Idle.
    pub fn new(config: SessionConfig) -> Self {
        Self {
            running: false,
            links: Vec::new(),
            idle_until: None,
            retry_at: None,
            failures: 0,
            established_at: None,
            expected_until: None,
            calls: 0,
            rng: Rng::new(config.seed),
            state: State::Idle,
            config,
        }
    }

    /// Takes in what happened and says what to do about it. Defined for every event in every state; an event
    /// of a link that is gone does nothing.
    pub fn handle(&mut self, event: Event, now: Moment) -> Vec<Action> {
        let mut out = Vec::new();
        match event {
            Event::Start => self.start(now, &mut out),
            Event::Stop(text) => self.stop(&text, now, &mut out),
            Event::Reset(notification) => self.reset(&notification, now, &mut out),
            Event::Tick => self.tick(now, &mut out),
            Event::TcpConnected(id) => self.tcp_connected(id, now, &mut out),
            Event::TcpFailed(id) => self.tcp_failed(id, Why::ConnectFailed, now, &mut out),
            Event::TcpClosed(id) => self.tcp_closed(id, now, &mut out),
            Event::Received(id, message) => self.received(id, message, now, &mut out),
            Event::Malformed(id, malformed) => {
                self.complain(id, malformed.notification, malformed.what, now, &mut out);
            }
            Event::SendBlocked(id) => self.send_blocked(id, now),
            Event::SendFlowing { link, waiting } => self.send_flowing(link, waiting, now),
            Event::ReadDeferred(id) => self.refresh_hold(id, now),
        }
        out
    }

    /// When to come back with [`Event::Tick`] at the latest; `None` while no timer runs.
    pub fn next_deadline(&self) -> Option<Moment> {
        let links = self.links.iter().filter_map(Link::deadline);
        links.chain(self.idle_until).chain(self.retry_at).min()
    }

    /// Where the session stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// What was agreed with the peer; `None` unless Established.
    pub fn negotiated(&self) -> Option<&Negotiated> {
        let link = self
            .links
            .iter()
            .find(|link| link.phase == Phase::Established)?;
        link.negotiated.as_deref()
    }

    /// What was agreed on this link, from the peer's OPEN on: how to read what comes next on it.
    pub fn negotiated_on(&self, id: LinkId) -> Option<&Negotiated> {
        self.link(id)?.negotiated.as_deref()
    }

    /// The connections that are open or being opened.
    pub fn links(&self) -> impl Iterator<Item = LinkId> + '_ {
        self.links.iter().map(|link| link.id)
    }

    /// What the session was made from.
    pub fn config(&self) -> &SessionConfig {
        &self.config
    }

    fn start(&mut self, now: Moment, out: &mut Vec<Action>) {
        if self.running {
            return;
        }
        self.running = true;
        self.failures = 0;
        self.begin(Why::Started, now, out);
    }

    fn stop(&mut self, text: &str, now: Moment, out: &mut Vec<Action>) {
        self.running = false;
        let notification = Notification::shutdown(text);
        self.end_all(&DownReason::Stopped, &notification, now, out);
        self.idle_until = None;
        self.retry_at = None;
        self.established_at = None;
        self.expected_until = None;
        self.settle(Why::Down(DownReason::Stopped), out);
    }

    fn reset(&mut self, notification: &Notification, now: Moment, out: &mut Vec<Action>) {
        let reason = DownReason::NotificationSent {
            notification: notification.clone(),
            what: "reset".to_owned(),
        };
        self.end_all(&reason, notification, now, out);
    }

    fn end_all(
        &mut self,
        reason: &DownReason,
        notification: &Notification,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        let ids: Vec<LinkId> = self.links().collect();
        for id in ids {
            self.end(id, reason.clone(), Some(notification.clone()), now, out);
        }
    }

    /// Leaves Idle.
    fn begin(&mut self, why: Why, now: Moment, out: &mut Vec<Action>) {
        self.idle_until = None;
        if self.config.mode == crate::Mode::Active {
            self.connect(now, out);
        }
        self.settle(why, out);
    }

    fn connect(&mut self, now: Moment, out: &mut Vec<Action>) {
        self.retry_at = None;
        let id = LinkId::Out(self.calls);
        let patience = self.patience(self.config.connect_timeout, now);
        self.calls = self.calls.wrapping_add(1);
        // Out links come first, so that everything that walks over the links does so in the same order.
        self.links.insert(0, Link::new(id, Some(now + patience)));
        out.push(Action::Connect(id));
    }

    /// Something the peer did is wrong: it is told, and the connection ends.
    fn complain(
        &mut self,
        id: LinkId,
        notification: Notification,
        what: String,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        let reason = DownReason::NotificationSent {
            notification: notification.clone(),
            what,
        };
        self.end(id, reason, Some(notification), now, out);
    }

    /// Ends a link, last words first, and decides how the session goes on without it.
    fn end(
        &mut self,
        id: LinkId,
        reason: DownReason,
        last_words: Option<Notification>,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        let Some(index) = self.links.iter().position(|link| link.id == id) else {
            return;
        };
        let link = self.links.remove(index);
        let last_words = last_words.map(|words| match &link.negotiated {
            Some(negotiated) if reason == DownReason::Stopped && negotiated.keeps_ours() => {
                Notification::hard_reset(&words)
            }
            _ => words,
        });
        if let Some(notification) = last_words
            && link.phase > Phase::Connecting
        {
            out.push(Action::Send(id, Message::Notification(notification)));
        }
        if reason != DownReason::TcpClosed {
            out.push(Action::Close(id));
        }
        if link.phase == Phase::Established {
            self.config.is_back();
            let restart = link
                .negotiated
                .as_ref()
                .and_then(|negotiated| negotiated.restarts_after(&reason))
                .filter(|restart| !restart.families.is_empty());
            self.expected_until =
                restart.map(|restart| now + Duration::from_secs(restart.time.into()));
        }
        if self.links.is_empty() && self.running {
            // RFC 4271 section 8.2.2 goes on trying when TCP fails in OpenSent; all else goes through Idle.
            if reason == DownReason::TcpClosed && link.phase <= Phase::OpenSent {
                self.retry_later(now);
            } else {
                self.idle_for_a_while(now);
            }
        }
        self.settle(Why::Down(reason.clone()), out);
        out.push(match link.phase {
            Phase::Established => Action::Down(reason),
            _ => Action::Log(Notice::LinkLost { link: id, reason }),
        });
    }

    fn idle_for_a_while(&mut self, now: Moment) {
        self.retry_at = None;
        let lasted = self.established_at.take().map(|since| now - since);
        if lasted.is_some_and(|time| time >= self.config.idle_hold.max) {
            self.failures = 0;
        }
        let wait = self.config.idle_hold.delay(self.failures, &mut self.rng);
        let wait = self.patience(wait, now);
        self.failures = self.failures.saturating_add(1);
        self.idle_until = Some(now + wait);
    }

    fn retry_later(&mut self, now: Moment) {
        let wait = self
            .config
            .connect_retry
            .delay(self.failures, &mut self.rng);
        let wait = self.patience(wait, now);
        self.failures = self.failures.saturating_add(1);
        self.retry_at = (self.config.mode == crate::Mode::Active).then(|| now + wait);
    }

    /// A time to wait, or a short one while the peer is expected back: what is kept for it is not for long, and
    /// others wait for what we have to say to it.
    fn patience(&self, wait: Duration, now: Moment) -> Duration {
        match self.expected_until {
            Some(until) if now < until => wait.min(EXPECTED_WAIT),
            _ => wait,
        }
    }

    /// Reports a change of state, if there was one.
    fn settle(&mut self, why: Why, out: &mut Vec<Action>) {
        let state = self.links.iter().map(Link::state).max().unwrap_or({
            if self.running && self.idle_until.is_none() {
                State::Active
            } else {
                State::Idle
            }
        });
        if state != self.state {
            out.push(Action::StateChanged {
                from: self.state,
                to: state,
                why,
            });
            self.state = state;
        }
    }

    fn link(&self, id: LinkId) -> Option<&Link> {
        self.links.iter().find(|link| link.id == id)
    }

    fn link_mut(&mut self, id: LinkId) -> Option<&mut Link> {
        self.links.iter_mut().find(|link| link.id == id)
    }
}
