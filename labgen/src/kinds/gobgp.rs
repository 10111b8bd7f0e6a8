//! GoBGP: `gobgpd`. It keeps tables and leaves the kernel's alone.

#[cfg(test)]
mod tests;

use std::path::Path;

use bgp_wire::Family;
use bgp_wire::types::IpPrefix;
use scenario::{Node, Session, Speaker};

use super::speaker::{distant, keepalive};
use super::{KindError, Outside, Program, read_config};

const CONFIG: &str = "/run/gobgp/gobgpd.toml";
const NETWORKS: &str = "/run/gobgp/networks.sh";

pub(super) const OUTSIDE: Outside = Outside {
    program: "gobgpd",
    package: "gobgpd",
};

pub(super) fn programs(
    node: &Node,
    config: &Speaker,
    base: &Path,
) -> Result<Vec<Program>, KindError> {
    let text = match &config.config {
        None => config_file(node, config),
        Some(file) => read_config(node, base, file)?,
    };
    let mut args = vec![
        "-f",
        CONFIG,
        "--sdnotify",
        "--pprof-disable",
        "--api-hosts",
        "127.0.0.1:50051",
    ];
    if config.graceful_restart.is_some() {
        // Each start may be one after another: it says so, and that forwarding was kept.
        args.push("-r");
    }
    let daemon = Program {
        args: args.into_iter().map(String::from).collect(),
        files: vec![(CONFIG.into(), text)],
        config: Some(CONFIG.into()),
        passive: true,
        ..Program::new(OUTSIDE.program)
    };
    let mut programs = Vec::new();
    if config.config.is_some() {
        // The daemon says that it is ready before it has read its configuration.
        programs.push(Program {
            name: "gobgpd --dry-run",
            args: ["--dry-run", "-f", CONFIG].map(String::from).into(),
            once: true,
            ..daemon.clone()
        });
    }
    programs.push(daemon);
    if config.config.is_none() && !config.networks.is_empty() {
        programs.push(networks(config));
    }
    Ok(programs)
}

/// Its configuration has no word for what it originates.
fn networks(config: &Speaker) -> Program {
    let add = |prefix: &IpPrefix| {
        let family = if prefix.address().is_ipv4() {
            "ipv4"
        } else {
            "ipv6"
        };
        format!("gobgp global rib add -a {family} {prefix}\n")
    };
    let script: String = config.networks.iter().map(add).collect();
    Program {
        command: "/bin/sh".into(),
        args: vec!["-e".into(), NETWORKS.into()],
        files: vec![(NETWORKS.into(), script)],
        once: true,
        ..Program::new("gobgp global rib add")
    }
}

fn config_file(node: &Node, config: &Speaker) -> String {
    let mut text = format!(
        "[global.config]\n  as = {}\n  router-id = \"{}\"\n",
        config.asn, config.router_id
    );
    for session in &config.sessions {
        text += &neighbor(node, config, session);
    }
    text
}

fn neighbor(node: &Node, config: &Speaker, session: &Session) -> String {
    let external = session.remote_as != config.asn;
    let mut text = format!(
        "\n[[neighbors]]\n  \
         [neighbors.config]\n    neighbor-address = \"{}\"\n    peer-as = {}\n",
        session.peer.address, session.remote_as
    );
    if let Some(password) = &session.peer.password {
        text += &format!("    auth-password = \"{password}\"\n");
    }
    text += &format!(
        "  [neighbors.transport.config]\n    local-address = \"{}\"\n",
        session.local
    );
    if session.passive {
        text += "    passive-mode = true\n";
    }
    if session.peer.port != 179 {
        text += &format!("    remote-port = {}\n", session.peer.port);
    }
    text +=
        "  [neighbors.timers.config]\n    connect-retry = 1\n    idle-hold-time-after-reset = 1\n";
    if let Some(hold) = config.hold_time {
        text += &format!(
            "    hold-time = {hold}\n    keepalive-interval = {}\n",
            keepalive(hold)
        );
    }
    if external && distant(node, session.peer.address) {
        text += "  [neighbors.ebgp-multihop.config]\n    enabled = true\n    multihop-ttl = 255\n";
    }
    if session.client {
        text += &format!(
            "  [neighbors.route-reflector.config]\n    route-reflector-client = true\n    \
             route-reflector-cluster-id = \"{}\"\n",
            config.cluster_id.unwrap_or(config.router_id)
        );
    }
    if let Some(time) = config.graceful_restart {
        text += &format!(
            "  [neighbors.graceful-restart.config]\n    enabled = true\n    restart-time = {time}\n    \
             notification-enabled = true\n    deferral-time = 5\n"
        );
    }
    let names = session.families.iter().copied().filter_map(afi_safi_name);
    for family in names {
        text += &format!(
            "  [[neighbors.afi-safis]]\n    \
             [neighbors.afi-safis.config]\n      afi-safi-name = \"{family}\"\n"
        );
        if config.graceful_restart.is_some() {
            text += "    [neighbors.afi-safis.mp-graceful-restart.config]\n      enabled = true\n";
        }
    }
    text
}

/// GoBGP's word for a family; `None` where it has none.
fn afi_safi_name(family: Family) -> Option<&'static str> {
    Some(match family {
        Family::IPV4_UNICAST => "ipv4-unicast",
        Family::IPV6_UNICAST => "ipv6-unicast",
        Family::VPNV4 => "l3vpn-ipv4-unicast",
        Family::VPNV6 => "l3vpn-ipv6-unicast",
        Family::EVPN => "l2vpn-evpn",
        Family::RTC => "rtc",
        Family::FLOWSPEC_IPV4 => "ipv4-flowspec",
        Family::FLOWSPEC_IPV6 => "ipv6-flowspec",
        Family::FLOWSPEC_VPNV4 => "l3vpn-ipv4-flowspec",
        Family::FLOWSPEC_VPNV6 => "l3vpn-ipv6-flowspec",
        _ => return None,
    })
}
