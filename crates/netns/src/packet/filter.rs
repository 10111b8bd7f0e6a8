//! Which frames a capture takes, decided in the kernel: small programs of the classic packet filter.
//!
//! A frame that is not wanted costs nothing but the run of the program: it is neither copied nor does it wake anybody.

use crate::sys::FilterStep;

/// A kind of frame, by its outermost headers: what a tunnel carries is not looked into, and tags of VLANs are not in the
/// way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Traffic {
    /// TCP from or to port 179.
    Bgp,
    /// ARP (RFC 826).
    Arp,
    /// ICMP and ICMPv6, with it neighbour discovery.
    Icmp,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// UDP from or to port 4789.
    Vxlan,
    /// Frames that begin with a label (RFC 5332).
    Mpls,
    /// GRE (RFC 2784).
    Gre,
}

/// What a step jumps to.
#[derive(Clone, Copy)]
enum Then {
    /// The step after it.
    On,
    /// The frame is wanted.
    Take,
    /// Perhaps the next kind of frame.
    Next,
}

/// One step of a test, its jumps not counted out yet.
struct Step {
    code: u16,
    k: u32,
    yes: Then,
    no: Then,
}

const LOAD_OCTET: u16 = 0x30;
const LOAD_SHORT: u16 = 0x28;
/// From the offset after the IPv4 header that [`IPV4_LENGTH`] has measured.
const LOAD_SHORT_AFTER: u16 = 0x48;
/// Four times the low half of an octet, into the index register.
const IPV4_LENGTH: u16 = 0xb1;
const IF_EQUAL: u16 = 0x15;
const IF_ANY_BIT: u16 = 0x45;
const RETURN: u16 = 0x06;

const ETHERTYPE_AT: u32 = 12;
const IPV4: u32 = 0x0800;
const IPV6: u32 = 0x86dd;
const ARP: u32 = 0x0806;
const MPLS: u32 = 0x8847;

/// The program that takes `keep` octets of every frame that is one of `only`, or of all when that is empty.
pub(super) fn program(only: &[Traffic], keep: u32) -> Vec<FilterStep> {
    let give = |k| FilterStep {
        code: RETURN,
        yes: 0,
        no: 0,
        k,
    };
    if only.is_empty() {
        return vec![give(keep)];
    }
    let tests: Vec<Vec<Step>> = only.iter().flat_map(|kind| tests(*kind)).collect();
    let refuse = tests.iter().map(Vec::len).sum::<usize>();
    let take = refuse + 1;
    let mut program = Vec::with_capacity(take + 1);
    let mut next = 0;
    for test in &tests {
        next += test.len();
        for step in test {
            let after = program.len() + 1;
            let jump = |then: Then| {
                let target = match then {
                    Then::On => after,
                    Then::Take => take,
                    Then::Next => next,
                };
                // At most eight kinds of at most 18 steps each.
                u8::try_from(target - after).unwrap_or(u8::MAX)
            };
            program.push(FilterStep {
                code: step.code,
                yes: jump(step.yes),
                no: jump(step.no),
                k: step.k,
            });
        }
    }
    program.extend([give(0), give(keep)]);
    program
}

/// The tests of which one must succeed.
fn tests(kind: Traffic) -> Vec<Vec<Step>> {
    match kind {
        Traffic::Bgp => by_port(6, 179),
        Traffic::Vxlan => by_port(17, 4789),
        Traffic::Arp => vec![by_ethertype(ARP)],
        Traffic::Mpls => vec![by_ethertype(MPLS)],
        Traffic::Icmp => by_protocol(1, 58),
        Traffic::Tcp => by_protocol(6, 6),
        Traffic::Udp => by_protocol(17, 17),
        Traffic::Gre => by_protocol(47, 47),
    }
}

fn by_ethertype(ethertype: u32) -> Vec<Step> {
    vec![
        load(LOAD_SHORT, ETHERTYPE_AT),
        test(IF_EQUAL, ethertype, Then::Take, Then::Next),
    ]
}

fn by_protocol(ipv4: u32, ipv6: u32) -> Vec<Vec<Step>> {
    let mut over_ipv4 = over(IPV4, 23);
    over_ipv4.push(test(IF_EQUAL, ipv4, Then::Take, Then::Next));
    let mut over_ipv6 = over(IPV6, 20);
    over_ipv6.push(test(IF_EQUAL, ipv6, Then::Take, Then::Next));
    vec![over_ipv4, over_ipv6]
}

fn by_port(protocol: u32, port: u32) -> Vec<Vec<Step>> {
    let mut over_ipv4 = over(IPV4, 23);
    over_ipv4.extend([
        test(IF_EQUAL, protocol, Then::On, Then::Next),
        // Only the first fragment has ports.
        load(LOAD_SHORT, 20),
        test(IF_ANY_BIT, 0x1fff, Then::Next, Then::On),
        load(IPV4_LENGTH, 14),
        load(LOAD_SHORT_AFTER, 14),
        test(IF_EQUAL, port, Then::Take, Then::On),
        load(LOAD_SHORT_AFTER, 16),
        test(IF_EQUAL, port, Then::Take, Then::Next),
    ]);
    let mut over_ipv6 = over(IPV6, 20);
    over_ipv6.extend([
        test(IF_EQUAL, protocol, Then::On, Then::Next),
        load(LOAD_SHORT, 54),
        test(IF_EQUAL, port, Then::Take, Then::On),
        load(LOAD_SHORT, 56),
        test(IF_EQUAL, port, Then::Take, Then::Next),
    ]);
    vec![over_ipv4, over_ipv6]
}

/// That it is IP of this version, and its protocol loaded.
fn over(version: u32, protocol_at: u32) -> Vec<Step> {
    vec![
        load(LOAD_SHORT, ETHERTYPE_AT),
        test(IF_EQUAL, version, Then::On, Then::Next),
        load(LOAD_OCTET, protocol_at),
    ]
}

fn load(code: u16, k: u32) -> Step {
    test(code, k, Then::On, Then::On)
}

fn test(code: u16, k: u32, yes: Then, no: Then) -> Step {
    Step { code, k, yes, no }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// What the kernel does with the program: how many octets of the frame it takes.
    fn run(program: &[FilterStep], frame: &[u8]) -> u32 {
        let short = |at: usize| {
            let octets = frame.get(at..at + 2)?;
            Some(u32::from(u16::from_be_bytes(octets.try_into().unwrap())))
        };
        let (mut at, mut accumulator, mut index) = (0, 0, 0);
        loop {
            let step = &program[at];
            at += 1;
            let k = step.k as usize;
            let loaded = match step.code {
                RETURN => return step.k,
                LOAD_OCTET => frame.get(k).map(|octet| accumulator = u32::from(*octet)),
                LOAD_SHORT => short(k).map(|value| accumulator = value),
                LOAD_SHORT_AFTER => short(index + k).map(|value| accumulator = value),
                IPV4_LENGTH => frame
                    .get(k)
                    .map(|octet| index = 4 * usize::from(octet & 0xf)),
                IF_EQUAL | IF_ANY_BIT => {
                    let holds = match step.code {
                        IF_EQUAL => accumulator == step.k,
                        _ => accumulator & step.k != 0,
                    };
                    at += usize::from(if holds { step.yes } else { step.no });
                    Some(())
                }
                other => panic!("step {other:#x}"),
            };
            if loaded.is_none() {
                return 0;
            }
        }
    }

    fn ethernet(ethertype: u16, payload: &[u8]) -> Vec<u8> {
        [&[2; 12][..], &ethertype.to_be_bytes(), payload].concat()
    }

    fn ipv4(protocol: u8, options: usize, fragment: u16, payload: &[u8]) -> Vec<u8> {
        let mut header = vec![0; 20 + 4 * options];
        header[0] = 0x45 + options as u8;
        header[6..8].copy_from_slice(&fragment.to_be_bytes());
        header[9] = protocol;
        ethernet(0x0800, &[header, payload.to_vec()].concat())
    }

    fn ipv6(protocol: u8, payload: &[u8]) -> Vec<u8> {
        let mut header = vec![0; 40];
        header[6] = protocol;
        ethernet(0x86dd, &[header, payload.to_vec()].concat())
    }

    fn ports(src: u16, dst: u16) -> Vec<u8> {
        [src.to_be_bytes(), dst.to_be_bytes(), [0; 2], [0; 2]].concat()
    }

    #[test]
    fn each_kind_takes_its_own_and_nothing_else() {
        use Traffic::*;
        let frames = [
            (vec![Bgp, Tcp], ipv4(6, 0, 0x4000, &ports(40000, 179))),
            (vec![Bgp, Tcp], ipv4(6, 3, 0, &ports(179, 40000))),
            (vec![Bgp, Tcp], ipv6(6, &ports(40000, 179))),
            (vec![Bgp, Tcp], ipv6(6, &ports(179, 1))),
            (vec![Tcp], ipv4(6, 0, 0, &ports(80, 1790))),
            (vec![Tcp], ipv4(6, 0, 100, &ports(179, 179))),
            (vec![Udp], ipv4(17, 0, 0, &ports(179, 179))),
            (vec![Udp, Vxlan], ipv4(17, 0, 0, &ports(49152, 4789))),
            (vec![Udp, Vxlan], ipv6(17, &ports(49152, 4789))),
            (vec![Icmp], ipv4(1, 0, 0, &[8; 8])),
            (vec![Icmp], ipv6(58, &[135; 24])),
            (vec![Gre], ipv4(47, 0, 0, &[0; 4])),
            (vec![Arp], ethernet(0x0806, &[0; 28])),
            (vec![Mpls], ethernet(0x8847, &[0; 4])),
            (vec![], ethernet(0x88cc, &[0; 40])),
            (vec![], vec![2; 10]),
        ];
        for kind in [Bgp, Arp, Icmp, Tcp, Udp, Vxlan, Mpls, Gre] {
            for (kinds, frame) in &frames {
                let taken = run(&program(&[kind], 96), frame);
                let wanted = if kinds.contains(&kind) { 96 } else { 0 };
                assert_eq!(taken, wanted, "{kind:?} {frame:02x?}");
            }
        }
        let all = [Bgp, Arp, Icmp, Tcp, Udp, Vxlan, Mpls, Gre];
        for (kinds, frame) in &frames {
            assert_eq!(run(&program(&all, 1), frame) == 1, !kinds.is_empty());
            assert_eq!(run(&program(&[], 7), frame), 7);
        }
    }
}
