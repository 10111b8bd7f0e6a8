use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use super::{Administered, parse_administered, wide_as};

use crate::text::{ParseError, debug_as_text, from_hex_array, serde_as_text, to_hex};

/// A route distinguisher, eight octets as on the wire (RFC 4364 section 4.2).
/// Text form `64512:1` (type 0), `192.0.2.1:1` (type 1), `70000:1` (type 2, with `L` after an AS number below 65536),
/// else `0x` and 16 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RouteDistinguisher(pub [u8; 8]);

serde_as_text!(RouteDistinguisher);
debug_as_text!(RouteDistinguisher);

impl RouteDistinguisher {
    /// All zero, as before the address in a VPN next hop.
    pub const ZERO: Self = Self([0; 8]);

    /// Type 0: two-octet AS and four-octet number.
    pub const fn as2(asn: u16, number: u32) -> Self {
        let ([a, b], [c, d, e, f]) = (asn.to_be_bytes(), number.to_be_bytes());
        Self([0, 0, a, b, c, d, e, f])
    }

    /// Type 1: IPv4 address and two-octet number.
    pub const fn ipv4(address: Ipv4Addr, number: u16) -> Self {
        let ([a, b, c, d], [e, f]) = (address.octets(), number.to_be_bytes());
        Self([0, 1, a, b, c, d, e, f])
    }

    /// Type 2: four-octet AS and two-octet number.
    pub const fn as4(asn: u32, number: u16) -> Self {
        let ([a, b, c, d], [e, f]) = (asn.to_be_bytes(), number.to_be_bytes());
        Self([0, 2, a, b, c, d, e, f])
    }

    /// The type field.
    pub const fn kind(&self) -> u16 {
        u16::from_be_bytes([self.0[0], self.0[1]])
    }
}

impl fmt::Display for RouteDistinguisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [k0, k1, a, b, c, d, e, g] = self.0;
        match [k0, k1] {
            [0, 0] => {
                let number = u32::from_be_bytes([c, d, e, g]);
                write!(f, "{}:{number}", u16::from_be_bytes([a, b]))
            }
            [0, 1] => {
                write!(
                    f,
                    "{}:{}",
                    Ipv4Addr::new(a, b, c, d),
                    u16::from_be_bytes([e, g])
                )
            }
            [0, 2] => {
                let asn = wide_as(u32::from_be_bytes([a, b, c, d]));
                write!(f, "{asn}:{}", u16::from_be_bytes([e, g]))
            }
            _ => write!(f, "0x{}", to_hex(&self.0)),
        }
    }
}

impl FromStr for RouteDistinguisher {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let error = || ParseError::new("a route distinguisher such as `192.0.2.1:1`", text);
        if let Some(hex) = text.strip_prefix("0x") {
            return from_hex_array(hex).map(Self).ok_or_else(error);
        }
        match parse_administered(text).ok_or_else(error)? {
            Administered::As2(asn, number) => Ok(Self::as2(asn, number)),
            Administered::Ipv4(address, number) => Ok(Self::ipv4(address, number)),
            Administered::As4(asn, number) => Ok(Self::as4(asn, number)),
        }
    }
}
