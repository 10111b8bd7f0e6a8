//! Routes of a speaker.

use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::lab::{NodeId, VpnId};
use crate::route::RoutePattern;

/// `on` holds so many routes like `pattern`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteExpectation {
    /// The speaker that is asked.
    pub on: NodeId,
    /// Only routes that this VPN instance imported; `None` is every route the speaker received.
    pub vpn: Option<VpnId>,
    /// What they look like; the family is always given.
    pub pattern: RoutePattern,
    /// How many: one or more when the scenario does not say.
    pub amount: Amount,
}
