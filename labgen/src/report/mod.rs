//! What a run came to, told again from its evidence: a pure function of one directory.
//!
//! ```text
//! events.jsonl ──┐                 ┌─> terminal    what happened around a failure
//! scenario.json ─┤                 ├─> JSON        report.json
//! captures/ ─────┼─> read ─> Run ──┼─> JUnit       junit.xml
//! logs/ ─────────┘                 ├─> GitHub      annotations
//!                                  └─> HTML        report.html, one file
//! ```

mod captures;
mod divergence;
mod faults;
mod github;
mod html;
mod junit;
mod logs;
pub mod model;
mod names;
mod read;
mod terminal;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::Path;

pub use github::annotations;
pub use junit::{Suite, Whole, document as junit};
pub use read::{ReportError, outline, read};
pub use terminal::around;

use model::Run;
use scenario::Scenario;

/// The report as one page.
pub const HTML: &str = "report.html";
/// The report for programs.
pub const JSON: &str = "report.json";
/// The report for what reads JUnit's.
pub const JUNIT: &str = "junit.xml";

/// The forms of a report that are files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// [`HTML`].
    Html,
    /// [`JSON`].
    Json,
    /// [`JUNIT`].
    Junit,
}

impl Form {
    /// All of them, with the names they have in an evidence directory.
    pub const FILES: [(Self, &str); 3] =
        [(Self::Html, HTML), (Self::Json, JSON), (Self::Junit, JUNIT)];

    /// The report in this form.
    pub fn of(self, run: &Run, scenario: Option<&Scenario>) -> String {
        match self {
            Self::Html => html::page(run, scenario),
            Self::Json => serde_json::to_string_pretty(run).unwrap_or_default() + "\n",
            Self::Junit => junit::of_one(run),
        }
    }

    /// Writes it to a file.
    pub fn write(
        self,
        run: &Run,
        scenario: Option<&Scenario>,
        path: &Path,
    ) -> Result<(), ReportError> {
        fs::write(path, self.of(run, scenario)).map_err(ReportError::io("write", path))
    }
}
