//! VPN instances (EVIs and VRFs): attachments in, routes and forwarding intent out.
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
pub mod traffic;
pub mod view;

mod evi;
mod few;
mod ids;
mod instance;
mod learned;
mod outcome;
mod publication;
mod reading;
mod routes;
mod vrf;

pub use capabilities::{Capabilities, Encap};
pub use error::{AttachError, DetachError, Warning};
pub use evi::DuplicateDetection;
pub use few::Few;
pub use intent::{
    AnyIntent, EvpnIntent, InstanceId, Intent, IntentChange, IpVpnIntent, SharedMap, SharedSet,
};
pub use manager::{
    AttachToken, Effect, IpVpnConfig, Prepared, PreviousVnis, VpnConfig, VpnManager,
};
pub use request::{
    AttachRequest, DetachRequest, Direction, Fallback, InstanceKind, IpWithPrefix, LocalPort,
    NO_MAC, Readvertise,
};
pub use speaker::{Output, Speaker};
pub use traffic::{AttractTraffic, Classifier};
