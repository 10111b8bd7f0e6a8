//! What a driver sees of MACs in frames, for whoever tells others where they are.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bgp_wire::MacAddr;
use tokio::sync::Notify;
use vpn::InstanceId;

/// Where a MAC was seen last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sighting {
    /// The instance.
    pub instance: InstanceId,
    /// The MAC.
    pub mac: MacAddr,
    /// The port; none if it is to be seen at none of those that learn.
    pub port: Option<Arc<str>>,
}

/// The driver's side. Of a MAC that moves faster than anybody listens the last place is told, so that what waits is
/// bounded by the MACs there are.
#[derive(Clone, Debug, Default)]
pub struct Reporter(Arc<Shared>);

/// The side that listens.
#[derive(Debug)]
pub struct Sightings(Arc<Shared>);

/// The last place of each MAC.
type Waiting = BTreeMap<(InstanceId, MacAddr), Option<Arc<str>>>;

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    wake: Notify,
}

impl Reporter {
    /// A driver's side, and the one that listens to it.
    pub fn new() -> (Self, Sightings) {
        let reporter = Self::default();
        let sightings = Sightings(Arc::clone(&reporter.0));
        (reporter, sightings)
    }

    /// Says where a MAC is.
    pub(crate) fn note(&self, sighting: Sighting) {
        let Sighting {
            instance,
            mac,
            port,
        } = sighting;
        self.0.lock().insert((instance, mac), port);
        self.0.wake.notify_one();
    }
}

impl Sightings {
    /// What was seen since the last call, at least one; waits as long as there is nothing. Dropping the future loses
    /// nothing.
    pub async fn next(&self) -> Vec<Sighting> {
        loop {
            let waiting = std::mem::take(&mut *self.0.lock());
            if !waiting.is_empty() {
                let waiting = waiting.into_iter();
                return waiting
                    .map(|((instance, mac), port)| Sighting {
                        instance,
                        mac,
                        port,
                    })
                    .collect();
            }
            self.0.wake.notified().await;
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // An insertion cannot leave the map half-written, so a poisoned lock still guards a good one.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
