//! A driver that forwards nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vpn::{EvpnIntent, InstanceId, IntentChange};

use crate::{BoxFuture, Capabilities, DriverError, DriverView, EvpnDriver, Owned};

/// Accepts every intent, remembers what is in force and touches nothing: for trying out routing, and for
/// tests.
#[derive(Debug, Default)]
pub struct DummyDriver {
    applied: BTreeMap<InstanceId, Arc<EvpnIntent>>,
    recording: Option<Recording>,
}

/// Every change a [`DummyDriver`] was asked for, in order; a handle that outlives the driver's move into
/// its task.
#[derive(Clone, Debug, Default)]
pub struct Recording(Arc<Mutex<Vec<IntentChange>>>);

impl DummyDriver {
    /// A driver with nothing applied, which keeps no history.
    pub fn new() -> Self {
        Self::default()
    }

    /// A driver and the record of what it will be asked. The record only grows: for tests.
    pub fn recorded() -> (Self, Recording) {
        let recording = Recording::default();
        let driver = Self {
            applied: BTreeMap::new(),
            recording: Some(recording.clone()),
        };
        (driver, recording)
    }

    fn set(&mut self, intent: Arc<EvpnIntent>) {
        self.note(IntentChange::Set(Arc::clone(&intent)));
        self.applied.insert(intent.instance, intent);
    }

    fn note(&self, change: IntentChange) {
        if let Some(recording) = &self.recording {
            recording.lock().push(change);
        }
    }
}

impl Recording {
    /// The changes so far.
    pub fn changes(&self) -> Vec<IntentChange> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<IntentChange>> {
        // A push cannot leave the list half-written, so a poisoned lock still guards a good one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EvpnDriver for DummyDriver {
    fn name(&self) -> &'static str {
        "dummy"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::vxlan()
    }

    fn start(&mut self) -> BoxFuture<'_, Result<(), DriverError>> {
        tracing::warn!(
            "the dummy E-VPN driver is in use: routes are exchanged, nothing is forwarded"
        );
        done(())
    }

    fn apply(&mut self, intent: Arc<EvpnIntent>) -> BoxFuture<'_, Result<(), DriverError>> {
        self.set(intent);
        done(())
    }

    fn remove(&mut self, instance: InstanceId) -> BoxFuture<'_, Result<(), DriverError>> {
        self.note(IntentChange::Remove(instance));
        self.applied.remove(&instance);
        done(())
    }

    fn reconcile(
        &mut self,
        intents: Vec<Arc<EvpnIntent>>,
    ) -> BoxFuture<'_, Result<(), DriverError>> {
        self.applied.clear();
        intents.into_iter().for_each(|intent| self.set(intent));
        done(())
    }

    fn list(&mut self) -> BoxFuture<'_, Result<Vec<Owned>, DriverError>> {
        done(Vec::new())
    }

    fn reset(&mut self) -> BoxFuture<'_, Result<(), DriverError>> {
        self.applied.clear();
        done(())
    }

    fn state(&self, instance: InstanceId) -> Option<DriverView> {
        self.applied.get(&instance).map(|_| DriverView::default())
    }
}

fn done<T: Send + 'static>(value: T) -> BoxFuture<'static, Result<T, DriverError>> {
    Box::pin(std::future::ready(Ok(value)))
}
