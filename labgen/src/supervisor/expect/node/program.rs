//! Whether a node's programs run.

use std::rc::Rc;
use std::time::Duration;

use futures_util::future::select_all;
use netns::process::Child;
use scenario::{NodeId, ProgramExpectation, ProgramState};

use crate::supervisor::expect::pace::Pace;
use crate::supervisor::expect::{Look, Watch};
use crate::supervisor::lab::{Lab, ReachError};
use crate::supervisor::step::Unmet;

/// The longest pause until it is seen that others were started.
const UNTOLD: Duration = Duration::from_millis(50);

/// The programs that were started of a node, without those that do their work and end; or the one of this name.
pub(super) fn started(lab: &Lab, node: NodeId, name: Option<&str>) -> Vec<(&'static str, Child)> {
    let nodes = lab.state.nodes.borrow();
    let state = nodes.get(&lab.scenario[node].name);
    let children = state.into_iter().flat_map(|state| &state.children);
    let meant = children.filter(|running| match name {
        Some(name) => running.name == name,
        None => !running.once,
    });
    meant
        .map(|running| (running.name, running.child.clone()))
        .collect()
}

/// What is to be said of a node that has no such program, and will have none: its programs are known before they are
/// started.
pub(super) fn unknown(lab: &Lab, node: NodeId, name: Option<&str>, title: &str) -> Option<Unmet> {
    let programs = lab.programs(node);
    let known = || programs.iter().map(|program| program.name);
    if name.is_none_or(|name| known().any(|known| known == name)) {
        return None;
    }
    let known: Vec<&str> = known().collect();
    let node = &lab.scenario[node].name;
    Some(Unmet {
        expected: title.to_owned(),
        seen: format!(
            "node `{node}` has no such program; it has: {}",
            known.join(", ")
        ),
        details: Vec::new(),
    })
}

pub(in crate::supervisor::expect) struct Programs {
    lab: Rc<Lab>,
    expected: ProgramExpectation,
    title: String,
    pace: Pace,
}

impl Programs {
    pub(in crate::supervisor::expect) fn new(
        lab: &Rc<Lab>,
        expected: &ProgramExpectation,
        title: &str,
    ) -> Self {
        Self {
            lab: Rc::clone(lab),
            expected: expected.clone(),
            title: title.to_owned(),
            pace: Pace::up_to(UNTOLD),
        }
    }

    fn started(&self) -> Vec<(&'static str, Child)> {
        let name = self.expected.program.as_deref();
        started(&self.lab, self.expected.on, name)
    }
}

impl Watch for Programs {
    async fn look(&mut self) -> Result<Look, ReachError> {
        let e = &self.expected;
        if let Some(unmet) = unknown(&self.lab, e.on, e.program.as_deref(), &self.title) {
            return Ok(Look::Never(unmet));
        }
        let started = self.started();
        let told: Vec<(bool, String)> = started
            .iter()
            .map(|(name, child)| match (child.try_exit(), e.is) {
                (None, is) => {
                    let text = format!("{name} runs with pid {}", child.pid());
                    (is == ProgramState::Runs, text)
                }
                (Some(exit), is) => {
                    let met = match is {
                        ProgramState::Runs => false,
                        ProgramState::Ended => true,
                        ProgramState::Exited(status) => exit.shell_code() == status,
                    };
                    (met, format!("{name}: {exit}"))
                }
            })
            .collect();
        let wrong = told.iter().find(|(met, _)| !met);
        let seen = match (wrong, told.first()) {
            (None, Some((_, text))) => return Ok(Look::Met(text.clone())),
            (Some((_, text)), _) => text.clone(),
            (None, None) => "nothing was started".into(),
        };
        Ok(Look::Unmet(Unmet {
            expected: self.title.clone(),
            seen,
            details: told.into_iter().map(|(_, text)| text).collect(),
        }))
    }

    async fn changed(&mut self) -> Result<(), ReachError> {
        let running = self.started().into_iter();
        let running = running.filter(|(_, child)| child.try_exit().is_none());
        let ends: Vec<_> = running
            .map(|(_, mut child)| Box::pin(async move { child.exited().await }))
            .collect();
        if ends.is_empty() {
            self.pace.pause().await;
            return Ok(());
        }
        tokio::select! {
            _ = select_all(ends) => {}
            () = self.pace.pause() => {}
        }
        Ok(())
    }
}
