//! Every layer and field that a scenario can ask for: a frame that agrees, and what is said of one that does not.

#![allow(clippy::expect_used, reason = "a helper of tests fails as they do")]

#[path = "support/messages.rs"]
mod messages;
mod support;

use capture::{Frame, Matcher, Recording, Satisfied, Timestamp};
use messages::expect;
use scenario::packet::{
    EthernetMatcher, GreMatcher, IcmpMatcher, Ipv4Matcher, Ipv6Matcher, LayerMatcher, MplsMatcher,
    TcpFlag, TcpMatcher, UdpMatcher,
};
use scenario::{Amount, Numbers};
use support::{ACK, MAC_A, MAC_B, SYN, VM_A, VM_B, VTEP_A, VTEP_B};

fn only(frame: Vec<u8>) -> Recording {
    let mut recording = Recording::new();
    recording.push(Frame::new(Timestamp(1_000_000_000), frame));
    recording
}

/// What is said of the one frame, which is none of those asked for.
fn miss(recording: &Recording, layers: Vec<LayerMatcher>) -> String {
    let verdict = Matcher::new(expect(layers, Amount::SOME)).evaluate(recording);
    assert_eq!(verdict.satisfied, Satisfied::NotYet, "{}", verdict.wanted);
    verdict.nearest.expect("a near miss").to_string()
}

fn hit(recording: &Recording, layers: Vec<LayerMatcher>) {
    let verdict = Matcher::new(expect(layers, Amount::exactly(1))).evaluate(recording);
    assert_eq!(
        verdict.satisfied,
        Satisfied::Yes,
        "{}",
        verdict.explain(recording)
    );
}

fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let packet = support::ipv4(VM_A, VM_B, protocol, payload);
    support::ethernet(MAC_A, MAC_B, 0x0800, &packet)
}

/// Any of these; none is a number that no field has.
fn any(numbers: &[u64]) -> Option<Numbers> {
    Some(Numbers::one_of(numbers.iter().copied()))
}

#[test]
fn tags_of_vlans() {
    let packet = support::ipv4(VM_A, VM_B, 1, &support::icmp_echo(8, 1, 1));
    // Priority 3, identifier 42.
    let tag = support::vlan(0x602a, 0x0800, &packet);
    let recording = only(support::ethernet(MAC_A, MAC_B, 0x8100, &tag));
    let tagged = |vlan, pcp| {
        vec![LayerMatcher::Ethernet(EthernetMatcher {
            vlan,
            pcp,
            ethertype: Some(0x0800),
            ..EthernetMatcher::default()
        })]
    };
    hit(&recording, tagged(any(&[7, 42]), any(&[3])));
    assert_eq!(
        miss(&recording, tagged(any(&[42]), any(&[5, 6]))),
        "ethernet `pcp` is 3, expected 5 or 6"
    );
    let bare = only(ipv4(1, &support::icmp_echo(8, 1, 1)));
    assert_eq!(
        miss(&bare, tagged(any(&[42]), None)),
        "ethernet `vlan` is none, expected 42"
    );
}

#[test]
fn fields_of_ip() {
    let recording = only(ipv4(1, &support::icmp_echo(8, 7, 5)));
    let ip = |ttl, dscp, df| {
        vec![LayerMatcher::Ipv4(Ipv4Matcher {
            ttl,
            dscp,
            df,
            ..Ipv4Matcher::default()
        })]
    };
    hit(
        &recording,
        ip(Some(Numbers::within(None, Some(64))), any(&[0]), Some(true)),
    );
    let few = Some(Numbers::within(None, Some(5)));
    assert_eq!(
        miss(&recording, ip(few, None, None)),
        "ipv4 `ttl` is 64, expected at most 5"
    );
    assert_eq!(
        miss(&recording, ip(None, any(&[46]), None)),
        "ipv4 `dscp` is 0, expected 46"
    );
    assert_eq!(
        miss(&recording, ip(None, None, Some(false))),
        "ipv4 `df` is true, expected false"
    );
    let icmp = |seq| {
        vec![LayerMatcher::Icmp(IcmpMatcher {
            seq,
            ..IcmpMatcher::default()
        })]
    };
    hit(&recording, icmp(Some(Numbers::within(Some(5), Some(6)))));
    assert_eq!(
        miss(&recording, icmp(any(&[4]))),
        "icmp `seq` is 5, expected 4"
    );
}

#[test]
fn targets_of_neighbour_discovery() {
    let target = "fd00::7".parse().expect("an address");
    let mut solicitation = vec![135, 0, 0, 0, 0, 0, 0, 0];
    solicitation.extend(std::net::Ipv6Addr::octets(&target));
    let (src, dst) = (
        "fd00::1".parse().expect("an address"),
        "ff02::1:ff00:7".parse().expect("an address"),
    );
    let packet = support::ipv6(src, dst, 58, &solicitation);
    let recording = only(support::ethernet(MAC_A, MAC_B, 0x86dd, &packet));
    let asked = |target| {
        vec![
            LayerMatcher::Ipv6(Ipv6Matcher {
                hop_limit: any(&[64]),
                ..Ipv6Matcher::default()
            }),
            LayerMatcher::Icmp(IcmpMatcher {
                target: Some(target),
                ..IcmpMatcher::default()
            }),
        ]
    };
    hit(&recording, asked(target));
    assert_eq!(
        miss(&recording, asked(src)),
        "icmp `target` is fd00::7, expected fd00::1"
    );
}

#[test]
fn either_port_and_control_bits() {
    let recording = only(ipv4(6, &support::tcp((40000, 179), 1, 0, SYN, b"")));
    let tcp = |matcher| vec![LayerMatcher::Tcp(matcher)];
    for ports in [&[179][..], &[40000], &[80, 179]] {
        hit(
            &recording,
            tcp(TcpMatcher {
                port: any(ports),
                flags: vec![TcpFlag::Syn],
                lacks_flags: vec![TcpFlag::Ack, TcpFlag::Rst],
                ..TcpMatcher::default()
            }),
        );
    }
    assert_eq!(
        miss(
            &recording,
            tcp(TcpMatcher {
                port: any(&[80]),
                ..TcpMatcher::default()
            })
        ),
        "tcp `port` is 40000 and 179, expected 80"
    );
    assert_eq!(
        miss(
            &recording,
            tcp(TcpMatcher {
                flags: vec![TcpFlag::Ack],
                ..TcpMatcher::default()
            })
        ),
        "tcp `flags` is SYN, expected ACK"
    );
    assert_eq!(
        miss(
            &recording,
            tcp(TcpMatcher {
                window: any(&[0]),
                ..TcpMatcher::default()
            })
        ),
        "tcp `window` is 65535, expected 0"
    );
    let answer = only(ipv4(6, &support::tcp((179, 1), 1, 1, SYN | ACK, b"")));
    assert_eq!(
        miss(
            &answer,
            tcp(TcpMatcher {
                flags: vec![TcpFlag::Syn],
                lacks_flags: vec![TcpFlag::Ack],
                ..TcpMatcher::default()
            })
        ),
        "tcp `flags` is SYN,ACK, expected no ACK"
    );
    let datagram = only(ipv4(17, &support::udp(5000, 53, b"?")));
    hit(
        &datagram,
        vec![LayerMatcher::Udp(UdpMatcher {
            port: any(&[53]),
            ..UdpMatcher::default()
        })],
    );
}

#[test]
fn stacks_of_labels_inside_gre() {
    let packet = support::ipv4(VM_A, VM_B, 1, &support::icmp_echo(8, 1, 1));
    let stack = support::mpls(100, false, &support::mpls(200, true, &packet));
    let gre = [&[0x20, 0, 0x88, 0x47, 0, 0, 0, 9][..], &stack].concat();
    let outer = support::ipv4(VTEP_A, VTEP_B, 47, &gre);
    let recording = only(support::ethernet(MAC_A, MAC_B, 0x0800, &outer));
    let label = |label: u64, bottom| {
        LayerMatcher::Mpls(MplsMatcher {
            label: any(&[label]),
            bottom,
            ttl: any(&[63]),
            tc: any(&[0]),
        })
    };
    let tunnel = |key: u64| {
        LayerMatcher::Gre(GreMatcher {
            protocol: Some(0x8847),
            key: any(&[key]),
        })
    };
    let icmp = || LayerMatcher::Icmp(IcmpMatcher::default());
    hit(
        &recording,
        vec![
            tunnel(9),
            label(100, Some(false)),
            label(200, Some(true)),
            icmp(),
        ],
    );
    // Others may lie between, so that the lower label alone is found too, and the order counts.
    hit(&recording, vec![label(200, None), icmp()]);
    assert_eq!(
        miss(&recording, vec![label(200, None), label(100, None)]),
        "no `mpls` where expected, the layers are ethernet ipv4 gre mpls mpls ipv4 icmp payload"
    );
    assert_eq!(
        miss(&recording, vec![label(100, Some(true))]),
        "mpls `bottom` is false, expected true"
    );
    assert_eq!(
        miss(&recording, vec![tunnel(8)]),
        "gre `key` is 9, expected 8"
    );
}
