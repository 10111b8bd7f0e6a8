//! Ports: a namespace with one interface, plugged into a compute node.

use std::rc::Rc;

use bagpipe_bgp::port::{GuestPort, PortError as WireError, plug_netns};
use netns::addr::{IpPrefix, MacAddr};
use netns::ns::{NetNs, NsError, named};
use scenario::{Attach, PortId};

use super::home::Home;
use super::lab::{Absent, Lab};
use super::traffic;

/// A port that has been plugged.
#[derive(Debug, Clone)]
pub(super) struct PortState {
    /// Its node's name.
    pub(super) on: String,
    /// Its node's namespaces.
    pub(super) home: Rc<Home>,
    pub(super) ns: NetNs,
}

/// Why a port could not be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum PortError {
    #[error(transparent)]
    Absent(#[from] Absent),
    #[error("cannot make or remove the namespace of port `{port}`")]
    Namespace {
        port: String,
        source: named::NamedError,
    },
    #[error("cannot enter the node of port `{port}`")]
    Node { port: String, source: NsError },
    #[error("the machine of port `{port}` went with port `{machine}`")]
    NoMachine { port: String, machine: String },
    #[error("cannot make port `{port}`")]
    Wire { port: String, source: WireError },
}

/// Makes the port's namespace and interface on the node of the attachment, unless they are there. Where they were, if
/// that is another node: they stay there until [`unplug`].
pub(super) async fn plug(lab: &Lab, attach: &Attach) -> Result<Option<PortState>, PortError> {
    let port = &lab.scenario[attach.port];
    let name = || port.name.clone();
    let there = lab.state.ports.borrow().get(&port.name).cloned();
    let home = lab.home(attach.on)?;
    let here = &lab.scenario[attach.on].name;
    let (there, elsewhere) = match there {
        Some(state) if state.on == *here => (Some(state), None),
        elsewhere => (None, elsewhere),
    };
    let is_first = port.machine == attach.port;
    let ns = match there {
        Some(state) => state.ns,
        None if !is_first => {
            let machine = &lab.scenario[port.machine].name;
            let ports = lab.state.ports.borrow();
            let state = ports.get(machine).filter(|state| state.on == *here);
            let state = state.ok_or_else(|| PortError::NoMachine {
                port: name(),
                machine: machine.clone(),
            })?;
            state.ns.clone()
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
        guest_if: port.inside.clone(),
        address: IpPrefix::new(attach.ip, attach.prefix_len),
        gateway: lab.scenario[attach.vpn].gateway_ip.filter(|_| is_first),
        mac: Some(MacAddr(attach.mac.0)),
        // Every other port of the VPN would hear of the address that it gives itself.
        quiet: attach.ip.is_ipv4(),
        vlan: None,
    };
    plug_netns(&home.net, &ns, &wanted)
        .await
        .map_err(|source| PortError::Wire {
            port: name(),
            source,
        })?;
    let state = PortState {
        on: here.clone(),
        home,
        ns,
    };
    if elsewhere.is_some() {
        traffic::follow(lab, attach.port, &state);
    }
    lab.state.ports.borrow_mut().insert(name(), state);
    Ok(elsewhere)
}

/// Removes the namespace and the interface of a port from a node where it is no longer.
pub(super) fn unplug(lab: &Lab, was: &PortState, port: PortId) -> Result<(), Box<PortError>> {
    let port = &lab.scenario[port].name;
    let deleted = was.home.run(|| named::delete(port));
    let deleted = deleted.map_err(|source| PortError::Node {
        port: port.clone(),
        source,
    })?;
    let removed = deleted.map_err(|source| PortError::Namespace {
        port: port.clone(),
        source,
    });
    Ok(removed?)
}
