//! Every recorded session, one line per frame.

#![allow(clippy::expect_used, reason = "a helper of tests fails as they do")]

#[path = "support/tshark.rs"]
mod tshark;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use bgp_wire::RawMessage;
use bgp_wire::raw::MAX_LEN;
use capture::{BgpMessage, CaptureReader, Frame, FrameIndex, Recorded, Recording};
use tshark::{LAYER_FIELDS, layer_fields, tshark};

/// The directories that hold a `session.pcap`.
fn captures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../captures");
    let mut found: Vec<PathBuf> = fs::read_dir(root)
        .expect("the captures directory")
        .map(|entry| entry.expect("a directory entry").path())
        .filter(|path| path.join("session.pcap").is_file())
        .collect();
    found.sort();
    assert!(found.len() >= 8, "only {} recorded sessions", found.len());
    found
}

fn recording(directory: &Path) -> Recording {
    let file = File::open(directory.join("session.pcap")).expect("a session");
    let mut recording = Recording::new();
    for read in CaptureReader::new(file).expect("a capture file") {
        recording.push(read.expect("a whole frame").frame);
    }
    recording.finish();
    recording
}

#[test]
fn every_frame_reads_as_recorded() {
    for directory in captures() {
        let recording = recording(&directory);
        let lines: Vec<String> = (0..recording.frames().len())
            .filter_map(|number| recording.describe(FrameIndex(number)))
            .collect();
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(&directory);
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!("frames", lines.join("\n")));
    }
}

// A recording that begins anywhere still gives the messages that begin after that place.
#[test]
fn sessions_can_be_joined_late() {
    for directory in captures() {
        let whole = recording(&directory);
        for first in 0..whole.frames().len() {
            let mut late = Recording::new();
            for recorded in whole.frames().from(first) {
                late.push(recorded.frame);
            }
            let expected = whole
                .events()
                .iter()
                .filter(|event| event.frame.0 > first)
                .count();
            // In each direction one message may have been under way.
            let under_way = 2 * late.tracker().sessions().count();
            assert!(
                late.events().len() + under_way >= expected,
                "{}: {} messages of {expected} from frame {first} on",
                directory.display(),
                late.events().len(),
            );
        }
    }
}

// Random octets never reach the layers above TCP: change recorded sessions instead.
#[test]
fn changed_sessions_never_panic() {
    let mut random = 1_u64;
    let mut next = |below: usize| {
        // Numerical Recipes' constants; any will do that hit every place.
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % below
    };
    for directory in captures() {
        let whole = recording(&directory);
        for _ in 0..100 {
            let mut changed = Recording::new();
            for recorded in whole.frames().iter() {
                let mut octets = recorded.frame.data.to_vec();
                for _ in 0..next(3) {
                    let at = next(octets.len());
                    octets[at] = next(256) as u8;
                }
                changed.push(Frame::new(recorded.frame.timestamp, octets));
            }
            changed.finish();
            for number in 0..changed.frames().len() {
                changed.describe(FrameIndex(number));
            }
        }
    }
}

/// Lengths and type numbers of the messages that end in each frame, as tshark prints them: it gives
/// no type for extended messages (RFC 8654).
fn messages(recording: &Recording) -> Vec<String> {
    let of_frame = |recorded: Recorded| {
        let raw = recorded
            .events
            .iter()
            .map(|at| match &recording.events()[*at].message {
                BgpMessage::Whole(message) => message.encode(),
                other => panic!("{other:?}"),
            });
        let raw: Vec<RawMessage> = raw.collect();
        let lengths: Vec<String> = raw.iter().map(|m| m.wire_len().to_string()).collect();
        let short = raw
            .iter()
            .filter(|message| message.wire_len() <= usize::from(MAX_LEN));
        let types: Vec<String> = short.map(|message| message.kind.to_string()).collect();
        format!("{}|{}", lengths.join(","), types.join(","))
    };
    recording.frames().iter().map(of_frame).collect()
}

#[test]
fn tshark_agrees() {
    for directory in captures() {
        let path = directory.join("session.pcap");
        let recording = recording(&directory);
        let Some(theirs) = tshark(&path, &["bgp.length", "bgp.type"]) else {
            return;
        };
        assert_eq!(messages(&recording), theirs, "{}", path.display());
        let Some(theirs) = tshark(&path, &LAYER_FIELDS) else {
            return;
        };
        let ours: Vec<String> = recording
            .frames()
            .iter()
            .map(|recorded| layer_fields(&recorded))
            .collect();
        assert_eq!(ours, theirs, "{}", path.display());
    }
}
