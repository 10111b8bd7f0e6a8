use bytes::{Buf as _, BytesMut};
use serde::{Deserialize, Serialize};

use super::{HEADER_LEN, MARKER, MAX_LEN, RawMessage, kind};
use crate::notification::Notification;

/// Why a byte stream cannot be cut into messages (RFC 4271 section 6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum HeaderError {
    /// The marker is not all ones.
    #[error("message header marker is not all ones")]
    Marker,
    /// The length field is below the header's own or above what was agreed.
    #[error("message length {length} is not between {min} and {max}")]
    Length {
        /// The length field.
        length: u16,
        /// The smallest allowed.
        min: u16,
        /// The largest allowed for this message type on this session.
        max: u16,
    },
}

impl HeaderError {
    /// What to tell the peer before closing.
    pub fn notification(&self) -> Notification {
        match *self {
            Self::Marker => Notification::connection_not_synchronized(),
            Self::Length { length, .. } => Notification::bad_message_length(length),
        }
    }
}

/// Cuts a byte stream into messages. Total: any octets in any portions give messages, then at most one error.
///
/// Looks only at marker and length; types it does not know come out as they are. After an error the stream
/// has no message boundaries any more and [`Framer::next`] answers `None` for ever.
#[derive(Debug, Clone)]
pub struct Framer {
    buffer: BytesMut,
    max_len: u16,
    failed: bool,
}

impl Default for Framer {
    fn default() -> Self {
        Self::new()
    }
}

impl Framer {
    /// A framer for messages of up to [`MAX_LEN`] octets.
    pub fn new() -> Self {
        Self {
            buffer: BytesMut::new(),
            max_len: MAX_LEN,
            failed: false,
        }
    }

    /// The largest message from now on, [`super::MAX_EXTENDED_LEN`] after RFC 8654 was agreed.
    /// OPEN and KEEPALIVE stay at [`MAX_LEN`] (RFC 8654 section 4).
    pub fn set_max_len(&mut self, max_len: u16) {
        self.max_len = max_len;
    }

    /// Takes what arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        if !self.failed {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The next whole message, the error that ends the stream, or `None` until more arrives.
    #[allow(clippy::should_implement_trait, reason = "`None` here is not the end")]
    pub fn next(&mut self) -> Option<Result<RawMessage, HeaderError>> {
        if self.failed {
            return None;
        }
        // An HTTP request of 18 octets is no BGP although it is no whole header either.
        let begun = &self.buffer[..self.buffer.len().min(MARKER.len())];
        if !MARKER.starts_with(begun) {
            self.failed = true;
            return Some(Err(HeaderError::Marker));
        }
        let header: [u8; HEADER_LEN] = self.buffer.get(..HEADER_LEN)?.try_into().ok()?;
        let length = u16::from_be_bytes([header[16], header[17]]);
        let kind = header[18];
        if let Err(error) = self.check(length, kind) {
            self.failed = true;
            return Some(Err(error));
        }
        if self.buffer.len() < usize::from(length) {
            return None;
        }
        let mut message = self.buffer.split_to(usize::from(length)).freeze();
        message.advance(HEADER_LEN);
        Some(Ok(RawMessage::new(kind, message)))
    }

    /// What has arrived and is not a whole message yet, or what followed an error.
    pub fn remainder(&self) -> &[u8] {
        &self.buffer
    }

    fn check(&self, length: u16, kind: u8) -> Result<(), HeaderError> {
        let min = HEADER_LEN as u16;
        let max = match kind {
            kind::OPEN | kind::KEEPALIVE => self.max_len.min(MAX_LEN),
            _ => self.max_len,
        };
        if !(min..=max).contains(&length) {
            return Err(HeaderError::Length { length, min, max });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Waiting for a whole header, the peer would hear of its mistake after minutes.
    #[test]
    fn a_wrong_marker_is_an_error_at_once() {
        let mut framer = Framer::new();
        framer.push(&MARKER[..5]);
        assert_eq!(framer.next(), None);
        framer.push(b"G");
        assert_eq!(framer.next(), Some(Err(HeaderError::Marker)));
        assert_eq!(framer.next(), None);
    }
}
