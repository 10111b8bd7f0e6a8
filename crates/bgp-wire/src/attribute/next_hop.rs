use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::family::Family;
use crate::types::RouteDistinguisher;

/// The next hop of an MP_REACH_NLRI or of classic IPv4 unicast.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NextHop {
    /// Four octets.
    V4(Ipv4Addr),
    /// Sixteen octets.
    V6(Ipv6Addr),
    /// Global and link-local, 32 octets (RFC 2545 section 3).
    V6LinkLocal(Ipv6Addr, Ipv6Addr),
    /// Twelve octets (RFC 4364 section 4.3.2).
    VpnV4(RouteDistinguisher, Ipv4Addr),
    /// 24 octets (RFC 4659 section 3.2.1).
    VpnV6(RouteDistinguisher, Ipv6Addr),
    /// Global and link-local, 48 octets (RFC 4659 section 3.2.1.1).
    VpnV6LinkLocal(RouteDistinguisher, Ipv6Addr, RouteDistinguisher, Ipv6Addr),
    /// No octets, as Flowspec.
    None,
    /// Anything else, kept.
    Opaque(#[serde(with = "crate::text::hex")] Bytes),
}

impl NextHop {
    /// The form `family` wants of an address.
    pub fn for_family(family: Family, address: IpAddr) -> Self {
        match (address, family.has_vpn_next_hop()) {
            (IpAddr::V4(v4), false) => Self::V4(v4),
            (IpAddr::V4(v4), true) => Self::VpnV4(RouteDistinguisher::ZERO, v4),
            (IpAddr::V6(v6), false) => Self::V6(v6),
            (IpAddr::V6(v6), true) => Self::VpnV6(RouteDistinguisher::ZERO, v6),
        }
    }

    /// The address to forward to; of two the global one.
    pub fn address(&self) -> Option<IpAddr> {
        match *self {
            Self::V4(v4) | Self::VpnV4(_, v4) => Some(v4.into()),
            Self::V6(v6)
            | Self::V6LinkLocal(v6, _)
            | Self::VpnV6(_, v6)
            | Self::VpnV6LinkLocal(_, v6, ..) => Some(v6.into()),
            Self::None | Self::Opaque(_) => None,
        }
    }
}
