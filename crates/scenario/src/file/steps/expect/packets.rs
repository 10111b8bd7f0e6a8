//! Packets, as typed.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::file::layers::LayerFile;
use crate::file::{At, words};

/// Packets in a capture.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PacketsFile {
    /// The capture.
    #[serde(rename = "in")]
    pub capture: At<String>,
    /// Layers that appear in this order in one packet, with gaps allowed.
    pub layers: Option<At<Vec<LayerFile>>>,
    /// Instead of layers: a display filter of Wireshark's, which `tshark` judges by.
    pub tshark: Option<At<String>>,
    /// Packets that come after such a packet, in this order; others may come between. What is counted is how often all of
    /// them came.
    pub then: Option<At<Vec<ThenFile>>>,
    /// Only packets without this layer anywhere.
    #[schemars(with = "Option<words::Layer>")]
    pub outside: Option<At<String>>,
    /// Exactly so many; one or more when not given.
    pub count: Option<At<i64>>,
    /// So many or more.
    pub at_least: Option<At<i64>>,
    /// So many or fewer.
    pub at_most: Option<At<i64>>,
    /// The label of a step, or `"last-step"`: the last one before this that did something. The beginning of the capture
    /// when not given.
    pub since: Option<At<String>>,
    /// How long after the beginning of the step that `since` names a packet may come and still count.
    pub deadline: Option<At<String>>,
    /// How long after one such packet the next must, or may at most, come.
    pub spacing: Option<At<SpacingFile>>,
}

/// A packet after another.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ThenFile {
    /// Layers that appear in this order in it, with gaps allowed.
    pub layers: At<Vec<LayerFile>>,
    /// How long after the one before it may come.
    pub within: Option<At<String>>,
}

/// The time between a packet and the next. At least one of the two is there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpacingFile {
    /// So long or longer.
    pub at_least: Option<At<String>>,
    /// So long or shorter.
    pub at_most: Option<At<String>>,
}
