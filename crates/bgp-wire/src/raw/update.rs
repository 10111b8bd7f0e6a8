use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use super::{RawMessage, kind, saturated};
use crate::message::{MessageError, MessageErrorKind};

/// The three sections of an UPDATE body (RFC 4271 section 4.3), with section lengths that need not be true.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RawUpdate {
    /// Withdrawn routes, IPv4 unicast.
    #[serde(with = "crate::text::hex")]
    pub withdrawn: Bytes,
    /// Path attributes, see [`super::RawAttribute::walk`].
    #[serde(with = "crate::text::hex")]
    pub attributes: Bytes,
    /// Network layer reachability information, IPv4 unicast.
    #[serde(with = "crate::text::hex")]
    pub nlri: Bytes,
    /// What the withdrawn routes length says in place of the truth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn_length: Option<u16>,
    /// What the total path attribute length says in place of the truth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attributes_length: Option<u16>,
}

impl RawUpdate {
    /// Sections with true lengths.
    pub fn new(withdrawn: Bytes, attributes: Bytes, nlri: Bytes) -> Self {
        Self {
            withdrawn,
            attributes,
            nlri,
            ..Self::default()
        }
    }

    /// The sections of an UPDATE body; fails if their lengths do not fit in it (RFC 7606 section 4).
    pub fn parse(body: &Bytes) -> Result<Self, MessageError> {
        let error = || MessageError::from(MessageErrorKind::UpdateSections { len: body.len() });
        let (withdrawn, after) = section(body, 0).ok_or_else(error)?;
        let (attributes, after) = section(body, after).ok_or_else(error)?;
        Ok(Self::new(withdrawn, attributes, body.slice(after..)))
    }

    /// The UPDATE message.
    pub fn encode(&self) -> RawMessage {
        let size = 4 + self.withdrawn.len() + self.attributes.len() + self.nlri.len();
        let mut body = BytesMut::with_capacity(size);
        body.put_u16(
            self.withdrawn_length
                .unwrap_or_else(|| saturated(self.withdrawn.len())),
        );
        body.put_slice(&self.withdrawn);
        body.put_u16(
            self.attributes_length
                .unwrap_or_else(|| saturated(self.attributes.len())),
        );
        body.put_slice(&self.attributes);
        body.put_slice(&self.nlri);
        RawMessage::new(kind::UPDATE, body.freeze())
    }
}

/// The octets behind the two-octet length at `at`, and where they end.
fn section(body: &Bytes, at: usize) -> Option<(Bytes, usize)> {
    let &[high, low] = body.get(at..at + 2)? else {
        return None;
    };
    let end = at + 2 + usize::from(u16::from_be_bytes([high, low]));
    (end <= body.len()).then(|| (body.slice(at + 2..end), end))
}
