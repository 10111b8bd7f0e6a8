//! `labgen inspect`: a lab as it is now.

use std::process::ExitCode;

use super::ask::{Asker, peer_pid, unexpected};
use super::{FAILED, fail};
use crate::cli::Inspect;
use crate::protocol::{LabView, Reply, Request};
use crate::ui::inspect::lab_tables;
use crate::ui::{ranges, say};

pub(super) fn inspect(args: &Inspect) -> ExitCode {
    let reply = Asker::connect(args.choice.name()).and_then(|mut asker| {
        let pid = peer_pid(&asker.stream);
        Ok((asker.ask(&Request::Inspect)?, pid))
    });
    match reply {
        Ok((Reply::Lab { mut lab }, pid)) => {
            lab.pid = pid;
            if let Err(unknown) = select(&mut lab, &args.nodes) {
                return fail(&unknown, FAILED);
            }
            if args.json {
                say!("{}\n", serde_json::json!(lab));
            } else {
                let full = args.all || !args.nodes.is_empty();
                say!("{}", lab_tables(&lab, full));
            }
            ExitCode::SUCCESS
        }
        Ok(_) => unexpected(),
        Err(e) => fail(&e, FAILED),
    }
}

/// A node that was asked for is not there.
#[derive(Debug, thiserror::Error)]
#[error("no node `{name}`; nodes are: {known}")]
struct NoSuchNode {
    name: String,
    known: String,
}

/// Leaves only the nodes named, and the LANs and links that they are on.
fn select(lab: &mut LabView, nodes: &[String]) -> Result<(), NoSuchNode> {
    if nodes.is_empty() {
        return Ok(());
    }
    if let Some(name) = nodes
        .iter()
        .find(|name| lab.nodes.iter().all(|node| node.name != **name))
    {
        let mut known: Vec<&str> = lab.nodes.iter().map(|node| node.name.as_str()).collect();
        known.sort_by_key(|name| ranges::natural(name));
        return Err(NoSuchNode {
            name: name.clone(),
            known: ranges::ranges(known),
        });
    }
    lab.nodes.retain(|node| nodes.contains(&node.name));
    let nets = |net: &str| {
        let mut interfaces = lab.nodes.iter().flat_map(|node| &node.interfaces);
        interfaces.any(|interface| interface.net == net)
    };
    lab.lans.retain(|lan| nets(&lan.name));
    lab.links.retain(|link| nets(&link.name));
    Ok(())
}
