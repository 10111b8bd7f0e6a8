use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use super::{Administered, parse_administered, wide_as};

use crate::text::{ParseError, debug_as_text, serde_as_text};

/// A route target: a transitive extended community of sub-type 2, eight octets as on the wire (RFC 4360 section 4).
/// Text form `64512:79`, `192.0.2.1:5` or `70000:1` (with `L` after a four-octet AS number below 65536).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteTarget([u8; 8]);

serde_as_text!(RouteTarget);
debug_as_text!(RouteTarget);

impl RouteTarget {
    /// Two-octet AS and four-octet number (type 0x00).
    pub const fn as2(asn: u16, number: u32) -> Self {
        let ([a, b], [c, d, e, f]) = (asn.to_be_bytes(), number.to_be_bytes());
        Self([0, 2, a, b, c, d, e, f])
    }

    /// IPv4 address and two-octet number (type 0x01).
    pub const fn ipv4(address: Ipv4Addr, number: u16) -> Self {
        let ([a, b, c, d], [e, f]) = (address.octets(), number.to_be_bytes());
        Self([1, 2, a, b, c, d, e, f])
    }

    /// Four-octet AS and two-octet number (type 0x02, RFC 5668).
    pub const fn as4(asn: u32, number: u16) -> Self {
        let ([a, b, c, d], [e, f]) = (asn.to_be_bytes(), number.to_be_bytes());
        Self([2, 2, a, b, c, d, e, f])
    }

    /// The extended community, if it is a route target.
    pub const fn from_bytes(bytes: [u8; 8]) -> Option<Self> {
        match bytes {
            [0..=2, 2, ..] => Some(Self(bytes)),
            _ => None,
        }
    }

    /// The extended community.
    pub const fn bytes(&self) -> [u8; 8] {
        self.0
    }
}

impl fmt::Display for RouteTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [kind, _, a, b, c, d, e, g] = self.0;
        match kind {
            0 => {
                let number = u32::from_be_bytes([c, d, e, g]);
                write!(f, "{}:{number}", u16::from_be_bytes([a, b]))
            }
            1 => write!(
                f,
                "{}:{}",
                Ipv4Addr::new(a, b, c, d),
                u16::from_be_bytes([e, g])
            ),
            _ => {
                let asn = wide_as(u32::from_be_bytes([a, b, c, d]));
                write!(f, "{asn}:{}", u16::from_be_bytes([e, g]))
            }
        }
    }
}

impl FromStr for RouteTarget {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match parse_administered(text) {
            Some(Administered::As2(asn, number)) => Ok(Self::as2(asn, number)),
            Some(Administered::Ipv4(address, number)) => Ok(Self::ipv4(address, number)),
            Some(Administered::As4(asn, number)) => Ok(Self::as4(asn, number)),
            None => Err(ParseError::new("a route target such as `64512:79`", text)),
        }
    }
}
