//! Machines in IP VPNs.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use bgp_wire::Label;
use dataplane::{Driver, LinuxVxlanDriver, LinuxVxlanOptions};
use netns::icmp::{self, Echo, PingError};
use netns::link::{Address, LinkSpec, Neighbour, Netlink, ProxyNeighbour, Route, Rule, Veth};
use netns::ns::NetNs;
use vpn::intent::{Gateway, InstanceId, IpVpnEndpoint, IpVpnPort, NextHop};
use vpn::{Direction, Encap, Few, IpVpnIntent};

use super::{AT_ONCE, Host, mac, ready};

pub async fn driver(host: &Host) -> LinuxVxlanDriver {
    let mut driver = LinuxVxlanDriver::new(LinuxVxlanOptions {
        namespace: Some(host.ns.clone()),
        ..LinuxVxlanOptions::default()
    });
    driver.start().await.unwrap();
    driver
}

/// A machine with addresses of its own and a default route by a gateway.
pub struct Vm {
    pub ns: NetNs,
    pub port: String,
    mac: u8,
    pub ips: Vec<IpAddr>,
}

/// A machine `N` behind port `tapN`; `addresses` with their lengths, and their gateways.
pub async fn vm(host: &Host, n: u8, addresses: &[(&str, &str)]) -> Vm {
    let ns = NetNs::create().unwrap();
    let port = format!("tap{n}");
    let a = LinkSpec {
        name: port.clone(),
        ns: Some(host.ns.clone()),
        ..LinkSpec::default()
    };
    let b = LinkSpec::up("eth0").in_ns(&ns).mac(mac(n).0);
    host.netlink.create_veth(&Veth { a, b }).await.unwrap();
    let netlink = Netlink::in_ns(&ns).unwrap();
    let eth0 = netlink.index("eth0").await.unwrap();
    netns::sysctl::write(&ns, "net.ipv6.conf.eth0.accept_dad", "0").unwrap();
    let mut ips = Vec::new();
    for (address, gateway) in addresses {
        let prefix: netns::addr::IpPrefix = address.parse().unwrap();
        ips.push(prefix.addr());
        netlink
            .apply(Address::new(eth0, prefix).add())
            .await
            .unwrap();
        let gateway: IpAddr = gateway.parse().unwrap();
        let any = if gateway.is_ipv4() {
            "0.0.0.0/0"
        } else {
            "::/0"
        };
        let route = Route::to(any.parse().unwrap()).via(gateway).link(eth0);
        netlink.apply(route.replace()).await.unwrap();
    }
    Vm {
        ns,
        port,
        mac: n,
        ips,
    }
}

impl Vm {
    pub async fn ping(&self, to: IpAddr) -> Result<(), PingError> {
        let echo = Echo {
            timeout: AT_ONCE,
            ..Echo::to(to)
        };
        icmp::ping(&self.ns, None, echo).await.map(drop)
    }

    pub async fn ready(&self) {
        ready(&self.ns, "eth0").await;
    }

    /// The port with the machine's addresses, reached with `label`.
    pub fn attached(&self, label: u32) -> (Arc<str>, IpVpnPort) {
        let endpoints = self.ips.iter().map(|ip| IpVpnEndpoint {
            mac: mac(self.mac),
            ip: *ip,
            prefix: bgp_wire::IpPrefix::host(*ip),
            label: Label::new(label).unwrap(),
            direction: Direction::Both,
        });
        let port = IpVpnPort {
            endpoints: endpoints.collect(),
            vlan: None,
            link: None,
        };
        (self.port.as_str().into(), port)
    }
}

pub fn intent(host: &Host, name: &str, number: u32, gateway: &str) -> IpVpnIntent {
    IpVpnIntent {
        instance: InstanceId(number),
        external_id: name.into(),
        local_pe: host.vtep,
        gateway: Some(Gateway {
            address: gateway.parse().unwrap(),
            prefix_len: if gateway.contains(':') { 64 } else { 24 },
        }),
        ports: vpn::SharedMap::new(),
        routes: vpn::SharedMap::new(),
        flows: BTreeMap::new(),
        fallback: None,
    }
}

pub fn learn_prefix(intent: &mut IpVpnIntent, to: &str, pe: IpAddr, label: u32) {
    let next_hop = NextHop {
        order: 0,
        pe,
        label: Label::new(label).unwrap(),
        encap: Encap::Vxlan,
    };
    let to = to.parse().unwrap();
    intent.routes.insert(to, Few::One(next_hop));
}

/// Machines 1 and 2 behind a port on either host, reached with labels 17 and 18, and what brings them together.
pub async fn joined(
    hosts: [&Host; 2],
    addresses: [(&str, &str); 2],
) -> ([Vm; 2], [IpVpnIntent; 2]) {
    let vms = [
        vm(hosts[0], 1, &addresses[..1]).await,
        vm(hosts[1], 2, &addresses[1..]).await,
    ];
    let mut intents = [0, 1].map(|at| intent(hosts[at], "v", 1, addresses[at].1));
    for (at, (vm, label)) in vms.iter().zip([17, 18]).enumerate() {
        intents[at].ports.extend([vm.attached(label)]);
        let there = bgp_wire::IpPrefix::host(vm.ips[0]).to_string();
        learn_prefix(&mut intents[1 - at], &there, hosts[at].vtep, label);
    }
    (vms, intents)
}

pub async fn apply(driver: &mut LinuxVxlanDriver, intent: &IpVpnIntent) {
    driver.apply(Arc::new(intent.clone())).await.unwrap();
}

/// Routes, rules, neighbours, the same it answers for, names of links.
pub type IpDump = (
    Vec<Route>,
    Vec<Rule>,
    Vec<Neighbour>,
    Vec<ProxyNeighbour>,
    Vec<String>,
);

/// What the driver can change on a host.
pub async fn dump(host: &Host) -> IpDump {
    let mut routes = host.netlink.routes(None).await.unwrap();
    // The kernel's own come and go with addresses.
    routes.retain(|route| route.protocol != 2);
    let links = host.netlink.links().await.unwrap();
    let mut neighbours = host.netlink.neighbours(None).await.unwrap();
    neighbours.retain(|neighbour| neighbour.extern_learn);
    (
        routes,
        host.netlink.rules().await.unwrap(),
        neighbours,
        host.netlink.proxy_neighbours().await.unwrap(),
        links.into_iter().map(|link| link.name).collect(),
    )
}
