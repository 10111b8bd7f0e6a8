//! Doing the steps of a scenario, one after the other.

mod attach;
mod exec;
mod output;
mod ping;

use std::rc::Rc;

use netns::ns::NetNs;
use scenario::{Action, Endpoint, Step};

use super::expect;
use super::front::Front;
use super::lab::Lab;
use super::recording::{self, RecordingError};
use crate::protocol::{Event, Failure};

/// A step that did not end well.
#[derive(Debug)]
pub(super) struct Unmet {
    pub(super) expected: String,
    pub(super) seen: String,
    pub(super) details: Vec<String>,
}

impl Unmet {
    /// Something that was to be done could not be.
    pub(super) fn undone(expected: &str, error: &dyn std::error::Error) -> Self {
        Self {
            expected: expected.into(),
            seen: crate::command::chain(error),
            details: Vec::new(),
        }
    }
}

/// All steps, or those up to the first that fails. Whether all passed.
pub(super) async fn run_all(lab: &Rc<Lab>, front: &Front) -> bool {
    let of = lab.scenario.steps.len();
    for step in &lab.scenario.steps {
        let number = step.id.0 + 1;
        let title = step.title.clone();
        recording::mark(lab, step.id, &title);
        front.send(&Event::StepStarted {
            step: number,
            of,
            title,
            at: lab.at(),
        });
        match run(lab, step).await {
            Ok(seen) => front.send(&Event::StepPassed {
                step: number,
                seen,
                at: lab.at(),
            }),
            Err(unmet) => {
                front.send(&Event::StepFailed(Failure {
                    step: number,
                    title: step.title.clone(),
                    line: step.place.line,
                    expected: unmet.expected,
                    seen: unmet.seen,
                    details: unmet.details,
                    at: lab.at(),
                }));
                return false;
            }
        }
    }
    true
}

/// One step; what was seen, in a line.
async fn run(lab: &Rc<Lab>, step: &Step) -> Result<String, Unmet> {
    match &step.action {
        Action::Attach(attach) => attach::attach(lab, attach)
            .await
            .map_err(|e| Unmet::undone("the port is attached", &e)),
        Action::Detach { from, .. } => attach::detach(lab, from)
            .await
            .map_err(|e| Unmet::undone("the port is detached", &e)),
        Action::Capture(capture) => recording::begin(lab, *capture)
            .map(|()| String::new())
            .map_err(|e: RecordingError| Unmet::undone("the capture begins", &e)),
        Action::Ping(ping) => ping::ping(lab, ping).await,
        Action::Exec(exec) => exec::exec(lab, exec).await,
        Action::Expect(expectation) => expect::wait(lab, expectation, &step.title).await,
    }
}

/// The network namespace at an endpoint; `None` for a port that was never attached.
fn net_of(lab: &Lab, endpoint: Endpoint) -> Option<NetNs> {
    match endpoint {
        Endpoint::Node(node) => Some(lab.home(node).ok()?.net.clone()),
        Endpoint::Port(port) => lab
            .state
            .ports
            .borrow()
            .get(&lab.scenario[port].name)
            .map(|state| state.ns.clone()),
    }
}

fn nowhere(lab: &Lab, endpoint: Endpoint) -> Unmet {
    let name = match endpoint {
        Endpoint::Node(node) => &lab.scenario[node].name,
        Endpoint::Port(port) => &lab.scenario[port].name,
    };
    Unmet {
        expected: format!("`{name}` is there"),
        seen: "it was never attached".into(),
        details: Vec::new(),
    }
}
