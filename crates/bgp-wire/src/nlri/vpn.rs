use serde::{Deserialize, Serialize};

use crate::types::{IpPrefix, LabelField, RouteDistinguisher};

/// An IP VPN route (RFC 4364 section 4.3.4).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct VpnRoute {
    /// Route distinguisher.
    pub rd: RouteDistinguisher,
    /// The label stack, top first; in a withdraw often [`LabelField::WITHDRAW`]. Not part of the key.
    pub labels: Vec<LabelField>,
    /// The prefix.
    pub prefix: IpPrefix,
}
