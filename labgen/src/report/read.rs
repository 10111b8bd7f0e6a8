//! Events and the scenario to a run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use scenario::{Place, Scenario};

use super::model::{FORMAT, Fault, Outage, Run, Step, StepState, Verdict};
use super::{captures, divergence, logs};
use crate::protocol::{Event, Failure};
use crate::state::{EVENTS, SCENARIO};

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// Nothing was kept there.
    #[error(
        "`{}` holds no evidence of a run (no {EVENTS}): give the directory that `labgen run --out DIR` wrote",
        .0.display()
    )]
    NoEvidence(PathBuf),
    /// The file system refused.
    #[error("cannot {what} `{}`", .path.display())]
    Io {
        /// The verb.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl ReportError {
    pub(super) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }
}

/// Reads an evidence directory; the run, and what was built where that was kept.
pub fn read(dir: &Path) -> Result<(Run, Option<Scenario>), ReportError> {
    let path = dir.join(EVENTS);
    let events = match fs::read_to_string(&path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return Err(ReportError::NoEvidence(dir.to_owned()));
        }
        other => other.map_err(ReportError::io("read", &path))?,
    };
    let built = fs::read(dir.join(SCENARIO)).ok();
    let resolved: Option<Result<Scenario, _>> = built.map(|text| serde_json::from_slice(&text));
    let unread = matches!(resolved, Some(Err(_)));
    let scenario = resolved.and_then(Result::ok);
    let mut run = told(&events, scenario.as_ref());
    if unread {
        let note =
            format!("{SCENARIO} could not be read: another version of labgen may have written it");
        run.notes.push(note);
    }
    captures::read(dir, scenario.as_ref(), &mut run)?;
    logs::read(dir, &events_of(&events), &mut run)?;
    run.evidence = files(dir);
    run.divergence = divergence::find(&run, scenario.as_ref());
    Ok((run, scenario))
}

/// The run of an evidence directory as far as its supervisor told of it: no captures, no logs. What cannot be read did
/// not happen.
pub fn outline(dir: &Path) -> Run {
    let events = fs::read_to_string(dir.join(EVENTS)).unwrap_or_default();
    let built = fs::read(dir.join(SCENARIO)).ok();
    let scenario = built.and_then(|text| serde_json::from_slice(&text).ok());
    told(&events, scenario.as_ref())
}

fn events_of(text: &str) -> Vec<Event> {
    let lines = text.lines();
    lines
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

/// The run as far as the supervisor told of it.
pub(super) fn told(text: &str, scenario: Option<&Scenario>) -> Run {
    let events = events_of(text);
    let mut told = Told {
        run: Run {
            format: FORMAT,
            ..Run::default()
        },
        open: BTreeMap::new(),
        places: scenario.map_or_else(BTreeMap::new, |scenario| {
            let steps = scenario.walk();
            steps
                .map(|step| (step.id.0 + 1, step.place.clone()))
                .collect()
        }),
        begun: BTreeSet::new(),
    };
    let unread = text.lines().count() - events.len();
    if unread > 0 {
        let lines = crate::ui::count(unread, "line");
        let note = format!("{lines} of {EVENTS} could not be read");
        told.run.notes.push(note);
    }
    if let Some(scenario) = scenario {
        told.run.lab.clone_from(&scenario.lab.name);
        told.run.about.clone_from(&scenario.lab.about);
    }
    for event in events {
        told.take(event);
    }
    for step in scenario.iter().flat_map(|scenario| scenario.walk()) {
        let id = step.id.0 + 1;
        if !told.begun.contains(&id) {
            let mut unreached = told.begun_step(id, &step.number, &step.title);
            unreached.state = StepState::NotReached;
            told.run.steps.push(unreached);
        }
    }
    told.run
}

/// A run while it is told of.
struct Told {
    run: Run,
    /// Where the steps are that have begun and not ended.
    open: BTreeMap<(usize, Vec<u64>), usize>,
    /// Where steps were written.
    places: BTreeMap<usize, Place>,
    begun: BTreeSet<usize>,
}

impl Told {
    fn begun_step(&self, id: usize, number: &str, title: &str) -> Step {
        let place = self.places.get(&id);
        Step {
            number: number.to_owned(),
            rounds: Vec::new(),
            title: title.to_owned(),
            file: place.map_or_else(|| self.run.file.clone(), |place| place.file.clone()),
            line: place.map_or(0, |place| place.line),
            state: StepState::Unfinished,
            since: None,
            until: None,
            seen: String::new(),
            expected: None,
            details: Vec::new(),
        }
    }

    /// The step of that number and round that has not ended.
    fn end(&mut self, id: usize, rounds: &[u64], state: StepState, at: u64) -> Option<&mut Step> {
        let place = self.open.remove(&(id, rounds.to_vec()))?;
        let step = self.run.steps.get_mut(place)?;
        step.state = state;
        step.until = Some(at);
        Some(step)
    }

    fn fail(&mut self, failure: Failure) {
        let Failure { step: id, at, .. } = failure;
        if !self.open.contains_key(&(id, failure.rounds.clone())) {
            self.begin(
                id,
                &failure.number,
                failure.rounds.clone(),
                &failure.title,
                at,
            );
        }
        // A run that is killed after this has failed all the same.
        self.run.verdict = Verdict::Failed;
        if let Some(step) = self.end(id, &failure.rounds, StepState::Failed, at) {
            step.file = failure.file;
            step.line = failure.line;
            step.seen = failure.seen;
            step.expected = Some(failure.expected);
            step.details = failure.details;
        }
    }

    fn begin(&mut self, id: usize, number: &str, rounds: Vec<u64>, title: &str, at: u64) {
        let step = self.begun_step(id, number, title);
        self.begun.insert(id);
        self.open.insert((id, rounds.clone()), self.run.steps.len());
        self.run.steps.push(Step {
            rounds,
            since: Some(at),
            ..step
        });
    }

    fn take(&mut self, event: Event) {
        if let Some(at) = time_of(&event) {
            self.run.end = self.run.end.max(at);
        }
        let run = &mut self.run;
        match event {
            Event::Began {
                epoch_ns,
                file,
                version,
            } => (run.epoch_ns, run.file, run.version) = (epoch_ns, file, version),
            Event::Up { lab, at } => {
                run.lab = lab.name;
                run.up = Some(at);
            }
            Event::StepStarted {
                step,
                number,
                rounds,
                title,
                at,
                ..
            } => self.begin(step, &number, rounds, &title, at),
            Event::StepPassed {
                step,
                rounds,
                seen,
                at,
            } => {
                if let Some(step) = self.end(step, &rounds, StepState::Passed, at) {
                    step.seen = seen;
                }
            }
            Event::StepStopped { step, rounds, at } => {
                self.end(step, &rounds, StepState::Stopped, at);
            }
            Event::StepFailed(failure) => self.fail(failure),
            Event::Fault {
                action,
                on,
                seen,
                since,
                at,
            } => run.faults.push(Fault {
                action,
                on,
                seen,
                since,
                at,
            }),
            Event::Outage {
                flow,
                since,
                until,
                lost,
                ..
            } => run.outages.push(Outage {
                flow,
                since,
                until,
                lost,
            }),
            Event::Note { text } => run.notes.push(text),
            Event::Broken { error, .. } => {
                run.verdict = Verdict::Broken;
                run.error = Some(error);
            }
            Event::Done { passed, .. } => {
                run.verdict = match passed {
                    true => Verdict::Passed,
                    false => Verdict::Failed,
                };
            }
            Event::Building { what, .. } => run.building = Some(what),
            Event::Started { node, .. } => run.building = Some(format!("starting {node}")),
            Event::Ready { .. } => {}
        }
    }
}

fn time_of(event: &Event) -> Option<u64> {
    match event {
        Event::Building { at, .. }
        | Event::Started { at, .. }
        | Event::Ready { at, .. }
        | Event::Up { at, .. }
        | Event::StepStarted { at, .. }
        | Event::StepPassed { at, .. }
        | Event::StepStopped { at, .. }
        | Event::StepFailed(Failure { at, .. })
        | Event::Fault { at, .. }
        | Event::Outage { at, .. }
        | Event::Done { at, .. } => Some(*at),
        Event::Began { .. } | Event::Note { .. } | Event::Broken { .. } => None,
    }
}

/// What a reader can open, captures first.
fn files(dir: &Path) -> Vec<String> {
    let mut files = Vec::new();
    for (below, ending) in [("captures", ".pcapng"), ("logs", ".log")] {
        let entries = fs::read_dir(dir.join(below))
            .into_iter()
            .flatten()
            .flatten();
        let mut names: Vec<String> = entries
            .filter(|entry| entry.metadata().is_ok_and(|meta| meta.len() > 0))
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| name.ends_with(ending))
            .map(|name| format!("{below}/{name}"))
            .collect();
        names.sort();
        files.append(&mut names);
    }
    let rest = [EVENTS, SCENARIO].map(str::to_owned);
    files.extend(rest.into_iter().filter(|file| dir.join(file).exists()));
    files
}
