//! From what is and what should be to what has to be done. Pure.
//!
//! New things come before old ones go, and tables are filled before ports are plugged, so that traffic that
//! is to go on is not interrupted and the first frame of a new port finds its way.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use bgp_wire::MacAddr;

use super::check::rivals;
use super::desired::{Desired, VXLAN_MTU};
use super::model::{FLOOD, Kernel, Kind, Op, Tunnel};
use super::names;

/// What has to be done so that the kernel holds `want`; nothing if it does.
///
/// `raised` are the ports that the driver set up itself; they are set down when they leave.
pub fn plan(kernel: &Kernel, want: &Desired, raised: &BTreeSet<String>) -> Vec<Op> {
    let mut ops = Vec::new();
    let kernel = clear_the_way(kernel, want, &mut ops);
    let kernel = kernel.as_ref();
    bridge(kernel, want, &mut ops);
    vxlan(kernel, want, &mut ops);
    new_tunnels(kernel, want, &mut ops);
    let places = places(kernel, want);
    new_entries(kernel, want, &places, true, &mut ops);
    new_neighbours(kernel, want, &mut ops);
    new_ports(kernel, want, &mut ops);
    new_entries(kernel, want, &places, false, &mut ops);
    old_neighbours(kernel, want, &mut ops);
    old_entries(kernel, want, &places, &mut ops);
    old_tunnels(kernel, want, &mut ops);
    old_ports(kernel, want, raised, &mut ops);
    ops
}

/// What has to be done so that the kernel holds nothing made for `had`.
pub fn teardown(kernel: &Kernel, had: &Desired, raised: &BTreeSet<String>) -> Vec<Op> {
    let mut ops = Vec::new();
    let exists = |name: &str| kernel.links.contains_key(name);
    if had.own_bridge {
        ops.extend(
            kernel
                .ports(&had.bridge)
                .flat_map(|port| lower(port, raised)),
        );
    } else {
        let nothing = Desired {
            ports: BTreeMap::new(),
            tunnels: BTreeSet::new(),
            neighbours: BTreeMap::new(),
            ..had.clone()
        };
        old_neighbours(kernel, &nothing, &mut ops);
        old_entries(kernel, &nothing, &BTreeMap::new(), &mut ops);
        old_tunnels(kernel, &nothing, &mut ops);
    }
    if had.own_vxlan && exists(&had.vxlan) {
        ops.push(Op::DeleteLink {
            name: had.vxlan.clone(),
        });
    }
    if had.own_bridge && exists(&had.bridge) {
        ops.push(Op::DeleteLink {
            name: had.bridge.clone(),
        });
    }
    ops
}

/// Deletes leftovers that the wanted VXLAN interface cannot exist beside, or that have its name and cannot be
/// changed into it; answers what remains.
fn clear_the_way<'a>(kernel: &'a Kernel, want: &Desired, ops: &mut Vec<Op>) -> Cow<'a, Kernel> {
    let mut kernel = Cow::Borrowed(kernel);
    if !want.own_vxlan {
        return kernel;
    }
    let mut doomed: Vec<String> = rivals(&kernel, want).map(str::to_owned).collect();
    let existing = kernel.links.get(&want.vxlan).map(|link| &link.kind);
    if existing.is_some_and(|kind| *kind != Kind::Vxlan(want.endpoint)) {
        doomed.push(want.vxlan.clone());
    }
    for name in doomed {
        kernel.to_mut().forget(&name);
        ops.push(Op::DeleteLink { name });
    }
    kernel
}

fn bridge(kernel: &Kernel, want: &Desired, ops: &mut Vec<Op>) {
    if !want.own_bridge {
        return;
    }
    let name = &want.bridge;
    let existing = kernel.links.get(name);
    if existing.is_none() {
        ops.push(Op::CreateBridge {
            name: name.clone(),
            mac: names::bridge_mac(name, want.vtep),
        });
    }
    if existing.is_none_or(|link| !link.up) {
        ops.push(Op::Quiet { name: name.clone() });
        ops.push(up(name));
    }
}

fn vxlan(kernel: &Kernel, want: &Desired, ops: &mut Vec<Op>) {
    if !want.own_vxlan {
        return;
    }
    let name = &want.vxlan;
    let existing = kernel.links.get(name);
    if existing.is_none() {
        ops.push(Op::CreateVxlan {
            name: name.clone(),
            mac: names::vxlan_mac(name, want.vtep),
            endpoint: want.endpoint,
        });
    }
    if existing.is_none_or(|link| link.mtu != VXLAN_MTU) {
        ops.push(Op::SetMtu {
            name: name.clone(),
            mtu: VXLAN_MTU,
        });
    }
    let plugged = kernel.is_port_of(name, &want.bridge);
    if !plugged {
        ops.push(Op::Plug {
            name: name.clone(),
            bridge: want.bridge.clone(),
        });
    }
    if !plugged || existing.is_none_or(|link| !link.tunnel_port) {
        ops.push(Op::TunnelPort { name: name.clone() });
    }
    if existing.is_none_or(|link| !link.up) {
        ops.push(Op::Quiet { name: name.clone() });
        ops.push(up(name));
    }
}

fn new_tunnels(kernel: &Kernel, want: &Desired, ops: &mut Vec<Op>) {
    let device = &want.vxlan;
    let held = kernel.tunnels.get(device);
    for tunnel in &want.tunnels {
        if held.is_some_and(|held| held.contains(tunnel)) {
            continue;
        }
        let (device, tunnel) = (device.clone(), *tunnel);
        if tunnel.mac == FLOOD {
            ops.push(Op::AppendTunnel { device, tunnel });
            continue;
        }
        // Replacing changes one destination of several, and nothing says which.
        let surplus = of_mac(held, tunnel.mac).skip(1);
        ops.extend(surplus.map(|old| Op::DeleteTunnel {
            device: device.clone(),
            tunnel: old,
        }));
        ops.push(Op::PutTunnel { device, tunnel });
    }
}

fn old_tunnels(kernel: &Kernel, want: &Desired, ops: &mut Vec<Op>) {
    let device = &want.vxlan;
    let held = kernel.tunnels.get(device);
    for tunnel in held.into_iter().flatten() {
        // A MAC that has moved has been replaced, with its surplus.
        let moved = tunnel.mac != FLOOD
            && of_mac(Some(&want.tunnels), tunnel.mac)
                .any(|wanted| !held.is_some_and(|held| held.contains(&wanted)));
        if !moved && !want.tunnels.contains(tunnel) {
            ops.push(Op::DeleteTunnel {
                device: device.clone(),
                tunnel: *tunnel,
            });
        }
    }
}

fn of_mac(
    tunnels: Option<&BTreeSet<Tunnel>>,
    mac: MacAddr,
) -> impl Iterator<Item = Tunnel> + use<'_> {
    let of_mac = move |tunnel: &Tunnel| tunnel.mac == mac;
    tunnels.into_iter().flatten().copied().filter(of_mac)
}

/// The wanted entries that can be made: on somebody else's bridge a port may not be plugged yet.
fn places<'a>(kernel: &Kernel, want: &'a Desired) -> BTreeMap<MacAddr, &'a str> {
    let mut places = want.entries();
    if !want.own_bridge {
        places.retain(|_, port| {
            *port == want.vxlan || want.plugs(port) || kernel.is_port_of(port, &want.bridge)
        });
    }
    places
}

fn new_entries(
    kernel: &Kernel,
    want: &Desired,
    places: &BTreeMap<MacAddr, &str>,
    remote: bool,
    ops: &mut Vec<Op>,
) {
    let held = kernel.entries.get(&want.bridge);
    for (&mac, &port) in places {
        let plugged = kernel.is_port_of(port, &want.bridge);
        let at = held.and_then(|held| held.get(&mac));
        let in_place = plugged && at.is_some_and(|at| at == port);
        if (port == want.vxlan) == remote && !in_place {
            let port = port.to_owned();
            ops.push(Op::PutEntry { port, mac, remote });
        }
    }
}

fn old_entries(
    kernel: &Kernel,
    want: &Desired,
    places: &BTreeMap<MacAddr, &str>,
    ops: &mut Vec<Op>,
) {
    let held = kernel.entries.get(&want.bridge);
    for (mac, port) in held.into_iter().flatten() {
        // A bridge forgets what is behind a port that leaves.
        let leaves = want.own_bridge && *port != want.vxlan && !want.ports.contains_key(port);
        if !places.contains_key(mac) && !leaves {
            ops.push(Op::DeleteEntry {
                port: port.clone(),
                mac: *mac,
            });
        }
    }
}

fn new_neighbours(kernel: &Kernel, want: &Desired, ops: &mut Vec<Op>) {
    let held = kernel.neighbours.get(&want.bridge);
    for (ip, mac) in &want.neighbours {
        if held.and_then(|held| held.get(ip)) != Some(mac) {
            ops.push(Op::PutNeighbour {
                bridge: want.bridge.clone(),
                ip: *ip,
                mac: *mac,
            });
        }
    }
}

fn old_neighbours(kernel: &Kernel, want: &Desired, ops: &mut Vec<Op>) {
    let held = kernel.neighbours.get(&want.bridge);
    for ip in held.into_iter().flat_map(BTreeMap::keys) {
        if !want.neighbours.contains_key(ip) {
            ops.push(Op::DeleteNeighbour {
                bridge: want.bridge.clone(),
                ip: *ip,
            });
        }
    }
}

fn new_ports(kernel: &Kernel, want: &Desired, ops: &mut Vec<Op>) {
    for name in want.ports.keys().filter(|name| want.plugs(name)) {
        if !kernel.is_port_of(name, &want.bridge) {
            ops.push(Op::Plug {
                name: name.clone(),
                bridge: want.bridge.clone(),
            });
        }
        if kernel.links.get(name).is_none_or(|link| !link.up) {
            ops.push(up(name));
        }
    }
}

fn old_ports(kernel: &Kernel, want: &Desired, raised: &BTreeSet<String>, ops: &mut Vec<Op>) {
    if !want.own_bridge {
        return;
    }
    for name in kernel.ports(&want.bridge) {
        if name != want.vxlan && !want.ports.contains_key(name) {
            ops.push(Op::Unplug {
                name: name.to_owned(),
            });
            ops.extend(lower(name, raised));
        }
    }
}

fn up(name: &str) -> Op {
    Op::SetUp {
        name: name.to_owned(),
        up: true,
    }
}

/// Sets a port down again that the driver has set up.
pub fn lower(name: &str, raised: &BTreeSet<String>) -> Option<Op> {
    raised.contains(name).then(|| Op::SetUp {
        name: name.to_owned(),
        up: false,
    })
}

#[cfg(test)]
mod simulate;
#[cfg(test)]
mod tests;
