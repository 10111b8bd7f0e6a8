//! Whatever happens in whatever order, a session keeps its promises.

mod support;

use std::{collections::BTreeMap, time::Duration};

use bgp_session::{Action, Event, LinkId, Malformed, Mode, Moment, Session, SessionConfig, State};
use bgp_wire::{Capability, Family, Message, Notification, Open, RouteRefresh};
use proptest::prelude::*;
use support::{Pair, config, millis, secs, update};

fn link() -> impl Strategy<Value = LinkId> {
    // Few numbers, so that they often are the ones in use.
    prop_oneof![
        (0..6u32).prop_map(LinkId::Out),
        (0..4u32).prop_map(LinkId::In)
    ]
}

fn open() -> impl Strategy<Value = Open> {
    let asn = prop_oneof![8 => Just(64512u32), 1 => Just(64513), 1 => Just(0)];
    let hold = prop_oneof![Just(0u16), Just(2), Just(3), Just(90), Just(65535)];
    (asn, hold, 0..4u8).prop_map(|(asn, hold, id)| {
        let capabilities = vec![
            Capability::MultiProtocol(Family::EVPN),
            Capability::FourOctetAs(asn),
        ];
        Open::new(asn, hold, [10, 0, 0, id].into(), capabilities)
    })
}

fn message() -> impl Strategy<Value = Message> {
    prop_oneof![
        4 => open().prop_map(Message::Open),
        4 => Just(Message::Keepalive),
        1 => Just(Message::Update(update())),
        1 => Just(Message::Notification(Notification::cease(7))),
        1 => Just(Message::RouteRefresh(RouteRefresh::request(Family::EVPN))),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let malformed = Malformed {
        notification: Notification::connection_not_synchronized(),
        what: "noise".to_owned(),
    };
    prop_oneof![
        2 => Just(Event::Start),
        1 => Just(Event::Stop(String::new())),
        1 => Just(Event::Reset(Notification::cease(4))),
        6 => Just(Event::Tick),
        8 => link().prop_map(Event::TcpConnected),
        1 => link().prop_map(Event::TcpFailed),
        1 => link().prop_map(Event::TcpClosed),
        16 => (link(), message()).prop_map(|(link, message)| Event::Received(link, message)),
        1 => link().prop_map(move |link| Event::Malformed(link, malformed.clone())),
        1 => link().prop_map(Event::SendBlocked),
        1 => (link(), any::<bool>())
            .prop_map(|(link, waiting)| Event::SendFlowing { link, waiting }),
        1 => link().prop_map(Event::ReadDeferred),
    ]
}

fn session_config() -> impl Strategy<Value = SessionConfig> {
    let delay = prop_oneof![Just(None), Just(Some(secs(1)))];
    (any::<bool>(), delay, any::<u64>()).prop_map(|(passive, delay_open, seed)| SessionConfig {
        mode: if passive { Mode::Passive } else { Mode::Active },
        delay_open,
        seed,
        ..config(1)
    })
}

/// What was said on one link.
#[derive(Default)]
struct Heard {
    open_sent: bool,
    keepalive_sent: bool,
    open_received: bool,
    keepalive_received: bool,
}

/// Follows a session from outside and compares.
struct Watch {
    state: State,
    established: Option<LinkId>,
    links: BTreeMap<LinkId, Heard>,
}

impl Watch {
    fn before(&mut self, event: &Event) {
        match event {
            Event::TcpConnected(link @ LinkId::In(_)) => {
                self.links.entry(*link).or_default();
            }
            Event::Received(link, message) => {
                if let Some(heard) = self.links.get_mut(link) {
                    heard.open_received |= matches!(message, Message::Open(_));
                    heard.keepalive_received |= *message == Message::Keepalive;
                }
            }
            Event::TcpClosed(link) | Event::TcpFailed(link) => {
                self.links.remove(link);
            }
            _ => {}
        }
    }

    fn action(&mut self, action: &Action) -> Result<(), TestCaseError> {
        match action {
            Action::Connect(link) => {
                prop_assert!(self.links.insert(*link, Heard::default()).is_none());
            }
            Action::Close(link) => {
                self.links.remove(link);
            }
            Action::Send(link, message) => {
                let heard = self.links.get_mut(link);
                prop_assert!(heard.is_some(), "sent on {link}, which is closed");
                let Some(heard) = heard else { return Ok(()) };
                heard.open_sent |= matches!(message, Message::Open(_));
                heard.keepalive_sent |= *message == Message::Keepalive;
            }
            Action::StateChanged { from, to, .. } => {
                prop_assert_eq!(*from, self.state);
                prop_assert_ne!(from, to);
                self.state = *to;
            }
            Action::Established(link, negotiated) => {
                prop_assert_eq!(self.established, None);
                prop_assert_eq!(negotiated.peer_as, 64512);
                let heard = &self.links[link];
                prop_assert!(heard.open_sent && heard.open_received);
                prop_assert!(heard.keepalive_sent && heard.keepalive_received);
                self.established = Some(*link);
            }
            Action::Down(_) => {
                prop_assert!(self.established.take().is_some());
            }
            Action::Deliver(_) => prop_assert!(self.established.is_some()),
            Action::Log(_) => {}
        }
        Ok(())
    }

    fn after(&self, session: &Session) -> Result<(), TestCaseError> {
        prop_assert_eq!(session.state(), self.state);
        let links: Vec<LinkId> = session.links().collect();
        prop_assert!(links.len() <= 2, "{links:?}");
        prop_assert!(links.iter().all(|link| self.links.contains_key(link)));
        let established = self.state == State::Established;
        prop_assert_eq!(session.negotiated().is_some(), established);
        prop_assert_eq!(self.established.is_some(), established);
        if established {
            prop_assert_eq!(links, Vec::from_iter(self.established));
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn any_events_in_any_order(
        config in session_config(),
        events in prop::collection::vec((event(), 0..120_000u64), 1..120),
    ) {
        let mut session = Session::new(config);
        let mut watch =
            Watch { state: State::Idle, established: None, links: BTreeMap::new() };
        let mut now = Moment::ZERO;
        for (event, wait) in events {
            now = now + match wait % 4 {
                0 => Duration::from_millis(wait),
                _ => Duration::from_millis(wait % 10),
            };
            let tick = event == Event::Tick;
            watch.before(&event);
            for action in session.handle(event, now) {
                watch.action(&action)?;
            }
            watch.after(&session)?;
            if tick {
                prop_assert!(session.next_deadline().is_none_or(|deadline| deadline > now));
            }
        }
    }

    #[test]
    fn the_same_events_give_the_same_actions(
        config in session_config(),
        events in prop::collection::vec(event(), 1..40),
    ) {
        let mut twins = [Session::new(config.clone()), Session::new(config)];
        for (n, event) in events.into_iter().enumerate() {
            let now = Moment::from_millis(n as u64 * 500);
            let [a, b] = twins.each_mut().map(|session| session.handle(event.clone(), now));
            prop_assert_eq!(a, b);
        }
    }

    #[test]
    fn two_callers_end_up_with_one_connection(
        latency in 1..500u64,
        head_start in 0..1000u64,
        seeds in any::<[u64; 2]>(),
        ids in prop::sample::select(vec![(1, 2), (2, 1)]),
    ) {
        let mut pair = Pair::new(
            SessionConfig { seed: seeds[0], ..config(ids.0) },
            SessionConfig { seed: seeds[1], ..config(ids.1) },
        );
        pair.latency = millis(latency);
        pair.give(support::A, Event::Start);
        pair.run_for(millis(head_start));
        pair.give(support::B, Event::Start);
        pair.established(secs(30));
        pair.run_for(secs(20));
        prop_assert_eq!(pair.states(), [State::Established; 2]);
        prop_assert_eq!(pair.common_links().len(), 1);
        prop_assert!(pair.sides.iter().all(|side| side.session.links().count() == 1));
    }
}
