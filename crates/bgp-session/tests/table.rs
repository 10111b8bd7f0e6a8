//! Every state against every event, written down.

mod support;

use std::fmt::Write;

use bgp_session::{
    Action, Delivery, Event, LinkId, Malformed, Mode, Moment, Session, SessionConfig, State,
};
use bgp_wire::{
    Capability::{FourOctetAs, MultiProtocol},
    Family, Message, Notification, Open, RouteRefresh,
    notification::code,
    verdict::{Defect, Outcome, Verdict},
};
use support::{config, secs, update};

const LINK: LinkId = LinkId::Out(0);
const CALL: LinkId = LinkId::In(0);

fn peer_open() -> Open {
    let capabilities = vec![MultiProtocol(Family::EVPN), FourOctetAs(64512)];
    Open::new(64512, 90, [10, 0, 0, 2].into(), capabilities)
}

/// A session in each state, the way there, and the link it has.
fn sessions() -> Vec<(&'static str, Session)> {
    let open = || Event::Received(LINK, Message::Open(peer_open()));
    let alive = || Event::Received(LINK, Message::Keepalive);
    let up = || Event::TcpConnected(LINK);
    let made = |config: SessionConfig, events: Vec<Event>| {
        let mut session = Session::new(config);
        for event in events {
            session.handle(event, Moment::ZERO);
        }
        session
    };
    let slow = || SessionConfig {
        delay_open: Some(secs(1)),
        ..config(1)
    };
    let passive = || SessionConfig {
        mode: Mode::Passive,
        ..config(1)
    };
    vec![
        ("Idle", made(config(1), vec![])),
        ("Idle, waiting", {
            let lost = Event::Reset(Notification::cease(4));
            made(config(1), vec![Event::Start, up(), open(), alive(), lost])
        }),
        ("Connect", made(config(1), vec![Event::Start])),
        (
            "Connect, OPEN held back",
            made(slow(), vec![Event::Start, up()]),
        ),
        ("Active", made(passive(), vec![Event::Start])),
        ("OpenSent", made(config(1), vec![Event::Start, up()])),
        (
            "OpenConfirm",
            made(config(1), vec![Event::Start, up(), open()]),
        ),
        (
            "Established",
            made(config(1), vec![Event::Start, up(), open(), alive()]),
        ),
    ]
}

fn events() -> Vec<(&'static str, Event)> {
    let received = |message| Event::Received(LINK, message);
    let open = |change: fn(&mut Open)| {
        let mut open = peer_open();
        change(&mut open);
        received(Message::Open(open))
    };
    let mut reset = update();
    reset.verdicts.push(Verdict {
        outcome: Outcome::SessionReset,
        attribute: Some(14),
        defect: Defect::Duplicate,
        notification: Some(Notification::malformed_attribute_list()),
    });
    let malformed = Malformed {
        notification: Notification::bad_message_type(9),
        what: "message type 9 is not known".to_owned(),
    };
    vec![
        ("start", Event::Start),
        ("stop", Event::Stop("bye".to_owned())),
        ("reset", Event::Reset(Notification::cease(4))),
        ("a minute passes", Event::Tick),
        ("TCP connected", Event::TcpConnected(LINK)),
        ("called", Event::TcpConnected(CALL)),
        ("TCP failed", Event::TcpFailed(LINK)),
        ("TCP closed", Event::TcpClosed(LINK)),
        ("OPEN", open(|_| {})),
        ("OPEN, version 3", open(|open| open.version = 3)),
        (
            "OPEN, AS 64513",
            open(|open| open.capabilities[1] = FourOctetAs(64513)),
        ),
        (
            "OPEN, AS 0",
            open(|open| open.capabilities[1] = FourOctetAs(0)),
        ),
        (
            "OPEN, our id",
            open(|open| open.router_id = [10, 0, 0, 1].into()),
        ),
        ("OPEN, hold time 2", open(|open| open.hold_time = 2)),
        ("KEEPALIVE", received(Message::Keepalive)),
        ("UPDATE", received(Message::Update(update()))),
        ("UPDATE, bad", received(Message::Update(reset))),
        (
            "NOTIFICATION",
            received(Message::Notification(Notification::cease(3))),
        ),
        (
            "ROUTE-REFRESH",
            received(Message::RouteRefresh(RouteRefresh::request(Family::EVPN))),
        ),
        ("garbage", Event::Malformed(LINK, malformed)),
        ("send blocked", Event::SendBlocked(LINK)),
        (
            "send flowing",
            Event::SendFlowing {
                link: LINK,
                waiting: false,
            },
        ),
        ("read deferred", Event::ReadDeferred(LINK)),
        (
            "on a link unknown",
            Event::Received(LinkId::Out(9), Message::Keepalive),
        ),
        (
            "TCP connected, too late",
            Event::TcpConnected(LinkId::Out(9)),
        ),
    ]
}

fn short(action: &Action) -> String {
    match action {
        Action::Connect(link) => format!("connect {link}"),
        Action::Close(link) => format!("close {link}"),
        Action::Send(_, Message::Notification(n)) => {
            format!("NOTIFICATION {}/{}", n.code, n.subcode)
        }
        Action::Send(_, Message::Open(_)) => "OPEN".to_owned(),
        Action::Send(_, message) => format!("{message:?}").to_uppercase(),
        Action::StateChanged { from, to, .. } => format!("{from} > {to}"),
        Action::Established(link, _) => format!("up on {link}"),
        Action::Down(reason) => format!("down ({reason})"),
        Action::Deliver(Delivery::Update(_)) => "deliver UPDATE".to_owned(),
        Action::Deliver(Delivery::RouteRefresh(_)) => "deliver ROUTE-REFRESH".to_owned(),
        Action::Log(notice) => format!("log ({notice})"),
    }
}

#[test]
fn every_state_answers_every_event() {
    let mut table = String::new();
    for (state, session) in sessions() {
        writeln!(table, "{state}").expect("a string");
        for (name, event) in events() {
            let mut session = session.clone();
            let now = match event {
                // Beyond every retry, before the hold time of 90 s.
                Event::Tick => Moment::from_millis(60_000),
                _ => Moment::from_millis(1),
            };
            let actions = session.handle(event, now);
            let actions: Vec<String> = actions.iter().map(short).collect();
            let actions = if actions.is_empty() {
                "-".to_owned()
            } else {
                actions.join(", ")
            };
            writeln!(table, "  {name}: {actions}").expect("a string");
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn errors_have_the_codes_of_the_rfc() {
    let mut codes = Vec::new();
    for (state, session) in sessions() {
        for (name, event) in events() {
            let actions = session.clone().handle(event, Moment::from_millis(1));
            for action in actions {
                if let Action::Send(_, Message::Notification(n)) = action {
                    codes.push((state, name, n.code, n.subcode));
                }
            }
        }
    }
    let said = |state, name| {
        let found = codes.iter().find(|(s, n, ..)| (*s, *n) == (state, name));
        found.map(|(_, _, code, subcode)| (*code, *subcode))
    };
    assert_eq!(said("OpenSent", "OPEN, version 3"), Some((code::OPEN, 1)));
    assert_eq!(said("OpenSent", "OPEN, AS 64513"), Some((code::OPEN, 2)));
    assert_eq!(said("OpenSent", "OPEN, AS 0"), Some((code::OPEN, 2)));
    assert_eq!(said("OpenSent", "OPEN, our id"), Some((code::OPEN, 3)));
    assert_eq!(said("OpenSent", "OPEN, hold time 2"), Some((code::OPEN, 6)));
    assert_eq!(said("OpenSent", "UPDATE"), Some((code::FSM, 1)));
    assert_eq!(said("OpenConfirm", "OPEN"), Some((code::FSM, 2)));
    assert_eq!(said("Established", "OPEN"), Some((code::FSM, 3)));
    assert_eq!(said("Established", "UPDATE, bad"), Some((code::UPDATE, 1)));
    assert_eq!(said("Established", "garbage"), Some((code::HEADER, 3)));
    assert_eq!(said("Established", "stop"), Some((code::CEASE, 2)));
    assert_eq!(said("Idle", "called"), Some((code::CEASE, 5)));
    assert_eq!(said("Established", "NOTIFICATION"), None);
}

#[test]
fn states_are_reached() {
    let states: Vec<State> = sessions()
        .iter()
        .map(|(_, session)| session.state())
        .collect();
    use State::*;
    assert_eq!(
        states,
        [
            Idle,
            Idle,
            Connect,
            Connect,
            Active,
            OpenSent,
            OpenConfirm,
            Established
        ]
    );
}
