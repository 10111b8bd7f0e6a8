//! What goes into the table and what comes out, as data.

use std::collections::BTreeSet;
use std::sync::Arc;

use bgp_wire::{Family, NlriKey};
use serde::{Deserialize, Serialize};

use crate::{Match, Route, WorkerId};

/// Something a worker did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RibEvent {
    /// Publish a route, or replace the one of the same source and key.
    Advertise {
        /// Who publishes.
        source: WorkerId,
        /// What.
        route: Arc<Route>,
    },
    /// Take a route back. Unknown ones are ignored.
    Withdraw {
        /// Who published.
        source: WorkerId,
        /// The route's key, which holds its family.
        key: NlriKey,
    },
    /// Ask for the routes that match, those of now and those to come.
    Subscribe {
        /// Who asks.
        worker: WorkerId,
        /// For what.
        wanted: Match,
    },
    /// Stop asking.
    Unsubscribe {
        /// Who asked.
        worker: WorkerId,
        /// For what.
        wanted: Match,
    },
    /// The worker is gone: its routes and subscriptions go too.
    Cleanup {
        /// Who.
        worker: WorkerId,
    },
    /// The worker is gone and expected back: its routes of these families stay and are stale. All else goes, and so
    /// does what it has not published again since the last time (RFC 4724 section 4.2).
    Retain {
        /// Who.
        worker: WorkerId,
        /// What stays.
        families: BTreeSet<Family>,
    },
    /// The worker is back: its routes are stale no more, and wait to be published again.
    Resume {
        /// Who.
        worker: WorkerId,
    },
    /// Routes of these families that the worker has not published again go.
    Sweep {
        /// Who.
        worker: WorkerId,
        /// Of what.
        families: BTreeSet<Family>,
    },
}

/// A change for one worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispatch {
    /// Who is to be told.
    pub to: WorkerId,
    /// What.
    pub change: Change,
}

/// A route came, changed or went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// The route is there.
    Advertise {
        /// The route.
        route: Arc<Route>,
        /// The route of the same source and key that it replaces, if this worker was told of it.
        replaced: Option<Arc<Route>>,
        /// Who published it.
        source: WorkerId,
    },
    /// The route is gone.
    Withdraw {
        /// The route as it was last.
        route: Arc<Route>,
        /// Who had published it.
        source: WorkerId,
    },
}
