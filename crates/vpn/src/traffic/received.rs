//! What Flowspec rules of others match.

use bgp_wire::IpPrefix;
use bgp_wire::nlri::{FlowComponent, FlowspecRules};
use serde::{Deserialize, Serialize};

use super::Numbers;

/// Traffic that matches all of these; absent is any.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TrafficMatch {
    /// Whether it is about IPv6 packets.
    pub ipv6: bool,
    /// Where they go.
    pub destination: Option<IpPrefix>,
    /// Where they come from.
    pub source: Option<IpPrefix>,
    /// IP protocols; of IPv6 the last next header.
    pub protocols: Option<Numbers>,
    /// Source or destination ports.
    pub ports: Option<Numbers>,
    /// Destination ports.
    pub destination_ports: Option<Numbers>,
    /// Source ports.
    pub source_ports: Option<Numbers>,
}

impl TrafficMatch {
    /// Reads Flowspec rules; none if they look at more than addresses, protocol and ports.
    pub fn read(rules: &FlowspecRules) -> Option<Self> {
        let mut traffic = Self {
            ipv6: rules.ipv6,
            ..Self::default()
        };
        for component in &rules.components {
            match component {
                FlowComponent::Destination { prefix, offset: 0 } => {
                    traffic.destination = Some(*prefix);
                }
                FlowComponent::Source { prefix, offset: 0 } => traffic.source = Some(*prefix),
                FlowComponent::Operations { kind, operations } => {
                    let ports = || Some(Numbers::matched(operations, u16::MAX));
                    match *kind {
                        FlowComponent::PROTOCOL => {
                            traffic.protocols = Some(Numbers::matched(operations, u8::MAX.into()));
                        }
                        FlowComponent::PORT => traffic.ports = ports(),
                        FlowComponent::DESTINATION_PORT => traffic.destination_ports = ports(),
                        FlowComponent::SOURCE_PORT => traffic.source_ports = ports(),
                        _ => return None,
                    }
                }
                _ => return None,
            }
        }
        Some(traffic)
    }
}
