use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    sync::Arc,
};

use bgp_wire::{Family, Nlri, NlriKey, RouteTarget};

use super::{
    best::best,
    body::{Body, Source},
    client::is_constrained,
};

/// One way to a destination.
#[derive(Clone, Debug)]
pub(super) struct Path {
    pub(super) body: Arc<Body>,
    /// The destination as its source wrote it, label included.
    pub(super) nlri: Nlri,
}

impl Path {
    /// Whether a client would see no difference.
    pub(super) fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.body, &other.body) && self.nlri == other.nlri
    }
}

pub(super) type DestinationId = u32;

/// All paths to all destinations, and which destinations have changed since last asked.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// By number; a free number has no paths. The first path is the best.
    destinations: Vec<Vec<Path>>,
    free: Vec<DestinationId>,
    numbers: BTreeMap<Family, BTreeMap<NlriKey, DestinationId>>,
    /// Destinations whose best path has this target, of families under RT-Constraint.
    by_target: BTreeMap<RouteTarget, BTreeSet<DestinationId>>,
    /// The best path each destination had before the change, and the destination.
    touched: BTreeMap<DestinationId, (Option<Path>, Nlri)>,
}

/// The best path of a destination, before and after.
pub(super) type Change = (Option<Path>, Option<Path>);

impl Table {
    /// The source's path to this destination is now that one.
    pub(super) fn insert(&mut self, path: Path) {
        let number = self.number(&path.nlri);
        self.touch(number, &path.nlri);
        let paths = &mut self.destinations[number as usize];
        match paths
            .iter_mut()
            .find(|known| known.body.source == path.body.source)
        {
            Some(known) => *known = path,
            None => paths.push(path),
        }
        elect(paths);
    }

    /// The source has no path to this destination any more.
    pub(super) fn remove(&mut self, source: Source, nlri: &Nlri) {
        let numbers = self.numbers.get(&nlri.family);
        let Some(number) = numbers
            .and_then(|numbers| numbers.get(&nlri.key()))
            .copied()
        else {
            return;
        };
        self.drop_path(source, number);
    }

    /// The source has no path to anything any more.
    pub(super) fn remove_all(&mut self, source: Source) {
        for number in 0..self.destinations.len() {
            // Numbers are given out as `DestinationId`s.
            self.drop_path(source, number as DestinationId);
        }
    }

    fn drop_path(&mut self, source: Source, number: DestinationId) {
        let paths = &self.destinations[number as usize];
        if let Some(index) = paths.iter().position(|path| path.body.source == source) {
            let nlri = paths[index].nlri.clone();
            self.touch(number, &nlri);
            let paths = &mut self.destinations[number as usize];
            paths.swap_remove(index);
            elect(paths);
        }
    }

    /// What has changed since the last call, in the order of numbers.
    pub(super) fn changes(&mut self) -> Vec<Change> {
        let touched = mem::take(&mut self.touched);
        let changes = touched.into_iter().filter_map(|(number, (before, nlri))| {
            let after = self.best(number).cloned();
            self.index(number, before.as_ref(), after.as_ref());
            if after.is_none() {
                self.forget(number, &nlri);
            }
            let same = match (&before, &after) {
                (Some(before), Some(after)) => before.same(after),
                (None, None) => true,
                _ => false,
            };
            (!same).then_some((before, after))
        });
        changes.collect()
    }

    /// The best paths of a family, in the order of keys.
    pub(super) fn family(&self, family: Family) -> impl Iterator<Item = &Path> {
        let numbers = self
            .numbers
            .get(&family)
            .into_iter()
            .flat_map(BTreeMap::values);
        numbers.filter_map(|number| self.best(*number))
    }

    /// All paths of a family, by destination in the order of keys, the best first.
    pub(super) fn all_of(&self, family: Family) -> impl Iterator<Item = &[Path]> {
        let numbers = self
            .numbers
            .get(&family)
            .into_iter()
            .flat_map(BTreeMap::values);
        numbers.map(|number| self.destinations[*number as usize].as_slice())
    }

    /// The best paths with one of these targets, each once; of all targets if `None`. Only of families under
    /// RT-Constraint.
    pub(super) fn with_targets<'a>(
        &self,
        targets: Option<impl Iterator<Item = &'a RouteTarget>>,
    ) -> Vec<&Path> {
        let Some(targets) = targets else {
            let families = self
                .numbers
                .keys()
                .filter(|family| is_constrained(**family));
            return families.flat_map(|family| self.family(*family)).collect();
        };
        let numbers: BTreeSet<DestinationId> = targets
            .filter_map(|target| self.by_target.get(target))
            .flatten()
            .copied()
            .collect();
        numbers
            .into_iter()
            .filter_map(|number| self.best(number))
            .collect()
    }

    /// Destinations with a path, per family.
    pub(super) fn counts(&self) -> impl Iterator<Item = (Family, usize)> + '_ {
        self.numbers
            .iter()
            .map(|(family, numbers)| (*family, numbers.len()))
    }

    fn best(&self, number: DestinationId) -> Option<&Path> {
        self.destinations[number as usize].first()
    }

    fn number(&mut self, nlri: &Nlri) -> DestinationId {
        let numbers = self.numbers.entry(nlri.family).or_default();
        *numbers.entry(nlri.key()).or_insert_with(|| {
            self.free.pop().unwrap_or_else(|| {
                self.destinations.push(Vec::new());
                // Four thousand million destinations do not fit in memory.
                (self.destinations.len() - 1) as DestinationId
            })
        })
    }

    fn touch(&mut self, number: DestinationId, nlri: &Nlri) {
        if !self.touched.contains_key(&number) {
            let before = self.best(number).cloned();
            self.touched.insert(number, (before, nlri.clone()));
        }
    }

    fn index(&mut self, number: DestinationId, before: Option<&Path>, after: Option<&Path>) {
        let targets = |path: Option<&Path>| match path {
            Some(path) if is_constrained(path.nlri.family) => Some(Arc::clone(&path.body)),
            _ => None,
        };
        let (before, after) = (targets(before), targets(after));
        if let (Some(before), Some(after)) = (&before, &after)
            && before.targets == after.targets
        {
            return;
        }
        for target in before.iter().flat_map(|body| &body.targets) {
            if let Some(numbers) = self.by_target.get_mut(target) {
                numbers.remove(&number);
                if numbers.is_empty() {
                    self.by_target.remove(target);
                }
            }
        }
        for target in after.iter().flat_map(|body| &body.targets) {
            self.by_target.entry(*target).or_default().insert(number);
        }
    }

    fn forget(&mut self, number: DestinationId, nlri: &Nlri) {
        if let Some(numbers) = self.numbers.get_mut(&nlri.family) {
            numbers.remove(&nlri.key());
            if numbers.is_empty() {
                self.numbers.remove(&nlri.family);
            }
        }
        self.destinations[number as usize] = Vec::new();
        self.free.push(number);
    }
}

/// Brings the best path to the front.
fn elect(paths: &mut [Path]) {
    if let Some(index) = best(paths) {
        paths.swap(0, index);
    }
}
