use bytes::{BufMut, BytesMut};
use serde::{Deserialize, Serialize};

use super::NlriError;
use super::Octets;
use crate::types::{IpPrefix, LabelField, RouteDistinguisher};

/// Bits of a label field.
const LABEL: u8 = 24;
/// Bits of a route distinguisher.
const RD: u8 = 64;

/// An IP VPN route (RFC 4364 section 4.3.4).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct VpnRoute {
    /// Route distinguisher.
    pub rd: RouteDistinguisher,
    /// The label stack, top first; in a withdraw often [`LabelField::WITHDRAW`], which also stands for an empty one on the
    /// wire. Not part of the key.
    pub labels: Vec<LabelField>,
    /// The prefix.
    pub prefix: IpPrefix,
}

/// Where the parts of a VPN NLRI are.
pub(super) struct Layout {
    /// Labels of the stack.
    labels: usize,
    rd: RouteDistinguisher,
    pub(super) prefix: IpPrefix,
}

impl Layout {
    /// Label stacks go on until bottom-of-stack, or a first field of 0x800000 or 0 (RFC 3107 and 8277 withdraws).
    pub(super) fn of(v4: bool, bytes: &[u8]) -> Result<Self, NlriError> {
        let wrong_length = NlriError::Length {
            length: bytes.len(),
        };
        let (&bits, mut rest) = bytes.split_first().ok_or(wrong_length)?;
        if rest.len() != usize::from(bits).div_ceil(8) {
            return Err(wrong_length);
        }
        let (mut labels, mut left) = (0, bits);
        loop {
            let Some(after) = left.checked_sub(LABEL).filter(|after| *after >= RD) else {
                return Err(if labels == 0 {
                    wrong_length
                } else {
                    NlriError::Labels
                });
            };
            let (label, behind) = rest.split_first_chunk().ok_or(wrong_length)?;
            let label = LabelField(*label);
            (labels, left, rest) = (labels + 1, after, behind);
            let withdraw = label == LabelField::WITHDRAW || label.raw() == 0;
            if label.is_bottom() || (labels == 1 && withdraw) {
                break;
            }
        }
        let (rd, octets) = rest.split_first_chunk().ok_or(wrong_length)?;
        let bits = left - RD;
        let prefix =
            IpPrefix::from_octets(v4, bits, octets).ok_or(NlriError::PrefixLength { bits })?;
        Ok(Self {
            labels,
            rd: RouteDistinguisher(*rd),
            prefix,
        })
    }

    pub(super) fn key_into(&self, key: &mut Octets) {
        key.push(&self.rd.0);
        key.push_prefix(&self.prefix);
    }
}

impl VpnRoute {
    pub(super) fn parse(v4: bool, bytes: &[u8]) -> Result<Self, NlriError> {
        let Layout { labels, rd, prefix } = Layout::of(v4, bytes)?;
        let (stack, _) = bytes.get(1..).unwrap_or_default().as_chunks();
        let labels = stack
            .iter()
            .take(labels)
            .map(|field| LabelField(*field))
            .collect();
        Ok(Self { rd, labels, prefix })
    }

    pub(super) fn encode_into(&self, buffer: &mut BytesMut) {
        let labels = match &*self.labels {
            [] => &[LabelField::WITHDRAW],
            labels => labels,
        };
        let (octets, length) = self.prefix.octets();
        let bits = labels.len() * usize::from(LABEL) + usize::from(RD + self.prefix.len());
        buffer.put_u8(u8::try_from(bits).unwrap_or(u8::MAX));
        for label in labels {
            buffer.put_slice(&label.0);
        }
        buffer.put_slice(&self.rd.0);
        buffer.put_slice(&octets[..length]);
    }
}
