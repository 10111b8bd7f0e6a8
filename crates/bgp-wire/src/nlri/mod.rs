//! NLRI: the octets as on the wire are the truth, the typed value a view of them.

mod evpn;
mod flowspec;
mod key;
mod rtc;
mod split;
mod vpn;

pub use crate::types::IpPrefix;
pub use evpn::EvpnRoute;
pub use flowspec::{FlowComponent, FlowOp, FlowspecRules};
pub use key::NlriKey;
pub use rtc::RtcRoute;
pub use vpn::VpnRoute;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::family::Family;
use crate::types::RouteDistinguisher;

/// One NLRI of any family.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Nlri {
    /// Its family.
    pub family: Family,
    /// ADD-PATH identifier (RFC 7911), on sessions that have them.
    pub path_id: Option<u32>,
    /// Exactly the NLRI as on the wire, length field included, without the path identifier.
    #[serde(with = "crate::text::hex")]
    pub bytes: Bytes,
}

/// What an NLRI says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NlriValue {
    /// Ethernet VPN (RFC 7432).
    Evpn(EvpnRoute),
    /// IP VPN (RFC 4364, 4659).
    Vpn(VpnRoute),
    /// Route target constraint (RFC 4684).
    Rtc(RtcRoute),
    /// IPv4 or IPv6 unicast (RFC 4271, 2545).
    Unicast(IpPrefix),
    /// Flowspec (RFC 8955, 8956).
    Flowspec(FlowspecRules),
    /// Flowspec for a VPN.
    FlowspecVpn {
        /// Route distinguisher.
        rd: RouteDistinguisher,
        /// The rules.
        rules: FlowspecRules,
    },
    /// A family this crate does not read.
    Opaque {
        /// The family.
        family: Family,
        /// The NLRI as on the wire.
        #[serde(with = "crate::text::hex")]
        bytes: Bytes,
    },
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
        /// Bits of the length field.
        bits: u16,
    },
    /// A length that this kind of NLRI cannot have.
    #[error("{length} octets are wrong for this route type")]
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
    pub fn new(family: Family, bytes: impl Into<Bytes>) -> Self {
        Self {
            family,
            path_id: None,
            bytes: bytes.into(),
        }
    }

    /// Cuts a field into NLRI. Fails only where the field cannot be cut; whether each makes sense,
    /// [`Nlri::value`] tells. Of an unknown family the whole field is one NLRI.
    pub fn split(family: Family, field: &Bytes, add_path: bool) -> Result<Vec<Self>, NlriError> {
        split::split(family, field, add_path)
    }

    /// What it says.
    pub fn value(&self) -> Result<NlriValue, NlriError> {
        unimplemented!()
    }

    /// What identifies the route among those of one source (and path identifier).
    pub fn key(&self) -> NlriKey {
        unimplemented!()
    }
}

impl From<NlriValue> for Nlri {
    fn from(_value: NlriValue) -> Self {
        unimplemented!()
    }
}
