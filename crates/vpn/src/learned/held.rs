//! A route that was received, as small as can be: there is one in each index for each route.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use bgp_rib::best_path::{self, Candidate};
use bgp_rib::{Route, WorkerId};
use bgp_wire::NlriKey;

/// A received route and who published it.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    source: Arc<WorkerId>,
    pub(crate) route: Arc<Route>,
}

impl Held {
    /// Who published it.
    pub(crate) fn source(&self) -> WorkerId {
        *self.source
    }

    /// Compares who published it, then the key, with those of another.
    pub(crate) fn compare(&self, source: WorkerId, key: &NlriKey) -> Ordering {
        let key = || self.route.key().cmp(key);
        self.source().cmp(&source).then_with(key)
    }

    /// For the choice of the best.
    pub(crate) fn candidate(&self) -> Candidate<'_> {
        Candidate {
            source: self.source(),
            route: &self.route,
        }
    }
}

/// The best of routes to one destination.
pub(crate) fn best<'a>(routes: impl Iterator<Item = &'a Held>) -> Option<&'a Held> {
    routes.max_by(|a, b| best_path::compare(a.candidate(), b.candidate()))
}

/// Who has published what is held, each once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources(BTreeSet<Arc<WorkerId>>);

impl Sources {
    /// A route of this source.
    pub(crate) fn hold(&mut self, source: WorkerId, route: &Arc<Route>) -> Held {
        let source = match self.0.get(&source) {
            Some(known) => Arc::clone(known),
            None => {
                let source = Arc::new(source);
                self.0.insert(Arc::clone(&source));
                source
            }
        };
        let route = Arc::clone(route);
        Held { source, route }
    }

    /// Forgets a source that nothing is held of.
    pub(crate) fn release(&mut self, source: WorkerId) {
        let is_unused = |known: &Arc<WorkerId>| Arc::strong_count(known) == 1;
        if self.0.get(&source).is_some_and(is_unused) {
            self.0.remove(&source);
        }
    }
}
