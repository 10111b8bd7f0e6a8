use bytes::{BufMut, Bytes, BytesMut};

use super::value::{Aggregator, AttributeValue, MpReach, MpUnreach};
use super::{NextHop, code};
use crate::message::EncodeContext;
use crate::nlri::Nlri;
use crate::open::AS_TRANS;
use crate::raw::flags::{OPTIONAL, TRANSITIVE};
use crate::raw::{RawAttribute, saturated};

/// The optional and transitive bits an attribute must have, where it is known.
pub(super) fn flags_of(code: u8) -> Option<u8> {
    Some(match code {
        code::ORIGIN | code::AS_PATH | code::NEXT_HOP => TRANSITIVE,
        code::LOCAL_PREF | code::ATOMIC_AGGREGATE => TRANSITIVE,
        code::MED | code::ORIGINATOR_ID | code::CLUSTER_LIST => OPTIONAL,
        code::MP_REACH | code::MP_UNREACH => OPTIONAL,
        code::AGGREGATOR | code::COMMUNITIES | code::EXTENDED_COMMUNITIES => OPTIONAL | TRANSITIVE,
        code::AS4_PATH | code::AS4_AGGREGATOR => OPTIONAL | TRANSITIVE,
        code::PMSI | code::LARGE_COMMUNITIES => OPTIONAL | TRANSITIVE,
        _ => return None,
    })
}

pub(super) fn encode(value: &AttributeValue, context: &EncodeContext) -> RawAttribute {
    if let AttributeValue::Unknown { flags, code, data } = value {
        return RawAttribute::new(*flags, *code, data.clone());
    }
    let code = value.code();
    // Every code of a named value has its flags.
    let flags = flags_of(code).unwrap_or(OPTIONAL | TRANSITIVE);
    let mut buffer = BytesMut::new();
    put_value(value, context, &mut buffer);
    RawAttribute::new(flags, code, buffer.freeze())
}

fn put_value(value: &AttributeValue, context: &EncodeContext, buffer: &mut BytesMut) {
    match value {
        AttributeValue::Origin(origin) => buffer.put_u8(origin.number()),
        AttributeValue::AsPath(path) => path.encode_into(context.as4, buffer),
        AttributeValue::As4Path(path) => path.encode_into(true, buffer),
        AttributeValue::NextHop(address) | AttributeValue::OriginatorId(address) => {
            buffer.put_slice(&address.octets());
        }
        AttributeValue::Med(number) | AttributeValue::LocalPref(number) => buffer.put_u32(*number),
        AttributeValue::AtomicAggregate => {}
        AttributeValue::Aggregator(aggregator) => {
            put_aggregator(aggregator, context.as4, buffer);
        }
        AttributeValue::As4Aggregator(aggregator) => put_aggregator(aggregator, true, buffer),
        AttributeValue::Communities(list) => list.iter().for_each(|one| buffer.put_u32(*one)),
        AttributeValue::ClusterList(list) => {
            list.iter().for_each(|one| buffer.put_slice(&one.octets()));
        }
        AttributeValue::ExtendedCommunities(list) => {
            list.iter().for_each(|one| buffer.put_slice(&one.0));
        }
        AttributeValue::LargeCommunities(list) => {
            for one in list {
                buffer.put_u32(one.0);
                buffer.put_u32(one.1);
                buffer.put_u32(one.2);
            }
        }
        AttributeValue::Pmsi(pmsi) => pmsi.encode_into(buffer),
        AttributeValue::MpReach(MpReach {
            family,
            next_hop,
            nlri,
        }) => {
            buffer.put_u16(family.afi);
            buffer.put_u8(family.safi);
            put_next_hop(next_hop, buffer);
            put_nlri(nlri, context, buffer);
        }
        AttributeValue::MpUnreach(MpUnreach { family, nlri }) => {
            buffer.put_u16(family.afi);
            buffer.put_u8(family.safi);
            put_nlri(nlri, context, buffer);
        }
        AttributeValue::Unknown { data, .. } => buffer.put_slice(data),
    }
}

fn put_aggregator(aggregator: &Aggregator, as4: bool, buffer: &mut BytesMut) {
    match as4 {
        true => buffer.put_u32(aggregator.asn),
        false => buffer.put_u16(u16::try_from(aggregator.asn).unwrap_or(AS_TRANS)),
    }
    buffer.put_slice(&aggregator.address.octets());
}

/// Length, next hop, and the octet that once counted SNPAs (RFC 4760 section 3).
fn put_next_hop(next_hop: &NextHop, buffer: &mut BytesMut) {
    let mut field = BytesMut::with_capacity(48);
    next_hop.encode_into(&mut field);
    let field: Bytes = field.freeze();
    buffer.put_u8(saturated(field.len()).min(255) as u8);
    buffer.put_slice(&field[..field.len().min(255)]);
    buffer.put_u8(0);
}

fn put_nlri(nlri: &[Nlri], context: &EncodeContext, buffer: &mut BytesMut) {
    for one in nlri {
        one.encode_into(context.add_path.contains(&one.family), buffer);
    }
}
