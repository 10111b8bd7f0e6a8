//! The course of a run: steps one after the other, side by side, again and again, and in the background.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::rc::Rc;

use futures_util::future::try_join_all;
use scenario::{Action, Limit, Repeat, Step, StepId, WaitFor};
use tokio::sync::{Notify, watch};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Instant, sleep_until, timeout};

use super::{Unmet, flap, perform};
use crate::protocol::{Event, Failure};
use crate::supervisor::front::Teller;
use crate::supervisor::lab::{Lab, micros};
use crate::supervisor::{expect, marks, recording, traffic};
use crate::ui;

/// All steps, or those up to the first that fails. Whether all passed.
pub(in crate::supervisor) async fn run_all(lab: &Rc<Lab>) -> bool {
    let course = Rc::new(Course {
        lab: Rc::clone(lab),
        teller: lab.teller.clone(),
        beside: RefCell::default(),
        broken: Notify::new(),
    });
    let scenario = Rc::clone(&lab.scenario);
    let whole = async {
        course.sequence(&scenario.steps, &[]).await?;
        course.all_ended().await?;
        course.judge_end().await
    };
    let outcome = tokio::select! {
        biased;
        outcome = whole => outcome,
        () = course.broken.notified() => Err(Failed),
    };
    // What still goes on beside a run that failed says that it was stopped.
    let beside = course.beside.take();
    for (_, beside) in beside {
        beside.task.abort();
        let _ = beside.task.await;
    }
    traffic::stop_all(lab).await;
    outcome.is_ok()
}

/// Whether routes may change by it.
fn does_something(action: &Action) -> bool {
    !matches!(
        action,
        Action::Ping(_) | Action::Capture(_) | Action::Expect(_)
    )
}

/// A step failed, and was told of.
#[derive(Debug)]
struct Failed;

/// A run, which several tasks are about.
struct Course {
    lab: Rc<Lab>,
    teller: Teller,
    beside: RefCell<BTreeMap<StepId, Beside>>,
    /// Told when a background step fails.
    broken: Notify,
}

/// A background step.
struct Beside {
    task: JoinHandle<Result<(), Failed>>,
    stop: watch::Sender<bool>,
}

/// A step that was told of and has not ended: the end is told in any case.
struct Begun<'a> {
    course: &'a Course,
    step: &'a Step,
    rounds: &'a [u64],
    ended: Cell<bool>,
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        if !self.ended.get() {
            self.course.teller.tell(Event::StepStopped {
                step: self.step.id.0 + 1,
                rounds: self.rounds.to_vec(),
                at: self.course.lab.at(),
            });
        }
    }
}

impl Begun<'_> {
    fn passed(self, seen: String) {
        self.ended.set(true);
        self.course.teller.tell(Event::StepPassed {
            step: self.step.id.0 + 1,
            rounds: self.rounds.to_vec(),
            seen,
            at: self.course.lab.at(),
        });
    }

    fn failed(self, unmet: Unmet) -> Failed {
        self.ended.set(true);
        self.course.teller.tell(Event::StepFailed(Failure {
            step: self.step.id.0 + 1,
            number: self.step.number.clone(),
            rounds: self.rounds.to_vec(),
            title: self.step.title.clone(),
            file: self.step.place.file.clone(),
            line: self.step.place.line,
            expected: unmet.expected,
            seen: unmet.seen,
            details: unmet.details,
            at: self.course.lab.at(),
        }));
        Failed
    }
}

/// What is being done, boxed where steps are in steps.
type Doing<'a> = Pin<Box<dyn Future<Output = Result<(), Failed>> + 'a>>;

impl Course {
    /// Steps one after the other, in the rounds of the steps they are in.
    async fn sequence(self: &Rc<Self>, steps: &[Step], rounds: &[u64]) -> Result<(), Failed> {
        for step in steps {
            if step.background {
                self.begin_beside(step.clone());
            } else {
                self.step(step, rounds).await?;
            }
        }
        Ok(())
    }

    fn step<'a>(self: &'a Rc<Self>, step: &'a Step, rounds: &'a [u64]) -> Doing<'a> {
        Box::pin(self.tell(step, rounds, None))
    }

    /// One step, and what comes of it; `stop` comes true when it need not go on.
    async fn tell(
        self: &Rc<Self>,
        step: &Step,
        rounds: &[u64],
        stop: Option<watch::Receiver<bool>>,
    ) -> Result<(), Failed> {
        let began = Instant::now();
        recording::mark(&self.lab, step.id, &step.title);
        traffic::mark(&self.lab, step);
        marks::mark(&self.lab, step.id).await;
        let begun = self.begin(step, rounds);
        let own_stop = stop.clone();
        let doing = async {
            match &step.action {
                // It ends by itself when it is told to, with what flaps where it was.
                Action::Flap(flap) => match flap::flap(&self.lab, flap, own_stop).await {
                    Ok(seen) => Ok(seen),
                    Err(unmet) => return Err(Some(unmet)),
                },
                Action::Steps(steps) => self.sequence(steps, rounds).await.map(|()| String::new()),
                Action::Parallel(steps) => self.parallel(steps, rounds).await,
                Action::Repeat(repeat) => self.repeat(repeat, rounds).await,
                Action::Stop(step) => self.stop(*step).await,
                Action::Wait(wait) => match self.wait(wait).await {
                    Ok(ended) => ended,
                    Err(unmet) => return Err(Some(unmet)),
                },
                _ => match self.leaf(step).await {
                    Ok(seen) => Ok(seen),
                    Err(unmet) => return Err(Some(unmet)),
                },
            }
            .map_err(|Failed| None)
        };
        let flaps = matches!(step.action, Action::Flap(_));
        let stopped = async {
            match stop {
                Some(_) if flaps => false,
                Some(mut stop) => stop.wait_for(|stop| *stop).await.map(drop).is_ok(),
                None => false,
            }
        };
        let outcome = tokio::select! {
            biased;
            outcome = doing => outcome,
            true = stopped => {
                let after = ui::ms(micros(began.elapsed()));
                begun.passed(format!("stopped after {after}"));
                return Ok(());
            }
        };
        match outcome {
            Ok(seen) => {
                begun.passed(seen);
                Ok(())
            }
            Err(Some(unmet)) => Err(begun.failed(unmet)),
            // The step that failed, in it or beside it, has been told of.
            Err(None) => Err(Failed),
        }
    }

    /// Tells that a step begins.
    fn begin<'a>(&'a self, step: &'a Step, rounds: &'a [u64]) -> Begun<'a> {
        self.teller.tell(Event::StepStarted {
            step: step.id.0 + 1,
            number: step.number.clone(),
            rounds: rounds.to_vec(),
            of: self.lab.scenario.steps.len(),
            title: step.title.clone(),
            line: step.place.line,
            background: step.background,
            at: self.lab.at(),
        });
        Begun {
            course: self,
            step,
            rounds,
            ended: Cell::new(false),
        }
    }

    async fn leaf(self: &Rc<Self>, step: &Step) -> Result<String, Unmet> {
        let seen = perform(&self.lab, step).await?;
        if self.lab.scenario.lab.invariants && does_something(&step.action) {
            expect::settled(&self.lab).await?;
        }
        Ok(seen)
    }

    /// All at once; the first that fails stops the others.
    async fn parallel(self: &Rc<Self>, steps: &[Step], rounds: &[u64]) -> Result<String, Failed> {
        try_join_all(steps.iter().map(|step| self.step(step, rounds))).await?;
        Ok(String::new())
    }

    async fn repeat(self: &Rc<Self>, repeat: &Repeat, rounds: &[u64]) -> Result<String, Failed> {
        let began = Instant::now();
        let mut round = 0;
        loop {
            let next = repeat.every.map(|every| Instant::now() + every);
            round += 1;
            let rounds = [rounds, &[round]].concat();
            self.sequence(&repeat.steps, &rounds).await?;
            let over = match repeat.limit {
                Limit::Times(times) => round >= times,
                Limit::For(time) => began.elapsed() >= time,
            };
            if over {
                let count = usize::try_from(round).unwrap_or(usize::MAX);
                return Ok(ui::count(count, "round"));
            }
            if let Some(next) = next {
                sleep_until(next).await;
            }
        }
    }

    fn begin_beside(self: &Rc<Self>, step: Step) {
        let (stop, stopped) = watch::channel(false);
        let (course, id) = (Rc::clone(self), step.id);
        let task = tokio::task::spawn_local(async move {
            let outcome = course.tell(&step, &[], Some(stopped)).await;
            if outcome.is_err() {
                course.broken.notify_one();
            }
            outcome
        });
        self.beside.borrow_mut().insert(id, Beside { task, stop });
    }

    fn taken(&self, step: StepId) -> Option<Beside> {
        self.beside.borrow_mut().remove(&step)
    }

    /// Waits for the end of a background step: that it does not come in time is a failure of its own.
    async fn wait(&self, wait: &WaitFor) -> Result<Result<String, Failed>, Unmet> {
        let Some(mut beside) = self.taken(wait.step) else {
            return Ok(Ok("it had ended".into()));
        };
        if let Ok(ended) = timeout(wait.within, &mut beside.task).await {
            return Ok(outcome(ended).map(|()| String::new()));
        }
        self.beside.borrow_mut().insert(wait.step, beside);
        Err(Unmet {
            expected: "the background step has ended".into(),
            seen: format!("it still goes on after {}", ui::ms(micros(wait.within))),
            details: Vec::new(),
        })
    }

    async fn stop(&self, step: StepId) -> Result<String, Failed> {
        if let Some(beside) = self.taken(step) {
            beside.stop.send_replace(true);
            outcome(beside.task.await)?;
        }
        Ok(String::new())
    }

    /// Where the rules of reflection are judged after every step, they are at the end, too: told of as one more step.
    async fn judge_end(&self) -> Result<(), Failed> {
        let scenario = &self.lab.scenario;
        let Some(last) = scenario.steps.last().filter(|_| scenario.lab.invariants) else {
            return Ok(());
        };
        let step = Step {
            id: StepId(scenario.walk().count()),
            number: "end".into(),
            label: None,
            title: "every client of a reflector holds what the rules say".into(),
            place: last.place.clone(),
            background: false,
            usual_deadline: false,
            action: Action::Steps(Vec::new()),
        };
        let begun = self.begin(&step, &[]);
        match expect::settled(&self.lab).await {
            Ok(()) => {
                begun.passed(String::new());
                Ok(())
            }
            Err(unmet) => Err(begun.failed(unmet)),
        }
    }

    /// Waits for what still goes on beside.
    async fn all_ended(&self) -> Result<(), Failed> {
        loop {
            let next = self.beside.borrow_mut().pop_first();
            let Some((_, beside)) = next else {
                return Ok(());
            };
            outcome(beside.task.await)?;
        }
    }
}

/// What came of a background step; one that panicked did not pass either.
fn outcome(ended: Result<Result<(), Failed>, JoinError>) -> Result<(), Failed> {
    ended.unwrap_or(Err(Failed))
}
