//! The tokio edge of BGP: a [`Session`](bgp_session::Session) run over TCP.
//!
//! ```text
//!   caller ── PeerHandle: accept, reset, stop ──> peer task ── Out/In TCP ── peer
//!          <── (key, PeerEvent) ─────────────────  owns the Session, framing, timers
//!          ── Outgoing: messages ───────────────>  batches them into few writes
//! ```
//!
//! One task a peer. Whatever the peer sends, the task goes on: the session answers garbage with a NOTIFICATION,
//! goes Idle and tries again. Memory is bounded both ways: a caller that is behind stops the reading, a peer
//! that is behind is dropped. So are connections: of those a peer opens, one is being shaken hands on, few wait and few
//! say goodbye; more are dropped.

mod config;
mod conn;
mod counts;
mod event;
mod handle;
mod links;
mod listener;
mod outgoing;
mod password;
pub mod sd_notify;
mod seldom;
mod task;

pub use config::PeerConfig;
pub use counts::{MESSAGE_TYPES, MessageCounts};
pub use event::PeerEvent;
pub use handle::{PeerHandle, spawn};
pub use listener::{ListenError, Listener};
pub use outgoing::Outgoing;
pub use password::{BadPassword, Password};
pub use seldom::{Seldom, SeldomOf};
