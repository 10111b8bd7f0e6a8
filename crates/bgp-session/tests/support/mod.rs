//! Two sessions, an in-memory network with latency, and a clock that jumps from event to event.

#![allow(
    dead_code,
    clippy::expect_used,
    reason = "each test file uses its part; a test may fail"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
    time::Duration,
};

use bgp_session::{Action, Event, LinkId, Moment, Session, SessionConfig, State};
use bgp_wire::raw::RawUpdate;
use bgp_wire::{DecodeContext, Family, Message, Notification, PathAttributes, Update};

pub const A: usize = 0;
pub const B: usize = 1;

/// A config of AS 64512 with E-VPN, router id 10.0.0.`n`, and exact waits.
pub fn config(n: u8) -> SessionConfig {
    let mut config = SessionConfig::new(64512, Ipv4Addr::new(10, 0, 0, n));
    config.families = vec![Family::EVPN];
    config.seed = u64::from(n);
    config
}

pub fn update() -> Update {
    Update {
        raw: RawUpdate::default(),
        attributes: PathAttributes::default(),
        reach: Vec::new(),
        unreach: Vec::new(),
        verdicts: Vec::new(),
    }
}

pub fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// ```text
///   sides[A].session ── latency ──> sides[B].session
///                    <── latency ──
/// ```
pub struct Pair {
    pub now: Moment,
    pub sides: [Side; 2],
    pub latency: Duration,
    /// Bytes and connection attempts get through.
    pub connected: bool,
    flying: BTreeMap<(Moment, u64), (usize, Event)>,
    sequence: u64,
}

pub struct Side {
    pub session: Session,
    pub actions: Vec<(Moment, Action)>,
    /// Our link and the other side's name for it.
    pub wires: BTreeMap<LinkId, LinkId>,
    pub calls: u32,
}

impl Side {
    fn new(config: SessionConfig) -> Self {
        let session = Session::new(config);
        Self {
            session,
            actions: Vec::new(),
            wires: BTreeMap::new(),
            calls: 0,
        }
    }

    /// `Idle > Connect > ...` so far.
    pub fn states(&self) -> String {
        let mut states = vec![State::Idle.to_string()];
        for (_, action) in &self.actions {
            if let Action::StateChanged { from, to, .. } = action {
                assert_eq!(states.last(), Some(&from.to_string()), "states are a chain");
                states.push(to.to_string());
            }
        }
        states.join(" > ")
    }

    pub fn sent(&self, what: impl Fn(&Message) -> bool) -> Vec<Moment> {
        let matches = |action: &Action| matches!(action, Action::Send(_, m) if what(m));
        self.actions
            .iter()
            .filter(|(_, action)| matches(action))
            .map(|(at, _)| *at)
            .collect()
    }

    /// Codes and subcodes of the NOTIFICATIONs sent.
    pub fn notifications(&self) -> Vec<(u8, u8)> {
        let sent = self.actions.iter().filter_map(|(_, action)| match action {
            Action::Send(_, Message::Notification(n)) => Some((n.code, n.subcode)),
            _ => None,
        });
        sent.collect()
    }

    /// Why it went down, in words, each time.
    pub fn downs(&self) -> Vec<String> {
        let downs = self.actions.iter().filter_map(|(_, action)| match action {
            Action::Down(reason) => Some(reason.to_string()),
            _ => None,
        });
        downs.collect()
    }
}

impl Pair {
    pub fn new(a: SessionConfig, b: SessionConfig) -> Self {
        Self {
            now: Moment::ZERO,
            sides: [Side::new(a), Side::new(b)],
            latency: millis(1),
            connected: true,
            flying: BTreeMap::new(),
            sequence: 0,
        }
    }

    /// Both started.
    pub fn started(a: SessionConfig, b: SessionConfig) -> Self {
        let mut pair = Self::new(a, b);
        pair.give(A, Event::Start);
        pair.give(B, Event::Start);
        pair
    }

    pub fn give(&mut self, side: usize, event: Event) {
        let actions = self.sides[side].session.handle(event, self.now);
        for action in actions {
            self.sides[side].actions.push((self.now, action.clone()));
            self.act(side, action);
        }
    }

    fn act(&mut self, side: usize, action: Action) {
        let other = 1 - side;
        match action {
            Action::Connect(link) => {
                if !self.connected {
                    return self.fly(side, Event::TcpFailed(link), 2);
                }
                let far = LinkId::In(self.sides[other].calls);
                self.sides[other].calls += 1;
                self.sides[side].wires.insert(link, far);
                self.sides[other].wires.insert(far, link);
                self.fly(other, Event::TcpConnected(far), 1);
                self.fly(side, Event::TcpConnected(link), 2);
            }
            Action::Close(link) => {
                if let Some(far) = self.sides[side].wires.remove(&link) {
                    self.fly(other, Event::TcpClosed(far), 1);
                }
            }
            Action::Send(link, message) => {
                if let Some(far) = self.sides[side].wires.get(&link) {
                    self.fly(other, Event::Received(*far, over_the_wire(message)), 1);
                }
            }
            _ => {}
        }
    }

    fn fly(&mut self, to: usize, event: Event, hops: u32) {
        if self.connected || matches!(event, Event::TcpFailed(_)) {
            self.sequence += 1;
            let at = self.now + self.latency * hops;
            self.flying.insert((at, self.sequence), (to, event));
        }
    }

    /// Jumps to the next thing that happens, unless that is later than `end`.
    pub fn step(&mut self, end: Moment) -> bool {
        let arrival = self.flying.keys().next().map(|(at, _)| *at);
        let timers = [A, B].map(|side| self.sides[side].session.next_deadline());
        let Some(next) = timers.into_iter().chain([arrival]).flatten().min() else {
            return false;
        };
        if next > end {
            return false;
        }
        self.now = self.now.max(next);
        if arrival == Some(next) {
            if let Some((_, (to, event))) = self.flying.pop_first() {
                self.arrive(to, event);
            }
            return true;
        }
        for side in [A, B] {
            if timers[side] == Some(next) {
                self.give(side, Event::Tick);
                let deadline = self.sides[side].session.next_deadline();
                assert!(
                    deadline.is_none_or(|deadline| deadline > self.now),
                    "a timer spins"
                );
            }
        }
        true
    }

    fn arrive(&mut self, to: usize, event: Event) {
        // What was said to a connection that is closed here is lost.
        let link = match &event {
            Event::Received(link, _) | Event::TcpClosed(link) => *link,
            _ => return self.give(to, event),
        };
        if !self.sides[to].wires.contains_key(&link) {
            return;
        }
        if matches!(event, Event::TcpClosed(_)) {
            self.sides[to].wires.remove(&link);
        }
        self.give(to, event);
    }

    pub fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while self.step(end) {}
        self.now = end;
    }

    /// Runs until `fact` holds and says how long that took.
    pub fn until(&mut self, within: Duration, fact: impl Fn(&Self) -> bool) -> Duration {
        let (start, end) = (self.now, self.now + within);
        while !fact(self) {
            assert!(
                self.step(end),
                "not within {within:?}: {:?}",
                self.sides.each_ref().map(Side::states)
            );
        }
        self.now - start
    }

    pub fn established(&mut self, within: Duration) -> Duration {
        let up = |side: &Side| side.session.state() == State::Established;
        self.until(within, |pair| pair.sides.iter().all(up))
    }

    pub fn states(&self) -> [State; 2] {
        self.sides.each_ref().map(|side| side.session.state())
    }

    /// Links both sides have, as the caller's names.
    pub fn common_links(&self) -> BTreeSet<(LinkId, LinkId)> {
        let [a, b] = &self.sides;
        let ours = a
            .session
            .links()
            .filter_map(|link| Some((link, *a.wires.get(&link)?)));
        ours.filter(|(_, far)| b.session.links().any(|link| link == *far))
            .collect()
    }

    /// Nothing gets through any more, and nobody is told.
    pub fn cut(&mut self) {
        self.connected = false;
        self.flying.clear();
    }

    pub fn heal(&mut self) {
        self.connected = true;
        for side in &mut self.sides {
            let live: BTreeSet<LinkId> = side.session.links().collect();
            side.wires.retain(|link, _| live.contains(link));
        }
    }
}

fn over_the_wire(message: Message) -> Message {
    if matches!(message, Message::Update(_)) {
        return message;
    }
    let bytes = message.encode();
    Message::decode(&bytes, &DecodeContext::default()).expect("what a session sends can be read")
}

pub fn cease(subcode: u8) -> Message {
    Message::Notification(Notification::cease(subcode))
}
