//! BGP messages out of a capture file: classic pcap, Ethernet, TCP over IPv4 or IPv6, nothing lost.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use bgp_wire::capability::code;
use bgp_wire::open::Open;
use bgp_wire::raw::{Framer, MAX_EXTENDED_LEN, RawMessage, kind};
use bgp_wire::{DecodeContext, Message};

/// A message with its direction and what the session had agreed on.
pub struct Captured {
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub raw: RawMessage,
    pub context: DecodeContext,
}

/// The directories of the recorded sessions, each with a `session.pcap`.
pub fn directories() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../captures");
    let entries = std::fs::read_dir(root).expect("the captures directory");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let found: BTreeSet<_> = paths
        .filter(|path| path.join("session.pcap").exists())
        .collect();
    assert!(!found.is_empty(), "no captures");
    found.into_iter().collect()
}

/// All messages of a capture in order of arrival.
pub fn messages(path: &Path) -> Vec<Captured> {
    let file = std::fs::read(path).expect("a readable file");
    let mut directions: BTreeMap<(SocketAddr, SocketAddr), Direction> = BTreeMap::new();
    let mut captured = Vec::new();
    for segment in packets(&file).filter_map(tcp) {
        let (from, to) = (segment.from, segment.to);
        let other = directions
            .get(&(to, from))
            .and_then(|reverse| reverse.open.clone());
        let direction = directions.entry((from, to)).or_default();
        direction.take(&segment);
        while let Some(raw) = direction.framer.next() {
            let raw = raw.expect("a message");
            let context = DecodeContext::default();
            if let (kind::OPEN, Ok(Message::Open(open))) =
                (raw.kind, Message::decode(&raw, &context))
            {
                direction.open = Some(open);
            }
            let context = agreed(direction.open.as_ref(), other.as_ref());
            if context.extended_message {
                direction.framer.set_max_len(MAX_EXTENDED_LEN);
            }
            captured.push(Captured {
                from,
                to,
                raw,
                context,
            });
        }
    }
    captured
}

/// What `sender` may do on the session.
fn agreed(sender: Option<&Open>, receiver: Option<&Open>) -> DecodeContext {
    let (Some(sender), Some(receiver)) = (sender, receiver) else {
        return DecodeContext::default();
    };
    let both = |code| sender.has(code) && receiver.has(code);
    let several = |family: &_| {
        sender.add_path(*family).is_some_and(|mode| mode.sends())
            && receiver
                .add_path(*family)
                .is_some_and(|mode| mode.receives())
    };
    DecodeContext {
        as4: both(code::FOUR_OCTET_AS),
        ibgp: sender.asn() == receiver.asn(),
        add_path: sender.families().into_iter().filter(several).collect(),
        extended_message: both(code::EXTENDED_MESSAGE),
    }
}

#[derive(Default)]
struct Direction {
    framer: Framer,
    open: Option<Open>,
    next: Option<u32>,
}

impl Direction {
    fn take(&mut self, segment: &Segment<'_>) {
        if segment.syn {
            *self = Self {
                next: Some(segment.sequence.wrapping_add(1)),
                ..Self::default()
            };
            return;
        }
        let next = *self.next.get_or_insert(segment.sequence);
        let known = next.wrapping_sub(segment.sequence);
        if known > u32::MAX / 2 {
            // A keep-alive probe or something lost: the former has no new octets, the latter must not be.
            assert!(
                segment.payload.is_empty(),
                "a segment is missing before {}",
                segment.sequence
            );
            return;
        }
        if let Some(new) = segment.payload.get(known as usize..) {
            self.framer.push(new);
            self.next = Some(next.wrapping_add(new.len() as u32));
        }
    }
}

struct Segment<'a> {
    from: SocketAddr,
    to: SocketAddr,
    sequence: u32,
    syn: bool,
    payload: &'a [u8],
}

fn packets(file: &[u8]) -> impl Iterator<Item = &[u8]> {
    assert_eq!(
        file[..4],
        0xa1b2_c3d4u32.to_le_bytes(),
        "a little-endian classic pcap"
    );
    let mut rest = &file[24..];
    std::iter::from_fn(move || {
        let length = u32::from_le_bytes(*rest.get(8..)?.first_chunk()?) as usize;
        let packet;
        (packet, rest) = rest[16..].split_at(length);
        Some(packet)
    })
}

fn tcp(frame: &[u8]) -> Option<Segment<'_>> {
    let packet = frame.get(14..)?;
    let (source, target, segment): (IpAddr, IpAddr, _) = match packet.first()? >> 4 {
        4 => {
            let header = usize::from(packet[0] & 0xf) * 4;
            let total = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
            let source: [u8; 4] = packet[12..16].try_into().ok()?;
            let target: [u8; 4] = packet[16..20].try_into().ok()?;
            (
                Ipv4Addr::from(source).into(),
                Ipv4Addr::from(target).into(),
                &packet[header..total],
            )
        }
        6 => {
            let total = 40 + usize::from(u16::from_be_bytes([packet[4], packet[5]]));
            let source: [u8; 16] = packet[8..24].try_into().ok()?;
            let target: [u8; 16] = packet[24..40].try_into().ok()?;
            (
                Ipv6Addr::from(source).into(),
                Ipv6Addr::from(target).into(),
                &packet[40..total],
            )
        }
        _ => return None,
    };
    let port = |at: usize| u16::from_be_bytes([segment[at], segment[at + 1]]);
    Some(Segment {
        from: SocketAddr::new(source, port(0)),
        to: SocketAddr::new(target, port(2)),
        sequence: u32::from_be_bytes(*segment[4..].first_chunk()?),
        syn: segment[13] & 2 != 0,
        payload: &segment[usize::from(segment[12] >> 4) * 4..],
    })
}
