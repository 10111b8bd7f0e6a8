//! netem, on the interfaces that send.

use std::collections::{BTreeMap, BTreeSet};

use netns::link::{LinkChange, Netem, Request};
use netns::ns::NetNs;
use scenario::{Direction, NetId};

use super::{Place, plug};
use crate::supervisor::build::BuildError;
use crate::supervisor::lab::{Absent, Lab};

/// Does what is in force at the changed places of a LAN or link.
pub(super) async fn treat(
    lab: &Lab,
    net: NetId,
    changed: &BTreeSet<Place>,
) -> Result<(), BuildError> {
    let name = lab.scenario.net_name(net);
    let mut by_namespace: BTreeMap<Option<&str>, (NetNs, Vec<Request>)> = BTreeMap::new();
    for place in changed {
        let (_, node, direction) = place;
        let plug = plug(lab, name, node)?;
        // What a node gets, its port of the bridge sends.
        let (whose, index) = match (direction, plug.port) {
            (Direction::In, Some(port)) => (None, port),
            _ => (Some(node.as_str()), plug.index),
        };
        let namespace = match whose {
            None => lab.state.switches.clone(),
            Some(node) => {
                let id = lab.node_named(node).map_err(|_| Absent::new(node))?;
                lab.home(id)?.net.clone()
            }
        };
        let (_, requests) = by_namespace
            .entry(whose)
            .or_insert_with(|| (namespace, Vec::new()));
        let impairment = lab.treatment(place).impairment;
        let idle = impairment.is_nothing();
        requests.push(LinkChange::new(index).single_segments(!idle).request());
        requests.push(match idle {
            true => Netem::delete(index),
            false => Netem {
                link: index,
                impairment,
            }
            .replace(),
        });
    }
    for (_, (namespace, requests)) in by_namespace {
        let failed = |source| BuildError::Net {
            net: name.to_owned(),
            source,
        };
        let netlink = netns::link::Netlink::in_ns(&namespace).map_err(failed)?;
        for result in netlink.batch(requests).await {
            result.map_err(failed)?;
        }
    }
    Ok(())
}
