//! Path attributes: the octets as received and what they say.

mod as_path;
pub(crate) mod decode;
mod encode;
mod next_hop;
mod path_attributes;
mod pmsi;
mod value;

pub use as_path::{AsPath, Segment, SegmentKind};
pub use next_hop::NextHop;
pub use path_attributes::PathAttributes;
pub use pmsi::PmsiTunnel;
pub use value::{Aggregator, AttributeValue, MpReach, MpUnreach, Origin};

use std::hash::{Hash, Hasher};

use crate::message::{DecodeContext, EncodeContext};
use crate::raw::{RawAttribute, flags};
use crate::verdict::{Defect, Outcome, Verdict};

/// Attribute type codes (IANA registry).
pub mod code {
    /// ORIGIN (RFC 4271).
    pub const ORIGIN: u8 = 1;
    /// AS_PATH (RFC 4271).
    pub const AS_PATH: u8 = 2;
    /// NEXT_HOP (RFC 4271).
    pub const NEXT_HOP: u8 = 3;
    /// MULTI_EXIT_DISC (RFC 4271).
    pub const MED: u8 = 4;
    /// LOCAL_PREF (RFC 4271).
    pub const LOCAL_PREF: u8 = 5;
    /// ATOMIC_AGGREGATE (RFC 4271).
    pub const ATOMIC_AGGREGATE: u8 = 6;
    /// AGGREGATOR (RFC 4271).
    pub const AGGREGATOR: u8 = 7;
    /// COMMUNITIES (RFC 1997).
    pub const COMMUNITIES: u8 = 8;
    /// ORIGINATOR_ID (RFC 4456).
    pub const ORIGINATOR_ID: u8 = 9;
    /// CLUSTER_LIST (RFC 4456).
    pub const CLUSTER_LIST: u8 = 10;
    /// MP_REACH_NLRI (RFC 4760).
    pub const MP_REACH: u8 = 14;
    /// MP_UNREACH_NLRI (RFC 4760).
    pub const MP_UNREACH: u8 = 15;
    /// EXTENDED COMMUNITIES (RFC 4360).
    pub const EXTENDED_COMMUNITIES: u8 = 16;
    /// AS4_PATH (RFC 6793).
    pub const AS4_PATH: u8 = 17;
    /// AS4_AGGREGATOR (RFC 6793).
    pub const AS4_AGGREGATOR: u8 = 18;
    /// PMSI_TUNNEL (RFC 6514).
    pub const PMSI: u8 = 22;
    /// LARGE_COMMUNITY (RFC 8092).
    pub const LARGE_COMMUNITIES: u8 = 32;
}

/// A path attribute: its octets, and what they say. The octets are what goes out again.
///
/// Equal when the octets are, whichever form the length had.
#[derive(Debug, Clone)]
pub struct Attribute {
    /// Flags, code and value as on the wire.
    pub raw: RawAttribute,
    /// What they say.
    pub value: AttributeValue,
}

impl Attribute {
    /// The attribute with the flags its definition gives it and the shortest length field.
    pub fn new(value: AttributeValue, context: &EncodeContext) -> Self {
        Self {
            raw: encode::encode(&value, context),
            value,
        }
    }

    /// Reads an attribute and keeps its octets. Fails with the worst of its verdicts, if that is more than nothing.
    pub fn decode(raw: RawAttribute, context: &DecodeContext) -> Result<Self, Verdict> {
        let decode::Reading { value, verdicts } = decode::read(&raw, context);
        match (
            value,
            verdicts.into_iter().max_by_key(|verdict| verdict.outcome),
        ) {
            (_, Some(worst)) => Err(worst),
            (Some(value), None) => Ok(Self { raw, value }),
            // A reading without value has a verdict.
            (None, None) => Err(decode::verdict(
                &raw,
                Outcome::TreatAsWithdraw,
                Defect::Value,
            )),
        }
    }

    /// The type code.
    pub fn code(&self) -> u8 {
        self.raw.code
    }

    /// What decides equality.
    fn identity(&self) -> (u8, u8, Option<u16>, &[u8]) {
        let RawAttribute {
            flags,
            code,
            length,
            value,
        } = &self.raw;
        (flags & !flags::EXTENDED, *code, *length, value)
    }
}

impl PartialEq for Attribute {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for Attribute {}

impl Hash for Attribute {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}
