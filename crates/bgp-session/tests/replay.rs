//! A session written down and read again does the same again.

mod support;

use bgp_session::{Action, Event, LinkId, Moment, Session};
use bgp_wire::{Message, Notification};
use support::{A, Pair, config, secs, update};

#[test]
fn a_recorded_session_replays() {
    let mut pair = Pair::started(config(1), config(2));
    pair.established(secs(1));
    let mut session = Session::new(config(1));
    let link = LinkId::Out(0);
    let open = pair.sides[A]
        .session
        .negotiated()
        .expect("established")
        .peer
        .clone();
    let events = [
        Event::Start,
        Event::TcpConnected(link),
        Event::Received(link, Message::Open(open)),
        Event::Received(link, Message::Keepalive),
        Event::Received(link, Message::Update(update())),
        Event::Tick,
        Event::Received(link, Message::Notification(Notification::shutdown("bye"))),
        Event::Tick,
    ];
    let mut recorded = Vec::new();
    for (n, event) in events.into_iter().enumerate() {
        let now = Moment::from_millis(1000 * n as u64);
        let entry = (now, event.clone(), session.handle(event, now));
        recorded.push(serde_json::to_string(&entry).expect("plain data"));
    }
    let mut again = Session::new(config(1));
    for line in recorded {
        let (now, event, actions): (Moment, Event, Vec<Action>) =
            serde_json::from_str(&line).expect("what was written");
        assert_eq!(again.handle(event, now), actions, "{line}");
    }
}
