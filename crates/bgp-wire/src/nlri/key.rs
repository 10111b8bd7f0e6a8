use serde::{Deserialize, Serialize};

use crate::family::Family;

/// What identifies a route: family, path identifier and the key octets of the NLRI. Label stack, ESI, gateway
/// and host bits are not in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NlriKey {
    family: Family,
    path_id: Option<u32>,
    octets: Vec<u8>,
}

impl NlriKey {
    /// The family.
    pub fn family(&self) -> Family {
        self.family
    }

    /// The path identifier.
    pub fn path_id(&self) -> Option<u32> {
        self.path_id
    }
}
