//! Configuration: files and environment, as written ([`RawConfig`]) and as meant ([`Config`]).

pub mod error;
pub mod ini;
mod known;
mod peer;
mod raw;
mod resolve;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use vpn::DuplicateDetection;

use crate::logging::LogOptions;

use bgp_transport::Password;

pub use self::{
    error::{ConfigError, ConfigErrorKind, Place},
    peer::{Host, PeerName},
    raw::RawConfig,
    resolve::{api_address, api_port},
};

/// The file read when none is named, unless [`FILE_VARIABLE`] names another.
pub const DEFAULT_FILE: &str = "/etc/bagpipe-bgp/bgp.conf";

/// Environment variable that names the file to read when no argument does.
pub const FILE_VARIABLE: &str = "BAGPIPE_BGP_CONFIG_FILE";

/// The file to read when no argument names one.
pub fn default_file() -> PathBuf {
    std::env::var_os(FILE_VARIABLE)
        .filter(|name| !name.is_empty())
        .map_or_else(|| DEFAULT_FILE.into(), PathBuf::from)
}

/// Port of the REST API when none is configured.
pub const DEFAULT_API_PORT: u16 = 8082;

/// The configuration as it is meant; every value is one the daemon can work with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `[COMMON]`.
    pub common: Common,
    /// `[API]`.
    pub api: Api,
    /// `[BGP]`.
    pub bgp: Bgp,
    /// `[DATAPLANE_DRIVER_EVPN]`.
    pub evpn: Evpn,
    /// `[DATAPLANE_DRIVER_IPVPN]`.
    pub ipvpn: Ipvpn,
    /// The log options of `[DEFAULT]`.
    pub log: LogOptions,
}

/// `[COMMON]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Common {
    /// Prefix of privileged commands. Nothing here runs commands; accepted for old files.
    pub root_helper: String,
    /// Daemon that runs privileged commands; accepted for old files.
    pub root_helper_daemon: Option<String>,
    /// File that attachments are kept in over a restart of the daemon; nothing is kept if there is none.
    pub persist: Option<PathBuf>,
    /// How soon kept attachments have to be attached again before they are detached; `None` if they need not.
    pub persist_confirm_time: Option<Duration>,
    /// Leave the dataplane as it is when the daemon is ended, whatever the signal.
    pub keep_forwarding: bool,
}

/// `[API]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api {
    /// Address or name to listen on, or `unix:` and a path.
    pub host: String,
    /// TCP port; 0 lets the system choose.
    pub port: u16,
    /// Mode of the Unix socket.
    pub socket_mode: u32,
    /// File with the token that clients have to know.
    pub token_file: Option<PathBuf>,
    /// How connections are secured.
    pub tls: Option<Tls>,
}

/// TLS of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// File with the certificate, and those between it and its root.
    pub cert: PathBuf,
    /// File with its key.
    pub key: PathBuf,
    /// File with the certificates that clients' certificates have to come from; none asks for none.
    pub client_ca: Option<PathBuf>,
}

/// `[BGP]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bgp {
    /// Source of sessions, and next hop unless the dataplane has its own.
    pub local_address: LocalAddress,
    /// BGP identifier and prefix of route distinguishers; unset, an IPv4 `local_address`.
    pub router_id: Option<Ipv4Addr>,
    /// Route reflectors to connect to.
    pub peers: Vec<PeerName>,
    /// Peers that connect to the daemon, and are not connected to.
    pub passive_peers: Vec<PeerName>,
    /// Whether peers can connect to the daemon; unset, where none of them is on this host.
    pub listen: Option<bool>,
    /// The TCP port for that; `bgp_port` when there is none.
    pub listen_port: Option<u16>,
    /// What connections with peers are signed with (RFC 2385).
    pub md5_password: Option<Password>,
    /// The same for single peers.
    pub md5_passwords: BTreeMap<IpAddr, Password>,
    /// Own AS and that of the peers.
    pub my_as: u32,
    /// Offer RT-Constraint (RFC 4684).
    pub enable_rtc: bool,
    /// TCP port of the peers.
    pub bgp_port: u16,
    /// Hold time to propose, in seconds: 0 or at least 3.
    pub hold_time: u16,
    /// Wait before the second attempt to connect; it doubles from there.
    pub connect_retry: Duration,
    /// Longest wait between attempts to connect.
    pub connect_retry_max: Duration,
    /// How long peers are asked to keep the routes of this daemon when it restarts; 0 does not ask for it. Whole seconds,
    /// 4095 at most (RFC 4724 section 3).
    pub graceful_restart_time: u16,
    /// How long routes of a peer that restarts are kept at most, whatever it announces; 0 keeps none.
    pub graceful_restart_max: Duration,
    /// How long a peer that is back may take to confirm the routes that were kept.
    pub stale_path_time: Duration,
    /// How long after it has said that its routes are complete those that it has not confirmed stay.
    pub end_of_rib_wait: Duration,
}

impl Bgp {
    /// Every peer, and whether it is the one that connects.
    pub fn all_peers(&self) -> impl Iterator<Item = (&PeerName, bool)> {
        let active = self.peers.iter().map(|peer| (peer, false));
        active.chain(self.passive_peers.iter().map(|peer| (peer, true)))
    }

    /// What connections with a peer are signed with.
    pub fn password(&self, peer: IpAddr) -> Option<&Password> {
        self.md5_passwords.get(&peer).or(self.md5_password.as_ref())
    }
}

/// `[DATAPLANE_DRIVER_EVPN]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evpn {
    /// Which driver.
    pub driver: EvpnDriver,
    /// Source of tunnels and next hop of routes; the BGP address when there is none.
    pub local_address: Option<LocalAddress>,
    /// UDP port of VXLAN.
    pub vxlan_dst_port: u16,
    /// How long what a previous run left in the dataplane is kept for instances to be attached again.
    pub stale_time: Duration,
    /// When a MAC is taken for a duplicate.
    pub duplicates: DuplicateDetection,
    /// After what silence a learnt MAC is forgotten; the kernel's choice if none.
    pub mac_ageing_time: Option<Duration>,
    /// How many MACs are learnt at one port.
    pub mac_learning_limit: usize,
}

/// Dataplane drivers for E-VPN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvpnDriver {
    /// Forwards nothing.
    Dummy,
    /// Bridges and VXLAN devices of the kernel.
    Linux,
}

impl fmt::Display for EvpnDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dummy => "dummy",
            Self::Linux => "linux",
        })
    }
}

/// `[DATAPLANE_DRIVER_IPVPN]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ipvpn {
    /// Which driver.
    pub driver: IpvpnDriver,
    /// Source of tunnels and next hop of routes; the BGP address when there is none.
    pub local_address: Option<LocalAddress>,
    /// UDP port of VXLAN; where E-VPN uses VXLAN too it has to be another.
    pub vxlan_dst_port: u16,
    /// How many instances are made at most because Flowspec routes redirect to them.
    pub redirect_instances: usize,
}

/// Dataplane drivers for IP VPN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IpvpnDriver {
    /// Forwards nothing.
    Dummy,
    /// Routing tables and one VXLAN device of the kernel.
    LinuxVxlan,
    /// MPLS of the kernel: not in this version.
    Linux,
    /// Open vSwitch: not in this version.
    Ovs,
}

impl fmt::Display for IpvpnDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dummy => "dummy",
            Self::LinuxVxlan => "linux-vxlan",
            Self::Linux => "linux",
            Self::Ovs => "ovs",
        })
    }
}

/// An address, or the interface whose first one is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocalAddress {
    /// The address itself.
    Address(IpAddr),
    /// The first IPv4 address of this interface, or the first IPv6 one if it has none.
    Interface(String),
}

/// Whether others can reach a host by an address, wherever they are.
pub(crate) fn is_host(address: IpAddr) -> bool {
    let is_on_link = matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local());
    let is_mapped = matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some());
    !address.is_unspecified() && !address.is_multicast() && !is_on_link && !is_mapped
}

impl FromStr for LocalAddress {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        // What only looks like an address must not be taken for an interface of that name.
        let numeric = text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
        let name = !text.is_empty()
            && text.len() < 16
            && !text
                .bytes()
                .any(|byte| matches!(byte, b'/' | b':') || byte.is_ascii_whitespace());
        match text.parse::<IpAddr>() {
            Ok(address) if is_host(address) => Ok(Self::Address(address)),
            Ok(_) => Err(()),
            Err(_) if name && !numeric => Ok(Self::Interface(text.to_owned())),
            Err(_) => Err(()),
        }
    }
}

impl fmt::Display for LocalAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Interface(name) => f.write_str(name),
        }
    }
}
