//! What previous runs left, found by name.

use std::collections::BTreeSet;

use bgp_wire::Vni;
use netns::link::{Idempotent, Link, Netlink, Request};

use super::execute::execute;
use super::instance::Applied;
use super::model::Op;
use super::{LinuxDriver, kernel, names};
use crate::{DriverError, Owned, OwnedKind, plug};

impl LinuxDriver {
    /// Everything on this host with the driver's names, sorted.
    pub(super) async fn owned(&self) -> Result<Vec<Owned>, DriverError> {
        let links = links(&self.netlink()?).await?;
        let mut owned: Vec<Owned> = links
            .iter()
            .filter_map(|link| {
                let kind = kind(link)?;
                let user = self
                    .instances
                    .iter()
                    .find(|(_, applied)| uses(applied, link));
                Some(Owned {
                    name: link.name.clone(),
                    kind,
                    vni: vni(link),
                    instance: user.map(|(instance, _)| *instance),
                })
            })
            .collect();
        owned.sort();
        Ok(owned)
    }

    /// Removes everything with the driver's names that neither an instance uses nor `keep` names.
    pub(super) async fn sweep(&self, keep: &BTreeSet<String>) -> Result<(), DriverError> {
        let netlink = self.netlink()?;
        let links = links(&netlink).await?;
        let left = links.iter().filter(|link| {
            let used = self.instances.values().any(|applied| uses(applied, link));
            kind(link).is_some() && !used && !keep.contains(&link.name)
        });
        let (ends, left): (Vec<&Link>, Vec<&Link>) =
            left.partition(|link| kind(link) == Some(OwnedKind::Link));
        let mut first = Ok(());
        for link in ends
            .iter()
            .filter_map(|end| vpn::intent::Link::of_end(&end.name))
        {
            first = first.and(plug::remove(&netlink, &link, plug::Side::Evpn).await);
        }
        for link in &left {
            tracing::info!("removing `{}`, left by a previous run", link.name);
            first = first.and(forget_neighbours(&netlink, link, &links).await);
        }
        let name = |link: &&Link| link.name.clone();
        let ops: Vec<Op> = left
            .iter()
            .map(|link| Op::DeleteLink { name: name(link) })
            .collect();
        let indexes = left.iter().map(|link| (name(link), link.index));
        first.and(execute(&netlink, &mut indexes.collect(), &ops).await)
    }
}

/// The neighbours that the driver put on somebody else's bridge, where its VXLAN interface is a port.
async fn forget_neighbours(
    netlink: &Netlink,
    vxlan: &Link,
    links: &[Link],
) -> Result<(), DriverError> {
    let Some(master) = vxlan.master else {
        return Ok(());
    };
    if links
        .iter()
        .any(|link| link.index == master && kind(link).is_some())
    {
        return Ok(());
    }
    let neighbours = netlink.neighbours(Some(master)).await;
    let neighbours = neighbours.map_err(|error| kernel("list neighbours", &error))?;
    let marked = neighbours.iter().filter(|neighbour| neighbour.extern_learn);
    let deletions: Vec<Request> = marked.map(|neighbour| neighbour.delete()).collect();
    for result in netlink.batch(deletions).await {
        let result = result.ignore_not_found();
        result.map_err(|error| kernel("delete neighbours of a previous run", &error))?;
    }
    Ok(())
}

async fn links(netlink: &Netlink) -> Result<Vec<Link>, DriverError> {
    let links = netlink.links().await;
    links.map_err(|error| kernel("list interfaces", &error))
}

fn kind(link: &Link) -> Option<OwnedKind> {
    match link.kind.as_deref() {
        Some("bridge") if names::is_bridge(&link.name) => Some(OwnedKind::Bridge),
        Some("vxlan") if names::is_vxlan(&link.name) => Some(OwnedKind::Vxlan),
        Some("veth") if vpn::intent::Link::is_evpn_end(&link.name) => Some(OwnedKind::Link),
        _ => None,
    }
}

fn uses(applied: &Applied, link: &Link) -> bool {
    applied.names().any(|name| *name == link.name)
}

fn vni(link: &Link) -> Option<Vni> {
    let vni = link.vxlan.as_ref()?.vni?;
    Vni::try_from(vni).ok()
}
