//! From TCP segments to BGP messages.
//!
//! ```text
//! segment ──Reassembler──> octets in order ──Cutter──> messages, each with the frame its last octet was in
//! ```
//!
//! One of each per direction. Both bound what they hold and both find their way again: the
//! reassembler after octets the capture lacks, the cutter at the next marker.

mod cutter;
mod reassembler;

#[cfg(test)]
mod tests;

pub use cutter::{Cut, Cutter};
pub use reassembler::{Before, Chunk, Limits, Reassembler, Segment};
