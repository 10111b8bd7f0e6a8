//! The layer that can express anything: messages, sections and attributes as octets, with lengths that may lie.

mod attribute;
mod framer;
mod update;

pub use attribute::{AttributeWalk, Overrun, RawAttribute, flags};
pub use framer::{Framer, HeaderError};
pub use update::RawUpdate;

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

/// Octets of the message header: marker, length, type (RFC 4271 section 4.1).
pub const HEADER_LEN: usize = 19;
/// The largest message, header included (RFC 4271 section 4.1).
pub const MAX_LEN: u16 = 4096;
/// The largest message once both sides announced extended messages (RFC 8654).
pub const MAX_EXTENDED_LEN: u16 = 65535;
/// The marker of a correct message.
pub const MARKER: [u8; 16] = [0xff; 16];

/// Message type numbers (RFC 4271 section 4.1, RFC 2918).
pub mod kind {
    /// OPEN.
    pub const OPEN: u8 = 1;
    /// UPDATE.
    pub const UPDATE: u8 = 2;
    /// NOTIFICATION.
    pub const NOTIFICATION: u8 = 3;
    /// KEEPALIVE.
    pub const KEEPALIVE: u8 = 4;
    /// ROUTE-REFRESH.
    pub const ROUTE_REFRESH: u8 = 5;
}

/// One message: any marker, any type, any body, and a length field that need not be true.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RawMessage {
    /// The sixteen octets in front, all ones in a correct message.
    pub marker: [u8; 16],
    /// What the length field says in place of the truth.
    pub length: Option<u16>,
    /// Message type number, see [`kind`].
    pub kind: u8,
    /// What follows the header.
    #[serde(with = "crate::text::hex")]
    pub body: Bytes,
}

impl RawMessage {
    /// A message with a correct header.
    pub fn new(kind: u8, body: impl Into<Bytes>) -> Self {
        Self {
            marker: MARKER,
            length: None,
            kind,
            body: body.into(),
        }
    }

    /// The octets for the wire, header included.
    pub fn encode(&self) -> Bytes {
        let mut buffer = BytesMut::with_capacity(HEADER_LEN + self.body.len());
        self.encode_into(&mut buffer);
        buffer.freeze()
    }

    /// Appends what [`RawMessage::encode`] returns.
    pub fn encode_into(&self, buffer: &mut BytesMut) {
        buffer.reserve(HEADER_LEN + self.body.len());
        buffer.put_slice(&self.marker);
        buffer.put_u16(self.length.unwrap_or_else(|| saturated(self.wire_len())));
        buffer.put_u8(self.kind);
        buffer.put_slice(&self.body);
    }

    /// How many octets [`RawMessage::encode`] returns.
    pub fn wire_len(&self) -> usize {
        HEADER_LEN + self.body.len()
    }
}

/// A length for a two-octet field; what is too long for it says the most it can.
pub(crate) fn saturated(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}
