//! Where in the text something was written.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// The place of a word in a scenario file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Byte offsets into the text.
    pub span: Range<usize>,
    /// Line, from 1.
    pub line: usize,
}
