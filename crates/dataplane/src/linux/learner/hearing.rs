//! Hearing of changes, on a socket that may fail.

use std::fmt::Display;
use std::time::Duration;

use netns::link::{Change, LinkError, Monitor};
use tokio::time::Instant;

/// How often in a row it may fail before it is given up.
const TRIES: u32 = 8;

/// How long to wait after the first failure; twice as long after every further one.
const PAUSE: Duration = Duration::from_millis(100);

/// What tells of changes.
pub trait Source {
    type Error: Display;

    /// The next change. Dropping the future loses nothing.
    async fn next(&mut self) -> Result<Change, Self::Error>;
}

impl Source for Monitor {
    type Error = LinkError;

    async fn next(&mut self) -> Result<Change, LinkError> {
        Monitor::next(self).await
    }
}

/// Hears of changes; opens a source that failed again, and says that changes are lost.
pub struct Hearing<S, O> {
    open: O,
    source: Option<S>,
    /// In a row.
    failures: u32,
    /// When to open the source again.
    due: Instant,
    pause: Duration,
}

impl<S: Source, O: FnMut() -> Result<S, S::Error>> Hearing<S, O> {
    /// Opens the source.
    pub fn start(mut open: O) -> Result<Self, S::Error> {
        Ok(Self {
            source: Some(open()?),
            open,
            failures: 0,
            due: Instant::now(),
            pause: PAUSE,
        })
    }

    /// The next change; none if the source fails for good. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Change> {
        while self.failures < TRIES {
            let error = match &mut self.source {
                Some(source) => match source.next().await {
                    Ok(change) => {
                        self.failures = 0;
                        return Some(change);
                    }
                    Err(error) => error,
                },
                None => {
                    tokio::time::sleep_until(self.due).await;
                    match (self.open)() {
                        Ok(source) => {
                            self.source = Some(source);
                            return Some(Change::Lost);
                        }
                        Err(error) => error,
                    }
                }
            };
            tracing::warn!("cannot hear which MAC addresses come and go, trying again: {error}");
            self.source = None;
            self.due = Instant::now() + self.pause * 2u32.pow(self.failures);
            self.failures += 1;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// Fails when it has nothing more to say.
    struct Script(VecDeque<Change>);

    impl Source for Script {
        type Error = &'static str;

        async fn next(&mut self) -> Result<Change, &'static str> {
            self.0.pop_front().ok_or("broken")
        }
    }

    /// How it opens: with so many changes to tell, or not at all.
    fn hearing(
        openings: &[Option<usize>],
    ) -> Hearing<Script, impl FnMut() -> Result<Script, &'static str>> {
        let mut openings: VecDeque<_> = openings.to_vec().into();
        let open = move || {
            let changes = openings.pop_front().flatten().ok_or("refused")?;
            Ok(Script(vec![other(); changes].into()))
        };
        let hearing = Hearing::start(open).expect("the first opens");
        Hearing {
            pause: Duration::ZERO,
            ..hearing
        }
    }

    /// Any change but `Lost`.
    fn other() -> Change {
        let mac = netns::addr::MacAddr::ZERO;
        Change::FdbGone(netns::link::FdbEntry::behind(1, mac))
    }

    #[tokio::test]
    async fn what_failed_is_opened_again_and_has_lost_changes() {
        let mut hearing = hearing(&[Some(1), None, None, Some(1)]);
        assert_eq!(hearing.next().await, Some(other()));
        assert_eq!(hearing.next().await, Some(Change::Lost));
        assert_eq!(hearing.next().await, Some(other()));
    }

    #[tokio::test]
    async fn it_ends_when_nothing_but_failures_come() {
        let mut never = hearing(&[Some(0)]);
        assert_eq!(never.next().await, None);
        // Opening it is no success as long as it tells of nothing.
        let mut mute = hearing(&[Some(0); 100]);
        let mut lost = 0;
        while let Some(change) = mute.next().await {
            assert_eq!(change, Change::Lost);
            lost += 1;
        }
        assert!((1..100).contains(&lost), "{lost}");
    }

    #[tokio::test]
    async fn failures_with_news_between_them_do_not_end_it() {
        let mut hearing = hearing(&[Some(1); 100]);
        for _ in 0..99 {
            assert_eq!(hearing.next().await, Some(other()));
            assert_eq!(hearing.next().await, Some(Change::Lost));
        }
    }
}
