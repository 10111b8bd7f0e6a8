//! Frames made by hand, layer around layer: `ethernet(A, B, 0x0800, ipv4(..., udp(...)))`.

#![allow(dead_code, reason = "each test file uses some of it")]

use std::net::{Ipv4Addr, Ipv6Addr};

use bgp_wire::MacAddr;

pub const MAC_A: MacAddr = MacAddr([2, 0, 0, 0, 0, 0xa]);
pub const MAC_B: MacAddr = MacAddr([2, 0, 0, 0, 0, 0xb]);
pub const VTEP_A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
pub const VTEP_B: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 3);
pub const VM_A: Ipv4Addr = Ipv4Addr::new(12, 11, 11, 1);
pub const VM_B: Ipv4Addr = Ipv4Addr::new(12, 11, 11, 2);

pub const SYN: u8 = 0x02;
pub const RST: u8 = 0x04;
pub const ACK: u8 = 0x10;

pub fn ethernet(src: MacAddr, dst: MacAddr, ethertype: u16, payload: &[u8]) -> Vec<u8> {
    [&dst.0, &src.0, &ethertype.to_be_bytes()[..], payload].concat()
}

pub fn vlan(id: u16, ethertype: u16, payload: &[u8]) -> Vec<u8> {
    [&id.to_be_bytes()[..], &ethertype.to_be_bytes(), payload].concat()
}

pub fn arp(operation: u16, from: (MacAddr, Ipv4Addr), to: (MacAddr, Ipv4Addr)) -> Vec<u8> {
    let header = [0, 1, 8, 0, 6, 4];
    let (operation, from_ip, to_ip) = (operation.to_be_bytes(), from.1.octets(), to.1.octets());
    [
        &header[..],
        &operation,
        &from.0.0,
        &from_ip,
        &to.0.0,
        &to_ip,
    ]
    .concat()
}

pub fn ipv4(src: Ipv4Addr, dst: Ipv4Addr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let total_len = (20 + payload.len()) as u16;
    let start = [0x45, 0];
    let middle = [0, 7, 0x40, 0, 64, protocol, 0, 0];
    let (src, dst) = (src.octets(), dst.octets());
    [
        &start[..],
        &total_len.to_be_bytes(),
        &middle,
        &src,
        &dst,
        payload,
    ]
    .concat()
}

pub fn ipv6(src: Ipv6Addr, dst: Ipv6Addr, next_header: u8, payload: &[u8]) -> Vec<u8> {
    let len = (payload.len() as u16).to_be_bytes();
    let start = [0x60, 0, 0, 0];
    [
        &start[..],
        &len,
        &[next_header, 64],
        &src.octets(),
        &dst.octets(),
        payload,
    ]
    .concat()
}

pub fn udp(src_port: u16, dst_port: u16, payload: &[u8]) -> Vec<u8> {
    let len = ((8 + payload.len()) as u16).to_be_bytes();
    [
        &src_port.to_be_bytes()[..],
        &dst_port.to_be_bytes(),
        &len,
        &[0, 0],
        payload,
    ]
    .concat()
}

pub fn tcp(ports: (u16, u16), seq: u32, ack: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let (src, dst) = (ports.0.to_be_bytes(), ports.1.to_be_bytes());
    let rest = [0x50, flags, 0xff, 0xff, 0, 0, 0, 0];
    [
        &src[..],
        &dst,
        &seq.to_be_bytes(),
        &ack.to_be_bytes(),
        &rest,
        payload,
    ]
    .concat()
}

pub fn icmp_echo(kind: u8, id: u16, seq: u16) -> Vec<u8> {
    [
        &[kind, 0, 0, 0][..],
        &id.to_be_bytes(),
        &seq.to_be_bytes(),
        b"payload",
    ]
    .concat()
}

pub fn vxlan(vni: u32, payload: &[u8]) -> Vec<u8> {
    [&[8, 0, 0, 0][..], &(vni << 8).to_be_bytes(), payload].concat()
}

pub fn mpls(label: u32, bottom: bool, payload: &[u8]) -> Vec<u8> {
    let entry = label << 12 | u32::from(bottom) << 8 | 63;
    [&entry.to_be_bytes()[..], payload].concat()
}

/// An echo message from VM to VM, as it is on their own link.
pub fn echo(kind: u8, src: (MacAddr, Ipv4Addr), dst: (MacAddr, Ipv4Addr), seq: u16) -> Vec<u8> {
    ethernet(
        src.0,
        dst.0,
        0x0800,
        &ipv4(src.1, dst.1, 1, &icmp_echo(kind, 7, seq)),
    )
}

/// A frame inside VXLAN, between two tunnel endpoints.
pub fn tunnelled(src: Ipv4Addr, dst: Ipv4Addr, vni: u32, inner: &[u8]) -> Vec<u8> {
    let outer = ipv4(src, dst, 17, &udp(49152, 4789, &vxlan(vni, inner)));
    ethernet(
        MacAddr([2, 1, 0, 0, 0, 1]),
        MacAddr([2, 1, 0, 0, 0, 2]),
        0x0800,
        &outer,
    )
}

/// A TCP segment on the underlay.
pub fn segment(
    src: (Ipv4Addr, u16),
    dst: (Ipv4Addr, u16),
    seq: u32,
    ack: u32,
    flags: u8,
    payload: &[u8],
) -> Vec<u8> {
    let segment = tcp((src.1, dst.1), seq, ack, flags, payload);
    let (src_mac, dst_mac) = (MacAddr([2, 1, 0, 0, 0, 1]), MacAddr([2, 1, 0, 0, 0, 2]));
    ethernet(src_mac, dst_mac, 0x0800, &ipv4(src.0, dst.0, 6, &segment))
}
