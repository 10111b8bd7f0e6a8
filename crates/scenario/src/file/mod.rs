//! What was typed.
mod at;
mod de;
pub use at::{At, OneOrMany};
