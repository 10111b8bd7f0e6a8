//! Routes, and what a worker may ask for.

use std::fmt;

use bgp_wire::update::NextHop;
use bgp_wire::{Family, Nlri, NlriKey, PathAttributes, RouteTarget};
use serde::{Deserialize, Serialize};

/// One path to one destination, as published.
///
/// Two routes are equal when everything is: NLRI with label and ESI, next hop, and the bytes of all attributes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The destination, label and all.
    pub nlri: Nlri,
    /// Where to send.
    pub next_hop: NextHop,
    /// Everything else.
    pub attributes: PathAttributes,
    /// Who published it is away: it is used only for want of a fresh one (RFC 4724 section 4.2).
    #[serde(default)]
    pub stale: bool,
}

impl Route {
    /// The route's address family.
    pub fn family(&self) -> Family {
        self.nlri.family
    }

    /// What identifies the route among those of one source.
    pub fn key(&self) -> NlriKey {
        self.nlri.key()
    }

    /// The route targets it carries, sorted, each once.
    pub fn route_targets(&self) -> Vec<RouteTarget> {
        let mut targets = self.attributes.route_targets();
        targets.sort_unstable();
        targets.dedup();
        targets
    }
}

/// A set of routes a worker may subscribe to: a family or any, a route target or any.
/// Text form `match:l2vpn/evpn,target:64512:79`, with `*` for any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Match {
    /// The family, or every one.
    pub family: Option<Family>,
    /// The route target, or every route whether it has targets or not.
    pub target: Option<RouteTarget>,
}

impl Match {
    /// Routes of `family` with `target`.
    pub const fn new(family: Family, target: RouteTarget) -> Self {
        Self {
            family: Some(family),
            target: Some(target),
        }
    }

    /// Every route of `family`.
    pub const fn all(family: Family) -> Self {
        Self {
            family: Some(family),
            target: None,
        }
    }

    /// Whether a route of `family` with these `targets` is in the set.
    pub fn accepts(&self, family: Family, targets: &[RouteTarget]) -> bool {
        self.family.is_none_or(|wanted| wanted == family)
            && self.target.is_none_or(|wanted| targets.contains(&wanted))
    }

    /// Every match that accepts a route of `family` with these `targets`.
    pub(crate) fn accepting(
        family: Family,
        targets: &[RouteTarget],
    ) -> impl Iterator<Item = Self> + '_ {
        let targets = || std::iter::once(None).chain(targets.iter().copied().map(Some));
        [None, Some(family)]
            .into_iter()
            .flat_map(move |family| targets().map(move |target| Self { family, target }))
    }
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.family {
            Some(family) => write!(f, "match:{family},")?,
            None => f.write_str("match:*/*,")?,
        }
        match self.target {
            Some(target) => write!(f, "target:{target}"),
            None => f.write_str("*"),
        }
    }
}
