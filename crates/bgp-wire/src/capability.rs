//! Capabilities (RFC 5492).

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use crate::family::Family;

/// Capability codes (IANA registry).
pub mod code {
    /// Multiprotocol extensions (RFC 2858, 4760).
    pub const MULTI_PROTOCOL: u8 = 1;
    /// Route refresh (RFC 2918).
    pub const ROUTE_REFRESH: u8 = 2;
    /// Extended next hop encoding (RFC 8950).
    pub const EXTENDED_NEXT_HOP: u8 = 5;
    /// Extended message (RFC 8654).
    pub const EXTENDED_MESSAGE: u8 = 6;
    /// Multiple labels (RFC 8277).
    pub const MULTIPLE_LABELS: u8 = 8;
    /// Role (RFC 9234).
    pub const ROLE: u8 = 9;
    /// Graceful restart (RFC 4724).
    pub const GRACEFUL_RESTART: u8 = 64;
    /// Four-octet AS number (RFC 6793).
    pub const FOUR_OCTET_AS: u8 = 65;
    /// ADD-PATH (RFC 7911).
    pub const ADD_PATH: u8 = 69;
    /// Enhanced route refresh (RFC 7313).
    pub const ENHANCED_ROUTE_REFRESH: u8 = 70;
    /// Long-lived graceful restart (RFC 9494).
    pub const LONG_LIVED_GRACEFUL_RESTART: u8 = 71;
    /// Host and domain name (draft-walton-bgp-hostname-capability).
    pub const FQDN: u8 = 73;
    /// Route refresh before it had a number.
    pub const CISCO_ROUTE_REFRESH: u8 = 128;
}

/// Which direction several paths per prefix may go (RFC 7911 section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AddPathMode {
    /// The sender can receive several paths.
    Receive,
    /// The sender can send several paths.
    Send,
    /// Both.
    Both,
    /// A number without meaning, to be ignored.
    Other(u8),
}

impl AddPathMode {
    /// Whether the sender of the capability may send several paths.
    pub const fn sends(self) -> bool {
        matches!(self, Self::Send | Self::Both)
    }

    /// Whether the sender of the capability takes several paths.
    pub const fn receives(self) -> bool {
        matches!(self, Self::Receive | Self::Both)
    }
}

impl From<u8> for AddPathMode {
    fn from(number: u8) -> Self {
        match number {
            1 => Self::Receive,
            2 => Self::Send,
            3 => Self::Both,
            other => Self::Other(other),
        }
    }
}

impl From<AddPathMode> for u8 {
    fn from(mode: AddPathMode) -> Self {
        match mode {
            AddPathMode::Receive => 1,
            AddPathMode::Send => 2,
            AddPathMode::Both => 3,
            AddPathMode::Other(other) => other,
        }
    }
}

/// One capability. What has an unexpected length stays [`Capability::Unknown`], as what has an unknown code.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Capability {
    /// Routes of this family (RFC 4760 section 8).
    MultiProtocol(Family),
    /// ROUTE-REFRESH (RFC 2918).
    RouteRefresh,
    /// ROUTE-REFRESH with begin and end marks (RFC 7313).
    EnhancedRouteRefresh,
    /// Messages up to 65,535 octets (RFC 8654).
    ExtendedMessage,
    /// The sender's AS number in four octets (RFC 6793).
    FourOctetAs(u32),
    /// Graceful restart (RFC 4724).
    GracefulRestart {
        /// The sender has just restarted (R bit).
        restarting: bool,
        /// NOTIFICATION keeps the routes too (N bit, RFC 8538).
        notification: bool,
        /// How long to keep routes, in seconds, 12 bits.
        time: u16,
        /// Families, each with "forwarding state was kept".
        families: Vec<(Family, bool)>,
    },
    /// Several paths per prefix (RFC 7911).
    AddPath(Vec<(Family, AddPathMode)>),
    /// Families that may have a next hop of another AFI (RFC 8950).
    ExtendedNextHop(Vec<(Family, u16)>),
    /// Anything else, kept.
    Unknown {
        /// Capability code.
        code: u8,
        /// Capability value, at most 255 octets on the wire.
        #[serde(with = "crate::text::hex")]
        data: Bytes,
    },
}

impl Capability {
    /// The capability code.
    pub const fn code(&self) -> u8 {
        match self {
            Self::MultiProtocol(_) => code::MULTI_PROTOCOL,
            Self::RouteRefresh => code::ROUTE_REFRESH,
            Self::EnhancedRouteRefresh => code::ENHANCED_ROUTE_REFRESH,
            Self::ExtendedMessage => code::EXTENDED_MESSAGE,
            Self::FourOctetAs(_) => code::FOUR_OCTET_AS,
            Self::GracefulRestart { .. } => code::GRACEFUL_RESTART,
            Self::AddPath(_) => code::ADD_PATH,
            Self::ExtendedNextHop(_) => code::EXTENDED_NEXT_HOP,
            Self::Unknown { code, .. } => *code,
        }
    }

    /// What the code is called.
    pub const fn name(&self) -> Option<&'static str> {
        Some(match self.code() {
            code::MULTI_PROTOCOL => "multiprotocol",
            code::ROUTE_REFRESH => "route refresh",
            code::EXTENDED_NEXT_HOP => "extended next hop",
            code::EXTENDED_MESSAGE => "extended message",
            code::MULTIPLE_LABELS => "multiple labels",
            code::ROLE => "role",
            code::GRACEFUL_RESTART => "graceful restart",
            code::FOUR_OCTET_AS => "four-octet AS",
            code::ADD_PATH => "ADD-PATH",
            code::ENHANCED_ROUTE_REFRESH => "enhanced route refresh",
            code::LONG_LIVED_GRACEFUL_RESTART => "long-lived graceful restart",
            code::FQDN => "host name",
            code::CISCO_ROUTE_REFRESH => "route refresh (old)",
            _ => return None,
        })
    }

    /// A capability by code and value; total.
    pub fn parse(code: u8, data: &Bytes) -> Self {
        typed(code, data).unwrap_or_else(|| Self::Unknown {
            code,
            data: data.clone(),
        })
    }

    /// The capability value.
    pub fn data(&self) -> Bytes {
        let mut data = BytesMut::new();
        match self {
            Self::MultiProtocol(family) => {
                data.put_u16(family.afi);
                data.put_u8(0);
                data.put_u8(family.safi);
            }
            Self::RouteRefresh | Self::EnhancedRouteRefresh | Self::ExtendedMessage => {}
            Self::FourOctetAs(asn) => data.put_u32(*asn),
            Self::GracefulRestart {
                restarting,
                notification,
                time,
                families,
            } => {
                let bits = u16::from(*restarting) << 15 | u16::from(*notification) << 14;
                data.put_u16(bits | (time & 0xfff));
                for (family, kept) in families {
                    data.put_u16(family.afi);
                    data.put_u8(family.safi);
                    data.put_u8(u8::from(*kept) << 7);
                }
            }
            Self::AddPath(families) => {
                for (family, mode) in families {
                    data.put_u16(family.afi);
                    data.put_u8(family.safi);
                    data.put_u8((*mode).into());
                }
            }
            Self::ExtendedNextHop(families) => {
                for (family, next_hop_afi) in families {
                    data.put_u16(family.afi);
                    data.put_u16(family.safi.into());
                    data.put_u16(*next_hop_afi);
                }
            }
            Self::Unknown { data, .. } => return data.clone(),
        }
        data.freeze()
    }

    /// Appends code, length and value; a value over 255 octets is cut, for the length field has no more.
    pub fn encode_into(&self, buffer: &mut BytesMut) {
        let data = self.data();
        let length = data.len().min(255);
        buffer.put_u8(self.code());
        buffer.put_u8(length as u8);
        buffer.put_slice(&data[..length]);
    }
}

fn typed(code: u8, data: &[u8]) -> Option<Capability> {
    match (code, data) {
        (code::MULTI_PROTOCOL, &[a, b, _, safi]) => Some(Capability::MultiProtocol(Family::new(
            u16::from_be_bytes([a, b]),
            safi,
        ))),
        (code::ROUTE_REFRESH, []) => Some(Capability::RouteRefresh),
        (code::ENHANCED_ROUTE_REFRESH, []) => Some(Capability::EnhancedRouteRefresh),
        (code::EXTENDED_MESSAGE, []) => Some(Capability::ExtendedMessage),
        (code::FOUR_OCTET_AS, &[a, b, c, d]) => {
            Some(Capability::FourOctetAs(u32::from_be_bytes([a, b, c, d])))
        }
        (code::GRACEFUL_RESTART, [high, low, rest @ ..]) => {
            let word = u16::from_be_bytes([*high, *low]);
            Some(Capability::GracefulRestart {
                restarting: word & 0x8000 != 0,
                notification: word & 0x4000 != 0,
                time: word & 0xfff,
                families: entries(rest, |[a, b, safi, flags]| {
                    (
                        Family::new(u16::from_be_bytes([a, b]), safi),
                        flags & 0x80 != 0,
                    )
                })?,
            })
        }
        (code::ADD_PATH, rest) => {
            Some(Capability::AddPath(entries(rest, |[a, b, safi, mode]| {
                (Family::new(u16::from_be_bytes([a, b]), safi), mode.into())
            })?))
        }
        (code::EXTENDED_NEXT_HOP, rest) => {
            // The SAFI has two octets here and only here.
            let families = entries(rest, |[a, b, zero, safi, c, d]| {
                let family = Family::new(u16::from_be_bytes([a, b]), safi);
                (zero == 0).then_some((family, u16::from_be_bytes([c, d])))
            })?;
            Some(Capability::ExtendedNextHop(
                families.into_iter().collect::<Option<_>>()?,
            ))
        }
        _ => None,
    }
}

/// Entries of `N` octets each, or `None` if they do not come out even.
fn entries<const N: usize, T>(data: &[u8], entry: impl Fn([u8; N]) -> T) -> Option<Vec<T>> {
    let (chunks, rest) = data.as_chunks::<N>();
    rest.is_empty()
        .then(|| chunks.iter().map(|chunk| entry(*chunk)).collect())
}
