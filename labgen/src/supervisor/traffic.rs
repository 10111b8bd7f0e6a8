//! Traffic that is being sent, and what is told of it.

mod words;

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Instant;

use netns::flow::{Ends, Figures, Flow, FlowError, FlowSpec, Outage, Protocol, State};
use netns::ns::NetNs;
use scenario::{Action, Endpoint, Fact, FlowId, Since, Step, StepId};
use tokio::sync::watch;

use super::lab::{Lab, micros};
use super::ports::PortState;
use crate::protocol::Event;

pub(super) use words::{explained, summary, value};

/// Traffic that was begun. It stays here when it has ended: its figures can still be asked for.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) flow: Flow,
    from: Endpoint,
    receiver: Option<Endpoint>,
    /// Steps since which its figures are asked for.
    wanted: BTreeSet<StepId>,
    /// Whether all outages have been told of.
    told: watch::Sender<bool>,
}

/// A step that began.
#[derive(Debug, Clone)]
pub(super) struct Begun {
    pub(super) at: Instant,
    /// Its number and title.
    pub(super) what: String,
}

/// Why traffic cannot be sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum TrafficError {
    #[error("`{name}` is not there: it was never attached")]
    Nowhere { name: String },
    #[error("cannot begin the traffic")]
    Flow(#[from] FlowError),
    #[error("the traffic was given up while it began")]
    GivenUp,
}

/// Steps that are remembered, to say what was done when an outage began.
const REMEMBERED: usize = 4096;
/// Outages of a flow that are told one by one.
const TOLD: u64 = 1000;

/// Begins the traffic; every probe from now on is accounted for.
pub(super) async fn begin(lab: &Rc<Lab>, id: FlowId) -> Result<Rc<Running>, TrafficError> {
    let wanted = &lab.scenario[id];
    let net = |endpoint| {
        let name = || lab.scenario.endpoint_name(endpoint).to_owned();
        super::step::net_of(lab, endpoint).ok_or_else(|| TrafficError::Nowhere { name: name() })
    };
    let receiver = wanted.receiver.map(net).transpose()?;
    let protocol = match (wanted.protocol, receiver) {
        (scenario::Protocol::Udp, Some(receiver)) => Protocol::Udp(receiver),
        (scenario::Protocol::Tcp, Some(receiver)) => Protocol::Tcp(receiver),
        _ => Protocol::Icmp,
    };
    let spec = FlowSpec {
        ends: Ends {
            from: net(wanted.from)?,
            source: wanted.source,
            to: wanted.to,
            port: wanted.port.unwrap_or(0),
        },
        protocol,
        rate: wanted.rate,
        size: wanted.size as usize,
        count: wanted.count(),
        threshold: wanted.timeout,
    };
    // TCP waits for its connection.
    let begun = tokio::task::spawn_blocking(move || Flow::start(spec)).await;
    let running = Rc::new(Running {
        flow: begun.map_err(|_| TrafficError::GivenUp)??,
        from: wanted.from,
        receiver: wanted.receiver,
        wanted: asked_since(lab, id),
        told: watch::Sender::new(false),
    });
    tokio::task::spawn_local(tell(Rc::clone(lab), id, Rc::clone(&running)));
    let mut flows = lab.state.flows.borrow_mut();
    flows.insert(wanted.name.clone(), Rc::clone(&running));
    Ok(running)
}

/// Steps since which an expectation counts probes of the flow.
fn asked_since(lab: &Lab, id: FlowId) -> BTreeSet<StepId> {
    let mut steps = BTreeSet::new();
    for step in lab.scenario.walk() {
        if let scenario::Action::Expect(expectation) = &step.action
            && let Fact::Traffic(traffic) = &expectation.fact
            && let Since::Step(since) = traffic.since
            && traffic.flow == id
        {
            steps.insert(since);
        }
    }
    steps
}

/// The traffic of that name, if it has begun.
pub(super) fn running(lab: &Lab, id: FlowId) -> Option<Rc<Running>> {
    let flows = lab.state.flows.borrow();
    flows.get(&lab.scenario[id].name).map(Rc::clone)
}

/// Notes that a step begins: figures since then are those of the probes that are sent from now on.
pub(super) fn mark(lab: &Lab, step: &Step) {
    for running in lab.state.flows.borrow().values() {
        if running.wanted.contains(&step.id) {
            running.flow.mark(step.id.0 as u64);
        }
    }
    // Nothing comes of looking: an outage in that time comes of what was done before.
    if matches!(step.action, Action::Expect(_) | Action::Wait(_)) {
        return;
    }
    let mut begun = lab.state.begun.borrow_mut();
    if begun.len() == REMEMBERED {
        begun.pop_front();
    }
    begun.push_back(Begun {
        at: Instant::now(),
        what: format!("step {}, {}", step.number, step.title),
    });
}

/// Lets the traffic of a port that is on another node now begin or end there.
pub(super) fn follow(lab: &Lab, port: scenario::PortId, now: &PortState) {
    let port = Endpoint::Port(port);
    for running in lab.state.flows.borrow().values() {
        let here: Option<NetNs> = Some(now.ns.clone());
        let from = here.clone().filter(|_| running.from == port);
        let to = here.filter(|_| running.receiver == Some(port));
        running.flow.relocate(from, to);
    }
}

/// Sends nothing more of any, and waits until all is told.
pub(super) async fn stop_all(lab: &Lab) {
    let all: Vec<Rc<Running>> = lab.state.flows.borrow().values().map(Rc::clone).collect();
    for running in &all {
        running.flow.stop();
    }
    for running in all {
        // Both ends of the channel are in `running`.
        let _ = running.told.subscribe().wait_for(|told| *told).await;
    }
}

impl Running {
    /// The figures that an expectation asks for.
    pub(super) fn figures(&self, since: Since) -> Figures {
        match since {
            Since::Start => self.flow.figures(),
            Since::Step(step) => self.flow.figures_since(step.0 as u64),
        }
    }
}

/// Tells of every outage once it is over, or the flow is.
async fn tell(lab: Rc<Lab>, id: FlowId, running: Rc<Running>) {
    let flow = &running.flow;
    let mut news = flow.watch();
    let mut told = 0;
    let mut untold = 0;
    loop {
        let over = *news.borrow_and_update() == State::Ended;
        let (mut outages, mut more) = flow.take_outages();
        if over {
            let outages_of_all = flow.figures().outages;
            let open = outages_of_all.kept.last().filter(|_| outages_of_all.open);
            outages.extend(open);
        }
        for outage in outages {
            if told < TOLD {
                told += 1;
                lab.teller.tell(event(&lab, id, flow, outage));
            } else {
                more += 1;
            }
        }
        untold += more;
        if over || news.changed().await.is_err() {
            break;
        }
    }
    if untold > 0 {
        let name = &lab.scenario[id].name;
        let text = format!("traffic {name}: {untold} more outages than the {told} that are told");
        lab.teller.tell(Event::Note { text });
    }
    running.told.send_replace(true);
}

fn event(lab: &Lab, id: FlowId, flow: &Flow, outage: Outage) -> Event {
    let began = micros(flow.epoch().saturating_duration_since(lab.began));
    Event::Outage {
        flow: lab.scenario[id].name.clone(),
        since: began + outage.start / 1000,
        until: began + outage.end / 1000,
        lost: outage.lost,
        at: lab.at(),
    }
}
