//! Traffic: begun, waited for, stopped.

use std::rc::Rc;

use scenario::FlowId;

use super::Unmet;
use crate::supervisor::lab::Lab;
use crate::supervisor::traffic::{self, Running, summary};

pub(super) async fn begin(lab: &Rc<Lab>, flow: FlowId) -> Result<String, Unmet> {
    let begun = traffic::begin(lab, flow).await;
    let running = begun.map_err(|e| Unmet::undone("the traffic begins", &e))?;
    if lab.scenario[flow].during.is_none() {
        return Ok(String::new());
    }
    // Given up, it sends no more.
    let ending = Ending(Rc::clone(&running));
    running.flow.ended().await;
    drop(ending);
    Ok(summary(&running.flow.figures()))
}

struct Ending(Rc<Running>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.flow.stop();
    }
}

pub(super) async fn stop(lab: &Lab, flow: FlowId) -> Result<String, Unmet> {
    let Some(running) = traffic::running(lab, flow) else {
        return Ok("it has not begun".into());
    };
    running.flow.stop();
    running.flow.ended().await;
    Ok(summary(&running.flow.figures()))
}
