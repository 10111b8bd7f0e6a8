//! What must hold before anything is touched.

use std::collections::{BTreeMap, BTreeSet};

use super::desired::Desired;
use super::model::{Endpoint, Kernel, Kind};
use super::names;
use crate::DriverError;

/// What the driver knows besides the kernel's state.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// Bridges and VXLAN interfaces of the driver's other instances, and whose they are.
    pub claimed: BTreeMap<String, String>,
    /// Ports that were applied before: their absence is a fact of life and no caller's mistake.
    pub tolerated: BTreeSet<String>,
}

/// Whether `want` can be made, and which of its tolerated ports cannot be plugged now.
pub fn check(
    kernel: &Kernel,
    want: &Desired,
    context: &Context,
) -> Result<BTreeSet<String>, DriverError> {
    check_bridge(kernel, want)?;
    check_vxlan(kernel, want, context)?;
    let mut missing = BTreeSet::new();
    for name in want.ports.keys() {
        match check_port(kernel, want, context, name) {
            Ok(()) => {}
            Err(_) if context.tolerated.contains(name) => {
                missing.insert(name.clone());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(missing)
}

fn check_bridge(kernel: &Kernel, want: &Desired) -> Result<(), DriverError> {
    let name = want.bridge.clone();
    match kernel.links.get(&name).map(|link| &link.kind) {
        Some(Kind::Bridge) => Ok(()),
        Some(_) => Err(DriverError::WrongKind {
            name,
            wanted: "bridge",
        }),
        None if want.own_bridge => Ok(()),
        None => Err(DriverError::NoBridge { name }),
    }
}

fn check_vxlan(kernel: &Kernel, want: &Desired, context: &Context) -> Result<(), DriverError> {
    if let Some(link) = kernel.links.get(&want.vxlan)
        && !matches!(link.kind, Kind::Vxlan(_))
    {
        return Err(DriverError::WrongKind {
            name: want.vxlan.clone(),
            wanted: "VXLAN interface",
        });
    }
    let rivals = want.own_vxlan.then(|| rivals(kernel, want));
    for name in rivals.into_iter().flatten() {
        let vni = want.endpoint.vni;
        if let Some(other) = context.claimed.get(name) {
            let other = other.clone();
            return Err(DriverError::VniInInstance { vni, other });
        }
        if !names::is_vxlan(name) {
            let name = name.to_owned();
            return Err(DriverError::VniInUse { vni, name });
        }
    }
    Ok(())
}

/// VXLAN interfaces that the wanted one cannot exist beside.
pub fn rivals<'a>(kernel: &'a Kernel, want: &'a Desired) -> impl Iterator<Item = &'a str> {
    let rival = |endpoint: &Endpoint| {
        let family = |endpoint: &Endpoint| endpoint.local.is_some_and(|local| local.is_ipv6());
        endpoint.vni == want.endpoint.vni
            && endpoint.udp_port == want.endpoint.udp_port
            && family(endpoint) == family(&want.endpoint)
    };
    let links = kernel.links.iter();
    links.filter_map(move |(name, link)| match &link.kind {
        Kind::Vxlan(endpoint) if *name != want.vxlan && rival(endpoint) => Some(name.as_str()),
        _ => None,
    })
}

fn check_port(
    kernel: &Kernel,
    want: &Desired,
    context: &Context,
    name: &str,
) -> Result<(), DriverError> {
    let Some(link) = kernel.links.get(name) else {
        let name = name.to_owned();
        return Err(DriverError::NoInterface { name });
    };
    let Some(master) = &link.master else {
        return Ok(());
    };
    // A port of somebody else's bridge is plugged by that somebody, now or later.
    if !want.plugs(name) || *master == want.bridge {
        return Ok(());
    }
    if let Some(other) = context.claimed.get(master) {
        return Err(DriverError::PortInInstance {
            name: name.to_owned(),
            other: other.clone(),
        });
    }
    // Left by a previous run: nobody's.
    if names::is_bridge(master) {
        return Ok(());
    }
    Err(DriverError::PortElsewhere {
        name: name.to_owned(),
        bridge: master.clone(),
    })
}
