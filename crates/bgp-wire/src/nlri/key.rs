use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::evpn::EvpnRoute;
use super::flowspec::FlowspecRules;
use super::rtc::RtcRoute;
use super::value::unicast;
use super::{Nlri, NlriError, NlriValue, vpn};
use crate::family::Family;
use crate::text::{ParseError, from_hex, to_hex};
use crate::types::IpPrefix;

/// What identifies a route: family, path identifier and the key octets of the NLRI. Label stack, ESI, gateway
/// and host bits are not in it. Of an NLRI that cannot be read, all octets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NlriKey {
    family: Family,
    path_id: Option<u32>,
    octets: KeyOctets,
}

impl NlriKey {
    pub(super) fn of(nlri: &Nlri) -> Self {
        let mut octets = KeyOctets::new();
        if fill(nlri, &mut octets).is_err() {
            octets = KeyOctets::new();
            octets.push(&nlri.bytes);
        }
        Self {
            family: nlri.family,
            path_id: nlri.path_id,
            octets,
        }
    }

    /// The family.
    pub fn family(&self) -> Family {
        self.family
    }

    /// The path identifier.
    pub fn path_id(&self) -> Option<u32> {
        self.path_id
    }
}

fn fill(nlri: &Nlri, key: &mut KeyOctets) -> Result<(), NlriError> {
    let bytes = &nlri.bytes;
    match nlri.family {
        Family::EVPN => EvpnRoute::parse(bytes)?.key_into(key),
        Family::VPNV4 => vpn::Layout::of(true, bytes)?.key_into(key),
        Family::VPNV6 => vpn::Layout::of(false, bytes)?.key_into(key),
        Family::RTC => RtcRoute::parse(bytes)?.key_into(key),
        Family::IPV4_UNICAST => key.push_prefix(&unicast(true, bytes)?),
        Family::IPV6_UNICAST => key.push_prefix(&unicast(false, bytes)?),
        Family {
            afi: 1 | 2,
            safi: 133 | 134,
        } => match nlri.value()? {
            NlriValue::Flowspec(rules) => key.push(&rules.encoded(None)),
            NlriValue::FlowspecVpn { rd, rules } => key.push(&rules.encoded(Some(rd))),
            _ => key.push(bytes),
        },
        Family::FLOWSPEC_L2VPN => key.push(FlowspecRules::content(bytes)?),
        _ => key.push(bytes),
    }
    Ok(())
}

/// The longest key of a family with bounded ones: E-VPN type 5 with IPv6.
const INLINE: usize = 38;

/// Octets without an allocation as long as they are few: a table holds one key per route.
#[derive(Clone)]
pub(super) enum KeyOctets {
    Inline { length: u8, octets: [u8; INLINE] },
    Heap(Box<[u8]>),
}

impl KeyOctets {
    pub(super) fn new() -> Self {
        Self::Inline {
            length: 0,
            octets: [0; INLINE],
        }
    }

    pub(super) fn push(&mut self, more: &[u8]) {
        if let Self::Inline { length, octets } = self {
            let start = usize::from(*length);
            if let Some(room) = octets.get_mut(start..start + more.len()) {
                room.copy_from_slice(more);
                // At most `INLINE`.
                *length += more.len() as u8;
                return;
            }
        }
        *self = Self::Heap([self.as_slice(), more].concat().into());
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

    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Inline { length, octets } => &octets[..usize::from(*length)],
            Self::Heap(octets) => octets,
        }
    }
}

impl PartialEq for KeyOctets {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for KeyOctets {}

impl PartialOrd for KeyOctets {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for KeyOctets {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_slice().cmp(other.as_slice())
    }
}

impl Hash for KeyOctets {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_slice().hash(state);
    }
}

impl fmt::Debug for KeyOctets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_hex(self.as_slice()))
    }
}

impl Serialize for KeyOctets {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&to_hex(self.as_slice()))
    }
}

impl<'de> Deserialize<'de> for KeyOctets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let error = || ParseError::new("an even number of hexadecimal digits", &text);
        let bytes = from_hex(&text).ok_or_else(|| serde::de::Error::custom(error()))?;
        let mut octets = Self::new();
        octets.push(&bytes);
        Ok(octets)
    }
}
