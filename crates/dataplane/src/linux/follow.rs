//! Following remote routes and ports that come and go without a look at what else the kernel holds.
//!
//! Looking takes the kernel longer the more it holds, and of neighbours it looks through those of every namespace. With
//! many speakers on one machine, each route would have all of them look; with many ports, each would have all looked at.

use std::collections::BTreeMap;
use std::sync::Arc;

use vpn::{EvpnIntent, SharedMap};

use super::LinuxDriver;
use super::desired::{Desired, VXLAN_MTU};
use super::execute::execute;
use super::instance::{new_ports, ports_to_raise};
use super::model::{Kernel, Kind, Link, Op};
use super::plan::{lower, plan};

impl LinuxDriver {
    /// Whether the kernel has been brought from the intent in force to `intent` by changing routes and ports alone. If
    /// not, only looking tells what has to be done.
    pub(super) async fn follow(&mut self, intent: &Arc<EvpnIntent>) -> bool {
        let udp_port = self.options.vxlan_port;
        let (Ok(netlink), Some(applied)) =
            (self.netlink(), self.instances.get_mut(&intent.instance))
        else {
            return false;
        };
        let own = applied.want.own_bridge && applied.want.own_vxlan && applied.missing.is_empty();
        let differences = applied.intent.as_ref().filter(|_| own);
        let Some((from, to)) = differences.and_then(|before| differences_of(before, intent)) else {
            return false;
        };
        let (from, to) = (Desired::new(&from, udp_port), Desired::new(&to, udp_port));
        let mut kernel = as_held(&from);
        for name in to
            .ports
            .keys()
            .filter(|name| !from.ports.contains_key(*name))
        {
            // What cannot be plugged, or is already, takes a closer look.
            let link = netlink.link(name).await.ok();
            let Some(link) = link.filter(|link| link.master.is_none()) else {
                return false;
            };
            applied.indexes.insert(name.clone(), link.index);
            let free = Link {
                kind: Kind::Other,
                master: None,
                up: link.up,
                mtu: link.mtu,
                tunnel_port: false,
            };
            kernel.links.insert(name.clone(), free);
        }
        let ops = plan(&kernel, &to, &applied.raised);
        let raised = ports_to_raise(&ops, &to);
        // Until it is known to hold all of it, what it holds is not known.
        applied.intent = None;
        let followed = execute(&netlink, &mut applied.indexes, &ops).await;
        if followed.is_err() {
            // Who looks closer is to find the ports as they were.
            let new = to
                .ports
                .keys()
                .filter(|name| !from.ports.contains_key(*name));
            let back = new.flat_map(|name| {
                let unplug = Op::Unplug { name: name.clone() };
                std::iter::once(unplug).chain(lower(name, &raised))
            });
            let back: Vec<Op> = back.collect();
            let _ = execute(&netlink, &mut applied.indexes, &back).await;
            return false;
        }
        applied.raised.extend(raised);
        let ports = new_ports(&ops, &to);
        let ports = ports.filter_map(|port| applied.indexes.get(port).copied());
        // What is wrong with the socket the next request will tell.
        let _ = netlink.notice_carriers(ports.collect()).await;
        for name in from
            .ports
            .keys()
            .filter(|name| !to.ports.contains_key(*name))
        {
            applied.indexes.remove(name);
            applied.raised.remove(name);
        }
        applied.want.exchange(&from, &to);
        applied.intent = Some(Arc::clone(intent));
        true
    }
}

/// Both intents with only those remote routes and ports that are not the same in the other; nothing if they differ in
/// anything else, or in nothing: who says the same again wants it mended.
pub fn differences_of(before: &EvpnIntent, now: &EvpnIntent) -> Option<(EvpnIntent, EvpnIntent)> {
    let trimmed = |whole: &EvpnIntent, than: &EvpnIntent| EvpnIntent {
        external_id: whole.external_id.clone(),
        linuxbr: whole.linuxbr.clone(),
        gateway_port: whole.gateway_port.clone(),
        ports: differing(&whole.ports, &than.ports),
        remote_macs: differing(&whole.remote_macs, &than.remote_macs),
        neighbours: differing(&whole.neighbours, &than.neighbours),
        flood: whole.flood.difference(&than.flood).copied().collect(),
        ..*whole
    };
    let (from, to) = (trimmed(before, now), trimmed(now, before));
    let without = |intent: &EvpnIntent| EvpnIntent {
        ports: SharedMap::new(),
        remote_macs: SharedMap::new(),
        neighbours: SharedMap::new(),
        flood: Default::default(),
        ..intent.clone()
    };
    let only_these = from != to && without(&from) == without(&to);
    only_these.then_some((from, to))
}

/// What `all` has that `others` has not, or not so.
fn differing<K: Ord + Clone, V: PartialEq + Clone>(
    all: &SharedMap<K, V>,
    others: &SharedMap<K, V>,
) -> SharedMap<K, V> {
    let entries = all.differing(others);
    entries
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// What the kernel holds when it holds this and nobody else has touched it; of an own bridge and VXLAN interface.
pub fn as_held(desired: &Desired) -> Kernel {
    let link = |kind, master: Option<&String>, mtu, tunnel_port| Link {
        kind,
        master: master.cloned(),
        up: true,
        mtu,
        tunnel_port,
    };
    let bridge = Some(&desired.bridge);
    let vxlan = link(Kind::Vxlan(desired.endpoint), bridge, VXLAN_MTU, true);
    let ports = desired.ports.keys();
    // Nobody asks for the MTU of these.
    let ports = ports.map(|port| (port.clone(), link(Kind::Other, bridge, 0, false)));
    let own = [
        (desired.bridge.clone(), link(Kind::Bridge, None, 0, false)),
        (desired.vxlan.clone(), vxlan),
    ];
    let entries = desired.entries().into_iter();
    let entries = entries.map(|(mac, port)| (mac, port.to_owned())).collect();
    let bridge = || desired.bridge.clone();
    Kernel {
        links: own.into_iter().chain(ports).collect(),
        tunnels: BTreeMap::from([(desired.vxlan.clone(), desired.tunnels.clone())]),
        entries: BTreeMap::from([(bridge(), entries)]),
        neighbours: BTreeMap::from([(bridge(), desired.neighbours.clone())]),
    }
}
