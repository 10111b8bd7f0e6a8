//! Received routes in order of what they are about, in as little memory as can be: there may be very many.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use bgp_rib::best_path::{self, Candidate};
use bgp_rib::sorted::Sorted;
use bgp_rib::{Route, WorkerId};
use bgp_wire::NlriKey;

/// A received route and who published it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held<'a> {
    pub(crate) source: WorkerId,
    pub(crate) route: &'a Arc<Route>,
}

impl Held<'_> {
    /// Whether this is the same route, not only an equal one.
    pub(crate) fn is(self, other: Held<'_>) -> bool {
        self.source == other.source && Arc::ptr_eq(self.route, other.route)
    }

    fn candidate(&self) -> Candidate<'_> {
        Candidate {
            source: self.source,
            route: self.route,
        }
    }
}

/// Which of two routes is the better one.
pub(crate) fn compare(a: Held<'_>, b: Held<'_>) -> Ordering {
    best_path::compare(a.candidate(), b.candidate())
}

/// The best of routes to one destination.
pub(crate) fn best<'a>(routes: impl Iterator<Item = Held<'a>>) -> Option<Held<'a>> {
    routes.max_by(|a, b| compare(*a, *b))
}

/// Routes in order of what they are about, then of who published them and their keys.
#[derive(Clone, Debug)]
pub(crate) struct Index<K> {
    about: fn(&Route) -> Option<K>,
    /// By peer. Nearly all routes are of peers, which are few: nothing beside a route says whose it is.
    of_peers: BTreeMap<WorkerId, Sorted<Arc<Route>>>,
    of_others: Sorted<(WorkerId, Arc<Route>)>,
}

impl<K: Copy + Ord> Index<K> {
    /// Of routes that are all about something.
    pub(crate) fn new(about: fn(&Route) -> Option<K>) -> Self {
        Self {
            about,
            of_peers: BTreeMap::new(),
            of_others: Sorted::default(),
        }
    }

    /// Adds a route, or puts it in place of the one of the same source and key about the same, and answers that.
    pub(crate) fn insert(&mut self, source: WorkerId, route: &Arc<Route>) -> Option<Arc<Route>> {
        let side = side(self.about, (self.about)(route), route.key());
        let route = Arc::clone(route);
        if source.is_peer() {
            let routes = self.of_peers.entry(source).or_default();
            return routes.insert(route, |other| side(other, Ordering::Equal));
        }
        let side = |(worker, other): &(WorkerId, Arc<Route>)| side(other, worker.cmp(&source));
        let old = self.of_others.insert((source, route), side);
        old.map(|(_, route)| route)
    }

    /// Removes the route of this source and key that is about the same, and answers it.
    pub(crate) fn remove(&mut self, source: WorkerId, route: &Route) -> Option<Arc<Route>> {
        let side = side(self.about, (self.about)(route), route.key());
        if source.is_peer() {
            let routes = self.of_peers.get_mut(&source)?;
            let old = routes.remove(|other| side(other, Ordering::Equal));
            if routes.is_empty() {
                self.of_peers.remove(&source);
            }
            return old;
        }
        let side = |(worker, other): &(WorkerId, Arc<Route>)| side(other, worker.cmp(&source));
        self.of_others.remove(side).map(|(_, route)| route)
    }

    /// The routes about one thing.
    pub(crate) fn matching(&self, about: K) -> impl Iterator<Item = Held<'_>> {
        let side = move |route: &Route| (self.about)(route).cmp(&Some(about));
        let of_peers = self.of_peers.iter().flat_map(move |(source, routes)| {
            let routes = routes.matching(move |route| side(route));
            routes.map(|route| held(*source, route))
        });
        let of_others = self.of_others.matching(move |(_, route)| side(route));
        of_peers.chain(of_others.map(|(source, route)| held(*source, route)))
    }

    /// All of them, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Held<'_>> {
        let of_peers = self.of_peers.iter().map(|(source, routes)| {
            let routes = routes.iter().map(|route| held(*source, route));
            Box::new(routes) as Box<dyn Iterator<Item = Held<'_>>>
        });
        let of_others = self.of_others.iter();
        let of_others = of_others.map(|(source, route)| held(*source, route));
        let lists = of_peers.chain([Box::new(of_others) as Box<_>]);
        let mut lists: Vec<_> = lists.map(Iterator::peekable).collect();
        std::iter::from_fn(move || {
            let firsts = lists.iter_mut().enumerate();
            let firsts = firsts.filter_map(|(at, list)| {
                let first = list.peek()?;
                Some((((self.about)(first.route), first.source), at))
            });
            let (_, at) = firsts.min()?;
            lists.get_mut(at)?.next()
        })
    }
}

fn held(source: WorkerId, route: &Arc<Route>) -> Held<'_> {
    Held { source, route }
}

/// Where a route is beside one about `wanted` with a key, if `by_source` is how those who published them compare.
fn side<K: Copy + Ord>(
    about: fn(&Route) -> Option<K>,
    wanted: Option<K>,
    key: NlriKey,
) -> impl Fn(&Route, Ordering) -> Ordering {
    move |other, by_source| {
        let by_about = about(other).cmp(&wanted);
        by_about.then(by_source).then_with(|| other.key().cmp(&key))
    }
}
