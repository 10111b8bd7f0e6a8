//! Ethernet, VLAN tags, ARP.

use bgp_wire::MacAddr;
use pnet_packet::arp::ArpPacket;
use pnet_packet::ethernet::EthernetPacket;
use pnet_packet::vlan::VlanPacket;

use super::layer::{Arp, Ethernet, Layer, Protocol, Vlan};
use super::walk::{Next, Step, Walk, ethertype, malformed};

/// Lengths up to this are IEEE 802.3 lengths, not EtherTypes.
const LARGEST_LENGTH: u16 = 1500;

pub(super) fn ethernet(walk: &mut Walk<'_>) -> Step {
    let layer = Protocol::Ethernet;
    let len = EthernetPacket::minimum_packet_size();
    let header = EthernetPacket::new(walk.need(layer, len)?).ok_or(malformed(layer))?;
    let ethertype = header.get_ethertype().0;
    walk.layers.push(Layer::Ethernet(Ethernet {
        src: MacAddr(header.get_source().octets()),
        dst: MacAddr(header.get_destination().octets()),
        ethertype,
    }));
    walk.advance(len);
    Ok(after_ethertype(ethertype))
}

pub(super) fn vlan(walk: &mut Walk<'_>) -> Step {
    let layer = Protocol::Vlan;
    let len = VlanPacket::minimum_packet_size();
    let header = VlanPacket::new(walk.need(layer, len)?).ok_or(malformed(layer))?;
    let ethertype = header.get_ethertype().0;
    walk.layers.push(Layer::Vlan(Vlan {
        id: header.get_vlan_identifier(),
        priority: header.get_priority_code_point().0,
        ethertype,
    }));
    walk.advance(len);
    Ok(after_ethertype(ethertype))
}

pub(super) fn arp(walk: &mut Walk<'_>) -> Step {
    let layer = Protocol::Arp;
    let len = ArpPacket::minimum_packet_size();
    let packet = ArpPacket::new(walk.need(layer, len)?).ok_or(malformed(layer))?;
    let ipv4_over_ethernet = packet.get_hardware_type().0 == 1
        && packet.get_protocol_type().0 == ethertype::IPV4
        && packet.get_hw_addr_len() == 6
        && packet.get_proto_addr_len() == 4;
    if !ipv4_over_ethernet {
        return Err(malformed(layer));
    }
    walk.layers.push(Layer::Arp(Arp {
        operation: packet.get_operation().0,
        sender_mac: MacAddr(packet.get_sender_hw_addr().octets()),
        sender_ip: packet.get_sender_proto_addr(),
        target_mac: MacAddr(packet.get_target_hw_addr().octets()),
        target_ip: packet.get_target_proto_addr(),
    }));
    walk.advance(len);
    Ok(Next::End)
}

fn after_ethertype(ethertype: u16) -> Next {
    if ethertype <= LARGEST_LENGTH {
        Next::Payload
    } else {
        Next::EtherType(ethertype)
    }
}
