//! Links that get worse and better.

use serde::{Deserialize, Serialize};

use crate::lab::{Impaired, NetId};

/// What a LAN or link does to frames from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Impair {
    /// The LAN or link.
    pub on: NetId,
    /// Cables and directions, each with what replaces that which is in force there; it may be nothing.
    pub treated: Vec<Impaired>,
}
