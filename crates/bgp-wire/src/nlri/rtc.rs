use serde::{Deserialize, Serialize};

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
