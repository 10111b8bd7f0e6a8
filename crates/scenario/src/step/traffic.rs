//! Traffic: probes that are accounted for, the way they take, and whether a port can be reached.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Endpoint, PingOutcome};
use crate::lab::NodeId;

/// Traffic to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// What it is called.
    pub name: String,
    /// Who sends.
    pub from: Endpoint,
    /// The address that it is sent from; `None`: what the routes say.
    pub source: Option<IpAddr>,
    /// The address that it is sent to.
    pub to: IpAddr,
    /// Whose that is; there for all protocols but ICMP.
    pub receiver: Option<Endpoint>,
    /// What carries the probes.
    pub protocol: Protocol,
    /// Probes a second, 1 to 100,000.
    pub rate: u32,
    /// Octets of a probe, 24 to 65,507.
    pub size: u32,
    /// The port that receives; `None`: a free one.
    pub port: Option<u16>,
    /// A probe that takes longer is lost.
    pub timeout: Duration,
    /// How long it is sent; `None`: until it is stopped.
    pub during: Option<Duration>,
}

impl Flow {
    /// How many probes it sends; `None`: until it is stopped.
    pub fn count(&self) -> Option<u64> {
        let during = self.during?;
        let count = during.as_millis() * u128::from(self.rate) / 1000;
        Some(u64::try_from(count).unwrap_or(u64::MAX).max(1))
    }
}

/// What carries probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Datagrams.
    Udp,
    /// A connection.
    Tcp,
    /// Echo requests.
    Icmp,
}

impl Protocol {
    /// Every protocol.
    pub const ALL: [Self; 3] = [Self::Udp, Self::Tcp, Self::Icmp];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Icmp => "icmp",
        }
    }
}

/// A way to be walked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traceroute {
    /// Who asks.
    pub from: Endpoint,
    /// The address it is asked from; `None`: what the routes say.
    pub source: Option<IpAddr>,
    /// The end of the way.
    pub to: IpAddr,
    /// Who must be on the way, without its end; `None`: anybody.
    pub hops: Option<Vec<HopExpectation>>,
    /// ICMP or UDP.
    pub method: Protocol,
    /// When it must be as expected.
    pub within: Duration,
}

/// Who must answer to a TTL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HopExpectation {
    /// Anybody or nobody.
    Any,
    /// A node, by one of its addresses.
    Node {
        /// Which.
        node: NodeId,
        /// Its addresses.
        addresses: Vec<IpAddr>,
    },
    /// Whoever has this address.
    Address(IpAddr),
}

impl HopExpectation {
    /// Whether an answer from this address, or none, will do.
    pub fn holds(&self, address: Option<IpAddr>) -> bool {
        match (self, address) {
            (Self::Any, _) => true,
            (_, None) => false,
            (Self::Node { addresses, .. }, Some(address)) => addresses.contains(&address),
            (Self::Address(wanted), Some(address)) => *wanted == address,
        }
    }
}

/// A port to be reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connect {
    /// Who connects.
    pub from: Endpoint,
    /// The address it connects from; `None`: what the routes say.
    pub source: Option<IpAddr>,
    /// The address it connects to.
    pub to: IpAddr,
    /// The port it connects to.
    pub port: u16,
    /// TCP or UDP.
    pub protocol: Protocol,
    /// Where labgen listens for the time of the step; `None`: something else does.
    pub listener: Option<Endpoint>,
    /// What must come of it.
    pub outcome: PingOutcome,
}
