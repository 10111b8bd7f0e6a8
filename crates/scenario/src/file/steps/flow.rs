//! Steps made of steps, as typed, and those about steps.

use schemars::JsonSchema;
use serde::Deserialize;

use super::StepFile;
use crate::file::At;

/// Steps again and again, so many times. What they leave must be what they found: an attached port attached, and so on.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RepeatFile {
    /// How many times.
    pub times: At<i64>,
    /// How long from the beginning of a round to that of the next, at least; none when not given.
    pub every: Option<At<String>>,
    /// What is repeated.
    pub steps: At<Vec<At<StepFile>>>,
}

/// Steps again and again, for so long: the round that is on when the time is over is finished. What they leave must be
/// what they found.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SoakFile {
    /// How long.
    #[serde(rename = "for")]
    pub during: At<String>,
    /// How long from the beginning of a round to that of the next, at least; none when not given.
    pub every: Option<At<String>>,
    /// What is repeated.
    pub steps: At<Vec<At<StepFile>>>,
}

/// Waits for the end of a background step.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WaitFile {
    /// Its label.
    pub step: At<String>,
    /// When it must have ended; `"60s"` when not given.
    pub within: Option<At<String>>,
}

/// Ends what goes on beside: one of these.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StopFile {
    /// The label of a background step. A fact that it held until now has held.
    pub step: Option<At<String>>,
    /// A capture. What it holds can still be asked for.
    pub capture: Option<At<String>>,
    /// The name of traffic. What is under way is waited for.
    pub traffic: Option<At<String>>,
}
