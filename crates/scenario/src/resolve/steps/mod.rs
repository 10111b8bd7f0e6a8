//! Steps, in order: what an earlier one said holds for the later.

mod capture;
mod exec;
mod ping;

use super::expect::LAST_STEP;
use super::{Found, Resolver, related};
use crate::error::{ErrorKind, Subject};
use crate::file::{At, StepFile};
use crate::step::{Action, Step, StepId};
use crate::title;

impl Resolver<'_> {
    pub(super) fn steps(&mut self, steps: &[Option<At<StepFile>>]) {
        for (index, step) in steps.iter().enumerate() {
            let Some(step) = step else { continue };
            self.subject = Subject::Step(index + 1);
            let id = StepId(index);
            let label = step.value.label.as_ref();
            let action = self.action(&step.value);
            if let Some(label) = label {
                self.label(id, label);
            }
            let Some(action) = action.filter(|_| self.errors.is_empty()) else {
                continue;
            };
            if !matches!(action, Action::Capture(_) | Action::Expect(_)) {
                self.last_step = Some(id);
            }
            let title = title::of(&self.scenario, &action, &step.value);
            self.scenario.steps.push(Step {
                id,
                label: label.map(|label| label.value.clone()),
                title,
                place: self.place(&step.span),
                action,
            });
        }
    }

    fn label(&mut self, id: StepId, label: &At<String>) {
        self.name(label);
        let first = self
            .labels
            .get(&label.value)
            .map(|(_, place)| place.clone());
        if let Some(first) = first {
            let kind = ErrorKind::Repeated {
                verb: "has the label".into(),
                name: label.value.clone(),
            };
            self.fail_with(&label.span, kind, related(&first, "an earlier step has it"));
        } else if label.value == LAST_STEP {
            let reason = "is a word of its own after `since`".into();
            self.fail(
                &label.span,
                ErrorKind::Misplaced {
                    key: LAST_STEP.into(),
                    reason,
                },
            );
        } else {
            self.labels
                .insert(label.value.clone(), (id, label.span.clone()));
        }
    }

    fn action(&mut self, typed: &StepFile) -> Found<Action> {
        if let Some(attach) = &typed.attach {
            self.attach(&attach.value).map(Action::Attach)
        } else if let Some(detach) = &typed.detach {
            self.detach(&detach.value)
                .map(|(port, from)| Action::Detach { port, from })
        } else if let Some(ping) = &typed.ping {
            self.ping(&ping.value).map(Action::Ping)
        } else if let Some(capture) = &typed.capture {
            self.capture(&capture.value).map(Action::Capture)
        } else if let Some(exec) = &typed.exec {
            self.exec(&exec.value).map(Action::Exec)
        } else {
            self.expect(&typed.expect.as_ref()?.value)
                .map(Action::Expect)
        }
    }
}
