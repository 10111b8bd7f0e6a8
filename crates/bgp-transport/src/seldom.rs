use std::{collections::HashMap, hash::Hash, time::Duration};

use tokio::time::Instant;

/// For what strangers can cause as often as they like: says when it may be logged, at most once a minute.
#[derive(Debug, Default)]
pub struct Seldom {
    last: Option<Instant>,
    since: u64,
}

impl Seldom {
    /// It has happened again. Answers how often since it was last logged, this one included, if it may be logged now.
    pub fn happened(&mut self) -> Option<u64> {
        self.since += 1;
        if self.last.is_some_and(|last| last.elapsed() < PERIOD) {
            return None;
        }
        self.last = Some(Instant::now());
        Some(std::mem::take(&mut self.since))
    }
}

/// The same for several kinds of things; there are to be few.
#[derive(Debug)]
pub struct SeldomOf<K>(HashMap<K, Seldom>);

impl<K> Default for SeldomOf<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Eq + Hash> SeldomOf<K> {
    /// One of this kind has happened again: see [`Seldom::happened`].
    pub fn happened(&mut self, kind: K) -> Option<u64> {
        self.0.entry(kind).or_default().happened()
    }
}

const PERIOD: Duration = Duration::from_secs(60);
