//! Traffic told apart by more than its destination: what to attract with Flowspec routes, and what those of others
//! are about (RFC 8955, RFC 8956).

mod numbers;
mod received;

use std::collections::BTreeSet;
use std::fmt;

use bgp_wire::nlri::{FlowComponent, FlowOp, FlowspecRules};
use bgp_wire::{IpPrefix, RouteTarget};
use serde::{Deserialize, Serialize};

pub use numbers::Numbers;
pub use received::TrafficMatch;

/// TCP, which classifiers mean that name no protocol.
pub const TCP: u8 = 6;

/// From one number to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NumberRange {
    low: u16,
    high: u16,
}

impl NumberRange {
    /// None if it would be empty.
    pub fn new(low: u16, high: u16) -> Option<Self> {
        (low <= high).then_some(Self { low, high })
    }

    /// The lowest.
    pub fn low(self) -> u16 {
        self.low
    }

    /// The highest.
    pub fn high(self) -> u16 {
        self.high
    }

    fn operations(self) -> Vec<FlowOp> {
        if self.low == self.high {
            vec![FlowOp::equal(self.low.into())]
        } else {
            FlowOp::range(self.low.into(), self.high.into())
        }
    }
}

impl fmt::Display for NumberRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.low == self.high {
            true => self.low.fmt(f),
            false => write!(f, "{}-{}", self.low, self.high),
        }
    }
}

/// Which traffic to a destination is meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Classifier {
    /// Where it comes from.
    pub source: Option<IpPrefix>,
    /// The IP protocol.
    pub protocol: u8,
    /// The source ports.
    pub source_ports: Option<NumberRange>,
    /// The destination ports.
    pub destination_ports: Option<NumberRange>,
}

impl Default for Classifier {
    /// All of TCP.
    fn default() -> Self {
        Self {
            source: None,
            protocol: TCP,
            source_ports: None,
            destination_ports: None,
        }
    }
}

impl Classifier {
    /// The Flowspec rules for traffic to `destination`; none if the source is of the other version of IP.
    pub fn rules(&self, destination: IpPrefix) -> Option<FlowspecRules> {
        let ipv6 = destination.address().is_ipv6();
        if self.source.is_some_and(|s| s.address().is_ipv6() != ipv6) {
            return None;
        }
        let operations = |kind, operations| FlowComponent::Operations { kind, operations };
        let ports = |kind, ports: Option<NumberRange>| {
            ports.map(|ports| operations(kind, ports.operations()))
        };
        let source = self
            .source
            .map(|prefix| FlowComponent::Source { prefix, offset: 0 });
        let protocol = vec![FlowOp::equal(self.protocol.into())];
        let destination = FlowComponent::Destination {
            prefix: destination,
            offset: 0,
        };
        let components = [
            Some(destination),
            source,
            Some(operations(FlowComponent::PROTOCOL, protocol)),
            ports(FlowComponent::DESTINATION_PORT, self.destination_ports),
            ports(FlowComponent::SOURCE_PORT, self.source_ports),
        ];
        Some(FlowspecRules {
            ipv6,
            components: components.into_iter().flatten().collect(),
        })
    }
}

/// Traffic to have sent here by Flowspec routes, whatever its destination would say; without effect in E-VPN.
///
/// PEs that import one of `redirect` send matching traffic to whoever advertises a default route with `to`, which
/// this instance does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttractTraffic {
    /// The targets of the Flowspec routes. Without any there are none, which ends what was asked for before.
    pub redirect: BTreeSet<RouteTarget>,
    /// What traffic, of that to each prefix attracted.
    pub classifier: Classifier,
    /// The target it is redirected to.
    pub to: RouteTarget,
    /// Prefixes attracted whatever routes there are, besides those to be advertised again.
    pub static_prefixes: BTreeSet<IpPrefix>,
    /// JSON text for display, as it was asked for.
    pub shown: String,
}
