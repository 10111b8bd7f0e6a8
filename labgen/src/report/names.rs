//! Addresses to the names of the scenario.

use std::collections::BTreeMap;
use std::net::IpAddr;

use scenario::Scenario;

/// Whose an address is.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<IpAddr, String>);

impl Names {
    pub(super) fn of(scenario: &Scenario) -> Self {
        let mut names = BTreeMap::new();
        for node in &scenario.nodes {
            let own = node.interfaces.iter().flat_map(|i| &i.addresses);
            for address in own.chain(&node.loopbacks) {
                names.insert(address.ip, node.name.clone());
            }
        }
        Self(names)
    }

    /// The node, else the address as it is.
    pub(super) fn name(&self, ip: IpAddr) -> String {
        let known = self.0.get(&ip);
        known.cloned().unwrap_or_else(|| ip.to_string())
    }

    /// The addresses of a node.
    pub(super) fn addresses<'a>(&'a self, node: &'a str) -> impl Iterator<Item = IpAddr> + 'a {
        let own = self.0.iter().filter(move |(_, name)| *name == node);
        own.map(|(ip, _)| *ip)
    }
}
