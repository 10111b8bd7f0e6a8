//! VXLAN, GRE, MPLS.

use bgp_wire::{Label, Vni};
use pnet_packet::vxlan::VxlanPacket;

use super::layer::{Gre, Layer, Mpls, Protocol, Vxlan};
use super::walk::{Next, Step, Unreadable, Walk, ethertype, malformed};

pub(super) fn vxlan(walk: &mut Walk<'_>) -> Step {
    vxlan_header(walk)?;
    Ok(Next::Ethernet)
}

/// VXLAN-GPE: the last octet of the first word names what follows.
pub(super) fn vxlan_gpe(walk: &mut Walk<'_>) -> Step {
    const NEXT_PROTOCOL_GIVEN: u8 = 0x04;
    let [flags, _, _, next, ..] = *walk.need_array::<8>(Protocol::Vxlan)?;
    vxlan_header(walk)?;
    Ok(match next {
        _ if flags & NEXT_PROTOCOL_GIVEN == 0 => Next::Ethernet,
        1 => Next::EtherType(ethertype::IPV4),
        2 => Next::EtherType(ethertype::IPV6),
        3 => Next::Ethernet,
        5 => Next::Mpls,
        _ => Next::Payload,
    })
}

fn vxlan_header(walk: &mut Walk<'_>) -> Result<(), Unreadable> {
    let layer = Protocol::Vxlan;
    let len = VxlanPacket::minimum_packet_size();
    let header = VxlanPacket::new(walk.need(layer, len)?).ok_or(malformed(layer))?;
    let vni = Vni::new(header.get_vni()).map_err(|_| malformed(layer))?;
    walk.layers.push(Layer::Vxlan(Vxlan {
        vni,
        flags: header.get_flags(),
    }));
    walk.advance(len);
    Ok(())
}

/// By hand: `pnet_packet` panics on a header with routing, which RFC 2784 did away with.
pub(super) fn gre(walk: &mut Walk<'_>) -> Step {
    const CHECKSUM: u8 = 0x80;
    const ROUTING: u8 = 0x40;
    const KEY: u8 = 0x20;
    const SEQUENCE: u8 = 0x10;
    let layer = Protocol::Gre;
    let [flags, version, high, low] = *walk.need_array(layer)?;
    if flags & ROUTING != 0 || version & 0x07 != 0 {
        return Err(malformed(layer));
    }
    let words = 1 + [CHECKSUM, KEY, SEQUENCE]
        .iter()
        .filter(|&bit| flags & bit != 0)
        .count();
    let header = walk.need(layer, words * 4)?;
    let mut optional = header
        .chunks_exact(4)
        .skip(1 + usize::from(flags & CHECKSUM != 0));
    let mut word = || {
        optional
            .next()?
            .first_chunk()
            .map(|octets| u32::from_be_bytes(*octets))
    };
    let key = if flags & KEY != 0 { word() } else { None };
    let seq = if flags & SEQUENCE != 0 { word() } else { None };
    let protocol = u16::from_be_bytes([high, low]);
    walk.layers.push(Layer::Gre(Gre { protocol, key, seq }));
    walk.advance(words * 4);
    Ok(Next::EtherType(protocol))
}

/// One entry of a label stack. What follows the last one is not written anywhere: IP by its version
/// nibble, else opaque.
pub(super) fn mpls(walk: &mut Walk<'_>) -> Step {
    let layer = Protocol::Mpls;
    let entry = u32::from_be_bytes(*walk.need_array(layer)?);
    let bottom = entry & 0x100 != 0;
    walk.layers.push(Layer::Mpls(Mpls {
        label: Label::new(entry >> 12).map_err(|_| malformed(layer))?,
        tc: (entry >> 9 & 0x07) as u8,
        bottom,
        ttl: (entry & 0xff) as u8,
    }));
    walk.advance(4);
    Ok(match walk.rest().first().map(|octet| octet >> 4) {
        _ if !bottom => Next::Mpls,
        Some(4) => Next::EtherType(ethertype::IPV4),
        Some(6) => Next::EtherType(ethertype::IPV6),
        _ => Next::Payload,
    })
}
