//! Ending, starting and signalling the programs of nodes, and naming cables.

use std::future::Future;

use futures_util::future::try_join_all;
use nix::sys::signal::Signal;
use scenario::{Cable, NodeId, SignalTo};

use super::Unmet;
use crate::supervisor::lab::Lab;
use crate::supervisor::life::LifeError;

/// The cable as `labgen cut` is told it.
pub(super) fn place(lab: &Lab, cable: Cable) -> String {
    let net = lab.scenario.net_name(cable.on);
    let interface = cable.node.and_then(|node| {
        let mut interfaces = lab.scenario[node].interfaces.iter();
        let interface = interfaces.find(|interface| interface.net == cable.on)?;
        Some(format!("{}/{}", lab.scenario[node].name, interface.name))
    });
    interface.unwrap_or_else(|| net.to_owned())
}

/// Does something to all nodes at the same time.
pub(super) async fn each<F>(
    nodes: &[NodeId],
    what: impl Fn(NodeId) -> F,
    done: &str,
) -> Result<String, Unmet>
where
    F: Future<Output = Result<String, LifeError>>,
{
    let all = try_join_all(nodes.iter().map(|node| what(*node))).await;
    let seen = all.map_err(|e| Unmet::undone(&format!("the programs are {done}"), &e))?;
    Ok(seen.join("; "))
}

pub(super) async fn signal(lab: &Lab, to: &SignalTo) -> Result<String, Unmet> {
    let undone = |error: &dyn std::error::Error| Unmet::undone("the signal is sent", error);
    // The scenario knows only signals that there are.
    let signal = Signal::try_from(to.signal.number()).map_err(|e| undone(&e))?;
    let told = lab.signal(to.node, to.program.as_deref(), signal).await;
    told.map_err(|e| undone(&e))
}
