//! The task that owns a driver.
//!
//! The kernel does a netlink request inside the caller's `sendmsg`, and removing a bridge takes it tens of
//! milliseconds. So a driver lives on a thread of its own and nobody else waits.

mod figures;
mod handle;
mod queue;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;
use vpn::{EvpnIntent, InstanceId, Intent, IntentChange};

pub use figures::Figures;
pub use handle::DriverHandle;
use handle::{Shared, Wake};
use queue::{Control, Step};

use crate::{Driver, DriverError};

/// How long to wait before a failed route change is tried again, at first and at most.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Owns a driver, on a thread of its own.
///
/// Changes that arrive while the driver is busy are coalesced: per instance the newest intent is applied,
/// and everyone who waits for an older one is answered with it. Should the newest fail, the older ones are
/// applied in order, so that a bad attachment cannot take a good one down with it. A route change that
/// fails is tried again, later and later, until it works or a newer one replaces it.
pub struct DriverTask<I: Intent = EvpnIntent> {
    driver: Box<dyn Driver<I>>,
    shared: Arc<Shared<I>>,
    retries: BTreeMap<InstanceId, Retry<I>>,
    known: BTreeSet<InstanceId>,
}

/// A change that failed with nobody waiting for it.
struct Retry<I> {
    change: IntentChange<I>,
    due: Instant,
    delay: Duration,
}

impl<I: Intent> DriverTask<I> {
    /// Starts the driver on its thread and returns when it is ready.
    ///
    /// The thread ends when the last handle is dropped and everything asked for is done.
    ///
    /// # Errors
    /// What [`Driver::start`] answers, or the failure to make a thread.
    pub async fn start(driver: Box<dyn Driver<I>>) -> Result<DriverHandle<I>, DriverError> {
        let (handle, shared) = DriverHandle::new(driver.name(), driver.capabilities());
        let (ready, started) = oneshot::channel();
        let spawned = std::thread::Builder::new()
            .name("dataplane".into())
            .spawn(move || thread(driver, shared, ready));
        spawned.map_err(|error| kernel("start the dataplane thread", &error))?;
        started.await.unwrap_or(Err(DriverError::Stopped))?;
        Ok(handle)
    }

    async fn run(&mut self) {
        loop {
            let due = self.retries.values().map(|retry| retry.due).min();
            match self.shared.next(due).await {
                Wake::Steps(instance, steps) => self.steps(instance, steps).await,
                Wake::Control(control) => self.control(control).await,
                Wake::Due => self.retry().await,
                Wake::Closed => return,
            }
        }
    }

    async fn steps(&mut self, instance: InstanceId, steps: Vec<Step<I>>) {
        let Some(newest) = steps.last() else { return };
        let result = self.change(newest.change.clone()).await;
        if result.is_ok() || steps.len() == 1 {
            self.note(newest, &result);
            // Whoever is answered may look at once.
            self.publish(instance);
            steps
                .into_iter()
                .for_each(|step| step.answer(result.clone()));
            return;
        }
        for step in steps {
            let result = self.change(step.change.clone()).await;
            self.note(&step, &result);
            self.publish(instance);
            step.answer(result);
        }
    }

    async fn change(&mut self, change: IntentChange<I>) -> Result<(), DriverError> {
        let start = Instant::now();
        let result = match change {
            IntentChange::Set(intent) => {
                self.known.insert(intent.instance());
                self.driver.apply(intent).await
            }
            IntentChange::Remove(instance) => self.driver.remove(instance).await,
        };
        self.shared.note(start.elapsed(), result.is_err());
        result
    }

    /// Keeps a failure to be tried again: one that nobody waits for, or of a removal, which nobody will ask for again.
    fn note(&mut self, step: &Step<I>, result: &Result<(), DriverError>) {
        let instance = step.change.instance();
        match result {
            Ok(()) => {
                self.retries.remove(&instance);
            }
            Err(error) if step.reply.is_none() || is_removal(&step.change) => {
                tracing::warn!(%instance, %error, "the dataplane did not take a change; will retry");
                self.remember(step.change.clone());
            }
            Err(_) => {}
        }
    }

    fn remember(&mut self, change: IntentChange<I>) {
        let instance = change.instance();
        let before = self.retries.get(&instance).map(|retry| retry.delay);
        let delay = before.map_or(RETRY.0, |delay| (delay * 2).min(RETRY.1));
        let due = Instant::now() + delay;
        self.retries.insert(instance, Retry { change, due, delay });
    }

    async fn retry(&mut self) {
        let now = Instant::now();
        let due = self.retries.iter().find(|(_, retry)| retry.due <= now);
        let Some((&instance, retry)) = due else {
            return;
        };
        let step = Step {
            change: retry.change.clone(),
            reply: None,
        };
        let result = self.change(step.change.clone()).await;
        self.note(&step, &result);
        self.publish(instance);
    }

    async fn control(&mut self, control: Control<I>) {
        match control {
            Control::Reconcile(intents, reply) => {
                let result = self.reconcile(intents).await;
                self.publish_all();
                let _ = reply.send(result);
            }
            Control::Reset(reply) => {
                self.retries.clear();
                let result = self.driver.reset().await;
                self.publish_all();
                let _ = reply.send(result);
            }
            Control::List(reply) => {
                let _ = reply.send(self.driver.list().await);
            }
        }
    }

    async fn reconcile(&mut self, intents: Vec<Arc<I>>) -> Result<(), DriverError> {
        self.retries.clear();
        self.known
            .extend(intents.iter().map(|intent| intent.instance()));
        let result = self.driver.reconcile(intents.clone()).await;
        if let Err(error) = &result {
            tracing::warn!(%error, "the dataplane could not be reconciled; will retry");
            let again = intents.into_iter().map(IntentChange::Set);
            again.for_each(|change| self.remember(change));
        }
        result
    }

    fn publish(&mut self, instance: InstanceId) {
        let view = self.driver.state(instance);
        if view.is_none() {
            self.known.remove(&instance);
        }
        self.shared.publish(instance, view, self.retries.len());
    }

    fn publish_all(&mut self) {
        let known: Vec<InstanceId> = self.known.iter().copied().collect();
        known
            .into_iter()
            .for_each(|instance| self.publish(instance));
    }
}

fn is_removal<I>(change: &IntentChange<I>) -> bool {
    matches!(change, IntentChange::Remove(_))
}

fn thread<I: Intent>(
    driver: Box<dyn Driver<I>>,
    shared: Arc<Shared<I>>,
    ready: oneshot::Sender<Result<(), DriverError>>,
) {
    // Also on panic: whoever waits is answered `Stopped` instead of waiting for ever.
    let _end = handle::EndGuard(Arc::clone(&shared));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = ready.send(Err(kernel("start the dataplane thread", &error)));
            return;
        }
    };
    runtime.block_on(async {
        let mut task = DriverTask {
            driver,
            shared,
            retries: BTreeMap::new(),
            known: BTreeSet::new(),
        };
        let started = task.driver.start().await;
        let failed = started.is_err();
        if ready.send(started).is_ok() && !failed {
            task.run().await;
        }
    });
}

fn kernel(action: &str, error: &std::io::Error) -> DriverError {
    DriverError::Kernel {
        action: action.to_owned(),
        reason: error.to_string(),
    }
}
