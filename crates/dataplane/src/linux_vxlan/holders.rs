//! Who is behind which prefix.

use std::collections::BTreeMap;
use std::sync::Arc;

use bgp_wire::IpPrefix;
use vpn::intent::{IpVpnEndpoint, IpVpnPort};
use vpn::{IpVpnIntent, SharedMap, SharedSet};

use super::state::{reached, there};

/// The endpoints that traffic for a prefix may be sent to, with their ports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holders(SharedMap<IpPrefix, SharedSet<Holder>>);

type Holder = (Arc<str>, IpVpnEndpoint, u32);

impl Holders {
    /// Those of the ports that are there, with their indexes.
    pub fn of(intent: &IpVpnIntent, ports: &BTreeMap<String, u32>) -> Self {
        let mut holders = Self::default();
        for (name, link) in there(intent, ports) {
            if let Some(port) = intent.ports.get(name) {
                holders.add(name, port, link);
            }
        }
        holders
    }

    /// The first of those behind a prefix, and the index of its port.
    pub fn first(&self, prefix: &IpPrefix) -> Option<(&IpVpnEndpoint, u32)> {
        let (_, endpoint, link) = self.0.get(prefix)?.iter().next()?;
        Some((endpoint, *link))
    }

    /// The prefixes that somebody is behind.
    pub fn prefixes(&self) -> impl Iterator<Item = &IpPrefix> {
        self.0.keys()
    }

    /// A port has come.
    pub fn add(&mut self, name: &Arc<str>, port: &IpVpnPort, link: u32) {
        for endpoint in port.endpoints.iter().filter(|e| reached(e).is_some()) {
            let holders = self.0.get_or_default(&endpoint.prefix);
            holders.insert((Arc::clone(name), endpoint.clone(), link));
        }
    }

    /// A port has gone.
    pub fn remove(&mut self, name: &Arc<str>, port: &IpVpnPort, link: u32) {
        for endpoint in port.endpoints.iter() {
            let Some(holders) = self.0.get_mut(&endpoint.prefix) else {
                continue;
            };
            holders.remove(&(Arc::clone(name), endpoint.clone(), link));
            if holders.is_empty() {
                self.0.remove(&endpoint.prefix);
            }
        }
    }
}
