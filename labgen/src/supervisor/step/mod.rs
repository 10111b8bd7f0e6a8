//! Doing the steps of a scenario.

mod attach;
mod connect;
mod course;
mod exec;
mod flap;
mod life;
pub(super) mod output;
mod ping;
mod routes;
mod traceroute;
mod traffic;

use std::rc::Rc;

use netns::ns::NetNs;
use scenario::{Action, Endpoint, Step};

use super::expect;
use super::lab::Lab;
use super::recording::{self, RecordingError};
use super::slowness;

pub(super) use course::run_all;

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

/// Does what a step says that is not made of steps and not about steps; what was seen, in a line.
async fn perform(lab: &Rc<Lab>, step: &Step) -> Result<String, Unmet> {
    match &step.patient(slowness::factor()) {
        Action::Attach(attach) => attach::attach(lab, attach)
            .await
            .map_err(|e| Unmet::undone("the port is attached", &e)),
        Action::Detach { from, .. } => attach::detach(lab, from)
            .await
            .map_err(|e| Unmet::undone("the port is detached", &e)),
        Action::Move { from, to } => attach::migrate(lab, from, to)
            .await
            .map_err(|e| Unmet::undone("the port is moved", &e)),
        Action::Capture(capture) => recording::begin(lab, *capture)
            .map(|()| String::new())
            .map_err(|e: RecordingError| Unmet::undone("the capture begins", &e)),
        Action::StopCapture(capture) => Ok(recording::stop(lab, *capture).await),
        Action::Announce(id) => routes::announce(lab, *id).await,
        Action::Withdraw(all) => routes::withdraw(lab, all).await,
        Action::Inject(inject) => routes::inject(lab, inject).await,
        Action::Flap(flap) => flap::flap(lab, flap, None).await,
        Action::Ping(ping) => {
            let done = ping::ping(lab, ping).await;
            expect::with_reasons(lab, step.id, ping.from, ping.to, ping.outcome, done).await
        }
        Action::Traffic(flow) => traffic::begin(lab, *flow).await,
        Action::StopTraffic(flow) => traffic::stop(lab, *flow).await,
        Action::Traceroute(wanted) => traceroute::traceroute(lab, wanted).await,
        Action::Connect(wanted) => {
            let done = connect::connect(lab, wanted).await;
            let (from, to) = (wanted.from, wanted.to);
            expect::with_reasons(lab, step.id, from, to, wanted.outcome, done).await
        }
        Action::Exec(exec) => exec::exec(lab, exec).await,
        Action::Cut(cable) => lab
            .cut(&life::place(lab, *cable))
            .await
            .map_err(|e| Unmet::undone("the cable is cut", &e)),
        Action::Heal(cable) => lab
            .heal(&life::place(lab, *cable))
            .await
            .map_err(|e| Unmet::undone("the cable is healed", &e)),
        Action::Impair(impair) => lab
            .treat(impair.on, &impair.treated)
            .await
            .map_err(|e| Unmet::undone("the link is impaired", &e)),
        Action::Halt(nodes) => life::each(nodes, |node| lab.halt(node), "ended").await,
        Action::Start(nodes) => life::each(nodes, |node| lab.start(node), "started").await,
        Action::Restart(nodes) => life::each(nodes, |node| lab.restart(node), "restarted").await,
        Action::Signal(to) => life::signal(lab, to).await,
        Action::Expect(expectation) => expect::wait(lab, expectation, step).await,
        Action::Steps(_)
        | Action::Parallel(_)
        | Action::Repeat(_)
        | Action::Wait(_)
        | Action::Stop(_) => Ok(String::new()),
    }
}

/// The network namespace at an endpoint; `None` for a port that was never attached.
pub(super) fn net_of(lab: &Lab, endpoint: Endpoint) -> Option<NetNs> {
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
    let name = lab.scenario.endpoint_name(endpoint);
    Unmet {
        expected: format!("`{name}` is there"),
        seen: "it was never attached".into(),
        details: Vec::new(),
    }
}
