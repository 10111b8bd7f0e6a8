//! Files, as a node sees them.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use netns::changes::Changes;
use scenario::FileExpectation;
use tokio::time::timeout;

use crate::supervisor::expect::pace::Pace;
use crate::supervisor::expect::{Look, Watch};
use crate::supervisor::lab::{Lab, ReachError};
use crate::supervisor::observing::AskError;
use crate::supervisor::step::Unmet;

/// The longest pause between two looks at a file that nobody tells of.
const UNTOLD: Duration = Duration::from_millis(100);

/// And at one of whose directory the kernel tells: a link to elsewhere, or what is mounted in its place, may change unheard.
const UNHEARD: Duration = Duration::from_secs(1);

/// Of a file this much is read, in octets.
const MOST: u64 = 16 << 20;

/// At most this many lines are shown when an expectation is not met.
const SHOWN: usize = 20;

pub(in crate::supervisor::expect) struct Content {
    lab: Rc<Lab>,
    expected: FileExpectation,
    title: String,
    changes: Option<(PathBuf, Changes)>,
    pace: Pace,
}

impl Content {
    pub(in crate::supervisor::expect) fn new(
        lab: &Rc<Lab>,
        expected: &FileExpectation,
        title: &str,
    ) -> Self {
        Self {
            lab: Rc::clone(lab),
            expected: expected.clone(),
            title: title.to_owned(),
            changes: None,
            pace: Pace::up_to(UNTOLD),
        }
    }

    fn failed(&self, source: AskError) -> ReachError {
        ReachError::Ask {
            node: self.lab.scenario[self.expected.on].name.clone(),
            source,
        }
    }

    /// Listens to the directory that the file is in or, as long as that is not there, to the one that it will come to
    /// be in.
    fn listen(&mut self) -> Result<(), ReachError> {
        let path = Path::new(&self.expected.path).to_owned();
        // The kernel tells nothing of files that it makes up as they are read.
        if path.starts_with("/proc") || path.starts_with("/sys") {
            return Ok(());
        }
        let home = self.lab.home(self.expected.on)?;
        let home = home.whole().map_err(|e| self.failed(e.into()))?;
        loop {
            let nearest = || {
                let mut above = path.ancestors().skip(1);
                above.find(|dir| dir.is_dir()).map(Path::to_owned)
            };
            let nearest = home.run(nearest).map_err(|e| self.failed(e.into()))?;
            let Some(nearest) = nearest else {
                return Ok(());
            };
            if matches!(&self.changes, Some((dir, _)) if *dir == nearest) {
                return Ok(());
            }
            // Looks once more, because one further down may have been made meanwhile.
            match Changes::of(home, &nearest) {
                Ok(changes) => self.changes = Some((nearest, changes)),
                Err(_) => {
                    self.changes = None;
                    return Ok(());
                }
            }
        }
    }

    fn read(&self) -> Result<Option<Vec<u8>>, ReachError> {
        let home = self.lab.home(self.expected.on)?;
        let path = &self.expected.path;
        let read = || -> io::Result<Vec<u8>> {
            let mut text = Vec::new();
            // A pipe would have this process wait for somebody who writes.
            if !fs::metadata(path)?.is_file() {
                return Err(io::Error::other("it is no regular file"));
            }
            File::open(path)?.take(MOST).read_to_end(&mut text)?;
            Ok(text)
        };
        match home.run(read).map_err(|e| self.failed(e.into()))? {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(self.failed(AskError::File {
                path: path.clone(),
                source,
            })),
        }
    }
}

impl Watch for Content {
    async fn look(&mut self) -> Result<Look, ReachError> {
        self.listen()?;
        let text = self.read()?;
        let text = text.map(|text| String::from_utf8_lossy(&text).into_owned());
        let seen = match (&text, self.expected.absent) {
            (None, true) => return Ok(Look::Met(String::new())),
            (None, false) => "it is not there".to_owned(),
            (Some(_), true) => "it is there".to_owned(),
            (Some(text), false) => match self.expected.text.first_unmet(text) {
                None => return Ok(Look::Met(String::new())),
                Some(unmet) => format!("it {unmet}"),
            },
        };
        let lines = text.iter().flat_map(|text| text.lines());
        Ok(Look::Unmet(Unmet {
            expected: self.title.clone(),
            seen,
            details: lines.take(SHOWN).map(str::to_owned).collect(),
        }))
    }

    async fn changed(&mut self) -> Result<(), ReachError> {
        let told = match &mut self.changes {
            Some((_, changes)) => match timeout(UNHEARD, changes.next()).await {
                Ok(told) => told.is_ok(),
                Err(_) => true,
            },
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
