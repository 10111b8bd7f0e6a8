//! Waiting for a fact: look, and look again whenever something changed, until it is true or too late.

mod converged;
mod dataplane;
mod explain;
mod invariants;
mod kernel;
mod node;
mod pace;
mod packets;
mod route;
mod session;
mod traffic;
mod tshark;
mod unreached;

pub(super) use invariants::settled;
pub(super) use unreached::with_reasons;

use std::rc::Rc;
use std::time::Duration;

use scenario::{Expectation, Fact, Step};
use tokio::time::{Instant, timeout_at};

use super::lab::{Lab, ReachError, micros};
use super::step::Unmet;
use crate::ui;

/// How soon a program is asked again that did not answer.
const AGAIN: Duration = Duration::from_millis(50);

/// What a look at a fact gives.
pub(super) enum Look {
    /// It is as expected; what was seen, in a line.
    Met(String),
    /// It is not, yet.
    Unmet(Unmet),
    /// It is not, and waiting cannot help.
    Never(Unmet),
}

/// Something that can be looked at, and that says when looking again may give something else.
trait Watch {
    async fn look(&mut self) -> Result<Look, ReachError>;
    async fn changed(&mut self) -> Result<(), ReachError>;
}

/// Waits until the expectation of a step is met; what was seen, in a line, or why it is not.
pub(super) async fn wait(
    lab: &Rc<Lab>,
    expectation: &Expectation,
    step: &Step,
) -> Result<String, Unmet> {
    match judge(lab, expectation, &step.title).await {
        Ok(seen) => Ok(seen),
        Err(mut unmet) => {
            let why = match &expectation.fact {
                Fact::Traffic(traffic) => {
                    let flow = &lab.scenario[traffic.flow];
                    unreached::reasons(lab, step.id, flow.from, flow.to).await
                }
                fact => explain::explain(lab, fact, step.id).await,
            };
            unmet.details.extend(why);
            Err(unmet)
        }
    }
}

async fn judge(lab: &Rc<Lab>, expectation: &Expectation, title: &str) -> Result<String, Unmet> {
    // What is shown says itself that it was expected.
    let title = title.strip_prefix("expect ").unwrap_or(title);
    let time = Time {
        title,
        within: expectation.within,
        hold: expectation.hold,
    };
    match &expectation.fact {
        Fact::Session(e) => time.of(session::Watcher::new(lab, e, title)).await,
        Fact::Route(e) => time.of(route::Watcher::new(lab, e, title)).await,
        Fact::Packets(e) => time.of(packets::Watcher::new(lab, e, title)).await,
        Fact::Forwarding(e) => time.of(dataplane::Forwarding::new(lab, e, title)).await,
        Fact::Neighbour(e) => match e.vpn {
            Some(vpn) => {
                time.of(dataplane::Neighbours::new(lab, e, vpn, title))
                    .await
            }
            None => time.of(node::Neighbours::new(lab, e, title)).await,
        },
        Fact::KernelRoute(e) => time.of(node::Routes::new(lab, e, title)).await,
        Fact::Rule(e) => time.of(node::Rules::new(lab, e, title)).await,
        Fact::Fdb(e) => time.of(node::Fdb::new(lab, e, title)).await,
        Fact::Mpls(e) => time.of(node::Labels::new(lab, e, title)).await,
        Fact::Interface(e) => time.of(node::Interfaces::new(lab, e, title)).await,
        Fact::Openflow(e) => time.of(node::Flows::new(lab, e, title)).await,
        Fact::Log(e) => time.of(node::Lines::new(lab, e, title)).await,
        Fact::File(e) => time.of(node::Content::new(lab, e, title)).await,
        Fact::Program(e) => time.of(node::Programs::new(lab, e, title)).await,
        Fact::Memory(e) => time.of(node::Memory::new(lab, e, title)).await,
        Fact::Cpu(e) => {
            let hold = expectation.hold.unwrap_or_default();
            time.of(node::Cpu::new(lab, e, title, hold)).await
        }
        Fact::Converged(e) => time.of(converged::Rest::new(lab, e, title)).await,
        Fact::Invariants(e) => time.of(invariants::Invariants::new(lab, e, title)).await,
        Fact::Traffic(e) => {
            let holds = expectation.hold.is_some();
            time.of(traffic::Watcher::new(lab, e, time.within, holds, title))
                .await
        }
    }
}

/// When a fact must be true.
#[derive(Clone, Copy)]
struct Time<'a> {
    /// The fact.
    title: &'a str,
    /// It is before this is over.
    within: Duration,
    /// It stays so for this long.
    hold: Option<Duration>,
}

impl Time<'_> {
    async fn of(self, mut watch: impl Watch) -> Result<String, Unmet> {
        let seen = match (self.within, self.hold) {
            (Duration::ZERO, Some(_)) => now(&mut watch, self.title).await?,
            _ => becomes(&mut watch, Instant::now() + self.within, self.title).await?,
        };
        match self.hold {
            Some(hold) => stays(&mut watch, hold, self.title).await,
            None => Ok(seen),
        }
    }
}

/// It is true at the first look.
async fn now(watch: &mut impl Watch, title: &str) -> Result<String, Unmet> {
    match watch.look().await {
        Ok(Look::Met(seen)) => Ok(seen),
        Ok(Look::Unmet(unmet) | Look::Never(unmet)) => Err(unmet),
        Err(error) => Err(Unmet::undone(title, &error)),
    }
}

/// It is true at every look while the time lasts, the last of them at its end.
async fn stays(watch: &mut impl Watch, hold: Duration, title: &str) -> Result<String, Unmet> {
    let began = Instant::now();
    let deadline = began + hold;
    loop {
        let over = timeout_at(deadline, watch.changed()).await.is_err();
        let seen = now(watch, title).await.map_err(|unmet| {
            let after = ui::ms(micros(began.elapsed()));
            Unmet {
                seen: format!("after {after} {}", unmet.seen),
                ..unmet
            }
        })?;
        if over {
            return Ok(seen);
        }
    }
}

async fn becomes(watch: &mut impl Watch, deadline: Instant, title: &str) -> Result<String, Unmet> {
    let mut last = Unmet {
        expected: title.to_owned(),
        seen: "no answer in time".into(),
        details: Vec::new(),
    };
    let waiting = async {
        loop {
            match watch.look().await {
                Ok(Look::Met(seen)) => return Ok(seen),
                Ok(Look::Never(unmet)) => return Err(unmet),
                Ok(Look::Unmet(unmet)) => last = unmet,
                Err(error) => {
                    // A program that does not answer now may be one that is being started again.
                    last = Unmet::undone(title, &error);
                    tokio::time::sleep(AGAIN).await;
                    continue;
                }
            }
            if let Err(error) = watch.changed().await {
                last = Unmet::undone(title, &error);
            }
        }
    };
    match timeout_at(deadline, waiting).await {
        Ok(Ok(seen)) => Ok(seen),
        Ok(Err(unmet)) => Err(unmet),
        Err(_) => Err(last),
    }
}
