//! Kernel settings of a network namespace, by their dotted names (`net.ipv4.ip_forward`).

use std::fs;
use std::path::PathBuf;

use crate::ns::{Context, NetNs, NsError};

/// Reads a setting, without the newline at its end.
pub fn read(ns: &NetNs, name: &str) -> Result<String, NsError> {
    let path = path(name);
    let text = ns.run(|| fs::read_to_string(path))?;
    text.map(|text| text.trim_end().to_owned())
        .context(format!("read sysctl `{name}`"))
}

/// Writes a setting.
pub fn write(ns: &NetNs, name: &str, value: &str) -> Result<(), NsError> {
    write_all(ns, &[(name, value)])
}

/// Writes settings in order up to the first that fails; one thread for all.
pub fn write_all(ns: &NetNs, settings: &[(&str, &str)]) -> Result<(), NsError> {
    ns.run(|| write_here(settings))?
}

/// The same in the calling thread's namespace.
pub fn write_here(settings: &[(&str, &str)]) -> Result<(), NsError> {
    for (name, value) in settings {
        fs::write(path(name), value).context(format!("set sysctl `{name}` to `{value}`"))?;
    }
    Ok(())
}

/// As for the program `sysctl`: dots and slashes change places, so that a link whose name has a
/// dot is written `net.ipv4.conf.eth0/1.forwarding`.
fn path(name: &str) -> PathBuf {
    let swapped: String = name
        .chars()
        .map(|letter| match letter {
            '.' => '/',
            '/' => '.',
            other => other,
        })
        .collect();
    // Names come from configuration at most; none leads out of the tree.
    let inside = swapped
        .split('/')
        .filter(|part| !matches!(*part, "" | "." | ".."));
    PathBuf::from("/proc/sys").join(inside.collect::<PathBuf>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_paths() {
        assert_eq!(
            path("net.ipv4.ip_forward"),
            PathBuf::from("/proc/sys/net/ipv4/ip_forward")
        );
        let dotted = PathBuf::from("/proc/sys/net/ipv4/conf/eth0.1/forwarding");
        assert_eq!(path("net.ipv4.conf.eth0/1.forwarding"), dotted);
        assert_eq!(path("..//.net"), PathBuf::from("/proc/sys/net"));
    }
}
