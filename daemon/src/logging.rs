//! Log lines, and the memory of the last warnings that the looking glass shows.

use std::{
    collections::VecDeque,
    fmt::{self, Write as _},
    fs::OpenOptions,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
};
use tracing_subscriber::{
    Layer,
    filter::Targets,
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    layer::{Context, SubscriberExt as _},
    registry::LookupSpan,
    util::SubscriberInitExt as _,
};

use crate::{clock, config::LogOptions};

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

/// Starts logging for the process; the memory fills from then on.
///
/// # Errors
/// The log file cannot be opened; named in the error.
pub fn start(program: &str, options: &LogOptions) -> io::Result<Memory> {
    let memory = Memory::default();
    let level = if options.debug {
        LevelFilter::DEBUG
    } else {
        LevelFilter::INFO
    };
    // The HTTP library's own words are of no use to users.
    let filter = Targets::new()
        .with_default(level)
        .with_targets(["hyper", "axum"].map(|t| (t, Level::WARN)));
    let lines = tracing_subscriber::fmt::layer()
        .event_format(Lines)
        .with_ansi(false);
    let lines = match log_file(program, options) {
        None => lines.with_writer(io::stderr).boxed(),
        Some(path) => {
            let file = OpenOptions::new()
                .create(true)
                .append(true)
                .open(&path)
                .map_err(|error| {
                    io::Error::new(error.kind(), format!("`{}`: {error}", path.display()))
                })?;
            lines.with_writer(Mutex::new(file)).boxed()
        }
    };
    // A second start in one process (the lab's tests) keeps the first.
    tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .with(Remember(memory.clone()).with_filter(LevelFilter::WARN))
        .try_init()
        .ok();
    Ok(memory)
}

fn log_file(program: &str, options: &LogOptions) -> Option<PathBuf> {
    match (&options.dir, &options.file) {
        (None, file) => file.clone(),
        (Some(dir), Some(file)) => Some(dir.join(file)),
        (Some(dir), None) => Some(dir.join(format!("{program}.log"))),
    }
}

/// `2026-11-21 01:50:37.129 9979 INFO <logger> [-] <message>`.
struct Lines;

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let text = Text::of(event);
        let metadata = event.metadata();
        writeln!(
            writer,
            "{} {} {} {} [{}] {}",
            clock::now().format('.'),
            std::process::id(),
            level_name(*metadata.level()),
            metadata.target(),
            text.worker.as_deref().unwrap_or("-"),
            text.message,
        )
    }
}

struct Remember(Memory);

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

/// Message and fields of an event on one line.
#[derive(Default)]
struct Text {
    message: String,
    worker: Option<String>,
}

impl Text {
    fn of(event: &Event<'_>) -> Self {
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
                self.worker = Some(format!("{value:?}"));
                Ok(())
            }
            "message" => {
                let fields = std::mem::take(&mut self.message);
                write!(self.message, "{value:?}{fields}")
            }
            name => write!(self.message, " {name}={value:?}"),
        };
    }
}

fn level_name(level: Level) -> &'static str {
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
    use super::*;

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
