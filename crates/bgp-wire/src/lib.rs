//! BGP on the wire: messages, attributes and NLRI.
//!
//! Two layers. The raw one can express anything, wrong lengths included, and loses nothing. The typed one
//! is built on it, keeps the original bytes of every attribute and NLRI, and says what RFC 7606 wants done
//! about each defect as data.
//!
//! No I/O, no clock.

pub mod family;
pub mod types;

pub use family::Family;
pub use types::{Esi, Label, LabelField, MacAddr, RouteDistinguisher, RouteTarget, Vni};
