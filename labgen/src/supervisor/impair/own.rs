//! Wires of labgen's, plugged in and taken out.

use std::collections::BTreeSet;

use impair::Counters;
use netns::link::{
    LinkChange, LinkRef, LinkSpec, Netlink, Request, Veth, delete_group, one_packet_a_frame,
};
use netns::ns::NsError;
use netns::wire::{self, Way, Wire, Wires};
use scenario::{Direction, LinkId, NetId};

use super::{Cable, Place, plug};
use crate::supervisor::build::BuildError;
use crate::supervisor::lab::Lab;

/// A wire that is plugged in.
pub(super) struct Laid {
    wire: Wire,
    /// Its two interfaces, both in the switches' namespace.
    interfaces: [String; 2],
    /// Of those and their peers the ones to be deleted with it.
    own: Vec<u32>,
    /// Those and their peers that are there for its sake only.
    resized: Vec<u32>,
    /// The interface towards the bridge whose peer is the wire's second, where there is a bridge.
    member: Option<Member>,
}

/// The group of interfaces that are to be deleted together, which takes no longer than one alone.
const GOING: u32 = 1;

/// A LAN's member.
#[derive(Clone, Copy)]
struct Member {
    /// The end of the node's cable.
    port: u32,
    bridge: u32,
}

impl Laid {
    /// What is to be deleted once the wire is unplugged.
    pub(super) fn delete(self) -> Vec<Request> {
        self.own
            .into_iter()
            .map(|index| LinkRef::from(index).delete())
            .collect()
    }
}

/// Does what is in force at the changed places of a LAN or link.
pub(super) async fn treat(
    lab: &Lab,
    net: NetId,
    changed: &BTreeSet<Place>,
) -> Result<(), BuildError> {
    let state = &lab.state.impairing;
    let name = lab.scenario.net_name(net);
    if let NetId::Link(_) = net {
        apply(lab, &(name.to_owned(), None), changed);
        return Ok(());
    }
    let nodes: BTreeSet<&String> = changed.iter().map(|(_, node, _)| node).collect();
    let (mut in_need, mut in_vain) = (Vec::new(), Vec::new());
    for node in nodes {
        let cable = (name.to_owned(), Some(node.clone()));
        let place = |direction| (name.to_owned(), node.clone(), direction);
        let idle = [Direction::Out, Direction::In].map(|direction| state.at(&place(direction)));
        let idle = idle.iter().all(|by| by.is_nothing());
        let laid = state.laid.borrow().contains_key(&cable);
        match (laid, idle) {
            (false, false) => in_need.push(node.as_str()),
            (true, true) => in_vain.push(node.as_str()),
            (true, false) => apply(lab, &cable, changed),
            (false, true) => {}
        }
    }
    plug_in(lab, name, lab_mtu(lab, net), &in_need).await?;
    take_out(lab, name, &in_vain).await
}

/// Tells a wire that is laid what to do in those of its directions that have changed.
fn apply(lab: &Lab, cable: &Cable, changed: &BTreeSet<Place>) {
    let laid = lab.state.impairing.laid.borrow();
    let Some(laid) = laid.get(cable) else {
        return;
    };
    for place in places(lab, cable).iter().zip([Way::FromA, Way::FromB]) {
        if changed.contains(place.0) {
            laid.wire.treat(place.1, lab.treatment(place.0));
        }
    }
}

/// The places of a cable, in the order of its wire's ways.
fn places(lab: &Lab, cable: &Cable) -> [Place; 2] {
    let (net, node) = cable;
    let place = |node: &str, direction| (net.clone(), node.to_owned(), direction);
    match node {
        Some(node) => [place(node, Direction::Out), place(node, Direction::In)],
        None => {
            let link = lab.scenario.links.iter().find(|link| link.name == *net);
            let ends = link.map(|link| link.ends.map(|end| lab.scenario[end].name.as_str()));
            ends.unwrap_or_default()
                .map(|node| place(node, Direction::Out))
        }
    }
}

/// What has become of the frames of a place.
pub(super) fn counters(lab: &Lab, place: &Place) -> Option<Counters> {
    let laid = lab.state.impairing.laid.borrow();
    let (net, node, _) = place;
    let keys = [(net.clone(), Some(node.clone())), (net.clone(), None)];
    let (cable, laid) = keys.iter().find_map(|key| Some((key, laid.get(key)?)))?;
    let ways = places(lab, cable).into_iter().zip([Way::FromA, Way::FromB]);
    let way = ways
        .filter(|(own, _)| own == place)
        .map(|(_, way)| way)
        .next()?;
    Some(laid.wire.counters(way))
}

fn lab_mtu(lab: &Lab, net: NetId) -> u32 {
    match net {
        NetId::Lan(lan) => lab.scenario[lan].mtu,
        NetId::Link(link) => lab.scenario[link].mtu,
    }
}

/// Interfaces made for a wire.
struct Ends<'a> {
    node: &'a str,
    port: u32,
    /// The wire's second end, and its peer, which becomes the bridge's port.
    near: u32,
    far: u32,
}

/// Plugs wires in between members' cables and their LAN's bridge.
async fn plug_in(lab: &Lab, lan: &str, mtu: u32, nodes: &[&str]) -> Result<(), BuildError> {
    let bridge = lab
        .state
        .bridges
        .borrow()
        .get(lan)
        .map(|bridge| bridge.index);
    let Some(bridge) = bridge.filter(|_| !nodes.is_empty()) else {
        return Ok(());
    };
    let failed = |source| BuildError::Net {
        net: lan.to_owned(),
        source,
    };
    let unwired = |source: NsError| BuildError::Wire {
        net: lan.to_owned(),
        source,
    };
    let netlink = Netlink::in_ns(&lab.state.switches).map_err(failed)?;
    let (mut ends, mut requests) = (Vec::new(), Vec::new());
    for node in nodes {
        let plug = plug(lab, lan, node)?;
        let Some(port) = plug.port else { continue };
        let (near, far) = (lab.state.next_index(), lab.state.next_index());
        let spec = |index| LinkSpec::up(format!("w{index}")).index(index).mtu(mtu);
        requests.push(
            Veth {
                a: spec(near),
                b: spec(far),
            }
            .create(),
        );
        requests.push(LinkChange::new(far).up().request());
        ends.push(Ends {
            node,
            port,
            near,
            far,
        });
    }
    carry_out(&netlink, requests, lan).await?;
    let mut swaps = Vec::new();
    for end in &ends {
        let interface = plug(lab, lan, end.node)?.interface;
        let home = lab.home(
            lab.node_named(end.node)
                .map_err(|_| super::Absent::new(end.node))?,
        )?;
        one_packet_a_frame(&home.net, &interface, true).map_err(unwired)?;
        one_packet_a_frame(&lab.state.switches, &format!("w{}", end.far), true).map_err(unwired)?;
        let cable = (lan.to_owned(), Some(end.node.to_owned()));
        let interfaces = [format!("p{}", end.port), format!("w{}", end.near)];
        let laid = Laid {
            wire: between(lab, &cable, &interfaces, mtu).map_err(unwired)?,
            interfaces,
            own: vec![end.near],
            resized: vec![end.near, end.far],
            member: Some(Member {
                port: end.port,
                bridge,
            }),
        };
        lab.state.impairing.laid.borrow_mut().insert(cable, laid);
        swaps.push(LinkChange::new(end.port).master(None).request());
        swaps.push(LinkChange::new(end.far).master(bridge).request());
    }
    carry_out(&netlink, swaps, lan).await?;
    // Until the kernel has noticed, frames sent into them go nowhere.
    let carriers = ends.iter().flat_map(|end| [end.near, end.far]);
    netlink
        .notice_carriers(carriers.collect())
        .await
        .map_err(failed)
}

/// Takes wires out again; the nodes' cables become ports of the bridge.
async fn take_out(lab: &Lab, lan: &str, nodes: &[&str]) -> Result<(), BuildError> {
    if nodes.is_empty() {
        return Ok(());
    }
    let failed = |source| BuildError::Net {
        net: lan.to_owned(),
        source,
    };
    let netlink = Netlink::in_ns(&lab.state.switches).map_err(failed)?;
    let (mut requests, mut ports) = (Vec::new(), Vec::new());
    for node in nodes {
        let cable = (lan.to_owned(), Some((*node).to_owned()));
        let laid = lab.state.impairing.laid.borrow_mut().remove(&cable);
        let Some(laid) = laid else { continue };
        if let Some(Member { port, bridge }) = laid.member {
            requests.push(LinkChange::new(port).master(bridge).request());
            for index in laid.own {
                requests.push(LinkChange::new(index).group(GOING).request());
            }
            ports.push(port);
        }
        let home = lab.home(lab.node_named(node).map_err(|_| super::Absent::new(node))?)?;
        let interface = plug(lab, lan, node)?.interface;
        // Sending them one by one is only slower.
        let _ = one_packet_a_frame(&home.net, &interface, false);
    }
    requests.push(delete_group(GOING));
    carry_out(&netlink, requests, lan).await?;
    netlink.notice_carriers(ports).await.map_err(failed)
}

/// Plugs wires into links.
pub(super) async fn plug_links(lab: &Lab, links: &[(LinkId, [u32; 2])]) -> Result<(), BuildError> {
    for (link, indexes) in links {
        let link = &lab.scenario[*link];
        let net = &link.name;
        let failed = |source| BuildError::Net {
            net: net.clone(),
            source,
        };
        let unwired = |source: NsError| BuildError::Wire {
            net: net.clone(),
            source,
        };
        for end in link.ends {
            let interface = plug(lab, net, &lab.scenario[end].name)?.interface;
            one_packet_a_frame(&lab.home(end)?.net, &interface, true).map_err(unwired)?;
        }
        let cable = (net.clone(), None);
        let interfaces = indexes.map(|index| format!("l{index}"));
        let laid = Laid {
            wire: between(lab, &cable, &interfaces, link.mtu).map_err(unwired)?,
            interfaces,
            own: indexes.to_vec(),
            resized: indexes.to_vec(),
            member: None,
        };
        lab.state.impairing.laid.borrow_mut().insert(cable, laid);
        let netlink = Netlink::in_ns(&lab.state.switches).map_err(failed)?;
        netlink
            .notice_carriers(indexes.to_vec())
            .await
            .map_err(failed)?;
    }
    Ok(())
}

/// Makes wires anew for longer frames, or shorter.
pub(super) async fn resize(lab: &Lab, net: &str, mtu: u32) -> Result<(), BuildError> {
    let unwired = |source: NsError| BuildError::Wire {
        net: net.to_owned(),
        source,
    };
    let failed = |source| BuildError::Net {
        net: net.to_owned(),
        source,
    };
    let cables: Vec<Cable> = {
        let laid = lab.state.impairing.laid.borrow();
        laid.keys().filter(|(on, _)| on == net).cloned().collect()
    };
    for cable in cables {
        let laid = lab.state.impairing.laid.borrow_mut().remove(&cable);
        let Some(laid) = laid else { continue };
        let Laid {
            wire,
            interfaces,
            own,
            resized,
            member,
        } = laid;
        drop(wire);
        let netlink = Netlink::in_ns(&lab.state.switches).map_err(failed)?;
        let requests = resized
            .iter()
            .map(|index| LinkChange::new(*index).mtu(mtu).request());
        carry_out(&netlink, requests.collect(), net).await?;
        let wire = between(lab, &cable, &interfaces, mtu).map_err(unwired)?;
        let laid = Laid {
            wire,
            interfaces,
            own,
            resized,
            member,
        };
        lab.state.impairing.laid.borrow_mut().insert(cable, laid);
    }
    Ok(())
}

/// A wire between two interfaces, which does what is in force.
fn between(lab: &Lab, cable: &Cable, interfaces: &[String; 2], mtu: u32) -> Result<Wire, NsError> {
    let state = &lab.state.impairing;
    let wires = match state.wires.get() {
        Some(wires) => wires.clone(),
        None => {
            let started = Wires::start()?;
            state.wires.get_or_init(|| started).clone()
        }
    };
    let plugs = interfaces
        .each_ref()
        .map(|interface| wire::Plug { interface, mtu });
    let treatments = places(lab, cable).map(|place| lab.treatment(&place));
    wires.plug(&lab.state.switches, plugs, treatments)
}

async fn carry_out(netlink: &Netlink, requests: Vec<Request>, net: &str) -> Result<(), BuildError> {
    for result in netlink.batch(requests).await {
        result.map_err(|source| BuildError::Net {
            net: net.to_owned(),
            source,
        })?;
    }
    Ok(())
}
