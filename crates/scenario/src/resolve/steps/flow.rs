//! Steps made of steps, and those about steps.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use super::Course;
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

/// What steps have left otherwise than they found it, and where one of them says so.
type Left = (String, Option<Range<usize>>);

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
        let ports = self.plugged();
        let before = self.course.clone();
        self.course.repeated += 1;
        let inner = self.inner_steps(&steps.value, number);
        self.course.repeated -= 1;
        for (what, place) in self.left(&before, &ports) {
            let related = place.and_then(|place| related(&place, "it is left so here"));
            self.fail_with(&steps.span, ErrorKind::NotRepeatable { what }, related);
        }
        inner
    }

    /// What steps have left otherwise than they found it: of each kind the first.
    fn left(&self, before: &Course, ports: &[Plugged]) -> Vec<Left> {
        let (now, mut left) = (&self.course, Vec::new());
        let was = ports.iter().map(|(was, _)| *was);
        let was = was.chain(std::iter::repeat(false));
        let is = self.plugged().into_iter();
        let mut changed = is.zip(was).enumerate();
        if let Some((port, ((attached, place), _))) =
            changed.find(|(_, ((attached, _), was))| attached != was)
        {
            let name = &self.scenario[PortId(port)].name;
            let what = match attached {
                true => format!("attaches `{name}` and leaves it attached"),
                false => format!("detaches `{name}` and leaves it detached"),
            };
            left.push((what, Some(place)));
        }
        left.extend(changes(&before.cut, &now.cut, |_, new| match new {
            true => "cuts a cable and leaves it cut".into(),
            false => "heals a cable and leaves it whole".into(),
        }));
        left.extend(changes(&before.announced, &now.announced, |id, new| {
            let name = self.announced_name(*id);
            match new {
                true => format!("announces {name} and leaves it announced"),
                false => format!("withdraws {name} and leaves it withdrawn"),
            }
        }));
        left.extend(changes(&before.halted, &now.halted, |node, new| {
            let name = self.node_name(*node);
            match new {
                true => format!("halts `{name}` and leaves it halted"),
                false => format!("starts `{name}` and leaves it running"),
            }
        }));
        left.extend(changes(&before.flowing, &now.flowing, |flow, new| {
            let name = &self.scenario[*flow].name;
            match new {
                true => format!("begins the traffic `{name}` and leaves it going on"),
                false => format!("stops the traffic `{name}` and does not begin it"),
            }
        }));
        left
    }

    fn announced_name(&self, id: AnnouncementId) -> String {
        match &self.scenario[id].name {
            Some(name) => format!("`{name}`"),
            None => "what has no name".into(),
        }
    }

    /// Steps that begin together: which of two that change the same port is first is not known.
    fn branches(&mut self, steps: &[At<StepFile>], number: &str) -> Vec<Step> {
        let mut changed: Vec<(PortId, Range<usize>)> = Vec::new();
        let mut inner = Vec::new();
        for (index, step) in steps.iter().enumerate() {
            let before = self.plugged();
            let number = format!("{number}.{}", index + 1);
            if let Some(background) = &step.value.background {
                self.out_of_place(
                    &background.span,
                    "background",
                    "says nothing in `parallel`, whose steps all go on beside",
                );
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

/// The first that is new, and the first that is gone, in words.
fn changes<K: Ord>(
    before: &BTreeMap<K, Range<usize>>,
    now: &BTreeMap<K, Range<usize>>,
    words: impl Fn(&K, bool) -> String,
) -> impl Iterator<Item = Left> {
    let new = now.iter().find(|(key, _)| !before.contains_key(key));
    let gone = before.keys().find(|key| !now.contains_key(key));
    let new = new.map(|(key, place)| (words(key, true), Some(place.clone())));
    let gone = gone.map(|key| (words(key, false), None));
    new.into_iter().chain(gone)
}
