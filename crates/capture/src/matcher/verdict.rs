//! What judging a recording came to.

use std::fmt;
use std::fmt::Write as _;

use scenario::Amount;
use scenario::packet::LayerKind;
use serde::{Deserialize, Serialize};

use super::fields::Difference;
use crate::frame::FrameIndex;
use crate::recording::Recording;

/// The state of an expectation, given the frames so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Whether it holds.
    pub satisfied: Satisfied,
    /// What was asked for, in words.
    pub wanted: String,
    /// What is counted.
    pub unit: Unit,
    /// How many were asked for.
    pub amount: Amount,
    /// The packets, or BGP messages, that are as asked for.
    pub matched: Vec<Match>,
    /// How many frames were looked at: those of the time asked for.
    pub frames: usize,
    /// The frame that came closest without being as asked for.
    pub nearest: Option<NearMiss>,
}

/// What an expectation counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Frames.
    Packets,
    /// BGP messages, of which a frame can hold several.
    Messages,
}

/// Whether an expectation holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Satisfied {
    /// It holds. With an upper bound, more frames can still break it.
    Yes,
    /// It cannot hold any more: there are too many.
    No,
    /// There are too few so far.
    NotYet,
}

/// A packet, or a BGP message in it, that is as asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Match {
    /// The frame.
    pub frame: FrameIndex,
    /// The message, as an index into [`Recording::events`].
    pub event: Option<usize>,
}

/// A frame that nearly was as asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NearMiss {
    /// The frame.
    pub frame: FrameIndex,
    /// How many of the layers asked for are as asked for.
    pub agreed: usize,
    /// The first layer that is not.
    pub layer: LayerKind,
    /// The field of it that is not; `None` when the layer is not there at all.
    pub difference: Option<Difference>,
    /// The layers the frame has.
    pub outline: String,
}

/// At most this many frames are written out in an explanation.
const FRAMES_SHOWN: usize = 5;

impl Verdict {
    /// Whether no further frame can change it.
    pub fn is_final(&self) -> bool {
        match self.satisfied {
            Satisfied::Yes => self.amount.at_most.is_none(),
            Satisfied::No => true,
            Satisfied::NotYet => false,
        }
    }

    /// What was asked for, what was found, and the nearest miss, over several lines.
    pub fn explain(&self, recording: &Recording) -> String {
        let mut text = format!(
            "expected {} {} like `{}`, found {} in {} frames",
            self.amount,
            self.unit.word(self.amount),
            self.wanted,
            self.matched.len(),
            self.frames
        );
        for Match { frame, .. } in self.matched.iter().take(FRAMES_SHOWN) {
            let line = recording.describe(*frame).unwrap_or_default();
            let _ = write!(text, "\n  frame {frame}: {line}");
        }
        if self.matched.len() > FRAMES_SHOWN {
            let _ = write!(text, "\n  and {} more", self.matched.len() - FRAMES_SHOWN);
        }
        if let (Satisfied::NotYet, Some(miss)) = (self.satisfied, &self.nearest) {
            let line = recording.describe(miss.frame).unwrap_or_default();
            let _ = write!(text, "\nnearest: frame {}: {line}\n  {miss}", miss.frame);
        }
        text
    }
}

impl Unit {
    /// The word for it after a number.
    fn word(self, amount: Amount) -> &'static str {
        let one = amount.at_least == 1 && amount.at_most.is_none_or(|most| most == 1);
        match (self, one) {
            (Self::Packets, true) => "packet",
            (Self::Packets, false) => "packets",
            (Self::Messages, true) => "message",
            (Self::Messages, false) => "messages",
        }
    }
}

/// What makes it a miss: ``ipv4 `ttl` is 63, expected 64``.
impl fmt::Display for NearMiss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.difference {
            Some(Difference {
                field,
                expected,
                seen,
            }) => {
                write!(f, "{} `{field}` is {seen}, expected {expected}", self.layer)
            }
            None => write!(
                f,
                "no `{}` where expected, the layers are {}",
                self.layer, self.outline
            ),
        }
    }
}
