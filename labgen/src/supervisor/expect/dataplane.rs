//! What the kernel forwards with: entries of a VPN instance's devices.

use std::cmp::Reverse;
use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;

use bgp_wire::types::IpPrefix;
use netns::addr::MacAddr;
use netns::link::{FdbEntry, Neighbour, Route};
use scenario::{Destination, ForwardingExpectation, NeighbourExpectation, VpnId};

use super::kernel::Kernel;
use super::node::neighbour_state;
use super::{Look, Watch};
use crate::supervisor::lab::{Lab, ReachError};
use crate::supervisor::step::Unmet;

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

    /// Remote entries; the bool says of each whether packets to the destination take it.
    async fn remote(&mut self) -> Result<Vec<(Remote, bool)>, ReachError> {
        let (netlink, scope) = self.kernel.look().await?;
        match self.expected.to {
            Destination::Mac(mac) => {
                let mut entries = netlink.fdb(None).await.map_err(|e| self.kernel.failed(e))?;
                entries.retain(|entry| scope.has(entry.link));
                let remote = entries.iter().filter_map(|entry| {
                    let remote = Remote::of_entry(entry, scope.vni(entry.link))?;
                    Some((remote, entry.mac == MacAddr(mac.0)))
                });
                Ok(remote.collect())
            }
            Destination::Ip(ip) => {
                let Some(table) = scope.table() else {
                    return Ok(Vec::new());
                };
                let routes = netlink.routes(Some(table)).await;
                let routes = routes.map_err(|e| self.kernel.failed(e))?;
                let taken = taken(&routes, ip);
                let remote = routes.iter().filter_map(|route| {
                    let remote = Remote::of_route(route)?;
                    Some((remote, taken == Some(route)))
                });
                Ok(remote.collect())
            }
        }
    }

    fn matches(&self, entry: &Remote) -> bool {
        let e = &self.expected;
        e.next_hop
            .as_ref()
            .is_none_or(|wanted| wanted.has(entry.dst))
            && e.vni.is_none_or(|wanted| entry.vni == Some(wanted.get()))
    }
}

/// An entry that leads into a tunnel.
struct Remote {
    /// A MAC address or a prefix.
    to: String,
    dst: IpAddr,
    vni: Option<u32>,
}

impl Remote {
    fn of_entry(entry: &FdbEntry, tunnel: Option<u32>) -> Option<Self> {
        Some(Self {
            to: entry.mac.to_string(),
            dst: entry.dst?,
            vni: entry.vni.or(tunnel),
        })
    }

    fn of_route(route: &Route) -> Option<Self> {
        let encap = route.encap?;
        Some(Self {
            to: route.to.to_string(),
            dst: encap.dst,
            vni: u32::try_from(encap.id).ok(),
        })
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} dst {}", self.to, self.dst)?;
        match self.vni {
            Some(vni) => write!(f, " vni {vni}"),
            None => Ok(()),
        }
    }
}

/// The route that packets to `ip` take: of the longest prefix, the one with the lowest metric.
fn taken(routes: &[Route], ip: IpAddr) -> Option<&Route> {
    let has_it = |route: &&Route| {
        let prefix = IpPrefix::new(route.to.addr(), route.to.prefix_len());
        prefix.is_ok_and(|prefix| prefix.contains(ip))
    };
    let with_it = routes.iter().filter(has_it);
    with_it.min_by_key(|route| (Reverse(route.to.prefix_len()), route.metric.unwrap_or(0)))
}

impl Watch for Forwarding {
    async fn look(&mut self) -> Result<Look, ReachError> {
        let remote = self.remote().await?;
        let found = remote
            .iter()
            .find(|(entry, taken)| *taken && self.matches(entry));
        if found.is_some() != self.expected.absent {
            return Ok(Look::Met(
                found.map_or_else(String::new, |(entry, _)| entry.to_string()),
            ));
        }
        let seen = match found {
            Some((entry, _)) => format!("it has {entry}"),
            None if remote.is_empty() => "it has no remote entry at all".into(),
            None => "none of its entries is like that".into(),
        };
        let details = remote.iter().map(|(entry, _)| entry.to_string()).collect();
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
    pub(super) fn new(
        lab: &Rc<Lab>,
        expected: &NeighbourExpectation,
        vpn: VpnId,
        title: &str,
    ) -> Self {
        let kernel = Kernel::new(lab, expected.on, vpn);
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
            && self
                .expected
                .state
                .is_none_or(|state| neighbour_state(entry.state) == state)
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
            None => "none of its entries is like that".into(),
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

#[cfg(test)]
mod tests {
    use netns::link::{IpEncap, Route, RouteKind};

    use super::taken;

    #[test]
    fn of_several_routes_the_longest_is_taken_and_then_the_cheapest() {
        let to = |prefix: &str, metric| -> Route {
            let mut route = Route::to(prefix.parse().unwrap());
            route.metric = metric;
            route
        };
        let mut none = to("0.0.0.0/0", Some(u32::MAX));
        none.kind = RouteKind::Unreachable;
        let mut remote = to("10.1.2.0/24", None);
        remote.encap = Some(IpEncap {
            id: 7,
            dst: [10, 0, 0, 2].into(),
        });
        let routes = [
            none,
            to("10.1.2.0/24", Some(20)),
            remote,
            to("10.1.2.3/32", None),
        ];
        let by = |ip: [u8; 4]| {
            let taken = taken(&routes, ip.into());
            taken.and_then(|taken| routes.iter().position(|route| route == taken))
        };
        assert_eq!(by([10, 1, 2, 9]), Some(2));
        assert_eq!(by([10, 1, 2, 3]), Some(3));
        assert_eq!(by([10, 9, 9, 9]), Some(0));
        assert_eq!(taken(&routes, "fd00::1".parse().unwrap()), None);
    }
}
