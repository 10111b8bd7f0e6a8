//! ICMP, ICMPv6, UDP, TCP.

use std::net::Ipv6Addr;

use pnet_packet::tcp::TcpPacket;
use pnet_packet::udp::UdpPacket;

use super::layer::{Icmp, Icmpv6, Layer, Protocol, Tcp, TcpFlags, Udp};
use super::walk::{Next, Step, Walk, malformed};

pub(super) fn icmp(walk: &mut Walk<'_>) -> Step {
    let [kind, code, _, _, id @ .., seq_high, seq_low] =
        *walk.need_array::<ICMP_HEADER>(Protocol::Icmp)?;
    let is_echo = matches!(kind, 0 | 8);
    walk.layers.push(Layer::Icmp(Icmp {
        kind,
        code,
        id: is_echo.then_some(u16::from_be_bytes(id)),
        seq: is_echo.then_some(u16::from_be_bytes([seq_high, seq_low])),
    }));
    walk.advance(ICMP_HEADER);
    Ok(Next::Payload)
}

pub(super) fn icmpv6(walk: &mut Walk<'_>) -> Step {
    let [kind, code, _, _, id @ .., seq_high, seq_low] =
        *walk.need_array::<ICMP_HEADER>(Protocol::Icmpv6)?;
    let is_echo = matches!(kind, 128 | 129);
    let is_neighbour_discovery = matches!(kind, 135 | 136);
    let target = walk
        .rest()
        .get(ICMP_HEADER..ICMP_HEADER + 16)
        .and_then(|octets| <[u8; 16]>::try_from(octets).ok())
        .filter(|_| is_neighbour_discovery)
        .map(Ipv6Addr::from);
    walk.layers.push(Layer::Icmpv6(Icmpv6 {
        kind,
        code,
        id: is_echo.then_some(u16::from_be_bytes(id)),
        seq: is_echo.then_some(u16::from_be_bytes([seq_high, seq_low])),
        target,
    }));
    walk.advance(ICMP_HEADER);
    Ok(Next::Payload)
}

pub(super) fn udp(walk: &mut Walk<'_>) -> Step {
    let layer = Protocol::Udp;
    let header_len = UdpPacket::minimum_packet_size();
    let header = UdpPacket::new(walk.need(layer, header_len)?).ok_or(malformed(layer))?;
    let (dst_port, len) = (header.get_destination(), header.get_length());
    walk.layers.push(Layer::Udp(Udp {
        src_port: header.get_source(),
        dst_port,
        len,
    }));
    // 0 stands for a datagram too large for the field (RFC 2675); shorter than the header means
    // nothing.
    match usize::from(len) {
        0 => {}
        len if len < header_len => return Err(malformed(layer)),
        len => walk.limit(layer, len),
    }
    walk.advance(header_len);
    let config = walk.config;
    Ok(if config.vxlan_ports.contains(&dst_port) {
        Next::Vxlan
    } else if config.vxlan_gpe_ports.contains(&dst_port) {
        Next::VxlanGpe
    } else if config.mpls_ports.contains(&dst_port) {
        Next::Mpls
    } else {
        Next::Payload
    })
}

pub(super) fn tcp(walk: &mut Walk<'_>) -> Step {
    let layer = Protocol::Tcp;
    let fixed = TcpPacket::minimum_packet_size();
    let header = TcpPacket::new(walk.need(layer, fixed)?).ok_or(malformed(layer))?;
    let header_len = usize::from(header.get_data_offset()) * 4;
    if header_len < fixed {
        return Err(malformed(layer));
    }
    walk.need(layer, header_len)?;
    let payload = walk.at + header_len..walk.end;
    walk.layers.push(Layer::Tcp(Tcp {
        src_port: header.get_source(),
        dst_port: header.get_destination(),
        seq: header.get_sequence(),
        ack: header.get_acknowledgement(),
        flags: TcpFlags(header.get_flags()),
        window: header.get_window(),
        payload,
    }));
    walk.advance(header_len);
    Ok(Next::Payload)
}

const ICMP_HEADER: usize = 8;
