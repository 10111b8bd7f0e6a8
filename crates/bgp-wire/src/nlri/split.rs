use bytes::Bytes;

use super::{Nlri, NlriError};
use crate::family::Family;

/// How the NLRI of a family say where they end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    /// A length octet in bits (RFC 4760 section 5).
    Bits,
    /// Type and length octet in octets (RFC 7432 section 7).
    TypeLength,
    /// One length octet below 240, else two with twelve bits (RFC 8955 section 4.1).
    Flowspec,
    /// Unknown: the whole field is one.
    Whole,
}

impl Framing {
    fn of(family: Family) -> Self {
        match family {
            Family {
                afi: 1 | 2,
                safi: 1 | 2 | 4 | 128 | 129 | 132,
            } => Self::Bits,
            Family::EVPN => Self::TypeLength,
            Family {
                afi: 1 | 2 | 25,
                safi: 133 | 134,
            } => Self::Flowspec,
            _ => Self::Whole,
        }
    }

    /// Octets of the first NLRI, length field included; `None` if the length field is cut.
    fn length(self, bytes: &[u8]) -> Option<usize> {
        match (self, bytes) {
            (Self::Bits, [bits, ..]) => Some(1 + usize::from(*bits).div_ceil(8)),
            (Self::TypeLength, [_, length, ..]) => Some(2 + usize::from(*length)),
            (Self::Flowspec, [high @ 0xf0..=0xff, low, ..]) => {
                Some(2 + usize::from(u16::from_be_bytes([high & 0x0f, *low])))
            }
            (Self::Flowspec, [length @ ..0xf0, ..]) => Some(1 + usize::from(*length)),
            (Self::Whole, all) => Some(all.len()),
            _ => None,
        }
    }
}

pub(super) fn split(family: Family, field: &Bytes, add_path: bool) -> Result<Vec<Nlri>, NlriError> {
    let framing = Framing::of(family);
    // What ADD-PATH puts where is only known where the NLRI can be told apart.
    let add_path = add_path && framing != Framing::Whole;
    let mut list = Vec::new();
    let mut rest = field.clone();
    while !rest.is_empty() {
        let overrun = NlriError::Overrun {
            offset: field.len() - rest.len(),
        };
        let path_id = if add_path {
            let (id, _) = rest.split_first_chunk().ok_or(overrun)?;
            let id = u32::from_be_bytes(*id);
            rest = rest.slice(4..);
            Some(id)
        } else {
            None
        };
        let length = framing
            .length(&rest)
            .filter(|length| *length <= rest.len())
            .ok_or(overrun)?;
        list.push(Nlri {
            family,
            path_id,
            bytes: rest.split_to(length).into(),
        });
    }
    Ok(list)
}
