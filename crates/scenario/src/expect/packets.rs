//! Packets in a capture.

use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::lab::CaptureId;
use crate::packet::{LayerKind, LayerMatcher};
use crate::step::StepId;

/// The capture holds so many packets like this.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PacketExpectation {
    /// Which capture.
    pub capture: CaptureId,
    /// Layers that appear in this order in one packet, with gaps allowed; at least one.
    pub layers: Vec<LayerMatcher>,
    /// Only packets that have no such layer anywhere.
    pub outside: Option<LayerKind>,
    /// How many: one or more when the scenario does not say.
    pub amount: Amount,
    /// From when on.
    pub since: Since,
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
