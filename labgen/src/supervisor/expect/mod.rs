//! Waiting for a fact: look, and look again whenever something changed, until it is true or too late.

mod dataplane;
mod kernel;
mod packets;
mod route;
mod session;

use std::rc::Rc;
use std::time::Duration;

use scenario::{Expectation, Fact};
use tokio::time::{Instant, timeout_at};

use super::lab::{Lab, ReachError};
use super::step::Unmet;

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

/// Waits until the expectation is met; what was seen, in a line.
pub(super) async fn wait(
    lab: &Rc<Lab>,
    expectation: &Expectation,
    title: &str,
) -> Result<String, Unmet> {
    // What is shown says itself that it was expected.
    let title = title.strip_prefix("expect ").unwrap_or(title);
    let deadline = Instant::now() + expectation.within;
    match &expectation.fact {
        Fact::Session(e) => until(session::Watcher::new(lab, e, title), deadline).await,
        Fact::Route(e) => until(route::Watcher::new(lab, e, title), deadline).await,
        Fact::Packets(e) => until(packets::Watcher::new(lab, e, title), deadline).await,
        Fact::Forwarding(e) => until(dataplane::Forwarding::new(lab, e, title), deadline).await,
        Fact::Neighbour(e) => until(dataplane::Neighbours::new(lab, e, title), deadline).await,
    }
}

async fn until(mut watch: impl Watch, deadline: Instant) -> Result<String, Unmet> {
    let mut last = Unmet {
        expected: "an answer".into(),
        seen: "none in time".into(),
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
                    last = Unmet::undone("an answer", &error);
                    tokio::time::sleep(AGAIN).await;
                    continue;
                }
            }
            if let Err(error) = watch.changed().await {
                last = Unmet::undone("an answer", &error);
            }
        }
    };
    match timeout_at(deadline, waiting).await {
        Ok(Ok(seen)) => Ok(seen),
        Ok(Err(unmet)) => Err(unmet),
        Err(_) => Err(last),
    }
}
