//! Kernel settings that forwarding between ports and tunnel needs.

use std::path::PathBuf;

use netns::ns::NetNs;

use crate::DriverError;

/// What a port needs: to be forwarded from whatever table the source is in, and IPv4 hosts of its subnet to be
/// answered for at once.
const PORT: [(&str, &str); 8] = [
    ("ipv4/conf/IF/forwarding", "1"),
    ("ipv4/conf/IF/rp_filter", "0"),
    ("ipv4/conf/IF/proxy_arp", "1"),
    ("ipv4/neigh/IF/proxy_delay", "0"),
    // Answers come from the port's own link-local address, which would have to wait for a second.
    ("ipv6/conf/IF/accept_dad", "0"),
    // What a machine says of routers is not for the host.
    ("ipv6/conf/IF/accept_ra", "0"),
    ("ipv6/conf/IF/proxy_ndp", "1"),
    ("ipv6/neigh/IF/proxy_delay", "0"),
];

/// What the tunnel needs.
const TUNNEL: [(&str, &str); 2] = [
    ("ipv4/conf/IF/forwarding", "1"),
    ("ipv4/conf/IF/rp_filter", "0"),
];

/// How flows are dealt out to several ways: by addresses and ports, and with the same result on every PE, so that
/// the packets of a flow and those of its answers, which hash to the same, pass the same machine. A seed that
/// somebody has set stays.
const SHARING: [(&str, &str); 3] = [
    ("ipv4/fib_multipath_hash_policy", "1"),
    ("ipv6/fib_multipath_hash_policy", "1"),
    ("ipv4/fib_multipath_hash_seed", "4364"),
];

/// Kernel settings, here or in another namespace.
#[derive(Clone, Debug)]
pub struct Settings(pub Option<NetNs>);

impl Settings {
    /// Prepares a port. Behind one that is a link to an E-VPN instance hosts reach each other without help: answers
    /// from here would send their frames another way.
    pub fn port(&self, name: &str, is_link: bool) -> Result<(), DriverError> {
        self.apply(&PORT, name)?;
        if is_link {
            self.apply(&[("ipv4/conf/IF/proxy_arp", "0")], name)?;
        }
        Ok(())
    }

    /// Takes back what made the host answer for others on a port.
    pub fn release(&self, name: &str) {
        let silent = [
            ("ipv4/conf/IF/proxy_arp", "0"),
            ("ipv6/conf/IF/proxy_ndp", "0"),
        ];
        if let Err(error) = self.apply(&silent, name) {
            // As a rule the port has gone.
            tracing::debug!("{error}");
        }
    }

    /// Prepares the tunnel, and the host: it becomes a router.
    ///
    /// The check of source addresses that holds for every interface cannot look into the right table, so it is
    /// turned from one for all into one for each of the interfaces that are there.
    pub fn tunnel(&self, name: &str) -> Result<(), DriverError> {
        self.run(|| {
            per_interface_source_check()?;
            for (path, value) in SHARING {
                // Without it, or where it cannot be set, the flows are dealt out by addresses alone, or differently.
                if file(path).exists() && number(path) == 0 && write(path, value).is_err() {
                    tracing::info!(
                        "`{path}` cannot be set: equal routes share traffic as the host does"
                    );
                }
            }
            write("ipv4/ip_forward", "1")
        })??;
        self.apply(&TUNNEL, name)
    }

    /// Has IPv6 packets forwarded.
    ///
    /// A host that forwards hears router advertisements only where it was told to all the same, and forgets the
    /// default routes it has from others: so each interface that hears them is told to go on.
    pub fn forward_ipv6(&self) -> Result<(), DriverError> {
        self.run(|| {
            let all = "ipv6/conf/all/forwarding";
            if number(all) != 1 {
                for interface in interfaces("ipv6/conf") {
                    let path = format!("ipv6/conf/{interface}/accept_ra");
                    if interface != "all" && number(&path) == 1 {
                        write(&path, "2")?;
                    }
                }
            }
            write(all, "1")
        })?
    }

    fn apply(&self, settings: &[(&str, &str)], interface: &str) -> Result<(), DriverError> {
        self.run(|| {
            for (name, value) in settings {
                let path = name.replace("IF", interface);
                // A kernel without IPv6 needs no settings for it.
                if name.starts_with("ipv6") && !file(&path).exists() {
                    continue;
                }
                write(&path, value)?;
            }
            Ok(())
        })?
    }

    fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, DriverError> {
        match &self.0 {
            // Needs no right to change namespaces.
            None => Ok(work()),
            Some(namespace) => namespace.run(work).map_err(|error| DriverError::Kernel {
                action: "enter the namespace".to_owned(),
                reason: error.to_string(),
            }),
        }
    }
}

fn per_interface_source_check() -> Result<(), DriverError> {
    let all = "ipv4/conf/all/rp_filter";
    let for_all = number(all);
    if for_all == 0 {
        return Ok(());
    }
    for interface in interfaces("ipv4/conf") {
        let path = format!("ipv4/conf/{interface}/rp_filter");
        if interface != "all" && number(&path) < for_all {
            write(&path, &for_all.to_string())?;
        }
    }
    tracing::info!("the check of source addresses is now set for each interface instead of all");
    write(all, "0")
}

/// The interfaces that have settings there, `all` and `default` among them.
fn interfaces(directory: &str) -> impl Iterator<Item = String> {
    let entries = std::fs::read_dir(file(directory)).into_iter().flatten();
    entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
}

/// A setting; 0 where there is none.
fn number(path: &str) -> u32 {
    let text = std::fs::read_to_string(file(path)).unwrap_or_default();
    text.trim().parse().unwrap_or(0)
}

fn file(path: &str) -> PathBuf {
    PathBuf::from("/proc/sys/net").join(path)
}

/// Sets a value unless it is set.
fn write(path: &str, value: &str) -> Result<(), DriverError> {
    let file = file(path);
    let is_set = std::fs::read_to_string(&file).is_ok_and(|text| text.trim() == value);
    if is_set {
        return Ok(());
    }
    std::fs::write(&file, value).map_err(|error| DriverError::Kernel {
        action: format!("set `{}` to `{value}`", file.display()),
        reason: error.to_string(),
    })
}
