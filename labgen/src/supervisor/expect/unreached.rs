//! Why nothing comes through between two places: what is out of order, and what the nodes forward by.

use std::net::IpAddr;
use std::rc::Rc;

use scenario::{
    Attach, Destination, Endpoint, Fact, ForwardingExpectation, PingOutcome, StepId, VpnType,
};

use super::explain::{attached, known_elsewhere};
use super::{Look, Watch, dataplane};
use crate::supervisor::disorder::out_of_order;
use crate::supervisor::lab::Lab;
use crate::supervisor::step::Unmet;

/// Adds to what became of a step why it may be so, where something was to come through.
pub(in crate::supervisor) async fn with_reasons(
    lab: &Rc<Lab>,
    step: StepId,
    from: Endpoint,
    to: IpAddr,
    outcome: PingOutcome,
    done: Result<String, Unmet>,
) -> Result<String, Unmet> {
    let mut unmet = match done {
        Ok(seen) => return Ok(seen),
        Err(unmet) => unmet,
    };
    if matches!(outcome, PingOutcome::Replies(_)) {
        unmet.details.extend(reasons(lab, step, from, to).await);
    }
    Err(unmet)
}

/// Lines that say what stands between, as far as can be seen.
pub(super) async fn reasons(
    lab: &Rc<Lab>,
    step: StepId,
    from: Endpoint,
    to: IpAddr,
) -> Vec<String> {
    let attached = attached(&lab.scenario, step);
    let here = attached.iter().find(|a| Endpoint::Port(a.port) == from);
    let there = here.and_then(|here| {
        let vpn = &lab.scenario[here.vpn];
        let mut same = attached.iter().filter(|a| a.ip == to);
        same.find(|a| lab.scenario[a.vpn].kind == vpn.kind)
    });
    let mut lines = Vec::new();
    if let (Some(here), Some(there)) = (here, there)
        && here.on != there.on
    {
        for (from, to) in [(here, there), (there, here)] {
            lines.extend(way(lab, step, from, to).await);
        }
    }
    lines.extend(out_of_order(lab, None));
    lines
}

/// Whether the node of a port has an entry towards another, and why not.
async fn way(lab: &Rc<Lab>, step: StepId, from: &Attach, to: &Attach) -> Vec<String> {
    let scenario = &lab.scenario;
    let expected = ForwardingExpectation {
        on: from.on,
        vpn: from.vpn,
        to: match scenario[from.vpn].kind {
            VpnType::Evpn => Destination::Mac(to.mac),
            VpnType::Ipvpn => Destination::Ip(to.ip),
        },
        next_hop: None,
        vni: None,
        absent: false,
    };
    let (on, vpn, port) = (
        &scenario[from.on].name,
        &scenario[from.vpn].name,
        &scenario[to.port].name,
    );
    let look = dataplane::Forwarding::new(lab, &expected, "").look().await;
    match look {
        Ok(Look::Met(entry)) => vec![format!("`{on}` forwards to `{port}` by {entry}")],
        Ok(Look::Unmet(_) | Look::Never(_)) => {
            let mut lines = vec![format!("`{on}` has no entry for `{port}` in `{vpn}`")];
            lines.extend(known_elsewhere(lab, &Fact::Forwarding(expected), step).await);
            lines
        }
        Err(error) => vec![crate::command::chain(&error)],
    }
}
