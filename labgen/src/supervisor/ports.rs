//! Ports: a namespace with one interface, plugged into a compute node.

use bagpipe_bgp::port::{GuestPort, PortError as WireError, plug_netns};
use netns::addr::{IpPrefix, MacAddr};
use netns::ns::{NetNs, NsError, named};
use scenario::{Attach, NodeId};

use super::lab::Lab;

/// The interface inside a port's namespace.
const INSIDE: &str = "tovpn";

/// A port that has been plugged.
#[derive(Debug, Clone)]
pub(super) struct PortState {
    pub(super) on: NodeId,
    pub(super) ns: NetNs,
}

/// Why a port could not be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum PortError {
    #[error("cannot make the namespace of port `{port}`")]
    Namespace {
        port: String,
        source: named::NamedError,
    },
    #[error("cannot enter the node of port `{port}`")]
    Node { port: String, source: NsError },
    #[error("cannot make port `{port}`")]
    Wire { port: String, source: WireError },
    #[error("port `{port}` is on `{there}`; detach it and use another name on `{here}`")]
    Elsewhere {
        port: String,
        there: String,
        here: String,
    },
}

/// Makes the port's namespace and interface on the node of the attachment, unless they are there.
pub(super) async fn plug(lab: &Lab, attach: &Attach) -> Result<(), PortError> {
    let port = &lab.scenario[attach.port];
    let name = || port.name.clone();
    let there = lab.ports.borrow().get(&attach.port).cloned();
    let home = lab.home(attach.on);
    let ns = match there {
        Some(state) if state.on == attach.on => state.ns,
        Some(state) => {
            let node = |id: NodeId| lab.scenario[id].name.clone();
            let (there, here) = (node(state.on), node(attach.on));
            return Err(PortError::Elsewhere {
                port: name(),
                there,
                here,
            });
        }
        None => home
            .run(|| named::add(&port.name))
            .map_err(|source| PortError::Node {
                port: name(),
                source,
            })?
            .map_err(|source| PortError::Namespace {
                port: name(),
                source,
            })?,
    };
    let wanted = GuestPort {
        host_if: port.interface.clone(),
        guest_if: INSIDE.into(),
        address: IpPrefix::new(attach.ip, attach.prefix_len),
        gateway: lab.scenario[attach.vpn].gateway_ip,
        mac: Some(MacAddr(attach.mac.0)),
    };
    plug_netns(&home.net, &ns, &wanted)
        .await
        .map_err(|source| PortError::Wire {
            port: name(),
            source,
        })?;
    lab.ports
        .borrow_mut()
        .insert(attach.port, PortState { on: attach.on, ns });
    Ok(())
}
