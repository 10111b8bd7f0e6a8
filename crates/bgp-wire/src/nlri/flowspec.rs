use serde::{Deserialize, Serialize};

use crate::types::IpPrefix;

/// Flowspec rules: components that must all match (RFC 8955 section 4, RFC 8956 section 3).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FlowspecRules {
    /// Whether addresses are IPv6.
    pub ipv6: bool,
    /// In ascending order of type.
    pub components: Vec<FlowComponent>,
}

/// One Flowspec component.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FlowComponent {
    /// Type 1: destination prefix; `offset` bits in front are not compared (IPv6 only).
    Destination {
        /// The prefix.
        prefix: IpPrefix,
        /// Bits not compared.
        offset: u8,
    },
    /// Type 2: source prefix; `offset` bits in front are not compared (IPv6 only).
    Source {
        /// The prefix.
        prefix: IpPrefix,
        /// Bits not compared.
        offset: u8,
    },
    /// Types 3 to 8, 10, 11, 13: numbers; type 9 and 12: bit masks.
    Operations {
        /// The component type, see [`FlowComponent`]'s constants.
        kind: u8,
        /// At least one.
        operations: Vec<FlowOp>,
    },
}

/// One operator and value (RFC 8955 section 4.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FlowOp {
    /// The operator bits without end of list and length, see [`FlowOp`]'s constants.
    pub bits: u8,
    /// Octets of the value on the wire: 1, 2, 4 or 8.
    pub width: u8,
    /// The value.
    pub value: u64,
}
