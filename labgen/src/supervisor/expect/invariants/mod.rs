//! What clients of reflectors hold, against what the rules of reflection say of what all of them announce.
//!
//! Everybody is asked what it announces and what it holds; the rules themselves are in [`bgp_rib::reflector::rules`].

mod around;
mod key;

use std::rc::Rc;
use std::time::Duration;

use bgp_rib::reflector::rules::violations;
use scenario::{InvariantsExpectation, NodeId};

use super::pace::Pace;
use super::{Look, Time, Watch};
use crate::supervisor::lab::{Lab, ReachError};
use crate::supervisor::slowness;
use crate::supervisor::step::Unmet;
use crate::ui;
use around::Around;

/// The longest pause between two looks.
const LOOKS: Duration = Duration::from_millis(250);

/// How long after a step routes may be on their way.
const SETTLE: Duration = Duration::from_secs(10);

/// At most this many violations are shown.
const SHOWN: usize = 12;

pub(super) struct Invariants {
    lab: Rc<Lab>,
    reflectors: Vec<NodeId>,
    title: String,
    pace: Pace,
}

impl Invariants {
    pub(super) fn new(lab: &Rc<Lab>, expected: &InvariantsExpectation, title: &str) -> Self {
        let all = lab.scenario.nodes();
        let all = all.filter(|(_, node)| node.kind.reflects());
        let given = &expected.reflectors;
        let reflectors = all
            .map(|(id, _)| id)
            .filter(|id| given.is_empty() || given.contains(id));
        Self {
            lab: Rc::clone(lab),
            reflectors: reflectors.collect(),
            title: title.to_owned(),
            pace: Pace::up_to(LOOKS),
        }
    }
}

/// Waits until the rules hold after a step that did something.
pub(in crate::supervisor) async fn settled(lab: &Rc<Lab>) -> Result<(), Unmet> {
    let title = "every client of a reflector holds what the rules say";
    let all = Invariants::new(lab, &InvariantsExpectation::default(), title);
    let time = Time {
        title,
        within: slowness::patience(SETTLE, lab.scenario.lab.slow),
        hold: None,
    };
    time.of(all).await.map(drop)
}

impl Watch for Invariants {
    async fn look(&mut self) -> Result<Look, ReachError> {
        let mut found = Vec::new();
        let mut routes = 0;
        for reflector in &self.reflectors {
            let Some(around) = Around::ask(&self.lab, *reflector).await? else {
                continue;
            };
            let announced = around.speakers.iter().flat_map(|one| &one.announces);
            routes += announced.map(|routes| routes.len()).sum::<usize>();
            let wrong = violations(around.cluster, &around.speakers, |key| key.family());
            let name = &self.lab.scenario[*reflector].name;
            found.extend(wrong.into_iter().map(|wrong| {
                let (at, route, what) = (wrong.at, wrong.route, wrong.what);
                (
                    format!("{at}, through {name}: {route}"),
                    format!("  it {what}"),
                )
            }));
        }
        if found.is_empty() {
            return Ok(Look::Met(format!(
                "{} announced",
                ui::count(routes, "route")
            )));
        }
        let seen = match found.len() {
            1 => "one route is held or missing against the rules".to_owned(),
            n => format!("{n} routes are held or missing against the rules"),
        };
        let more = found.len().saturating_sub(SHOWN);
        let shown = found.into_iter().take(SHOWN);
        let mut details: Vec<String> = shown.flat_map(|(route, what)| [route, what]).collect();
        if more > 0 {
            details.push(format!("and {more} more"));
        }
        Ok(Look::Unmet(Unmet {
            expected: self.title.clone(),
            seen,
            details,
        }))
    }

    async fn changed(&mut self) -> Result<(), ReachError> {
        self.pace.pause().await;
        Ok(())
    }
}
