//! Flows of an Open vSwitch bridge.

use std::rc::Rc;
use std::time::Duration;

use scenario::OpenflowExpectation;

use super::{Item, judged, same};
use crate::observe::{Flow, News, Question, flows};
use crate::supervisor::expect::pace::Pace;
use crate::supervisor::expect::{Look, Watch};
use crate::supervisor::lab::{Lab, ReachError};
use crate::supervisor::observing::{self, AskError, Feed};
use crate::supervisor::step::Unmet;

/// The longest pause between two looks at what flows have counted.
const COUNTED: Duration = Duration::from_millis(100);
/// The longest between two looks at flows while nothing is heard.
const UNTOLD: Duration = Duration::from_millis(250);

pub(in crate::supervisor::expect) struct Flows {
    lab: Rc<Lab>,
    expected: OpenflowExpectation,
    title: String,
    feed: Feed,
    pace: Pace,
}

impl Flows {
    pub(in crate::supervisor::expect) fn new(
        lab: &Rc<Lab>,
        expected: &OpenflowExpectation,
        title: &str,
    ) -> Self {
        let bridge = expected.bridge.as_str();
        let words = ["ovs-ofctl", "monitor", bridge, "watch:"];
        let most = match expected.packets {
            Some(_) => COUNTED,
            None => UNTOLD,
        };
        Self {
            lab: Rc::clone(lab),
            expected: expected.clone(),
            title: title.to_owned(),
            feed: Feed::new(News::Command(words.map(String::from).to_vec())),
            pace: Pace::up_to(most),
        }
    }

    fn item(&self, flow: &Flow) -> Item {
        let e = &self.expected;
        let lacks = |wanted: &[String], has: &dyn Fn(&str) -> bool| {
            wanted.iter().find(|word| !has(word)).cloned()
        };
        let matches = lacks(&e.matches, &|word| {
            flow.matches.iter().any(|field| field == word)
        });
        let actions = lacks(&e.actions, &|word| flow.actions.contains(word));
        let fields = [
            (
                "table",
                same(e.table.as_ref(), Some(&flow.table)),
                flow.table.to_string(),
            ),
            (
                "priority",
                same(e.priority.as_ref(), Some(&flow.priority)),
                flow.priority.to_string(),
            ),
            ("match", matches.is_none(), flow.matches.join(",")),
            ("actions", actions.is_none(), flow.actions.clone()),
        ];
        Item::compared(flow.text.clone(), &fields)
    }
}

impl Watch for Flows {
    async fn look(&mut self) -> Result<Look, ReachError> {
        let e = &self.expected;
        // Before it is asked, so that no change between the two is missed.
        self.feed.open(&self.lab, e.on).await;
        let words = ["ovs-ofctl", "--no-names", "dump-flows", e.bridge.as_str()];
        let question = Question::Command(words.map(String::from).to_vec());
        let answer = observing::answer(&self.lab, e.on, &question).await?;
        let flows = flows(&answer).map_err(|misread| ReachError::Ask {
            node: self.lab.scenario[e.on].name.clone(),
            source: AskError::Misread(misread),
        })?;
        let items: Vec<Item> = flows.iter().map(|flow| self.item(flow)).collect();
        let like_that = flows.iter().zip(&items);
        let like_that = like_that.filter(|(_, item)| item.difference.is_none());
        let packets: u64 = like_that.map(|(flow, _)| flow.packets).sum();
        let details: Vec<String> = flows.iter().map(|flow| flow.text.clone()).collect();
        match (judged(&self.title, e.amount, "flow", items), e.packets) {
            (Look::Met(_), Some(amount)) if !amount.holds(packets) => Ok(Look::Unmet(Unmet {
                expected: self.title.clone(),
                seen: format!("{packets} packets were matched"),
                details,
            })),
            (look, _) => Ok(look),
        }
    }

    async fn changed(&mut self) -> Result<(), ReachError> {
        tokio::select! {
            () = self.feed.next() => self.feed.drain(),
            () = self.pace.pause() => {}
        }
        Ok(())
    }
}
