//! NOTIFICATION: why a session ends.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use crate::family::Family;
use crate::text::to_hex;

/// Error codes (RFC 4271 section 4.5 and the IANA registry).
pub mod code {
    /// Message header error.
    pub const HEADER: u8 = 1;
    /// OPEN message error.
    pub const OPEN: u8 = 2;
    /// UPDATE message error.
    pub const UPDATE: u8 = 3;
    /// Hold timer expired.
    pub const HOLD_TIMER: u8 = 4;
    /// Finite state machine error.
    pub const FSM: u8 = 5;
    /// Cease.
    pub const CEASE: u8 = 6;
    /// ROUTE-REFRESH message error (RFC 7313).
    pub const REFRESH: u8 = 7;
    /// Send hold timer expired (RFC 9687).
    pub const SEND_HOLD_TIMER: u8 = 8;
}

/// Cease subcodes (RFC 4486, 8538, 9384).
pub mod cease {
    /// Maximum number of prefixes reached.
    pub const MAX_PREFIXES: u8 = 1;
    /// Administrative shutdown.
    pub const SHUTDOWN: u8 = 2;
    /// Peer de-configured.
    pub const DECONFIGURED: u8 = 3;
    /// Administrative reset.
    pub const RESET: u8 = 4;
    /// Connection rejected.
    pub const REJECTED: u8 = 5;
    /// Other configuration change.
    pub const CONFIG_CHANGE: u8 = 6;
    /// Connection collision resolution.
    pub const COLLISION: u8 = 7;
    /// Out of resources.
    pub const OUT_OF_RESOURCES: u8 = 8;
    /// Hard reset (RFC 8538).
    pub const HARD_RESET: u8 = 9;
    /// BFD down (RFC 9384).
    pub const BFD_DOWN: u8 = 10;
}

/// A NOTIFICATION body. `Display` names code and subcode and shows a shutdown text or the data.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Notification {
    /// Error code, see [`code`].
    pub code: u8,
    /// Error subcode, 0 where unspecific.
    pub subcode: u8,
    /// What the error is about.
    #[serde(with = "crate::text::hex")]
    pub data: Bytes,
}

impl Notification {
    /// A notification without data.
    pub const fn new(code: u8, subcode: u8) -> Self {
        Self {
            code,
            subcode,
            data: Bytes::new(),
        }
    }

    /// The same with data.
    pub fn with_data(mut self, data: impl Into<Bytes>) -> Self {
        self.data = data.into();
        self
    }

    fn about(code: u8, subcode: u8, data: &[u8]) -> Self {
        Self {
            code,
            subcode,
            data: Bytes::copy_from_slice(data),
        }
    }

    /// The marker is wrong (RFC 4271 section 6.1).
    pub const fn connection_not_synchronized() -> Self {
        Self::new(code::HEADER, 1)
    }

    /// The length field is wrong; the data is the field (RFC 4271 section 6.1).
    pub fn bad_message_length(length: u16) -> Self {
        Self::about(code::HEADER, 2, &length.to_be_bytes())
    }

    /// The type is not known; the data is the field (RFC 4271 section 6.1).
    pub fn bad_message_type(kind: u8) -> Self {
        Self::about(code::HEADER, 3, &[kind])
    }

    /// An OPEN that cannot be read (RFC 4271 section 6.2).
    pub const fn malformed_open() -> Self {
        Self::new(code::OPEN, 0)
    }

    /// The data is the version we speak (RFC 4271 section 6.2).
    pub fn unsupported_version() -> Self {
        Self::about(code::OPEN, 1, &4u16.to_be_bytes())
    }

    /// The AS is not the one expected (RFC 4271 section 6.2).
    pub const fn bad_peer_as() -> Self {
        Self::new(code::OPEN, 2)
    }

    /// The identifier is zero, or our own on an internal session (RFC 6286 section 2.2).
    pub const fn bad_bgp_identifier() -> Self {
        Self::new(code::OPEN, 3)
    }

    /// An optional parameter that is not capabilities (RFC 4271 section 6.2).
    pub const fn unsupported_optional_parameter() -> Self {
        Self::new(code::OPEN, 4)
    }

    /// One or two seconds, or less than we accept (RFC 4271 section 6.2).
    pub const fn unacceptable_hold_time() -> Self {
        Self::new(code::OPEN, 6)
    }

    /// A capability we insist on is missing; the data is the capabilities (RFC 5492 section 5).
    pub fn unsupported_capability(capabilities: impl Into<Bytes>) -> Self {
        Self::new(code::OPEN, 7).with_data(capabilities)
    }

    /// Lengths that do not fit (RFC 4271 section 6.3).
    pub const fn malformed_attribute_list() -> Self {
        Self::new(code::UPDATE, 1)
    }

    /// The data is the attribute (RFC 4271 section 6.3).
    pub fn unrecognized_well_known(attribute: impl Into<Bytes>) -> Self {
        Self::new(code::UPDATE, 2).with_data(attribute)
    }

    /// The data is the type code (RFC 4271 section 6.3).
    pub fn missing_well_known(attribute: u8) -> Self {
        Self::about(code::UPDATE, 3, &[attribute])
    }

    /// The data is the attribute (RFC 4271 section 6.3).
    pub fn attribute_flags(attribute: impl Into<Bytes>) -> Self {
        Self::new(code::UPDATE, 4).with_data(attribute)
    }

    /// The data is the attribute (RFC 4271 section 6.3).
    pub fn attribute_length(attribute: impl Into<Bytes>) -> Self {
        Self::new(code::UPDATE, 5).with_data(attribute)
    }

    /// The data is the attribute (RFC 4271 section 6.3).
    pub fn invalid_origin(attribute: impl Into<Bytes>) -> Self {
        Self::new(code::UPDATE, 6).with_data(attribute)
    }

    /// The data is the attribute (RFC 4271 section 6.3).
    pub fn invalid_next_hop(attribute: impl Into<Bytes>) -> Self {
        Self::new(code::UPDATE, 8).with_data(attribute)
    }

    /// The data is the attribute (RFC 4271 section 6.3).
    pub fn optional_attribute(attribute: impl Into<Bytes>) -> Self {
        Self::new(code::UPDATE, 9).with_data(attribute)
    }

    /// NLRI that cannot be read (RFC 4271 section 6.3).
    pub const fn invalid_network_field() -> Self {
        Self::new(code::UPDATE, 10)
    }

    /// Segments that cannot be read (RFC 4271 section 6.3).
    pub const fn malformed_as_path() -> Self {
        Self::new(code::UPDATE, 11)
    }

    /// Nothing arrived within the hold time (RFC 4271 section 6.5).
    pub const fn hold_timer_expired() -> Self {
        Self::new(code::HOLD_TIMER, 0)
    }

    /// The peer takes nothing any more (RFC 9687).
    pub const fn send_hold_timer_expired() -> Self {
        Self::new(code::SEND_HOLD_TIMER, 0)
    }

    /// A message that does not belong in OpenSent; the data is its type (RFC 6608).
    pub fn unexpected_in_open_sent(kind: u8) -> Self {
        Self::about(code::FSM, 1, &[kind])
    }

    /// A message that does not belong in OpenConfirm; the data is its type (RFC 6608).
    pub fn unexpected_in_open_confirm(kind: u8) -> Self {
        Self::about(code::FSM, 2, &[kind])
    }

    /// A message that does not belong in Established; the data is its type (RFC 6608).
    pub fn unexpected_in_established(kind: u8) -> Self {
        Self::about(code::FSM, 3, &[kind])
    }

    /// Any other event that does not belong in its state (RFC 4271 section 6.6).
    pub const fn fsm_error() -> Self {
        Self::new(code::FSM, 0)
    }

    /// A Cease with one of the subcodes in [`cease`].
    pub const fn cease(subcode: u8) -> Self {
        Self::new(code::CEASE, subcode)
    }

    /// More than `limit` prefixes of `family` (RFC 4486 section 4).
    pub fn max_prefixes(family: Family, limit: u32) -> Self {
        let mut data = BytesMut::with_capacity(7);
        data.put_u16(family.afi);
        data.put_u8(family.safi);
        data.put_u32(limit);
        Self::cease(cease::MAX_PREFIXES).with_data(data.freeze())
    }

    /// Administrative shutdown with a text for the other side's operator, cut to 255 octets (RFC 9003).
    pub fn shutdown(text: &str) -> Self {
        Self::cease(cease::SHUTDOWN).with_data(communication(text))
    }

    /// Administrative reset with a text for the other side's operator, cut to 255 octets (RFC 9003).
    pub fn reset(text: &str) -> Self {
        Self::cease(cease::RESET).with_data(communication(text))
    }

    /// A reset that graceful restart does not soften, around the real reason (RFC 8538 section 3.1).
    pub fn hard_reset(reason: &Self) -> Self {
        Self::cease(cease::HARD_RESET).with_data(reason.encode_body())
    }

    /// A ROUTE-REFRESH of a wrong length; the data is the message (RFC 7313 section 5).
    pub fn bad_refresh_length(message: impl Into<Bytes>) -> Self {
        Self::new(code::REFRESH, 1).with_data(message)
    }

    /// A body, or `None` if it is shorter than two octets.
    pub fn parse(body: &Bytes) -> Option<Self> {
        let &[code, subcode, ..] = body.as_ref() else {
            return None;
        };
        Some(Self {
            code,
            subcode,
            data: body.slice(2..),
        })
    }

    /// The body.
    pub fn encode_body(&self) -> Bytes {
        let mut body = BytesMut::with_capacity(2 + self.data.len());
        body.put_u8(self.code);
        body.put_u8(self.subcode);
        body.put_slice(&self.data);
        body.freeze()
    }

    /// The text of an administrative shutdown or reset, if it carries one (RFC 9003 section 2).
    pub fn shutdown_text(&self) -> Option<String> {
        if self.code != code::CEASE || !matches!(self.subcode, cease::SHUTDOWN | cease::RESET) {
            return None;
        }
        let (&length, rest) = self.data.split_first()?;
        let text = rest
            .get(..usize::from(length))
            .filter(|text| !text.is_empty())?;
        Some(String::from_utf8_lossy(text).into_owned())
    }

    /// The reason inside a hard reset (RFC 8538 section 3.1).
    pub fn hard_reset_reason(&self) -> Option<Self> {
        let hard = self.code == code::CEASE && self.subcode == cease::HARD_RESET;
        hard.then(|| Self::parse(&self.data)).flatten()
    }

    /// The name of the code.
    pub fn code_name(&self) -> Option<&'static str> {
        Some(match self.code {
            code::HEADER => "message header error",
            code::OPEN => "OPEN message error",
            code::UPDATE => "UPDATE message error",
            code::HOLD_TIMER => "hold timer expired",
            code::FSM => "finite state machine error",
            code::CEASE => "cease",
            code::REFRESH => "ROUTE-REFRESH message error",
            code::SEND_HOLD_TIMER => "send hold timer expired",
            _ => return None,
        })
    }

    /// The name of the subcode.
    pub fn subcode_name(&self) -> Option<&'static str> {
        let names: &[&str] = match self.code {
            code::HEADER => &[
                "connection not synchronized",
                "bad message length",
                "bad message type",
            ],
            code::OPEN => &[
                "unsupported version number",
                "bad peer AS",
                "bad BGP identifier",
                "unsupported optional parameter",
                "authentication failure",
                "unacceptable hold time",
                "unsupported capability",
                "grouping conflict",
                "grouping required",
                "capability value mismatch",
                "role mismatch",
            ],
            code::UPDATE => &[
                "malformed attribute list",
                "unrecognized well-known attribute",
                "missing well-known attribute",
                "attribute flags error",
                "attribute length error",
                "invalid ORIGIN attribute",
                "AS routing loop",
                "invalid NEXT_HOP attribute",
                "optional attribute error",
                "invalid network field",
                "malformed AS_PATH",
            ],
            code::FSM => &[
                "unexpected message in OpenSent",
                "unexpected message in OpenConfirm",
                "unexpected message in Established",
            ],
            code::CEASE => &[
                "maximum number of prefixes reached",
                "administrative shutdown",
                "peer de-configured",
                "administrative reset",
                "connection rejected",
                "other configuration change",
                "connection collision resolution",
                "out of resources",
                "hard reset",
                "BFD down",
            ],
            code::REFRESH => &["invalid message length"],
            _ => &[],
        };
        names
            .get(usize::from(self.subcode.checked_sub(1)?))
            .copied()
    }
}

impl fmt::Display for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code_name() {
            Some(name) => f.write_str(name)?,
            None => write!(f, "code {}", self.code)?,
        }
        match self.subcode_name() {
            Some(name) => write!(f, ": {name}")?,
            None if self.subcode != 0 => write!(f, ": subcode {}", self.subcode)?,
            None => {}
        }
        if let Some(text) = self.shutdown_text() {
            return write!(f, " ({text:?})");
        }
        if let Some(reason) = self.hard_reset_reason() {
            return write!(f, " ({reason})");
        }
        if !self.data.is_empty() {
            write!(f, " (0x{})", to_hex(&self.data))?;
        }
        Ok(())
    }
}

/// A length octet and the text, cut at a character boundary.
fn communication(text: &str) -> Bytes {
    let text = &text[..text.floor_char_boundary(255)];
    let mut data = BytesMut::with_capacity(1 + text.len());
    // At most 255 by the line above.
    data.put_u8(text.len() as u8);
    data.put_slice(text.as_bytes());
    data.freeze()
}
