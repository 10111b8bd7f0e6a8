use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::num::NonZeroU8;
use std::ops::Deref;

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text::{ParseError, from_hex, to_hex};
use crate::types::IpPrefix;

/// As many as a MAC/IP Advertisement with an IPv4 address and one label has (RFC 7432 section 7.2): what tables have most.
const INLINE: usize = 39;

/// The octets of an NLRI, of which tables have very many: without an allocation as long as they are few, and without the
/// message that brought them. As text hexadecimal.
#[derive(Clone)]
pub struct Octets(Kept);

#[derive(Clone)]
enum Kept {
    Inline(Inline),
    Heap(Box<[u8]>),
}

#[derive(Clone)]
struct Inline {
    /// One more than there are: the value that is left over tells the two kinds apart, in no room of its own.
    length_and_one: NonZeroU8,
    octets: [u8; INLINE],
}

impl Inline {
    const EMPTY: Self = Self {
        length_and_one: NonZeroU8::MIN,
        octets: [0; INLINE],
    };

    /// Appends if there is room.
    fn push(&mut self, more: &[u8]) -> Option<()> {
        let start = self.len();
        let room = self.octets.get_mut(start..start + more.len())?;
        let added = u8::try_from(more.len()).ok()?;
        self.length_and_one = self.length_and_one.checked_add(added)?;
        room.copy_from_slice(more);
        Some(())
    }

    fn len(&self) -> usize {
        usize::from(self.length_and_one.get() - 1)
    }

    fn as_slice(&self) -> &[u8] {
        self.octets.get(..self.len()).unwrap_or(&self.octets)
    }
}

impl Octets {
    pub(super) fn push(&mut self, more: &[u8]) {
        if let Kept::Inline(inline) = &mut self.0
            && inline.push(more).is_some()
        {
            return;
        }
        *self = Self(Kept::Heap([self, more].concat().into()));
    }

    pub(super) fn push_address(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(v4) => self.push(&v4.octets()),
            IpAddr::V6(v6) => self.push(&v6.octets()),
        }
    }

    pub(super) fn push_prefix(&mut self, prefix: &IpPrefix) {
        let (octets, length) = prefix.octets();
        self.push(&[prefix.len()]);
        self.push(&octets[..length]);
    }
}

impl Default for Octets {
    fn default() -> Self {
        Self(Kept::Inline(Inline::EMPTY))
    }
}

impl Deref for Octets {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Kept::Inline(inline) => inline.as_slice(),
            Kept::Heap(octets) => octets,
        }
    }
}

impl AsRef<[u8]> for Octets {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl From<&[u8]> for Octets {
    fn from(slice: &[u8]) -> Self {
        let mut octets = Self::default();
        octets.push(slice);
        octets
    }
}

macro_rules! from_slice {
    ($($owned:ty),*) => {
        $(impl From<$owned> for Octets {
            fn from(octets: $owned) -> Self {
                Self::from(&octets[..])
            }
        })*
    };
}

from_slice!(Vec<u8>, &Vec<u8>, Bytes, &Bytes, BytesMut);

impl<const N: usize> From<[u8; N]> for Octets {
    fn from(octets: [u8; N]) -> Self {
        Self::from(octets.as_slice())
    }
}

impl<const N: usize> From<&[u8; N]> for Octets {
    fn from(octets: &[u8; N]) -> Self {
        Self::from(octets.as_slice())
    }
}

impl PartialEq for Octets {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Octets {}

impl PartialEq<[u8]> for Octets {
    fn eq(&self, other: &[u8]) -> bool {
        **self == *other
    }
}

impl PartialEq<Vec<u8>> for Octets {
    fn eq(&self, other: &Vec<u8>) -> bool {
        **self == **other
    }
}

impl PartialEq<Bytes> for Octets {
    fn eq(&self, other: &Bytes) -> bool {
        **self == **other
    }
}

impl PartialOrd for Octets {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Octets {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}

impl Hash for Octets {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl fmt::Debug for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_hex(self))
    }
}

impl Serialize for Octets {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&to_hex(self))
    }
}

impl<'de> Deserialize<'de> for Octets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let error = || ParseError::new("an even number of hexadecimal digits", &text);
        let octets = from_hex(&text).ok_or_else(|| serde::de::Error::custom(error()))?;
        Ok(Self::from(octets))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_long_as_they_were() {
        for length in 0..=300 {
            let octets: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
            assert_eq!(Octets::from(octets.as_slice()), octets);
        }
    }

    #[test]
    fn no_room_is_lost() {
        assert_eq!(size_of::<Octets>(), INLINE + 1);
    }
}
