//! Routes, and what a worker may ask for.

use std::fmt;
use std::sync::Arc;

use bgp_wire::nlri::{NlriRef, Octets};
use bgp_wire::update::NextHop;
use bgp_wire::{Family, Nlri, NlriKey, PathAttributes, RouteTarget};
use serde::{Deserialize, Serialize};

use crate::path::Path;

/// One path to one destination, as published.
///
/// Two routes are equal when everything is: NLRI with label and ESI, next hop, and the bytes of all attributes. There may be
/// very many, so that those of a peer share what they have in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Parts", into = "Parts")]
pub struct Route {
    family: Family,
    /// The destination, label and all.
    nlri: Octets,
    path: Arc<Path>,
    /// Who published it is away: it is used only for want of a fresh one (RFC 4724 section 4.2).
    pub stale: bool,
}

/// A route as it is written.
#[derive(Serialize, Deserialize)]
#[serde(rename = "Route")]
struct Parts {
    nlri: Nlri,
    next_hop: NextHop,
    attributes: PathAttributes,
    #[serde(default)]
    stale: bool,
}

impl Route {
    /// A fresh route.
    pub fn new(nlri: Nlri, next_hop: NextHop, attributes: PathAttributes) -> Self {
        let path = Arc::new(Path {
            id: nlri.path_id,
            next_hop,
            attributes,
        });
        Self::by(&path, &nlri)
    }

    /// A fresh route whose path others have, too. The path has the identifier.
    pub(crate) fn by(path: &Arc<Path>, nlri: &Nlri) -> Self {
        Self {
            family: nlri.family,
            nlri: nlri.bytes.clone(),
            path: Arc::clone(path),
            stale: false,
        }
    }

    /// The destination, label and all.
    pub fn nlri(&self) -> NlriRef<'_> {
        NlriRef {
            family: self.family,
            path_id: self.path.id,
            bytes: &self.nlri,
        }
    }

    /// The same to another destination.
    pub fn with_nlri(self, nlri: Nlri) -> Self {
        let path = Path {
            id: nlri.path_id,
            ..Arc::unwrap_or_clone(self.path)
        };
        let stale = self.stale;
        Self {
            stale,
            ..Self::by(&Arc::new(path), &nlri)
        }
    }

    /// Where to send.
    pub fn next_hop(&self) -> &NextHop {
        &self.path.next_hop
    }

    /// Everything else.
    pub fn attributes(&self) -> &PathAttributes {
        &self.path.attributes
    }

    /// The same with other attributes.
    pub fn with_attributes(mut self, attributes: PathAttributes) -> Self {
        Arc::make_mut(&mut self.path).attributes = attributes;
        self
    }

    /// The same by way of another PE.
    pub fn with_next_hop(mut self, next_hop: NextHop) -> Self {
        Arc::make_mut(&mut self.path).next_hop = next_hop;
        self
    }

    /// Whether all but the destination is the same.
    pub fn has_path_of(&self, other: &Self) -> bool {
        self.path == other.path
    }

    /// Keeps what is the same but once, and answers whether it is.
    pub fn share_path(&mut self, other: &Self) -> bool {
        let is_same = self.has_path_of(other);
        if is_same {
            self.path = Arc::clone(&other.path);
        }
        is_same
    }

    /// The route's address family.
    pub fn family(&self) -> Family {
        self.family
    }

    /// What identifies the route among those of one source.
    pub fn key(&self) -> NlriKey {
        self.nlri().key()
    }

    /// The route targets it carries, sorted, each once.
    pub fn route_targets(&self) -> Vec<RouteTarget> {
        let mut targets = self.attributes().route_targets();
        targets.sort_unstable();
        targets.dedup();
        targets
    }
}

impl From<Parts> for Route {
    fn from(parts: Parts) -> Self {
        let stale = parts.stale;
        let route = Self::new(parts.nlri, parts.next_hop, parts.attributes);
        Self { stale, ..route }
    }
}

impl From<Route> for Parts {
    fn from(route: Route) -> Self {
        let nlri = route.nlri().to_owned();
        let Path {
            next_hop,
            attributes,
            ..
        } = Arc::unwrap_or_clone(route.path);
        Self {
            nlri,
            next_hop,
            attributes,
            stale: route.stale,
        }
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
