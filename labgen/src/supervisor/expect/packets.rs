//! Packets in a running capture.

use std::rc::Rc;

use capture::{Matcher, Satisfied};
use scenario::PacketExpectation;

use super::{Look, Watch, tshark};
use crate::supervisor::lab::{Lab, ReachError};
use crate::supervisor::recording::{self, Tap};
use crate::supervisor::step::Unmet;

pub(super) struct Watcher {
    name: String,
    tap: Option<Tap>,
    matcher: Matcher,
    filter: Option<String>,
    lab: Rc<Lab>,
    judged: usize,
    title: String,
}

impl Watcher {
    pub(super) fn new(lab: &Rc<Lab>, expected: &PacketExpectation, title: &str) -> Self {
        Self {
            name: lab.scenario[expected.capture].name.clone(),
            tap: recording::tap(lab, expected.capture),
            matcher: Matcher::new(expected.clone()),
            filter: expected.filter.as_ref().map(|filter| filter.text.clone()),
            lab: Rc::clone(lab),
            judged: 0,
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
}

impl Watch for Watcher {
    async fn look(&mut self) -> Result<Look, ReachError> {
        let Some(tap) = self.tap.clone() else {
            let seen = format!("capture `{}` has not begun", self.name);
            return Ok(Look::Never(self.unmet(seen, Vec::new())));
        };
        // What was sent before this step is judged, whether or not it has been read yet.
        let settled = tap.settle().await;
        if let Some(why) = settled.ended {
            let seen = format!("capture `{}` ended: {why}", self.name);
            return Ok(Look::Never(self.unmet(seen, Vec::new())));
        }
        if settled.dropped > 0 {
            let lost = settled.dropped;
            let seen = format!(
                "capture `{}` lost {lost} frames, and cannot tell what they were; a larger `ring` has room for more",
                self.name
            );
            return Ok(Look::Never(self.unmet(seen, Vec::new())));
        }
        let Some(recording) = tap.recording() else {
            let seen = format!("capture `{}` is not looked into", self.name);
            return Ok(Look::Never(self.unmet(seen, Vec::new())));
        };
        let found = match &self.filter {
            Some(filter) => match tshark::find(&self.lab, &tap.path, filter).await {
                Ok(found) => Some(found),
                Err(error) => {
                    let seen = crate::command::chain(&error);
                    return Ok(Look::Never(self.unmet(seen, Vec::new())));
                }
            },
            None => None,
        };
        let recording = recording.borrow();
        let verdict = match found {
            Some(found) => self.matcher.evaluate_found(&recording, &found),
            None => self.matcher.evaluate(&recording),
        };
        self.judged = recording.frames().len();
        if let Some(why) = recording.log().trouble() {
            let seen = format!("capture `{}` cannot be read: {why}", self.name);
            return Ok(Look::Never(self.unmet(seen, Vec::new())));
        }
        if verdict.satisfied == Satisfied::Yes {
            let first = verdict
                .matched
                .first()
                .and_then(|m| recording.describe(m.frame));
            return Ok(Look::Met(first.unwrap_or_default()));
        }
        let explained = verdict.explain(&recording);
        let mut lines = explained.lines().map(str::to_owned);
        let seen = lines.next().unwrap_or_default();
        let unmet = self.unmet(seen, lines.collect());
        Ok(if verdict.is_final() {
            Look::Never(unmet)
        } else {
            Look::Unmet(unmet)
        })
    }

    async fn changed(&mut self) -> Result<(), ReachError> {
        if let Some(tap) = &mut self.tap {
            tap.grown(self.judged).await;
        }
        Ok(())
    }
}
