//! What judging a recording came to.

use std::fmt;
use std::fmt::Write as _;
use std::time::Duration;

use scenario::packet::LayerKind;
use scenario::{Amount, Spacing};
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
    /// What is waited for after a packet that is as asked for.
    pub waiting: Option<Waiting>,
    /// The first two that came too soon, or too long, one after the other.
    pub too_close: Option<TooClose>,
    /// The deadline has passed, by the time of the frames.
    pub over: bool,
}

/// What an expectation counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Frames.
    Packets,
    /// BGP messages, of which a frame can hold several.
    Messages,
    /// Packets that were followed by all that must follow.
    Sequences,
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
    /// What it nearly was: 0 for the packet itself, 1 for the first that must follow it, and so on.
    pub part: usize,
    /// How many of the layers asked for are as asked for.
    pub agreed: usize,
    /// The first layer that is not.
    pub layer: LayerKind,
    /// The field of it that is not; `None` when the layer is not there at all.
    pub difference: Option<Difference>,
    /// It is as asked for and came too late.
    pub late: Option<Late>,
    /// The layers the frame has.
    pub outline: String,
}

/// A sequence that is not complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Its last packet so far.
    pub frame: FrameIndex,
    /// What must follow, in words.
    pub wanted: String,
}

/// By how much a packet missed its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Late {
    /// The frame it had to follow; `None` for the beginning of the step.
    pub after: Option<FrameIndex>,
    /// How long after that it came.
    pub took: Duration,
    /// How long it might have taken.
    pub most: Duration,
}

/// Two packets with the wrong time between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TooClose {
    /// The first.
    pub before: FrameIndex,
    /// The second.
    pub frame: FrameIndex,
    /// The time between them.
    pub gap: Duration,
    /// What it should be.
    pub spacing: Spacing,
}

/// At most this many frames are written out in an explanation.
const FRAMES_SHOWN: usize = 5;

impl Verdict {
    /// Whether no further frame can change it.
    pub fn is_final(&self) -> bool {
        match self.satisfied {
            Satisfied::Yes => self.over || self.amount.at_most.is_none(),
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
        if let Some(too_close) = &self.too_close {
            let _ = write!(text, "\n{too_close}");
        }
        let lack = !self.amount.exceeded_by(self.matched.len() as u64) && self.too_close.is_none();
        if let (true, Some(Waiting { frame, wanted })) = (lack, &self.waiting) {
            let line = recording.describe(*frame).unwrap_or_default();
            let _ = write!(
                text,
                "\nframe {frame}: {line}\n  not followed by `{wanted}`"
            );
        }
        if let (true, Some(miss)) = (lack && self.satisfied != Satisfied::Yes, &self.nearest) {
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
            (Self::Sequences, true) => "sequence",
            (Self::Sequences, false) => "sequences",
        }
    }
}

/// What makes it a miss: ``ipv4 `ttl` is 63, expected 64``.
impl fmt::Display for NearMiss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.part > 0 {
            write!(f, "as part {} of the sequence: ", self.part + 1)?;
        }
        match (&self.late, &self.difference) {
            (Some(late), _) => write!(f, "{late}"),
            (None, Some(difference)) => {
                let Difference {
                    field,
                    expected,
                    seen,
                } = difference;
                write!(f, "{} `{field}` is {seen}, expected {expected}", self.layer)
            }
            (None, None) => write!(
                f,
                "no `{}` where expected, the layers are {}",
                self.layer, self.outline
            ),
        }
    }
}

/// `came 80ms after frame 3, at most 50ms expected`
impl fmt::Display for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "came {:?} after ", micros(self.took))?;
        match self.after {
            Some(frame) => write!(f, "frame {frame}")?,
            None => write!(f, "the step began")?,
        }
        write!(f, ", at most {:?} expected", self.most)
    }
}

/// `frame 4 came 3ms after frame 3, at least 10ms expected`
impl fmt::Display for TooClose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gap = micros(self.gap);
        write!(
            f,
            "frame {} came {gap:?} after frame {}",
            self.frame, self.before
        )?;
        match (self.spacing.at_least, self.spacing.at_most) {
            (Some(least), _) if self.gap < least => write!(f, ", at least {least:?} expected"),
            (_, Some(most)) => write!(f, ", at most {most:?} expected"),
            (_, None) => Ok(()),
        }
    }
}

/// Without what is less than a microsecond.
fn micros(time: Duration) -> Duration {
    Duration::from_micros(u64::try_from(time.as_micros()).unwrap_or(u64::MAX))
}
