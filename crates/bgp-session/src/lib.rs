//! The BGP state machine (RFC 4271 section 8) and capability negotiation, without I/O and without a clock.
//!
//! ```text
//!  driver (TCP, timers)                 Session
//!  ── Event, Moment ──────────────────> handle
//!  <─ Vec<Action> ─────────────────────
//!  next_deadline() says when to come back with Event::Tick
//! ```
//!
//! [`Session::handle`] is total: every event has a defined answer in every state, and none panics. Events and
//! actions are plain serialisable data, so that a session can be recorded, replayed and simulated.

mod action;
mod config;
mod event;
mod link;
mod moment;
mod negotiation;
mod rng;
mod session;

pub use action::{Action, Delivery, DownReason, Notice, State, Why};
pub use config::{Backoff, Mirror, Mode, PeerAs, SessionConfig};
pub use event::{Event, LinkId, Malformed};
pub use moment::Moment;
pub use negotiation::{GracefulRestart, Negotiated};
pub use session::Session;
