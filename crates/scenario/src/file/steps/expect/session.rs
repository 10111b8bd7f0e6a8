//! Sessions, as typed.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::file::{At, OneOrMany, words};

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
    /// Families that both ends must have agreed on; others may be agreed on too.
    #[serde(default)]
    #[schemars(with = "OneOrMany<words::Family>")]
    pub families: OneOrMany<At<String>>,
    /// The hold time agreed on: whole seconds, `"0s"` for none.
    pub hold_time: Option<At<String>>,
    /// Whether both ends can do AS numbers of four octets.
    pub four_octet_as: Option<At<bool>>,
    /// Whether the peer announces graceful restart.
    pub graceful_restart: Option<At<bool>>,
    /// How long the session must have been Established without a break.
    pub uptime_at_least: Option<At<String>>,
    /// How often the session has left Established since the speaker's program began.
    pub flaps: Option<At<i64>>,
}
