//! The two address types that links need and the standard library has not.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An Ethernet address, six octets; written `02:00:00:00:00:01`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct MacAddr(pub [u8; 6]);

impl MacAddr {
    /// All zeroes: in a VXLAN forwarding table, the entry for everything unknown or broadcast.
    pub const ZERO: MacAddr = MacAddr([0; 6]);
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Text that is not an address of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {expected}")]
pub struct AddrParseError {
    /// What was given.
    pub text: String,
    /// What it should have been.
    pub expected: &'static str,
}

impl FromStr for MacAddr {
    type Err = AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || AddrParseError {
            text: text.to_owned(),
            expected: "an Ethernet address",
        };
        let mut octets = [0; 6];
        let mut parts = text.split(':');
        for octet in &mut octets {
            let part = parts
                .next()
                .filter(|part| part.len() == 2)
                .ok_or_else(wrong)?;
            if !part.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(wrong());
            }
            *octet = u8::from_str_radix(part, 16).map_err(|_| wrong())?;
        }
        parts
            .next()
            .is_none()
            .then_some(MacAddr(octets))
            .ok_or_else(wrong)
    }
}

impl From<[u8; 6]> for MacAddr {
    fn from(octets: [u8; 6]) -> Self {
        MacAddr(octets)
    }
}

impl From<MacAddr> for String {
    fn from(mac: MacAddr) -> Self {
        mac.to_string()
    }
}

impl TryFrom<String> for MacAddr {
    type Error = AddrParseError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl TryFrom<&[u8]> for MacAddr {
    type Error = AddrParseError;

    fn try_from(octets: &[u8]) -> Result<Self, Self::Error> {
        octets.try_into().map(MacAddr).map_err(|_| AddrParseError {
            text: format!("{octets:02x?}"),
            expected: "an Ethernet address",
        })
    }
}

/// An address with its prefix length; host bits are kept, so that it names an interface's
/// address as well as a route's destination. Written `10.0.0.1/24`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct IpPrefix {
    addr: IpAddr,
    len: u8,
}

impl IpPrefix {
    /// `None` when `len` exceeds 32 (IPv4) or 128 (IPv6).
    pub fn new(addr: impl Into<IpAddr>, len: u8) -> Option<Self> {
        let addr = addr.into();
        (len <= bits(addr)).then_some(Self { addr, len })
    }

    /// The prefix of one address: `/32` or `/128`.
    pub fn host(addr: impl Into<IpAddr>) -> Self {
        let addr = addr.into();
        Self {
            addr,
            len: bits(addr),
        }
    }

    /// `0.0.0.0/0`.
    pub const DEFAULT_V4: IpPrefix = IpPrefix {
        addr: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        len: 0,
    };

    /// `::/0`.
    pub const DEFAULT_V6: IpPrefix = IpPrefix {
        addr: IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        len: 0,
    };

    /// The address, host bits included.
    pub fn addr(self) -> IpAddr {
        self.addr
    }

    /// The prefix length in bits.
    pub fn prefix_len(self) -> u8 {
        self.len
    }
}

fn bits(addr: IpAddr) -> u8 {
    if addr.is_ipv4() { 32 } else { 128 }
}

impl fmt::Display for IpPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.addr, self.len)
    }
}

impl fmt::Debug for IpPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for IpPrefix {
    type Err = AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || AddrParseError {
            text: text.to_owned(),
            expected: "an address with a prefix length",
        };
        let (addr, len) = text.split_once('/').ok_or_else(wrong)?;
        let addr: IpAddr = addr.parse().map_err(|_| wrong())?;
        Self::new(addr, len.parse().map_err(|_| wrong())?).ok_or_else(wrong)
    }
}

impl From<IpPrefix> for String {
    fn from(prefix: IpPrefix) -> Self {
        prefix.to_string()
    }
}

impl TryFrom<String> for IpPrefix {
    type Error = AddrParseError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn mac_text_round_trips(octets: [u8; 6]) {
            let mac = MacAddr(octets);
            prop_assert_eq!(mac.to_string().parse(), Ok(mac));
        }

        #[test]
        fn prefix_text_round_trips(addr: IpAddr, len in 0u8..=32) {
            let prefix = IpPrefix::new(addr, len).unwrap();
            prop_assert_eq!(prefix.to_string().parse(), Ok(prefix));
        }
    }

    #[test]
    fn wrong_text_is_named() {
        for text in [
            "",
            "02:00:00:00:00",
            "02:00:00:00:00:01:02",
            "+2:00:00:00:00:01",
            "é:00",
        ] {
            assert_eq!(text.parse::<MacAddr>().unwrap_err().text, text);
        }
        for text in ["10.0.0.1", "10.0.0.1/33", "::/129", "/8", "a/8"] {
            assert_eq!(text.parse::<IpPrefix>().unwrap_err().text, text);
        }
    }
}
