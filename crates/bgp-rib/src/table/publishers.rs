//! Who has published routes that are in the table, by a small number each.

use std::collections::BTreeMap;

use super::store::Place;
use crate::WorkerId;
use crate::sorted::Sorted;

/// A publisher's number.
pub(super) type Number = u32;

#[derive(Debug, Default)]
pub(super) struct Publishers {
    by_worker: BTreeMap<WorkerId, Publisher>,
    /// By number; those of nobody are in `free`.
    workers: Vec<WorkerId>,
    free: Vec<Number>,
}

#[derive(Debug)]
pub(super) struct Publisher {
    pub(super) number: Number,
    routes: usize,
    /// Where its routes are. Not of peers: most routes are theirs, and found by looking at all.
    places: Sorted<Place>,
}

impl Publishers {
    pub(super) fn get(&self, worker: WorkerId) -> Option<&Publisher> {
        self.by_worker.get(&worker)
    }

    /// The worker with a number; [`WorkerId::Manager`] for one that nobody has.
    pub(super) fn worker(&self, number: Number) -> WorkerId {
        let worker = self.workers.get(number as usize).copied();
        worker.unwrap_or(WorkerId::Manager)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = WorkerId> + '_ {
        self.by_worker.keys().copied()
    }

    /// Notes a route that was not there, and answers the worker's number.
    pub(super) fn add(&mut self, worker: WorkerId, place: Place) -> Number {
        let Self {
            by_worker,
            workers,
            free,
        } = self;
        let publisher = by_worker.entry(worker).or_insert_with(|| Publisher {
            number: match free.pop() {
                Some(number) => {
                    workers[number as usize] = worker;
                    number
                }
                None => {
                    workers.push(worker);
                    // There are not as many workers.
                    workers.len() as Number - 1
                }
            },
            routes: 0,
            places: Sorted::default(),
        });
        publisher.routes += 1;
        if !worker.is_peer() {
            publisher.places.insert(place, |other| other.cmp(&place));
        }
        publisher.number
    }

    /// Notes that a route is gone.
    pub(super) fn remove(&mut self, worker: WorkerId, place: Place) {
        let Some(publisher) = self.by_worker.get_mut(&worker) else {
            return;
        };
        publisher.routes -= 1;
        publisher.places.remove(|other| other.cmp(&place));
        if publisher.routes == 0 {
            self.free.push(publisher.number);
            self.by_worker.remove(&worker);
        }
    }
}

impl Publisher {
    /// Where the routes of one that is no peer are, in order.
    pub(super) fn places(&self) -> impl Iterator<Item = Place> + '_ {
        self.places.iter().copied()
    }
}
