use std::fmt;
use std::str::FromStr;

use crate::text::{ParseError, debug_as_text, from_hex_array, serde_as_text};

/// An Ethernet segment identifier (RFC 7432 section 5). Text form: ten octets with colons.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Esi(pub [u8; 10]);

serde_as_text!(Esi);
debug_as_text!(Esi);

impl Esi {
    /// Single-homed: no segment.
    pub const ZERO: Self = Self([0; 10]);

    /// Whether this names no segment.
    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }

    /// The type octet (0 arbitrary, 1 LACP, 2 bridge, 3 MAC, 4 router id, 5 AS).
    pub const fn kind(&self) -> u8 {
        self.0[0]
    }
}

impl fmt::Display for Esi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, octet) in self.0.iter().enumerate() {
            let colon = if i == 0 { "" } else { ":" };
            write!(f, "{colon}{octet:02x}")?;
        }
        Ok(())
    }
}

impl FromStr for Esi {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let octets: Vec<&str> = text.split(':').collect();
        (octets.len() == 10 && octets.iter().all(|octet| octet.len() == 2))
            .then(|| from_hex_array(&octets.concat()))
            .flatten()
            .map(Self)
            .ok_or_else(|| ParseError::new("an ESI of ten octets such as `00:01:...:09`", text))
    }
}
