//! What the kernel does with an op, as far as the model goes. Refuses what the kernel refuses.

use std::collections::{BTreeMap, BTreeSet};

use super::super::model::{FLOOD, Kernel, Kind, Link, Op};

pub fn run(kernel: &mut Kernel, ops: &[Op]) {
    for op in ops {
        if let Err(why) = step(kernel, op) {
            panic!("the kernel refuses {op:?}: {why}\nplan: {ops:#?}");
        }
    }
}

fn step(kernel: &mut Kernel, op: &Op) -> Result<(), &'static str> {
    match op {
        Op::DeleteLink { name } => {
            link(kernel, name)?;
            kernel.forget(name);
        }
        Op::CreateBridge { name, .. } => {
            create(kernel, name, Kind::Bridge)?;
            kernel.entries.insert(name.clone(), BTreeMap::new());
            kernel.neighbours.insert(name.clone(), BTreeMap::new());
        }
        Op::CreateVxlan { name, endpoint, .. } => {
            let rival = |link: &Link| match &link.kind {
                Kind::Vxlan(other) => {
                    other.vni == endpoint.vni && other.udp_port == endpoint.udp_port
                }
                _ => false,
            };
            if kernel.links.values().any(rival) {
                return Err("VNI in use");
            }
            create(kernel, name, Kind::Vxlan(*endpoint))?;
            kernel.tunnels.insert(name.clone(), BTreeSet::new());
        }
        Op::Quiet { name } => {
            link(kernel, name)?;
        }
        Op::SetMtu { name, mtu } => link(kernel, name)?.mtu = *mtu,
        Op::SetUp { name, up } => link(kernel, name)?.up = *up,
        Op::Plug { name, bridge } => {
            let bridges = kernel.links.get(bridge);
            if bridges.is_none_or(|link| link.kind != Kind::Bridge) {
                return Err("not a bridge");
            }
            unplug(kernel, name)?;
            link(kernel, name)?.master = Some(bridge.clone());
        }
        Op::Unplug { name } => unplug(kernel, name)?,
        Op::TunnelPort { name } => {
            let link = link(kernel, name)?;
            if link.master.is_none() {
                return Err("not a port");
            }
            link.tunnel_port = true;
        }
        Op::PutTunnel { device, tunnel } => {
            let held = kernel.tunnels.get_mut(device).ok_or("no device")?;
            if tunnel.mac == FLOOD {
                return Err("replaces a flood destination");
            }
            let of_mac = held.iter().filter(|old| old.mac == tunnel.mac).count();
            if of_mac > 1 {
                return Err("replaces one of several destinations");
            }
            held.retain(|old| old.mac != tunnel.mac);
            held.insert(*tunnel);
        }
        Op::AppendTunnel { device, tunnel } => {
            let held = kernel.tunnels.get_mut(device).ok_or("no device")?;
            if !held.insert(*tunnel) {
                return Err("is there already");
            }
        }
        Op::DeleteTunnel { device, tunnel } => {
            let held = kernel.tunnels.get_mut(device).ok_or("no device")?;
            if !held.remove(tunnel) {
                return Err("no such destination");
            }
        }
        Op::PutEntry { port, mac, .. } => {
            let bridge = link(kernel, port)?.master.clone().ok_or("not a port")?;
            let entries = kernel.entries.entry(bridge).or_default();
            entries.insert(*mac, port.clone());
        }
        Op::DeleteEntry { port, mac } => {
            let bridge = link(kernel, port)?.master.clone().ok_or("not a port")?;
            let entries = kernel.entries.entry(bridge).or_default();
            if entries.get(mac) != Some(port) {
                return Err("no such entry");
            }
            entries.remove(mac);
        }
        Op::PutNeighbour { bridge, ip, mac } => {
            link(kernel, bridge)?;
            let held = kernel.neighbours.entry(bridge.clone()).or_default();
            held.insert(*ip, *mac);
        }
        Op::DeleteNeighbour { bridge, ip } => {
            let held = kernel.neighbours.get_mut(bridge).ok_or("no bridge")?;
            held.remove(ip).ok_or("no such neighbour")?;
        }
    }
    Ok(())
}

fn link<'a>(kernel: &'a mut Kernel, name: &str) -> Result<&'a mut Link, &'static str> {
    kernel.links.get_mut(name).ok_or("no such link")
}

fn create(kernel: &mut Kernel, name: &str, kind: Kind) -> Result<(), &'static str> {
    let link = Link {
        kind,
        master: None,
        up: false,
        mtu: 1500,
        tunnel_port: false,
    };
    match kernel.links.insert(name.to_owned(), link) {
        None => Ok(()),
        Some(_) => Err("the name is taken"),
    }
}

fn unplug(kernel: &mut Kernel, name: &str) -> Result<(), &'static str> {
    let link = link(kernel, name)?;
    link.tunnel_port = false;
    if let Some(bridge) = link.master.take()
        && let Some(entries) = kernel.entries.get_mut(&bridge)
    {
        entries.retain(|_, port| port != name);
    }
    Ok(())
}
