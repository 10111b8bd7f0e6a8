//! Steps made of steps, and those about steps.

use std::ops::Range;
use std::time::Duration;

use crate::error::ErrorKind;
use crate::file::{At, StepFile};
use crate::lab::{AnnouncementId, PortId};
use crate::resolve::{Found, Resolver, related};
use crate::step::{Action, Limit, Repeat, Step, StepId, WaitFor};
use crate::{defaults, values};

/// More rounds than a run can have.
const MOST_ROUNDS: i64 = 1_000_000_000;

/// A port, whether it is attached, and where that was said.
type Plugged = (bool, Range<usize>);

impl Resolver<'_> {
    pub(super) fn flow(&mut self, typed: &StepFile, number: &str) -> Found<Action> {
        if let Some(steps) = &typed.steps {
            self.some("steps", steps);
            return Some(Action::Steps(self.inner_steps(&steps.value, number)));
        }
        if let Some(steps) = &typed.parallel {
            self.some("parallel", steps);
            return Some(Action::Parallel(self.branches(&steps.value, number)));
        }
        if let Some(repeat) = &typed.repeat {
            let repeat = &repeat.value;
            let times = self.number("the number of rounds", &repeat.times, 1, MOST_ROUNDS);
            let every = self.maybe(repeat.every.as_ref(), values::duration);
            let steps = self.rounds(&repeat.steps, number);
            let limit = Limit::Times(times?);
            return Some(Action::Repeat(Repeat {
                limit,
                every,
                steps,
            }));
        }
        if let Some(soak) = &typed.soak {
            let soak = &soak.value;
            let during: Found<Duration> =
                self.keep(&soak.during.span, values::duration(&soak.during.value));
            let every = self.maybe(soak.every.as_ref(), values::duration);
            let steps = self.rounds(&soak.steps, number);
            let limit = Limit::For(during?);
            return Some(Action::Repeat(Repeat {
                limit,
                every,
                steps,
            }));
        }
        if let Some(wait) = &typed.wait {
            let step = self.going_on(&wait.value.step, "waits for");
            let within = self.maybe(wait.value.within.as_ref(), values::duration);
            let within = within.unwrap_or(defaults::WAIT);
            return Some(Action::Wait(WaitFor {
                step: step?,
                within,
            }));
        }
        let At { value: stop, span } = typed.stop.as_ref()?;
        let words = [
            ("step", &stop.step),
            ("capture", &stop.capture),
            ("traffic", &stop.traffic),
        ];
        let mut given = words
            .iter()
            .filter_map(|(key, word)| Some((*key, word.as_ref()?)));
        match (given.next(), given.next()) {
            (Some(("step", step)), None) => self.going_on(step, "stops").map(Action::Stop),
            (Some(("capture", capture)), None) => self.stop_capture(capture),
            (Some((_, traffic)), None) => self.stop_traffic(traffic).map(Action::StopTraffic),
            (Some((first, _)), Some((second, at))) => {
                let kind = ErrorKind::TwoWords {
                    first: first.into(),
                    second: second.into(),
                };
                self.fail(&at.span, kind);
                None
            }
            (None, _) => {
                let kind = ErrorKind::NoWord {
                    what: "stop".into(),
                    known: words.iter().map(|(key, _)| (*key).into()).collect(),
                };
                self.fail(span, kind);
                None
            }
        }
    }

    fn some(&mut self, key: &str, steps: &At<Vec<At<StepFile>>>) {
        if steps.value.is_empty() {
            self.fail(&steps.span, ErrorKind::Empty { key: key.into() });
        }
    }

    /// The background step with this label.
    fn going_on(&mut self, label: &At<String>, verb: &str) -> Found<StepId> {
        let Some((step, span)) = self.labels.get(&label.value).cloned() else {
            let known = self.labels.keys().cloned().collect();
            return self.unknown(label, verb, "label", known);
        };
        if !self.course.end(step) {
            let kind = ErrorKind::NotGoingOn {
                verb: verb.into(),
                label: label.value.clone(),
            };
            self.fail_with(&label.span, kind, related(&span, "it is this step"));
            return None;
        }
        Some(step)
    }

    /// Steps that are repeated: every round must find what the first one found.
    fn rounds(&mut self, steps: &At<Vec<At<StepFile>>>, number: &str) -> Vec<Step> {
        self.some("steps", steps);
        let ports: Vec<Plugged> = self.plugged();
        let before = self.course.clone();
        self.course.repeated += 1;
        let inner = self.inner_steps(&steps.value, number);
        self.course.repeated -= 1;
        let changed = |(_, (was, is)): &(usize, (&Plugged, &Plugged))| was.0 != is.0;
        let after = self.plugged();
        let was = ports
            .iter()
            .cloned()
            .chain(std::iter::repeat((false, 0..0)));
        let was: Vec<Plugged> = was.take(after.len()).collect();
        if let Some((port, (_, is))) = was.iter().zip(&after).enumerate().find(changed) {
            let name = &self.scenario[PortId(port)].name;
            let what = match is.0 {
                true => format!("attaches `{name}` and leaves it attached"),
                false => format!("detaches `{name}` and leaves it detached"),
            };
            self.not_repeatable(&steps.span, what, &is.1);
        }
        let more_cut = self
            .course
            .cut
            .iter()
            .find(|(cable, _)| !before.cut.contains_key(cable));
        if let Some((_, span)) = more_cut.map(|(cable, span)| (*cable, span.clone())) {
            self.not_repeatable(&steps.span, "cuts a cable and leaves it cut".into(), &span);
        }
        let healed = before
            .cut
            .keys()
            .any(|cable| !self.course.cut.contains_key(cable));
        if healed {
            self.not_repeatable(
                &steps.span,
                "heals a cable and leaves it whole".into(),
                &steps.span,
            );
        }
        let more_announced = self
            .course
            .announced
            .iter()
            .find(|(id, _)| !before.announced.contains_key(id));
        if let Some((id, span)) = more_announced.map(|(id, span)| (*id, span.clone())) {
            let what = format!(
                "announces {} and leaves it announced",
                self.announced_name(id)
            );
            self.not_repeatable(&steps.span, what, &span);
        }
        let withdrawn = before
            .announced
            .keys()
            .find(|id| !self.course.announced.contains_key(id));
        if let Some(id) = withdrawn {
            let what = format!(
                "withdraws {} and leaves it withdrawn",
                self.announced_name(*id)
            );
            self.not_repeatable(&steps.span, what, &steps.span);
        }
        let more_halted = self
            .course
            .halted
            .iter()
            .find(|(node, _)| !before.halted.contains_key(node));
        if let Some((node, span)) = more_halted.map(|(node, span)| (*node, span.clone())) {
            let what = format!("halts `{}` and leaves it halted", self.node_name(node));
            self.not_repeatable(&steps.span, what, &span);
        }
        let flowing = &self.course.flowing;
        let more = flowing
            .iter()
            .find(|(flow, _)| !before.flowing.contains_key(flow));
        if let Some((flow, span)) = more.map(|(flow, span)| (*flow, span.clone())) {
            let name = &self.scenario.flows[flow.0].name;
            let what = format!("begins the traffic `{name}` and leaves it going on");
            self.not_repeatable(&steps.span, what, &span);
        }
        let stopped = before
            .flowing
            .keys()
            .find(|flow| !self.course.flowing.contains_key(flow));
        if let Some(flow) = stopped {
            let name = &self.scenario.flows[flow.0].name;
            let what = format!("stops the traffic `{name}` and does not begin it");
            self.not_repeatable(&steps.span, what, &steps.span);
        }
        let started = before
            .halted
            .keys()
            .find(|node| !self.course.halted.contains_key(node));
        if let Some(node) = started {
            let what = format!("starts `{}` and leaves it running", self.node_name(*node));
            self.not_repeatable(&steps.span, what, &steps.span);
        }
        inner
    }

    fn announced_name(&self, id: AnnouncementId) -> String {
        match &self.scenario[id].name {
            Some(name) => format!("`{name}`"),
            None => "what has no name".into(),
        }
    }

    fn not_repeatable(&mut self, span: &Range<usize>, what: String, place: &Range<usize>) {
        let place = (place != span)
            .then(|| related(place, "it is left so here"))
            .flatten();
        self.fail_with(span, ErrorKind::NotRepeatable { what }, place);
    }

    /// Steps that begin together: which of two that change the same port is first is not known.
    fn branches(&mut self, steps: &[At<StepFile>], number: &str) -> Vec<Step> {
        let mut changed: Vec<(PortId, Range<usize>)> = Vec::new();
        let mut inner = Vec::new();
        for (index, step) in steps.iter().enumerate() {
            let before = self.plugged();
            let number = format!("{number}.{}", index + 1);
            if let Some(background) = &step.value.background {
                let kind = ErrorKind::Misplaced {
                    key: "background".into(),
                    reason: "says nothing in `parallel`, whose steps all go on beside".into(),
                };
                self.fail(&background.span, kind);
            }
            inner.extend(self.step(step, number));
            let after = self.plugged();
            for (port, is) in after.iter().enumerate() {
                if before.get(port) == Some(is) {
                    continue;
                }
                let port = PortId(port);
                if let Some((_, first)) = changed.iter().find(|(other, _)| *other == port) {
                    let place = related(first, "another branch does");
                    let kind = ErrorKind::Misplaced {
                        key: self.scenario[port].name.clone(),
                        reason:
                            "is attached, moved or detached by two branches that begin together"
                                .into(),
                    };
                    self.fail_with(&step.span, kind, place);
                } else {
                    changed.push((port, step.span.clone()));
                }
            }
        }
        inner
    }

    fn plugged(&self) -> Vec<Plugged> {
        let known = self.attached.iter();
        known
            .map(|(_, span, attached)| (*attached, span.clone()))
            .collect()
    }
}
