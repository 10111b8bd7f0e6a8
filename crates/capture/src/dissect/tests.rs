use proptest::prelude::*;

use super::{Dissection, Dissector as _, Layer, Protocol, StandardDissector, TcpFlags, Why};
use crate::support::{
    ACK, MAC_A, MAC_B, SYN, VM_A, VM_B, VTEP_A, VTEP_B, arp, echo, ethernet, icmp_echo, ipv4, ipv6,
    mpls, segment, tunnelled, udp, vlan,
};

fn dissect(frame: &[u8]) -> Dissection {
    StandardDissector::default().dissect(frame)
}

fn outline(frame: &[u8]) -> String {
    dissect(frame).outline()
}

#[test]
fn echo_inside_vxlan() {
    let inner = echo(8, (MAC_A, VM_A), (MAC_B, VM_B), 1);
    let found = dissect(&tunnelled(VTEP_A, VTEP_B, 16, &inner));
    assert_eq!(
        found.outline(),
        "ethernet ipv4 udp vxlan ethernet ipv4 icmp payload"
    );
    insta::assert_debug_snapshot!(found);
}

#[test]
fn every_layer_has_its_fields() {
    let found = dissect(&ethernet(
        MAC_A,
        MAC_B,
        0x0806,
        &arp(1, (MAC_A, VM_A), (MAC_B, VM_B)),
    ));
    let Some(Layer::Arp(packet)) = found.layers.get(1) else {
        panic!("{found:?}")
    };
    assert_eq!(
        (packet.operation, packet.sender_mac, packet.target_ip),
        (1, MAC_A, VM_B)
    );

    let found = dissect(&segment(
        (VTEP_A, 40000),
        (VTEP_B, 179),
        5,
        9,
        SYN | ACK,
        b"data",
    ));
    let (src, dst, tcp) = found.tcp().expect("a TCP layer");
    assert_eq!((src, dst), (VTEP_A.into(), VTEP_B.into()));
    assert_eq!(
        (tcp.src_port, tcp.dst_port, tcp.seq, tcp.ack),
        (40000, 179, 5, 9)
    );
    assert!(tcp.flags.has(TcpFlags::SYN) && !tcp.flags.has(TcpFlags::RST));
    assert_eq!(tcp.payload, 54..58);
}

#[test]
fn encapsulations_follow_each_other() {
    let packet = ipv4(VM_A, VM_B, 1, &icmp_echo(8, 1, 1));
    let labelled = mpls(100, false, &mpls(200, true, &packet));
    assert_eq!(
        outline(&ethernet(MAC_A, MAC_B, 0x8847, &labelled)),
        "ethernet mpls mpls ipv4 icmp payload"
    );

    let gre = [&[0x20, 0, 0x88, 0x47, 0, 0, 0, 9][..], &labelled].concat();
    let found = dissect(&ethernet(
        MAC_A,
        MAC_B,
        0x0800,
        &ipv4(VTEP_A, VTEP_B, 47, &gre),
    ));
    assert_eq!(
        found.outline(),
        "ethernet ipv4 gre mpls mpls ipv4 icmp payload"
    );
    assert!(matches!(&found.layers[2], Layer::Gre(gre) if gre.key == Some(9) && gre.seq.is_none()));

    let tagged = vlan(5, 0x8100, &vlan(6, 0x0800, &packet));
    assert_eq!(
        outline(&ethernet(MAC_A, MAC_B, 0x88a8, &tagged)),
        "ethernet vlan vlan ipv4 icmp payload"
    );

    let in_udp = ipv4(VTEP_A, VTEP_B, 17, &udp(1, 6635, &labelled));
    assert_eq!(
        outline(&ethernet(MAC_A, MAC_B, 0x0800, &in_udp)),
        "ethernet ipv4 udp mpls mpls ipv4 icmp payload"
    );

    let in_ip = ipv4(VTEP_A, VTEP_B, 4, &packet);
    assert_eq!(
        outline(&ethernet(MAC_A, MAC_B, 0x0800, &in_ip)),
        "ethernet ipv4 ipv4 icmp payload"
    );
}

#[test]
fn gpe_names_what_it_carries() {
    let packet = ipv4(VM_A, VM_B, 1, &icmp_echo(8, 1, 1));
    let gpe = [&[0x0c, 0, 0, 1, 0, 0, 16, 0][..], &packet].concat();
    let frame = ethernet(
        MAC_A,
        MAC_B,
        0x0800,
        &ipv4(VTEP_A, VTEP_B, 17, &udp(1, 4790, &gpe)),
    );
    assert_eq!(outline(&frame), "ethernet ipv4 udp vxlan ipv4 icmp payload");
}

#[test]
fn vxlan_port_can_be_chosen() {
    let dissector = StandardDissector {
        vxlan_ports: vec![5555],
        ..Default::default()
    };
    let inner = echo(8, (MAC_A, VM_A), (MAC_B, VM_B), 1);
    let frame = tunnelled(VTEP_A, VTEP_B, 16, &inner);
    assert!(!dissector.dissect(&frame).has(Protocol::Vxlan));
}

#[test]
fn ipv6_extension_headers_are_part_of_ipv6() {
    let echo = icmp_echo(128, 3, 4);
    let hop_by_hop = [&[58, 0, 5, 2, 0, 0, 1, 0][..], &echo].concat();
    let (src, dst) = (
        "2001:db8::1".parse().unwrap(),
        "2001:db8::2".parse().unwrap(),
    );
    let found = dissect(&ethernet(
        MAC_A,
        MAC_B,
        0x86dd,
        &ipv6(src, dst, 0, &hop_by_hop),
    ));
    assert_eq!(found.outline(), "ethernet ipv6 icmpv6 payload");
    let Layer::Ipv6(ip) = &found.layers[1] else {
        panic!("{found:?}")
    };
    assert_eq!((ip.next_header, ip.protocol), (0, 58));
    let Layer::Icmpv6(icmp) = &found.layers[2] else {
        panic!("{found:?}")
    };
    assert_eq!((icmp.id, icmp.seq), (Some(3), Some(4)));
}

#[test]
fn padding_is_no_payload() {
    let mut frame = segment((VTEP_A, 1), (VTEP_B, 179), 1, 1, ACK, b"");
    frame.extend([0; 6]);
    let found = dissect(&frame);
    assert_eq!(found.outline(), "ethernet ipv4 tcp");
    assert_eq!(found.tcp().expect("a TCP layer").2.payload.len(), 0);
}

#[test]
fn later_fragments_are_not_read_as_headers() {
    let mut packet = ipv4(VTEP_A, VTEP_B, 17, b"\x12\xb5\x12\xb5 middle of a datagram");
    packet[6..8].copy_from_slice(&[0x20, 0xb9]);
    let found = dissect(&ethernet(MAC_A, MAC_B, 0x0800, &packet));
    assert_eq!(found.outline(), "ethernet ipv4 payload");
    let Layer::Ipv4(ip) = &found.layers[1] else {
        panic!("{found:?}")
    };
    assert_eq!((ip.fragment_offset, ip.more_fragments), (1480, true));
}

// What the capture cut off is missing data, not a shorter packet.
#[test]
fn snapped_frames_say_what_is_missing() {
    let whole = segment((VTEP_A, 1), (VTEP_B, 179), 1, 1, ACK, &[0xff; 100]);
    let found = dissect(&whole[..94]);
    assert_eq!(found.outline(), "ethernet ipv4 tcp payload ipv4");
    let Some(Layer::Cut(cut)) = found.layers.last() else {
        panic!("{found:?}")
    };
    assert_eq!(cut.why, Why::Truncated { missing: 60 });
}

#[test]
fn segments_too_large_for_the_length_field() {
    let mut frame = segment((VTEP_A, 1), (VTEP_B, 179), 1, 1, ACK, &[0; 70_000]);
    frame[16..18].copy_from_slice(&[0, 0]);
    assert_eq!(
        dissect(&frame).tcp().expect("a TCP layer").2.payload.len(),
        70_000
    );
}

#[test]
fn contradictions_end_the_dissection() {
    let mut short_header = segment((VTEP_A, 1), (VTEP_B, 179), 1, 1, ACK, b"");
    short_header[14] = 0x44;
    assert!(matches!(
        dissect(&short_header).layers[..],
        [Layer::Ethernet(_), Layer::Cut(cut)] if cut.why == Why::Malformed
    ));
    let routed_gre = [0x40, 0, 8, 0, 0, 0, 0, 0];
    let frame = ethernet(MAC_A, MAC_B, 0x0800, &ipv4(VTEP_A, VTEP_B, 47, &routed_gre));
    assert!(matches!(
        dissect(&frame).layers.last(),
        Some(Layer::Cut(cut)) if cut.layer == Protocol::Gre
    ));
}

#[test]
fn depth_is_bounded() {
    let stack = (0..1000).fold(Vec::new(), |inner, _| mpls(3, false, &inner));
    let found = dissect(&ethernet(MAC_A, MAC_B, 0x8847, &stack));
    assert_eq!(found.layers.len(), 65);
    assert!(matches!(found.layers.last(), Some(Layer::Cut(cut)) if cut.why == Why::TooDeep));
}

#[test]
fn every_truncation_gives_the_layers_so_far() {
    let inner = echo(8, (MAC_A, VM_A), (MAC_B, VM_B), 1);
    let frame = tunnelled(VTEP_A, VTEP_B, 16, &inner);
    let whole: Vec<Protocol> = dissect(&frame).layers.iter().map(Layer::protocol).collect();
    for len in 0..frame.len() {
        let found = dissect(&frame[..len]);
        let last = found.layers.last();
        assert!(
            matches!(last, Some(Layer::Cut(_))),
            "{len} octets: {found:?}"
        );
        let before = found
            .layers
            .iter()
            .take(found.layers.len() - 1)
            .map(Layer::protocol);
        assert!(
            before.zip(&whole).all(|(found, whole)| found == *whole),
            "{len} octets"
        );
    }
}

/// Whatever the octets, ranges lie inside the frame and nothing panics.
fn holds_together(frame: &[u8]) {
    for layer in dissect(frame).layers {
        let range = match layer {
            Layer::Tcp(tcp) => tcp.payload,
            Layer::Payload(payload) => payload.range,
            _ => continue,
        };
        assert!(
            frame.get(range.clone()).is_some(),
            "{range:?} of {}",
            frame.len()
        );
    }
}

proptest! {
    #[test]
    fn any_octets(frame in prop::collection::vec(any::<u8>(), 0..200)) {
        holds_together(&frame);
    }

    // Random octets rarely get past the EtherType: change a good frame instead.
    #[test]
    fn any_change_to_a_good_frame(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        which in 0..4_usize,
        len in any::<prop::sample::Index>(),
    ) {
        let inner = echo(8, (MAC_A, VM_A), (MAC_B, VM_B), 1);
        let packet = ipv4(VM_A, VM_B, 1, &icmp_echo(8, 1, 1));
        let gre = [&[0xb0, 0, 0x88, 0x47, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1][..],
            &mpls(100, true, &packet)].concat();
        let (src, dst) = ("2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap());
        let extended = [&[43, 0, 5, 2, 0, 0, 1, 0, 44, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0][..],
            &crate::support::tcp((1, 179), 1, 1, ACK, b"data")].concat();
        let mut frame = match which {
            0 => tunnelled(VTEP_A, VTEP_B, 16, &inner),
            1 => ethernet(MAC_A, MAC_B, 0x0800, &ipv4(VTEP_A, VTEP_B, 47, &gre)),
            2 => ethernet(MAC_A, MAC_B, 0x86dd, &ipv6(src, dst, 0, &extended)),
            _ => ethernet(MAC_A, MAC_B, 0x0806, &arp(1, (MAC_A, VM_A), (MAC_B, VM_B))),
        };
        for (at, octet) in changes {
            let at = at.index(frame.len());
            frame[at] = octet;
        }
        frame.truncate(len.index(frame.len() + 1));
        holds_together(&frame);
    }
}
