//! VPN instances (EVIs): attachments in, routes and forwarding intent out.

pub mod intent;

pub use intent::{EvpnIntent, InstanceId, IntentChange};
