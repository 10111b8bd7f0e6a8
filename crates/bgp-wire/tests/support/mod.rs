//! What several test files share.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "only tests come here"
)]

pub mod arbitrary;
pub mod session;

use bgp_wire::raw::{Framer, RawMessage, RawUpdate};
use bgp_wire::{DecodeContext, Message, Update};
use bytes::Bytes;

/// Octets of hexadecimal text; spaces and line ends do not matter.
pub fn hex(text: &str) -> Bytes {
    let digits: String = text.split_whitespace().collect();
    assert!(
        digits.len().is_multiple_of(2),
        "odd number of digits in {text:?}"
    );
    let octet = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal");
    (0..digits.len()).step_by(2).map(octet).collect()
}

/// An UPDATE of these attributes and no classic field.
pub fn update_of(attributes: &str) -> Update {
    Update::decode(
        RawUpdate::new(Bytes::new(), hex(attributes), Bytes::new()),
        &DecodeContext::default(),
    )
}

/// The whole stream as messages; panics if it is not.
pub fn messages(stream: &[u8], max_len: u16) -> Vec<RawMessage> {
    let mut framer = Framer::new();
    framer.set_max_len(max_len);
    framer.push(stream);
    let messages = std::iter::from_fn(|| framer.next())
        .map(|m| m.expect("a message"))
        .collect();
    assert_eq!(framer.remainder(), b"", "octets left over");
    messages
}

/// Everything that reads must not panic on any octets; what it says does not matter.
pub fn read_anything(kind: u8, body: Bytes, context: &DecodeContext) {
    let Ok(message) = Message::decode(&RawMessage::new(kind, body), context) else {
        return;
    };
    let _ = message.encode();
    let Message::Update(update) = message else {
        return;
    };
    let nlri = update.reach.iter().flat_map(|(.., nlri)| nlri);
    for one in nlri.chain(update.unreach.iter().flat_map(|(_, nlri)| nlri)) {
        let _ = (one.key(), one.value());
    }
    let _ = (update.end_of_rib(), update.outcome());
}

/// Bytes are the value and the value is the bytes; no truncation of the body panics.
#[track_caller]
pub fn assert_wire(bytes: &str, message: &Message) {
    let bytes = hex(bytes);
    let context = DecodeContext::default();
    let [raw] = &messages(&bytes, 4096)[..] else {
        panic!("not one message")
    };
    assert_eq!(&Message::decode(raw, &context).expect("decodes"), message);
    assert_eq!(message.encode().encode(), bytes);
    for end in 0..raw.body.len() {
        read_anything(raw.kind, raw.body.slice(..end), &context);
    }
}
