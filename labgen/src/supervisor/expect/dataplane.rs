//! What the kernel forwards with: entries of a VPN instance's devices.

use std::rc::Rc;

use bagpipe_api::ClientError;
use netns::addr::MacAddr;
use netns::link::{FdbEntry, Groups, LinkError, Monitor, Neighbour, Netlink};
use scenario::{ForwardingExpectation, NeighbourExpectation, NodeId, VpnId};

use super::{Look, Watch};
use crate::supervisor::lab::{Lab, ReachError};
use crate::supervisor::rest::Speaker;
use crate::supervisor::step::Unmet;

/// A node's kernel, the devices of one VPN instance in it, and word of changes of either.
struct Kernel {
    lab: Rc<Lab>,
    node: NodeId,
    vpn: VpnId,
    speaker: Speaker,
    open: Option<(Netlink, Monitor)>,
}

/// Whose entries count.
enum Scope {
    /// Those of these devices.
    Devices(Vec<u32>),
    /// The speaker knows no such instance: then no device may hold an entry for it.
    All,
}

impl Scope {
    fn has(&self, link: u32) -> bool {
        match self {
            Self::Devices(links) => links.contains(&link),
            Self::All => true,
        }
    }
}

impl Kernel {
    fn new(lab: &Rc<Lab>, node: NodeId, vpn: VpnId) -> Self {
        let speaker = Speaker::new(lab, node);
        Self {
            lab: Rc::clone(lab),
            node,
            vpn,
            speaker,
            open: None,
        }
    }

    fn failed(&self, source: LinkError) -> ReachError {
        ReachError::Link {
            node: self.lab.scenario[self.node].name.clone(),
            source,
        }
    }

    /// The kernel, and which of its devices are the instance's. The monitor is opened before the first look,
    /// so that a change after it is not missed.
    async fn look(&mut self) -> Result<(Netlink, Scope), ReachError> {
        let netlink = match &self.open {
            Some((netlink, _)) => netlink.clone(),
            None => {
                let groups = Groups {
                    links: true,
                    neighbours: true,
                    ..Groups::default()
                };
                let monitor = Monitor::open(&self.lab.home(self.node)?.net, groups);
                let monitor = monitor.map_err(|e| self.failed(e))?;
                let netlink = self.lab.netlink(self.node)?;
                self.open = Some((netlink.clone(), monitor));
                netlink
            }
        };
        let path = format!(
            "vpns/instances/{}/dataplane",
            self.lab.scenario[self.vpn].name
        );
        let shown = match self.speaker.fresh().await?.looking_glass(&path).await {
            Ok(shown) => shown,
            Err(ClientError::Refused(refusal)) if refusal.status == 404 => {
                return Ok((netlink, Scope::All));
            }
            Err(error) => return Err(self.speaker.failed(error)),
        };
        let mut devices = Vec::new();
        for key in ["vxlan_if", "linux_bridge"] {
            let Some(name) = shown.get(key).and_then(|name| name.as_str()) else {
                continue;
            };
            match netlink.index(name).await {
                Ok(index) => devices.push(index),
                // On its way in or out.
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
        Ok((netlink, Scope::Devices(devices)))
    }

    async fn changed(&mut self) -> Result<(), ReachError> {
        let Some((_, monitor)) = &mut self.open else {
            return Ok(());
        };
        let kernel = tokio::select! {
            change = monitor.next() => change.map(drop),
            said = self.speaker.changed() => return said,
        };
        // Its question was left in the air, and the connection with it.
        self.speaker.hang_up();
        kernel.map_err(|e| self.failed(e))
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
            && e.next_hop
                .as_ref()
                .is_none_or(|wanted| entry.dst.is_some_and(|dst| wanted.has(dst)))
            && e.vni.is_none_or(|wanted| entry.vni == Some(wanted.get()))
    }
}

impl Watch for Forwarding {
    async fn look(&mut self) -> Result<Look, ReachError> {
        let (netlink, scope) = self.kernel.look().await?;
        let mut entries = netlink.fdb(None).await.map_err(|e| self.kernel.failed(e))?;
        entries.retain(|entry| scope.has(entry.link));
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
        let (netlink, scope) = self.kernel.look().await?;
        let mut entries = netlink
            .neighbours(None)
            .await
            .map_err(|e| self.kernel.failed(e))?;
        entries.retain(|entry| scope.has(entry.link));
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
