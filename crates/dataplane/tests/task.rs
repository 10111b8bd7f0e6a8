//! The task around a driver: order, coalescing, answers.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bgp_wire::Vni;
use dataplane::{
    BoxFuture, Capabilities, Driver, DriverError, DriverHandle, DriverTask, DriverView,
    DummyDriver, Encap, Owned,
};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use vpn::intent::{EvpnIntent, InstanceId, IntentChange, Port};

const PATIENCE: Duration = Duration::from_secs(20);

/// Does one thing for each permit, and refuses intents with a port `bad`.
struct Gated {
    gate: Arc<Semaphore>,
    begun: mpsc::UnboundedSender<String>,
    in_force: BTreeMap<InstanceId, Arc<EvpnIntent>>,
    /// How often `flaky` ports are refused before they are taken.
    refusals: Arc<Mutex<u32>>,
}

/// The test's side of a [`Gated`].
struct Gate {
    gate: Arc<Semaphore>,
    begun: mpsc::UnboundedReceiver<String>,
    refusals: Arc<Mutex<u32>>,
}

impl Gate {
    async fn started() -> (DriverHandle, Self) {
        let (sender, begun) = mpsc::unbounded_channel();
        let gate = Arc::new(Semaphore::new(0));
        let refusals = Arc::default();
        let driver = Gated {
            gate: Arc::clone(&gate),
            begun: sender,
            in_force: BTreeMap::new(),
            refusals: Arc::clone(&refusals),
        };
        let handle = DriverTask::start(Box::new(driver)).await.unwrap();
        let gate = Self {
            gate,
            begun,
            refusals,
        };
        (handle, gate)
    }

    /// What the driver begins next; it waits for a permit then.
    async fn begun(&mut self) -> String {
        timeout(PATIENCE, self.begun.recv()).await.unwrap().unwrap()
    }

    fn open(&self) {
        self.gate.add_permits(1);
    }

    /// Lets everything pass that is begun up to `last`, and says what that was.
    async fn pass_until(&mut self, last: &str) -> Vec<String> {
        let mut passed = Vec::new();
        while passed.last().map(String::as_str) != Some(last) {
            passed.push(self.begun().await);
            self.open();
        }
        passed
    }
}

impl Gated {
    fn step(
        &mut self,
        what: String,
        work: impl FnOnce(&mut Self) -> Result<(), DriverError> + Send + 'static,
    ) -> BoxFuture<'_, Result<(), DriverError>> {
        Box::pin(async move {
            self.begun.send(what).unwrap();
            self.gate.acquire().await.unwrap().forget();
            work(self)
        })
    }
}

impl Driver for Gated {
    fn name(&self) -> &'static str {
        "gated"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::vxlan()
    }

    fn start(&mut self) -> BoxFuture<'_, Result<(), DriverError>> {
        Box::pin(async { Ok(()) })
    }

    fn apply(&mut self, intent: Arc<EvpnIntent>) -> BoxFuture<'_, Result<(), DriverError>> {
        let ports: Vec<&str> = intent.ports.keys().map(|port| &**port).collect();
        let what = format!("{}: {}", intent.instance, ports.join(" "));
        self.step(what, move |driver| {
            let refuse = |name: &str| DriverError::NoInterface { name: name.into() };
            if intent.ports.contains_key("bad") {
                return Err(refuse("bad"));
            }
            let mut refusals = driver.refusals.lock().unwrap();
            if intent.ports.contains_key("flaky") && *refusals > 0 {
                *refusals -= 1;
                return Err(refuse("flaky"));
            }
            drop(refusals);
            driver.in_force.insert(intent.instance, intent);
            Ok(())
        })
    }

    fn remove(&mut self, instance: InstanceId) -> BoxFuture<'_, Result<(), DriverError>> {
        self.step(format!("{instance} removed"), move |driver| {
            let mut refusals = driver.refusals.lock().unwrap();
            if *refusals > 0 {
                *refusals -= 1;
                return Err(DriverError::UnknownInstance { instance });
            }
            drop(refusals);
            driver.in_force.remove(&instance);
            Ok(())
        })
    }

    fn reconcile(
        &mut self,
        intents: Vec<Arc<EvpnIntent>>,
    ) -> BoxFuture<'_, Result<(), DriverError>> {
        self.step("reconcile".into(), move |driver| {
            let by_instance = intents.into_iter().map(|intent| (intent.instance, intent));
            driver.in_force = by_instance.collect();
            Ok(())
        })
    }

    fn list(&mut self) -> BoxFuture<'_, Result<Vec<Owned>, DriverError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn reset(&mut self) -> BoxFuture<'_, Result<(), DriverError>> {
        self.step("reset".into(), |driver| {
            driver.in_force.clear();
            Ok(())
        })
    }

    fn state(&self, instance: InstanceId) -> Option<DriverView> {
        let intent = self.in_force.get(&instance)?;
        Some(DriverView {
            missing_ports: intent.ports.keys().map(ToString::to_string).collect(),
            ..DriverView::default()
        })
    }
}

fn intent(instance: u32, ports: &[&str]) -> Arc<EvpnIntent> {
    let ports = ports.iter().map(|name| ((*name).into(), Port::default()));
    Arc::new(EvpnIntent {
        instance: InstanceId(instance),
        external_id: format!("instance {instance}"),
        vni: Vni::new(instance).unwrap(),
        local_vtep: [10, 0, 0, 1].into(),
        linuxbr: None,
        gateway: None,
        gateway_port: None,
        ports: ports.collect(),
        remote_macs: vpn::SharedMap::new(),
        neighbours: vpn::SharedMap::new(),
        flood: vpn::SharedSet::new(),
    })
}

fn set(instance: u32, ports: &[&str]) -> IntentChange {
    IntentChange::Set(intent(instance, ports))
}

fn no(name: &str) -> Result<(), DriverError> {
    Err(DriverError::NoInterface { name: name.into() })
}

/// Occupies the driver, so that what comes next has to wait.
async fn occupy(handle: &DriverHandle, gate: &mut Gate) {
    handle.submit(set(99, &[]));
    assert_eq!(gate.begun().await, "99: ");
}

#[tokio::test]
async fn of_changes_that_pile_up_the_newest_is_made() {
    let (handle, mut gate) = Gate::started().await;
    occupy(&handle, &mut gate).await;
    for ports in [&["a"][..], &["b"], &["c"]] {
        handle.submit(set(1, ports));
        handle.submit(set(2, ports));
    }
    gate.open();
    assert_eq!(gate.begun().await, "1: c");
    gate.open();
    assert_eq!(gate.begun().await, "2: c");
    gate.open();
    handle.list().await.unwrap();
    let view = handle.state(InstanceId(1)).unwrap();
    assert_eq!(view.missing_ports, BTreeSet::from(["c".to_owned()]));
}

#[tokio::test]
async fn whoever_waits_is_answered_with_the_newer_one() {
    let (handle, mut gate) = Gate::started().await;
    occupy(&handle, &mut gate).await;
    let first = handle.request(set(1, &["a"]));
    let second = handle.request(set(1, &["a", "b"]));
    handle.submit(set(1, &["a", "b", "c"]));
    gate.open();
    assert_eq!(gate.begun().await, "1: a b c");
    gate.open();
    assert_eq!((first.await, second.await), (Ok(()), Ok(())));
}

// A bad attachment took down the good one that it was coalesced with.
#[tokio::test]
async fn if_the_newest_fails_each_gets_its_own_answer() {
    let (handle, mut gate) = Gate::started().await;
    occupy(&handle, &mut gate).await;
    handle.submit(set(1, &["r"]));
    let good = handle.request(set(1, &["a", "r"]));
    let bad = handle.request(set(1, &["a", "bad", "r"]));
    let worse = handle.request(set(1, &["bad"]));
    gate.open();
    let order = gate.pass_until("1: a bad r").await;
    assert_eq!(order, ["1: bad", "1: r", "1: a r", "1: a bad r"]);
    assert_eq!((good.await, bad.await), (Ok(()), no("bad")));
    assert_eq!(gate.begun().await, "1: bad");
    gate.open();
    assert_eq!(worse.await, no("bad"));
    let view = handle.state(InstanceId(1)).unwrap();
    assert_eq!(
        view.missing_ports,
        BTreeSet::from(["a".to_owned(), "r".to_owned()])
    );
}

#[tokio::test]
async fn a_failed_route_change_is_tried_again() {
    let (handle, mut gate) = Gate::started().await;
    *gate.refusals.lock().unwrap() = 1;
    handle.submit(set(1, &["flaky"]));
    for _ in 0..2 {
        assert_eq!(gate.begun().await, "1: flaky");
        gate.open();
    }
    handle.list().await.unwrap();
    assert!(handle.state(InstanceId(1)).is_some());
}

// Who detached the last port was told of the failure, and what was left stayed for ever.
#[tokio::test]
async fn a_failed_removal_is_tried_again_though_somebody_waited() {
    let (handle, mut gate) = Gate::started().await;
    handle.submit(set(1, &["a"]));
    assert_eq!(gate.begun().await, "1: a");
    gate.open();
    *gate.refusals.lock().unwrap() = 1;
    let removed = handle.request(IntentChange::Remove(InstanceId(1)));
    assert_eq!(gate.begun().await, "1 removed");
    gate.open();
    removed.await.unwrap_err();
    assert_eq!(gate.begun().await, "1 removed");
    gate.open();
    handle.list().await.unwrap();
    assert_eq!(handle.state(InstanceId(1)), None);
}

#[tokio::test]
async fn a_newer_change_replaces_a_failed_one() {
    let (handle, mut gate) = Gate::started().await;
    handle.submit(set(1, &["bad"]));
    assert_eq!(gate.begun().await, "1: bad");
    gate.open();
    let good = handle.request(set(1, &["a"]));
    assert_eq!(gate.pass_until("1: a").await.last().unwrap(), "1: a");
    good.await.unwrap();
    let removed = handle.request(IntentChange::Remove(InstanceId(1)));
    assert_eq!(gate.begun().await, "1 removed");
    gate.open();
    removed.await.unwrap();
    assert_eq!(handle.state(InstanceId(1)), None);
}

#[tokio::test]
async fn nothing_overtakes_a_reconciliation() {
    let (handle, mut gate) = Gate::started().await;
    occupy(&handle, &mut gate).await;
    handle.submit(set(1, &["a"]));
    let reconcile = tokio::spawn({
        let handle = handle.clone();
        async move { handle.reconcile(vec![intent(1, &["b"])]).await }
    });
    // The request is in the queue once the spawned task has run.
    tokio::task::yield_now().await;
    handle.submit(set(1, &["c"]));
    gate.open();
    assert_eq!(gate.pass_until("1: c").await, ["1: a", "reconcile", "1: c"]);
    reconcile.await.unwrap().unwrap();
}

#[tokio::test]
async fn shutting_down_makes_what_was_asked_for_first() {
    let (handle, mut gate) = Gate::started().await;
    occupy(&handle, &mut gate).await;
    let asked = handle.request(set(1, &["a"]));
    let other = handle.clone();
    let shutdown = tokio::spawn(handle.shutdown());
    gate.open();
    assert_eq!(gate.begun().await, "1: a");
    gate.open();
    timeout(PATIENCE, shutdown).await.unwrap().unwrap();
    assert_eq!(asked.await, Ok(()));
    assert_eq!(other.apply(intent(1, &[])).await, Err(DriverError::Stopped));
}

#[tokio::test]
async fn the_thread_ends_with_the_last_handle() {
    let (handle, mut gate) = Gate::started().await;
    handle.submit(set(1, &["a"]));
    drop(handle);
    assert_eq!(gate.begun().await, "1: a");
    gate.open();
    let end = timeout(PATIENCE, gate.begun.recv()).await.unwrap();
    assert_eq!(end, None, "the driver was dropped");
}

#[tokio::test]
async fn issue_40_the_dummy_driver_takes_whatever_it_is_asked() {
    let (driver, recording) = DummyDriver::recorded();
    let handle = DriverTask::start(Box::new(driver)).await.unwrap();
    assert_eq!(handle.name(), "dummy");
    // Known issue 40: nothing is sent, so a route that does not say how is as good as another.
    let encaps = &handle.capabilities().encaps;
    assert_eq!(encaps, &[Encap::Vxlan, Encap::Default]);
    handle.apply(intent(1, &["a"])).await.unwrap();
    assert_eq!(handle.state(InstanceId(1)), Some(DriverView::default()));
    handle.remove(InstanceId(1)).await.unwrap();
    assert_eq!(handle.state(InstanceId(1)), None);
    let removed = IntentChange::Remove(InstanceId(1));
    assert_eq!(recording.changes(), [set(1, &["a"]), removed]);
}
