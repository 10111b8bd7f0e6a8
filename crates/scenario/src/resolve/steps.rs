//! Steps, in order: what an earlier one said holds for the later.

use super::expect::LAST_STEP;
use super::{Found, Resolver, related};
use crate::error::{ErrorKind, Subject};
use crate::file::{At, CaptureFile, ExecFile, PingFile, StepFile, TextFile};
use crate::lab::{Capture, CaptureId};
use crate::step::{Action, Endpoint, Exec, Ping, PingOutcome, Step, StepId, TextExpectation};
use crate::{defaults, title, values};

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

    fn ping(&mut self, typed: &PingFile) -> Found<Ping> {
        let from = self.endpoint(&typed.from, "pings from");
        let to = self.ping_target(from, &typed.to);
        let count = match &typed.count {
            Some(count) => self.number("the count", count, 1, 65535),
            None => Some(1),
        };
        let within = self.maybe(typed.within.as_ref(), values::duration);
        let during = self.maybe(typed.during.as_ref(), values::duration);
        let fails = typed.fails.as_ref().is_some_and(|fails| fails.value);
        let misplaced = match (fails, &typed.within, &typed.during) {
            (true, Some(within), _) => Some((
                within,
                "within",
                "waits for replies, but this ping fails; say `for`",
            )),
            (false, _, Some(during)) => {
                Some((during, "for", "is for a ping that fails; say `within`"))
            }
            _ => None,
        };
        if let Some((place, key, reason)) = misplaced {
            let kind = ErrorKind::Misplaced {
                key: key.into(),
                reason: reason.into(),
            };
            self.fail(&place.span, kind);
        }
        let outcome = if fails {
            PingOutcome::Silence(during.unwrap_or(defaults::SILENCE))
        } else {
            PingOutcome::Replies(within.unwrap_or(defaults::WITHIN))
        };
        Some(Ping {
            from: from?,
            to: to?,
            count: count?,
            outcome,
        })
    }

    /// An address, that of a port, or that of a node: where the asker reaches it, if it is a node too.
    fn ping_target(&mut self, from: Option<Endpoint>, to: &At<String>) -> Found<std::net::IpAddr> {
        if values::looks_like_address(&to.value) {
            return self.keep(&to.span, values::ip(&to.value));
        }
        match (from, self.endpoint(to, "pings")?) {
            (_, Endpoint::Port(port)) => Some(self.attached[port.0].0.ip),
            (Some(Endpoint::Node(from)), Endpoint::Node(node)) => self.reach(from, node, &to.span),
            (_, Endpoint::Node(node)) => self.first_address(node),
        }
    }

    fn capture(&mut self, typed: &CaptureFile) -> Found<CaptureId> {
        let on = self.net(&typed.on, "captures on");
        let name = &typed.name;
        self.name(name);
        let id = CaptureId(self.scenario.captures.len());
        let first = self
            .captures
            .get(&name.value)
            .map(|(_, place)| place.clone());
        if let Some(first) = first {
            let verb = "has a capture called".into();
            let kind = ErrorKind::Repeated {
                verb,
                name: name.value.clone(),
            };
            self.fail_with(&name.span, kind, related(&first, "the first is here"));
            return None;
        }
        let Some(on) = on else {
            self.broken.insert(name.value.clone());
            return None;
        };
        self.captures
            .insert(name.value.clone(), (id, name.span.clone()));
        self.scenario.captures.push(Capture {
            name: name.value.clone(),
            on,
        });
        Some(id)
    }

    fn exec(&mut self, typed: &ExecFile) -> Found<Exec> {
        let on = self.endpoint(&typed.on, "runs a command on");
        if typed.command.value.is_empty() {
            self.fail(
                &typed.command.span,
                ErrorKind::Empty {
                    key: "command".into(),
                },
            );
        }
        let exit = match &typed.exit {
            Some(exit) => self.number("the exit status", exit, 0, 255),
            None => Some(0),
        };
        let within = self.maybe(typed.within.as_ref(), values::duration);
        Some(Exec {
            on: on?,
            command: typed.command.value.clone(),
            exit: exit?,
            stdout: text(&typed.stdout),
            stderr: text(&typed.stderr),
            within: within.unwrap_or(defaults::WITHIN),
        })
    }
}

fn text(typed: &TextFile) -> TextExpectation {
    TextExpectation {
        contains: typed.contains.0.clone(),
        lacks: typed.lacks.0.clone(),
        equals: typed.equals.clone(),
    }
}
