//! A node's kernel, and what of it belongs to a VPN instance: word of changes there, and of changes in the speaker.

use std::rc::Rc;

use bagpipe_api::ClientError;
use netns::link::{Groups, LinkError, Monitor, Netlink};
use scenario::{NodeId, VpnId};
use serde_json::Value;

use crate::supervisor::lab::{Lab, ReachError};
use crate::supervisor::rest::Speaker;

/// A node's kernel and a VPN instance.
pub(super) struct Kernel {
    lab: Rc<Lab>,
    node: NodeId,
    vpn: VpnId,
    speaker: Speaker,
    open: Option<(Netlink, Monitor)>,
}

/// What of the kernel is the instance's.
pub(super) enum Scope {
    /// These devices, and this table of routes if it has one.
    Own {
        devices: Vec<Device>,
        table: Option<u32>,
    },
    /// The speaker knows no such instance: then no device may hold an entry for it.
    All,
}

/// A device of the instance.
pub(super) struct Device {
    index: u32,
    /// Of a tunnel: the VNI that entries have which name none.
    vni: Option<u32>,
}

impl Scope {
    /// Whether entries of a device count.
    pub(super) fn has(&self, link: u32) -> bool {
        match self {
            Self::Own { devices, .. } => devices.iter().any(|device| device.index == link),
            Self::All => true,
        }
    }

    /// The VNI that a tunnel uses where its entries name none: the kernel leaves out one that is the tunnel's own.
    pub(super) fn vni(&self, link: u32) -> Option<u32> {
        match self {
            Self::Own { devices, .. } => devices.iter().find(|device| device.index == link)?.vni,
            Self::All => None,
        }
    }

    /// The table of routes, while there is one.
    pub(super) fn table(&self) -> Option<u32> {
        match self {
            Self::Own { table, .. } => *table,
            Self::All => None,
        }
    }
}

impl Kernel {
    pub(super) fn new(lab: &Rc<Lab>, node: NodeId, vpn: VpnId) -> Self {
        let speaker = Speaker::new(lab, node);
        Self {
            lab: Rc::clone(lab),
            node,
            vpn,
            speaker,
            open: None,
        }
    }

    pub(super) fn failed(&self, source: LinkError) -> ReachError {
        ReachError::Link {
            node: self.lab.scenario[self.node].name.clone(),
            source,
        }
    }

    /// The kernel, and what of it is the instance's. The monitor is opened before the first look,
    /// so that a change after it is not missed.
    pub(super) async fn look(&mut self) -> Result<(Netlink, Scope), ReachError> {
        let netlink = match &self.open {
            Some((netlink, _)) => netlink.clone(),
            None => {
                let groups = Groups {
                    links: true,
                    neighbours: true,
                    routes: true,
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
            let Some(name) = shown.get(key).and_then(Value::as_str) else {
                continue;
            };
            let found = match netlink.index(name).await {
                Ok(index) => netlink.link(index).await,
                Err(error) => Err(error),
            };
            match found {
                Ok(link) => devices.push(Device {
                    index: link.index,
                    vni: link.vxlan.and_then(|vxlan| vxlan.vni),
                }),
                // On its way in or out.
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
        let table = shown.get("route_table").and_then(Value::as_u64);
        let table = table.and_then(|table| u32::try_from(table).ok());
        Ok((netlink, Scope::Own { devices, table }))
    }

    pub(super) async fn changed(&mut self) -> Result<(), ReachError> {
        let Some((_, monitor)) = &mut self.open else {
            return Ok(());
        };
        tokio::select! {
            change = monitor.next() => change.map(drop).map_err(|e| self.failed(e)),
            said = self.speaker.changed() => said,
        }
    }
}
