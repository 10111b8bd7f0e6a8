//! Where in the text something was written.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::source::Sources;

/// The place of a word in a scenario file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The file, as the reader knows it.
    pub file: String,
    /// Byte offsets into the file.
    pub span: Range<usize>,
    /// Line, from 1.
    pub line: usize,
}

impl Place {
    /// The place of `span`, which counts through all of `sources`.
    pub(crate) fn of(sources: &Sources, span: &Range<usize>) -> Self {
        let Some(source) = sources.at(span.start) else {
            return Self {
                file: String::new(),
                span: span.clone(),
                line: 1,
            };
        };
        let local = source.local(span);
        Self {
            file: source.name.clone(),
            line: source.line(local.start),
            span: local,
        }
    }
}
