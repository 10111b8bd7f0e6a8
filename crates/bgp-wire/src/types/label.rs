use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::text::{ParseError, debug_as_text};

/// A number too large for its field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} {value} is above {max}")]
pub struct OutOfRange {
    /// What the number was to be.
    pub what: &'static str,
    /// The number.
    pub value: u32,
    /// The largest that fits.
    pub max: u32,
}

/// A VXLAN network identifier, 24 bits (RFC 7348). Tables hold very many, in no more octets than that, highest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Vni([u8; 3]);

/// An MPLS label value, 20 bits (RFC 3032).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Label([u8; 3]);

macro_rules! bounded {
    ($name:ident, $what:literal, $max:literal) => {
        debug_as_text!($name);

        impl $name {
            /// The largest value.
            pub const MAX: u32 = $max;

            /// `value` if it fits.
            pub const fn new(value: u32) -> Result<Self, OutOfRange> {
                if value > Self::MAX {
                    return Err(OutOfRange {
                        what: $what,
                        value,
                        max: Self::MAX,
                    });
                }
                let [_, a, b, c] = value.to_be_bytes();
                Ok(Self([a, b, c]))
            }

            /// The number.
            pub const fn get(self) -> u32 {
                let [a, b, c] = self.0;
                u32::from_be_bytes([0, a, b, c])
            }
        }

        impl TryFrom<u32> for $name {
            type Error = OutOfRange;

            fn try_from(value: u32) -> Result<Self, OutOfRange> {
                Self::new(value)
            }
        }

        impl From<$name> for u32 {
            fn from(value: $name) -> u32 {
                value.get()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.get(), f)
            }
        }

        impl FromStr for $name {
            type Err = ParseError;

            fn from_str(text: &str) -> Result<Self, ParseError> {
                let number = text.parse().ok().and_then(|value| Self::new(value).ok());
                number.ok_or_else(|| {
                    ParseError::new(concat!("a ", $what, " from 0 to ", stringify!($max)), text)
                })
            }
        }
    };
}

bounded!(Vni, "VNI", 16777215);
bounded!(Label, "MPLS label", 1048575);

/// The three octets of a label field, whose meaning the encapsulation decides:
/// a 24-bit VNI (RFC 8365 section 5.1.3) or a 20-bit label in the high-order bits (RFC 7432 section 7).
/// Serialised as the raw 24-bit number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct LabelField(pub [u8; 3]);

debug_as_text!(LabelField);

impl LabelField {
    /// What a withdraw carries in place of a label (RFC 8277 section 2.4).
    pub const WITHDRAW: Self = Self([0x80, 0, 0]);

    /// The field as a VNI.
    pub const fn from_vni(vni: Vni) -> Self {
        Self(vni.0)
    }

    /// The field as an MPLS label, with the bottom-of-stack bit as told.
    pub const fn from_label(label: Label, bottom: bool) -> Self {
        let [_, a, b, c] = (label.get() << 4 | bottom as u32).to_be_bytes();
        Self([a, b, c])
    }

    /// The 24 bits.
    pub const fn raw(self) -> u32 {
        let [a, b, c] = self.0;
        u32::from_be_bytes([0, a, b, c])
    }

    /// Read as a VNI.
    pub const fn vni(self) -> Vni {
        Vni(self.0)
    }

    /// Read as an MPLS label.
    pub const fn label(self) -> Label {
        let [_, a, b, c] = (self.raw() >> 4).to_be_bytes();
        Label([a, b, c])
    }

    /// The bottom-of-stack bit.
    pub const fn is_bottom(self) -> bool {
        self.0[2] & 1 != 0
    }
}

impl TryFrom<u32> for LabelField {
    type Error = OutOfRange;

    fn try_from(raw: u32) -> Result<Self, OutOfRange> {
        match Vni::new(raw) {
            Ok(vni) => Ok(Self::from_vni(vni)),
            Err(_) => Err(OutOfRange {
                what: "label field",
                value: raw,
                max: Vni::MAX,
            }),
        }
    }
}

impl From<LabelField> for u32 {
    fn from(field: LabelField) -> u32 {
        field.raw()
    }
}

/// The raw number: which view is right is not known here.
impl fmt::Display for LabelField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.raw(), f)
    }
}
