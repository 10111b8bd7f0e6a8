//! Routes of a speaker.

use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::lab::{NodeId, VpnId};
use crate::route::{OneOf, RoutePattern};

/// `on` holds so many routes like `pattern`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteExpectation {
    /// The speaker that is asked.
    pub on: NodeId,
    /// Only routes that this VPN instance imported; `None` is every route the speaker received.
    pub vpn: Option<VpnId>,
    /// Only routes that this peer told the speaker.
    pub from: Option<OneOf>,
    /// Only routes as the speaker told them to this client; `None` is what it received.
    pub to: Option<OneOf>,
    /// What they look like; the family is always given.
    pub pattern: Box<RoutePattern>,
    /// Whether the speaker uses them.
    pub best: Option<bool>,
    /// How many: one or more when the scenario does not say.
    pub amount: Amount,
}
