//! NLRI: the octets as on the wire are the truth, the typed value a view of them.

mod evpn;
mod flow_component;
mod flow_text;
mod flowspec;
mod key;
mod octets;
mod rtc;
mod split;
mod value;
mod vpn;

pub use crate::types::IpPrefix;
pub use evpn::EvpnRoute;
pub use flow_component::{FlowComponent, FlowOp};
pub use flowspec::FlowspecRules;
pub use key::NlriKey;
pub use octets::Octets;
pub use rtc::RtcRoute;
pub use value::NlriValue;
pub use vpn::VpnRoute;

use std::net::IpAddr;

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use crate::family::Family;
use crate::types::MacAddr;

/// One NLRI of any family.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Nlri {
    /// Its family.
    pub family: Family,
    /// ADD-PATH identifier (RFC 7911), on sessions that have them.
    pub path_id: Option<u32>,
    /// Exactly the NLRI as on the wire, length field included, without the path identifier.
    pub bytes: Octets,
}

/// An NLRI that somebody else has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NlriRef<'a> {
    /// Its family.
    pub family: Family,
    /// ADD-PATH identifier.
    pub path_id: Option<u32>,
    /// As [`Nlri::bytes`].
    pub bytes: &'a [u8],
}

/// What is wrong with NLRI octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NlriError {
    /// The field ends inside an NLRI: where the next one starts cannot be known.
    #[error("field ends inside the NLRI at octet {offset}")]
    Overrun {
        /// Where that NLRI starts.
        offset: usize,
    },
    /// More prefix bits than the family's addresses have.
    #[error("prefix of {bits} bits is too long")]
    PrefixLength {
        /// Bits of the prefix.
        bits: u8,
    },
    /// A length that this kind of NLRI cannot have.
    #[error("{length} octets are wrong for this kind of NLRI")]
    Length {
        /// Octets.
        length: usize,
    },
    /// A MAC or IP address length inside that is none.
    #[error("address of {bits} bits is neither MAC nor IP")]
    AddressLength {
        /// Bits of the length field.
        bits: u8,
    },
    /// A label stack without bottom.
    #[error("label stack has no bottom")]
    Labels,
    /// A Flowspec component that is unknown, out of order or does not end.
    #[error("flow component {kind} is malformed")]
    FlowComponent {
        /// The component's type.
        kind: u8,
    },
}

impl Nlri {
    /// An NLRI of `family` without path identifier.
    pub fn new(family: Family, bytes: impl Into<Octets>) -> Self {
        Self {
            family,
            path_id: None,
            bytes: bytes.into(),
        }
    }

    /// Cuts a field into NLRI. Fails only where the field cannot be cut; whether each makes sense,
    /// [`Nlri::check`] tells. Of an unknown family the whole field is one NLRI.
    pub fn split(family: Family, field: &Bytes, add_path: bool) -> Result<Vec<Self>, NlriError> {
        split::split(family, field, add_path)
    }

    /// What it says.
    pub fn value(&self) -> Result<NlriValue, NlriError> {
        self.borrowed().value()
    }

    /// Without its octets.
    pub fn borrowed(&self) -> NlriRef<'_> {
        NlriRef {
            family: self.family,
            path_id: self.path_id,
            bytes: &self.bytes,
        }
    }

    /// Whether [`Nlri::value`] would succeed, without making one.
    pub fn check(&self) -> Result<(), NlriError> {
        match self.family {
            Family::VPNV4 => vpn::Layout::of(true, &self.bytes).map(drop),
            Family::VPNV6 => vpn::Layout::of(false, &self.bytes).map(drop),
            _ => self.value().map(drop),
        }
    }

    /// What identifies the route among those of one source.
    pub fn key(&self) -> NlriKey {
        self.borrowed().key()
    }

    /// The same with a path identifier.
    pub fn with_path_id(mut self, path_id: Option<u32>) -> Self {
        self.path_id = path_id;
        self
    }

    /// Appends it, with a path identifier (0 if it has none) on sessions that have them.
    pub fn encode_into(&self, add_path: bool, buffer: &mut BytesMut) {
        if add_path {
            buffer.put_u32(self.path_id.unwrap_or(0));
        }
        buffer.put_slice(&self.bytes);
    }

    /// How many octets [`Nlri::encode_into`] appends.
    pub fn wire_len(&self, add_path: bool) -> usize {
        if add_path {
            4 + self.bytes.len()
        } else {
            self.bytes.len()
        }
    }
}

impl NlriRef<'_> {
    /// What it says.
    pub fn value(self) -> Result<NlriValue, NlriError> {
        NlriValue::parse(self.family, self.bytes)
    }

    /// The MAC and the IP address of a well-formed E-VPN type 2 route, without a look at the rest of it: long lists are in
    /// order of these.
    pub fn mac_ip(self) -> Option<(MacAddr, Option<IpAddr>)> {
        (self.family == Family::EVPN).then(|| evpn::mac_ip_of(self.bytes))?
    }

    /// The prefix of an IP VPN route, without its labels.
    pub fn vpn_prefix(self) -> Option<IpPrefix> {
        let is_v4 = match self.family {
            Family::VPNV4 => true,
            Family::VPNV6 => false,
            _ => return None,
        };
        let layout = vpn::Layout::of(is_v4, self.bytes).ok()?;
        Some(layout.prefix)
    }

    /// What identifies the route among those of one source.
    pub fn key(self) -> NlriKey {
        NlriKey::of(self)
    }

    /// With octets of its own.
    pub fn to_owned(self) -> Nlri {
        Nlri::new(self.family, self.bytes).with_path_id(self.path_id)
    }
}
