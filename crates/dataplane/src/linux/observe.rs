//! Asks the kernel what there is.

use std::collections::BTreeMap;

use bgp_wire::{MacAddr, Vni};
use netns::link::{self, EntryState, FdbEntry, FdbTable, LinkError, LinkRef, Neighbour, Netlink};

use super::desired::Desired;
use super::model::{Endpoint, Kernel, Kind, Link, Tunnel};

/// What there is, and the indexes of its interfaces.
pub struct Observation {
    /// The state, by names.
    pub kernel: Kernel,
    /// Interface indexes by name.
    pub indexes: BTreeMap<String, u32>,
}

/// Asks for everything that matters to `want`. `had` tells what the driver itself put into tables that it
/// shares with others.
///
/// Costs what the instance's bridge holds; only when the VXLAN interface is to be made, every link is looked at, to
/// find others with its VNI.
pub async fn observe(
    netlink: &Netlink,
    want: &Desired,
    had: Option<&Desired>,
) -> Result<Observation, LinkError> {
    let links = gather(netlink, want).await?;
    let names: BTreeMap<u32, String> = links
        .values()
        .map(|link| (link.index, link.name.clone()))
        .collect();
    let mut kernel = Kernel {
        links: links
            .values()
            .map(|link| (link.name.clone(), model(link, &names)))
            .collect(),
        ..Kernel::default()
    };
    // Which VXLAN interface it is shows only now.
    let want = want.clone().reusing(&kernel);
    let tables = Tables {
        names: &names,
        want: &want,
        had,
    };
    let bridge = links.values().find(|link| link.name == want.bridge);
    let vxlan = links.values().find(|link| link.name == want.vxlan);
    let mut entries = match bridge {
        Some(bridge) => netlink.bridge_fdb(bridge.index).await?,
        None => Vec::new(),
    };
    // A bridge's entries come with those of its ports.
    if let Some(vxlan) = vxlan
        && bridge.is_none_or(|bridge| vxlan.master != Some(bridge.index))
    {
        entries.extend(netlink.fdb(Some(vxlan.index)).await?);
    }
    if let Some(bridge) = bridge {
        tables.take_entries(&mut kernel, &entries);
        let neighbours = netlink.neighbours(Some(bridge.index)).await?;
        tables.take_neighbours(&mut kernel, &neighbours);
    }
    if let Some(vxlan) = vxlan {
        entries.retain(|entry| entry.link == vxlan.index);
        tables.take_tunnels(&mut kernel, &entries);
    }
    let indexes = names.into_iter().map(|(index, name)| (name, index));
    Ok(Observation {
        kernel,
        indexes: indexes.collect(),
    })
}

/// The links that matter, by index.
async fn gather(netlink: &Netlink, want: &Desired) -> Result<BTreeMap<u32, link::Link>, LinkError> {
    let mut links = BTreeMap::new();
    let mut known = |found: Vec<link::Link>| {
        links.extend(found.into_iter().map(|link| (link.index, link)));
    };
    let bridge = find(netlink, want.bridge.as_str()).await?;
    if let Some(bridge) = bridge {
        known(netlink.ports(bridge.index).await?);
        known(vec![bridge]);
    }
    let is_known = |links: &BTreeMap<u32, link::Link>, name: &str| {
        links.values().any(|link| link.name == name)
    };
    if !is_known(&links, &want.vxlan)
        && let Some(vxlan) = find(netlink, want.vxlan.as_str()).await?
    {
        links.insert(vxlan.index, vxlan);
    }
    let stays = |link: &link::Link| {
        let vxlan = link.vxlan.as_ref().filter(|_| link.name == want.vxlan);
        vxlan.is_some_and(|vxlan| vxlan.vni == Some(want.endpoint.vni.get()))
    };
    if !links.values().any(stays) {
        let mut all = netlink.links().await?;
        all.retain(|link| link.vxlan.is_some());
        links.extend(all.into_iter().map(|link| (link.index, link)));
    }
    for port in want.ports.keys() {
        if !is_known(&links, port)
            && let Some(link) = find(netlink, port.as_str()).await?
        {
            links.insert(link.index, link);
        }
    }
    let masters: Vec<u32> = links.values().filter_map(|link| link.master).collect();
    for index in masters {
        if !links.contains_key(&index)
            && let Some(link) = find(netlink, index).await?
        {
            links.insert(link.index, link);
        }
    }
    Ok(links)
}

/// The link, if there is one.
async fn find(
    netlink: &Netlink,
    link: impl Into<LinkRef>,
) -> Result<Option<link::Link>, LinkError> {
    match netlink.link(link).await {
        Ok(link) => Ok(Some(link)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

fn model(link: &link::Link, names: &BTreeMap<u32, String>) -> Link {
    let tunnel_port = |port: &link::PortState| port.neigh_suppress && !port.learning;
    Link {
        kind: kind(link),
        master: link.master.map(|index| {
            let name = names.get(&index).cloned();
            name.unwrap_or_else(|| format!("interface {index}"))
        }),
        up: link.up,
        mtu: link.mtu,
        tunnel_port: link.port.as_ref().is_some_and(tunnel_port),
    }
}

/// What the link is. A VXLAN interface without a VNI of its own is none the driver could use.
fn kind(link: &link::Link) -> Kind {
    match (link.kind.as_deref(), &link.vxlan) {
        (Some("bridge"), _) => Kind::Bridge,
        (_, Some(vxlan)) => match vxlan.vni.map(Vni::try_from) {
            Some(Ok(vni)) => Kind::Vxlan(Endpoint {
                vni,
                local: vxlan.local,
                udp_port: vxlan.port,
                learning: vxlan.learning,
                proxy: vxlan.proxy,
            }),
            _ => Kind::Other,
        },
        _ => Kind::Other,
    }
}

/// Picks out of tables what the driver is answerable for.
struct Tables<'a> {
    names: &'a BTreeMap<u32, String>,
    want: &'a Desired,
    had: Option<&'a Desired>,
}

impl Tables<'_> {
    /// Of the own bridge everything that was put there; of another only what is behind the VXLAN interface
    /// and what the driver remembers.
    fn take_entries(&self, kernel: &mut Kernel, entries: &[FdbEntry]) {
        let remembered = self.had.map(Desired::entries).unwrap_or_default();
        let table = kernel.entries.entry(self.want.bridge.clone()).or_default();
        for entry in entries
            .iter()
            .filter(|entry| entry.table == FdbTable::Master)
        {
            let Some(port) = self.names.get(&entry.link) else {
                continue;
            };
            let mac = MacAddr(entry.mac.0);
            let put = entry.extern_learn || entry.state == EntryState::Static;
            let own = self.want.own_bridge
                || (*port == self.want.vxlan && (self.want.own_vxlan || entry.extern_learn))
                || remembered.get(&mac) == Some(&port.as_str());
            if put && own {
                table.insert(mac, port.clone());
            }
        }
    }

    fn take_neighbours(&self, kernel: &mut Kernel, neighbours: &[Neighbour]) {
        let remembered = |ip| self.had.is_some_and(|had| had.neighbours.contains_key(ip));
        let table = neighbours.iter().filter(|neighbour| {
            neighbour.state == EntryState::Permanent
                && (self.want.own_bridge || neighbour.extern_learn || remembered(&neighbour.ip))
        });
        let table = table.filter_map(|neighbour| Some((neighbour.ip, MacAddr(neighbour.mac?.0))));
        let bridge = self.want.bridge.clone();
        kernel.neighbours.insert(bridge, table.collect());
    }

    fn take_tunnels(&self, kernel: &mut Kernel, entries: &[FdbEntry]) {
        let remembered = |tunnel: &Tunnel| self.had.is_some_and(|had| had.tunnels.contains(tunnel));
        let default = match kernel.links.get(&self.want.vxlan).map(|link| &link.kind) {
            Some(Kind::Vxlan(endpoint)) => endpoint.vni,
            _ => self.want.endpoint.vni,
        };
        let own = entries.iter().filter(|entry| entry.table == FdbTable::Own);
        let table = own.filter_map(|entry| {
            let tunnel = Tunnel {
                mac: MacAddr(entry.mac.0),
                vtep: entry.dst?,
                vni: match entry.vni {
                    Some(vni) => Vni::try_from(vni).ok()?,
                    None => default,
                },
            };
            let own = self.want.own_vxlan || entry.extern_learn || remembered(&tunnel);
            own.then_some(tunnel)
        });
        let device = self.want.vxlan.clone();
        kernel.tunnels.insert(device, table.collect());
    }
}
