//! Values that name things in VPNs; a value in hand is valid.

use serde::{Deserialize, Serialize};

/// An EUI-48 address. Text form `02:00:00:00:00:01` (lower case); parsing also takes `-`, dotted quads and bare hex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MacAddr(pub [u8; 6]);

/// A route distinguisher, eight octets as on the wire (RFC 4364 section 4.2).
/// Text form `64512:1` (type 0), `192.0.2.1:1` (type 1), `70000:1` (type 2), else `0x` and 16 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RouteDistinguisher(pub [u8; 8]);

/// A route target: a transitive extended community of sub-type 2, eight octets as on the wire (RFC 4360 section 4).
/// Text form `64512:79`, `192.0.2.1:5` or `70000:1`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteTarget([u8; 8]);

/// A VXLAN network identifier, 24 bits (RFC 7348).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Vni(u32);

/// An MPLS label value, 20 bits (RFC 3032).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Label(u32);

/// The three octets of a label field, whose meaning the encapsulation decides:
/// a 24-bit VNI (RFC 8365 section 5.1.3) or a 20-bit label in the high-order bits (RFC 7432 section 7).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LabelField(pub [u8; 3]);

/// An Ethernet segment identifier (RFC 7432 section 5).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Esi(pub [u8; 10]);
