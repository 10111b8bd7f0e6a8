//! BGP on the wire: messages, attributes and NLRI.
//!
//! Two layers. [`raw`] can express anything, wrong lengths included, and loses nothing. The typed layer
//! ([`Message`], [`Update`], [`PathAttributes`], [`Nlri`]) is built on it, keeps the original bytes of every
//! attribute and NLRI, and says what RFC 7606 wants done about each defect as data ([`verdict`]).
//!
//! No I/O, no clock.

pub mod attribute;
pub mod capability;
pub mod community;
pub mod family;
pub mod message;
pub mod nlri;
pub mod notification;
pub mod open;
pub mod raw;
pub mod refresh;
pub mod types;
pub mod update;
pub mod verdict;

mod cursor;
mod text;

pub use attribute::{Attribute, AttributeValue, PathAttributes};
pub use capability::Capability;
pub use community::ExtendedCommunity;
pub use family::Family;
pub use message::{DecodeContext, EncodeContext, Message, MessageError};
pub use nlri::{Nlri, NlriKey, NlriValue};
pub use notification::Notification;
pub use open::Open;
pub use raw::RawMessage;
pub use refresh::RouteRefresh;
pub use text::ParseError;
pub use types::{Esi, IpPrefix, Label, LabelField, MacAddr, RouteDistinguisher, RouteTarget, Vni};
pub use update::{NextHop, Update};
pub use verdict::{Outcome, Verdict};
