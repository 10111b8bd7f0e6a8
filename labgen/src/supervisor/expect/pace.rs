//! Looking again at what nobody tells of.

use std::time::Duration;

/// The first pause.
const SOON: Duration = Duration::from_millis(10);

/// Pauses between looks, each longer than the one before. Kernels tell of no change of a counter, of memory or of time.
pub(super) struct Pace {
    next: Duration,
    most: Duration,
}

impl Pace {
    /// No pause is longer than `most`.
    pub(super) fn up_to(most: Duration) -> Self {
        Self { next: SOON, most }
    }

    /// Waits until it is time to look again.
    pub(super) async fn pause(&mut self) {
        let pause = self.next;
        self.next = (pause * 2).min(self.most);
        tokio::time::sleep(pause).await;
    }
}
