//! Neighbours and forwarding entries of a node, whatever VPN they are of.

use std::collections::BTreeMap;
use std::rc::Rc;

use netns::addr::MacAddr;
use netns::link::{EntryState, FdbEntry, Groups, Link, Neighbour};
use scenario::{Amount, FdbExpectation, NeighbourExpectation, NeighbourState};

use super::kernel::Kernel;
use super::route::Names;
use super::{Item, judged, same, shown};
use crate::supervisor::expect::{Look, Watch};
use crate::supervisor::lab::{Lab, ReachError};

const GROUPS: Groups = Groups {
    links: true,
    addresses: true,
    neighbours: true,
    routes: false,
    rules: false,
    labels: false,
};

pub(in crate::supervisor::expect) struct Neighbours {
    kernel: Kernel,
    expected: NeighbourExpectation,
    title: String,
}

impl Neighbours {
    pub(in crate::supervisor::expect) fn new(
        lab: &Rc<Lab>,
        expected: &NeighbourExpectation,
        title: &str,
    ) -> Self {
        Self {
            kernel: Kernel::new(lab, expected.on, GROUPS),
            expected: expected.clone(),
            title: title.to_owned(),
        }
    }

    fn item(&self, entry: &Neighbour, names: &Names) -> Item {
        let e = &self.expected;
        let dev = names.get(&entry.link);
        let mac = e.mac.map(|mac| MacAddr(mac.0));
        let state = neighbour_state(entry.state);
        let fields = [
            ("ip", e.ip == entry.ip, entry.ip.to_string()),
            (
                "mac",
                same(mac.as_ref(), entry.mac.as_ref()),
                shown(entry.mac),
            ),
            ("dev", same(e.dev.as_ref(), dev), shown(dev)),
            (
                "state",
                same(e.state.as_ref(), Some(&state)),
                state.name().to_owned(),
            ),
        ];
        let mut text = entry.ip.to_string();
        if let Some(dev) = dev {
            text += &format!(" dev {dev}");
        }
        if let Some(mac) = entry.mac {
            text += &format!(" at {mac}");
        }
        Item::compared(format!("{text} {}", state.name()), &fields)
    }
}

/// An entry that is in use, whether it was confirmed lately or is just being.
pub(in crate::supervisor::expect) fn neighbour_state(state: EntryState) -> NeighbourState {
    match state {
        EntryState::Permanent => NeighbourState::Permanent,
        EntryState::Static => NeighbourState::NoArp,
        EntryState::Dynamic => NeighbourState::Reachable,
        EntryState::Stale => NeighbourState::Stale,
        EntryState::Incomplete => NeighbourState::Incomplete,
        EntryState::Failed => NeighbourState::Failed,
    }
}

impl Watch for Neighbours {
    async fn look(&mut self) -> Result<Look, ReachError> {
        let netlink = self.kernel.look()?;
        let names = self.kernel.names(&netlink).await?;
        let entries = netlink.neighbours(None).await;
        let entries = entries.map_err(|e| self.kernel.failed(e))?;
        let items = entries.iter().map(|entry| self.item(entry, &names));
        let amount = match self.expected.absent {
            true => Amount::NONE,
            false => Amount::SOME,
        };
        Ok(judged(&self.title, amount, "neighbour", items.collect()))
    }

    async fn changed(&mut self) -> Result<(), ReachError> {
        self.kernel.changed().await
    }
}

pub(in crate::supervisor::expect) struct Fdb {
    kernel: Kernel,
    expected: FdbExpectation,
    title: String,
}

impl Fdb {
    pub(in crate::supervisor::expect) fn new(
        lab: &Rc<Lab>,
        expected: &FdbExpectation,
        title: &str,
    ) -> Self {
        Self {
            kernel: Kernel::new(lab, expected.on, GROUPS),
            expected: expected.clone(),
            title: title.to_owned(),
        }
    }

    fn item(&self, entry: &FdbEntry, links: &BTreeMap<u32, Link>) -> Item {
        let e = &self.expected;
        let link = links.get(&entry.link);
        let dev = link.map(|link| &link.name);
        // The kernel leaves out a VNI that is the tunnel's own.
        let tunnel = link.and_then(|link| link.vxlan.as_ref()?.vni);
        let sent = entry.vni.or(tunnel.filter(|_| entry.dst.is_some()));
        let dst = e.dst.as_ref();
        let dst = dst.is_none_or(|dst| entry.dst.is_some_and(|seen| dst.has(seen)));
        let vni = e.vni.map(|vni| vni.get());
        let fields = [
            ("mac", entry.mac == MacAddr(e.mac.0), entry.mac.to_string()),
            ("dev", same(e.dev.as_ref(), dev), shown(dev)),
            ("dst", dst, shown(entry.dst)),
            ("vni", same(vni.as_ref(), sent.as_ref()), shown(sent)),
        ];
        let mut text = format!("{} dev {}", entry.mac, shown(dev));
        if let Some(dst) = entry.dst {
            text += &format!(" dst {dst}");
        }
        if let Some(vni) = sent {
            text += &format!(" vni {vni}");
        }
        Item::compared(text, &fields)
    }
}

impl Watch for Fdb {
    async fn look(&mut self) -> Result<Look, ReachError> {
        let netlink = self.kernel.look()?;
        let links = netlink.links().await.map_err(|e| self.kernel.failed(e))?;
        let links = links.into_iter().map(|link| (link.index, link)).collect();
        let entries = netlink.fdb(None).await.map_err(|e| self.kernel.failed(e))?;
        let items = entries.iter().map(|entry| self.item(entry, &links));
        let amount = self.expected.amount;
        Ok(judged(
            &self.title,
            amount,
            "forwarding entry",
            items.collect(),
        ))
    }

    async fn changed(&mut self) -> Result<(), ReachError> {
        self.kernel.changed().await
    }
}
