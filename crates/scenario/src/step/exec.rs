//! Commands.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Endpoint;

/// A command, run in a node's or a port's namespaces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exec {
    /// Where.
    pub on: Endpoint,
    /// Program and arguments; at least the program.
    pub command: Vec<String>,
    /// The exit status it must end with; 128 and the signal's number for one that was killed.
    pub exit: i32,
    /// What it must print.
    pub stdout: TextExpectation,
    /// What it must complain.
    pub stderr: TextExpectation,
    /// When it must have ended.
    pub within: Duration,
}

/// What a text must be like.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextExpectation {
    /// All of these are in it.
    pub contains: Vec<String>,
    /// None of these is.
    pub lacks: Vec<String>,
    /// It is this, blanks at either end aside.
    pub equals: Option<String>,
}

impl TextExpectation {
    /// The first demand that `text` does not meet, in words.
    pub fn first_unmet(&self, text: &str) -> Option<String> {
        if let Some(wanted) = self
            .contains
            .iter()
            .find(|wanted| !text.contains(wanted.as_str()))
        {
            return Some(format!("does not contain {wanted:?}"));
        }
        if let Some(unwanted) = self
            .lacks
            .iter()
            .find(|unwanted| text.contains(unwanted.as_str()))
        {
            return Some(format!("contains {unwanted:?}"));
        }
        let wanted = self.equals.as_ref()?;
        (text.trim() != wanted.trim()).then(|| format!("is not {wanted:?}"))
    }
}
