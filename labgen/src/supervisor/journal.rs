//! What the supervisor tells, written down for the report.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Write};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::protocol::{Event, Order};
use crate::state::LabDir;

/// The file of a lab's events. Each is written as it happens, so that a lab that is killed leaves all up to then.
pub(super) struct Journal {
    file: RefCell<Option<File>>,
}

impl Journal {
    /// Begins the file.
    pub(super) fn create(dir: &LabDir) -> io::Result<Self> {
        Ok(Self {
            file: RefCell::new(Some(File::create(dir.events())?)),
        })
    }

    /// Writes an event down. A lab goes on where that fails, as on a full disk: the log then says that the account
    /// is not whole.
    pub(super) fn write(&self, event: &Event) {
        let mut file = self.file.borrow_mut();
        let Some(open) = file.as_mut() else {
            return;
        };
        let written = serde_json::to_string(event)
            .map_err(io::Error::from)
            .and_then(|line| open.write_all(format!("{line}\n").as_bytes()));
        if let Err(error) = written {
            eprintln!("no more events are written down: {error}");
            *file = None;
        }
    }
}

/// What ties lab time to the time of day.
pub(super) fn beginning(order: &Order, began: Instant) -> Event {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let epoch = now.unwrap_or_default().saturating_sub(began.elapsed());
    Event::Began {
        epoch_ns: u64::try_from(epoch.as_nanos()).unwrap_or(u64::MAX),
        file: order.file.clone(),
        version: env!("CARGO_PKG_VERSION").into(),
    }
}
