use bytes::{BufMut, Bytes, BytesMut};

use super::Announcement;
use crate::attribute::Attribute;
use crate::attribute::{AttributeValue, MpReach, NextHop, PathAttributes, code};
use crate::family::Family;
use crate::message::EncodeContext;
use crate::nlri::Nlri;
use crate::raw::{HEADER_LEN, RawAttribute, RawMessage, RawUpdate, flags};

pub(super) fn announce(
    attributes: &PathAttributes,
    family: Family,
    next_hop: &NextHop,
    nlri: &[Nlri],
    context: &EncodeContext,
) -> Announcement {
    let mut section = BytesMut::with_capacity(128);
    if let (Family::IPV4_UNICAST, NextHop::V4(address)) = (family, next_hop) {
        let attributes = attributes.clone().with(AttributeValue::NextHop(*address));
        attributes.encode_into(None, context, &mut section);
        let section = section.freeze();
        let room = room(context, section.len());
        let packed = pack(nlri, context, |size| size <= room);
        return packed
            .into_messages(|nlri| RawUpdate::new(Bytes::new(), section.clone(), nlri).encode());
    }
    attributes.encode_into(Some(code::NEXT_HOP), context, &mut section);
    let empty = MpReach {
        family,
        next_hop: next_hop.clone(),
        nlri: Vec::new(),
    };
    let head = Attribute::new(AttributeValue::MpReach(empty), context)
        .raw
        .value;
    multiprotocol(section.freeze(), code::MP_REACH, &head, nlri, context)
}

pub(super) fn withdraw(family: Family, nlri: &[Nlri], context: &EncodeContext) -> Vec<RawMessage> {
    if family == Family::IPV4_UNICAST {
        let room = room(context, 0);
        let packed = pack(nlri, context, |size| size <= room);
        let message = |nlri| RawUpdate::new(nlri, Bytes::new(), Bytes::new()).encode();
        return packed.into_messages(message).messages;
    }
    let [a, b] = family.afi.to_be_bytes();
    let head = [a, b, family.safi];
    multiprotocol(Bytes::new(), code::MP_UNREACH, &head, nlri, context).messages
}

/// Messages of `section` and one multiprotocol attribute, whose value is `head` and NLRI.
///
/// RFC 7606 section 5.1 wants that attribute first, where a mistake in another one cannot hide it. It is last, as the
/// original speaker has it: the octets an attachment makes are compared with that one's.
fn multiprotocol(
    section: Bytes,
    code: u8,
    head: &[u8],
    nlri: &[Nlri],
    context: &EncodeContext,
) -> Announcement {
    let room = room(context, section.len());
    let packed = pack(nlri, context, |size| {
        let length = head.len() + size;
        length + if length > 255 { 4 } else { 3 } <= room
    });
    packed.into_messages(|nlri| {
        let value = [head, &nlri].concat();
        let attribute = RawAttribute::new(flags::OPTIONAL, code, value);
        let mut attributes = BytesMut::with_capacity(section.len() + attribute.wire_len());
        attributes.put_slice(&section);
        attribute.encode_into(&mut attributes);
        RawUpdate::new(Bytes::new(), attributes.freeze(), Bytes::new()).encode()
    })
}

/// Octets left for routes in the largest message.
fn room(context: &EncodeContext, attributes: usize) -> usize {
    usize::from(context.max_len()).saturating_sub(HEADER_LEN + 4 + attributes)
}

/// Routes put together for one message each.
struct Packed {
    fields: Vec<Bytes>,
    too_large: Vec<Nlri>,
}

impl Packed {
    fn into_messages(self, message: impl Fn(Bytes) -> RawMessage) -> Announcement {
        let messages = self.fields.into_iter().map(message).collect();
        Announcement {
            messages,
            too_large: self.too_large,
        }
    }
}

fn pack(nlri: &[Nlri], context: &EncodeContext, fits: impl Fn(usize) -> bool) -> Packed {
    let mut packed = Packed {
        fields: Vec::new(),
        too_large: Vec::new(),
    };
    let mut field = BytesMut::new();
    for one in nlri {
        let add_path = context.add_path.contains(&one.family);
        let size = one.wire_len(add_path);
        if !fits(size) {
            packed.too_large.push(one.clone());
            continue;
        }
        if !fits(field.len() + size) {
            packed.fields.push(field.split().freeze());
        }
        one.encode_into(add_path, &mut field);
    }
    if !field.is_empty() {
        packed.fields.push(field.freeze());
    }
    packed
}
