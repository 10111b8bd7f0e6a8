//! A node's kernel, and word of its changes.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use netns::link::{Groups, LinkError, Monitor, Netlink};
use scenario::NodeId;
use tokio::time::timeout;

use crate::supervisor::lab::{Lab, ReachError};

/// How soon after word of a change is looked once more: of routes that go with their link the kernel tells by the word
/// of the link, which may come before they are gone.
const AFTERWARDS: Duration = Duration::from_millis(5);

/// A node's kernel.
pub(super) struct Kernel {
    lab: Rc<Lab>,
    node: NodeId,
    groups: Groups,
    open: Option<(Netlink, Monitor)>,
    /// Word came, and there was one look since.
    once_more: bool,
}

impl Kernel {
    /// `groups` is what is looked at; of links and addresses, with which the rest goes, it hears as well.
    pub(super) fn new(lab: &Rc<Lab>, node: NodeId, groups: Groups) -> Self {
        Self {
            lab: Rc::clone(lab),
            node,
            groups: Groups {
                links: true,
                addresses: true,
                ..groups
            },
            open: None,
            once_more: false,
        }
    }

    pub(super) fn failed(&self, source: LinkError) -> ReachError {
        ReachError::Link {
            node: self.lab.scenario[self.node].name.clone(),
            source,
        }
    }

    /// A routing socket. Changes are listened to from before the first look on, so that none after it is missed.
    pub(super) fn look(&mut self) -> Result<Netlink, ReachError> {
        if let Some((netlink, _)) = &self.open {
            return Ok(netlink.clone());
        }
        let monitor = Monitor::open(&self.lab.home(self.node)?.net, self.groups);
        let monitor = monitor.map_err(|e| self.failed(e))?;
        let netlink = self.lab.netlink(self.node)?;
        self.open = Some((netlink.clone(), monitor));
        Ok(netlink)
    }

    /// The names of its links, by index.
    pub(super) async fn names(
        &self,
        netlink: &Netlink,
    ) -> Result<BTreeMap<u32, String>, ReachError> {
        let links = netlink.links().await.map_err(|e| self.failed(e))?;
        Ok(links
            .into_iter()
            .map(|link| (link.index, link.name))
            .collect())
    }

    pub(super) async fn changed(&mut self) -> Result<(), ReachError> {
        let Some((_, monitor)) = &mut self.open else {
            return Ok(());
        };
        let word = match self.once_more {
            true => timeout(AFTERWARDS, monitor.next()).await,
            false => Ok(monitor.next().await),
        };
        self.once_more = word.is_ok();
        match word {
            Ok(change) => change.map(drop).map_err(|e| self.failed(e)),
            Err(_) => Ok(()),
        }
    }
}
