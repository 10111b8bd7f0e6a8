//! ICMP messages as octets (RFC 792, RFC 4443).

use std::net::IpAddr;

use super::Echo;

const V4_ECHO_REPLY: u8 = 0;
const V4_UNREACHABLE: u8 = 3;
const V4_ECHO: u8 = 8;
const V4_TIME_EXCEEDED: u8 = 11;
const V6_UNREACHABLE: u8 = 1;
const V6_TIME_EXCEEDED: u8 = 3;
const V6_ECHO: u8 = 128;
const V6_ECHO_REPLY: u8 = 129;

/// Octets of an echo message before the payload, and of an error before the packet it is about.
const HEADER: usize = 8;
const IPV6_HEADER: usize = 40;

/// What a received message means for a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is the answer.
    Reply,
    /// It says that the request was not delivered.
    Unreachable { from: IpAddr, kind: u8, code: u8 },
    /// It concerns something else.
    Other,
}

/// An echo request. The kernel computes the checksum of ICMPv6, not of ICMP.
pub(super) fn request(echo: &Echo, v6: bool) -> Vec<u8> {
    let mut octets = vec![if v6 { V6_ECHO } else { V4_ECHO }, 0, 0, 0];
    octets.extend(echo.id.to_be_bytes());
    octets.extend(echo.seq.to_be_bytes());
    octets.extend(payload(echo));
    if !v6 {
        let sum = checksum(&octets).to_be_bytes();
        octets[2..4].copy_from_slice(&sum);
    }
    octets
}

fn payload(echo: &Echo) -> impl Iterator<Item = u8> {
    (0..echo.payload_len).map(|at| (at % 251) as u8)
}

/// The internet checksum (RFC 1071) of octets whose own checksum field is zero.
fn checksum(octets: &[u8]) -> u16 {
    let mut sum: u64 = 0;
    for pair in octets.chunks(2) {
        sum += u64::from(u16::from_be_bytes([
            pair[0],
            pair.get(1).copied().unwrap_or(0),
        ]));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// What follows an IPv4 header.
pub(super) fn after_ipv4_header(octets: &[u8]) -> Option<&[u8]> {
    let length = usize::from(octets.first()? & 0x0f) * 4;
    octets.get(length..)
}

/// What the message `octets`, which came from `from`, means for the request. Without a raw socket
/// the kernel has chosen the identifier, and only hands us what is ours.
pub(super) fn classify(octets: &[u8], from: IpAddr, echo: &Echo, v6: bool, raw: bool) -> Answer {
    let Some((header, rest)) = octets.split_first_chunk::<HEADER>() else {
        return Answer::Other;
    };
    let [kind, code, ..] = *header;
    let (reply, errors) = if v6 {
        (V6_ECHO_REPLY, [V6_UNREACHABLE, V6_TIME_EXCEEDED])
    } else {
        (V4_ECHO_REPLY, [V4_UNREACHABLE, V4_TIME_EXCEEDED])
    };
    if kind == reply {
        let ours = same_request(header, echo, raw) && rest.iter().copied().eq(payload(echo));
        return if ours { Answer::Reply } else { Answer::Other };
    }
    if errors.contains(&kind) && about(rest, echo, v6, raw) {
        return Answer::Unreachable { from, kind, code };
    }
    Answer::Other
}

/// Whether the packet that an error quotes is the request.
fn about(packet: &[u8], echo: &Echo, v6: bool, raw: bool) -> bool {
    let (inner, to, request) = if v6 {
        let to = packet
            .get(24..40)
            .and_then(|octets| <[u8; 16]>::try_from(octets).ok());
        (packet.get(IPV6_HEADER..), to.map(IpAddr::from), V6_ECHO)
    } else {
        let to = packet
            .get(16..20)
            .and_then(|octets| <[u8; 4]>::try_from(octets).ok());
        (after_ipv4_header(packet), to.map(IpAddr::from), V4_ECHO)
    };
    let Some(inner) = inner.and_then(|octets| octets.first_chunk::<HEADER>()) else {
        return false;
    };
    to == Some(echo.to) && inner[0] == request && same_request(inner, echo, raw)
}

fn same_request(header: &[u8; HEADER], echo: &Echo, raw: bool) -> bool {
    let [_, _, _, _, id0, id1, seq0, seq1] = *header;
    let id = u16::from_be_bytes([id0, id1]);
    u16::from_be_bytes([seq0, seq1]) == echo.seq && (id == echo.id || !raw)
}

/// An error message in words.
pub(super) fn meaning(v6: bool, kind: u8, code: u8) -> String {
    let words = match (v6, kind, code) {
        (false, V4_UNREACHABLE, 0) => "network unreachable",
        (false, V4_UNREACHABLE, 1) => "host unreachable",
        (false, V4_UNREACHABLE, 2) => "protocol unreachable",
        (false, V4_UNREACHABLE, 3) => "port unreachable",
        (false, V4_UNREACHABLE, 4) => "packet too big",
        (false, V4_UNREACHABLE, 9 | 10 | 13) => "prohibited",
        (false, V4_TIME_EXCEEDED, _) | (true, V6_TIME_EXCEEDED, _) => "time exceeded",
        (true, V6_UNREACHABLE, 0) => "no route",
        (true, V6_UNREACHABLE, 1) => "prohibited",
        (true, V6_UNREACHABLE, 3) => "address unreachable",
        _ => return format!("ICMP type {kind} code {code}"),
    };
    words.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn echo() -> Echo {
        Echo {
            id: 0x1234,
            seq: 7,
            payload_len: 5,
            ..Echo::to(IpAddr::from([10, 0, 0, 2]))
        }
    }

    #[test]
    fn a_request_checks_to_zero() {
        for len in 0..9 {
            let octets = request(
                &Echo {
                    payload_len: len,
                    ..echo()
                },
                false,
            );
            assert_eq!(octets.len(), 8 + len);
            assert_eq!(checksum(&octets), 0, "length {len}");
        }
    }

    #[test]
    fn only_the_own_reply_counts() {
        let from = IpAddr::from([10, 0, 0, 2]);
        let mut reply = request(&echo(), false);
        assert_eq!(classify(&reply, from, &echo(), false, true), Answer::Other);
        reply[0] = V4_ECHO_REPLY;
        assert_eq!(classify(&reply, from, &echo(), false, true), Answer::Reply);
        for at in 4..reply.len() {
            let mut other = reply.clone();
            other[at] ^= 1;
            assert_eq!(
                classify(&other, from, &echo(), false, true),
                Answer::Other,
                "octet {at}"
            );
        }
        for length in 0..reply.len() {
            assert_eq!(
                classify(&reply[..length], from, &echo(), false, true),
                Answer::Other
            );
        }
    }

    #[test]
    fn an_error_about_the_request_counts() {
        let from = IpAddr::from([10, 0, 0, 1]);
        let mut quoted = vec![0x45; 20];
        quoted[16..20].copy_from_slice(&[10, 0, 0, 2]);
        quoted.extend(&request(&echo(), false)[..8]);
        let mut octets = vec![V4_UNREACHABLE, 1, 0, 0, 0, 0, 0, 0];
        octets.extend(quoted);
        let expected = Answer::Unreachable {
            from,
            kind: V4_UNREACHABLE,
            code: 1,
        };
        assert_eq!(classify(&octets, from, &echo(), false, true), expected);
        octets[8 + 19] = 3;
        assert_eq!(classify(&octets, from, &echo(), false, true), Answer::Other);
    }
}
