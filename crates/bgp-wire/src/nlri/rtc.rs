use bytes::{BufMut, BytesMut};
use serde::{Deserialize, Serialize};

use super::NlriError;
use super::Octets;
use crate::cursor::Cursor;
use crate::types::RouteTarget;

/// A route target membership (RFC 4684 section 4): the first `bits` bits of an origin AS and a route target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RtcRoute {
    /// 0 for "everything", else 32 to 96.
    pub bits: u8,
    /// Origin AS.
    pub origin_as: u32,
    /// The route target as an extended community; octets beyond `bits` are zero.
    pub target: [u8; 8],
}

impl RtcRoute {
    /// Everything.
    pub const DEFAULT: Self = Self {
        bits: 0,
        origin_as: 0,
        target: [0; 8],
    };

    /// One route target.
    pub const fn new(origin_as: u32, target: RouteTarget) -> Self {
        Self {
            bits: 96,
            origin_as,
            target: target.bytes(),
        }
    }

    /// Whether this asks for everything.
    pub const fn is_default(&self) -> bool {
        self.bits == 0
    }

    /// The route target, if all of it is given and it is one.
    pub fn route_target(&self) -> Option<RouteTarget> {
        (self.bits == 96)
            .then(|| RouteTarget::from_bytes(self.target))
            .flatten()
    }

    /// Whether routes with `target` are asked for; the origin AS is not looked at.
    pub fn matches(&self, target: &RouteTarget) -> bool {
        let bits = u32::from(self.bits.saturating_sub(32)).min(64);
        let mask = u64::MAX.checked_shl(64 - bits).unwrap_or(0);
        let difference = u64::from_be_bytes(self.target) ^ u64::from_be_bytes(target.bytes());
        difference & mask == 0
    }
}

impl RtcRoute {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, NlriError> {
        let wrong_length = NlriError::Length {
            length: bytes.len(),
        };
        let (&bits, given) = bytes.split_first().ok_or(wrong_length)?;
        if given.len() != usize::from(bits).div_ceil(8) || !matches!(bits, 0 | 32..=96) {
            return Err(wrong_length);
        }
        let mut octets = [0; 16];
        octets[..given.len()].copy_from_slice(given);
        let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
        let octets = (u128::from_be_bytes(octets) & mask).to_be_bytes();
        let mut cursor = Cursor(&octets);
        let parsed = cursor.u32().zip(cursor.array());
        let (origin_as, target) = parsed.ok_or(wrong_length)?;
        Ok(Self {
            bits,
            origin_as,
            target,
        })
    }

    /// Length and octets; lengths that are none are written all the same, up to 96.
    pub(super) fn encode_into(&self, buffer: &mut BytesMut) {
        let mut octets = [0; 12];
        octets[..4].copy_from_slice(&self.origin_as.to_be_bytes());
        octets[4..].copy_from_slice(&self.target);
        buffer.put_u8(self.bits.min(96));
        buffer.put_slice(&octets[..usize::from(self.bits.min(96)).div_ceil(8)]);
    }

    pub(super) fn key_into(&self, key: &mut Octets) {
        key.push(&[self.bits]);
        key.push(&self.origin_as.to_be_bytes());
        key.push(&self.target);
    }
}
