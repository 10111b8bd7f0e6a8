//! Steps made of steps, and those about steps.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Step, StepId};

/// Steps again and again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repeat {
    /// How often, or how long.
    pub limit: Limit,
    /// From the beginning of a round to that of the next, at least.
    pub every: Option<Duration>,
    /// What is repeated.
    pub steps: Vec<Step>,
}

/// When no further round begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Limit {
    /// After so many rounds; at least 1.
    Times(u64),
    /// When so much time has passed since the first began.
    For(Duration),
}

/// Waits for the end of a background step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// Which.
    pub step: StepId,
    /// When it must have ended.
    pub within: Duration,
}
