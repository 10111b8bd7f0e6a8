//! What the kernel should hold for one instance. Pure: link indexes are given.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use bgp_wire::Label;
use netns::addr::{IpPrefix, MacAddr};
use netns::link::{Hop, IpEncap, Neighbour, ProxyNeighbour, Route, RouteKind, Rule};
use vpn::intent::{FlowRedirect, IpVpnEndpoint, NextHop};
use vpn::{Direction, Few, InstanceId, IpVpnIntent};

use super::flow::Flow;
use super::holders::Holders;
use super::plan::{RouteKey, key};

/// Rules that choose a table for what comes out of a port or a tunnel.
pub const LOOKUP: u32 = 4364;
/// Rules that stop what came out of a tunnel or a port and belongs to nobody.
pub const NOBODY: u32 = 4365;
/// `bgp` of `/etc/iproute2/rt_protos`: the routes of this driver bear it.
pub const PROTOCOL: u8 = 186;
/// Tables of instances begin here; there is room for as many as there are labels.
pub const INSTANCE_TABLES: u32 = 0x4364_0000;
/// Tables of labels begin here; one per label.
pub const LABEL_TABLES: u32 = 0x4374_0000;
/// Labels, and so tables of either kind.
pub const TABLES: u32 = 1 << 20;
/// What has no route is unreachable: the metric that loses against any other.
const LAST: u32 = 4_278_198_272;
/// The metric the kernel gives to IPv6 routes without.
const IPV6_METRIC: u32 = 1024;

/// Everything in the kernel that belongs to an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// What comes in where looks into which table.
    pub rules: BTreeSet<Rule>,
    /// Routes of the instance's table and of those of its labels.
    pub routes: BTreeSet<Route>,
    /// Endpoints on their ports, other PEs on the tunnel.
    pub neighbours: BTreeSet<Neighbour>,
    /// IPv6 addresses that this host answers for on a port.
    pub proxies: BTreeSet<ProxyNeighbour>,
}

/// What is known of this host.
pub struct Host<'a> {
    /// Index of the tunnel.
    pub tunnel: u32,
    /// Name of the tunnel.
    pub tunnel_name: &'a str,
    /// Table of the instance.
    pub table: u32,
    /// Indexes of the ports that are there.
    pub ports: &'a BTreeMap<String, u32>,
    /// The endpoints of other instances, by label.
    pub elsewhere: &'a BTreeMap<Label, Vec<Elsewhere>>,
    /// Tables of other instances that are there.
    pub tables: &'a BTreeMap<InstanceId, u32>,
}

/// An endpoint of another instance of this host.
#[derive(Clone, Debug)]
pub struct Elsewhere {
    /// Index of its port.
    pub link: u32,
    /// The endpoint.
    pub endpoint: IpVpnEndpoint,
}

impl State {
    /// Translates an intent. Ports that are not there are left out, and so is what this dataplane cannot say: a
    /// peer's odd route must not stop an instance.
    pub fn new(intent: &IpVpnIntent, host: &Host<'_>) -> Self {
        let mut state = Self::default();
        for ipv6 in [false, true] {
            let mut unreachable = Route::to(any(ipv6)).table(host.table);
            unreachable.kind = RouteKind::Unreachable;
            unreachable.metric = Some(LAST);
            unreachable.protocol = PROTOCOL;
            state.routes.insert(unreachable);
        }
        let holders = Holders::of(intent, host.ports);
        for (name, link) in there(intent, host.ports) {
            state.port(intent, name, link, host);
        }
        let gateway = intent.gateway.map(|gateway| gateway.address);
        let gateway = gateway.map(bgp_wire::IpPrefix::host);
        let routes = intent.routes.keys().chain(holders.prefixes());
        let prefixes: BTreeSet<_> = routes.copied().chain(gateway).collect();
        for prefix in prefixes {
            state.prefix(intent, prefix, &holders, host);
        }
        if gateway.is_none_or(|gateway| holders.first(&gateway).is_none()) {
            state.answer_for_gateway(intent, host);
        }
        state.answer_for_others(intent, host);
        state
    }

    /// What a port that is there takes: where its packets go, and how its endpoints are reached from the tunnel.
    pub fn port(&mut self, intent: &IpVpnIntent, name: &str, link: u32, host: &Host<'_>) {
        if intent.takes_from(name) {
            self.rules.extend(both(|ipv6| Rule {
                ipv6,
                ..Rule::lookup(LOOKUP, host.table).iif(name)
            }));
            for FlowRedirect { traffic, to } in intent.flows.values() {
                let table = host.tables.get(to);
                let rules = table.map(|table| Flow::new(traffic, name, *table).rules());
                self.rules.extend(rules.into_iter().flatten());
            }
        } else {
            // Unless another instance takes it, it would go the host's own ways.
            self.rules.extend(nowhere(name));
        }
        let port = intent.ports.get(name).into_iter();
        for endpoint in port.flat_map(|port| port.endpoints.iter()) {
            self.endpoint(endpoint, link, host);
        }
    }

    /// The one way to a prefix from the instance's table, if there is any.
    pub fn prefix(
        &mut self,
        intent: &IpVpnIntent,
        prefix: bgp_wire::IpPrefix,
        holders: &Holders,
        host: &Host<'_>,
    ) {
        let Some(to) = netns_prefix(&prefix) else {
            return;
        };
        let next_hops = intent.routes.get(&prefix);
        match holders.first(&prefix) {
            // Of several MACs behind one subnet the first gets the traffic of this host, if nobody else has the subnet.
            Some((endpoint, link)) if next_hops.is_none() => {
                self.routes.insert(behind(endpoint, to, link, host.table));
            }
            // The gateway is here, whoever else says that he has it: every PE is.
            None if is_gateway(intent, to) => {
                // One port is enough: the address is answered for wherever it is asked.
                if let Some((_, link)) = there(intent, host.ports).next() {
                    let mut route = Route::to(to).link(link).table(host.table);
                    route.kind = RouteKind::Local;
                    self.routes.insert(own(route));
                } else if let Some(next_hops) = next_hops {
                    self.remote(intent, to, next_hops, host);
                }
            }
            _ => {
                if let Some(next_hops) = next_hops {
                    self.remote(intent, to, next_hops, host);
                }
            }
        }
    }

    /// The way to a prefix that the instance's table has.
    pub fn way(&self, table: u32, to: IpPrefix) -> Option<&Route> {
        // Routes are in order of table, destination and kind, and every one says more than this.
        let least = Route::to(to).table(table);
        let from = self.routes.range(least..).next();
        from.filter(|route| {
            (route.table, route.to) == (table, to) && route.kind != RouteKind::Unreachable
        })
    }

    /// Whether IPv6 packets are to be forwarded.
    pub fn needs_ipv6_forwarding(&self) -> bool {
        let mut routes = self.routes.iter();
        routes.any(|route| route.to.addr().is_ipv6() && route.link.is_some())
    }

    /// Becomes what is left of it `there`, in the kernel, with routes as they are there.
    pub fn recall(&mut self, there: &State) {
        self.rules.retain(|rule| there.rules.contains(rule));
        let keys: BTreeSet<RouteKey> = self.routes.iter().map(key).collect();
        let routes = there.routes.iter().filter(|r| keys.contains(&key(r)));
        self.routes = routes.cloned().collect();
        self.neighbours.retain(|n| there.neighbours.contains(n));
        self.proxies.retain(|p| there.proxies.contains(p));
    }

    /// An endpoint behind a port: reached by its label from the tunnel.
    fn endpoint(&mut self, endpoint: &IpVpnEndpoint, link: u32, host: &Host<'_>) {
        let Some(to) = reached(endpoint) else {
            return;
        };
        let at = gateway_of(endpoint);
        self.neighbour(link, at, MacAddr(endpoint.mac.0));
        let table = LABEL_TABLES + endpoint.label.get();
        let ipv6 = at.is_ipv6();
        if self.way(table, to).is_none() {
            self.routes.insert(behind(endpoint, to, link, table));
        }
        // The label alone says where a packet goes, whatever its destination.
        let any = any(ipv6);
        if self.way(table, any).is_none() {
            let mut route = Route::to(any).via(at).link(link).table(table);
            route.onlink = true;
            self.routes.insert(own(route));
        }
        let mut rule = Rule::lookup(LOOKUP, table).iif(host.tunnel_name);
        rule.ipv6 = ipv6;
        rule.tunnel_id = Some(endpoint.label.get().into());
        self.rules.insert(rule);
    }

    /// The gateway is here, on every port: for IPv4 as an address of the table, so that instances may have
    /// the same one, for IPv6 by answering for it.
    fn answer_for_gateway(&mut self, intent: &IpVpnIntent, host: &Host<'_>) {
        let gateway = intent.gateway.map(|gateway| gateway.address);
        if let Some(IpAddr::V6(ip)) = gateway.filter(|gateway| !gateway.is_unspecified()) {
            let links = there(intent, host.ports).map(|(_, link)| link);
            self.proxies.extend(links.map(|link| proxy(link, ip)));
        }
    }

    /// A prefix of other PEs, or of other instances of this host.
    fn remote(
        &mut self,
        intent: &IpVpnIntent,
        to: IpPrefix,
        next_hops: &Few<NextHop>,
        host: &Host<'_>,
    ) {
        let hops = next_hops.iter();
        let hops: Vec<Hop> = hops
            .filter_map(|next_hop| self.hop(intent, to, next_hop, host))
            .collect();
        if let [first, more @ ..] = &hops[..] {
            let mut route = Route::to(to).table(host.table).by(*first);
            route.more = more.to_vec();
            self.routes.insert(own(route));
        }
    }

    fn hop(
        &mut self,
        intent: &IpVpnIntent,
        to: IpPrefix,
        next_hop: &NextHop,
        host: &Host<'_>,
    ) -> Option<Hop> {
        if next_hop.pe == intent.local_pe {
            let there = host.elsewhere.get(&next_hop.label).into_iter().flatten();
            let there = there.filter(|e| e.endpoint.ip.is_ipv4() == to.addr().is_ipv4());
            // The endpoint that the route is about, else any that has the label.
            let exact = there
                .clone()
                .find(|e| netns_prefix(&e.endpoint.prefix) == Some(to));
            let e = exact.or_else(|| there.clone().next())?;
            // The kernel takes no IPv6 route of several ways without routers.
            return Some(Hop {
                via: Some(gateway_of(&e.endpoint)),
                link: Some(e.link),
                onlink: true,
                encap: None,
            });
        }
        let pe = next_hop.pe;
        let via = match pe {
            IpAddr::V4(_) if to.addr().is_ipv4() => pe,
            _ => link_local(pe).into(),
        };
        self.neighbour(host.tunnel, via, router_mac(pe));
        Some(Hop {
            via: Some(via),
            link: Some(host.tunnel),
            onlink: true,
            encap: Some(IpEncap {
                id: next_hop.label.get().into(),
                dst: pe,
            }),
        })
    }

    fn answer_for_others(&mut self, intent: &IpVpnIntent, host: &Host<'_>) {
        let ways = self.routes.iter().filter(|r| r.table == host.table);
        let others: Vec<_> = ways.flat_map(|r| others_of(intent, host, r)).collect();
        self.proxies.extend(others);
    }

    fn neighbour(&mut self, link: u32, ip: IpAddr, mac: MacAddr) {
        self.neighbours.insert(known(link, ip, mac));
    }
}

/// Hosts take their whole subnet for being on their link. For IPv4 the kernel answers for what it has a route
/// to; for IPv6 it has to be told each address, of those that a route of the instance leads to.
pub fn others_of(
    intent: &IpVpnIntent,
    host: &Host<'_>,
    route: &Route,
) -> impl Iterator<Item = ProxyNeighbour> {
    let gateway = intent.gateway.filter(|gateway| gateway.address.is_ipv6());
    let subnet = gateway.and_then(|gateway| {
        let subnet = bgp_wire::IpPrefix::new(gateway.address, gateway.prefix_len);
        subnet.ok()
    });
    let is_host = route.kind == RouteKind::Unicast && route.to.prefix_len() == 128;
    let other = match route.to.addr() {
        IpAddr::V6(ip) if is_host => Some(ip),
        _ => None,
    };
    let other = other.filter(|ip| subnet.is_some_and(|subnet| subnet.contains((*ip).into())));
    let at = route.link;
    other.into_iter().flat_map(move |ip| {
        // In an E-VPN that is plugged in, hosts of the subnet reach each other without help.
        let ports = intent.ports.iter().filter(|(_, port)| port.link.is_none());
        let links = ports.filter_map(|(name, _)| host.ports.get(&**name));
        let elsewhere = links.filter(move |link| at != Some(**link));
        elsewhere.map(move |link| proxy(*link, ip))
    })
}

/// The neighbour by which a route goes to a PE.
pub fn neighbour_of(tunnel: u32, via: IpAddr, pe: IpAddr) -> Neighbour {
    known(tunnel, via, router_mac(pe))
}

/// Tells the driver's from others', also after a crash.
fn known(link: u32, ip: IpAddr, mac: MacAddr) -> Neighbour {
    Neighbour {
        extern_learn: true,
        ..Neighbour::permanent(link, ip, mac)
    }
}

/// The ports of an intent that are there, with their indexes.
pub fn there<'a>(
    intent: &'a IpVpnIntent,
    ports: &'a BTreeMap<String, u32>,
) -> impl Iterator<Item = (&'a Arc<str>, u32)> {
    let names = intent.ports.keys();
    names.filter_map(|name| Some((name, *ports.get(&**name)?)))
}

/// What traffic for an endpoint is sent to, if any is.
pub fn reached(endpoint: &IpVpnEndpoint) -> Option<IpPrefix> {
    let is_reached = endpoint.direction != Direction::FromPort;
    netns_prefix(&endpoint.prefix).filter(|_| is_reached)
}

/// Whether a prefix is the gateway as an address of the table, which it is for IPv4.
fn is_gateway(intent: &IpVpnIntent, to: IpPrefix) -> bool {
    let gateway = intent.gateway.map(|gateway| gateway.address);
    gateway == Some(to.addr()) && to.prefix_len() == 32 && !to.addr().is_unspecified()
}

/// The rules that all instances share: nothing that came out of the tunnel goes anywhere but by its label.
pub fn shared(tunnel_name: &str) -> impl Iterator<Item = Rule> + '_ {
    nowhere(tunnel_name)
}

/// What came in here and no lookup took goes nowhere.
fn nowhere(iif: &str) -> impl Iterator<Item = Rule> + '_ {
    both(move |ipv6| Rule {
        ipv6,
        table: None,
        ..Rule::lookup(NOBODY, 0).iif(iif)
    })
}

/// Whether a table is one of this driver's.
pub fn is_own_table(table: u32) -> bool {
    (INSTANCE_TABLES..INSTANCE_TABLES + TABLES).contains(&table)
        || (LABEL_TABLES..LABEL_TABLES + TABLES).contains(&table)
}

/// The Ethernet address of the tunnel of a PE: known without asking, and different on each, as a VXLAN interface
/// drops what bears its own.
pub fn router_mac(pe: IpAddr) -> MacAddr {
    match pe {
        IpAddr::V4(pe) => {
            let [a, b, c, d] = pe.octets();
            MacAddr([0x02, 0x56, a, b, c, d])
        }
        IpAddr::V6(pe) => {
            let [a, b, c, d, e, ..] = digest(pe);
            MacAddr([0x06, a, b, c, d, e])
        }
    }
}

/// The address that stands for a PE among next hops, where its own cannot.
fn link_local(pe: IpAddr) -> Ipv6Addr {
    match pe {
        IpAddr::V4(pe) => {
            let [a, b, c, d] = pe.octets().map(u16::from);
            Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0x5efe, a << 8 | b, c << 8 | d)
        }
        IpAddr::V6(pe) => {
            let number = u128::from(u64::from_be_bytes(digest(pe)));
            Ipv6Addr::from(0xfe80 << 112 | number)
        }
    }
}

/// What is too long for an Ethernet address, made short; every PE has to make the same of it (64-bit FNV-1a).
fn digest(pe: Ipv6Addr) -> [u8; 8] {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let octets = pe.octets().into_iter().map(u64::from);
    let digest = octets.fold(BASIS, |hash, octet| (hash ^ octet).wrapping_mul(PRIME));
    digest.to_be_bytes()
}

/// The way to a prefix behind an endpoint.
fn behind(endpoint: &IpVpnEndpoint, to: IpPrefix, link: u32, table: u32) -> Route {
    let mut route = Route::to(to).link(link).table(table);
    let is_itself = endpoint.prefix.is_host() && to.addr() == endpoint.ip;
    if !is_itself {
        route.via = Some(gateway_of(endpoint));
        route.onlink = true;
    }
    own(route)
}

/// The address by which an endpoint is its port's next hop. One that stands for everything has none.
fn gateway_of(endpoint: &IpVpnEndpoint) -> IpAddr {
    // Two endpoints of one port have other labels, and hardly ever ones that differ by 65,536.
    let [.., high, low] = endpoint.label.get().to_be_bytes();
    match endpoint.ip {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::new(169, 254, high, low).into(),
        IpAddr::V6(_) => {
            Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, u16::from_be_bytes([high, low])).into()
        }
    }
}

/// Marked, like neighbours, as the driver's.
fn proxy(link: u32, ip: Ipv6Addr) -> ProxyNeighbour {
    ProxyNeighbour {
        link,
        ip,
        extern_learn: true,
    }
}

fn own(mut route: Route) -> Route {
    route.protocol = PROTOCOL;
    if route.to.addr().is_ipv6() {
        route.metric = Some(IPV6_METRIC);
    }
    route
}

fn any(ipv6: bool) -> IpPrefix {
    if ipv6 {
        IpPrefix::DEFAULT_V6
    } else {
        IpPrefix::DEFAULT_V4
    }
}

fn both<T>(make: impl Fn(bool) -> T) -> impl Iterator<Item = T> {
    [false, true].into_iter().map(make)
}

pub fn netns_prefix(prefix: &bgp_wire::IpPrefix) -> Option<IpPrefix> {
    let address = prefix.address();
    if address.is_multicast() {
        return None;
    }
    IpPrefix::new(address, prefix.len())
}
