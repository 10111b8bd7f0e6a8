//! `gobgpd`, told over gRPC: routes go in octets as they are on the wire, so that there is nothing the API has no words
//! for. Its command line takes one route at a time, and MRT files only routes of IP unicast.

use bgp_wire::attribute::code;
use bgp_wire::raw::{RawAttribute, flags};
use bgp_wire::{Family, NextHop, Nlri, PathAttributes};
use bytes::{BufMut, Bytes, BytesMut};
use scenario::Announcement;

use super::Change;

/// Adds and removes many paths; without an answer to each.
pub const ADD_PATHS: &str = "/apipb.GobgpApi/AddPathStream";

/// Paths in a message: far below the 4 MiB that a server takes.
const TOGETHER: usize = 512;

/// The messages of one call of [`ADD_PATHS`], as gRPC frames them: a flag, the length, protocol buffers.
///
/// ```text
/// AddPathStreamRequest { paths = 3 }
/// Path { is_withdraw = 5, family = 9, nlri_binary = 20, pattrs_binary = 21 }
/// Family { afi = 1, safi = 2 }
/// ```
pub fn messages(announcement: &Announcement, change: Change) -> Vec<Bytes> {
    let family = announcement.family();
    let hop = next_hop(&announcement.next_hop);
    let mut messages = Vec::new();
    for batch in announcement.batches() {
        let attributes = attributes(&batch.attributes, &hop);
        for nlri in batch.nlri.chunks(TOGETHER) {
            let mut request = BytesMut::new();
            for nlri in nlri {
                let path = path(family, nlri, &attributes, change);
                put_bytes(3, &path, &mut request);
            }
            messages.push(framed(&request));
        }
    }
    messages
}

fn path(family: Family, nlri: &Nlri, attributes: &[Bytes], change: Change) -> BytesMut {
    let mut path = BytesMut::with_capacity(128);
    if change == Change::Withdraw {
        put_number(5, 1, &mut path);
    }
    let mut families = BytesMut::with_capacity(8);
    put_number(1, family.afi.into(), &mut families);
    put_number(2, family.safi.into(), &mut families);
    put_bytes(9, &families, &mut path);
    put_bytes(20, &nlri.bytes, &mut path);
    for attribute in attributes {
        put_bytes(21, attribute, &mut path);
    }
    path
}

/// The next hop as a NEXT_HOP of 4 or 16 octets, which GoBGP takes for any family; where the family has none, one that
/// it does not send.
fn next_hop(next_hop: &NextHop) -> RawAttribute {
    let octets = match next_hop.address() {
        Some(std::net::IpAddr::V4(v4)) => v4.octets().to_vec(),
        Some(std::net::IpAddr::V6(v6)) => v6.octets().to_vec(),
        None => vec![0; 4],
    };
    RawAttribute::new(flags::TRANSITIVE, code::NEXT_HOP, octets)
}

fn attributes(attributes: &PathAttributes, next_hop: &RawAttribute) -> Vec<Bytes> {
    let raw = attributes.iter().map(|attribute| &attribute.raw);
    let encoded = raw.chain([next_hop]).map(|raw| {
        let mut octets = BytesMut::with_capacity(raw.wire_len());
        raw.encode_into(&mut octets);
        octets.freeze()
    });
    encoded.collect()
}

fn framed(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(5 + message.len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.put_slice(message);
    frame.freeze()
}

fn put_number(field: u64, value: u64, buffer: &mut BytesMut) {
    put_varint(field << 3, buffer);
    put_varint(value, buffer);
}

fn put_bytes(field: u64, value: &[u8], buffer: &mut BytesMut) {
    put_varint(field << 3 | 2, buffer);
    put_varint(value.len() as u64, buffer);
    buffer.put_slice(value);
}

/// Seven bits an octet, the low ones first.
fn put_varint(mut value: u64, buffer: &mut BytesMut) {
    while value >= 0x80 {
        buffer.put_u8((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    buffer.put_u8(value as u8);
}

#[cfg(test)]
mod tests {
    use super::super::testing::announcement;
    use super::*;

    #[test]
    fn a_route_is_these_octets() {
        let one = announcement("gobgp", "family = \"ipv4\", prefix = \"10.0.0.0/8\"");
        let messages = messages(&one, Change::Announce);
        let path = [
            &[0x4a, 4, 0x08, 1, 0x10, 1][..],
            &[0xa2, 1, 2, 8, 10],
            &[0xaa, 1, 4, 0x40, 1, 1, 0],
            &[0xaa, 1, 3, 0x40, 2, 0],
            &[0xaa, 1, 7, 0x40, 5, 4, 0, 0, 0, 100],
            &[0xaa, 1, 7, 0x40, 3, 4, 10, 0, 0, 1],
        ]
        .concat();
        let length = path.len() as u8;
        let expected = [&[0, 0, 0, 0, length + 2, 0x1a, length][..], &path].concat();
        assert_eq!(messages, [Bytes::from(expected)]);
    }

    #[test]
    fn many_routes_are_few_messages() {
        let many = announcement(
            "gobgp",
            "family = \"vpnv4\", prefix = \"20.0.0.0/24\", rd = \"1:1\", label = 16, routes = 10000",
        );
        let messages = messages(&many, Change::Withdraw);
        assert_eq!(messages.len(), 20);
        assert!(messages.iter().all(|message| message.len() < 1 << 20));
    }
}
