use bytes::{Buf as _, BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

/// Attribute flag bits (RFC 4271 section 4.3).
pub mod flags {
    /// Not well-known.
    pub const OPTIONAL: u8 = 0x80;
    /// Passed on by those who do not know it.
    pub const TRANSITIVE: u8 = 0x40;
    /// Somebody on the way did not know it.
    pub const PARTIAL: u8 = 0x20;
    /// The length has two octets.
    pub const EXTENDED: u8 = 0x10;
}

/// One path attribute as octets: any flags, any code, any value, and a length field that need not be true.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RawAttribute {
    /// The flags octet, see [`flags`]. [`flags::EXTENDED`] decides the size of the length field.
    pub flags: u8,
    /// The type code.
    pub code: u8,
    /// What the length field says in place of the truth (its low octet without [`flags::EXTENDED`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<u16>,
    /// The value.
    #[serde(with = "crate::text::hex")]
    pub value: Bytes,
}

impl RawAttribute {
    /// An attribute with a true length; the extended-length flag is set when the value needs it.
    pub fn new(flags: u8, code: u8, value: impl Into<Bytes>) -> Self {
        Self {
            flags,
            code,
            length: None,
            value: value.into(),
        }
    }

    /// The attributes of a section, in order, always by declared length.
    pub fn walk(section: &Bytes) -> AttributeWalk {
        AttributeWalk {
            rest: section.clone(),
            offset: 0,
        }
    }

    /// Appends the attribute. A value over 255 octets with a true length gets a two-octet length whatever the flags say.
    pub fn encode_into(&self, buffer: &mut BytesMut) {
        let wide = self.is_wide();
        buffer.put_u8(if wide {
            self.flags | flags::EXTENDED
        } else {
            self.flags
        });
        buffer.put_u8(self.code);
        let length = self
            .length
            .unwrap_or_else(|| super::saturated(self.value.len()));
        match wide {
            true => buffer.put_u16(length),
            false => buffer.put_u8(length.to_be_bytes()[1]),
        }
        buffer.put_slice(&self.value);
    }

    /// How many octets [`RawAttribute::encode_into`] appends.
    pub fn wire_len(&self) -> usize {
        if self.is_wide() {
            4 + self.value.len()
        } else {
            3 + self.value.len()
        }
    }

    fn is_wide(&self) -> bool {
        self.flags & flags::EXTENDED != 0 || (self.length.is_none() && self.value.len() > 255)
    }
}

/// The attribute section ends inside an attribute (RFC 7606 section 4).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("attribute section ends inside the attribute at octet {offset}")]
pub struct Overrun {
    /// Where in the section the attribute starts.
    pub offset: usize,
    /// The attribute's code, if the section goes that far.
    pub code: Option<u8>,
    /// The octets from there to the end of the section.
    #[serde(with = "crate::text::hex")]
    pub rest: Bytes,
}

/// Iterator over the attributes of a section; an [`Overrun`] is its last item.
#[derive(Debug, Clone)]
pub struct AttributeWalk {
    rest: Bytes,
    offset: usize,
}

impl Iterator for AttributeWalk {
    type Item = Result<RawAttribute, Overrun>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let (header, length) = match *self.rest {
            [f, _, high, low, ..] if f & flags::EXTENDED != 0 => {
                (4, usize::from(u16::from_be_bytes([high, low])))
            }
            [f, _, length, ..] if f & flags::EXTENDED == 0 => (3, usize::from(length)),
            _ => (self.rest.len(), 1),
        };
        if self.rest.len() < header + length {
            let rest = std::mem::take(&mut self.rest);
            return Some(Err(Overrun {
                offset: self.offset,
                code: rest.get(1).copied(),
                rest,
            }));
        }
        let mut whole = self.rest.split_to(header + length);
        let (flags, code) = (whole[0], whole[1]);
        whole.advance(header);
        self.offset += header + length;
        Some(Ok(RawAttribute {
            flags,
            code,
            length: None,
            value: whole,
        }))
    }
}
