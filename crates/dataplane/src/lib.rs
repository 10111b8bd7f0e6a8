//! Dataplane drivers: forwarding intent in, kernel state out.
//!
//! ```text
//! vpn ── EvpnIntent ──> DriverHandle ──> Queue ──> DriverTask ──> dyn Driver ──> kernel
//!      (what should exist)          (newest wins)  (own thread)   (dummy, linux, linux-vxlan)
//! ```
//!
//! A driver gets the whole intent of an instance and makes the dataplane equal to it. It is never told
//! history: applying the same intent twice changes nothing the second time, and a driver started after a
//! crash finds what its predecessor made by name, keeps what is still wanted and can remove the rest.

mod driver;
pub mod dummy;
mod error;
pub mod linux;
pub mod linux_vxlan;
mod plug;
mod sightings;
mod task;

pub use driver::{BoxFuture, Driver, DriverView, Owned, OwnedKind};
pub use dummy::DummyDriver;
pub use error::DriverError;
pub use linux::names::vxlan as vxlan_interface;
pub use linux::{LEARNED_LIMIT, LearningOptions, LinuxDriver, LinuxOptions};
pub use linux_vxlan::{LinuxVxlanDriver, LinuxVxlanOptions};
pub use sightings::{Reporter, Sighting, Sightings};
pub use task::{DriverHandle, DriverTask, Figures};
pub use vpn::{Capabilities, Direction, Encap};
