use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use crate::cursor::Cursor;
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

    /// The same, without a hold on the message that brought it.
    pub fn detached(&self) -> Self {
        match self {
            Self::Opaque(octets) => Self::Opaque(Bytes::copy_from_slice(octets)),
            known => known.clone(),
        }
    }
}

impl NextHop {
    /// Reads the next hop field of `family` (RFC 7606 section 7.11: a length that is not one of the family's makes the
    /// whole attribute unreadable). Flowspec's is to be ignored whatever it is (RFC 8955 section 4); of unknown families
    /// any length will do. `None` is a wrong length.
    pub(super) fn parse(family: Family, field: &Bytes) -> Option<Self> {
        let flowspec = matches!(family.safi, 133 | 134);
        match (field.len(), family) {
            (4, Family::IPV4_UNICAST | Family::EVPN | Family::RTC)
            | (16 | 32, Family::IPV4_UNICAST | Family::IPV6_UNICAST | Family::EVPN | Family::RTC)
            | (12 | 24 | 48, Family::VPNV4 | Family::VPNV6) => {}
            (
                _,
                Family::IPV4_UNICAST
                | Family::IPV6_UNICAST
                | Family::EVPN
                | Family::RTC
                | Family::VPNV4
                | Family::VPNV6,
            ) => return None,
            _ => {}
        }
        let mut cursor = Cursor(field);
        let vpn = family.has_vpn_next_hop();
        let parsed = match field.len() {
            0 => Some(Self::None),
            _ if flowspec => None,
            4 => cursor.array().map(|v4: [u8; 4]| Self::V4(v4.into())),
            16 => v6(&mut cursor).map(Self::V6),
            32 => v6(&mut cursor)
                .zip(v6(&mut cursor))
                .map(|(g, l)| Self::V6LinkLocal(g, l)),
            12 if vpn => rd(&mut cursor)
                .zip(cursor.array())
                .map(|(rd, v4): (_, [u8; 4])| Self::VpnV4(rd, v4.into())),
            24 if vpn => rd(&mut cursor)
                .zip(v6(&mut cursor))
                .map(|(rd, v6)| Self::VpnV6(rd, v6)),
            48 if vpn => vpn_v6_link_local(&mut cursor),
            _ => None,
        };
        Some(parsed.unwrap_or_else(|| Self::Opaque(field.clone())))
    }

    /// Appends the field without its length.
    pub(super) fn encode_into(&self, buffer: &mut BytesMut) {
        match self {
            Self::V4(v4) => buffer.put_slice(&v4.octets()),
            Self::V6(v6) => buffer.put_slice(&v6.octets()),
            Self::V6LinkLocal(global, local) => {
                buffer.put_slice(&global.octets());
                buffer.put_slice(&local.octets());
            }
            Self::VpnV4(rd, v4) => {
                buffer.put_slice(&rd.0);
                buffer.put_slice(&v4.octets());
            }
            Self::VpnV6(rd, v6) => {
                buffer.put_slice(&rd.0);
                buffer.put_slice(&v6.octets());
            }
            Self::VpnV6LinkLocal(rd, global, local_rd, local) => {
                buffer.put_slice(&rd.0);
                buffer.put_slice(&global.octets());
                buffer.put_slice(&local_rd.0);
                buffer.put_slice(&local.octets());
            }
            Self::None => {}
            Self::Opaque(bytes) => buffer.put_slice(bytes),
        }
    }
}

fn rd(cursor: &mut Cursor<'_>) -> Option<RouteDistinguisher> {
    cursor.array().map(RouteDistinguisher)
}

fn v6(cursor: &mut Cursor<'_>) -> Option<Ipv6Addr> {
    cursor.array::<16>().map(Ipv6Addr::from)
}

fn vpn_v6_link_local(cursor: &mut Cursor<'_>) -> Option<NextHop> {
    let (rd1, global) = rd(cursor).zip(v6(cursor))?;
    let (rd2, local) = rd(cursor).zip(v6(cursor))?;
    Some(NextHop::VpnV6LinkLocal(rd1, global, rd2, local))
}
