//! Octets in order cut into BGP messages.

use bgp_wire::RawMessage;
use bgp_wire::raw::{Framer, HEADER_LEN, HeaderError, MARKER, MAX_EXTENDED_LEN};

use super::reassembler::{Before, Chunk};
use crate::frame::{FrameIndex, Timestamp};

/// A message, or the place where the octets stopped being messages, and the frame that held its
/// last octet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The message, or what was wrong with the header.
    pub message: Result<RawMessage, HeaderError>,
    /// The frame.
    pub frame: FrameIndex,
    /// When.
    pub timestamp: Timestamp,
}

/// Cuts one direction into messages. After anything that is no message it looks for the next
/// header, so a capture that begins, or fails, in the middle of a message loses that message only.
#[derive(Debug)]
pub struct Cutter {
    framer: Framer,
    max_len: u16,
    /// Octets in which no header has been found yet; `None` while in step with the messages.
    hunting: Option<Vec<u8>>,
}

impl Default for Cutter {
    fn default() -> Self {
        Self::new()
    }
}

impl Cutter {
    /// A cutter that knows nothing about the session: it takes messages of any length there can be.
    pub fn new() -> Self {
        let max_len = MAX_EXTENDED_LEN;
        Self {
            framer: framer(max_len),
            max_len,
            hunting: Some(Vec::new()),
        }
    }

    /// The largest message the session agreed on.
    pub fn set_max_len(&mut self, max_len: u16) {
        self.max_len = max_len;
        self.framer.set_max_len(max_len);
    }

    /// Takes octets; gives the messages that end in them.
    pub fn push(&mut self, chunk: &Chunk) -> Vec<Cut> {
        match chunk.before {
            Before::Previous => {}
            Before::Start => {
                *self = Self {
                    hunting: None,
                    ..Self::new()
                }
            }
            Before::Unknown => self.hunting = Some(Vec::new()),
        }
        let mut cuts = Vec::new();
        match self.hunting.as_mut() {
            Some(found) => found.extend_from_slice(&chunk.data),
            None => self.framer.push(&chunk.data),
        }
        loop {
            if let Some(octets) = self.hunting.take() {
                match find_header(&octets) {
                    Found::At(at) => {
                        self.framer = framer(self.max_len);
                        self.framer.push(octets.get(at..).unwrap_or_default());
                    }
                    Found::NotBefore(at) => {
                        self.hunting = Some(octets.get(at..).unwrap_or_default().to_vec());
                        return cuts;
                    }
                }
            }
            let Some(message) = self.framer.next() else {
                return cuts;
            };
            if message.is_err() {
                // The octet where the bad header began cannot begin a good one.
                self.hunting = Some(
                    self.framer
                        .remainder()
                        .get(1..)
                        .unwrap_or_default()
                        .to_vec(),
                );
            }
            cuts.push(Cut {
                message,
                frame: chunk.frame,
                timestamp: chunk.timestamp,
            });
        }
    }
}

enum Found {
    At(usize),
    /// Nowhere, and no header begins before this place.
    NotBefore(usize),
}

/// Where the first plausible header begins: sixteen ones, a possible length, a known type. The
/// octet before a marker may be ones as well, which is why length and type decide.
fn find_header(octets: &[u8]) -> Found {
    let plausible = |header: &[u8]| {
        let Some((marker, &[high, low, kind])) = header
            .split_first_chunk::<16>()
            .and_then(|(marker, rest)| Some((marker, rest.first_chunk::<3>()?)))
        else {
            return false;
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        *marker == MARKER && length >= HEADER_LEN && (1..=5).contains(&kind)
    };
    match octets.windows(HEADER_LEN).position(plausible) {
        Some(at) => Found::At(at),
        None => Found::NotBefore(octets.len().saturating_sub(HEADER_LEN - 1)),
    }
}

fn framer(max_len: u16) -> Framer {
    let mut framer = Framer::new();
    framer.set_max_len(max_len);
    framer
}
