//! Capture files, written and read back.

#![allow(clippy::expect_used, reason = "a helper of tests fails as they do")]

#[path = "support/lab.rs"]
mod lab;
mod support;

use bytes::Bytes;
use capture::{
    CaptureFileError, CaptureReader, FileFrame, Frame, InterfaceId, PcapngWriter, Timestamp,
};
use proptest::prelude::*;

fn read(file: &[u8]) -> Result<(Vec<FileFrame>, Vec<String>), CaptureFileError> {
    let mut reader = CaptureReader::new(file)?;
    let frames = reader.by_ref().collect::<Result<Vec<_>, _>>()?;
    Ok((frames, reader.interfaces()))
}

fn arbitrary_frame() -> impl Strategy<Value = FileFrame> {
    let octets = prop::collection::vec(any::<u8>(), 0..200);
    let comments = prop::collection::vec("[ -~éλ]{1,30}", 0..3);
    (any::<u64>(), 0..3_u32, octets, 0..1000_u32, comments).prop_map(
        |(nanoseconds, interface, octets, cut, comments)| {
            let original_len = octets.len() as u32 + cut;
            let (timestamp, interface) = (Timestamp(nanoseconds), InterfaceId(interface));
            let data = Bytes::from(octets);
            FileFrame {
                frame: Frame {
                    timestamp,
                    interface,
                    data,
                    original_len,
                },
                comments,
            }
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read(frames in prop::collection::vec(arbitrary_frame(), 0..20)) {
        let mut writer = PcapngWriter::new(Vec::new(), "tests").expect("a header");
        for name in ["underlay", "compute-a:eth0", "λ"] {
            writer.interface(name).expect("an interface");
        }
        for FileFrame { frame, comments } in &frames {
            writer.frame(frame, comments).expect("a frame");
        }
        let file = writer.finish().expect("a file");
        let (read, names) = read(&file).expect("a readable file");
        prop_assert_eq!(read, frames);
        // Names come with their blocks, which lie before the first frame.
        prop_assert_eq!(names, ["underlay", "compute-a:eth0", "λ"]);
    }

    #[test]
    fn damaged_files_give_errors(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        len in any::<prop::sample::Index>(),
    ) {
        let mut file = Vec::new();
        lab::first_ping().recording.write(&mut file).expect("a file");
        for (at, octet) in changes {
            let at = at.index(file.len());
            file[at] = octet;
        }
        file.truncate(len.index(file.len()));
        let _ = read(&file);
    }
}

#[test]
fn steps_become_comments() {
    let mut lab = lab::first_ping();
    lab.step(4, "detach vm-b");
    let mut file = Vec::new();
    lab.recording.write(&mut file).expect("a file");
    let (frames, names) = read(&file).expect("a readable file");
    assert_eq!(names, ["underlay"]);
    assert_eq!(frames.len(), lab.recording.frames().len());
    let comments: Vec<(usize, &str)> = frames
        .iter()
        .enumerate()
        .flat_map(|(number, read)| {
            read.comments
                .iter()
                .map(move |text| (number, text.as_str()))
        })
        .collect();
    assert_eq!(
        comments,
        [
            (8, "attach vm-a on compute-a"),
            (12, "attach vm-b on compute-b"),
            (16, "ping vm-a -> vm-b"),
            (21, "after this: detach vm-b"),
        ]
    );
}

#[test]
fn the_same_recording_is_the_same_file() {
    let write = || {
        let mut file = Vec::new();
        lab::first_ping()
            .recording
            .write(&mut file)
            .expect("a file");
        file
    };
    assert_eq!(write(), write());
}

/// A classic file with one frame of two octets at 1.000000005 s or 1.000005 s.
fn classic(magic: u32, link_type: u32) -> Vec<u8> {
    let words = [magic, 2 | 4 << 16, 0, 0, 65535, link_type, 1, 5, 2, 60];
    let mut file: Vec<u8> = words
        .iter()
        .flat_map(|word: &u32| word.to_le_bytes())
        .collect();
    file.extend([0xab, 0xcd]);
    file
}

#[test]
fn classic_files_in_both_resolutions() {
    for (magic, nanoseconds) in [(0xa1b2_c3d4, 1_000_005_000), (0xa1b2_3c4d, 1_000_000_005)] {
        let (frames, _) = read(&classic(magic, 1)).expect("a readable file");
        assert_eq!(frames.len(), 1);
        assert_eq!(frames[0].frame.timestamp, Timestamp(nanoseconds));
        assert_eq!(frames[0].frame.data[..], [0xab, 0xcd]);
        assert_eq!(frames[0].frame.original_len, 60);
    }
}

#[test]
fn errors_say_what_it_is_instead() {
    let message = |file: &[u8]| read(file).expect_err("an error").to_string();
    assert_eq!(
        message(b"#!/bin/sh\n"),
        "not a capture file: it begins with `23212f62`"
    );
    assert_eq!(
        message(&classic(0xa1b2_c3d4, 101)),
        "interface `0` has link type `RAW`, only Ethernet is read"
    );
    let mut cut = classic(0xa1b2_c3d4, 1);
    cut.truncate(41);
    assert!(matches!(read(&cut), Err(CaptureFileError::Io(_))));
}

#[test]
fn a_frame_of_an_unknown_interface_is_refused() {
    let mut writer = PcapngWriter::new(Vec::new(), "tests").expect("a header");
    let error = writer
        .frame(&Frame::new(Timestamp(0), vec![0; 14]), &[])
        .expect_err("refused");
    assert!(matches!(error, CaptureFileError::Unwritable(_)));
}
