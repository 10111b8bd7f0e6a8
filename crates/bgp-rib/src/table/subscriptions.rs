//! Who wants what, both ways.

use std::collections::{BTreeMap, BTreeSet};

use super::store::Entry;
use crate::{Match, WorkerId};

#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    by_match: BTreeMap<Match, BTreeSet<WorkerId>>,
    by_worker: BTreeMap<WorkerId, BTreeSet<Match>>,
}

impl Subscriptions {
    pub(super) fn insert(&mut self, worker: WorkerId, wanted: Match) {
        self.by_match.entry(wanted).or_default().insert(worker);
        self.by_worker.entry(worker).or_default().insert(wanted);
    }

    /// Whether there was such a subscription to remove.
    pub(super) fn remove(&mut self, worker: WorkerId, wanted: Match) -> bool {
        remove_from(&mut self.by_match, &wanted, &worker);
        remove_from(&mut self.by_worker, &worker, &wanted)
    }

    /// Removes every subscription of a worker.
    pub(super) fn take(&mut self, worker: WorkerId) -> BTreeSet<Match> {
        let taken = self.by_worker.remove(&worker).unwrap_or_default();
        for wanted in &taken {
            remove_from(&mut self.by_match, wanted, &worker);
        }
        taken
    }

    pub(super) fn contains(&self, worker: WorkerId, wanted: Match) -> bool {
        self.by_worker
            .get(&worker)
            .is_some_and(|set| set.contains(&wanted))
    }

    /// Whether some subscription of `worker` matches the route.
    pub(super) fn accepts(&self, worker: WorkerId, entry: Entry<'_>) -> bool {
        self.by_worker.get(&worker).is_some_and(|set| {
            Match::accepting(entry.route.family(), &entry.targets()).any(|m| set.contains(&m))
        })
    }

    /// Workers with exactly this subscription.
    pub(super) fn to(&self, wanted: Match) -> impl Iterator<Item = WorkerId> + '_ {
        self.by_match.get(&wanted).into_iter().flatten().copied()
    }

    pub(super) fn of(&self, worker: WorkerId) -> impl Iterator<Item = Match> + '_ {
        self.by_worker.get(&worker).into_iter().flatten().copied()
    }

    pub(super) fn workers(&self) -> impl Iterator<Item = WorkerId> + '_ {
        self.by_worker.keys().copied()
    }
}

/// Removes a member from a map of sets, and the set with its last member.
fn remove_from<K: Ord, V: Ord>(map: &mut BTreeMap<K, BTreeSet<V>>, key: &K, value: &V) -> bool {
    let Some(set) = map.get_mut(key) else {
        return false;
    };
    let removed = set.remove(value);
    if set.is_empty() {
        map.remove(key);
    }
    removed
}
