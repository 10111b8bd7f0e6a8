//! ExaBGP. It has no tables: what its peers say it hands to a process as JSON, which goes to a file here.

#[cfg(test)]
mod tests;

use std::path::Path;

use bgp_wire::Family;
use scenario::{Node, Ready, Session, Speaker};

use super::{KindError, Outside, Program, read_config};

pub(super) const OUTSIDE: Outside = Outside {
    program: "exabgp",
    package: "exabgp",
};

const CONFIG: &str = "/run/exabgp/exabgp.conf";
const START: &str = "/run/exabgp/start.sh";
const TAP: &str = "/run/exabgp/tap.sh";
/// What it has told since it was started.
pub const EVENTS: &str = "/run/exabgp/events.json";

/// A pipe: what is written to it are commands to it, and its answers are among what it has told.
pub const COMMANDS: &str = "/run/exabgp/commands";

pub(super) fn program(node: &Node, config: &Speaker, base: &Path) -> Result<Program, KindError> {
    let text = match &config.config {
        None => config_file(config),
        Some(file) => read_config(node, base, file)?,
    };
    // Nobody else to become, no file descriptor limit to raise; the rest is its defaults.
    let env = [
        ("exabgp_daemon_user", "root"),
        ("exabgp_daemon_drop", "false"),
        ("exabgp_log_short", "true"),
    ];
    Ok(Program {
        command: "/bin/sh".into(),
        args: vec![START.into()],
        env: env.map(|(name, value)| (name.into(), value.into())).into(),
        files: vec![
            (START.into(), start_script()),
            (TAP.into(), tap_script()),
            (CONFIG.into(), text),
        ],
        config: Some(CONFIG.into()),
        ready: Ready::Log("loaded new configuration successfully".into()),
        ..Program::new(OUTSIDE.program)
    })
}

/// Standard output is where ExaBGP hears commands from, and has to stay open: it takes its end for the end of this. The
/// pipe is opened for both directions, so that it does not end when who has written to it goes.
fn tap_script() -> String {
    format!("cat <>{COMMANDS} &\nexec cat >>{EVENTS}\n")
}

/// The pipes of `exabgpcli` must be there, and what an earlier run was told no longer counts. The pipe of commands is
/// another each time: somebody of the earlier run may still read from the last one.
fn start_script() -> String {
    format!(
        "set -e\ncd /run/exabgp\n\
         for pipe in exabgp.in exabgp.out; do\n\t[ -p $pipe ] || mkfifo -m 600 $pipe\ndone\n\
         : >{EVENTS}\nrm -f {COMMANDS}\nmkfifo -m 600 {COMMANDS}\nexec exabgp {CONFIG}\n"
    )
}

fn config_file(speaker: &Speaker) -> String {
    let mut text = format!("process labgen {{\n\trun /bin/sh {TAP};\n\tencoder json;\n}}\n");
    for session in &speaker.sessions {
        text += &neighbor(speaker, session);
    }
    text
}

fn neighbor(speaker: &Speaker, session: &Session) -> String {
    let peer = &session.peer;
    let mut lines = vec![
        format!("router-id {};", speaker.router_id),
        format!("local-address {};", session.local),
        format!("local-as {};", speaker.asn),
        format!("peer-as {};", session.remote_as),
    ];
    if peer.port != 179 {
        lines.push(format!("connect {};", peer.port));
    }
    if let Some(password) = &peer.password {
        lines.push(format!("md5-password {password};"));
    }
    if let Some(hold) = speaker.hold_time {
        lines.push(format!("hold-time {hold};"));
    }
    let spoken: Vec<String> = FAMILIES
        .iter()
        .filter(|(family, _)| session.families.contains(family))
        .map(|(_, words)| format!("{words};"))
        .collect();
    lines.push(section("family", &spoken));
    let heard = ["parsed;", "update;", "consolidate;"].map(String::from);
    let api = [
        "processes [ labgen ];".into(),
        "neighbor-changes;".into(),
        "negotiated;".into(),
        section("receive", &heard),
    ];
    lines.push(section("api", &api));
    let networks: Vec<String> = speaker
        .networks
        .iter()
        .filter(|prefix| {
            let unicast = if prefix.address().is_ipv4() {
                Family::IPV4_UNICAST
            } else {
                Family::IPV6_UNICAST
            };
            session.families.contains(&unicast)
                && prefix.address().is_ipv4() == session.local.is_ipv4()
        })
        .map(|prefix| format!("route {prefix} next-hop self;"))
        .collect();
    if !networks.is_empty() {
        lines.push(section("static", &networks));
    }
    format!(
        "\n{}\n",
        section(&format!("neighbor {}", peer.address), &lines)
    )
}

fn section(title: &str, lines: &[String]) -> String {
    let lines = lines.iter().flat_map(|line| line.lines());
    let inner: String = lines.map(|line| format!("\t{line}\n")).collect();
    format!("{title} {{\n{inner}}}")
}

/// The families there are in its configuration.
const FAMILIES: [(Family, &str); 9] = [
    (Family::IPV4_UNICAST, "ipv4 unicast"),
    (Family::IPV6_UNICAST, "ipv6 unicast"),
    (Family::VPNV4, "ipv4 mpls-vpn"),
    (Family::VPNV6, "ipv6 mpls-vpn"),
    (Family::EVPN, "l2vpn evpn"),
    (Family::FLOWSPEC_IPV4, "ipv4 flow"),
    (Family::FLOWSPEC_IPV6, "ipv6 flow"),
    (Family::FLOWSPEC_VPNV4, "ipv4 flow-vpn"),
    (Family::FLOWSPEC_VPNV6, "ipv6 flow-vpn"),
];
