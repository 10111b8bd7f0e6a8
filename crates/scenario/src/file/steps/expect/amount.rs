//! How many, as typed.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::file::At;

/// Bounds on a number. Not given: no bound.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AmountFile {
    /// The least.
    pub at_least: Option<At<i64>>,
    /// The most.
    pub at_most: Option<At<i64>>,
}
