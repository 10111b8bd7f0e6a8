//! What is asked of one direction of a link.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::quantity::{Rate, Share, in_words};

/// What one direction of a link does to the frames that go through it. The default does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Impairment {
    /// How long every frame takes.
    pub delay: Duration,
    /// By how much that varies: evenly from `delay - jitter` to `delay + jitter`. Frames keep their order all the same.
    pub jitter: Duration,
    /// Which share of frames is lost.
    pub loss: Share,
    /// How much the loss of a frame says about that of the next: none, and each is lost by itself; all, and they are all
    /// lost or all not. (The coefficient of correlation between one and the next; the share of losses stays what it is.)
    pub loss_correlation: Share,
    /// Which share of frames is delivered twice.
    pub duplicate: Share,
    /// Which share of frames overtakes those that are being delayed.
    pub reorder: Share,
    /// Only every so many-th frame may overtake; at least 1.
    pub gap: u32,
    /// Which share of frames has one bit turned over.
    pub corrupt: Share,
    /// How many bits a second go through.
    pub rate: Option<Rate>,
    /// How many frames wait at most for the rate to let them through.
    pub queue: u32,
}

impl Default for Impairment {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            loss: Share::NONE,
            loss_correlation: Share::NONE,
            duplicate: Share::NONE,
            reorder: Share::NONE,
            gap: 1,
            corrupt: Share::NONE,
            rate: None,
            queue: Self::QUEUE,
        }
    }
}

/// Why no link can do that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Contradiction {
    /// A frame would have to arrive before it was sent.
    #[error("is more than the `delay`: frames would arrive before they are sent")]
    Jitter,
    /// There would be nothing to overtake.
    #[error("needs a `delay`: there is nothing to overtake without")]
    Reorder,
    /// Which frames may overtake, where none does.
    #[error("says nothing without `reorder`")]
    Gap,
    /// How losses hang together, where there are none.
    #[error("says nothing without `loss`")]
    LossCorrelation,
    /// Frames never wait.
    #[error("says nothing without `rate`")]
    Queue,
}

impl Contradiction {
    /// The key that is one too many, or too large.
    pub fn key(self) -> &'static str {
        match self {
            Self::Jitter => "jitter",
            Self::Reorder => "reorder",
            Self::Gap => "gap",
            Self::LossCorrelation => "loss_correlation",
            Self::Queue => "queue",
        }
    }
}

impl Impairment {
    /// How many frames wait for a rate where nothing else is said: as many as Linux's own queues hold.
    pub const QUEUE: u32 = 1000;

    /// Whether frames go through as if it were not there.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// What of it no link can do.
    pub fn contradiction(&self) -> Option<Contradiction> {
        let usual = Self::default();
        let rules = [
            (self.jitter > self.delay, Contradiction::Jitter),
            (
                !self.reorder.is_none() && self.delay.is_zero(),
                Contradiction::Reorder,
            ),
            (
                self.gap != usual.gap && self.reorder.is_none(),
                Contradiction::Gap,
            ),
            (
                !self.loss_correlation.is_none() && self.loss.is_none(),
                Contradiction::LossCorrelation,
            ),
            (
                self.queue != usual.queue && self.rate.is_none(),
                Contradiction::Queue,
            ),
        ];
        let broken = rules.into_iter().find(|(broken, _)| *broken);
        broken.map(|(_, rule)| rule)
    }
}

impl fmt::Display for Impairment {
    /// `delay 1ms jitter 100us, loss 1%`, or `nothing`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usual = Self::default();
        let mut parts = Vec::new();
        let with = |word: &str, value: String, detail: Option<String>| match detail {
            Some(detail) => format!("{word} {value} {detail}"),
            None => format!("{word} {value}"),
        };
        if !self.delay.is_zero() {
            let jitter =
                (!self.jitter.is_zero()).then(|| format!("jitter {}", in_words(self.jitter)));
            parts.push(with("delay", in_words(self.delay), jitter));
        }
        if !self.loss.is_none() {
            let correlation = (!self.loss_correlation.is_none())
                .then(|| format!("correlation {}", self.loss_correlation));
            parts.push(with("loss", self.loss.to_string(), correlation));
        }
        for (word, share) in [("duplicate", self.duplicate), ("corrupt", self.corrupt)] {
            if !share.is_none() {
                parts.push(with(word, share.to_string(), None));
            }
        }
        if !self.reorder.is_none() {
            let gap = (self.gap != usual.gap).then(|| format!("gap {}", self.gap));
            parts.push(with("reorder", self.reorder.to_string(), gap));
        }
        if let Some(rate) = self.rate {
            let queue = (self.queue != usual.queue).then(|| format!("queue {}", self.queue));
            parts.push(with("rate", rate.to_string(), queue));
        }
        match parts.is_empty() {
            true => f.write_str("nothing"),
            false => f.write_str(&parts.join(", ")),
        }
    }
}
