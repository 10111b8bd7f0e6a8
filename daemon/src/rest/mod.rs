//! The REST API: HTTP in, commands for the core out.
//!
//! | Path | Method | Answer |
//! |---|---|---|
//! | `/` | GET | `{}` |
//! | `/ping` | any | a random integer that stays the same while the process lives |
//! | `/attach_localport`, `/detach_localport` | POST | `null` when it is done; for a list of bodies a list: null, or the error, of each |
//! | `/attachments` | GET | every attachment, as bodies that attach it again |
//! | `/looking-glass/...` | GET | a page |
//! | `/routes` | GET | the routes received, octets included ([`bagpipe_api::HeldRoute`]); `?all=true`: its own as well |
//! | `/metrics` | GET | figures for Prometheus |
//! | `/sessions` | GET | the sessions with peers ([`bagpipe_api::PeerSession`]) |
//! | `/changes?after=N&wait=MS` | GET | `{"version": M}` as soon as M > N, or after MS milliseconds |
//! | `/openapi.json`, `/openapi.yaml` | GET | all of this for programs |
//!
//! `/attachments`, `/routes`, `/sessions` and `/changes` are additions to the original API: the first three are the looking glass for
//! programs, the last lets a client wait for a fact of the looking glass instead of asking again and again. Versions start at
//! 1 and grow whenever a session, a route or an instance changed.

mod access;
mod answer;
mod body;
mod error;
mod html;
mod ignored;
mod listener;
mod path;
mod patience;
mod query;
mod server;
mod tls;

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;

pub use self::{
    access::{Token, TokenError},
    error::HttpError,
    ignored::IgnoredKeys,
    listener::Listener,
    server::serve,
    tls::{TlsError, check as check_tls},
};
use crate::{core::Commands, metrics::RestCounts};

/// How long `/changes` waits when the client does not say, and at most.
const CHANGES_WAIT: Duration = Duration::from_secs(30);

/// What requests are answered from.
#[derive(Debug, Clone)]
pub struct Api {
    /// The number `/ping` answers.
    pub ping: u128,
    /// The way to the core.
    pub commands: Commands,
    /// The version of everything visible.
    pub version: watch::Receiver<u64>,
    /// What clients have to know, but for `/ping`.
    pub token: Option<Token>,
    /// What is counted of requests.
    pub counts: Arc<RestCounts>,
    /// What has been said of keys that mean nothing.
    pub ignored: Arc<IgnoredKeys>,
}
