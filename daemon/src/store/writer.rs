//! The thread that writes what is to be kept.

use std::{
    collections::BTreeMap,
    mem,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Duration,
};

use redb::{Database, WriteTransaction};
use thiserror::Error;
use tokio::sync::oneshot;

use super::{ATTACHMENTS, Key, Memo};

/// How many changes go down at once.
const BATCH: usize = 256;

/// How long after an error the disk is tried again, unless something new is to be written before.
const AGAIN: Duration = Duration::from_secs(5);

/// Something is not on the disk. It will be, as soon as the disk takes it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{}`, option `persist` of section [COMMON], cannot be written: {reason}", path.display())]
pub struct NotKept {
    path: PathBuf,
    reason: String,
}

pub(super) type Order = (Memo, oneshot::Sender<Result<(), NotKept>>);

/// How well writing goes.
#[derive(Debug, Default)]
pub struct Figures {
    /// Attempts that failed.
    pub errors: AtomicU64,
    /// Attachments of which the disk does not have what it should.
    pub owed: AtomicU64,
}

pub(super) struct Writer {
    pub(super) path: PathBuf,
    /// None after an error: it takes nothing more until it is opened again.
    pub(super) database: Option<Database>,
    /// Of the next request.
    pub(super) number: u64,
    /// What the disk has yet to be told: the number and body of an attachment, or that it is gone. One entry an attachment, so
    /// that a disk that stays full costs no more than what would be on it.
    pub(super) owed: BTreeMap<Key, Option<(u64, String)>>,
    pub(super) figures: Arc<Figures>,
}

impl Writer {
    /// Writes until nobody is left who could order something.
    pub(super) fn run(mut self, inbox: &Receiver<Order>) {
        let mut is_failing = false;
        loop {
            let first = if self.owed.is_empty() {
                inbox.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                inbox.recv_timeout(AGAIN)
            };
            let is_last = matches!(first, Err(RecvTimeoutError::Disconnected));
            if is_last && self.owed.is_empty() {
                return;
            }
            let mut waiting = Vec::new();
            for (memo, done) in first.into_iter().chain(inbox.try_iter().take(BATCH - 1)) {
                self.owe(memo);
                waiting.push(done);
            }
            let outcome = self.write();
            match &outcome {
                Err(error) if !is_failing => {
                    let seconds = AGAIN.as_secs();
                    tracing::error!(
                        "attachments are not kept, which is tried again every {seconds} s: {error}"
                    );
                }
                Ok(()) if is_failing => tracing::warn!("attachments are kept again"),
                _ => {}
            }
            is_failing = outcome.is_err();
            for done in waiting {
                // Whoever asked may be gone.
                done.send(outcome.clone()).ok();
            }
            if is_last {
                return;
            }
        }
    }

    fn owe(&mut self, memo: Memo) {
        match memo {
            Memo::Put {
                key,
                replaces,
                body,
            } => {
                self.owed.extend(replaces.map(|replaced| (replaced, None)));
                self.owed.insert(key, Some((self.number, body)));
            }
            Memo::Remove { keys } => self.owed.extend(keys.into_iter().map(|key| (key, None))),
        }
        self.number += 1;
    }

    fn write(&mut self) -> Result<(), NotKept> {
        let outcome = self.try_write();
        match &outcome {
            Ok(()) => self.owed.clear(),
            Err(_) => {
                self.database = None;
                self.figures.errors.fetch_add(1, Ordering::Relaxed);
            }
        }
        let owed = u64::try_from(self.owed.len()).unwrap_or(u64::MAX);
        self.figures.owed.store(owed, Ordering::Relaxed);
        outcome.map_err(|error| NotKept {
            path: self.path.clone(),
            reason: error.to_string(),
        })
    }

    fn try_write(&mut self) -> Result<(), redb::Error> {
        let database = match mem::take(&mut self.database) {
            Some(database) => database,
            // Not made anew where it is gone: what it had would be missing from it.
            None => Database::open(&self.path)?,
        };
        let database = self.database.insert(database);
        let transaction: WriteTransaction = database.begin_write()?;
        {
            let mut table = transaction.open_table(ATTACHMENTS)?;
            for (key, value) in &self.owed {
                match value {
                    Some((number, body)) => {
                        table.insert(key.0.as_str(), (*number, body.as_str()))?;
                    }
                    None => {
                        table.remove(key.0.as_str())?;
                    }
                }
            }
        }
        transaction.commit()?;
        Ok(())
    }
}
