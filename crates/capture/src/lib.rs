//! Frames to facts.
//!
//! ```text
//! octets ──Dissector──> layers ──Tracker──> BGP messages
//!    └──────────────> Recording <───┘
//!                         └──Matcher──> Verdict: how many packets are like that, and which one nearly was
//! ```
//!
//! No sockets, no clock: frames come in with the time they were seen at, and files are whatever can
//! be read from or written to.

mod advertised;
pub mod bgp;
mod context;
pub mod dissect;
mod facts;
pub mod frame;
pub mod log;
pub mod matcher;
pub mod pcap;
pub mod recording;
pub mod store;
pub mod stream;
pub mod text;

#[cfg(test)]
#[path = "../tests/support/mod.rs"]
mod support;

pub use bgp::{BgpEvent, BgpMessage, SessionFacts, SessionKey, Tracker};
pub use dissect::{Dissection, Dissector, Layer, Protocol, StandardDissector};
pub use facts::{PmsiFacts, RouteFacts};
pub use frame::{Frame, FrameIndex, InterfaceId, Timestamp};
pub use log::{Counted, FrameLog};
pub use matcher::{Match, Matcher, NearMiss, Satisfied, Verdict};
pub use pcap::{CaptureFileError, CaptureReader, FileFrame, PcapngWriter};
pub use recording::{Frames, Mark, Recorded, Recording};
pub use store::{Memory, Store};
