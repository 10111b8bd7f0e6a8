//! Asks the kernel what there is.

use std::collections::{BTreeMap, BTreeSet};

use netns::link::{Netlink, Route, Rule};
use vpn::IpVpnIntent;
use vpn::intent::Link;

use super::instance::Applied;
use super::state::State;
use super::{flow, kernel, state};
use crate::DriverError;

/// The indexes of an intent's ports, and those that are not there though they once were.
pub async fn find_ports(
    netlink: &Netlink,
    intent: &IpVpnIntent,
    before: Option<&Applied>,
    tolerated: &BTreeSet<String>,
) -> Result<(BTreeMap<String, u32>, BTreeSet<String>), DriverError> {
    let mut ports = BTreeMap::new();
    let mut missing = BTreeSet::new();
    for name in intent.ports.keys().map(|name| &**name) {
        let was_there = before.is_some_and(|before| before.intent.ports.contains_key(name));
        let fault = match netlink.link(name).await {
            Ok(link) => match link.master {
                None => {
                    ports.insert(name.to_owned(), link.index);
                    continue;
                }
                Some(master) => DriverError::PortElsewhere {
                    name: name.to_owned(),
                    bridge: match netlink.link(master).await {
                        Ok(master) => master.name,
                        Err(_) => format!("interface {master}"),
                    },
                },
            },
            Err(error) if error.is_not_found() => DriverError::NoInterface {
                name: name.to_owned(),
            },
            Err(error) => return Err(kernel(&error)),
        };
        if !was_there && !tolerated.contains(name) {
            return Err(fault);
        }
        missing.insert(name.to_owned());
    }
    Ok((ports, missing))
}

/// The ends of links to E-VPN instances, by name.
pub async fn link_ends(netlink: &Netlink) -> Result<Vec<String>, DriverError> {
    let links = netlink.links().await.map_err(|error| kernel(&error))?;
    let ends = links
        .into_iter()
        .filter(|link| link.kind.as_deref() == Some("veth") && Link::is_ipvpn_end(&link.name));
    Ok(ends.map(|link| link.name).collect())
}

/// Everything in the kernel that bears the driver's marks. Neighbours are looked for on the links of its routes
/// and `also` on these: other links have ones of other drivers.
pub async fn find_own(
    netlink: &Netlink,
    also: impl IntoIterator<Item = u32>,
) -> Result<State, DriverError> {
    let rules = netlink.rules().await.map_err(|error| kernel(&error))?;
    let is_own = |rule: &Rule| match (rule.priority, rule.table) {
        (flow::FLOWS..=state::LOOKUP, Some(table)) => state::is_own_table(table),
        (state::NOBODY, None) => rule.iif.is_some(),
        _ => false,
    };
    let rules: BTreeSet<Rule> = rules.into_iter().filter(is_own).collect();
    let routes = netlink.routes(None).await.map_err(|error| kernel(&error))?;
    let routes = routes
        .into_iter()
        .filter(|r| r.protocol == state::PROTOCOL && state::is_own_table(r.table));
    let routes: BTreeSet<_> = routes.collect();
    let mut neighbours = BTreeSet::new();
    let links = routes.iter().flat_map(Route::hops);
    let links = links.filter_map(|hop| hop.link);
    let links: BTreeSet<u32> = links.chain(also).collect();
    for link in links {
        let found = netlink.neighbours(Some(link)).await;
        let found = found.map_err(|error| kernel(&error))?;
        neighbours.extend(found.into_iter().filter(|n| n.extern_learn));
    }
    let proxies = netlink.proxy_neighbours().await;
    let proxies = proxies.map_err(|error| kernel(&error))?;
    Ok(State {
        rules,
        routes,
        neighbours,
        proxies: proxies.into_iter().filter(|p| p.extern_learn).collect(),
    })
}
