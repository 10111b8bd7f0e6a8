//! IPv4 and IPv6.

use pnet_packet::ipv4::Ipv4Packet;
use pnet_packet::ipv6::Ipv6Packet;

use super::layer::{Ipv4, Ipv6, Layer, Protocol};
use super::walk::{Next, Step, Unreadable, Walk, malformed};

const DONT_FRAGMENT: u8 = 0b010;
const MORE_FRAGMENTS: u8 = 0b001;

pub(super) fn v4(walk: &mut Walk<'_>) -> Step {
    let layer = Protocol::Ipv4;
    let fixed = Ipv4Packet::minimum_packet_size();
    let header = Ipv4Packet::new(walk.need(layer, fixed)?).ok_or(malformed(layer))?;
    let header_len = usize::from(header.get_header_length()) * 4;
    let total_len = header.get_total_length();
    // Segments of over 64 KiB, before the kernel cuts them up, say 0.
    let whole = if total_len == 0 {
        walk.rest().len()
    } else {
        usize::from(total_len)
    };
    if header.get_version() != 4 || header_len < fixed || whole < header_len {
        return Err(malformed(layer));
    }
    walk.need(layer, header_len)?;
    let protocol = header.get_next_level_protocol().0;
    let fragment_offset = header.get_fragment_offset() * 8;
    walk.layers.push(Layer::Ipv4(Ipv4 {
        src: header.get_source(),
        dst: header.get_destination(),
        protocol,
        ttl: header.get_ttl(),
        tos: header.get_dscp() << 2 | header.get_ecn(),
        id: header.get_identification(),
        total_len,
        dont_fragment: header.get_flags() & DONT_FRAGMENT != 0,
        more_fragments: header.get_flags() & MORE_FRAGMENTS != 0,
        fragment_offset,
    }));
    walk.limit(layer, whole);
    walk.advance(header_len);
    Ok(if fragment_offset == 0 {
        Next::IpProtocol(protocol)
    } else {
        Next::Payload
    })
}

pub(super) fn v6(walk: &mut Walk<'_>) -> Step {
    let layer = Protocol::Ipv6;
    let fixed = Ipv6Packet::minimum_packet_size();
    let header = Ipv6Packet::new(walk.need(layer, fixed)?).ok_or(malformed(layer))?;
    if header.get_version() != 6 {
        return Err(malformed(layer));
    }
    let payload_len = header.get_payload_length();
    let whole = match payload_len {
        0 => walk.rest().len(),
        len => fixed + usize::from(len),
    };
    let mut ip = Ipv6 {
        src: header.get_source(),
        dst: header.get_destination(),
        next_header: header.get_next_header().0,
        protocol: header.get_next_header().0,
        hop_limit: header.get_hop_limit(),
        traffic_class: header.get_traffic_class(),
        payload_len,
        fragment_offset: None,
    };
    walk.limit(layer, whole);
    walk.advance(fixed);
    let extensions = extension_headers(walk, &mut ip);
    walk.layers.push(Layer::Ipv6(ip));
    extensions?;
    let later_fragment = ip.fragment_offset.is_some_and(|offset| offset > 0);
    Ok(if later_fragment {
        Next::Payload
    } else {
        Next::IpProtocol(ip.protocol)
    })
}

/// Takes the extension headers, so that `protocol` is what follows them.
fn extension_headers(walk: &mut Walk<'_>, ip: &mut Ipv6) -> Result<(), Unreadable> {
    loop {
        let len = match ip.protocol {
            // Hop-by-hop options, routing, destination options, mobility.
            0 | 43 | 60 | 135 => {
                let [_, units] = *walk.need_array(Protocol::Ipv6)?;
                usize::from(units) * 8 + 8
            }
            44 => {
                let [_, _, high, low, ..] = *walk.need_array::<8>(Protocol::Ipv6)?;
                ip.fragment_offset = Some(u16::from_be_bytes([high, low]) & 0xfff8);
                8
            }
            // Authentication header, RFC 4302: counted in units of four octets, less two.
            51 => {
                let [_, units] = *walk.need_array(Protocol::Ipv6)?;
                usize::from(units) * 4 + 8
            }
            _ => return Ok(()),
        };
        let header = walk.need(Protocol::Ipv6, len)?;
        ip.protocol = header[0];
        walk.advance(len);
        if ip.fragment_offset.is_some_and(|offset| offset > 0) {
            return Ok(());
        }
    }
}
