//! Scenarios on slow machines.

use crate::lab::Scenario;
use crate::step::{Action, PingOutcome};

impl Scenario {
    /// Multiplies every time a step waits, and what is silent must be silent for; `factor` at least 1.
    pub fn slow_down(&mut self, factor: u32) {
        self.lab.slow = factor;
        for step in &mut self.steps {
            step.walk_mut(&mut |step| match &mut step.action {
                Action::Ping(ping) => match &mut ping.outcome {
                    PingOutcome::Replies(time) | PingOutcome::Silence(time) => *time *= factor,
                },
                Action::Exec(exec) => exec.within *= factor,
                Action::Wait(wait) => wait.within *= factor,
                Action::Expect(expectation) => {
                    expectation.within *= factor;
                    if let Some(hold) = &mut expectation.hold {
                        *hold *= factor;
                    }
                }
                _ => {}
            });
        }
    }
}
