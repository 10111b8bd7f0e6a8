//! Routes as programs read them: `GET /routes`, an extension of the reference's API.

use bgp_wire::{NextHop, Nlri, PathAttributes};
use serde::{Deserialize, Serialize};

/// A route that the daemon received from a peer or another instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldRoute {
    /// Who advertised it: a worker's name (`BGP-10.0.0.1`, `EVI-2`).
    pub source: String,
    /// The instances that imported it, by the caller's names, sorted.
    pub instances: Vec<String>,
    /// The route.
    pub nlri: Nlri,
    /// Where it leads.
    pub next_hop: NextHop,
    /// The rest, octets included.
    pub attributes: PathAttributes,
}
