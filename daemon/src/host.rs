//! What the daemon takes from the host it runs on: addresses and the dataplane.

use std::net::{IpAddr, Ipv4Addr};

use dataplane::{
    Driver, DummyDriver, LinuxDriver, LinuxOptions, LinuxVxlanDriver, LinuxVxlanOptions,
};
use netns::link::{LinkError, Netlink};
use thiserror::Error;

use vpn::IpVpnIntent;

use crate::config::{self, Evpn, Ipvpn, LocalAddress};

/// A configured interface does not give an address.
#[derive(Debug, Error)]
pub enum AddressError {
    /// There is no such interface.
    #[error("interface `{0}` does not exist")]
    NoInterface(String),
    /// It has no IPv4 address.
    #[error("no IPv4 address found on interface `{0}`")]
    NoAddress(String),
    /// The kernel cannot be asked.
    #[error("cannot read the addresses of interface `{name}`")]
    Netlink {
        /// The interface.
        name: String,
        /// What the kernel said.
        source: LinkError,
    },
}

/// The address itself, or the first one of the interface.
///
/// # Errors
/// The interface is not there, or has none.
pub async fn address(configured: &LocalAddress) -> Result<Ipv4Addr, AddressError> {
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
    addresses
        .iter()
        .filter(|address| address.link == link)
        .find_map(|address| match address.prefix.addr() {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        })
        .ok_or_else(|| AddressError::NoAddress(name.clone()))
}

/// The E-VPN dataplane driver that is configured; nothing is touched yet.
pub fn evpn_driver(evpn: &Evpn) -> Box<dyn Driver> {
    match evpn.driver {
        config::EvpnDriver::Dummy => Box::new(DummyDriver::new()),
        config::EvpnDriver::Linux => Box::new(LinuxDriver::new(LinuxOptions {
            vxlan_port: evpn.vxlan_dst_port,
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
