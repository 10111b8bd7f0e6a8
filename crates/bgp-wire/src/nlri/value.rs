use std::net::IpAddr;

use bytes::{BufMut, BytesMut};
use serde::{Deserialize, Serialize};

use super::{EvpnRoute, FlowspecRules, Nlri, NlriError, Octets, RtcRoute, VpnRoute};
use crate::family::Family;
use crate::types::{IpPrefix, RouteDistinguisher};

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
        bytes: Octets,
    },
}

impl NlriValue {
    pub(super) fn parse(family: Family, bytes: &[u8]) -> Result<Self, NlriError> {
        let ipv6 = family.afi == 2;
        match family {
            Family::EVPN => EvpnRoute::parse(bytes).map(Self::Evpn),
            Family::VPNV4 | Family::VPNV6 => VpnRoute::parse(!ipv6, bytes).map(Self::Vpn),
            Family::RTC => RtcRoute::parse(bytes).map(Self::Rtc),
            Family::IPV4_UNICAST | Family::IPV6_UNICAST => unicast(!ipv6, bytes).map(Self::Unicast),
            Family::FLOWSPEC_IPV4 | Family::FLOWSPEC_IPV6 => {
                FlowspecRules::parse(ipv6, FlowspecRules::content(bytes)?).map(Self::Flowspec)
            }
            Family::FLOWSPEC_VPNV4 | Family::FLOWSPEC_VPNV6 => {
                let content = FlowspecRules::content(bytes)?;
                let (rd, rules) = content.split_first_chunk().ok_or(NlriError::Length {
                    length: bytes.len(),
                })?;
                let rules = FlowspecRules::parse(ipv6, rules)?;
                Ok(Self::FlowspecVpn {
                    rd: RouteDistinguisher(*rd),
                    rules,
                })
            }
            _ => Ok(Self::Opaque {
                family,
                bytes: bytes.into(),
            }),
        }
    }

    /// The family it belongs to.
    pub fn family(&self) -> Family {
        let by_version = |ipv6: bool, v4, v6| if ipv6 { v6 } else { v4 };
        match self {
            Self::Evpn(_) => Family::EVPN,
            Self::Vpn(route) => by_version(
                route.prefix.address().is_ipv6(),
                Family::VPNV4,
                Family::VPNV6,
            ),
            Self::Rtc(_) => Family::RTC,
            Self::Unicast(prefix) => {
                let ipv6 = prefix.address().is_ipv6();
                by_version(ipv6, Family::IPV4_UNICAST, Family::IPV6_UNICAST)
            }
            Self::Flowspec(rules) => {
                by_version(rules.ipv6, Family::FLOWSPEC_IPV4, Family::FLOWSPEC_IPV6)
            }
            Self::FlowspecVpn { rules, .. } => {
                by_version(rules.ipv6, Family::FLOWSPEC_VPNV4, Family::FLOWSPEC_VPNV6)
            }
            Self::Opaque { family, .. } => *family,
        }
    }

    /// The route distinguisher, of those that have one.
    pub fn rd(&self) -> Option<RouteDistinguisher> {
        match self {
            Self::Evpn(route) => route.rd(),
            Self::Vpn(route) => Some(route.rd),
            Self::FlowspecVpn { rd, .. } => Some(*rd),
            Self::Rtc(_) | Self::Unicast(_) | Self::Flowspec(_) | Self::Opaque { .. } => None,
        }
    }
}

/// The canonical octets: host bits zero, shortest lengths. Values that cannot be said on the wire (a label stack too deep
/// for its length octet, Flowspec rules over 4,095 octets) give octets that do not parse.
impl From<NlriValue> for Nlri {
    fn from(value: NlriValue) -> Self {
        let family = value.family();
        let mut buffer = BytesMut::with_capacity(64);
        match value {
            NlriValue::Evpn(route) => route.encode_into(&mut buffer),
            NlriValue::Vpn(route) => route.encode_into(&mut buffer),
            NlriValue::Rtc(route) => route.encode_into(&mut buffer),
            NlriValue::Unicast(prefix) => {
                let (octets, length) = prefix.octets();
                buffer.put_u8(prefix.len());
                buffer.put_slice(&octets[..length]);
            }
            NlriValue::Flowspec(rules) => rules.encode_into(None, &mut buffer),
            NlriValue::FlowspecVpn { rd, rules } => rules.encode_into(Some(rd), &mut buffer),
            NlriValue::Opaque { bytes, .. } => return Self::new(family, bytes),
        }
        Self::new(family, buffer.freeze())
    }
}

/// A prefix behind its length octet, nothing after it.
pub(super) fn unicast(v4: bool, bytes: &[u8]) -> Result<IpPrefix, NlriError> {
    let wrong_length = NlriError::Length {
        length: bytes.len(),
    };
    let (&bits, octets) = bytes.split_first().ok_or(wrong_length)?;
    if bits > if v4 { 32 } else { 128 } {
        return Err(NlriError::PrefixLength { bits });
    }
    if octets.len() != usize::from(bits).div_ceil(8) {
        return Err(wrong_length);
    }
    IpPrefix::from_octets(v4, bits, octets).ok_or(wrong_length)
}

/// Appends the octets of an address.
pub(super) fn put_address(address: IpAddr, buffer: &mut BytesMut) {
    match address {
        IpAddr::V4(v4) => buffer.put_slice(&v4.octets()),
        IpAddr::V6(v6) => buffer.put_slice(&v6.octets()),
    }
}
