//! Carries a plan out.

use std::collections::BTreeMap;

use netns::addr::MacAddr;
use netns::link::{
    Bridge, FdbEntry, Idempotent, LinkChange, LinkError, LinkErrorKind, LinkRef, LinkSpec,
    Neighbour, Netlink, PortFlags, Request, Vxlan, VxlanId, delete_group,
};

use super::model::{Op, Tunnel};
use super::names;
use crate::DriverError;

/// Carries `ops` out, in few system calls. All are attempted; the first failure is the answer.
///
/// What was to be removed and is not there, is no failure. A remote route that the kernel does not take is
/// logged and passed over: the other routes, and the ports, do not depend on it.
pub async fn execute(
    netlink: &Netlink,
    indexes: &mut BTreeMap<String, u32>,
    ops: &[Op],
) -> Result<(), DriverError> {
    let mut failures = Failures::default();
    let mut batch = Vec::new();
    let is_deletion = |op: &Op| matches!(op, Op::DeleteLink { .. });
    for run in ops.chunk_by(|a, b| is_deletion(a) && is_deletion(b)) {
        if run.len() > 1 {
            send(netlink, std::mem::take(&mut batch), &mut failures).await;
            delete_together(netlink, indexes, run, &mut failures).await;
            continue;
        }
        let [op] = run else { continue };
        // What is not there has no index: removing from it is done, adding to it has to fail.
        match request(op, indexes) {
            Some(request) => batch.push((op, request)),
            None if op.is_removal() => {}
            None => failures.note(op, &missing(op)),
        }
        if let Op::CreateBridge { name, .. } | Op::CreateVxlan { name, .. } = op {
            send(netlink, std::mem::take(&mut batch), &mut failures).await;
            match netlink.index(name).await {
                Ok(index) => drop(indexes.insert(name.clone(), index)),
                Err(error) => failures.note(op, &error),
            }
        }
    }
    send(netlink, batch, &mut failures).await;
    match failures.first {
        None => Ok(()),
        Some(error) => Err(error),
    }
}

/// Deletes several links, which costs the kernel hardly more time than deleting one; singly if it does not
/// take that.
async fn delete_together(
    netlink: &Netlink,
    indexes: &BTreeMap<String, u32>,
    ops: &[Op],
    failures: &mut Failures,
) {
    let marks = ops.iter().filter_map(|op| match op {
        Op::DeleteLink { name } => {
            let change = LinkChange::new(*indexes.get(name)?);
            Some((op, change.group(DOOMED).request()))
        }
        _ => None,
    });
    send(netlink, marks.collect(), failures).await;
    let deleted = netlink.apply(delete_group(DOOMED)).await;
    if deleted.ignore_not_found().is_err() {
        let singly = ops
            .iter()
            .filter_map(|op| Some((op, request(op, indexes)?)));
        send(netlink, singly.collect(), failures).await;
    }
}

/// The group of links that are about to be deleted.
const DOOMED: u32 = 0x6576_706e;

async fn send(netlink: &Netlink, batch: Vec<(&Op, Request)>, failures: &mut Failures) {
    let (ops, requests): (Vec<&Op>, Vec<Request>) = batch.into_iter().unzip();
    let results = netlink.batch(requests).await;
    for (op, result) in ops.into_iter().zip(results) {
        if let Err(error) = result {
            failures.note(op, &error);
        }
    }
}

#[derive(Default)]
struct Failures {
    first: Option<DriverError>,
}

impl Failures {
    fn note(&mut self, op: &Op, error: &LinkError) {
        let done = match op {
            Op::AppendTunnel { .. } => error.is_exists(),
            _ => op.is_removal() && error.is_not_found(),
        };
        if done {
            return;
        }
        let fatal = error.is_not_found() || error.kind == LinkErrorKind::Permission;
        let error = failure(op, error);
        if op.is_route() && !fatal {
            tracing::warn!("passed over a route: {error}");
        } else {
            self.first.get_or_insert(error);
        }
    }
}

/// The netlink request for an op; none if it names an interface that is not there.
fn request(op: &Op, indexes: &BTreeMap<String, u32>) -> Option<Request> {
    let index = |name: &String| indexes.get(name).copied();
    let change = |name: &String| index(name).map(LinkChange::new);
    let request = match op {
        Op::DeleteLink { name } => LinkRef::from(index(name)?).delete(),
        Op::CreateBridge { name, mac } => Bridge::new(down(name).mac(mac.0)).create(),
        Op::CreateVxlan {
            name,
            mac,
            endpoint,
        } => {
            let id = VxlanId::Vni(endpoint.vni.get());
            Vxlan {
                local: endpoint.local,
                port: endpoint.udp_port,
                learning: endpoint.learning,
                proxy: endpoint.proxy,
                ..Vxlan::new(down(name).mac(mac.0), id)
            }
            .create()
        }
        Op::Quiet { name } => change(name)?.no_ipv6_address().request(),
        Op::SetMtu { name, mtu } => change(name)?.mtu(*mtu).request(),
        Op::SetUp { name, up: true } => change(name)?.up().request(),
        Op::SetUp { name, up: false } => change(name)?.down().request(),
        Op::Plug { name, bridge } => change(name)?.master(index(bridge)?).request(),
        Op::Unplug { name } => change(name)?.master(None).request(),
        Op::TunnelPort { name } => change(name)?.port(tunnel_port()).request(),
        Op::PutTunnel { device, tunnel } => destination(index(device)?, device, tunnel).replace(),
        Op::AppendTunnel { device, tunnel } => destination(index(device)?, device, tunnel).append(),
        Op::DeleteTunnel { device, tunnel } => destination(index(device)?, device, tunnel).delete(),
        Op::PutEntry { port, mac, remote } => FdbEntry {
            extern_learn: *remote,
            ..FdbEntry::behind(index(port)?, MacAddr(mac.0))
        }
        .replace(),
        Op::DeleteEntry { port, mac } => FdbEntry::behind(index(port)?, MacAddr(mac.0)).delete(),
        Op::PutNeighbour { bridge, ip, mac } => Neighbour {
            // On a bridge with other neighbours the mark tells the driver's, also after a crash.
            extern_learn: !names::is_bridge(bridge),
            ..Neighbour::permanent(index(bridge)?, *ip, MacAddr(mac.0))
        }
        .replace(),
        Op::DeleteNeighbour { bridge, ip } => {
            Neighbour::permanent(index(bridge)?, *ip, MacAddr::ZERO).delete()
        }
    };
    Some(request)
}

fn down(name: &str) -> LinkSpec {
    LinkSpec {
        name: name.to_owned(),
        ..LinkSpec::default()
    }
}

fn tunnel_port() -> PortFlags {
    PortFlags {
        learning: Some(false),
        neigh_suppress: Some(true),
        ..PortFlags::default()
    }
}

fn destination(index: u32, device: &str, tunnel: &Tunnel) -> FdbEntry {
    FdbEntry {
        // As with neighbours: marked where others have entries too.
        extern_learn: !names::is_vxlan(device),
        ..FdbEntry::tunnel(index, MacAddr(tunnel.mac.0), tunnel.vtep).vni(tunnel.vni.get())
    }
}

/// The failure of an op, in the driver's words.
fn failure(op: &Op, error: &LinkError) -> DriverError {
    match (op, &error.kind) {
        (_, LinkErrorKind::Permission) => DriverError::NotPermitted { action: action(op) },
        (Op::Plug { name, .. }, LinkErrorKind::NotFound) => {
            DriverError::NoInterface { name: name.clone() }
        }
        (Op::CreateBridge { .. }, LinkErrorKind::Unsupported) => unsupported("bridge", error),
        (Op::CreateVxlan { .. }, LinkErrorKind::Unsupported) => {
            unsupported("VXLAN interface", error)
        }
        _ => DriverError::Kernel {
            action: action(op),
            reason: reason(error),
        },
    }
}

/// The kernel lacks what makes a `feature`.
pub fn unsupported(feature: &str, error: &LinkError) -> DriverError {
    DriverError::Unsupported {
        feature: feature.to_owned(),
        reason: reason(error),
    }
}

/// What the kernel said.
pub fn reason(error: &LinkError) -> String {
    match &error.explanation {
        Some(explanation) => format!("{} (kernel: {explanation})", error.kind),
        None => error.kind.to_string(),
    }
}

fn missing(op: &Op) -> LinkError {
    LinkError {
        action: action(op),
        kind: LinkErrorKind::NotFound,
        explanation: None,
    }
}

fn action(op: &Op) -> String {
    match op {
        Op::DeleteLink { name } => format!("delete interface `{name}`"),
        Op::CreateBridge { name, .. } => format!("make bridge `{name}`"),
        Op::CreateVxlan { name, endpoint, .. } => {
            format!("make VXLAN interface `{name}` for VNI {}", endpoint.vni)
        }
        Op::Quiet { name } => format!("keep interface `{name}` from having an IPv6 address"),
        Op::SetMtu { name, mtu } => format!("set the MTU of interface `{name}` to {mtu}"),
        Op::SetUp { name, up: true } => format!("set interface `{name}` up"),
        Op::SetUp { name, up: false } => format!("set interface `{name}` down"),
        Op::Plug { name, bridge } => format!("plug interface `{name}` into bridge `{bridge}`"),
        Op::Unplug { name } => format!("unplug interface `{name}` from its bridge"),
        Op::TunnelPort { name } => format!("suppress neighbours on port `{name}`"),
        Op::PutTunnel { device, tunnel } | Op::AppendTunnel { device, tunnel } => {
            let Tunnel { mac, vtep, vni } = tunnel;
            format!("send `{mac}` to {vtep} with VNI {vni} on interface `{device}`")
        }
        Op::DeleteTunnel { device, tunnel } => {
            let Tunnel { mac, vtep, .. } = tunnel;
            format!("stop sending `{mac}` to {vtep} on interface `{device}`")
        }
        Op::PutEntry { port, mac, .. } => format!("put `{mac}` behind port `{port}`"),
        Op::DeleteEntry { port, mac } => format!("remove `{mac}` from behind port `{port}`"),
        Op::PutNeighbour { bridge, ip, mac } => {
            format!("set neighbour {ip} of bridge `{bridge}` to `{mac}`")
        }
        Op::DeleteNeighbour { bridge, ip } => {
            format!("delete neighbour {ip} of bridge `{bridge}`")
        }
    }
}
