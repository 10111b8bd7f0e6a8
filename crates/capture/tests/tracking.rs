//! BGP sessions out of frames: what the OPENs teach, and what is no message.

#![allow(clippy::expect_used, reason = "a helper of tests fails as they do")]

#[path = "support/lab.rs"]
mod lab;
mod support;

use std::net::Ipv4Addr;

use bgp_wire::attribute::{AsPath, AttributeValue, Origin, Segment, SegmentKind};
use bgp_wire::capability::AddPathMode;
use bgp_wire::message::EncodeContext;
use bgp_wire::raw::kind;
use bgp_wire::types::IpPrefix;
use bgp_wire::update::NextHop;
use bgp_wire::{
    Capability, Family, Message, Nlri, NlriValue, Open, PathAttributes, RawMessage, Update,
};
use capture::{
    BgpEvent, BgpMessage, Dissector, Frame, Recording, StandardDissector, Timestamp, Tracker,
};
use lab::RR;
use support::{ACK, SYN, VTEP_A, segment};

/// OPENs with these capabilities, the client's and the reflector's, then these messages of the
/// client.
fn session(client: Vec<Capability>, reflector: Vec<Capability>, then: &[RawMessage]) -> Recording {
    let open = |asn, id, capabilities| {
        let open = Message::Open(Open::new(asn, 90, id, capabilities));
        open.encode().encode()
    };
    let messages: Vec<u8> = then.iter().flat_map(|m| m.encode().to_vec()).collect();
    let to_reflector =
        |seq, flags, octets: &[u8]| segment((VTEP_A, 40000), (RR, 179), seq, 1, flags, octets);
    let first = open(64512, VTEP_A, client);
    let after = 101 + first.len() as u32;
    let mut recording = Recording::new();
    for octets in [
        to_reflector(100, SYN, b""),
        to_reflector(101, ACK, &first),
        segment(
            (RR, 179),
            (VTEP_A, 40000),
            1,
            after,
            ACK,
            &open(64512, RR, reflector),
        ),
        to_reflector(after, ACK, &messages),
    ] {
        recording.push(Frame::new(Timestamp(0), octets));
    }
    recording
}

fn unicast(path_id: Option<u32>) -> Nlri {
    let prefix = IpPrefix::new(Ipv4Addr::new(192, 0, 2, 0).into(), 24).expect("a prefix");
    Nlri {
        path_id,
        ..Nlri::from(NlriValue::Unicast(prefix))
    }
}

fn announce(context: &EncodeContext, nlri: Nlri) -> RawMessage {
    let path = AsPath(vec![Segment {
        kind: SegmentKind::Sequence,
        asns: vec![65010, 65011],
    }]);
    let attributes = PathAttributes::new()
        .with(AttributeValue::Origin(Origin::Igp))
        .with(AttributeValue::AsPath(path))
        .with(AttributeValue::LocalPref(100));
    let next_hop = NextHop::V4(VTEP_A);
    Update::announce(
        &attributes,
        Family::IPV4_UNICAST,
        &next_hop,
        &[nlri],
        context,
    )
    .remove(0)
}

fn last_update(recording: &Recording) -> &Update {
    match recording.events().last().and_then(BgpEvent::message) {
        Some(Message::Update(update)) => update,
        other => panic!("{other:?}"),
    }
}

#[test]
fn two_octet_as_numbers_when_one_side_has_no_others() {
    let narrow = EncodeContext {
        as4: false,
        ..EncodeContext::default()
    };
    for (reflector, context) in [
        (vec![], narrow),
        (
            vec![Capability::FourOctetAs(64512)],
            EncodeContext::default(),
        ),
    ] {
        let update = announce(&context, unicast(None));
        let recording = session(vec![Capability::FourOctetAs(64512)], reflector, &[update]);
        let update = last_update(&recording);
        assert!(update.verdicts.is_empty(), "{:?}", update.verdicts);
        let path = update.attributes.as_path().expect("an AS path");
        assert_eq!(path.0[0].asns, [65010, 65011]);
    }
}

#[test]
fn path_identifiers_only_where_one_sends_and_the_other_receives() {
    let add_path = |mode| vec![Capability::AddPath(vec![(Family::IPV4_UNICAST, mode)])];
    let mut wide = EncodeContext {
        as4: false,
        ..EncodeContext::default()
    };
    wide.add_path.insert(Family::IPV4_UNICAST);
    let recording = session(
        add_path(AddPathMode::Send),
        add_path(AddPathMode::Receive),
        &[announce(&wide, unicast(Some(7)))],
    );
    assert_eq!(last_update(&recording).reach[0].2, [unicast(Some(7))]);

    let plain = EncodeContext {
        as4: false,
        ..EncodeContext::default()
    };
    let recording = session(
        add_path(AddPathMode::Receive),
        add_path(AddPathMode::Send),
        &[announce(&plain, unicast(None))],
    );
    assert_eq!(last_update(&recording).reach[0].2, [unicast(None)]);
}

#[test]
fn extended_messages_only_where_agreed() {
    let long = RawMessage::new(kind::NOTIFICATION, [&[6, 2, 0][..], &[0; 5000]].concat());
    let extended = || vec![Capability::ExtendedMessage];
    let recording = session(extended(), extended(), std::slice::from_ref(&long));
    let last = recording.events().last().and_then(BgpEvent::message);
    assert!(matches!(last, Some(Message::Notification(_))), "{last:?}");
    let recording = session(extended(), vec![], &[long]);
    let broken = |event: &BgpEvent| matches!(event.message, BgpMessage::Broken(_));
    assert!(
        recording.events().iter().any(broken),
        "{:?}",
        recording.events()
    );
}

#[test]
fn what_cannot_be_read_is_kept() {
    let unknown = RawMessage::new(9, vec![1, 2, 3]);
    let recording = session(vec![], vec![], std::slice::from_ref(&unknown));
    let last = recording.events().last().expect("an event");
    assert!(matches!(&last.message, BgpMessage::Unreadable { raw, .. } if *raw == unknown));
    let line = recording.describe(last.frame).expect("a frame");
    insta::assert_snapshot!(line, @"0.000000 10.0.0.2 > 10.0.0.1 BGP unreadable (message type 9 is not known)");
}

#[test]
fn sessions_know_their_opens() {
    let lab = lab::first_ping();
    let sessions: Vec<_> = lab.recording.tracker().sessions().collect();
    assert_eq!(sessions.len(), 2);
    let (key, facts) = &sessions[0];
    assert_eq!(key.low.to_string(), "10.0.0.1:179");
    assert_eq!(key.high.to_string(), "10.0.0.2:40000");
    assert_eq!(facts.low_open.as_ref().expect("an OPEN").router_id, RR);
    assert_eq!(facts.high_open.as_ref().expect("an OPEN").router_id, VTEP_A);
    assert_eq!((facts.messages, facts.lost), (8, 0));
}

#[test]
fn events_are_plain_data() {
    for event in lab::first_ping().recording.events() {
        let text = serde_json::to_string(event).expect("JSON");
        assert_eq!(
            serde_json::from_str::<BgpEvent>(&text).expect("the event"),
            *event,
            "{text}"
        );
    }
}

#[test]
fn other_ports_on_request_only() {
    let dissector = StandardDissector::default();
    let keepalive = RawMessage::new(kind::KEEPALIVE, Vec::new()).encode();
    let octets = segment((VTEP_A, 40000), (RR, 1179), 5, 5, ACK, &keepalive);
    let frame = Frame::new(Timestamp(0), octets);
    let layers = dissector.dissect(&frame.data);
    assert_eq!(Tracker::new().push(&frame, &layers).len(), 0);
    assert_eq!(
        Tracker::new().ports(vec![1179]).push(&frame, &layers).len(),
        1
    );
}

// Whoever scans port 179 must not fill the memory.
#[test]
fn the_stalest_session_is_forgotten() {
    let dissector = StandardDissector::default();
    let mut tracker = Tracker::new();
    for port in 1..=5000 {
        let octets = segment((VTEP_A, port), (RR, 179), 5, 5, SYN, b"");
        let frame = Frame::new(Timestamp(0), octets);
        tracker.push(&frame, &dissector.dissect(&frame.data));
    }
    let ports: Vec<u16> = tracker.sessions().map(|(key, _)| key.high.port()).collect();
    assert_eq!(ports.len(), 4096);
    assert_eq!(ports.first(), Some(&905));
}
