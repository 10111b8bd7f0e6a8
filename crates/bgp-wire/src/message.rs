//! The message types, what a session has agreed on, and the errors that end it.

use std::collections::BTreeSet;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::family::Family;
use crate::notification::Notification;
use crate::open::{Open, OpenError};
use crate::raw::{HEADER_LEN, MAX_EXTENDED_LEN, MAX_LEN, RawMessage, RawUpdate, kind, saturated};
use crate::refresh::RouteRefresh;
use crate::update::Update;

/// A message, read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Message {
    /// Who speaks.
    Open(Open),
    /// Routes. Look at [`Update::outcome`] before using it: a session reset is in there too.
    Update(Update),
    /// The end.
    Notification(Notification),
    /// Still here.
    Keepalive,
    /// Send it again.
    RouteRefresh(RouteRefresh),
}

/// What the session has agreed on, for reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecodeContext {
    /// AS numbers in AS_PATH and AGGREGATOR have four octets (RFC 6793).
    pub as4: bool,
    /// The peer has our AS number.
    pub ibgp: bool,
    /// Families whose NLRI come with a path identifier (RFC 7911).
    pub add_path: BTreeSet<Family>,
    /// Messages may have up to 65,535 octets (RFC 8654).
    pub extended_message: bool,
}

impl Default for DecodeContext {
    fn default() -> Self {
        Self {
            as4: true,
            ibgp: true,
            add_path: BTreeSet::new(),
            extended_message: false,
        }
    }
}

/// What the session has agreed on, for writing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncodeContext {
    /// AS numbers in AS_PATH and AGGREGATOR have four octets (RFC 6793).
    pub as4: bool,
    /// The peer has our AS number.
    pub ibgp: bool,
    /// Families whose NLRI go with a path identifier (RFC 7911).
    pub add_path: BTreeSet<Family>,
    /// Messages may have up to 65,535 octets (RFC 8654).
    pub extended_message: bool,
}

impl Default for EncodeContext {
    fn default() -> Self {
        Self {
            as4: true,
            ibgp: true,
            add_path: BTreeSet::new(),
            extended_message: false,
        }
    }
}

impl EncodeContext {
    /// The largest message.
    pub const fn max_len(&self) -> u16 {
        if self.extended_message {
            MAX_EXTENDED_LEN
        } else {
            MAX_LEN
        }
    }
}

/// A message that ends the session (RFC 4271 section 6).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{kind}")]
pub struct MessageError {
    /// What is wrong.
    pub kind: MessageErrorKind,
}

/// What is wrong with a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MessageErrorKind {
    /// Not a message type.
    #[error("message type {0} is not known")]
    UnknownType(u8),
    /// A length that this type cannot have; the header's length field would say `length`.
    #[error("message of type {kind} cannot have {length} octets")]
    Length {
        /// Message type number.
        kind: u8,
        /// Octets, header included.
        length: u16,
    },
    /// An OPEN.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The section lengths of an UPDATE do not fit in it.
    #[error("section lengths do not fit in an UPDATE body of {len} octets")]
    UpdateSections {
        /// Octets of the body.
        len: usize,
    },
    /// A ROUTE-REFRESH shorter than four octets, or a request mark with a list after it.
    #[error("ROUTE-REFRESH body of {} octets has a wrong length", .message.len().saturating_sub(HEADER_LEN))]
    RefreshLength {
        /// The whole message.
        #[serde(with = "crate::text::hex")]
        message: Bytes,
    },
}

impl<K: Into<MessageErrorKind>> From<K> for MessageError {
    fn from(kind: K) -> Self {
        Self { kind: kind.into() }
    }
}

impl MessageError {
    /// What to tell the peer before closing.
    pub fn notification(&self) -> Notification {
        match &self.kind {
            MessageErrorKind::UnknownType(kind) => Notification::bad_message_type(*kind),
            MessageErrorKind::Length { length, .. } => Notification::bad_message_length(*length),
            MessageErrorKind::Open(error) => error.notification(),
            MessageErrorKind::UpdateSections { .. } => Notification::malformed_attribute_list(),
            MessageErrorKind::RefreshLength { message } => {
                Notification::bad_refresh_length(message.clone())
            }
        }
    }
}

impl Message {
    /// Reads a message. An UPDATE whose sections can be told apart is always `Ok`, with its defects in
    /// [`Update::verdicts`].
    pub fn decode(raw: &RawMessage, context: &DecodeContext) -> Result<Self, MessageError> {
        let body = &raw.body;
        let wrong_length = || {
            let length = raw.length.unwrap_or_else(|| saturated(raw.wire_len()));
            MessageError::from(MessageErrorKind::Length {
                kind: raw.kind,
                length,
            })
        };
        match raw.kind {
            kind::OPEN if body.len() < 10 => Err(wrong_length()),
            kind::OPEN => {
                let open = Open::parse(body)?;
                open.check()?;
                Ok(Self::Open(open))
            }
            kind::UPDATE if body.len() < 4 => Err(wrong_length()),
            kind::UPDATE => Ok(Self::Update(Update::decode(
                RawUpdate::parse(body)?,
                context,
            ))),
            kind::NOTIFICATION => Notification::parse(body)
                .map(Self::Notification)
                .ok_or_else(wrong_length),
            kind::KEEPALIVE if body.is_empty() => Ok(Self::Keepalive),
            kind::KEEPALIVE => Err(wrong_length()),
            kind::ROUTE_REFRESH => {
                let refresh = RouteRefresh::parse(body).filter(|refresh| {
                    refresh.rest.is_empty()
                        || !matches!(refresh.subtype, RouteRefresh::BEGIN | RouteRefresh::END)
                });
                refresh.map(Self::RouteRefresh).ok_or_else(|| {
                    MessageErrorKind::RefreshLength {
                        message: raw.encode(),
                    }
                    .into()
                })
            }
            other => Err(MessageErrorKind::UnknownType(other).into()),
        }
    }

    /// Writes the message. Of an UPDATE the raw sections go out as they are.
    pub fn encode(&self) -> RawMessage {
        match self {
            Self::Open(open) => RawMessage::new(kind::OPEN, open.encode_body()),
            Self::Update(update) => update.raw.encode(),
            Self::Notification(notification) => {
                RawMessage::new(kind::NOTIFICATION, notification.encode_body())
            }
            Self::Keepalive => RawMessage::new(kind::KEEPALIVE, Bytes::new()),
            Self::RouteRefresh(refresh) => {
                RawMessage::new(kind::ROUTE_REFRESH, refresh.encode_body())
            }
        }
    }
}
