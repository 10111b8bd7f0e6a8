use std::fmt;

use bytes::{BufMut, BytesMut};
use serde::{Deserialize, Serialize};

use super::{FlowComponent, NlriError};
use crate::cursor::Cursor;
use crate::types::RouteDistinguisher;

/// Flowspec rules: components that must all match (RFC 8955 section 4, RFC 8956 section 3).
/// Text form `destination-ipv4 12.0.0.0/24 protocol =tcp destination-port [ >=80&<=90 ]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FlowspecRules {
    /// Whether addresses are IPv6.
    pub ipv6: bool,
    /// In strictly ascending order of type.
    pub components: Vec<FlowComponent>,
}

impl FlowspecRules {
    /// The component of this type, see the constants of [`FlowComponent`].
    pub fn get(&self, kind: u8) -> Option<&FlowComponent> {
        self.components
            .iter()
            .find(|component| component.kind() == kind)
    }

    /// The text of each component, in order.
    pub fn texts(&self) -> Vec<String> {
        let text = |component: &FlowComponent| component.text(self.ipv6);
        self.components.iter().map(text).collect()
    }

    /// What is behind the length field, all of which must be there.
    pub(super) fn content(bytes: &[u8]) -> Result<&[u8], NlriError> {
        let (length, content) = match *bytes {
            [high @ 0xf0..=0xff, low, ref content @ ..] => {
                (u16::from_be_bytes([high & 0x0f, low]).into(), content)
            }
            [length @ ..0xf0, ref content @ ..] => (usize::from(length), content),
            _ => {
                return Err(NlriError::Length {
                    length: bytes.len(),
                });
            }
        };
        if content.len() != length {
            return Err(NlriError::Length {
                length: bytes.len(),
            });
        }
        Ok(content)
    }

    pub(super) fn parse(ipv6: bool, content: &[u8]) -> Result<Self, NlriError> {
        let mut cursor = Cursor(content);
        let mut components = Vec::new();
        let mut last = 0;
        while let Some(kind) = cursor.u8() {
            if kind <= last {
                return Err(NlriError::FlowComponent { kind });
            }
            last = kind;
            let component = FlowComponent::parse(kind, ipv6, &mut cursor);
            components.push(component.ok_or(NlriError::FlowComponent { kind })?);
        }
        Ok(Self { ipv6, components })
    }

    /// Length and content.
    pub(super) fn encode_into(&self, rd: Option<RouteDistinguisher>, buffer: &mut BytesMut) {
        let content = self.encoded(rd);
        match content.len() {
            short @ ..0xf0 => buffer.put_u8(short as u8),
            long => buffer.put_u16(0xf000 | long.min(0xfff) as u16),
        }
        buffer.put_slice(&content);
    }

    /// The content without host bits in prefixes and without its length, which has two forms for short rules.
    pub(super) fn encoded(&self, rd: Option<RouteDistinguisher>) -> BytesMut {
        let mut content = BytesMut::with_capacity(64);
        if let Some(rd) = rd {
            content.put_slice(&rd.0);
        }
        for component in &self.components {
            component.encode_into(self.ipv6, &mut content);
        }
        content
    }
}

impl fmt::Display for FlowspecRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, component) in self.components.iter().enumerate() {
            if i > 0 {
                f.write_str(" ")?;
            }
            component.fmt(self.ipv6, f)?;
        }
        Ok(())
    }
}
