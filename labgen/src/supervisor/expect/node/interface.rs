//! A node's interface.

use std::rc::Rc;
use std::time::Duration;

use netns::addr::MacAddr;
use netns::link::{Counters, Groups, Link};
use scenario::{Counter, InterfaceExpectation, LinkState, Since};

use super::kernel::Kernel;
use super::{same, shown};
use crate::supervisor::expect::pace::Pace;
use crate::supervisor::expect::{Look, Watch};
use crate::supervisor::lab::{Lab, ReachError};
use crate::supervisor::step::Unmet;

/// The longest pause between two looks at counters.
const COUNTED: Duration = Duration::from_millis(100);

pub(in crate::supervisor::expect) struct Interfaces {
    lab: Rc<Lab>,
    kernel: Kernel,
    pace: Pace,
    expected: InterfaceExpectation,
    title: String,
}

impl Interfaces {
    pub(in crate::supervisor::expect) fn new(
        lab: &Rc<Lab>,
        expected: &InterfaceExpectation,
        title: &str,
    ) -> Self {
        Self {
            lab: Rc::clone(lab),
            kernel: Kernel::new(lab, expected.on, Groups::default()),
            pace: Pace::up_to(COUNTED),
            expected: expected.clone(),
            title: title.to_owned(),
        }
    }

    /// What is not as expected of it, in words.
    fn wrong(&self, link: &Link, master: Option<&String>) -> Vec<String> {
        let e = &self.expected;
        let state = state(link);
        let mac = e.mac.map(|mac| MacAddr(mac.0));
        let mut wrong = Vec::new();
        let mut field = |name: &str, same: bool, seen: String| {
            if !same {
                wrong.push(format!("{name} is {seen}"));
            }
        };
        field(
            "it",
            same(e.state.as_ref(), Some(&state)),
            state.name().to_owned(),
        );
        field(
            "its mtu",
            same(e.mtu.as_ref(), Some(&link.mtu)),
            link.mtu.to_string(),
        );
        field(
            "its mac",
            same(mac.as_ref(), link.mac.as_ref()),
            shown(link.mac),
        );
        field("its master", same(e.master.as_ref(), master), shown(master));
        let before = match e.since {
            Since::Start => None,
            Since::Step(step) => self.lab.state.marks.counters(step, e.on, &e.name),
        };
        let before = before.unwrap_or_default();
        for (counter, amount) in &e.counters {
            let now = count(&link.counters, *counter);
            // One that was made anew counts from zero again.
            let counted = now.checked_sub(count(&before, *counter)).unwrap_or(now);
            field(counter.name(), amount.holds(counted), counted.to_string());
        }
        wrong
    }
}

fn state(link: &Link) -> LinkState {
    match (link.up, link.operational) {
        (true, true) => LinkState::Up,
        (true, false) => LinkState::NoCarrier,
        (false, _) => LinkState::Down,
    }
}

fn count(counters: &Counters, counter: Counter) -> u64 {
    match counter {
        Counter::RxPackets => counters.rx_packets,
        Counter::RxBytes => counters.rx_bytes,
        Counter::RxDropped => counters.rx_dropped,
        Counter::RxErrors => counters.rx_errors,
        Counter::TxPackets => counters.tx_packets,
        Counter::TxBytes => counters.tx_bytes,
        Counter::TxDropped => counters.tx_dropped,
        Counter::TxErrors => counters.tx_errors,
    }
}

/// As `ip -s link` tells of it, in a line.
fn described(link: &Link) -> String {
    let Counters {
        rx_packets,
        rx_bytes,
        rx_dropped,
        rx_errors,
        tx_packets,
        tx_bytes,
        tx_dropped,
        tx_errors,
    } = link.counters;
    format!(
        "{} {} mtu {}, received {rx_packets} packets ({rx_bytes} octets, {rx_dropped} dropped, \
         {rx_errors} broken), sent {tx_packets} ({tx_bytes} octets, {tx_dropped} dropped, {tx_errors} failed)",
        link.name,
        state(link).name(),
        link.mtu,
    )
}

impl Watch for Interfaces {
    async fn look(&mut self) -> Result<Look, ReachError> {
        let netlink = self.kernel.look()?;
        let links = netlink.links().await.map_err(|e| self.kernel.failed(e))?;
        let e = &self.expected;
        let unmet = |seen: String, details| {
            let expected = self.title.clone();
            Look::Unmet(Unmet {
                expected,
                seen,
                details,
            })
        };
        let Some(link) = links.iter().find(|link| link.name == e.name) else {
            if e.absent {
                return Ok(Look::Met(String::new()));
            }
            let names = links.iter().map(|link| link.name.clone()).collect();
            return Ok(unmet("there is none; there are".into(), names));
        };
        if e.absent {
            return Ok(unmet("it is there".into(), vec![described(link)]));
        }
        let master = links.iter().find(|one| Some(one.index) == link.master);
        let wrong = self.wrong(link, master.map(|master| &master.name));
        if wrong.is_empty() {
            return Ok(Look::Met(described(link)));
        }
        Ok(unmet(wrong.join(", "), vec![described(link)]))
    }

    async fn changed(&mut self) -> Result<(), ReachError> {
        if self.expected.counters.is_empty() {
            return self.kernel.changed().await;
        }
        tokio::select! {
            told = self.kernel.changed() => told,
            () = self.pace.pause() => Ok(()),
        }
    }
}
