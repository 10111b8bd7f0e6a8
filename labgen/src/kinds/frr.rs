//! FRR: `zebra`, `bgpd`, and what else the configuration asks for.
//!
//! ```text
//!   generated:   zebra -f zebra.conf   others   bgpd -f bgpd.conf
//!   the user's:  zebra   others   bgpd   vtysh -b, which hands each its part of frr.conf
//! ```
//!
//! Without `watchfrr`: nothing is to come back by itself here.

mod bgpd;
mod daemons;
#[cfg(test)]
mod tests;

use std::path::Path;

use scenario::{Frr, Node, Ready};

use super::{KindError, NodeMount, Outside, Program, accounts, read_config};

pub(super) const OUTSIDE: Outside = Outside {
    program: "/usr/lib/frr/zebra",
    package: "frr",
};

/// Where a user's own configuration is, for all daemons in one.
const INTEGRATED: &str = "/etc/frr/frr.conf";

pub(super) fn programs(node: &Node, config: &Frr, base: &Path) -> Result<Vec<Program>, KindError> {
    let own = config.speaker.config.as_deref();
    let Some(own) = own.map(|file| read_config(node, base, file)).transpose()? else {
        return Ok(generated(node, config));
    };
    let mut programs: Vec<Program> = daemons::asked_for(&own, &config.daemons)
        .into_iter()
        .map(|name| daemon(name, None))
        .collect();
    programs.push(Program {
        args: vec!["-b".into()],
        files: vec![(INTEGRATED.into(), own)],
        config: Some(INTEGRATED.into()),
        once: true,
        ..Program::new("vtysh")
    });
    Ok(programs)
}

fn generated(node: &Node, config: &Frr) -> Vec<Program> {
    let mut programs = vec![daemon("zebra", Some(zebra(node)))];
    let others = daemons::asked_for("", &config.daemons);
    let others = others
        .into_iter()
        .filter(|name| *name != "zebra" && *name != "bgpd");
    programs.extend(others.map(|name| daemon(name, None)));
    programs.push(Program {
        // Bound when the configuration has been read.
        ready: Ready::Tcp(179),
        passive: config
            .speaker
            .sessions
            .iter()
            .any(|session| session.passive),
        ..daemon("bgpd", Some(bgpd::config_file(node, &config.speaker)))
    });
    programs
}

/// A daemon; with a configuration of its own unless `vtysh` brings it one.
fn daemon(name: &'static str, config: Option<String>) -> Program {
    let path = format!("/etc/frr/{name}.conf");
    let mut args = vec![
        "--log".to_owned(),
        "stdout".into(),
        "--vty_port".into(),
        "0".into(),
    ];
    if config.is_some() {
        args.extend(["--config_file".into(), path.clone()]);
    }
    Program {
        command: format!("/usr/lib/frr/{name}"),
        args,
        config: config.is_some().then(|| path.clone()),
        files: config.map(|text| (path, text)).into_iter().collect(),
        ready: Ready::Socket(format!("/run/frr/{name}.vty")),
        ..Program::new(name)
    }
}

fn zebra(node: &Node) -> String {
    format!("hostname {}\nip forwarding\nipv6 forwarding\n", node.name)
}

pub(super) fn mounts() -> Vec<NodeMount> {
    let mut mounts = vec![
        // It keeps crash logs there.
        NodeMount::Tmpfs("/var/tmp".into()),
        NodeMount::Tmpfs("/run/frr".into()),
        NodeMount::Tmpfs("/etc/frr".into()),
        NodeMount::File {
            path: "/etc/frr/vtysh.conf".into(),
            content: String::new(),
        },
    ];
    mounts.extend(accounts::mounts());
    mounts
}
