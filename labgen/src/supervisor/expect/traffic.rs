//! What came of traffic.

use std::rc::Rc;
use std::time::Duration;

use netns::flow::{Figures, State};
use scenario::{Figure, FigureBound, TrafficExpectation};
use tokio::sync::watch;
use tokio::time::Instant;

use super::{Look, Watch};
use crate::supervisor::lab::{Lab, ReachError};
use crate::supervisor::step::Unmet;
use crate::supervisor::traffic::{self, Running, explained, summary, value};

pub(super) struct Watcher {
    lab: Rc<Lab>,
    expected: TrafficExpectation,
    running: Option<(Rc<Running>, watch::Receiver<State>)>,
    /// Probes before this one must be decided; `None`: it is too early to say which those are.
    before: Option<u64>,
    /// Until then probes are watched, where something has an upper bound: what the step before broke shows in those that
    /// are sent from now on.
    watched: Instant,
    /// Whether it must stay so: then each look waits for what is under way, rather than call it undecided.
    holds: bool,
    title: String,
}

impl Watcher {
    pub(super) fn new(
        lab: &Rc<Lab>,
        expected: &TrafficExpectation,
        within: Duration,
        holds: bool,
        title: &str,
    ) -> Self {
        let running = traffic::running(lab, expected.flow);
        let running = running.map(|running| {
            let news = running.flow.watch();
            (running, news)
        });
        let bounded = expected.bounds.iter().any(|b| b.amount.at_most.is_some());
        let window = match bounded {
            true => lab.scenario[expected.flow].timeout.min(within / 4),
            false => Duration::ZERO,
        };
        Self {
            lab: Rc::clone(lab),
            expected: expected.clone(),
            before: None,
            watched: Instant::now() + window,
            running,
            holds,
            title: title.to_owned(),
        }
    }

    fn unmet(&self, seen: String, details: Vec<String>) -> Unmet {
        Unmet {
            expected: self.title.clone(),
            seen,
            details,
        }
    }

    /// Waits until it is known what became of every probe sent so far.
    async fn settle(running: &Running, news: &mut watch::Receiver<State>) {
        let sent = running.flow.next();
        while running.flow.decided() < sent && news.changed().await.is_ok() {}
    }
}

impl Watch for Watcher {
    async fn look(&mut self) -> Result<Look, ReachError> {
        let Some((running, news)) = &mut self.running else {
            let name = &self.lab.scenario[self.expected.flow].name;
            let seen = format!("the traffic `{name}` has not begun");
            return Ok(Look::Never(self.unmet(seen, Vec::new())));
        };
        if self.holds {
            Self::settle(running, news).await;
        }
        // Before the figures are read: what they say is at least that new.
        let ended = *news.borrow_and_update() == State::Ended;
        let decided = running.flow.decided();
        let running = Rc::clone(running);
        if self.before.is_none() && Instant::now() >= self.watched {
            self.before = Some(running.flow.next());
        }
        let figures = running.figures(self.expected.since);
        let unmet = |seen: String| {
            let details = explained(&self.lab, &running, &figures);
            self.unmet(seen, details)
        };
        let broken: Vec<Broken> = self
            .expected
            .bounds
            .iter()
            .filter_map(|bound| Broken::of(bound, &figures))
            .collect();
        if !broken.is_empty() {
            let seen: Vec<String> = broken.iter().map(Broken::show).collect();
            let unmet = unmet(seen.join(", "));
            return Ok(if ended || broken.iter().any(Broken::is_final) {
                Look::Never(unmet)
            } else {
                Look::Unmet(unmet)
            });
        }
        if self.holds || ended {
            return Ok(Look::Met(summary(&figures)));
        }
        let Some(before) = self.before else {
            return Ok(Look::Unmet(unmet("nothing wrong so far".into())));
        };
        if decided < before || figures.received + figures.lost == 0 {
            let seen = format!("{} probes still under way", figures.undecided());
            return Ok(Look::Unmet(unmet(seen)));
        }
        let short =
            |bound: &FigureBound| bound.figure == Figure::Outage && bound.amount.at_most.is_some();
        if figures.outages.open && self.expected.bounds.iter().any(short) {
            return Ok(Look::Unmet(unmet("an outage that goes on".into())));
        }
        Ok(Look::Met(summary(&figures)))
    }

    async fn changed(&mut self) -> Result<(), ReachError> {
        let changed = match &mut self.running {
            Some((_, news)) if self.before.is_none() => tokio::select! {
                changed = news.changed() => changed.is_ok(),
                () = tokio::time::sleep_until(self.watched) => true,
            },
            Some((_, news)) => news.changed().await.is_ok(),
            None => false,
        };
        if !changed {
            // Nothing can change any more.
            std::future::pending::<()>().await;
        }
        Ok(())
    }
}

/// A bound that does not hold, and what the figure is.
struct Broken {
    bound: FigureBound,
    value: Option<u64>,
}

impl Broken {
    fn of(bound: &FigureBound, figures: &Figures) -> Option<Self> {
        let value = value(figures, bound.figure);
        let holds = value.is_some_and(|value| bound.amount.holds(value));
        (!holds).then_some(Self {
            bound: *bound,
            value,
        })
    }

    fn show(&self) -> String {
        let figure = self.bound.figure;
        match self.value {
            Some(value) => format!("{} {}", figure.name(), figure.show(value)),
            None => format!("no {}: nothing arrived", figure.name()),
        }
    }

    /// Whether no later probe can mend it.
    fn is_final(&self) -> bool {
        let over = self
            .value
            .is_some_and(|value| self.bound.amount.exceeded_by(value));
        over && self.bound.figure.only_grows()
    }
}
