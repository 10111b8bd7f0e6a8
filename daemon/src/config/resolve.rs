//! From what was written to what is meant.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, ToSocketAddrs as _},
    path::PathBuf,
    time::Duration,
};

use bgp_transport::Password;

use tracing::level_filters::LevelFilter;
use vpn::DuplicateDetection;

use super::error::{ConfigErrorKind, Place};
use super::{
    Api, Bgp, Common, Config, ConfigError, DEFAULT_API_PORT, Evpn, EvpnDriver, Ipvpn, IpvpnDriver,
    RawConfig, Tls,
};
use crate::logging::{self, Facility, LogOptions, Rotation};

const LOCAL_ADDRESS: &str = "must be the address of a host or the name of an interface";
const ROUTER_ID: &str = "must be an IPv4 address other than 0.0.0.0, that no other speaker has";
const PEERS: &str = "must be addresses or names, with or without `:port`, separated by commas";
const PORT: &str = "must be a port, 1 to 65535";
const PASSWORD: &str = "must have 1 to 80 octets";
const BOOLEAN: &str = "must be true or false";
const EVPN: &str = "DATAPLANE_DRIVER_EVPN";
/// Agents look every ten seconds whether the daemon was restarted; this gives them six times that.
const STALE_TIME: Duration = Duration::from_secs(60);
const IPVPN: &str = "DATAPLANE_DRIVER_IPVPN";

impl Config {
    /// Gives every option its value.
    ///
    /// # Errors
    /// A required option that is missing, or a value that breaks the rule of its option.
    pub fn resolve(raw: &RawConfig) -> Result<Self, ConfigError> {
        let local_address = raw
            .parsed("BGP", "local_address", LOCAL_ADDRESS)?
            .ok_or_else(|| raw.missing("BGP", "local_address"))?;
        let router_id = raw.with("BGP", "router_id", ROUTER_ID, |text| {
            let id: Option<Ipv4Addr> = text.parse().ok();
            id.filter(|id| !id.is_unspecified())
        })?;
        let my_as = raw
            .with(
                "BGP",
                "my_as",
                "must be an AS number, 1 to 4294967295",
                |text| text.parse().ok().filter(|asn| *asn > 0),
            )?
            .ok_or_else(|| raw.missing("BGP", "my_as"))?;
        let bgp = Bgp {
            local_address,
            router_id,
            peers: raw.list("BGP", "peers", PEERS)?,
            passive_peers: raw.list("BGP", "passive_peers", PEERS)?,
            md5_password: secret(raw, "md5_password", PASSWORD, |text| text.parse().ok())?,
            md5_passwords: passwords(raw)?,
            listen: boolean(raw, "BGP", "listen")?,
            listen_port: port(raw, "BGP", "listen_port")?,
            my_as,
            enable_rtc: boolean(raw, "BGP", "enable_rtc")?.unwrap_or(true),
            bgp_port: port(raw, "BGP", "bgp_port")?.unwrap_or(179),
            hold_time: raw
                .with(
                    "BGP",
                    "hold_time",
                    "must be 0 or 3 to 65535 seconds",
                    |text| text.parse().ok().filter(|time| !matches!(time, 1 | 2)),
                )?
                .unwrap_or(180),
            connect_retry: seconds(raw, "BGP", "connect_retry", 0.01)?
                .unwrap_or(Duration::from_millis(100)),
            connect_retry_max: seconds(raw, "BGP", "connect_retry_max", 0.01)?
                .unwrap_or(Duration::from_secs(5)),
            graceful_restart_time: raw
                .with(
                    "BGP",
                    "graceful_restart_time",
                    "must be 0 to 4095 seconds",
                    |text| text.parse().ok().filter(|time| *time <= 4095),
                )?
                .unwrap_or(0),
            graceful_restart_max: seconds(raw, "BGP", "graceful_restart_max", 0.0)?
                .unwrap_or(Duration::from_secs(300)),
            stale_path_time: seconds(raw, "BGP", "stale_path_time", 1.0)?
                .unwrap_or(Duration::from_secs(360)),
            end_of_rib_wait: seconds(raw, "BGP", "end_of_rib_wait", 0.0)?
                .unwrap_or(Duration::from_secs(5)),
        };
        let evpn = Evpn {
            driver: evpn_driver(raw)?,
            local_address: raw.parsed(EVPN, "dataplane_local_address", LOCAL_ADDRESS)?,
            vxlan_dst_port: port(raw, EVPN, "vxlan_dst_port")?.unwrap_or(4789),
            stale_time: seconds(raw, EVPN, "stale_time", 0.0)?.unwrap_or(STALE_TIME),
            duplicates: duplicates(raw)?,
            mac_ageing_time: seconds(raw, EVPN, "mac_ageing_time", 1.0)?,
            mac_learning_limit: mac_learning_limit(raw)?,
        };
        let ipvpn = ipvpn(raw)?;
        let both = evpn.driver == EvpnDriver::Linux && ipvpn.driver == IpvpnDriver::LinuxVxlan;
        if both && evpn.vxlan_dst_port == ipvpn.vxlan_dst_port {
            return Err(ConfigErrorKind::SamePort(ipvpn.vxlan_dst_port).at(Place::Nowhere));
        }
        Ok(Self {
            common: Common {
                root_helper: raw
                    .text("COMMON", "root_helper")?
                    .unwrap_or_else(|| "sudo".into()),
                root_helper_daemon: raw.text("COMMON", "root_helper_daemon")?,
                persist: raw.text("COMMON", "persist")?.map(PathBuf::from),
                persist_confirm_time: seconds(raw, "COMMON", "persist_confirm_time", 0.0)?
                    .filter(|time| !time.is_zero()),
                keep_forwarding: boolean(raw, "COMMON", "keep_forwarding")?.unwrap_or(false),
            },
            api: api(raw)?,
            bgp,
            evpn,
            ipvpn,
            log: log(raw)?,
        })
    }
}

fn api(raw: &RawConfig) -> Result<Api, ConfigError> {
    let host = raw.with(
        "API",
        "host",
        "must be an address, a name, or `unix:` and an absolute path",
        |text| match text.strip_prefix("unix:") {
            Some(path) if !path.starts_with('/') => None,
            _ => Some(text.to_owned()),
        },
    )?;
    let mode = raw.with(
        "API",
        "socket_mode",
        "must be the mode of a file in octal digits, as 660",
        |text| {
            u32::from_str_radix(text, 8)
                .ok()
                .filter(|mode| *mode <= 0o777)
        },
    )?;
    let file = |option: &'static str| -> Result<Option<PathBuf>, ConfigError> {
        let text = raw.text("API", option)?.filter(|text| !text.is_empty());
        Ok(text.map(PathBuf::from))
    };
    let tls = match (file("tls_cert")?, file("tls_key")?, file("client_ca")?) {
        (Some(cert), Some(key), client_ca) => Some(Tls {
            cert,
            key,
            client_ca,
        }),
        (None, None, None) => None,
        (None, ..) => return Err(raw.missing("API", "tls_cert")),
        (_, None, _) => return Err(raw.missing("API", "tls_key")),
    };
    Ok(Api {
        host: host.unwrap_or_else(|| "127.0.0.1".into()),
        port: raw
            .parsed("API", "port", "must be a port, 0 to 65535")?
            .unwrap_or(DEFAULT_API_PORT),
        socket_mode: mode.unwrap_or(0o660),
        token_file: file("token_file")?,
        tls,
    })
}

impl LogOptions {
    /// Puts a name from the command line or a file: names that end in `.conf` were logging configurations
    /// once, and are ignored.
    pub fn set_file(&mut self, file: PathBuf) {
        if file
            .extension()
            .is_some_and(|extension| extension == "conf")
        {
            self.unsupported.push("log_file with a name in .conf");
        } else {
            self.file = Some(file);
        }
    }
}

/// The port of the API for tools that need nothing else of a configuration; faults elsewhere in the file are
/// not theirs.
pub fn api_port(raw: &RawConfig) -> Result<u16, ConfigError> {
    port(raw, "API", "port").map(|port| port.unwrap_or(DEFAULT_API_PORT))
}

/// The address that tools on the same host reach the API at.
///
/// # Errors
/// A name that cannot be looked up.
pub fn api_address(raw: &RawConfig) -> Result<IpAddr, ConfigError> {
    let host = raw.text("API", "host")?;
    let host = host.filter(|host| !host.is_empty() && !host.starts_with("unix:"));
    let Some(host) = host else {
        return Ok(Ipv4Addr::LOCALHOST.into());
    };
    let found = (host.as_str(), 0).to_socket_addrs();
    let address = found.ok().and_then(|mut found| found.next());
    let rule = "must be an address, or a name that can be looked up";
    let address = address.ok_or_else(|| raw.refuse("API", "host", host, rule))?;
    Ok(match address.ip() {
        IpAddr::V4(all) if all.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(all) if all.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        one => one,
    })
}

fn port(
    raw: &RawConfig,
    section: &'static str,
    option: &'static str,
) -> Result<Option<u16>, ConfigError> {
    raw.with(section, option, PORT, |text| {
        text.parse().ok().filter(|port| *port != 0)
    })
}

fn boolean(
    raw: &RawConfig,
    section: &'static str,
    option: &'static str,
) -> Result<Option<bool>, ConfigError> {
    raw.with(section, option, BOOLEAN, |text| {
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Some(true),
            "false" | "0" | "no" | "off" => Some(false),
            _ => None,
        }
    })
}

fn seconds(
    raw: &RawConfig,
    section: &'static str,
    option: &'static str,
    least: f64,
) -> Result<Option<Duration>, ConfigError> {
    let rule = format!("must be a time in seconds, {least} to 3600");
    raw.with(section, option, &rule, |text| {
        let time = text
            .parse()
            .ok()
            .filter(|time| (least..=3600.0).contains(time));
        time.map(Duration::from_secs_f64)
    })
}

fn duplicates(raw: &RawConfig) -> Result<DuplicateDetection, ConfigError> {
    let rule = "must be a number of moves, 1 to 1000";
    let moves = raw.with(EVPN, "duplicate_mac_moves", rule, |text| {
        text.parse().ok().filter(|moves| (1..=1000).contains(moves))
    })?;
    let default = DuplicateDetection::default();
    Ok(DuplicateDetection {
        moves: moves.unwrap_or(default.moves),
        window: seconds(raw, EVPN, "duplicate_mac_window", 1.0)?.unwrap_or(default.window),
        hold: seconds(raw, EVPN, "duplicate_mac_hold", 0.0)?.filter(|hold| !hold.is_zero()),
    })
}

fn mac_learning_limit(raw: &RawConfig) -> Result<usize, ConfigError> {
    let rule = "must be a number of MAC addresses, 1 to 100000";
    let limit = raw.with(EVPN, "mac_learning_limit", rule, |text| {
        let limit = text.parse().ok();
        limit.filter(|limit| (1..=100_000).contains(limit))
    })?;
    Ok(limit.unwrap_or(dataplane::LEARNED_LIMIT))
}

/// A value that is not to be shown, even where it is wrong.
fn secret<T>(
    raw: &RawConfig,
    option: &'static str,
    rule: &str,
    read: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, ConfigError> {
    let Some(text) = raw.text("BGP", option)? else {
        return Ok(None);
    };
    let wrong = || raw.refuse("BGP", option, "...".to_owned(), rule);
    read(&text).map(Some).ok_or_else(wrong)
}

fn passwords(raw: &RawConfig) -> Result<BTreeMap<IpAddr, Password>, ConfigError> {
    let rule = "must be `address=password`, separated by commas, each password with 1 to 80 octets";
    let passwords = secret(raw, "md5_passwords", rule, |text| {
        let items = text.split([',', '\n']).map(str::trim);
        items
            .filter(|item| !item.is_empty())
            .map(|item| {
                let (address, password) = item.split_once('=')?;
                let address = address.trim().parse().ok()?;
                Some((address, password.trim().parse().ok()?))
            })
            .collect()
    })?;
    Ok(passwords.unwrap_or_default())
}

fn evpn_driver(raw: &RawConfig) -> Result<EvpnDriver, ConfigError> {
    let rule = "must be `dummy` or `linux` in this version";
    let driver = raw.with(EVPN, "dataplane_driver", rule, |text| match text {
        "dummy" | "DummyDataplaneDriver" | "bagpipe.bgp.vpn.evpn.DummyDataplaneDriver" => {
            Some(EvpnDriver::Dummy)
        }
        "linux"
        | "linux_vxlan.LinuxVXLANDataplaneDriver"
        | "bagpipe.bgp.vpn.evpn.linux_vxlan.LinuxVXLANDataplaneDriver" => Some(EvpnDriver::Linux),
        _ => None,
    })?;
    Ok(driver.unwrap_or(EvpnDriver::Dummy))
}

fn ipvpn(raw: &RawConfig) -> Result<Ipvpn, ConfigError> {
    let rule = "must be `dummy`, `linux-vxlan`, `linux` or `ovs`";
    let driver = raw.with(IPVPN, "dataplane_driver", rule, |text| match text {
        "dummy" | "DummyDataplaneDriver" | "bagpipe.bgp.vpn.ipvpn.DummyDataplaneDriver" => {
            Some(IpvpnDriver::Dummy)
        }
        "linux-vxlan" => Some(IpvpnDriver::LinuxVxlan),
        "linux"
        | "mpls_linux_dataplane.MPLSLinuxDataplaneDriver"
        | "bagpipe.bgp.vpn.ipvpn.mpls_linux_dataplane.MPLSLinuxDataplaneDriver" => {
            Some(IpvpnDriver::Linux)
        }
        "ovs"
        | "mpls_ovs_dataplane.MPLSOVSDataplaneDriver"
        | "bagpipe.bgp.vpn.ipvpn.mpls_ovs_dataplane.MPLSOVSDataplaneDriver" => {
            Some(IpvpnDriver::Ovs)
        }
        _ => None,
    })?;
    Ok(Ipvpn {
        driver: driver.unwrap_or(IpvpnDriver::Dummy),
        local_address: raw.parsed(IPVPN, "dataplane_local_address", LOCAL_ADDRESS)?,
        vxlan_dst_port: port(raw, IPVPN, "vxlan_dst_port")?.unwrap_or(4789),
        redirect_instances: raw
            .parsed(IPVPN, "redirect_instances", "must be a number")?
            .unwrap_or(256),
    })
}

fn log(raw: &RawConfig) -> Result<LogOptions, ConfigError> {
    const LOG: &str = "DEFAULT";
    let path = |option| Ok(raw.text(LOG, option)?.map(PathBuf::from));
    let flag = |option| Ok(boolean(raw, LOG, option)?.unwrap_or(false));
    let count = |option| raw.parsed(LOG, option, "must be a number");
    let rotation = raw.text(LOG, "log_rotation_type")?;
    let rotation = rotation.is_some_and(|by| by == "size").then_some(Rotation {
        octets: count("max_logfile_size_mb")?
            .unwrap_or(200_u64)
            .saturating_mul(1 << 20),
        count: count("max_logfile_count")?
            .and_then(|count| u32::try_from(count).ok())
            .unwrap_or(30),
    });
    let facility = "must be a facility of syslog, such as LOG_USER or LOG_LOCAL0";
    let facility = raw.with(LOG, "syslog_log_facility", facility, Facility::named)?;
    let mut log = LogOptions {
        debug: flag("debug")?,
        dir: path("log_dir")?,
        rotation,
        date_format: raw.text(LOG, "log_date_format")?,
        config: path("log_config_append")?,
        syslog: flag("use_syslog")?,
        facility: facility.unwrap_or_default(),
        journal: flag("use_journal")?,
        stderr: flag("use_stderr")?,
        json: flag("use_json")?,
        levels: levels(raw)?,
        ..LogOptions::default()
    };
    if let Some(file) = path("log_file")? {
        log.set_file(file);
    }
    if raw
        .text(LOG, "log_rotation_type")?
        .is_some_and(|by| by == "interval")
    {
        log.unsupported.push("log_rotation_type = interval");
    }
    Ok(log)
}

/// `name=LEVEL, ...`
fn levels(raw: &RawConfig) -> Result<Vec<(String, LevelFilter)>, ConfigError> {
    let rule =
        "must be NAME=LEVEL, separated by commas, with the levels DEBUG, INFO, WARNING, ERROR";
    let levels = raw.with("DEFAULT", "default_log_levels", rule, |text| {
        let items = text.split([',', '\n']).map(str::trim);
        let items = items.filter(|item| !item.is_empty());
        let read = |item: &str| {
            let (name, level) = item.split_once('=')?;
            Some((name.trim().to_owned(), logging::level(level.trim())?))
        };
        items.map(read).collect::<Option<Vec<_>>>()
    })?;
    Ok(levels.unwrap_or_default())
}
