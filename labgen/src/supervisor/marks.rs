//! What was counted when steps began, for expectations that count from there on.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use netns::link::Counters;
use scenario::{Action, Fact, NodeId, Scenario, Since, StepId};

use super::lab::Lab;

/// What expectations ask for, and what was found.
#[derive(Default)]
pub(super) struct Marks {
    wanted: OnceCell<Wanted>,
    logs: RefCell<BTreeMap<(StepId, NodeId), u64>>,
    counters: RefCell<BTreeMap<(StepId, NodeId), Interfaces>>,
}

/// What is counted from a step on.
type Wanted = BTreeMap<StepId, BTreeSet<What>>;

/// What interfaces have counted, by their names.
type Interfaces = BTreeMap<String, Counters>;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Log(NodeId),
    Interfaces(NodeId),
}

fn wanted(scenario: &Scenario) -> Wanted {
    let mut wanted = Wanted::new();
    for step in scenario.walk() {
        let Action::Expect(expectation) = &step.action else {
            continue;
        };
        let (since, what) = match &expectation.fact {
            Fact::Log(log) => (log.since, What::Log(log.on)),
            Fact::Interface(interface) => (interface.since, What::Interfaces(interface.on)),
            _ => continue,
        };
        if let Since::Step(step) = since {
            wanted.entry(step).or_default().insert(what);
        }
    }
    wanted
}

impl Marks {
    /// Octets of a node's log when a step began.
    pub(super) fn log(&self, step: StepId, node: NodeId) -> u64 {
        let logs = self.logs.borrow();
        logs.get(&(step, node)).copied().unwrap_or_default()
    }

    /// What an interface had counted when a step began; `None` for one that was not there.
    pub(super) fn counters(&self, step: StepId, node: NodeId, name: &str) -> Option<Counters> {
        let counters = self.counters.borrow();
        counters.get(&(step, node))?.get(name).copied()
    }
}

/// Notes what later steps count from this one on, which is about to begin. What cannot be seen counts from zero.
pub(super) async fn mark(lab: &Lab, step: StepId) {
    let marks = &lab.state.marks;
    let wanted = marks.wanted.get_or_init(|| wanted(&lab.scenario));
    for what in wanted.get(&step).into_iter().flatten() {
        match *what {
            What::Log(node) => {
                let log = std::fs::metadata(lab.dir.log(&lab.scenario[node].name));
                let size = log.map(|log| log.len()).unwrap_or_default();
                marks.logs.borrow_mut().insert((step, node), size);
            }
            What::Interfaces(node) => {
                let Ok(netlink) = lab.netlink(node) else {
                    continue;
                };
                let links = netlink.links().await.unwrap_or_default();
                let counters = links.into_iter().map(|link| (link.name, link.counters));
                let counters = counters.collect();
                marks.counters.borrow_mut().insert((step, node), counters);
            }
        }
    }
}
