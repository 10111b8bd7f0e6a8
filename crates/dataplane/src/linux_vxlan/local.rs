//! Between instances of one host: no tunnel, straight to the other's port.

use std::collections::BTreeMap;

use bgp_wire::Label;
use netns::link::Netlink;
use vpn::intent::IpVpnPort;
use vpn::{Direction, InstanceId, IpVpnIntent};

use super::LinuxVxlanDriver;
use super::instance::Applied;
use super::plan::{execute, plan};
use super::state::Elsewhere;

impl LinuxVxlanDriver {
    /// Endpoints of the other instances, if the intent has routes to this host.
    pub(super) fn elsewhere(&self, intent: &IpVpnIntent) -> BTreeMap<Label, Vec<Elsewhere>> {
        let mut elsewhere: BTreeMap<Label, Vec<Elsewhere>> = BTreeMap::new();
        if !leads_here(intent) {
            return elsewhere;
        }
        let others = self.instances.values();
        for other in others.filter(|other| other.intent.instance != intent.instance) {
            for (name, IpVpnPort { endpoints, .. }) in other.intent.ports.iter() {
                let Some(&link) = other.ports.get(&**name) else {
                    continue;
                };
                let reachable = endpoints
                    .iter()
                    .filter(|endpoint| endpoint.direction != Direction::FromPort);
                for endpoint in reachable {
                    let there = elsewhere.entry(endpoint.label).or_default();
                    let endpoint = endpoint.clone();
                    there.push(Elsewhere { link, endpoint });
                }
            }
        }
        elsewhere
    }

    /// Brings those instances up to date that send to ports, or by routes, of others of this host. What fails is
    /// logged: it is not the fault of the instance that changed.
    pub(super) async fn refresh_dependents(&mut self, changed: InstanceId, netlink: &Netlink) {
        let Some(tunnel) = self.tunnel else {
            return;
        };
        let dependent = self.instances.values().filter(|applied| {
            let intent = &applied.intent;
            let redirects = intent.flows.values().any(|flow| flow.to == changed);
            intent.instance != changed && (redirects || applied.leads_here)
        });
        let dependent: Vec<Applied> = dependent.cloned().collect();
        for applied in dependent {
            let Applied { intent, table, .. } = &applied;
            let whole = self.whole(intent, tunnel, *table, &applied.ports);
            let ops = plan(&applied.whole.state, &whole.state);
            let ops = self.unshared(ops, intent);
            match execute(netlink, &ops).await {
                Ok(()) => {
                    if let Some(known) = self.instances.get_mut(&intent.instance) {
                        known.whole = whole;
                    }
                }
                Err(error) => {
                    if let Some(known) = self.instances.get_mut(&intent.instance) {
                        known.is_certain = false;
                    }
                    tracing::warn!(
                        "VPN instance `{}` does not reach other instances of this host: {error}",
                        intent.external_id
                    );
                }
            }
        }
    }
}

pub(super) fn leads_here(intent: &IpVpnIntent) -> bool {
    let mut next_hops = intent.routes.values().flatten();
    next_hops.any(|next_hop| next_hop.pe == intent.local_pe)
}
