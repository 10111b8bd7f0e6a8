//! What the kernel forwards with: entries of a VPN instance's VXLAN device.

use std::rc::Rc;

use netns::addr::MacAddr;
use netns::link::{FdbEntry, Groups, Monitor, Neighbour, Netlink};
use scenario::{ForwardingExpectation, NeighbourExpectation, NodeId, VpnId};

use super::{Look, Watch};
use crate::supervisor::lab::{Lab, ReachError};
use crate::supervisor::step::Unmet;

/// A node's kernel, the VXLAN device of one VPN instance in it, and word of changes.
struct Kernel {
    lab: Rc<Lab>,
    node: NodeId,
    vpn: VpnId,
    open: Option<(Netlink, Monitor)>,
}

impl Kernel {
    fn new(lab: &Rc<Lab>, node: NodeId, vpn: VpnId) -> Self {
        Self {
            lab: Rc::clone(lab),
            node,
            vpn,
            open: None,
        }
    }

    fn failed(&self, source: netns::link::LinkError) -> ReachError {
        ReachError::Link {
            node: self.lab.scenario[self.node].name.clone(),
            source,
        }
    }

    /// The device's index: none when the instance is not there. The monitor is opened before the
    /// first look, so that a change after it is not missed.
    async fn device(&mut self) -> Result<Option<(Netlink, u32)>, ReachError> {
        if self.open.is_none() {
            let net = &self.lab.home(self.node).net;
            let netlink = self.lab.netlink(self.node)?;
            let monitor = Monitor::open(
                net,
                Groups {
                    links: true,
                    neighbours: true,
                    ..Groups::default()
                },
            );
            self.open = Some((netlink, monitor.map_err(|e| self.failed(e))?));
        }
        let Some((netlink, _)) = &self.open else {
            return Ok(None);
        };
        let netlink = netlink.clone();
        let instance = &self.lab.scenario[self.vpn].name;
        let mut client = self.lab.client(self.node).await?;
        let path = format!("vpns/instances/{instance}/dataplane");
        // An instance without attachment is not in the looking glass: that is no failure here.
        let Ok(dataplane) = client.looking_glass(&path).await else {
            return Ok(None);
        };
        let Some(name) = dataplane.get("vxlan_if").and_then(|name| name.as_str()) else {
            return Ok(None);
        };
        Ok(netlink.index(name).await.ok().map(|index| (netlink, index)))
    }

    async fn changed(&mut self) -> Result<(), ReachError> {
        if let Some((_, monitor)) = &mut self.open {
            let change = monitor.next().await;
            change.map_err(|e| self.failed(e))?;
        }
        Ok(())
    }
}

pub(super) struct Forwarding {
    kernel: Kernel,
    expected: ForwardingExpectation,
    title: String,
}

impl Forwarding {
    pub(super) fn new(lab: &Rc<Lab>, expected: &ForwardingExpectation, title: &str) -> Self {
        let kernel = Kernel::new(lab, expected.on, expected.vpn);
        Self {
            kernel,
            expected: expected.clone(),
            title: title.to_owned(),
        }
    }

    fn matches(&self, entry: &FdbEntry) -> bool {
        let e = &self.expected;
        entry.mac == MacAddr(e.mac.0)
            && entry.dst.is_some()
            && e.next_hop.is_none_or(|wanted| entry.dst == Some(wanted))
            && e.vni.is_none_or(|wanted| entry.vni == Some(wanted.get()))
    }
}

impl Watch for Forwarding {
    async fn look(&mut self) -> Result<Look, ReachError> {
        let entries = match self.kernel.device().await? {
            Some((netlink, index)) => netlink
                .fdb(Some(index))
                .await
                .map_err(|e| self.kernel.failed(e))?,
            None => Vec::new(),
        };
        let remote: Vec<&FdbEntry> = entries.iter().filter(|entry| entry.dst.is_some()).collect();
        let found = remote.iter().find(|entry| self.matches(entry));
        let shown = |entry: &FdbEntry| {
            let dst = entry
                .dst
                .map_or_else(String::new, |dst| format!(" dst {dst}"));
            let vni = entry
                .vni
                .map_or_else(String::new, |vni| format!(" vni {vni}"));
            format!("{}{dst}{vni}", entry.mac)
        };
        if found.is_some() != self.expected.absent {
            return Ok(Look::Met(
                found.map_or_else(String::new, |entry| shown(entry)),
            ));
        }
        let seen = match found {
            Some(entry) => format!("it has {}", shown(entry)),
            None if remote.is_empty() => "it has no remote entry at all".into(),
            None => "it has others".into(),
        };
        let details = remote.iter().map(|entry| shown(entry)).collect();
        Ok(Look::Unmet(Unmet {
            expected: self.title.clone(),
            seen,
            details,
        }))
    }

    async fn changed(&mut self) -> Result<(), ReachError> {
        self.kernel.changed().await
    }
}

pub(super) struct Neighbours {
    kernel: Kernel,
    expected: NeighbourExpectation,
    title: String,
}

impl Neighbours {
    pub(super) fn new(lab: &Rc<Lab>, expected: &NeighbourExpectation, title: &str) -> Self {
        let kernel = Kernel::new(lab, expected.on, expected.vpn);
        Self {
            kernel,
            expected: expected.clone(),
            title: title.to_owned(),
        }
    }

    fn matches(&self, entry: &Neighbour) -> bool {
        entry.ip == self.expected.ip
            && self
                .expected
                .mac
                .is_none_or(|mac| entry.mac == Some(MacAddr(mac.0)))
    }
}

impl Watch for Neighbours {
    async fn look(&mut self) -> Result<Look, ReachError> {
        let entries = match self.kernel.device().await? {
            Some((netlink, index)) => netlink
                .neighbours(Some(index))
                .await
                .map_err(|e| self.kernel.failed(e))?,
            None => Vec::new(),
        };
        let shown = |entry: &Neighbour| match entry.mac {
            Some(mac) => format!("{} at {mac}", entry.ip),
            None => entry.ip.to_string(),
        };
        let found = entries.iter().find(|entry| self.matches(entry));
        if found.is_some() != self.expected.absent {
            return Ok(Look::Met(found.map_or_else(String::new, shown)));
        }
        let seen = match found {
            Some(entry) => format!("it has {}", shown(entry)),
            None if entries.is_empty() => "it has none".into(),
            None => "it has others".into(),
        };
        let details = entries.iter().map(shown).collect();
        Ok(Look::Unmet(Unmet {
            expected: self.title.clone(),
            seen,
            details,
        }))
    }

    async fn changed(&mut self) -> Result<(), ReachError> {
        self.kernel.changed().await
    }
}
