//! Scenarios on slow machines.

use crate::lab::Scenario;
use crate::step::{Action, PingOutcome};

impl Scenario {
    /// Multiplies every time a step waits, and what is silent must be silent for; `factor` at least 1.
    pub fn slow_down(&mut self, factor: u32) {
        self.lab.slow = factor;
        for step in &mut self.steps {
            match &mut step.action {
                Action::Ping(ping) => match &mut ping.outcome {
                    PingOutcome::Replies(time) | PingOutcome::Silence(time) => *time *= factor,
                },
                Action::Exec(exec) => exec.within *= factor,
                Action::Expect(expectation) => expectation.within *= factor,
                Action::Attach(_) | Action::Detach { .. } | Action::Capture(_) => {}
            }
        }
    }
}
