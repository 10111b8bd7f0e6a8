//! Log lines: who says what, how loud, where to and in which form; and the memory of the last warnings.
//!
//! ```text
//! options or a logging configuration ──> Plan ──> Outlets ──(each event)──> files, syslog, the journal, streams
//! ```
//!
//! A logger is the module that speaks, `bagpipe_bgp.core.peers`. Configurations written for other versions name the
//! loggers of those; see [`names`].

mod layer;
mod memory;
mod names;
mod pattern;
mod plan;
mod python;
mod sink;
#[cfg(test)]
mod tests;

use std::io;

use thiserror::Error;
use tracing_subscriber::{
    Layer as _, filter::LevelFilter, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

pub(crate) use self::plan::level;
pub use self::{
    layer::Handle,
    memory::{Memory, Record},
    plan::{Facility, LogOptions, Rotation},
    sink::SinkError,
};
use self::{layer::Outlets, memory::Remember, plan::Plan};
use crate::config::ConfigError;

/// Logging cannot be started.
#[derive(Debug, Error)]
pub enum LogError {
    /// The logging configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A file, or the way to the journal, cannot be opened.
    #[error(transparent)]
    Sink(#[from] SinkError),
}

/// Starts logging for the process; the memory fills from then on.
///
/// # Errors
/// A log file that cannot be opened, a logging configuration that is wrong.
pub fn start(program: &str, options: &LogOptions) -> Result<(Memory, Handle), LogError> {
    let memory = Memory::default();
    let outlets = Outlets::open(program, Plan::of(program, options)?)?;
    let handle = Handle::new(program, outlets);
    // A second start in one process (the lab's tests) keeps the first.
    tracing_subscriber::registry()
        .with(handle.layer())
        .with(Remember(memory.clone()).with_filter(LevelFilter::WARN))
        .try_init()
        .ok();
    Ok((memory, handle))
}

/// Text that a file or a stream did not take is lost: there is nowhere to say so.
fn lost(_: io::Result<()>) {}
