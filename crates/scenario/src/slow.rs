//! Scenarios on slow machines.

use crate::lab::Scenario;
use crate::step::{Action, PingOutcome, Step};

impl Scenario {
    /// Multiplies every time a step waits, and what is silent must be silent for; `factor` at least 1.
    pub fn slow_down(&mut self, factor: u32) {
        self.lab.slow = factor;
        for flow in &mut self.flows {
            flow.timeout *= factor;
        }
        for step in &mut self.steps {
            step.walk_mut(&mut |step| match &mut step.action {
                Action::Ping(ping) => match &mut ping.outcome {
                    PingOutcome::Replies(time) | PingOutcome::Silence(time) => *time *= factor,
                },
                Action::Connect(connect) => match &mut connect.outcome {
                    PingOutcome::Replies(time) | PingOutcome::Silence(time) => *time *= factor,
                },
                Action::Traceroute(traceroute) => traceroute.within *= factor,
                Action::Exec(exec) => exec.within *= factor,
                Action::Flap(flap) => {
                    flap.period *= factor;
                    flap.down *= factor;
                    flap.jitter *= factor;
                }
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

impl Step {
    /// What it does, with `factor` times its deadline if that is the usual one. What is to stay as it is, or silent, is to
    /// be so no longer than usual.
    pub fn patient(&self, factor: u32) -> Action {
        let mut action = self.action.clone();
        match &mut action {
            _ if !self.usual_deadline => {}
            Action::Ping(ping) => {
                if let PingOutcome::Replies(time) = &mut ping.outcome {
                    *time *= factor;
                }
            }
            Action::Connect(connect) => {
                if let PingOutcome::Replies(time) = &mut connect.outcome {
                    *time *= factor;
                }
            }
            Action::Traceroute(traceroute) => traceroute.within *= factor,
            Action::Exec(exec) => exec.within *= factor,
            Action::Expect(expectation) => expectation.within *= factor,
            _ => {}
        }
        action
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_a_deadline_that_was_not_given_grows() {
        let text = "[nodes]\na = { kind = \"host\" }\nb = { kind = \"host\" }\n[lans]\nl = { join = [\"a\", \"b\"] }\n\
                    [[step]]\nping = { from = \"a\", to = \"b\" }\n\
                    [[step]]\nping = { from = \"a\", to = \"b\", within = \"5s\" }\n\
                    [[step]]\nping = { from = \"a\", to = \"b\", fails = true }\n\
                    [[step]]\nexec = { on = \"a\", command = [\"true\"] }\n";
        let scenario = crate::check(text, "lab.toml").unwrap();
        let grown = scenario
            .steps
            .iter()
            .map(|step| step.patient(3) != step.action);
        assert_eq!(grown.collect::<Vec<_>>(), [true, false, false, true]);
    }
}
