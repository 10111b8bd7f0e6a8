//! The memory of the last warnings, which the looking glass shows.

use std::{
    collections::VecDeque,
    fmt::{self, Write as _},
    sync::{Arc, Mutex, PoisonError},
};

use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, layer::Context};

use crate::clock;

/// How many records are kept.
const KEPT: usize = 100;

/// A warning or an error that was logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// `WARNING` or `ERROR`.
    pub level: &'static str,
    /// Local time, `2026-11-21 02:49:15,123`.
    pub time: String,
    /// Name of the logger.
    pub name: String,
    /// The worker (`BGP-10.0.0.1`, `EVI-2`) the record is about.
    pub worker: Option<String>,
    /// The text.
    pub message: String,
}

/// The last records of level warning and above, shared by the process; newest first when read.
#[derive(Debug, Clone, Default)]
pub struct Memory(Arc<Mutex<VecDeque<Record>>>);

impl Memory {
    /// All records, newest first.
    pub fn records(&self) -> Vec<Record> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .cloned()
            .collect()
    }

    /// Number of records kept.
    pub fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn push(&self, record: Record) {
        let mut records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        records.truncate(KEPT - 1);
        records.push_front(record);
    }
}

/// The layer that fills a memory.
pub(super) struct Remember(pub(super) Memory);

impl<S: Subscriber> Layer<S> for Remember {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let Text { message, worker } = Text::of(event);
        let metadata = event.metadata();
        self.0.push(Record {
            level: level_name(*metadata.level()),
            time: clock::now().format(','),
            name: metadata.target().replace("::", "."),
            worker,
            message: message.replace('"', "'"),
        });
    }
}

/// Message and fields of an event on one line: what peers and clients say may be in it, and is not to look like other
/// lines, or tell a terminal anything.
#[derive(Default)]
pub(super) struct Text {
    pub(super) message: String,
    pub(super) worker: Option<String>,
}

impl Text {
    pub(super) fn of(event: &Event<'_>) -> Self {
        let mut text = Self::default();
        event.record(&mut text);
        text
    }
}

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "worker" => {
                let mut worker = String::new();
                let written = write!(OneLine(&mut worker), "{value:?}");
                self.worker = Some(worker);
                written
            }
            "message" => {
                let fields = std::mem::take(&mut self.message);
                let written = write!(OneLine(&mut self.message), "{value:?}");
                self.message.push_str(&fields);
                written
            }
            name => write!(OneLine(&mut self.message), " {name}={value:?}"),
        };
    }
}

/// Takes text without its control characters: those are written as Rust would.
struct OneLine<'a>(&'a mut String);

impl fmt::Write for OneLine<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for letter in text.chars() {
            if letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}') {
                self.0.extend(letter.escape_default());
            } else {
                self.0.push(letter);
            }
        }
        Ok(())
    }
}

/// As Python calls it.
pub(super) fn level_name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "ERROR",
        Level::WARN => "WARNING",
        Level::INFO => "INFO",
        Level::DEBUG => "DEBUG",
        Level::TRACE => "TRACE",
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::{filter::LevelFilter, layer::SubscriberExt as _};

    use super::*;

    #[test]
    fn whatever_is_said_is_one_line() {
        let memory = Memory::default();
        let subscriber = tracing_subscriber::registry().with(Remember(memory.clone()));
        tracing::subscriber::with_default(subscriber, || {
            let said = "bye\r\n2026-11-21 ERROR \u{1b}[2Jnichts für ungut";
            tracing::warn!(worker = %"a\nb", reason = %said, "closed: {said}");
        });
        let [record] = &memory.records()[..] else {
            panic!("one record");
        };
        let said = "bye\\r\\n2026-11-21 ERROR \\u{1b}[2Jnichts für ungut";
        assert_eq!(record.message, format!("closed: {said} reason={said}"));
        assert_eq!(record.worker.as_deref(), Some("a\\nb"));
    }

    #[test]
    fn the_last_warnings_are_kept() {
        let memory = Memory::default();
        let subscriber = tracing_subscriber::registry()
            .with(Remember(memory.clone()).with_filter(LevelFilter::WARN));
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!("not kept");
            for number in 0..KEPT {
                tracing::warn!(worker = %"EVI-1", number, "no \"encap\"");
            }
            tracing::error!("last");
        });
        let records = memory.records();
        assert_eq!(records.len(), KEPT);
        assert_eq!(
            (records[0].level, records[0].message.as_str()),
            ("ERROR", "last")
        );
        assert_eq!(records[1].message, "no 'encap' number=99");
        assert_eq!(records[1].worker.as_deref(), Some("EVI-1"));
        assert_eq!(records[99].message, "no 'encap' number=1");
    }
}
