//! A driver that forwards nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vpn::{EvpnIntent, InstanceId, Intent, IntentChange, IpVpnIntent};

use crate::{BoxFuture, Capabilities, Direction, Driver, DriverError, DriverView, Encap, Owned};

const EVPN: &str = "E-VPN";

/// Accepts every intent, remembers what is in force and touches nothing: for trying out routing, and for
/// tests.
#[derive(Debug)]
pub struct DummyDriver<I = EvpnIntent> {
    vpn_type: &'static str,
    capabilities: Capabilities,
    /// Whether to say that nothing is forwarded.
    to_warn: bool,
    applied: BTreeMap<InstanceId, Arc<I>>,
    recording: Option<Recording<I>>,
}

/// Every change a [`DummyDriver`] was asked for, in order; a handle that outlives the driver's move into
/// its task.
#[derive(Clone, Debug)]
pub struct Recording<I = EvpnIntent>(Arc<Mutex<Vec<IntentChange<I>>>>);

impl DummyDriver {
    /// An E-VPN driver with nothing applied, which keeps no history.
    pub fn new() -> Self {
        let mut capabilities = Capabilities::vxlan();
        // As nothing is sent, routes that do not say how are as good as others.
        capabilities.encaps.push(Encap::Default);
        Self::of(EVPN, capabilities)
    }
}

impl Default for DummyDriver {
    fn default() -> Self {
        Self::new()
    }
}

impl DummyDriver<IpVpnIntent> {
    /// An IP VPN driver with nothing applied, which keeps no history.
    pub fn ipvpn() -> Self {
        // Nothing is forwarded, so every direction is done justice.
        let directions = BTreeSet::from([Direction::Both, Direction::ToPort, Direction::FromPort]);
        Self::of(
            "IP VPN",
            Capabilities {
                directions,
                ..Capabilities::mpls()
            },
        )
    }
}

impl DummyDriver {
    /// An E-VPN driver and the record of what it will be asked. The record only grows: for tests.
    pub fn recorded() -> (Self, Recording) {
        let recording = Recording(Arc::default());
        let driver = Self {
            recording: Some(recording.clone()),
            ..Self::new()
        };
        (driver, recording)
    }
}

impl<I: Intent> DummyDriver<I> {
    fn of(vpn_type: &'static str, capabilities: Capabilities) -> Self {
        Self {
            vpn_type,
            capabilities,
            to_warn: true,
            applied: BTreeMap::new(),
            recording: None,
        }
    }

    fn warn(&mut self) {
        if std::mem::take(&mut self.to_warn) {
            tracing::warn!(
                "the dummy {} driver is in use: routes are exchanged, nothing is forwarded",
                self.vpn_type
            );
        }
    }

    fn set(&mut self, intent: Arc<I>) {
        self.warn();
        self.note(IntentChange::Set(Arc::clone(&intent)));
        self.applied.insert(intent.instance(), intent);
    }

    fn note(&self, change: IntentChange<I>) {
        if let Some(recording) = &self.recording {
            recording.lock().push(change);
        }
    }
}

impl<I: Intent> Recording<I> {
    /// The changes so far.
    pub fn changes(&self) -> Vec<IntentChange<I>> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<IntentChange<I>>> {
        // A push cannot leave the list half-written, so a poisoned lock still guards a good one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<I: Intent> Driver<I> for DummyDriver<I> {
    fn name(&self) -> &'static str {
        "dummy"
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities.clone()
    }

    /// An IP VPN driver keeps its warning for the first instance: it is there also where only E-VPN is used.
    fn start(&mut self) -> BoxFuture<'_, Result<(), DriverError>> {
        if self.vpn_type == EVPN {
            self.warn();
        }
        done(())
    }

    fn apply(&mut self, intent: Arc<I>) -> BoxFuture<'_, Result<(), DriverError>> {
        self.set(intent);
        done(())
    }

    fn remove(&mut self, instance: InstanceId) -> BoxFuture<'_, Result<(), DriverError>> {
        self.note(IntentChange::Remove(instance));
        self.applied.remove(&instance);
        done(())
    }

    fn reconcile(&mut self, intents: Vec<Arc<I>>) -> BoxFuture<'_, Result<(), DriverError>> {
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
