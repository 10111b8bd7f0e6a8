//! Facts to wait for, as typed.

mod dataplane;
mod packets;
mod session;

pub use dataplane::{ForwardingFile, NeighbourFile};
pub use packets::{PacketsFile, SpacingFile, ThenFile};
pub use session::SessionFile;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::file::{At, RouteFile};

/// Waits for a fact. Exactly one of them is there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectFile {
    /// A BGP session's state.
    pub session: Option<At<SessionFile>>,
    /// Routes a speaker holds.
    pub route: Option<At<Box<RouteFile>>>,
    /// Packets in a capture.
    pub packets: Option<At<PacketsFile>>,
    /// An entry in a VPN's forwarding table.
    pub forwarding: Option<At<ForwardingFile>>,
    /// An entry in a VPN's neighbour table.
    pub neighbour: Option<At<NeighbourFile>>,
    /// How long to wait for it; `"5s"`, or more on a busy machine, when not given, and no time beside `for`.
    pub within: Option<At<String>>,
    /// How long it must stay so, from when it first is.
    #[serde(rename = "for")]
    pub during: Option<At<String>>,
}
