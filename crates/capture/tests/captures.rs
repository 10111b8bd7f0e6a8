//! Every recorded session, one line per frame.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use capture::{CaptureReader, FrameIndex, Recording};

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
            for recorded in &whole.frames()[first..] {
                late.push(recorded.frame.clone());
            }
            let from = |direction: fn(&capture::BgpEvent) -> std::net::SocketAddr| {
                whole
                    .events()
                    .iter()
                    .filter(|e| e.frame.0 > first)
                    .map(direction)
                    .count()
            };
            let expected = from(|event| event.from);
            // At most one message per direction was under way.
            let sessions = late.tracker().sessions().count();
            assert!(
                late.events().len() + 2 * sessions >= expected,
                "{}: {} messages of {expected} from frame {first} on",
                directory.display(),
                late.events().len(),
            );
        }
    }
}
