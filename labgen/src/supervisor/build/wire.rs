//! LANs and links: bridges, cables, addresses.

use netns::addr::IpPrefix;
use netns::link::{Address, Bridge, LinkChange, LinkError, LinkSpec, Netlink, Veth};
use netns::ns::{NetNs, NodeNs};
use scenario::{Interface, Lan, LanId, Link, LinkId, NetId, Node, Scenario};

use super::BuildError;

/// Builds every LAN and link, and gives every node its addresses.
pub(super) async fn wire(
    scenario: &Scenario,
    switches: &NetNs,
    homes: &[NodeNs],
) -> Result<(), BuildError> {
    let switch = Netlink::in_ns(switches).map_err(|source| BuildError::Net {
        net: scenario.lab.name.clone(),
        source,
    })?;
    let mut cables = 0;
    for (index, lan) in scenario.lans.iter().enumerate() {
        let id = LanId(index);
        lay_lan(scenario, id, lan, &switch, homes, &mut cables)
            .await
            .map_err(|source| BuildError::Net {
                net: lan.name.clone(),
                source,
            })?;
    }
    for (index, link) in scenario.links.iter().enumerate() {
        lay_link(scenario, LinkId(index), link, homes)
            .await
            .map_err(|source| BuildError::Net {
                net: link.name.clone(),
                source,
            })?;
    }
    for (id, node) in scenario.nodes().filter(|(_, node)| node.on.is_none()) {
        addresses(node, &homes[id.0].net)
            .await
            .map_err(|source| BuildError::Node {
                node: node.name.clone(),
                source,
            })?;
    }
    Ok(())
}

/// A bridge in the lab's own namespace, and a cable from it to every member.
async fn lay_lan(
    scenario: &Scenario,
    id: LanId,
    lan: &Lan,
    switch: &Netlink,
    homes: &[NodeNs],
    cables: &mut usize,
) -> Result<(), LinkError> {
    let bridge = Bridge::new(LinkSpec::up(bridge_name(id.0)).mtu(lan.mtu));
    let bridge = switch.create(&bridge.create()).await?;
    let mut requests = Vec::new();
    for (node, interface) in scenario.interfaces(NetId::Lan(id)) {
        let port = LinkSpec::up(format!("p{cables}"))
            .mtu(lan.mtu)
            .master(bridge);
        let inside = plug(interface, lan.mtu).in_ns(&homes[node.0].net);
        requests.push(Veth { a: port, b: inside }.create());
        *cables += 1;
    }
    switch.batch(requests).await.into_iter().collect()
}

/// One pair of interfaces, from one end to the other.
async fn lay_link(
    scenario: &Scenario,
    id: LinkId,
    link: &Link,
    homes: &[NodeNs],
) -> Result<(), LinkError> {
    let ends: Vec<_> = scenario.interfaces(NetId::Link(id)).collect();
    let [(near, here), (far, there)] = ends.as_slice() else {
        return Ok(());
    };
    let netlink = Netlink::in_ns(&homes[near.0].net)?;
    let veth = Veth {
        a: plug(here, link.mtu),
        b: plug(there, link.mtu).in_ns(&homes[far.0].net),
    };
    netlink
        .batch(vec![veth.create()])
        .await
        .into_iter()
        .collect()
}

fn plug(interface: &Interface, mtu: u32) -> LinkSpec {
    let spec = LinkSpec::up(&interface.name).mtu(mtu);
    match interface.mac {
        Some(mac) => spec.mac(netns::addr::MacAddr(mac.octets())),
        None => spec,
    }
}

async fn addresses(node: &Node, net: &NetNs) -> Result<(), LinkError> {
    let netlink = Netlink::in_ns(net)?;
    let loopback = netlink.index("lo").await?;
    let mut requests = vec![LinkChange::new("lo").up().request()];
    let own = node
        .loopbacks
        .iter()
        .filter_map(|address| IpPrefix::new(address.ip, address.len));
    requests.extend(own.map(|prefix| Address::new(loopback, prefix).add()));
    for interface in &node.interfaces {
        let index = netlink.index(&interface.name).await?;
        let own = interface
            .addresses
            .iter()
            .filter_map(|address| IpPrefix::new(address.ip, address.len));
        requests.extend(own.map(|prefix| Address::new(index, prefix).add()));
        requests.push(LinkChange::new(index).up().request());
    }
    netlink.batch(requests).await.into_iter().collect()
}

/// The bridge of the LAN with this index, in the lab's own namespace.
pub(in crate::supervisor) fn bridge_name(lan: usize) -> String {
    format!("lan{lan}")
}
