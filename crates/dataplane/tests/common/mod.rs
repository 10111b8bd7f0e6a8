//! Hosts, an underlay between them and machines behind their ports, all in throw-away namespaces.

// Each test binary uses a part of it.
#![allow(dead_code)]

pub mod ipvpn;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bgp_wire::{MacAddr, Vni};
use dataplane::{Driver, LearningOptions, LinuxDriver, LinuxOptions};
use netns::addr::IpPrefix;
use netns::icmp::{self, Echo, PingError};
use netns::link::{
    Address, EntryState, FdbEntry, FdbTable, Groups, Link, LinkSpec, Monitor, Neighbour, Netlink,
    Veth,
};
use netns::ns::NetNs;
use netns::packet::Frame;
use vpn::intent::{EvpnIntent, FloodTarget, InstanceId, Port, RemoteMac};

/// Longer than anything takes, shorter than an ARP retry (1 s).
pub const AT_ONCE: Duration = Duration::from_millis(900);
/// How long a fact may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Skips the rest of a test, visibly, where the kernel allows no namespaces.
#[macro_export]
macro_rules! need {
    ($made:expr) => {
        match $made {
            Some(made) => made,
            None => return,
        }
    };
}

/// A namespace; as an ordinary user run the tests under `unshare --user --map-root-user`.
pub fn namespace() -> Option<NetNs> {
    match NetNs::create() {
        Ok(made) => Some(made),
        Err(error) if error.is_permission() => {
            eprintln!("SKIPPED: {error}: {}", error.source);
            None
        }
        Err(error) => panic!("{error}: {}", error.source),
    }
}

/// A host that runs a driver.
pub struct Host {
    pub ns: NetNs,
    pub netlink: Netlink,
    pub vtep: IpAddr,
}

/// A machine behind a port of a host.
pub struct Machine {
    pub ns: NetNs,
    pub port: String,
    pub mac: MacAddr,
    pub ip: IpAddr,
}

/// Two hosts, 10.0.0.1 and 10.0.0.2, joined by a cable; `underlay` at both.
pub async fn hosts() -> Option<(Host, Host)> {
    let (a, b) = (host(1)?, host(2)?);
    let end = |host: &Host| LinkSpec::up("underlay").in_ns(&host.ns);
    let veth = Veth {
        a: end(&a),
        b: end(&b),
    };
    a.netlink.create_veth(&veth).await.unwrap();
    for host in [&a, &b] {
        let index = host.netlink.index("underlay").await.unwrap();
        let prefix = IpPrefix::new(host.vtep, 24).unwrap();
        let address = Address::new(index, prefix).add();
        host.netlink.apply(address).await.unwrap();
        ready(&host.ns, "underlay").await;
    }
    Some((a, b))
}

/// A host without an underlay.
pub fn host(n: u8) -> Option<Host> {
    let ns = namespace()?;
    Some(Host {
        netlink: Netlink::in_ns(&ns).unwrap(),
        vtep: pe(n),
        ns,
    })
}

impl Host {
    /// A started driver in the host's namespace.
    pub async fn driver(&self) -> LinuxDriver {
        self.learning(LearningOptions::default()).await
    }

    /// The same, which learns.
    pub async fn learning(&self, learning: LearningOptions) -> LinuxDriver {
        let mut driver = LinuxDriver::new(LinuxOptions {
            learning,
            namespace: Some(self.ns.clone()),
            ..LinuxOptions::default()
        });
        driver.start().await.unwrap();
        driver
    }

    /// A machine with 02:00:00:00:00:N and 12.11.11.N behind port `tapN`, which is down.
    pub async fn machine(&self, n: u8) -> Machine {
        let ns = NetNs::create().unwrap();
        let port = format!("tap{n}");
        let machine = Machine {
            mac: mac(n),
            ip: ip(n),
            port: port.clone(),
            ns: ns.clone(),
        };
        let a = LinkSpec {
            name: port,
            ns: Some(self.ns.clone()),
            ..LinkSpec::default()
        };
        let b = LinkSpec::up("eth0").in_ns(&ns).mac(machine.mac.0);
        self.netlink.create_veth(&Veth { a, b }).await.unwrap();
        let netlink = Netlink::in_ns(&ns).unwrap();
        let eth0 = netlink.index("eth0").await.unwrap();
        let address = Address::new(eth0, IpPrefix::new(machine.ip, 24).unwrap());
        netlink.apply(address.add()).await.unwrap();
        machine
    }

    /// An instance that holds nothing yet.
    pub fn intent(&self, external_id: &str, number: u32) -> EvpnIntent {
        EvpnIntent {
            instance: InstanceId(number),
            external_id: external_id.into(),
            vni: vni(number),
            local_vtep: self.vtep,
            linuxbr: None,
            gateway: None,
            gateway_port: None,
            ports: vpn::SharedMap::new(),
            remote_macs: vpn::SharedMap::new(),
            neighbours: vpn::SharedMap::new(),
            flood: vpn::SharedSet::new(),
        }
    }

    /// Links and what the driver can put into tables, without what changes by itself.
    pub async fn dump(&self) -> Dump {
        let mut links = self.netlink.links().await.unwrap();
        for link in &mut links {
            link.counters = Default::default();
            (link.carrier, link.operational) = (false, false);
        }
        let mut entries = self.netlink.fdb(None).await.unwrap();
        entries.retain(|entry| {
            entry.dst.is_some()
                || (entry.table == FdbTable::Master && entry.state != EntryState::Dynamic)
        });
        let mut neighbours = self.netlink.neighbours(None).await.unwrap();
        neighbours.retain(|neighbour| neighbour.state == EntryState::Permanent);
        Dump {
            links,
            entries,
            neighbours,
        }
    }

    /// Whether the link is there.
    pub async fn has(&self, link: &str) -> bool {
        self.netlink.link(link).await.is_ok()
    }

    /// A listener to every change of links and tables.
    pub fn monitor(&self) -> Monitor {
        let groups = Groups {
            links: true,
            neighbours: true,
            ..Groups::default()
        };
        Monitor::open(&self.ns, groups).unwrap()
    }
}

#[derive(Debug, PartialEq)]
pub struct Dump {
    pub links: Vec<Link>,
    pub entries: Vec<FdbEntry>,
    pub neighbours: Vec<Neighbour>,
}

impl Machine {
    /// Waits until the machine can send.
    pub async fn ready(&self) {
        ready(&self.ns, "eth0").await;
    }

    pub async fn ping(&self, to: &Machine) -> Result<(), PingError> {
        let echo = Echo {
            timeout: AT_ONCE,
            ..Echo::to(to.ip)
        };
        icmp::ping(&self.ns, None, echo).await.map(drop)
    }

    /// The port with the machine's MAC and address.
    pub fn attached(&self) -> (Arc<str>, Port) {
        let endpoints = [(self.mac, Some(self.ip))].into();
        let port = Port {
            endpoints,
            ..Port::default()
        };
        (self.port.as_str().into(), port)
    }
}

/// Waits until a link has a carrier and sends.
pub async fn ready(ns: &NetNs, link: &str) {
    let groups = Groups {
        links: true,
        ..Groups::default()
    };
    let mut changes = Monitor::open(ns, groups).unwrap();
    let netlink = Netlink::in_ns(ns).unwrap();
    while !netlink.link(link).await.unwrap().operational {
        let change = tokio::time::timeout(PATIENCE, changes.next()).await;
        change.unwrap().unwrap();
    }
}

/// What a remote host's machine looks like from here: its MAC, its address, and where to flood.
pub fn learn(intent: &mut EvpnIntent, machine: &Machine, vtep: IpAddr, number: u32) {
    learn_mac(intent, machine, vtep, number);
    intent.neighbours.insert(machine.ip, machine.mac);
}

/// The same when the remote host knows no address of the machine.
pub fn learn_mac(intent: &mut EvpnIntent, machine: &Machine, vtep: IpAddr, number: u32) {
    let vni = vni(number);
    let remote = RemoteMac {
        vtep,
        vni,
        pinned: false,
    };
    intent.remote_macs.insert(machine.mac, remote);
    intent.flood.insert(FloodTarget { vtep, vni });
}

pub fn arc(intent: &EvpnIntent) -> Arc<EvpnIntent> {
    Arc::new(intent.clone())
}

pub fn mac(n: u8) -> MacAddr {
    MacAddr([2, 0, 0, 0, 0, n])
}

pub fn ip(n: u8) -> IpAddr {
    IpAddr::from([12, 11, 11, n])
}

pub fn pe(n: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, n])
}

pub fn vni(n: u32) -> Vni {
    Vni::new(n).unwrap()
}

/// The VNI and the inner Ethernet type of a VXLAN packet over IPv4.
pub fn vxlan(frame: &Frame) -> Option<(u32, u16)> {
    let data = &frame.data;
    let udp = data.get(12..14) == Some(&[0x08, 0x00]) && data.get(23) == Some(&17);
    if !udp || data.get(36..38) != Some(&4789_u16.to_be_bytes()) {
        return None;
    }
    let vni = u32::from_be_bytes(data.get(46..50)?.try_into().ok()?) >> 8;
    let kind = u16::from_be_bytes(data.get(62..64)?.try_into().ok()?);
    Some((vni, kind))
}
