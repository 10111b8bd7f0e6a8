//! Attachments on disk, so that they survive the daemon, for those who ask for it (`[COMMON] persist`).
//!
//! A thread of its own writes: what arrives while it waits for the disk goes down together. Every attachment is kept
//! as the body that attaches it again, with the number of the request that made it: they are attached again in that
//! order, and what a later one said of its instance counts again. What the disk does not take is told, and tried again.

mod writer;

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{self, Sender},
    },
    thread::{self, JoinHandle},
};

use bgp_wire::MacAddr;
use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use thiserror::Error;
use tokio::sync::oneshot;

pub use self::writer::{Figures, NotKept};
use self::writer::{Order, Writer};

/// From [`Key`] to the number of the request and the body.
const ATTACHMENTS: TableDefinition<'_, &str, (u64, &str)> = TableDefinition::new("attachments");

/// The store does not work.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Its directory cannot be made.
    #[error("cannot make the directory of `{}`, option `persist` of section [COMMON]", path.display())]
    Directory {
        /// Of the store.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It cannot be opened or read.
    #[error(
        "cannot use `{}`, option `persist` of section [COMMON]: if it is damaged, move it away and attach again",
        path.display()
    )]
    Unusable {
        /// Of the store.
        path: PathBuf,
        /// Why not.
        source: Box<redb::Error>,
    },
    /// Somebody else has it open.
    #[error(
        "`{}`, option `persist` of section [COMMON], is in use: does another daemon run?",
        .0.display()
    )]
    InUse(PathBuf),
    /// The thread that writes cannot be started.
    #[error("cannot start the thread that writes attachments")]
    Thread(#[source] io::Error),
}

/// Names an attachment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(String);

impl Key {
    /// The one of an endpoint; `ip` is empty for one without address.
    pub fn new(instance: &str, mac: MacAddr, ip: &str) -> Self {
        // The name comes last, whatever is in it: the rest has fixed forms.
        Self(format!("{mac}\0{ip}\0{instance}"))
    }

    /// The one of a port without MAC: names of interfaces have no slash.
    pub fn of_port(instance: &str, linuxif: &str) -> Self {
        Self(format!("port\0{linuxif}\0{instance}"))
    }
}

/// What is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Memo {
    /// An attachment was made or changed.
    Put {
        /// Which.
        key: Key,
        /// One without address that it stands for now.
        replaces: Option<Key>,
        /// What attaches it again, as JSON.
        body: String,
    },
    /// Attachments are gone.
    Remove {
        /// Which.
        keys: Vec<Key>,
    },
}

impl Memo {
    /// The attachments it is about.
    pub fn keys(&self) -> &[Key] {
        match self {
            Self::Put { key, .. } => std::slice::from_ref(key),
            Self::Remove { keys } => keys,
        }
    }
}

/// An attachment that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Which.
    pub key: Key,
    /// What attaches it again, as JSON.
    pub body: String,
}

/// The way to the store.
#[derive(Debug)]
pub struct Store {
    orders: Option<Sender<Order>>,
    thread: Option<JoinHandle<()>>,
    figures: Arc<Figures>,
}

impl Store {
    /// Opens or makes the store, and reads what it has, in the order in which it was attached.
    ///
    /// # Errors
    /// A file that cannot be opened, is in use, or is no store.
    pub fn open(path: &Path) -> Result<(Self, Vec<Kept>), StoreError> {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory).map_err(|source| StoreError::Directory {
                path: path.to_owned(),
                source,
            })?;
        }
        let unusable = |source: redb::Error| StoreError::Unusable {
            path: path.to_owned(),
            source: Box::new(source),
        };
        let database = Database::create(path).map_err(|error| match error {
            redb::DatabaseError::DatabaseAlreadyOpen => StoreError::InUse(path.to_owned()),
            other => unusable(other.into()),
        })?;
        let (kept, next) = read(&database).map_err(unusable)?;
        let (orders, inbox) = mpsc::channel();
        let figures = Arc::<Figures>::default();
        let writer = Writer {
            path: path.to_owned(),
            database: Some(database),
            number: next,
            owed: BTreeMap::new(),
            figures: Arc::clone(&figures),
        };
        let thread = thread::Builder::new()
            .name("store".into())
            .spawn(move || writer.run(&inbox))
            .map_err(StoreError::Thread)?;
        let store = Self {
            orders: Some(orders),
            thread: Some(thread),
            figures,
        };
        Ok((store, kept))
    }

    /// How well writing goes.
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// Has something written; resolves when it is on the disk, or when that has failed. Then it is tried again, until it
    /// is there.
    pub fn write(&self, memo: Memo) -> oneshot::Receiver<Result<(), NotKept>> {
        let (done, written) = oneshot::channel();
        if let Some(orders) = &self.orders {
            // A thread that is gone has said why.
            orders.send((memo, done)).ok();
        }
        written
    }
}

impl Drop for Store {
    /// Waits for what is under way.
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// What is there, in order, and the number of the next request.
fn read(database: &Database) -> Result<(Vec<Kept>, u64), redb::Error> {
    // A table is only there once it was written to.
    let transaction = database.begin_write()?;
    transaction.open_table(ATTACHMENTS)?;
    transaction.commit()?;
    let transaction = database.begin_read()?;
    let table = transaction.open_table(ATTACHMENTS)?;
    let mut kept = Vec::new();
    for entry in table.iter()? {
        let (key, value) = entry?;
        let (number, body) = value.value();
        let key = Key(key.value().to_owned());
        let body = body.to_owned();
        kept.push((number, Kept { key, body }));
    }
    kept.sort_by_key(|(number, _)| *number);
    let next = kept.last().map_or(0, |(number, _)| number + 1);
    Ok((kept.into_iter().map(|(_, kept)| kept).collect(), next))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;

    fn key(instance: &str, ip: &str) -> Key {
        Key::new(instance, MacAddr([2, 0, 0, 0, 0, 1]), ip)
    }

    fn put(key: Key, replaces: Option<Key>, body: &str) -> Memo {
        Memo::Put {
            key,
            replaces,
            body: body.to_owned(),
        }
    }

    #[test]
    fn what_was_written_is_there_again_in_the_order_of_the_last_requests() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("below").join("attachments");
        let (store, kept) = Store::open(&path).unwrap();
        assert_eq!(kept, []);
        let [a, b, c] = ["10.0.0.1", "10.0.0.2", "10.0.0.3"].map(|ip| key("x", ip));
        for memo in [
            put(key("y", ""), None, "without"),
            put(a.clone(), None, "a"),
            put(b.clone(), None, "b"),
            put(c.clone(), None, "c"),
            put(a.clone(), None, "a again"),
            put(key("y", "10.0.0.1"), Some(key("y", "")), "with"),
            Memo::Remove { keys: vec![c] },
        ] {
            store.write(memo).blocking_recv().unwrap().unwrap();
        }
        assert!(matches!(Store::open(&path), Err(StoreError::InUse(_))));
        drop(store);
        let (store, kept) = Store::open(&path).unwrap();
        let bodies: Vec<_> = kept.iter().map(|kept| kept.body.as_str()).collect();
        assert_eq!(bodies, ["b", "a again", "with"]);
        store
            .write(put(b, None, "b again"))
            .blocking_recv()
            .unwrap()
            .unwrap();
        drop(store);
        let (_, kept) = Store::open(&path).unwrap();
        assert_eq!(kept.last().map(|kept| kept.body.as_str()), Some("b again"));
    }

    #[test]
    fn a_file_that_is_no_store_is_told_and_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("attachments");
        fs::write(&path, "something else entirely").unwrap();
        let error = Store::open(&path).unwrap_err();
        assert!(error.to_string().contains("move it away"), "{error}");
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "something else entirely"
        );
    }
}
