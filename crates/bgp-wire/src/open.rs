//! OPEN: who speaks and what it can do (RFC 4271 section 4.2, RFC 5492, RFC 9072).

use std::net::Ipv4Addr;

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use crate::capability::{AddPathMode, Capability};
use crate::family::Family;
use crate::notification::Notification;

/// The AS number of those whose own does not fit in two octets (RFC 6793).
pub const AS_TRANS: u16 = 23456;

/// Octets in front of the optional parameters.
const FIXED_LEN: usize = 9;
/// Optional parameter: capabilities (RFC 5492).
const PARAMETER_CAPABILITIES: u8 = 2;
/// In place of a length and a parameter type: the lengths have two octets (RFC 9072).
const EXTENDED_MARK: u8 = 255;

/// An OPEN body.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Open {
    /// Always 4.
    pub version: u8,
    /// The sender's AS number, [`AS_TRANS`] if it needs four octets; see [`Open::asn`].
    pub my_as: u16,
    /// Proposed hold time in seconds.
    pub hold_time: u16,
    /// BGP identifier.
    pub router_id: Ipv4Addr,
    /// All capabilities in order, whichever parameters they came in.
    pub capabilities: Vec<Capability>,
    /// How the capabilities are put into optional parameters.
    pub arrangement: Arrangement,
}

/// How capabilities are put into optional parameters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arrangement {
    /// One parameter for each capability, as the oldest peers and the reference do.
    #[default]
    OneEach,
    /// All in one parameter.
    Together,
    /// As received: everything from the optional parameters length on. Used only while it says the same as
    /// [`Open::capabilities`]; after a change of those the default applies.
    Kept(#[serde(with = "crate::text::hex")] Bytes),
}

/// What is wrong with an OPEN (RFC 4271 section 6.2).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OpenError {
    /// Shorter than its fixed part.
    #[error("OPEN body of {0} octets is too short")]
    TooShort(usize),
    /// Parameter or capability lengths that do not fit.
    #[error("optional parameters do not fit in their length")]
    Parameters,
    /// Not version 4.
    #[error("BGP version {0} is not 4")]
    Version(u8),
    /// A parameter that is not capabilities.
    #[error("optional parameter {0} is not known")]
    UnknownParameter(u8),
    /// One or two seconds.
    #[error("hold time of {0} s is neither 0 nor at least 3 s")]
    HoldTime(u16),
    /// 0.0.0.0.
    #[error("BGP identifier is 0.0.0.0")]
    RouterId,
}

impl OpenError {
    /// What to tell the peer before closing.
    pub fn notification(&self) -> Notification {
        match self {
            Self::TooShort(_) | Self::Parameters => Notification::malformed_open(),
            Self::Version(_) => Notification::unsupported_version(),
            Self::UnknownParameter(_) => Notification::unsupported_optional_parameter(),
            Self::HoldTime(_) => Notification::unacceptable_hold_time(),
            Self::RouterId => Notification::bad_bgp_identifier(),
        }
    }
}

impl Open {
    /// Version 4, `my_as` cut to two octets or [`AS_TRANS`]. Adds no capability by itself.
    pub fn new(asn: u32, hold_time: u16, router_id: Ipv4Addr, caps: Vec<Capability>) -> Self {
        Self {
            version: 4,
            my_as: u16::try_from(asn).unwrap_or(AS_TRANS),
            hold_time,
            router_id,
            capabilities: caps,
            arrangement: Arrangement::default(),
        }
    }

    /// The structure only: whatever can be read comes out, sensible or not. See [`Open::check`].
    pub fn parse(body: &Bytes) -> Result<Self, OpenError> {
        let &[version, as0, as1, hold0, hold1, a, b, c, d, _, ..] = body.as_ref() else {
            return Err(OpenError::TooShort(body.len()));
        };
        let kept = body.slice(FIXED_LEN..);
        Ok(Self {
            version,
            my_as: u16::from_be_bytes([as0, as1]),
            hold_time: u16::from_be_bytes([hold0, hold1]),
            router_id: Ipv4Addr::new(a, b, c, d),
            capabilities: capabilities(&kept)?,
            arrangement: Arrangement::Kept(kept),
        })
    }

    /// The rules every OPEN must keep; those that need configuration (AS, own identifier) are the session's.
    pub fn check(&self) -> Result<(), OpenError> {
        match self {
            Self { version, .. } if *version != 4 => Err(OpenError::Version(*version)),
            Self {
                hold_time: 1 | 2, ..
            } => Err(OpenError::HoldTime(self.hold_time)),
            Self {
                router_id: Ipv4Addr::UNSPECIFIED,
                ..
            } => Err(OpenError::RouterId),
            _ => Ok(()),
        }
    }

    /// The body. Parameters that do not fit in 255 octets get the extended form (RFC 9072).
    pub fn encode_body(&self) -> Bytes {
        let mut body = BytesMut::with_capacity(64);
        body.put_u8(self.version);
        body.put_u16(self.my_as);
        body.put_u16(self.hold_time);
        body.put_slice(&self.router_id.octets());
        match &self.arrangement {
            Arrangement::Kept(kept) if capabilities(kept).as_ref() == Ok(&self.capabilities) => {
                body.put_slice(kept);
            }
            Arrangement::Together => {
                let mut all = BytesMut::new();
                self.capabilities
                    .iter()
                    .for_each(|capability| capability.encode_into(&mut all));
                let parameters = if all.is_empty() { vec![] } else { vec![all] };
                put_parameters(&parameters, &mut body);
            }
            _ => {
                let one = |capability: &Capability| {
                    let mut one = BytesMut::new();
                    capability.encode_into(&mut one);
                    one
                };
                let each: Vec<_> = self.capabilities.iter().map(one).collect();
                put_parameters(&each, &mut body);
            }
        }
        body.freeze()
    }

    /// The sender's AS number: the four-octet capability's, else `my_as`.
    pub fn asn(&self) -> u32 {
        let wide = self
            .capabilities
            .iter()
            .find_map(|capability| match capability {
                Capability::FourOctetAs(asn) => Some(*asn),
                _ => None,
            });
        wide.unwrap_or_else(|| self.my_as.into())
    }

    /// The families announced, in order; without any multiprotocol capability, IPv4 unicast.
    pub fn families(&self) -> Vec<Family> {
        let mut families = Vec::new();
        for capability in &self.capabilities {
            match capability {
                Capability::MultiProtocol(family) if !families.contains(family) => {
                    families.push(*family);
                }
                _ => {}
            }
        }
        if families.is_empty() {
            families.push(Family::IPV4_UNICAST);
        }
        families
    }

    /// Whether a capability of this code is present, see [`crate::capability::code`].
    pub fn has(&self, code: u8) -> bool {
        self.capabilities
            .iter()
            .any(|capability| capability.code() == code)
    }

    /// The ADD-PATH mode announced for `family`; of several, the last.
    pub fn add_path(&self, family: Family) -> Option<AddPathMode> {
        let lists = self
            .capabilities
            .iter()
            .filter_map(|capability| match capability {
                Capability::AddPath(list) => Some(list),
                _ => None,
            });
        lists
            .flatten()
            .filter(|(of, _)| *of == family)
            .map(|(_, mode)| *mode)
            .last()
    }
}

/// The capabilities in everything from the optional parameters length on.
fn capabilities(kept: &Bytes) -> Result<Vec<Capability>, OpenError> {
    let (extended, mut rest) = match **kept {
        // No classic parameter has type 255, so it alone tells the extended form. The octet in front is then to be
        // ignored, if it is not 0 (RFC 9072 section 2).
        [classic, EXTENDED_MARK, high, low, ..] if classic > 0 => {
            let length = usize::from(u16::from_be_bytes([high, low]));
            (true, (kept.len() == 4 + length).then(|| kept.slice(4..)))
        }
        [length, ..] => (
            false,
            (kept.len() == 1 + usize::from(length)).then(|| kept.slice(1..)),
        ),
        [] => (false, None),
    };
    let rest = rest.as_mut().ok_or(OpenError::Parameters)?;
    let mut capabilities = Vec::new();
    while !rest.is_empty() {
        let (kind, mut value) = take_tlv(rest, extended).ok_or(OpenError::Parameters)?;
        if kind != PARAMETER_CAPABILITIES {
            return Err(OpenError::UnknownParameter(kind));
        }
        while !value.is_empty() {
            let (code, data) = take_tlv(&mut value, false).ok_or(OpenError::Parameters)?;
            capabilities.push(Capability::parse(code, &data));
        }
    }
    Ok(capabilities)
}

/// Takes type, length of one or two octets, value.
fn take_tlv(rest: &mut Bytes, wide: bool) -> Option<(u8, Bytes)> {
    let (kind, header, length) = match **rest {
        [kind, high, low, ..] if wide => (kind, 3, u16::from_be_bytes([high, low]).into()),
        [kind, length, ..] if !wide => (kind, 2, usize::from(length)),
        _ => return None,
    };
    if rest.len() < header + length {
        return None;
    }
    let value = rest.split_to(header + length).slice(header..);
    Some((kind, value))
}

fn put_parameters(parameters: &[BytesMut], body: &mut BytesMut) {
    let classic: usize = parameters.iter().map(|parameter| 2 + parameter.len()).sum();
    // 255 itself would be taken for the mark of the extended form only if a parameter of type 255 followed;
    // still, RFC 9072 section 2 wants the extended form from there on.
    let extended = classic >= usize::from(EXTENDED_MARK);
    if extended {
        let length: usize = parameters.iter().map(|parameter| 3 + parameter.len()).sum();
        body.put_slice(&[EXTENDED_MARK; 2]);
        body.put_u16(crate::raw::saturated(length));
    } else {
        body.put_u8(classic as u8);
    }
    for parameter in parameters {
        body.put_u8(PARAMETER_CAPABILITIES);
        match extended {
            true => body.put_u16(crate::raw::saturated(parameter.len())),
            false => body.put_u8(parameter.len() as u8),
        }
        body.put_slice(parameter);
    }
}
