//! Who publishes and subscribes.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A publisher and subscriber of routes. Text form `BGPManager`, `BGP-10.0.0.1`, `VRF-1`, `EVI-2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum WorkerId {
    /// The daemon itself, for the RT-Constraint routes it originates.
    Manager,
    /// A BGP neighbour.
    Peer(IpAddr),
    /// An IP VPN instance, by number.
    Vrf(u32),
    /// An E-VPN instance, by number.
    Evi(u32),
}

impl WorkerId {
    /// Whether this is a BGP neighbour. Routes never go from one neighbour to another through the table.
    pub fn is_peer(&self) -> bool {
        matches!(self, Self::Peer(_))
    }

    /// Whether this is a VPN instance.
    pub fn is_instance(&self) -> bool {
        matches!(self, Self::Vrf(_) | Self::Evi(_))
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manager => f.write_str("BGPManager"),
            Self::Peer(address) => write!(f, "BGP-{address}"),
            Self::Vrf(number) => write!(f, "VRF-{number}"),
            Self::Evi(number) => write!(f, "EVI-{number}"),
        }
    }
}

impl FromStr for WorkerId {
    type Err = UnknownWorker;

    fn from_str(text: &str) -> Result<Self, UnknownWorker> {
        let parsed = match text.split_once('-') {
            None if text == "BGPManager" => Some(Self::Manager),
            Some(("BGP", address)) => address.parse().ok().map(Self::Peer),
            Some(("VRF", number)) => number.parse().ok().map(Self::Vrf),
            Some(("EVI", number)) => number.parse().ok().map(Self::Evi),
            _ => None,
        };
        parsed.ok_or_else(|| UnknownWorker {
            text: text.to_owned(),
        })
    }
}

impl TryFrom<String> for WorkerId {
    type Error = UnknownWorker;

    fn try_from(text: String) -> Result<Self, UnknownWorker> {
        text.parse()
    }
}

impl From<WorkerId> for String {
    fn from(worker: WorkerId) -> Self {
        worker.to_string()
    }
}

/// A text that names no worker.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a worker such as `BGP-10.0.0.1` or `EVI-2`")]
pub struct UnknownWorker {
    /// The text.
    pub text: String,
}
