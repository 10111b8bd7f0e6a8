//! Cutting and healing the cables of a lab that stands, and listening to them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use netns::link::{EntryState, LinkChange, Netlink, Request};
use netns::ns::NetNs;
use scenario::NetId;
use tokio::time::{Instant, sleep};

use super::build;
use super::home::Plug;
use super::lab::Lab;
use super::life::{LifeError, carry_out};

/// The kernel tells an interface of its carrier from a queue of its own: this is the longest that is waited for it.
const CARRIER: (Duration, Duration) = (Duration::from_millis(2), Duration::from_secs(2));

/// A node's interface, by the names of the node and of the LAN or link.
type Cable = ((String, String), Plug);

impl Lab {
    /// Pulls cables: those of a whole LAN or link, or that of one `NODE/INTERFACE`.
    ///
    /// On a LAN the bridge's port goes down: the node's interface loses its carrier and keeps addresses and routes, as
    /// when a cable is pulled. A point-to-point link has no far side to switch off without its being the other node's
    /// near side; to treat both ends alike, both interfaces go down. They keep their addresses; the kernel takes their
    /// routes away, and [`Lab::heal`] brings back those that labgen had made.
    pub(super) async fn cut(&self, what: &str) -> Result<String, LifeError> {
        let _pulling = self.state.pulling.lock().await;
        let mut cables = self.cables(what)?;
        cables.retain(|(_, plug)| !plug.cut);
        if cables.is_empty() {
            return Err(LifeError::Cut(what.to_owned()));
        }
        let since = self.at();
        self.switch(&cables, false).await?;
        let interfaces = self.mark(&cables, true);
        self.disturbed("cut", what, since, &interfaces);
        Ok(interfaces)
    }

    /// Plugs cables in again, and restores the addresses and routes that labgen had given.
    pub(super) async fn heal(&self, what: &str) -> Result<String, LifeError> {
        let _pulling = self.state.pulling.lock().await;
        let mut cables = self.cables(what)?;
        cables.retain(|(_, plug)| plug.cut);
        if cables.is_empty() {
            return Err(LifeError::NotCut(what.to_owned()));
        }
        let since = self.at();
        self.switch(&cables, true).await?;
        self.restore(&cables).await?;
        self.forget_silence(&cables).await?;
        let interfaces = self.mark(&cables, false);
        self.disturbed("heal", what, since, &interfaces);
        Ok(interfaces)
    }

    /// Notes what was done, and says which interfaces it concerned.
    fn mark(&self, cables: &[Cable], cut: bool) -> String {
        let mut plugs = self.state.plugs.borrow_mut();
        let mut interfaces = Vec::new();
        for (key, plug) in cables {
            if let Some(plug) = plugs.get_mut(key) {
                plug.cut = cut;
            }
            interfaces.push(format!("{}/{}", key.0, plug.interface));
        }
        interfaces.join(", ")
    }

    /// The cables that are meant by a LAN, a link or `NODE/INTERFACE`; of a link always both ends.
    fn cables(&self, what: &str) -> Result<Vec<Cable>, LifeError> {
        let plugs = self.state.plugs.borrow();
        let of_net = |net: &str| -> Vec<Cable> {
            plugs
                .iter()
                .filter(|((_, on), _)| on == net)
                .map(|(key, plug)| (key.clone(), plug.clone()))
                .collect()
        };
        let Some((node, interface)) = what.split_once('/') else {
            let cables = of_net(what);
            return match cables.is_empty() {
                true => Err(self.unknown_net(what)),
                false => Ok(cables),
            };
        };
        self.node_named(node)?;
        let mut of_node = plugs.iter().filter(|((owner, _), _)| owner == node);
        match of_node
            .clone()
            .find(|(_, plug)| plug.interface == interface)
        {
            Some((key, plug)) if plug.port.is_some() => Ok(vec![(key.clone(), plug.clone())]),
            Some(((_, net), _)) => Ok(of_net(net)),
            None => Err(LifeError::UnknownInterface {
                node: node.to_owned(),
                interface: interface.to_owned(),
                known: of_node
                    .by_ref()
                    .map(|(_, plug)| plug.interface.clone())
                    .collect(),
            }),
        }
    }

    /// The LAN or link that `NODE/INTERFACE` is on.
    pub(super) fn net_of_interface(&self, what: &str) -> Result<String, LifeError> {
        let cables = self.cables(what)?;
        let net = cables.first().map(|((_, net), _)| net.clone());
        net.ok_or_else(|| self.unknown_net(what))
    }

    pub(super) fn unknown_net(&self, net: &str) -> LifeError {
        let lans = self.scenario.lans.iter().map(|lan| lan.name.clone());
        let links = self.scenario.links.iter().map(|link| link.name.clone());
        LifeError::UnknownNet {
            net: net.to_owned(),
            known: lans.chain(links).collect(),
        }
    }

    /// Sets the ends of cables that labgen switches with up or down.
    async fn switch(&self, cables: &[Cable], up: bool) -> Result<(), LifeError> {
        let change = |index: u32| {
            let change = LinkChange::new(index);
            if up { change.up() } else { change.down() }.request()
        };
        let mut in_switches = Vec::new();
        let mut in_nodes: BTreeMap<&str, Vec<Request>> = BTreeMap::new();
        for ((node, _), plug) in cables {
            match plug.port {
                Some(port) => in_switches.push(change(port)),
                None => in_nodes.entry(node).or_default().push(change(plug.index)),
            }
        }
        carry_out(&self.scenario.lab.name, &self.state.switches, in_switches).await?;
        for (node, requests) in in_nodes {
            let net = self.home(self.node_named(node)?)?.net.clone();
            carry_out(node, &net, requests).await?;
        }
        Ok(())
    }

    /// Gives nodes again what their interfaces and routing tables had from the start.
    async fn restore(&self, cables: &[Cable]) -> Result<(), LifeError> {
        let mut by_node: BTreeMap<&str, Vec<Request>> = BTreeMap::new();
        for ((node, net), plug) in cables {
            let owner = &self.scenario[self.node_named(node)?];
            let own = owner
                .interfaces
                .iter()
                .find(|interface| self.scenario.net_name(interface.net) == net);
            let requests = by_node.entry(node).or_default();
            requests.extend(own.into_iter().flat_map(|own| build::give(plug.index, own)));
        }
        for (node, mut requests) in by_node {
            let id = self.node_named(node)?;
            requests.extend(build::routes(&self.scenario[id], |interface| {
                let net = self.scenario.net_name(interface.net);
                let healed = |(own, on): &(String, String)| own == node && on == net;
                self.leads_out(node, net) || cables.iter().any(|(cable, _)| healed(cable))
            }));
            carry_out(node, &self.home(id)?.net.clone(), requests).await?;
        }
        Ok(())
    }

    /// Whether the kernel has use for a route by way of this interface: a point-to-point link that is cut is down.
    pub(super) fn leads_out(&self, node: &str, net: &str) -> bool {
        let plugs = self.state.plugs.borrow();
        let plug = plugs.get(&(node.to_owned(), net.to_owned()));
        plug.is_none_or(|plug| !plug.cut || plug.port.is_some())
    }

    /// Where the frames of a LAN or link, or of one `NODE/INTERFACE`, can be listened to: a namespace and an interface
    /// in it.
    pub(super) fn listen_to(&self, what: &str) -> Result<(NetNs, String), LifeError> {
        if let Some((node, interface)) = what.split_once('/') {
            self.cables(what)?;
            let id = self.node_named(node)?;
            return Ok((self.home(id)?.net.clone(), interface.to_owned()));
        }
        let lans = self.scenario.lans.iter().map(|lan| &lan.name);
        let links = self.scenario.links.iter().map(|link| &link.name);
        let lan = lans.enumerate().find(|(_, name)| *name == what);
        let link = links.enumerate().find(|(_, name)| *name == what);
        match (lan, link) {
            (Some((index, _)), _) => Ok(self.listening_place(NetId::Lan(scenario::LanId(index)))?),
            (_, Some((index, _))) => {
                Ok(self.listening_place(NetId::Link(scenario::LinkId(index)))?)
            }
            (None, None) => Err(self.unknown_net(what)),
        }
    }

    /// Waits until the interfaces carry frames again, and has all nodes on their nets forget whom they have asked for
    /// in vain meanwhile: they would not ask again for a second.
    async fn forget_silence(&self, cables: &[Cable]) -> Result<(), LifeError> {
        let deadline = Instant::now() + CARRIER.1;
        let nets: BTreeSet<&str> = cables.iter().map(|((_, net), _)| net.as_str()).collect();
        let on_nets: Vec<Cable> = {
            let plugs = self.state.plugs.borrow();
            let on_nets = plugs
                .iter()
                .filter(|((_, net), _)| nets.contains(net.as_str()));
            on_nets
                .map(|(key, plug)| (key.clone(), plug.clone()))
                .collect()
        };
        for (key, plug) in on_nets {
            let place = &key.0;
            let failed = |source| LifeError::Link {
                place: place.clone(),
                source,
            };
            let net = self.home(self.node_named(place)?)?.net.clone();
            let netlink = Netlink::in_ns(&net).map_err(failed)?;
            let healed = cables.iter().any(|(healed, _)| *healed == key);
            while healed && Instant::now() < deadline {
                if netlink.link(plug.index).await.map_err(failed)?.operational {
                    break;
                }
                sleep(CARRIER.0).await;
            }
            let neighbours = netlink.neighbours(Some(plug.index)).await.map_err(failed)?;
            let silent = neighbours.into_iter().filter(|neighbour| {
                matches!(neighbour.state, EntryState::Incomplete | EntryState::Failed)
            });
            // One that is no longer there is as good.
            let _ = netlink
                .batch(silent.map(|neighbour| neighbour.delete()).collect())
                .await;
        }
        Ok(())
    }
}
