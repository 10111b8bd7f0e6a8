use std::net::IpAddr;

use bytes::{BufMut, BytesMut};
use serde::{Deserialize, Serialize};

use super::NlriError;
use super::Octets;
use super::value::put_address;
use crate::cursor::Cursor;
use crate::types::{Esi, IpPrefix, LabelField, MacAddr, RouteDistinguisher};

/// An E-VPN route (RFC 7432 section 7, RFC 9136 for type 5).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EvpnRoute {
    /// Type 1: Ethernet auto-discovery, per segment or per instance.
    EthernetAutoDiscovery {
        /// Route distinguisher.
        rd: RouteDistinguisher,
        /// The segment.
        esi: Esi,
        /// Ethernet tag, `u32::MAX` per segment.
        ethernet_tag: u32,
        /// Label or VNI.
        label: LabelField,
    },
    /// Type 2: a MAC address, with or without an IP address.
    MacIp {
        /// Route distinguisher.
        rd: RouteDistinguisher,
        /// The segment, not part of the key.
        esi: Esi,
        /// Ethernet tag.
        ethernet_tag: u32,
        /// The MAC address.
        mac: MacAddr,
        /// The IP address.
        ip: Option<IpAddr>,
        /// Layer 2 label or VNI, not part of the key.
        label1: LabelField,
        /// Layer 3 label or VNI, not part of the key.
        label2: Option<LabelField>,
    },
    /// Type 3: who takes part in an instance.
    InclusiveMulticast {
        /// Route distinguisher.
        rd: RouteDistinguisher,
        /// Ethernet tag.
        ethernet_tag: u32,
        /// The originating router.
        originator: IpAddr,
    },
    /// Type 4: who is on a segment.
    EthernetSegment {
        /// Route distinguisher.
        rd: RouteDistinguisher,
        /// The segment.
        esi: Esi,
        /// The originating router.
        originator: IpAddr,
    },
    /// Type 5: an IP prefix.
    IpPrefix {
        /// Route distinguisher.
        rd: RouteDistinguisher,
        /// The segment, not part of the key.
        esi: Esi,
        /// Ethernet tag.
        ethernet_tag: u32,
        /// The prefix.
        prefix: IpPrefix,
        /// The gateway, unspecified if none; not part of the key; of the prefix's IP version.
        gateway: IpAddr,
        /// Label or VNI, not part of the key.
        label: LabelField,
    },
    /// Any other type, kept.
    Unknown {
        /// Route type.
        kind: u8,
        /// What follows the length octet.
        data: Octets,
    },
}

/// The MAC and address of a type 2 route that can be read.
pub(super) fn mac_ip_of(bytes: &[u8]) -> Option<(MacAddr, Option<IpAddr>)> {
    // Type, length, distinguisher, segment and tag; the lengths of the addresses are in bits.
    let (&[2, _, ..], rest) = bytes.split_first_chunk::<24>()? else {
        return None;
    };
    let (&[48, a, b, c, d, e, f, bits], rest) = rest.split_first_chunk::<8>()? else {
        return None;
    };
    let ip = match bits {
        0 => None,
        32 => Some(rest.first_chunk::<4>().copied()?.into()),
        128 => Some(rest.first_chunk::<16>().copied()?.into()),
        _ => return None,
    };
    Some((MacAddr([a, b, c, d, e, f]), ip))
}

impl EvpnRoute {
    /// The route type.
    pub const fn kind(&self) -> u8 {
        match self {
            Self::EthernetAutoDiscovery { .. } => 1,
            Self::MacIp { .. } => 2,
            Self::InclusiveMulticast { .. } => 3,
            Self::EthernetSegment { .. } => 4,
            Self::IpPrefix { .. } => 5,
            Self::Unknown { kind, .. } => *kind,
        }
    }

    /// The route distinguisher, where the type is known.
    pub const fn rd(&self) -> Option<RouteDistinguisher> {
        match self {
            Self::EthernetAutoDiscovery { rd, .. }
            | Self::MacIp { rd, .. }
            | Self::InclusiveMulticast { rd, .. }
            | Self::EthernetSegment { rd, .. }
            | Self::IpPrefix { rd, .. } => Some(*rd),
            Self::Unknown { .. } => None,
        }
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, NlriError> {
        let wrong_length = || NlriError::Length {
            length: bytes.len().saturating_sub(2),
        };
        let &[kind, length, ref data @ ..] = bytes else {
            return Err(wrong_length());
        };
        if data.len() != usize::from(length) {
            return Err(wrong_length());
        }
        let mut cursor = Cursor(data);
        let route = match kind {
            1 => auto_discovery(&mut cursor),
            2 => mac_ip(&mut cursor)?,
            3 => inclusive_multicast(&mut cursor)?,
            4 => ethernet_segment(&mut cursor)?,
            5 => ip_prefix(&mut cursor)?,
            _ => {
                return Ok(Self::Unknown {
                    kind,
                    data: Octets::from(data),
                });
            }
        };
        route.filter(|_| cursor.is_empty()).ok_or_else(wrong_length)
    }

    pub(super) fn encode_into(&self, buffer: &mut BytesMut) {
        let mut data = BytesMut::with_capacity(64);
        if let Some(rd) = self.rd() {
            data.put_slice(&rd.0);
        }
        match self {
            Self::EthernetAutoDiscovery {
                esi,
                ethernet_tag,
                label,
                ..
            } => {
                data.put_slice(&esi.0);
                data.put_u32(*ethernet_tag);
                data.put_slice(&label.0);
            }
            Self::MacIp {
                esi,
                ethernet_tag,
                mac,
                ip,
                label1,
                label2,
                ..
            } => {
                data.put_slice(&esi.0);
                data.put_u32(*ethernet_tag);
                data.put_u8(48);
                data.put_slice(&mac.0);
                match ip {
                    Some(ip) => put_sized_address(*ip, &mut data),
                    None => data.put_u8(0),
                }
                data.put_slice(&label1.0);
                if let Some(label2) = label2 {
                    data.put_slice(&label2.0);
                }
            }
            Self::InclusiveMulticast {
                ethernet_tag,
                originator,
                ..
            } => {
                data.put_u32(*ethernet_tag);
                put_sized_address(*originator, &mut data);
            }
            Self::EthernetSegment {
                esi, originator, ..
            } => {
                data.put_slice(&esi.0);
                put_sized_address(*originator, &mut data);
            }
            Self::IpPrefix {
                esi,
                ethernet_tag,
                prefix,
                gateway,
                label,
                ..
            } => {
                data.put_slice(&esi.0);
                data.put_u32(*ethernet_tag);
                data.put_u8(prefix.len());
                put_address(prefix.address(), &mut data);
                put_address(*gateway, &mut data);
                data.put_slice(&label.0);
            }
            Self::Unknown { data: kept, .. } => data.put_slice(kept),
        }
        buffer.put_u8(self.kind());
        buffer.put_u8(u8::try_from(data.len()).unwrap_or(u8::MAX));
        buffer.put_slice(&data);
    }

    /// Appends what identifies the route (RFC 7432 section 7.1 and following, RFC 9136 section 3.1).
    pub(super) fn key_into(&self, key: &mut Octets) {
        key.push(&[self.kind()]);
        if let Some(rd) = self.rd() {
            key.push(&rd.0);
        }
        match self {
            Self::EthernetAutoDiscovery {
                esi, ethernet_tag, ..
            } => {
                key.push(&esi.0);
                key.push(&ethernet_tag.to_be_bytes());
            }
            Self::MacIp {
                ethernet_tag,
                mac,
                ip,
                ..
            } => {
                key.push(&ethernet_tag.to_be_bytes());
                key.push(&mac.0);
                if let Some(ip) = ip {
                    key.push_address(*ip);
                }
            }
            Self::InclusiveMulticast {
                ethernet_tag,
                originator,
                ..
            } => {
                key.push(&ethernet_tag.to_be_bytes());
                key.push_address(*originator);
            }
            Self::EthernetSegment {
                esi, originator, ..
            } => {
                key.push(&esi.0);
                key.push_address(*originator);
            }
            Self::IpPrefix {
                ethernet_tag,
                prefix,
                ..
            } => {
                key.push(&ethernet_tag.to_be_bytes());
                key.push(&[prefix.len()]);
                key.push_address(prefix.address());
            }
            Self::Unknown { data, .. } => key.push(data),
        }
    }
}

fn auto_discovery(cursor: &mut Cursor<'_>) -> Option<EvpnRoute> {
    Some(EvpnRoute::EthernetAutoDiscovery {
        rd: RouteDistinguisher(cursor.array()?),
        esi: Esi(cursor.array()?),
        ethernet_tag: cursor.u32()?,
        label: LabelField(cursor.array()?),
    })
}

fn mac_ip(cursor: &mut Cursor<'_>) -> Result<Option<EvpnRoute>, NlriError> {
    let Some((rd, esi, ethernet_tag, mac_bits)) = rd_esi_tag_length(cursor) else {
        return Ok(None);
    };
    if mac_bits != 48 {
        return Err(NlriError::AddressLength { bits: mac_bits });
    }
    let Some((mac, ip_bits)) = cursor.array().zip(cursor.u8()) else {
        return Ok(None);
    };
    let ip = match ip_bits {
        0 => None,
        bits => match address(bits, cursor)? {
            Some(ip) => Some(ip),
            None => return Ok(None),
        },
    };
    let Some(label1) = cursor.array().map(LabelField) else {
        return Ok(None);
    };
    let label2 = cursor.array().map(LabelField);
    let mac = MacAddr(mac);
    Ok(Some(EvpnRoute::MacIp {
        rd,
        esi,
        ethernet_tag,
        mac,
        ip,
        label1,
        label2,
    }))
}

fn inclusive_multicast(cursor: &mut Cursor<'_>) -> Result<Option<EvpnRoute>, NlriError> {
    let mut head = || {
        Some((
            RouteDistinguisher(cursor.array()?),
            cursor.u32()?,
            cursor.u8()?,
        ))
    };
    let Some((rd, ethernet_tag, bits)) = head() else {
        return Ok(None);
    };
    let originator = address(bits, cursor)?;
    Ok(originator.map(|originator| EvpnRoute::InclusiveMulticast {
        rd,
        ethernet_tag,
        originator,
    }))
}

fn ethernet_segment(cursor: &mut Cursor<'_>) -> Result<Option<EvpnRoute>, NlriError> {
    let mut head = || {
        Some((
            RouteDistinguisher(cursor.array()?),
            Esi(cursor.array()?),
            cursor.u8()?,
        ))
    };
    let Some((rd, esi, bits)) = head() else {
        return Ok(None);
    };
    let originator = address(bits, cursor)?;
    Ok(originator.map(|originator| EvpnRoute::EthernetSegment {
        rd,
        esi,
        originator,
    }))
}

fn ip_prefix(cursor: &mut Cursor<'_>) -> Result<Option<EvpnRoute>, NlriError> {
    let Some((rd, esi, ethernet_tag, bits)) = rd_esi_tag_length(cursor) else {
        return Ok(None);
    };
    // Only the total length tells the IP version (RFC 9136 section 3.1).
    let address_bits = match cursor.0.len() {
        11 => 32,
        35 => 128,
        _ => return Ok(None),
    };
    let (Some(network), Some(gateway)) = (
        address(address_bits, cursor)?,
        address(address_bits, cursor)?,
    ) else {
        return Ok(None);
    };
    let prefix = IpPrefix::new(network, bits).map_err(|_| NlriError::PrefixLength { bits })?;
    let label = cursor.array().map(LabelField);
    Ok(label.map(|label| EvpnRoute::IpPrefix {
        rd,
        esi,
        ethernet_tag,
        prefix,
        gateway,
        label,
    }))
}

fn rd_esi_tag_length(cursor: &mut Cursor<'_>) -> Option<(RouteDistinguisher, Esi, u32, u8)> {
    let rd = RouteDistinguisher(cursor.array()?);
    Some((rd, Esi(cursor.array()?), cursor.u32()?, cursor.u8()?))
}

/// An address of `bits` bits; `None` if the octets run out.
fn address(bits: u8, cursor: &mut Cursor<'_>) -> Result<Option<IpAddr>, NlriError> {
    match bits {
        32 => Ok(cursor.array::<4>().map(IpAddr::from)),
        128 => Ok(cursor.array::<16>().map(IpAddr::from)),
        _ => Err(NlriError::AddressLength { bits }),
    }
}

fn put_sized_address(address: IpAddr, buffer: &mut BytesMut) {
    buffer.put_u8(if address.is_ipv4() { 32 } else { 128 });
    put_address(address, buffer);
}
