//! Packets in a capture.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::lab::CaptureId;
use crate::packet::{LayerKind, LayerMatcher};
use crate::place::Place;
use crate::step::StepId;

/// The capture holds so many packets like this.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PacketExpectation {
    /// Which capture.
    pub capture: CaptureId,
    /// Layers that appear in this order in one packet, with gaps allowed; at least one, unless there is a filter.
    pub layers: Vec<LayerMatcher>,
    /// What another program finds packets by, instead of layers.
    pub filter: Option<DisplayFilter>,
    /// Packets that come after such a packet, in this order, with gaps allowed.
    pub then: Vec<Follow>,
    /// Only packets that have no such layer anywhere.
    pub outside: Option<LayerKind>,
    /// How many: one or more when the scenario does not say.
    pub amount: Amount,
    /// From when on.
    pub since: Since,
    /// How long after that step's beginning packets count.
    pub deadline: Option<Duration>,
    /// The time from one such packet to the next.
    pub spacing: Option<Spacing>,
}

/// A display filter of Wireshark's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisplayFilter {
    /// The filter.
    pub text: String,
    /// Where it was written.
    pub place: Place,
}

/// A packet after another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Follow {
    /// Layers that appear in this order in it, with gaps allowed; at least one.
    pub layers: Vec<LayerMatcher>,
    /// How long after the one before it may come.
    pub within: Option<Duration>,
}

/// Bounds of the time between a packet and the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spacing {
    /// So long or longer.
    pub at_least: Option<Duration>,
    /// So long or shorter.
    pub at_most: Option<Duration>,
}

/// From when on packets count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Since {
    /// The beginning of the capture.
    Start,
    /// The moment this step began.
    Step(StepId),
}
