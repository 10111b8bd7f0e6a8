//! LANs and links: bridges, cables, addresses, routes.
//!
//! Nothing is asked back of the kernel: names, indexes and the order of requests are chosen here, and a few threads
//! carry them out.

use std::collections::BTreeMap;
use std::net::IpAddr;

use netns::addr::{IpPrefix, MacAddr};
use netns::link::{
    Address, Bridge, LinkChange, LinkError, LinkSpec, Netlink, Request, Route, Veth,
};
use netns::ns::NetNs;
use scenario::{Interface, LanId, LinkId, NetId, Node, NodeId, Scenario};

use super::neighbours::Neighbours;
use super::{BuildError, visiting};
use crate::supervisor::home::{Plug, Switch};
use crate::supervisor::impair;
use crate::supervisor::lab::{Absent, Lab};

/// What is to be laid.
#[derive(Debug, Default)]
pub(in crate::supervisor) struct Wiring {
    /// LANs to make bridges for.
    pub(in crate::supervisor) lans: Vec<LanId>,
    /// Nodes to be plugged into LANs.
    pub(in crate::supervisor) joins: Vec<(LanId, NodeId)>,
    /// Links to be made, with both their ends.
    pub(in crate::supervisor) links: Vec<LinkId>,
}

impl Wiring {
    /// All that a scenario has.
    pub(super) fn whole(scenario: &Scenario) -> Self {
        let joins = scenario.nodes().flat_map(|(id, node)| {
            node.interfaces
                .iter()
                .filter_map(move |interface| match interface.net {
                    NetId::Lan(lan) => Some((lan, id)),
                    NetId::Link(_) => None,
                })
        });
        Self {
            lans: (0..scenario.lans.len()).map(LanId).collect(),
            joins: joins.collect(),
            links: (0..scenario.links.len()).map(LinkId).collect(),
        }
    }
}

/// Cables that one thread makes between two looks at what is left: few enough that all threads end together.
const CABLES_AT_ONCE: usize = 32;

/// Lays cables, sets their ends up and gives them their addresses.
pub(in crate::supervisor) async fn lay(lab: &Lab, wiring: &Wiring) -> Result<(), BuildError> {
    bridges(lab, &wiring.lans).await?;
    let mut plugged = Vec::new();
    let mut cables = Vec::new();
    for (lan, node) in &wiring.joins {
        let (request, plug) = join(lab, *lan, *node)?;
        cables.push((lab.scenario[*lan].name.clone(), request));
        plugged.extend(plug.map(|plug| (*node, NetId::Lan(*lan), plug)));
    }
    let mut through_wires = Vec::new();
    for link in &wiring.links {
        let middle = impair::through_wire(lab, *link).await.then(|| {
            let ends = [(); 2].map(|()| lab.state.next_index());
            through_wires.push((*link, ends));
            ends
        });
        let (requests, plugs) = connect(lab, *link, middle)?;
        let name = &lab.scenario[*link].name;
        cables.extend(requests.into_iter().map(|request| (name.clone(), request)));
        let [near, far] = lab.scenario[*link].ends;
        for (node, plug) in [near, far].into_iter().zip(plugs) {
            plugged.push((node, NetId::Link(*link), plug));
        }
    }
    make_cables(lab, cables).await?;
    set_up(lab, &plugged).await?;
    open_ports(lab, &plugged).await?;
    open_links(lab, &plugged).await?;
    for (node, net, plug) in plugged {
        let node = lab.scenario[node].name.clone();
        let mut plugs = lab.state.plugs.borrow_mut();
        plugs.insert((node, lab.scenario.net_name(net).to_owned()), plug);
    }
    impair::plug_links(lab, &through_wires).await?;
    impair::begin(lab, wiring).await
}

/// A bridge for each LAN, in the lab's own namespace.
async fn bridges(lab: &Lab, lans: &[LanId]) -> Result<(), BuildError> {
    let Some(first) = lans.first() else {
        return Ok(());
    };
    let failed = |lan: LanId| {
        let net = lab.scenario[lan].name.clone();
        move |source| BuildError::Net { net, source }
    };
    let netlink = Netlink::in_ns(&lab.state.switches).map_err(failed(*first))?;
    let (mut requests, mut switches) = (Vec::new(), Vec::new());
    for lan in lans {
        let index = lab.state.next_index();
        let name = format!("lan{index}");
        let spec = LinkSpec::up(&name).index(index).mtu(lab.scenario[*lan].mtu);
        requests.push(Bridge::new(spec).create());
        switches.push((*lan, Switch { name, index }));
    }
    for ((lan, switch), result) in switches.into_iter().zip(netlink.batch(requests).await) {
        result.map_err(failed(lan))?;
        let lan = lab.scenario[lan].name.clone();
        lab.state.bridges.borrow_mut().insert(lan, switch);
    }
    Ok(())
}

/// A cable from a LAN's bridge to a node.
fn join(lab: &Lab, lan: LanId, node: NodeId) -> Result<(Request, Option<Plug>), Absent> {
    let mtu = lab.scenario[lan].mtu;
    let bridges = lab.state.bridges.borrow();
    let bridge = bridges
        .get(&lab.scenario[lan].name)
        .map(|bridge| bridge.index);
    let number = lab.state.next_index();
    let mut port = LinkSpec::up(format!("p{number}")).index(number).mtu(mtu);
    port.master = bridge;
    let (inside, plug) = inside(lab, node, NetId::Lan(lan), mtu, Some(number))?;
    Ok((Veth { a: port, b: inside }.create(), plug))
}

/// A cable between two nodes; or, where frames go through a wire, one from either to the switches' namespace, where their
/// ends have the indexes given.
fn connect(
    lab: &Lab,
    link: LinkId,
    middle: Option<[u32; 2]>,
) -> Result<(Vec<Request>, Vec<Plug>), Absent> {
    let mtu = lab.scenario[link].mtu;
    let [near, far] = lab.scenario[link].ends;
    let net = NetId::Link(link);
    let (a, here) = inside(lab, near, net, mtu, None)?;
    let (b, there) = inside(lab, far, net, mtu, None)?;
    let plugs = here.into_iter().chain(there).collect();
    let Some(middle) = middle else {
        return Ok((vec![Veth { a, b }.create()], plugs));
    };
    let ends = middle.into_iter().zip([a, b]).map(|(index, inside)| {
        let outside = LinkSpec::up(format!("l{index}")).index(index).mtu(mtu);
        Veth {
            a: outside,
            b: inside,
        }
        .create()
    });
    Ok((ends.collect(), plugs))
}

/// A node's end of a cable.
fn inside(
    lab: &Lab,
    node: NodeId,
    net: NetId,
    mtu: u32,
    port: Option<u32>,
) -> Result<(LinkSpec, Option<Plug>), Absent> {
    let Some(interface) = interface_on(&lab.scenario[node], net) else {
        return Ok((LinkSpec::default(), None));
    };
    let index = lab.state.next_index();
    let mut spec = LinkSpec::up(&interface.name)
        .down()
        .index(index)
        .mtu(mtu)
        .in_ns(&lab.home(node)?.net);
    spec.mac = Some(mac_of(&lab.scenario, node, interface));
    let plug = Plug {
        interface: interface.name.clone(),
        index,
        port,
        cut: false,
    };
    Ok((spec, Some(plug)))
}

/// The Ethernet address of a node's interface: the same whenever it is made, so that captures of two runs can be
/// compared and neighbours of a node that was made anew need not forget it first.
fn mac_of(scenario: &Scenario, node: NodeId, interface: &Interface) -> MacAddr {
    let whose = format!("node {}", scenario[node].name);
    let own = || scenario::mac_for(&whose, scenario.net_name(interface.net));
    MacAddr(interface.mac.unwrap_or_else(own).octets())
}

/// The node's interface on a LAN or link.
pub(in crate::supervisor) fn interface_on(node: &Node, net: NetId) -> Option<&Interface> {
    node.interfaces
        .iter()
        .find(|interface| interface.net == net)
}

async fn make_cables(lab: &Lab, cables: Vec<(String, Request)>) -> Result<(), BuildError> {
    let chunks: Vec<Vec<_>> = cables.chunks(CABLES_AT_ONCE).map(<[_]>::to_vec).collect();
    let switches = lab.state.switches.clone();
    visiting(chunks, move |visitor, cables: &Vec<(String, Request)>| {
        visitor.enter(&switches).map_err(BuildError::Thread)?;
        let names = || cables.iter().map(|(net, _)| net);
        let requests: Vec<Request> = cables.iter().map(|(_, request)| request.clone()).collect();
        carry_out(&requests, names()).map_err(|(net, source)| BuildError::Net { net, source })
    })
    .await
    .map(drop)
}

/// Carries requests out in this thread's namespace; the first failure, with the name of what it was for.
fn carry_out<'a>(
    requests: &[Request],
    names: impl Iterator<Item = &'a String>,
) -> Result<(), (String, LinkError)> {
    let mut names = names;
    let mut name = || names.next().cloned().unwrap_or_default();
    let netlink = match Netlink::current() {
        Ok(netlink) => netlink,
        Err(error) => return Err((name(), error)),
    };
    for result in netlink.batch_blocking(requests) {
        let name = name();
        result.map_err(|error| (name, error))?;
    }
    Ok(())
}

/// Sets interfaces up and gives them their addresses, and then every node its routes: a route needs the address of
/// its next router's net.
async fn set_up(lab: &Lab, plugged: &[(NodeId, NetId, Plug)]) -> Result<(), BuildError> {
    let scenario = &lab.scenario;
    let neighbours = Neighbours::of(scenario, |id, interface| mac_of(scenario, id, interface));
    let mut by_node: BTreeMap<NodeId, (Vec<Request>, Vec<Request>)> = BTreeMap::new();
    for (node, net, plug) in plugged {
        let (links, addresses) = by_node.entry(*node).or_default();
        let interface = interface_on(&scenario[*node], *net);
        let change = || LinkChange::new(plug.index);
        if interface.is_some_and(is_quiet) {
            links.push(change().no_ipv6_address().request());
        }
        links.push(change().up().request());
        if let Some(interface) = interface {
            addresses.extend(give(plug.index, interface));
        }
        addresses.extend(neighbours.requests(*node, *net, plug.index));
    }
    let jobs = by_node.into_iter().map(|(id, (links, addresses))| {
        let node = &lab.scenario[id];
        let up = |own: &Interface| lab.leads_out(&node.name, lab.scenario.net_name(own.net));
        let requests = [links, addresses, routes(node, up)].concat();
        Ok((node.name.clone(), lab.home(id)?.net.clone(), requests))
    });
    let jobs = jobs.collect::<Result<_, Absent>>()?;
    visiting(jobs, |visitor, (node, net, requests): &Job| {
        visitor.enter(net).map_err(BuildError::Thread)?;
        carry_out(requests, std::iter::repeat(node))
            .map_err(|(node, source)| BuildError::Node { node, source })
    })
    .await
    .map(drop)
}

/// Whether it is left without the IPv6 address that an interface gives itself: on a LAN that has addresses, none of them
/// IPv6. Each member would announce its own to all others, which in large LANs takes longer than everything else.
fn is_quiet(interface: &Interface) -> bool {
    let mut addresses = interface.addresses.iter();
    matches!(interface.net, NetId::Lan(_))
        && !interface.addresses.is_empty()
        && addresses.all(|address| address.ip.is_ipv4())
}

/// Comes back when the LANs' bridges forward between those that were plugged in: the first packet is not lost.
async fn open_ports(lab: &Lab, plugged: &[(NodeId, NetId, Plug)]) -> Result<(), BuildError> {
    let ports: Vec<u32> = plugged
        .iter()
        .filter_map(|(_, _, plug)| plug.port)
        .collect();
    let Some((_, net, _)) = plugged.iter().find(|(_, _, plug)| plug.port.is_some()) else {
        return Ok(());
    };
    let failed = |source| BuildError::Net {
        net: lab.scenario.net_name(*net).to_owned(),
        source,
    };
    let netlink = Netlink::in_ns(&lab.state.switches).map_err(failed)?;
    netlink.notice_carriers(ports).await.map_err(failed)
}

/// Comes back when both ends of point-to-point links send: of two, the kernel looks again at the one that it had set up
/// first when it gets around to it, and until then drops what is sent there, such as the only question in a second for
/// the other end's Ethernet address.
async fn open_links(lab: &Lab, plugged: &[(NodeId, NetId, Plug)]) -> Result<(), BuildError> {
    let mut by_node: BTreeMap<NodeId, Vec<u32>> = BTreeMap::new();
    for (node, net, plug) in plugged {
        if let NetId::Link(_) = net {
            by_node.entry(*node).or_default().push(plug.index);
        }
    }
    let jobs = by_node.into_iter().map(|(id, indexes)| {
        let name = lab.scenario[id].name.clone();
        Ok((name, lab.home(id)?.net.clone(), indexes))
    });
    let jobs = jobs.collect::<Result<_, Absent>>()?;
    visiting(
        jobs,
        |visitor, (node, net, indexes): &(String, NetNs, Vec<u32>)| {
            visitor.enter(net).map_err(BuildError::Thread)?;
            let noticed =
                Netlink::current().and_then(|netlink| netlink.notice_carriers_blocking(indexes));
            noticed.map_err(|source| BuildError::Node {
                node: node.clone(),
                source,
            })
        },
    )
    .await
    .map(drop)
}

/// A node's name, its network namespace, and what is to be done there.
type Job = (String, NetNs, Vec<Request>);

/// An interface's addresses. Those that are there already stay.
pub(in crate::supervisor) fn give(index: u32, interface: &Interface) -> Vec<Request> {
    let prefixes = interface
        .addresses
        .iter()
        .filter_map(|address| IpPrefix::new(address.ip, address.len));
    prefixes
        .map(|prefix| Address::new(index, prefix).replace())
        .collect()
}

/// A node's routes by way of those of its interfaces that are `up`. Those that are there already stay.
pub(in crate::supervisor) fn routes(node: &Node, up: impl Fn(&Interface) -> bool) -> Vec<Request> {
    let down: Vec<&Interface> = node.interfaces.iter().filter(|own| !up(own)).collect();
    let over = |via: IpAddr, interface: &Interface| {
        let mut subnets = interface
            .addresses
            .iter()
            .filter_map(|own| bgp_wire::types::IpPrefix::new(own.ip, own.len).ok());
        subnets.any(|subnet| subnet.contains(via))
    };
    let usable = node
        .routes
        .iter()
        .filter(|route| !down.iter().any(|interface| over(route.via, interface)));
    let routes = usable.filter_map(|route| {
        let to = IpPrefix::new(route.to.address(), route.to.len())?;
        Some(Route::to(to).via(route.via).replace())
    });
    routes.collect()
}
