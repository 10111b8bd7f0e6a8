//! Packets, as typed.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::file::packets::LayerFile;
use crate::file::{At, words};

/// Packets in a capture.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PacketsFile {
    /// The capture.
    #[serde(rename = "in")]
    pub capture: At<String>,
    /// Layers that appear in this order in one packet, with gaps allowed.
    pub layers: At<Vec<LayerFile>>,
    /// Only packets without this layer anywhere.
    #[schemars(with = "Option<words::Layer>")]
    pub outside: Option<At<String>>,
    /// Exactly so many; one or more when not given.
    pub count: Option<At<i64>>,
    /// So many or more.
    pub at_least: Option<At<i64>>,
    /// So many or fewer.
    pub at_most: Option<At<i64>>,
    /// The label of a step, or `"last-step"`: the last one before this that did something. The beginning of the capture when not given.
    pub since: Option<At<String>>,
}
