use std::fmt;
use std::str::FromStr;

use crate::text::{ParseError, debug_as_text, from_hex_array, serde_as_text};

/// An EUI-48 address. Text form `02:00:00:00:00:01` (lower case); parsing also takes `-`, dotted quads and bare hex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MacAddr(pub [u8; 6]);

serde_as_text!(MacAddr);
debug_as_text!(MacAddr);

impl MacAddr {
    /// `ff:ff:ff:ff:ff:ff`.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// The six octets.
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }

    /// Whether it can be that of one interface: no group's, and not all zero, which in a VXLAN device stands for all others.
    pub const fn is_unicast(self) -> bool {
        !self.is_multicast() && !matches!(self.0, [0, 0, 0, 0, 0, 0])
    }

    /// Whether the group bit is set (broadcast included).
    pub const fn is_multicast(self) -> bool {
        self.0[0] & 1 != 0
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl FromStr for MacAddr {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let error = || ParseError::new("a MAC address such as `02:00:00:00:00:01`", text);
        let (separator, groups, digits) = match text {
            t if t.contains(':') => (':', 6, 2),
            t if t.contains('-') => ('-', 6, 2),
            t if t.contains('.') => ('.', 3, 4),
            _ => return from_hex_array(text).map(Self).ok_or_else(error),
        };
        let parts: Vec<&str> = text.split(separator).collect();
        if parts.len() != groups || parts.iter().any(|part| part.len() != digits) {
            return Err(error());
        }
        from_hex_array(&parts.concat()).map(Self).ok_or_else(error)
    }
}
