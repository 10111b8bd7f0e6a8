use std::net::IpAddr;

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use crate::types::LabelField;

/// The PMSI tunnel attribute (RFC 6514 section 5).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PmsiTunnel {
    /// Flags; 1 is "leaf information required".
    pub flags: u8,
    /// Tunnel type, [`PmsiTunnel::INGRESS_REPLICATION`] or another of the IANA registry.
    pub kind: u8,
    /// Label or VNI.
    pub label: LabelField,
    /// Tunnel identifier, as the type has it.
    #[serde(with = "crate::text::hex")]
    pub tunnel: Bytes,
}

impl PmsiTunnel {
    /// Ingress replication: the tunnel identifier is the endpoint's address.
    pub const INGRESS_REPLICATION: u8 = 6;

    /// Ingress replication to `endpoint`.
    pub fn to(endpoint: IpAddr, label: LabelField) -> Self {
        let tunnel = match endpoint {
            IpAddr::V4(v4) => Bytes::copy_from_slice(&v4.octets()),
            IpAddr::V6(v6) => Bytes::copy_from_slice(&v6.octets()),
        };
        Self {
            flags: 0,
            kind: Self::INGRESS_REPLICATION,
            label,
            tunnel,
        }
    }

    /// The endpoint, if this is ingress replication.
    pub fn ingress_replication(&self) -> Option<IpAddr> {
        if self.kind != Self::INGRESS_REPLICATION {
            return None;
        }
        match *self.tunnel {
            [a, b, c, d] => Some([a, b, c, d].into()),
            _ => <[u8; 16]>::try_from(&*self.tunnel).ok().map(IpAddr::from),
        }
    }
}

impl PmsiTunnel {
    /// `None` if shorter than its fixed part, or without an IP address where the type needs one (RFC 6514 section 5).
    pub(super) fn parse(value: &Bytes) -> Option<Self> {
        let &[flags, kind, a, b, c, ..] = value.as_ref() else {
            return None;
        };
        let pmsi = Self {
            flags,
            kind,
            label: LabelField([a, b, c]),
            tunnel: value.slice(5..),
        };
        let readable = kind != Self::INGRESS_REPLICATION || pmsi.ingress_replication().is_some();
        readable.then_some(pmsi)
    }

    pub(super) fn encode_into(&self, buffer: &mut BytesMut) {
        buffer.put_u8(self.flags);
        buffer.put_u8(self.kind);
        buffer.put_slice(&self.label.0);
        buffer.put_slice(&self.tunnel);
    }
}
