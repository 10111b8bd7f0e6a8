//! Header, OPEN, NOTIFICATION and ROUTE-REFRESH, well-formed and not.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use std::net::Ipv4Addr;

use bgp_wire::capability::AddPathMode;
use bgp_wire::notification::{cease, code};
use bgp_wire::open::{Arrangement, Open, OpenError};
use bgp_wire::raw::{Framer, HeaderError, MAX_EXTENDED_LEN, RawMessage, kind};
use bgp_wire::{Capability, DecodeContext, Family, Message, Notification, RouteRefresh};
use bytes::Bytes;
use support::{assert_wire, hex};

const MARKER: &str = "ffffffffffffffffffffffffffffffff";

fn header(length: u16, kind: u8) -> Vec<u8> {
    hex(&format!("{MARKER} {length:04x} {kind:02x}")).to_vec()
}

fn decode_error(kind: u8, body: &str) -> Notification {
    let raw = RawMessage::new(kind, hex(body));
    Message::decode(&raw, &DecodeContext::default())
        .unwrap_err()
        .notification()
}

#[test]
fn a_stream_in_single_octets() {
    let keepalive = RawMessage::new(kind::KEEPALIVE, Bytes::new());
    let refresh = RawMessage::new(kind::ROUTE_REFRESH, hex("00190046"));
    let stream = [keepalive.encode(), refresh.encode(), keepalive.encode()].concat();
    let mut framer = Framer::new();
    let mut messages = Vec::new();
    for octet in stream {
        framer.push(&[octet]);
        messages.extend(framer.next());
        assert_eq!(framer.next(), None);
    }
    assert_eq!(
        messages,
        [Ok(keepalive.clone()), Ok(refresh), Ok(keepalive)]
    );
}

#[test]
fn header_errors_end_the_stream() {
    let mut bad_marker = header(19, 4);
    bad_marker[7] = 0xfe;
    let length = |length, max| HeaderError::Length {
        length,
        min: 19,
        max,
    };
    for (stream, error, notification) in [
        (
            bad_marker,
            HeaderError::Marker,
            Notification::connection_not_synchronized(),
        ),
        (
            header(18, 4),
            length(18, 4096),
            Notification::bad_message_length(18),
        ),
        (
            header(4097, 2),
            length(4097, 4096),
            Notification::bad_message_length(4097),
        ),
    ] {
        let mut framer = Framer::new();
        framer.push(&stream);
        assert_eq!(framer.next(), Some(Err(error)));
        framer.push(&header(19, 4));
        assert_eq!(framer.next(), None);
        assert_eq!(error.notification(), notification);
    }
}

#[test]
fn extended_messages_are_not_for_open_and_keepalive() {
    let mut framer = Framer::new();
    framer.set_max_len(MAX_EXTENDED_LEN);
    let update = RawMessage::new(kind::UPDATE, vec![0; 65535 - 19]);
    framer.push(&update.encode());
    assert_eq!(framer.next(), Some(Ok(update)));
    framer.push(&header(4097, kind::OPEN));
    assert!(matches!(
        framer.next(),
        Some(Err(HeaderError::Length { max: 4096, .. }))
    ));
}

#[test]
fn lengths_that_no_message_of_the_type_has() {
    for (kind, body, length) in [
        (1, "04fc0000b47f0000", 27),
        (2, "0000 00", 22),
        (3, "06", 20),
        (4, "00", 20),
    ] {
        assert_eq!(
            decode_error(kind, body),
            Notification::bad_message_length(length)
        );
    }
    assert_eq!(decode_error(9, ""), Notification::bad_message_type(9));
    assert_eq!(
        decode_error(2, "0001 0000"),
        Notification::malformed_attribute_list()
    );
    assert_eq!(
        decode_error(2, "0000 0001"),
        Notification::malformed_attribute_list()
    );
    let refresh = RawMessage::new(kind::ROUTE_REFRESH, hex("000146")).encode();
    assert_eq!(
        decode_error(5, "000146"),
        Notification::bad_refresh_length(refresh)
    );
}

#[test]
fn lies_can_be_told() {
    let raw = RawMessage {
        marker: [0; 16],
        length: Some(5),
        kind: 77,
        body: hex("aa"),
    };
    assert_eq!(
        raw.encode(),
        hex("00000000000000000000000000000000 0005 4d aa")
    );
}

#[test]
fn route_refresh() {
    let refresh = RouteRefresh::request(Family::EVPN);
    assert_wire(
        &format!("{MARKER} 0017 05 0019 00 46"),
        &Message::RouteRefresh(refresh),
    );
    let begin = RouteRefresh {
        family: Family::VPNV4,
        subtype: RouteRefresh::BEGIN,
        rest: Bytes::new(),
    };
    assert_wire(
        &format!("{MARKER} 0017 05 0001 01 80"),
        &Message::RouteRefresh(begin),
    );
    // A list of filters belongs to a request only.
    assert!(Message::decode(&RawMessage::new(5, hex("0001018000")), &Default::default()).is_err());
}

/// An OPEN whose fixed part is right, around these optional parameters with their length.
fn open_with(parameters: &str) -> Result<Message, Notification> {
    let raw = RawMessage::new(
        kind::OPEN,
        hex(&format!("04 fc00 00b4 7f000001 {parameters}")),
    );
    Message::decode(&raw, &DecodeContext::default()).map_err(|error| error.notification())
}

#[track_caller]
fn capabilities(parameters: &str) -> Vec<Capability> {
    let Ok(Message::Open(open)) = open_with(parameters) else {
        panic!("not an OPEN")
    };
    let written = open.encode_body();
    assert_eq!(written, hex(&format!("04 fc00 00b4 7f000001 {parameters}")));
    open.capabilities
}

#[test]
fn capabilities_in_any_arrangement() {
    let list = [
        Capability::MultiProtocol(Family::EVPN),
        Capability::RouteRefresh,
    ];
    assert_eq!(capabilities("0c 0206 010400190046 0202 0200"), list);
    assert_eq!(capabilities("0a 0208 010400190046 0200"), list);
    assert_eq!(capabilities("0e 0200 0206 010400190046 0202 0200"), list);
    // RFC 9072, although short enough for the classic form.
    assert_eq!(capabilities("ffff 000b 020008 010400190046 0200"), list);
    // What the octet of the classic length says then does not matter.
    assert_eq!(capabilities("0dff 000b 020008 010400190046 0200"), list);
    assert_eq!(capabilities("00"), []);
}

#[test]
fn every_capability() {
    let families = vec![(Family::EVPN, true), (Family::new(1, 5), false)];
    let graceful = Capability::GracefulRestart {
        restarting: true,
        notification: true,
        time: 120,
        families,
    };
    let ways = [
        AddPathMode::Receive,
        AddPathMode::Send,
        AddPathMode::Both,
        AddPathMode::Other(9),
    ];
    let paths = Capability::AddPath(ways.map(|way| (Family::VPNV6, way)).to_vec());
    let next_hop = Capability::ExtendedNextHop(vec![(Family::VPNV4, 2)]);
    for (capability, bytes) in [
        (
            Capability::MultiProtocol(Family::FLOWSPEC_VPNV4),
            "0104 0001 00 86",
        ),
        (Capability::RouteRefresh, "0200"),
        (Capability::EnhancedRouteRefresh, "4600"),
        (Capability::ExtendedMessage, "0600"),
        (Capability::FourOctetAs(4_200_000_001), "4104 fa56ea01"),
        (graceful, "400a c078 0019 46 80 0001 05 00"),
        (paths, "4510 0002 80 01 0002 80 02 0002 80 03 0002 80 09"),
        (next_hop, "0506 0001 0080 0002"),
        (
            Capability::Unknown {
                code: 9,
                data: hex("03"),
            },
            "0901 03",
        ),
        // Wrong lengths: kept, not understood.
        (
            Capability::Unknown {
                code: 1,
                data: hex("001900"),
            },
            "0103 001900",
        ),
        (
            Capability::Unknown {
                code: 65,
                data: hex("00"),
            },
            "4101 00",
        ),
        (
            Capability::Unknown {
                code: 69,
                data: hex("0019"),
            },
            "4502 0019",
        ),
        (
            Capability::Unknown {
                code: 2,
                data: hex("00"),
            },
            "0201 00",
        ),
    ] {
        let length = hex(bytes).len();
        let parameters = format!("{:02x} 02{length:02x} {bytes}", length + 2);
        assert_eq!(capabilities(&parameters), std::slice::from_ref(&capability));
        let json = serde_json::to_string(&capability).unwrap();
        assert_eq!(
            serde_json::from_str::<Capability>(&json).unwrap(),
            capability
        );
    }
}

#[test]
fn many_capabilities_use_the_extended_form() {
    let unknown = |code| Capability::Unknown {
        code,
        data: vec![code; 100].into(),
    };
    let open = |arrangement, count: u8| Open {
        arrangement,
        ..Open::new(
            64512,
            90,
            Ipv4Addr::LOCALHOST,
            (150..150 + count).map(unknown).collect(),
        )
    };
    for (arrangement, count, start) in [
        (Arrangement::OneEach, 2, "d0 02 66 96 64"),
        (Arrangement::OneEach, 3, "ff ff 013b 02 0066 96 64"),
        (Arrangement::Together, 2, "ce 02 cc 96 64"),
        (Arrangement::Together, 3, "ff ff 0135 02 0132 96 64"),
    ] {
        let open = open(arrangement, count);
        let body = open.encode_body();
        assert_eq!(body.slice(9..9 + hex(start).len()), hex(start));
        assert_eq!(Open::parse(&body).unwrap().capabilities, open.capabilities);
    }
}

#[test]
fn changed_capabilities_are_written() {
    let Ok(Message::Open(mut open)) = open_with("0a 0208 010400190046 0200") else {
        panic!()
    };
    open.capabilities.pop();
    assert_eq!(open.encode_body().slice(9..), hex("08 0206 010400190046"));
}

#[test]
fn malformed_opens() {
    let malformed = Notification::malformed_open();
    for parameters in [
        "01",
        "02 0206",
        "04 0202 0201",
        "03 020101",
        "ffff 0001",
        "00 00",
        "ffff",
    ] {
        assert_eq!(
            open_with(parameters),
            Err(malformed.clone()),
            "{parameters}"
        );
    }
    let unsupported = Notification::unsupported_optional_parameter();
    assert_eq!(open_with("03 0101 00"), Err(unsupported));
    for (body, notification) in [
        (
            "03 fc00 00b4 7f000001 00",
            Notification::unsupported_version(),
        ),
        (
            "04 fc00 0001 7f000001 00",
            Notification::unacceptable_hold_time(),
        ),
        (
            "04 fc00 0002 7f000001 00",
            Notification::unacceptable_hold_time(),
        ),
        (
            "04 fc00 00b4 00000000 00",
            Notification::bad_bgp_identifier(),
        ),
    ] {
        assert_eq!(decode_error(kind::OPEN, body), notification);
    }
    let open = Open::parse(&hex("03 fc00 00b4 7f000001 00")).unwrap();
    assert_eq!(open.check(), Err(OpenError::Version(3)));
}

#[test]
fn as_numbers() {
    let wide = vec![Capability::FourOctetAs(4_200_000_001)];
    let open = Open::new(4_200_000_001, 90, Ipv4Addr::LOCALHOST, wide);
    assert_eq!((open.my_as, open.asn()), (23456, 4_200_000_001));
    assert_eq!(
        Open::new(64512, 90, Ipv4Addr::LOCALHOST, vec![]).asn(),
        64512
    );
}

#[test]
fn notification_texts() {
    let shutdown = Notification::shutdown("maintenance window");
    assert_eq!(shutdown.data[0], 18);
    for (notification, text) in [
        (
            shutdown.clone(),
            r#"cease: administrative shutdown ("maintenance window")"#,
        ),
        (
            Notification::hard_reset(&shutdown),
            r#"cease: hard reset (cease: administrative shutdown ("maintenance window"))"#,
        ),
        (
            Notification::max_prefixes(Family::EVPN, 16),
            "cease: maximum number of prefixes reached (0x00194600000010)",
        ),
        (Notification::hold_timer_expired(), "hold timer expired"),
        (
            Notification::bad_message_length(18),
            "message header error: bad message length (0x0012)",
        ),
        (
            Notification::unexpected_in_established(1),
            "finite state machine error: unexpected message in Established (0x01)",
        ),
        (
            Notification::cease(cease::COLLISION),
            "cease: connection collision resolution",
        ),
        (Notification::new(code::CEASE, 99), "cease: subcode 99"),
        (Notification::new(99, 0), "code 99"),
    ] {
        assert_eq!(notification.to_string(), text);
        let raw = Message::Notification(notification.clone()).encode();
        let read = Message::decode(&raw, &Default::default()).unwrap();
        assert_eq!(read, Message::Notification(notification));
    }
}

#[test]
fn long_shutdown_texts_are_cut_between_characters() {
    let text = Notification::shutdown(&"é".repeat(200))
        .shutdown_text()
        .unwrap();
    assert_eq!(text, "é".repeat(127));
    // A length that goes too far is no text.
    assert_eq!(
        Notification::cease(cease::SHUTDOWN)
            .with_data(hex("0541"))
            .shutdown_text(),
        None
    );
}
