//! What the daemon takes from the host it runs on: addresses and the dataplane.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

use dataplane::{
    Driver, DummyDriver, LearningOptions, LinuxDriver, LinuxOptions, LinuxVxlanDriver,
    LinuxVxlanOptions, Reporter,
};
use netns::link::{LinkError, Netlink};
use thiserror::Error;

use vpn::IpVpnIntent;

use crate::config::{self, Config, Evpn, Ipvpn, LocalAddress};

const EVPN: &str = "DATAPLANE_DRIVER_EVPN";
const IPVPN: &str = "DATAPLANE_DRIVER_IPVPN";

/// A configured interface does not give an address.
#[derive(Debug, Error)]
pub enum AddressError {
    /// There is no such interface.
    #[error("interface `{0}` does not exist")]
    NoInterface(String),
    /// It has none that others could reach.
    #[error("no address found on interface `{0}`")]
    NoAddress(String),
    /// Nothing of IPv4 to identify the speaker by.
    #[error(
        "`{0}` is of IPv6, and a speaker is identified by 32 bits: set option `router_id` of section [BGP] to an \
         IPv4 address that no other speaker has"
    )]
    NoRouterId(Ipv6Addr),
    /// The kernel cannot be asked.
    #[error("cannot read the addresses of interface `{name}`")]
    Netlink {
        /// The interface.
        name: String,
        /// What the kernel said.
        source: LinkError,
    },
}

/// By what others know this host.
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    /// Where BGP sessions come from.
    pub bgp: IpAddr,
    /// The BGP identifier (RFC 4271 section 4.2).
    pub router_id: Ipv4Addr,
    /// Where tunnels of E-VPN end.
    pub vtep: IpAddr,
    /// Where tunnels of IP VPNs end.
    pub pe: IpAddr,
}

/// An option of the configuration does not give an address.
#[derive(Debug, Error)]
#[error("option `{option}` of section [{section}]")]
pub struct OptionError {
    /// Its section.
    pub section: &'static str,
    /// Its name.
    pub option: &'static str,
    source: Box<AddressError>,
}

impl Addresses {
    /// Those that are not this host's, or not yet, with section and name of the option that they come from.
    pub fn elsewhere(&self) -> Vec<(IpAddr, &'static str, &'static str)> {
        let is_elsewhere = |address: &IpAddr| {
            let bound = UdpSocket::bind((*address, 0));
            bound.is_err_and(|error| error.kind() == io::ErrorKind::AddrNotAvailable)
        };
        let mut all = vec![
            (self.bgp, "BGP", "local_address"),
            (self.vtep, EVPN, "dataplane_local_address"),
            (self.pe, IPVPN, "dataplane_local_address"),
        ];
        // By default they are the first.
        let mut seen = BTreeSet::new();
        all.retain(|(address, ..)| seen.insert(*address) && is_elsewhere(address));
        all
    }

    /// Those that are configured.
    ///
    /// # Errors
    /// An interface that is not there or has none; no BGP identifier.
    pub async fn of(config: &Config) -> Result<Self, OptionError> {
        let wrong = |section, option| {
            move |source: AddressError| OptionError {
                section,
                option,
                source: source.into(),
            }
        };
        let bgp = address(&config.bgp.local_address).await;
        let bgp = bgp.map_err(wrong("BGP", "local_address"))?;
        let router_id = match (config.bgp.router_id, bgp) {
            (Some(router_id), _) | (None, IpAddr::V4(router_id)) => router_id,
            (None, IpAddr::V6(address)) => {
                return Err(wrong("BGP", "local_address")(AddressError::NoRouterId(
                    address,
                )));
            }
        };
        let tunnels = async |section, configured: &Option<LocalAddress>| match configured {
            None => Ok(bgp),
            Some(configured) => {
                let found = address(configured).await;
                found.map_err(wrong(section, "dataplane_local_address"))
            }
        };
        Ok(Self {
            bgp,
            router_id,
            vtep: tunnels(EVPN, &config.evpn.local_address).await?,
            pe: tunnels(IPVPN, &config.ipvpn.local_address).await?,
        })
    }
}

/// The address itself, or the first one of the interface: of IPv4, else of IPv6.
async fn address(configured: &LocalAddress) -> Result<IpAddr, AddressError> {
    let name = match configured {
        LocalAddress::Address(address) => return Ok(*address),
        LocalAddress::Interface(name) => name,
    };
    let failed = |source: LinkError| {
        if source.is_not_found() {
            AddressError::NoInterface(name.clone())
        } else {
            AddressError::Netlink {
                name: name.clone(),
                source,
            }
        }
    };
    let netlink = Netlink::current().map_err(failed)?;
    let link = netlink.index(name).await.map_err(failed)?;
    let addresses = netlink.addresses().await.map_err(failed)?;
    let addresses = addresses.iter().filter(|address| address.link == link);
    let mut addresses = addresses
        .map(|address| address.prefix.addr())
        .filter(|address| config::is_host(*address));
    let first = addresses.clone().find(IpAddr::is_ipv4);
    first
        .or_else(|| addresses.next())
        .ok_or_else(|| AddressError::NoAddress(name.clone()))
}

/// The E-VPN dataplane driver that is configured; nothing is touched yet. The reporter is told of MACs that it learns.
pub fn evpn_driver(evpn: &Evpn, reporter: Option<Reporter>) -> Box<dyn Driver> {
    match evpn.driver {
        config::EvpnDriver::Dummy => Box::new(DummyDriver::new()),
        config::EvpnDriver::Linux => Box::new(LinuxDriver::new(LinuxOptions {
            vxlan_port: evpn.vxlan_dst_port,
            learning: LearningOptions {
                reporter,
                limit: Some(evpn.mac_learning_limit),
                ageing: evpn.mac_ageing_time,
            },
            ..LinuxOptions::default()
        })),
    }
}

/// The IP VPN dataplane driver that is configured, if this version has it; nothing is touched yet.
pub fn ipvpn_driver(ipvpn: &Ipvpn) -> Option<Box<dyn Driver<IpVpnIntent>>> {
    match ipvpn.driver {
        config::IpvpnDriver::Dummy => Some(Box::new(DummyDriver::ipvpn())),
        config::IpvpnDriver::LinuxVxlan => {
            Some(Box::new(LinuxVxlanDriver::new(LinuxVxlanOptions {
                vxlan_port: ipvpn.vxlan_dst_port,
                ..LinuxVxlanOptions::default()
            })))
        }
        config::IpvpnDriver::Linux | config::IpvpnDriver::Ovs => None,
    }
}
