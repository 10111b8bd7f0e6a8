//! The REST API of `bagpipe-bgp`, seen from both ends.
//!
//! ```text
//! client                                                     daemon
//! AttachBody ──serde──> JSON ──(Client over any stream)──> AttachRequest::from_json ──> a valid value | ApiError
//! ```
//!
//! [`body`] is what a client writes, [`request`] what the daemon makes of it: everything in an
//! [`AttachRequest`] has been checked, and what was wrong is said by an [`ApiError`] that names the field
//! and the rule. [`client`] speaks HTTP/1.1 over a stream somebody else connected, so that it works
//! across network namespaces.

pub mod body;
pub mod client;
pub mod error;
pub mod openapi;
pub mod request;
pub mod routes;
pub mod sessions;

pub use body::{AttachBody, DetachBody, Direction, LocalPortBody, VpnType};
pub use client::{Client, ClientError, Refusal};
pub use error::{ApiError, Rule};
pub use request::{AttachRequest, DetachRequest};
pub use routes::HeldRoute;
pub use sessions::{Agreed, PeerSession};
