//! What a lab's supervisor wrote down, as far as it is of use here.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::state::EVENTS;

/// A step as it was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Done {
    /// As it is counted, from 1.
    pub(super) number: String,
    pub(super) title: String,
    /// Microseconds; nothing where it was not ended.
    pub(super) took: Option<u64>,
    pub(super) failure: Option<Failure>,
}

/// Why a step failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    /// Of the scenario's file.
    pub(super) line: u64,
    pub(super) expected: String,
    pub(super) seen: String,
    pub(super) details: Vec<String>,
}

/// What happened in a lab.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Journal {
    /// Steps that were begun, in that order.
    pub(super) steps: Vec<Done>,
    /// What was being built last.
    building: Option<String>,
    up: bool,
    /// The step that failed first.
    failed: Option<usize>,
}

impl Journal {
    /// From where evidence is kept; what cannot be read did not happen.
    pub(super) fn read(evidence: &Path) -> Self {
        let text = fs::read_to_string(evidence.join(EVENTS)).unwrap_or_default();
        Self::of(&text)
    }

    fn of(text: &str) -> Self {
        let mut journal = Self::default();
        // Which step, in which rounds of those it is in; when it began.
        let mut began: Vec<(Value, Value, u64)> = Vec::new();
        for event in text
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        {
            let word = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
            let at = event["at"].as_u64().unwrap_or_default();
            match event["event"].as_str().unwrap_or_default() {
                "building" => journal.building = Some(word("what")),
                "started" => journal.building = Some(format!("starting {}", word("node"))),
                "up" => journal.up = true,
                "step-started" => {
                    began.push((event["step"].clone(), event["rounds"].clone(), at));
                    journal.steps.push(Done {
                        number: word("number"),
                        title: word("title"),
                        took: None,
                        failure: None,
                    });
                }
                kind @ ("step-passed" | "step-failed" | "step-stopped") => {
                    let same = |(step, rounds, _): &(Value, Value, u64)| {
                        *step == event["step"] && *rounds == event["rounds"]
                    };
                    let Some(of) = began.iter().rposition(same) else {
                        continue;
                    };
                    journal.steps[of].took = Some(at.saturating_sub(began[of].2));
                    if kind != "step-failed" {
                        continue;
                    }
                    // One inside others fails before them, and is the reason.
                    journal.failed.get_or_insert(of);
                    let details = event["details"].as_array().into_iter().flatten();
                    journal.steps[of].failure = Some(Failure {
                        line: event["line"].as_u64().unwrap_or_default(),
                        expected: word("expected"),
                        seen: word("seen"),
                        details: details
                            .filter_map(|line| Some(line.as_str()?.to_owned()))
                            .collect(),
                    });
                }
                _ => {}
            }
        }
        journal
    }

    /// The first step that failed, in a line.
    pub(super) fn failure(&self) -> Option<String> {
        let step = self.steps.get(self.failed?)?;
        let seen = &step.failure.as_ref()?.seen;
        Some(format!("step {}: {}: {seen}", step.number, step.title))
    }

    /// What it was doing when it was heard of last.
    pub(super) fn doing(&self) -> String {
        let mut open = self.steps.iter().rev().filter(|step| step.took.is_none());
        match (open.next(), &self.building) {
            (Some(step), _) => format!("step {}: {}", step.number, step.title),
            (None, _) if !self.steps.is_empty() => "ending the lab".into(),
            (None, Some(what)) if !self.up => format!("building the lab: {what}"),
            (None, None) => "reading the scenario".into(),
            (None, Some(_)) => "nothing".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLD: &str = r#"{"event":"began","epoch_ns":1}
{"event":"building","what":"links","at":1}
{"event":"up","at":2}
{"event":"step-started","step":1,"number":"1","rounds":[],"of":2,"title":"ping a","at":10}
{"event":"step-passed","step":1,"rounds":[],"seen":"","at":30}
{"event":"step-started","step":2,"number":"2","rounds":[],"of":2,"title":"twice","at":40}
{"event":"step-started","step":3,"number":"2.1","rounds":[1],"of":2,"title":"ping b","at":50}
"#;

    #[test]
    fn steps_are_told_with_their_ends() {
        let ends = r#"{"event":"step-passed","step":3,"rounds":[1],"at":51}
{"event":"step-started","step":3,"number":"2.1","rounds":[2],"of":2,"title":"ping b","at":52}
{"event":"step-failed","step":3,"rounds":[2],"line":9,"expected":"x","seen":"y","details":["z"],"at":60}
{"event":"step-failed","step":2,"rounds":[],"line":8,"expected":"x","seen":"its part","details":[],"at":61}
{"event":"st"#;
        let journal = Journal::of(&format!("{TOLD}{ends}"));
        let took: Vec<_> = journal.steps.iter().map(|step| step.took).collect();
        assert_eq!(took, [20, 21, 1, 8].map(Some));
        assert_eq!(journal.failure().as_deref(), Some("step 2.1: ping b: y"));
    }

    #[test]
    fn what_it_was_doing_is_the_last_that_was_begun() {
        let doing = |lines: usize| {
            let told: Vec<&str> = TOLD.lines().take(lines).collect();
            Journal::of(&told.join("\n")).doing()
        };
        assert_eq!(doing(1), "reading the scenario");
        assert_eq!(doing(2), "building the lab: links");
        assert_eq!(doing(4), "step 1: ping a");
        assert_eq!(doing(5), "ending the lab");
        assert_eq!(doing(7), "step 2.1: ping b");
    }
}
