use std::time::Duration;

use bgp_wire::RawMessage;
use bgp_wire::raw::{HeaderError, kind};
use bytes::Bytes;
use proptest::prelude::*;

use super::{Before, Cut, Cutter, Limits, Reassembler, Segment};
use crate::frame::{FrameIndex, Timestamp};

const ISN: u32 = u32::MAX - 20;

/// A segment whose frame number is also its time in milliseconds.
fn segment(frame: usize, at: usize, data: &[u8]) -> Segment {
    Segment {
        seq: ISN.wrapping_add(1).wrapping_add(at as u32),
        syn: false,
        data: Bytes::copy_from_slice(data),
        frame: FrameIndex(frame),
        timestamp: at_ms(frame as u64),
    }
}

fn syn() -> Segment {
    let data = Bytes::new();
    Segment {
        seq: ISN,
        syn: true,
        data,
        frame: FrameIndex(0),
        timestamp: at_ms(0),
    }
}

fn at_ms(ms: u64) -> Timestamp {
    Timestamp::from_epoch(Duration::from_millis(ms))
}

/// Pushes segments through a reassembler and a cutter.
struct Pipe {
    reassembler: Reassembler,
    cutter: Cutter,
}

impl Pipe {
    fn new(limits: Limits) -> Self {
        Self {
            reassembler: Reassembler::new(limits),
            cutter: Cutter::new(),
        }
    }

    fn push(&mut self, segment: Segment) -> Vec<Cut> {
        let chunks = self.reassembler.push(segment);
        chunks
            .iter()
            .flat_map(|chunk| self.cutter.push(chunk))
            .collect()
    }

    fn push_all(&mut self, segments: impl IntoIterator<Item = Segment>) -> Vec<Cut> {
        segments
            .into_iter()
            .flat_map(|segment| self.push(segment))
            .collect()
    }
}

fn messages(cuts: &[Cut]) -> Vec<RawMessage> {
    cuts.iter()
        .filter_map(|cut| cut.message.clone().ok())
        .collect()
}

fn keepalive() -> Bytes {
    RawMessage::new(kind::KEEPALIVE, Bytes::new()).encode()
}

fn numbered(number: u8, len: usize) -> RawMessage {
    RawMessage::new(kind::UPDATE, vec![number; len])
}

#[test]
fn a_message_belongs_to_the_frame_of_its_last_octet() {
    let octets = keepalive();
    let mut pipe = Pipe::new(Limits::default());
    let cuts = pipe.push_all([
        syn(),
        segment(1, 0, &octets[..5]),
        segment(2, 5, &octets[5..18]),
        segment(3, 18, &[&octets[18..], &octets[..]].concat()),
    ]);
    let frames: Vec<usize> = cuts.iter().map(|cut| cut.frame.0).collect();
    assert_eq!(frames, [3, 3]);
    assert_eq!(cuts[0].timestamp, at_ms(3));
}

// The gap is filled by frame 2; the octet that ends the message came in frame 1.
#[test]
fn out_of_order_the_earlier_frame_ends_the_message() {
    let octets = keepalive();
    let mut pipe = Pipe::new(Limits::default());
    assert!(
        pipe.push_all([syn(), segment(1, 10, &octets[10..])])
            .is_empty()
    );
    let cuts = pipe.push(segment(2, 0, &octets[..10]));
    assert_eq!(cuts.iter().map(|cut| cut.frame.0).collect::<Vec<_>>(), [1]);
}

#[test]
fn retransmissions_give_nothing_new() {
    let octets = keepalive();
    let mut pipe = Pipe::new(Limits::default());
    let cuts = pipe.push_all([
        syn(),
        segment(1, 0, &octets),
        syn(),
        segment(2, 0, &octets),
        segment(3, 5, &octets[5..]),
    ]);
    assert_eq!(cuts.len(), 1);
}

#[test]
fn a_capture_that_begins_in_the_middle_of_a_message_finds_the_next() {
    let first = numbered(0xff, 40).encode();
    let octets = [&first[21..], &keepalive()[..]].concat();
    let mut pipe = Pipe::new(Limits::default());
    let cuts = pipe.push_all([
        segment(0, 900, &octets[..30]),
        segment(1, 930, &octets[30..]),
    ]);
    assert_eq!(
        messages(&cuts),
        [RawMessage::new(kind::KEEPALIVE, Bytes::new())]
    );
}

#[test]
fn a_broken_header_is_told_and_passed_by() {
    let mut broken = keepalive().to_vec();
    broken[3] = 0;
    let mut pipe = Pipe::new(Limits::default());
    let cuts = pipe.push_all([syn(), segment(1, 0, &broken), segment(2, 19, &keepalive())]);
    assert_eq!(cuts.len(), 2);
    assert_eq!(cuts[0].message, Err(HeaderError::Marker));
    assert!(cuts[1].message.is_ok());
}

#[test]
fn octets_the_receiver_has_and_the_capture_lacks_are_given_up() {
    let octets = [&numbered(1, 30).encode()[..], &keepalive()].concat();
    let mut pipe = Pipe::new(Limits::default());
    let lost = [
        syn(),
        segment(1, 0, &octets[..10]),
        segment(2, 30, &octets[30..]),
    ];
    assert!(pipe.push_all(lost).is_empty());
    let acknowledged = ISN.wrapping_add(1).wrapping_add(octets.len() as u32);
    assert!(
        pipe.reassembler
            .acknowledged(acknowledged, at_ms(3))
            .is_empty()
    );
    assert!(
        pipe.reassembler
            .acknowledged(acknowledged, at_ms(202))
            .is_empty()
    );
    let chunks = pipe.reassembler.acknowledged(acknowledged, at_ms(203));
    assert_eq!(chunks.len(), 1);
    assert_eq!(chunks[0].before, Before::Unknown);
    let cuts: Vec<Cut> = chunks
        .iter()
        .flat_map(|chunk| pipe.cutter.push(chunk))
        .collect();
    assert_eq!(messages(&cuts).len(), 1);
    assert_eq!(pipe.reassembler.lost(), 20);
}

#[test]
fn what_waits_is_bounded() {
    let limits = Limits {
        waiting: 10_000,
        ..Limits::default()
    };
    let mut reassembler = Reassembler::new(limits);
    reassembler.push(syn());
    let given: usize = (0..1000)
        .flat_map(|n| reassembler.push(segment(n, 10 + n * 20, &[0; 10])))
        .map(|chunk| chunk.data.len())
        .sum();
    assert!(given > 9000, "{given} of 10000 octets");
    let rest: usize = reassembler
        .finish()
        .iter()
        .map(|chunk| chunk.data.len())
        .sum();
    assert_eq!(given + rest, 10_000);
}

#[test]
fn a_new_connection_on_the_same_ports_begins_anew() {
    let mut pipe = Pipe::new(Limits::default());
    let octets = keepalive();
    pipe.push_all([syn(), segment(1, 0, &octets[..7])]);
    let again = Segment { seq: 77, ..syn() };
    let data = Segment {
        seq: 78,
        ..segment(3, 0, &octets)
    };
    assert_eq!(messages(&pipe.push_all([again, data])).len(), 1);
}

#[test]
fn far_away_sequence_numbers_begin_anew() {
    let mut pipe = Pipe::new(Limits::default());
    pipe.push_all([syn(), segment(1, 0, &keepalive())]);
    let cuts = pipe.push(segment(2, 1 << 29, &keepalive()));
    assert_eq!(messages(&cuts).len(), 1);
}

fn some_messages() -> impl Strategy<Value = Vec<RawMessage>> {
    prop::collection::vec((any::<u8>(), 0..300_usize), 1..12).prop_map(|all| {
        all.into_iter()
            .map(|(number, len)| numbered(number, len))
            .collect()
    })
}

proptest! {
    #[test]
    fn any_segmentation_order_and_repetition_gives_the_same_messages(
        sent in some_messages(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 1..400_usize), 0..40),
        order in prop::collection::vec(any::<u32>(), 160),
    ) {
        let octets: Vec<u8> = sent.iter().flat_map(|m| m.encode().to_vec()).collect();
        // A covering of the stream, and overlapping pieces of it.
        let mut pieces: Vec<(usize, usize)> =
            (0..octets.len()).step_by(97).map(|at| (at, (at + 97).min(octets.len()))).collect();
        pieces.extend(cuts.iter().map(|(at, len)| {
            let at = at.index(octets.len());
            (at, (at + len).min(octets.len()))
        }));
        let mut shuffled: Vec<_> = pieces.iter().zip(order.iter().cycle()).collect();
        shuffled.sort_by_key(|(_, order)| **order);

        let mut pipe = Pipe::new(Limits::default());
        let mut found = pipe.push_all([syn()]);
        for (frame, ((from, to), _)) in shuffled.into_iter().enumerate() {
            found.extend(pipe.push(segment(frame + 1, *from, &octets[*from..*to])));
        }
        prop_assert_eq!(messages(&found), sent);
        prop_assert_eq!(pipe.reassembler.lost(), 0);
    }

    #[test]
    fn any_segments_at_all(
        segments in prop::collection::vec(
            (any::<u32>(), any::<bool>(), prop::collection::vec(any::<u8>(), 0..40), any::<u32>()),
            0..60,
        ),
    ) {
        let mut pipe = Pipe::new(Limits { waiting: 500, ..Limits::default() });
        for (frame, (seq, syn, data, ack)) in segments.into_iter().enumerate() {
            pipe.push(Segment { seq, syn, ..segment(frame, 0, &data) });
            pipe.reassembler.acknowledged(ack, at_ms(frame as u64 * 50));
        }
        pipe.reassembler.finish();
    }

    #[test]
    fn any_octets_can_be_cut(octets in prop::collection::vec(
        prop_oneof![3 => Just(0xff_u8), 1 => 0..6_u8, 1 => any::<u8>()], 0..400)) {
        let mut pipe = Pipe::new(Limits::default());
        for (at, piece) in octets.chunks(7).enumerate() {
            pipe.push(segment(at, at * 7, piece));
        }
    }
}
