//! ICMP messages as octets (RFC 792, RFC 4443).

use std::net::IpAddr;

use super::Echo;

const V4_ECHO_REPLY: u8 = 0;
const V4_UNREACHABLE: u8 = 3;
/// A code of [`V4_UNREACHABLE`].
const V4_TOO_BIG: u8 = 4;
const V4_ECHO: u8 = 8;
const V4_TIME_EXCEEDED: u8 = 11;
const V6_UNREACHABLE: u8 = 1;
const V6_TOO_BIG: u8 = 2;
const V6_TIME_EXCEEDED: u8 = 3;
const V6_ECHO: u8 = 128;
const V6_ECHO_REPLY: u8 = 129;

/// Type and code of "port unreachable", in ICMP and ICMPv6.
pub(crate) const PORT_UNREACHABLE: [(u8, u8); 2] = [(V4_UNREACHABLE, 3), (V6_UNREACHABLE, 4)];

const V4_ERRORS: &[u8] = &[V4_UNREACHABLE, V4_TIME_EXCEEDED];
const V6_ERRORS: &[u8] = &[V6_UNREACHABLE, V6_TOO_BIG, V6_TIME_EXCEEDED];

/// Octets of an echo message before the payload, and of an error before the packet it is about.
const HEADER: usize = 8;
const IPV6_HEADER: usize = 40;

/// What a received message means for a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is the answer.
    Reply,
    /// It says that the request was not delivered.
    Unreachable {
        from: IpAddr,
        kind: u8,
        code: u8,
        mtu: Option<u32>,
    },
    /// It concerns something else.
    Other,
}

/// An echo request. The kernel computes the checksum of ICMPv6, not of ICMP.
pub(super) fn request(echo: &Echo, v6: bool) -> Vec<u8> {
    let payload: Vec<u8> = payload(echo).collect();
    request_with(echo.id, echo.seq, &payload, v6)
}

/// An echo request with a payload of the caller's.
pub(crate) fn request_with(id: u16, seq: u16, payload: &[u8], v6: bool) -> Vec<u8> {
    let mut octets = vec![if v6 { V6_ECHO } else { V4_ECHO }, 0, 0, 0];
    octets.extend(id.to_be_bytes());
    octets.extend(seq.to_be_bytes());
    octets.extend_from_slice(payload);
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

/// The payload of an echo reply; `None` for any other message.
pub(crate) fn echoed(octets: &[u8], v6: bool) -> Option<&[u8]> {
    let reply = if v6 { V6_ECHO_REPLY } else { V4_ECHO_REPLY };
    let (header, payload) = octets.split_first_chunk::<HEADER>()?;
    (header[0] == reply).then_some(payload)
}

/// Type and code of an error about an echo request with this identifier.
pub(crate) fn refusal_of(octets: &[u8], id: u16, v6: bool) -> Option<(u8, u8)> {
    let (header, packet) = octets.split_first_chunk::<HEADER>()?;
    let errors = if v6 { V6_ERRORS } else { V4_ERRORS };
    let inner = if v6 {
        packet.get(IPV6_HEADER..)?
    } else {
        after_ipv4_header(packet)?
    };
    let [kind, _, _, _, id0, id1, ..] = *inner.first_chunk::<HEADER>()?;
    let ours = kind == if v6 { V6_ECHO } else { V4_ECHO } && u16::from_be_bytes([id0, id1]) == id;
    (ours && errors.contains(&header[0])).then_some((header[0], header[1]))
}

/// What follows an IPv4 header.
pub(crate) fn after_ipv4_header(octets: &[u8]) -> Option<&[u8]> {
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
        (V6_ECHO_REPLY, V6_ERRORS)
    } else {
        (V4_ECHO_REPLY, V4_ERRORS)
    };
    if kind == reply {
        let ours = same_request(header, echo, raw) && rest.iter().copied().eq(payload(echo));
        return if ours { Answer::Reply } else { Answer::Other };
    }
    if errors.contains(&kind) && about(rest, echo, v6, raw) {
        return Answer::Unreachable {
            from,
            kind,
            code,
            mtu: mtu(header, v6),
        };
    }
    Answer::Other
}

/// The MTU that an error is about: RFC 1191 section 4, RFC 4443 section 3.2.
fn mtu(header: &[u8; HEADER], v6: bool) -> Option<u32> {
    let [kind, code, _, _, a, b, c, d] = *header;
    let mtu = match (v6, kind, code) {
        (false, V4_UNREACHABLE, V4_TOO_BIG) => u16::from_be_bytes([c, d]).into(),
        (true, V6_TOO_BIG, _) => u32::from_be_bytes([a, b, c, d]),
        _ => 0,
    };
    // Routers older than RFC 1191 do not tell.
    (mtu > 0).then_some(mtu)
}

/// Whether an error says that the TTL ran out.
pub(crate) fn is_time_exceeded(v6: bool, kind: u8) -> bool {
    kind == if v6 {
        V6_TIME_EXCEEDED
    } else {
        V4_TIME_EXCEEDED
    }
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
pub(crate) fn meaning(v6: bool, kind: u8, code: u8) -> String {
    let words = match (v6, kind, code) {
        (false, V4_UNREACHABLE, 0) => "network unreachable",
        (false, V4_UNREACHABLE, 1) => "host unreachable",
        (false, V4_UNREACHABLE, 2) => "protocol unreachable",
        (false, V4_UNREACHABLE, 3) => "port unreachable",
        (false, V4_UNREACHABLE, V4_TOO_BIG) => "packet too big",
        (false, V4_UNREACHABLE, 9 | 10 | 13) => "prohibited",
        (false, V4_TIME_EXCEEDED, _) | (true, V6_TIME_EXCEEDED, _) => "time exceeded",
        (true, V6_TOO_BIG, _) => "packet too big",
        (true, V6_UNREACHABLE, 0) => "no route",
        (true, V6_UNREACHABLE, 1) => "prohibited",
        (true, V6_UNREACHABLE, 3) => "address unreachable",
        (true, V6_UNREACHABLE, 4) => "port unreachable",
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
        let unreachable = |code, mtu| Answer::Unreachable {
            from,
            kind: V4_UNREACHABLE,
            code,
            mtu,
        };
        let classified = |octets: &[u8]| classify(octets, from, &echo(), false, true);
        assert_eq!(classified(&octets), unreachable(1, None));
        octets[1] = V4_TOO_BIG;
        assert_eq!(classified(&octets), unreachable(V4_TOO_BIG, None));
        octets[6..8].copy_from_slice(&1400u16.to_be_bytes());
        assert_eq!(classified(&octets), unreachable(V4_TOO_BIG, Some(1400)));
        octets[8 + 19] = 3;
        assert_eq!(classified(&octets), Answer::Other);
    }
}
