//! VPN instances (EVIs): attachments in, routes and forwarding intent out.
//!
//! [`VpnManager`] keeps the instances: requests and routes go in, [`Effect`]s for the route table and
//! [`intent`]s for the dataplane come out. [`Speaker`] joins it with the route table.
//!
//! No I/O, no clock.

pub mod capabilities;
pub mod error;
pub mod intent;
pub mod manager;
pub mod request;
pub mod speaker;
pub mod view;

mod evi;
mod ids;
mod learned;
mod reading;
mod routes;

pub use capabilities::{Capabilities, Encap};
pub use error::{AttachError, DetachError, Warning};
pub use intent::{EvpnIntent, InstanceId, IntentChange};
pub use manager::{AttachToken, Effect, Prepared, VpnConfig, VpnManager};
pub use request::{
    AttachRequest, DetachRequest, Direction, InstanceKind, IpWithPrefix, LocalPort, Readvertise,
};
pub use speaker::{Output, Speaker};
