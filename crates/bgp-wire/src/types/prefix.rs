use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::OutOfRange;

use crate::text::{ParseError, debug_as_text, serde_as_text};

/// An IP prefix with its host bits zero. Text form `10.0.0.0/24`; parsing takes a bare address as a host prefix.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IpPrefix {
    address: IpAddr,
    length: u8,
}

serde_as_text!(IpPrefix);
debug_as_text!(IpPrefix);

impl IpPrefix {
    /// The prefix of `length` bits that holds `address`; fails if the address has fewer bits.
    pub fn new(address: IpAddr, length: u8) -> Result<Self, OutOfRange> {
        let max = if address.is_ipv4() { 32 } else { 128 };
        if length > max {
            let what = "prefix length";
            return Err(OutOfRange {
                what,
                value: length.into(),
                max: max.into(),
            });
        }
        let address = match address {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from(u32::from(v4) & mask))
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from(u128::from(v6) & mask))
            }
        };
        Ok(Self { address, length })
    }

    /// The prefix of exactly one address.
    pub const fn host(address: IpAddr) -> Self {
        let length = if address.is_ipv4() { 32 } else { 128 };
        Self { address, length }
    }

    /// The network address.
    pub const fn address(&self) -> IpAddr {
        self.address
    }

    /// The number of bits.
    #[allow(
        clippy::len_without_is_empty,
        reason = "a length in bits, not a collection"
    )]
    pub const fn len(&self) -> u8 {
        self.length
    }

    /// Whether it is the prefix of one address.
    pub const fn is_host(&self) -> bool {
        self.length == if self.address.is_ipv4() { 32 } else { 128 }
    }

    /// Whether `address` is inside.
    pub fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.address.is_ipv4()
            && Self::new(address, self.length).is_ok_and(|p| p.address == self.address)
    }

    /// The octets the prefix needs on the wire: `len` bits rounded up.
    pub(crate) fn octets(&self) -> ([u8; 16], usize) {
        let mut octets = [0; 16];
        match self.address {
            IpAddr::V4(v4) => octets[..4].copy_from_slice(&v4.octets()),
            IpAddr::V6(v6) => octets = v6.octets(),
        }
        (octets, usize::from(self.length).div_ceil(8))
    }

    /// The prefix of `length` bits from `bytes`, which hold at least that many.
    pub(crate) fn from_octets(v4: bool, length: u8, bytes: &[u8]) -> Option<Self> {
        let needed = usize::from(length).div_ceil(8);
        let given = bytes.get(..needed)?;
        let mut octets = [0; 16];
        octets.get_mut(..needed)?.copy_from_slice(given);
        let [a, b, c, d, ..] = octets;
        let address = if v4 {
            Ipv4Addr::new(a, b, c, d).into()
        } else {
            Ipv6Addr::from(octets).into()
        };
        Self::new(address, length).ok()
    }
}

impl fmt::Display for IpPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

impl FromStr for IpPrefix {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let error = || ParseError::new("an IP prefix such as `10.0.0.0/24`", text);
        let Some((address, length)) = text.split_once('/') else {
            return text.parse().map(Self::host).map_err(|_| error());
        };
        let address: IpAddr = address.parse().map_err(|_| error())?;
        Self::new(address, length.parse().map_err(|_| error())?).map_err(|_| error())
    }
}
