//! What a node's programs say.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use netns::changes::Changes;
use regex::Regex;
use scenario::{LogExpectation, Since};

use crate::supervisor::expect::pace::Pace;
use crate::supervisor::expect::{Look, Watch};
use crate::supervisor::lab::{Lab, ReachError};
use crate::supervisor::step::Unmet;

/// The longest pause between two looks at a log that is not there yet.
const UNTOLD: Duration = Duration::from_millis(100);

/// At most this many lines are shown when an expectation is not met: the last ones.
const SHOWN: usize = 10;

pub(in crate::supervisor::expect) struct Lines {
    path: PathBuf,
    expected: LogExpectation,
    expression: Option<Regex>,
    title: String,
    changes: Option<Changes>,
    pace: Pace,
    /// Octets that have been read.
    read: u64,
    /// The beginning of a line whose end has not been said yet.
    begun: Vec<u8>,
    found: u64,
    lines: u64,
    first: Option<String>,
    last: VecDeque<String>,
}

impl Lines {
    pub(in crate::supervisor::expect) fn new(
        lab: &Rc<Lab>,
        expected: &LogExpectation,
        title: &str,
    ) -> Self {
        let read = match expected.since {
            Since::Start => 0,
            Since::Step(step) => lab.state.marks.log(step, expected.on),
        };
        // It was compiled when the scenario was checked.
        let expression = expected.matches.as_deref();
        Self {
            path: lab.dir.log(&lab.scenario[expected.on].name),
            expected: expected.clone(),
            expression: expression.and_then(|text| Regex::new(text).ok()),
            title: title.to_owned(),
            changes: None,
            pace: Pace::up_to(UNTOLD),
            read,
            begun: Vec::new(),
            found: 0,
            lines: 0,
            first: None,
            last: VecDeque::new(),
        }
    }

    /// Reads on from where the last look ended. A log that is not there says nothing.
    fn read_on(&mut self) -> std::io::Result<()> {
        let mut file = match File::open(&self.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            file => file?,
        };
        file.seek(SeekFrom::Start(self.read))?;
        // Line by line: a program may have said more than there is memory.
        let mut said = BufReader::new(file);
        loop {
            let read = said.read_until(b'\n', &mut self.begun)?;
            self.read += read as u64;
            if !self.begun.ends_with(b"\n") {
                return Ok(());
            }
            let line = std::mem::take(&mut self.begun);
            self.line(String::from_utf8_lossy(&line).trim_end().to_owned());
        }
    }

    fn line(&mut self, line: String) {
        self.lines += 1;
        let texts = self.expected.contains.iter();
        let expression = self.expression.as_ref();
        let found = texts.clone().all(|text| line.contains(text.as_str()))
            && expression.is_none_or(|expression| expression.is_match(&line));
        if found {
            self.found += 1;
            self.first.get_or_insert_with(|| line.clone());
        }
        // Of those that must not be there, the ones that are say most.
        if found || self.found == 0 {
            self.last.push_back(line);
        }
        if self.last.len() > SHOWN {
            self.last.pop_front();
        }
    }
}

impl Watch for Lines {
    async fn look(&mut self) -> Result<Look, ReachError> {
        if self.changes.is_none() {
            self.changes = Changes::here(&self.path).ok();
        }
        let amount = self.expected.amount;
        let read = self.read_on();
        if read.is_ok() && amount.holds(self.found) {
            return Ok(Look::Met(self.first.clone().unwrap_or_default()));
        }
        let seen = match (read, self.found, self.lines) {
            (Err(error), _, _) => format!("cannot read `{}`: {error}", self.path.display()),
            (Ok(()), 0, 0) => "it has said nothing".into(),
            (Ok(()), 0, lines) => format!("none of {lines} lines is like that; the last are"),
            (Ok(()), found, lines) => format!("{found} of {lines} lines are like that"),
        };
        let unmet = Unmet {
            expected: self.title.clone(),
            seen,
            details: self.last.iter().cloned().collect(),
        };
        // What was said cannot be unsaid.
        Ok(match amount.exceeded_by(self.found) {
            true => Look::Never(unmet),
            false => Look::Unmet(unmet),
        })
    }

    async fn changed(&mut self) -> Result<(), ReachError> {
        let told = match &mut self.changes {
            Some(changes) => changes.next().await.is_ok(),
            None => {
                self.pace.pause().await;
                true
            }
        };
        if !told {
            self.changes = None;
        }
        Ok(())
    }
}
