//! OpenBGPD: `bgpd`, without a hand in the kernel's routes, which it does not have on Linux.

#[cfg(test)]
mod tests;

use std::path::Path;

use bgp_wire::Family;
use scenario::{Node, Ready, Session, Speaker};

use super::speaker::distant;
use super::{KindError, Outside, Program, read_config};

pub(super) const OUTSIDE: Outside = Outside {
    program: "/usr/sbin/bgpd",
    package: "openbgpd",
};

/// In the directory that it makes its root, which must be there.
const CONFIG: &str = "/run/openbgpd/bgpd.conf";
const CONTROL: &str = "/run/openbgpd/bgpd.sock.0";

pub(super) fn program(node: &Node, config: &Speaker, base: &Path) -> Result<Program, KindError> {
    let (text, ready) = match &config.config {
        None => (config_file(node, config), Ready::Tcp(179)),
        // It may listen elsewhere.
        Some(file) => (
            read_config(node, base, file)?,
            Ready::Socket(CONTROL.into()),
        ),
    };
    Ok(Program {
        command: OUTSIDE.program.into(),
        args: ["-d", "-v", "-f", CONFIG].map(String::from).into(),
        files: vec![(CONFIG.into(), text)],
        config: Some(CONFIG.into()),
        ready,
        passive: config.sessions.iter().any(|session| session.passive),
        pretend_groups: true,
        ..Program::new("bgpd")
    })
}

fn config_file(node: &Node, speaker: &Speaker) -> String {
    let mut text = format!(
        "AS {}\nrouter-id {}\nconnect-retry 1\n",
        speaker.asn, speaker.router_id
    );
    if let Some(hold) = speaker.hold_time {
        text += &format!("holdtime {hold}\n");
    }
    text += "fib-update no\nrde evaluate all\n";
    for prefix in &speaker.networks {
        text += &format!("network {prefix}\n");
    }
    for session in &speaker.sessions {
        text += &neighbor(node, speaker, session);
    }
    text + "allow from any\nallow to any\n"
}

fn neighbor(node: &Node, speaker: &Speaker, session: &Session) -> String {
    let mut lines = vec![
        format!("remote-as {}", session.remote_as),
        format!("local-address {}", session.local),
    ];
    if session.peer.port != 179 {
        lines.push(format!("port {}", session.peer.port));
    }
    if session.passive {
        lines.push("passive".into());
    }
    if session.client {
        let cluster = speaker.cluster_id.unwrap_or(speaker.router_id);
        lines.push(format!("route-reflector {cluster}"));
    }
    let external = session.remote_as != speaker.asn;
    if external && distant(node, session.peer.address) {
        lines.push("multihop 255".into());
    }
    let spoken = |family: &Family| session.families.contains(family);
    // Between systems, a VPN route keeps leading to where its label means something.
    if external && [Family::VPNV4, Family::VPNV6].iter().any(spoken) {
        lines.push("set nexthop no-modify".into());
    }
    // What is not said otherwise is unicast of the session's own addresses.
    lines.extend(["announce IPv4 none", "announce IPv6 none"].map(String::from));
    lines.extend(
        FAMILIES
            .iter()
            .filter(|(family, _)| spoken(family))
            .map(|(_, words)| format!("announce {words}")),
    );
    let lines: String = lines.iter().map(|line| format!("\t{line}\n")).collect();
    format!("neighbor {} {{\n{lines}}}\n", session.peer.address)
}

/// The families there are in it.
const FAMILIES: [(Family, &str); 4] = [
    (Family::IPV4_UNICAST, "IPv4 unicast"),
    (Family::IPV6_UNICAST, "IPv6 unicast"),
    (Family::VPNV4, "IPv4 vpn"),
    (Family::VPNV6, "IPv6 vpn"),
];
