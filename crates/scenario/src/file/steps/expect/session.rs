//! Sessions, as typed.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::file::{At, words};

/// A BGP session's state.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionFile {
    /// The speaker that is asked.
    pub on: At<String>,
    /// A node or an address.
    pub peer: At<String>,
    /// `"Established"` when not given, or another of RFC 4271's states.
    #[schemars(with = "Option<words::State>")]
    pub state: Option<At<String>>,
}
