//! Steps, in order: what an earlier one said holds for the later.

mod announce;
mod capture;
mod course;
mod exec;
mod flap;
mod flow;
mod impair;
mod life;
mod ping;
mod traffic;

use super::expect::LAST_STEP;
use super::{Found, Resolver, related};
use crate::error::{ErrorKind, Subject};
use crate::file::{At, StepFile};
use crate::step::{Action, Step, StepId};
use crate::title;

pub(super) use announce::Names;
pub(super) use course::Course;
pub(crate) use flap::FLAPPING;
pub(crate) use traffic::{TRACE_METHODS, TRANSPORTS};

impl Resolver<'_> {
    pub(super) fn steps(&mut self, steps: &[Option<At<StepFile>>]) {
        self.course.impaired = self
            .scenario
            .nets()
            .flat_map(|net| {
                let impaired = self.scenario.impaired(net).iter();
                impaired.map(move |one| (net, one.node, one.direction))
            })
            .collect();
        for (index, step) in steps.iter().enumerate() {
            let Some(step) = step else { continue };
            self.subject = Subject::Step(index + 1);
            let step = self.step(step, (index + 1).to_string());
            self.scenario.steps.extend(step);
        }
    }

    /// The steps in the one with the number `of`.
    fn inner_steps(&mut self, steps: &[At<StepFile>], of: &str) -> Vec<Step> {
        let mut inner = Vec::new();
        for (index, step) in steps.iter().enumerate() {
            if let Some(background) = &step.value.background {
                self.out_of_place(
                    &background.span,
                    "background",
                    "is for steps that are in no other; here `parallel` is it",
                );
            }
            inner.extend(self.step(step, format!("{of}.{}", index + 1)));
        }
        inner
    }

    fn step(&mut self, step: &At<StepFile>, number: String) -> Found<Step> {
        let id = self.course.next_id();
        let typed = &step.value;
        let label = typed.label.as_ref();
        let background = typed.background.as_ref().is_some_and(|flag| flag.value);
        let action = self.action(typed, &number);
        if let Some(label) = label {
            self.label(id, label);
        }
        if background {
            self.course.goes_on(id, &step.span);
        }
        let action = action.filter(|_| self.errors.is_empty())?;
        if !matches!(
            action,
            Action::Capture(_)
                | Action::StopCapture(_)
                | Action::Expect(_)
                | Action::Steps(_)
                | Action::Repeat(_)
        ) {
            self.last_step = Some(id);
        }
        Some(Step {
            id,
            number,
            label: label.map(|label| label.value.clone()),
            title: title::of(&self.scenario, &action, typed),
            place: self.place(&step.span),
            background,
            usual_deadline: has_usual_deadline(typed),
            action,
        })
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

    fn action(&mut self, typed: &StepFile, number: &str) -> Found<Action> {
        if let Some(attach) = &typed.attach {
            self.attach(&attach.value).map(Action::Attach)
        } else if let Some(detach) = &typed.detach {
            self.detach(&detach.value)
                .map(|(port, from)| Action::Detach { port, from })
        } else if let Some(migrate) = &typed.migrate {
            self.migrate(&migrate.value)
                .map(|(from, to)| Action::Move { from, to })
        } else if let Some(announce) = &typed.announce {
            self.announce(&announce.value, &announce.span)
                .map(Action::Announce)
        } else if let Some(withdraw) = &typed.withdraw {
            self.withdraw(&withdraw.value, &withdraw.span)
                .map(Action::Withdraw)
        } else if let Some(flap) = &typed.flap {
            self.flap(&flap.value, &flap.span, number).map(Action::Flap)
        } else if let Some(inject) = &typed.inject {
            self.inject(&inject.value).map(Action::Inject)
        } else if let Some(ping) = &typed.ping {
            self.ping(&ping.value).map(Action::Ping)
        } else if let Some(capture) = &typed.capture {
            self.capture(&capture.value).map(Action::Capture)
        } else if let Some(exec) = &typed.exec {
            self.exec(&exec.value).map(Action::Exec)
        } else if let Some(expect) = &typed.expect {
            self.expect(&expect.value).map(Action::Expect)
        } else {
            let probes = self.probes(typed);
            let failure = probes.or_else(|| self.failure(typed));
            failure.or_else(|| self.flow(typed, number))
        }
    }
}

/// Whether a step waits, and does not say how long.
fn has_usual_deadline(typed: &StepFile) -> bool {
    let ping = typed.ping.as_ref().map(|ping| &ping.value.within);
    let exec = typed.exec.as_ref().map(|exec| &exec.value.within);
    let expect = typed.expect.as_ref().map(|expect| &expect.value.within);
    let connect = typed.connect.as_ref().map(|connect| &connect.value.within);
    let traceroute = typed.traceroute.as_ref();
    let traceroute = traceroute.map(|traceroute| &traceroute.value.within);
    let probes = ping.or(connect).or(traceroute);
    probes.or(exec).or(expect).is_some_and(Option::is_none)
}
