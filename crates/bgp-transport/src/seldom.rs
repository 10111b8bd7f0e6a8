use std::{collections::HashMap, hash::Hash, time::Duration};

use tokio::time::Instant;

/// For what strangers can cause as often as they like: says when it may be logged, at most once a minute, or as often as
/// it was made for.
#[derive(Debug)]
pub struct Seldom {
    most: u32,
    began: Option<Instant>,
    logged: u32,
    since: u64,
}

impl Default for Seldom {
    fn default() -> Self {
        Self::up_to(1)
    }
}

impl Seldom {
    /// So often a minute.
    pub fn up_to(most: u32) -> Self {
        Self {
            most,
            began: None,
            logged: 0,
            since: 0,
        }
    }

    /// It has happened again. Answers how often since it was last logged, this one included, if it may be logged now.
    pub fn happened(&mut self) -> Option<u64> {
        self.since += 1;
        if self.began.is_none_or(|began| began.elapsed() >= PERIOD) {
            self.began = Some(Instant::now());
            self.logged = 0;
        }
        if self.logged == self.most {
            return None;
        }
        self.logged += 1;
        Some(std::mem::take(&mut self.since))
    }
}

/// The same for each of several kinds of things; there are to be few.
#[derive(Debug)]
pub struct SeldomOf<K> {
    most: u32,
    kinds: HashMap<K, Seldom>,
}

impl<K> Default for SeldomOf<K> {
    fn default() -> Self {
        Self::up_to(1)
    }
}

impl<K> SeldomOf<K> {
    /// So often a minute and kind.
    pub fn up_to(most: u32) -> Self {
        Self {
            most,
            kinds: HashMap::new(),
        }
    }
}

impl<K: Eq + Hash> SeldomOf<K> {
    /// One of this kind has happened again: see [`Seldom::happened`].
    pub fn happened(&mut self, kind: K) -> Option<u64> {
        let most = self.most;
        let seldom = self.kinds.entry(kind);
        seldom.or_insert_with(|| Seldom::up_to(most)).happened()
    }
}

const PERIOD: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_kind_is_logged_so_often_a_minute_and_counted_meanwhile() {
        let mut seldom = SeldomOf::up_to(2);
        let ten = |seldom: &mut SeldomOf<u8>| -> Vec<u64> {
            (0..10).filter_map(|_| seldom.happened(7)).collect()
        };
        assert_eq!(ten(&mut seldom), [1, 1]);
        assert_eq!(seldom.happened(8), Some(1), "another kind");
        tokio::time::advance(PERIOD - Duration::from_secs(1)).await;
        assert_eq!(ten(&mut seldom), [0; 0]);
        tokio::time::advance(Duration::from_secs(1)).await;
        // The 18 that were not, and one.
        assert_eq!(ten(&mut seldom), [19, 1]);
    }
}
