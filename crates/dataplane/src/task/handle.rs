//! The side of the dataplane task that others hold.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot, watch};
use tokio::time::Instant;
use vpn::{EvpnIntent, InstanceId, Intent, IntentChange};

use super::figures::Figures;
use super::queue::{Control, Queue, Step, Work};
use crate::{Capabilities, DriverError, DriverView, Owned};

/// Asks the driver for things. Cheap to clone; usable from any thread and any runtime.
#[derive(Clone)]
pub struct DriverHandle<I: Intent = EvpnIntent> {
    shared: Arc<Shared<I>>,
    _open: Arc<OpenGuard<I>>,
    name: &'static str,
    capabilities: Capabilities,
    ended: watch::Receiver<bool>,
}

/// What handles and the task both see.
pub(super) struct Shared<I> {
    state: Mutex<State<I>>,
    wake: Notify,
    ended: watch::Sender<bool>,
}

struct State<I> {
    queue: Queue<I>,
    views: BTreeMap<InstanceId, DriverView>,
    figures: Figures,
    closed: bool,
}

/// Why the task wakes.
pub(super) enum Wake<I> {
    /// Steps of one instance, oldest first.
    Steps(InstanceId, Vec<Step<I>>),
    /// Something for all instances.
    Control(Control<I>),
    /// The time given has come.
    Due,
    /// Nothing is left and nothing will come.
    Closed,
}

impl<I> Default for State<I> {
    fn default() -> Self {
        Self {
            queue: Queue::default(),
            views: BTreeMap::new(),
            figures: Figures::default(),
            closed: false,
        }
    }
}

impl<I: Intent> DriverHandle<I> {
    pub(super) fn new(name: &'static str, capabilities: Capabilities) -> (Self, Arc<Shared<I>>) {
        let (ended, watch) = watch::channel(false);
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            wake: Notify::new(),
            ended,
        });
        let handle = Self {
            shared: Arc::clone(&shared),
            _open: Arc::new(OpenGuard(Arc::clone(&shared))),
            name,
            capabilities,
            ended: watch,
        };
        (handle, shared)
    }

    /// The driver's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What the driver can forward.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// How the driver has been doing.
    pub fn figures(&self) -> Figures {
        let state = self.shared.lock();
        Figures {
            pending: state.queue.len(),
            ..state.figures
        }
    }

    /// Makes the dataplane equal to `intent`, or to a newer one of the same instance, and waits for it.
    ///
    /// # Errors
    /// What the driver answers; the instance is then as it was before.
    pub async fn apply(&self, intent: Arc<I>) -> Result<(), DriverError> {
        self.request(IntentChange::Set(intent)).await
    }

    /// Removes the instance and waits for it.
    ///
    /// # Errors
    /// What the driver answers.
    pub async fn remove(&self, instance: InstanceId) -> Result<(), DriverError> {
        self.request(IntentChange::Remove(instance)).await
    }

    /// Has a change made without waiting, as for a received route. A newer change of the same instance
    /// may replace it before it is made; failures are logged and tried again.
    pub fn submit(&self, change: IntentChange<I>) {
        self.shared.push(Step {
            change,
            reply: None,
        });
    }

    /// Has a change made, in its place among those submitted before and after this call, and answers when it
    /// is; dropping the future changes nothing. For callers that must not wait where they ask.
    pub fn request(
        &self,
        change: IntentChange<I>,
    ) -> impl Future<Output = Result<(), DriverError>> + Send + use<I> {
        let (reply, answer) = oneshot::channel();
        self.shared.push(Step {
            change,
            reply: Some(reply),
        });
        async move { answer.await.unwrap_or(Err(DriverError::Stopped)) }
    }

    /// Makes the dataplane hold `intents` and nothing else. Changes submitted before are made before,
    /// later ones after.
    ///
    /// # Errors
    /// What the driver answers.
    pub fn reconcile(
        &self,
        intents: Vec<Arc<I>>,
    ) -> impl Future<Output = Result<(), DriverError>> + Send + use<I> {
        // In its place now, not when the answer is first waited for: the intents are those of this moment.
        let (reply, answer) = oneshot::channel();
        self.shared.push_control(Control::Reconcile(intents, reply));
        async move { answer.await.unwrap_or(Err(DriverError::Stopped)) }
    }

    /// Removes everything the driver ever made on this host.
    ///
    /// # Errors
    /// What the driver answers.
    pub async fn reset(&self) -> Result<(), DriverError> {
        self.control(Control::Reset).await
    }

    /// Everything on this host that carries the driver's names.
    ///
    /// # Errors
    /// What the driver answers.
    pub async fn list(&self) -> Result<Vec<Owned>, DriverError> {
        self.control(Control::List).await
    }

    /// What the looking glass shows of an instance, as of the last change made.
    pub fn state(&self, instance: InstanceId) -> Option<DriverView> {
        self.shared.lock().views.get(&instance).cloned()
    }

    /// Takes no more changes, waits until those taken are made, and ends the task. What the driver made
    /// stays; call [`reset`](Self::reset) before to remove it.
    pub async fn shutdown(mut self) {
        self.shared.close();
        // An error means that the sender is gone, and with it the task.
        let _ = self.ended.wait_for(|ended| *ended).await;
    }

    async fn control<T>(
        &self,
        control: impl FnOnce(oneshot::Sender<Result<T, DriverError>>) -> Control<I>,
    ) -> Result<T, DriverError> {
        let (reply, answer) = oneshot::channel();
        self.shared.push_control(control(reply));
        answer.await.unwrap_or(Err(DriverError::Stopped))
    }
}

impl<I: Intent> Shared<I> {
    /// The next thing to do; waits for it, at most until `due`.
    pub async fn next(&self, due: Option<Instant>) -> Wake<I> {
        loop {
            {
                let mut state = self.lock();
                match state.queue.pop() {
                    Some(Work::Steps(instance, steps)) => return Wake::Steps(instance, steps),
                    Some(Work::Control(control)) => return Wake::Control(control),
                    None if state.closed => return Wake::Closed,
                    None => {}
                }
            }
            match due {
                None => self.wake.notified().await,
                Some(due) => {
                    tokio::select! {
                        () = self.wake.notified() => {}
                        () = tokio::time::sleep_until(due) => return Wake::Due,
                    }
                }
            }
        }
    }

    /// Counts a change that was tried.
    pub fn note(&self, time: std::time::Duration, is_refused: bool) {
        self.lock().figures.note(time, is_refused);
    }

    pub fn publish(&self, instance: InstanceId, view: Option<DriverView>, retrying: usize) {
        let mut state = self.lock();
        state.figures.retrying = retrying;
        match view {
            Some(view) => state.views.insert(instance, view),
            None => state.views.remove(&instance),
        };
    }

    fn push(&self, step: Step<I>) {
        let mut state = self.lock();
        if !state.closed {
            state.queue.push(step);
            drop(state);
            self.wake.notify_one();
        }
    }

    fn push_control(&self, control: Control<I>) {
        let mut state = self.lock();
        if !state.closed {
            state.queue.push_control(control);
            drop(state);
            self.wake.notify_one();
        }
    }

    fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State<I>> {
        // No code that can panic runs under this lock, so a poisoned one still guards good data.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes the queue when the last handle goes.
struct OpenGuard<I: Intent>(Arc<Shared<I>>);

impl<I: Intent> Drop for OpenGuard<I> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Answers everybody who still waits when the thread ends, however it ends.
pub(super) struct EndGuard<I: Intent>(pub Arc<Shared<I>>);

impl<I: Intent> Drop for EndGuard<I> {
    fn drop(&mut self) {
        let abandoned = {
            let mut state = self.0.lock();
            state.closed = true;
            std::mem::take(&mut state.queue)
        };
        drop(abandoned);
        self.0.ended.send_replace(true);
    }
}
