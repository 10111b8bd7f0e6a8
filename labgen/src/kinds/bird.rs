//! BIRD 2.

#[cfg(test)]
mod tests;

use std::path::Path;

use bgp_wire::Family;
use bgp_wire::types::IpPrefix;
use scenario::{Node, Ready, Session, Speaker};

use super::speaker::{distant, families, holds, keepalive};
use super::{KindError, Outside, Program, read_config};

pub(super) const OUTSIDE: Outside = Outside {
    program: "bird",
    package: "bird2",
};

const CONFIG: &str = "/run/bird/bird.conf";
/// Where `birdc` and labgen speak to it; Debian's place.
pub const CONTROL: &str = "/run/bird/bird.ctl";

pub(super) fn program(node: &Node, config: &Speaker, base: &Path) -> Result<Program, KindError> {
    let text = match &config.config {
        None => config_file(node, config),
        Some(file) => read_config(node, base, file)?,
    };
    Ok(Program {
        args: [
            // Each start may be one after another: it waits for its peers' routes.
            config.graceful_restart.map(|_| "-R"),
            Some("-f"),
            Some("-c"),
            Some(CONFIG),
            Some("-s"),
            Some(CONTROL),
            Some("-P"),
            Some("/run/bird/bird.pid"),
        ]
        .into_iter()
        .flatten()
        .map(String::from)
        .collect(),
        files: vec![(CONFIG.into(), text)],
        config: Some(CONFIG.into()),
        // Its socket accepts connections before it has read its configuration, and answers after.
        ready: Ready::Command(
            ["birdc", "-s", CONTROL, "show", "status"]
                .map(String::from)
                .into(),
        ),
        passive: config.sessions.iter().any(|session| session.passive),
        ..Program::new(OUTSIDE.program)
    })
}

fn config_file(node: &Node, speaker: &Speaker) -> String {
    let mut text = format!(
        "log stderr all;\nrouter id {};\n\nprotocol device {{ scan time 1; }}\nprotocol direct {{ ipv4; ipv6; }}\n",
        speaker.router_id
    );
    let families = families(speaker);
    for family in CHANNELS
        .iter()
        .filter(|known| families.contains(&known.family))
    {
        match family.table {
            // What is learned is forwarded by.
            None => {
                let channel = family.channel;
                text += &format!(
                    "protocol kernel {{ {channel} {{ import none; export where source = RTS_BGP; }}; }}\n"
                );
            }
            Some(table) => text += &format!("{} table {table};\n", family.net),
        }
    }
    for family in [Family::IPV4_UNICAST, Family::IPV6_UNICAST] {
        let networks: Vec<&IpPrefix> = of(family, speaker).collect();
        if networks.is_empty() {
            continue;
        }
        let channel = if family.afi == 1 { "ipv4" } else { "ipv6" };
        text += &format!(
            "\nprotocol static networks{} {{\n\t{channel};\n",
            &channel[3..]
        );
        for prefix in networks {
            text += &format!("\troute {prefix} blackhole;\n");
        }
        text += "}\n";
    }
    for (number, session) in speaker.sessions.iter().enumerate() {
        text += &protocol(node, speaker, session, number + 1);
    }
    text
}

fn of(family: Family, speaker: &Speaker) -> impl Iterator<Item = &IpPrefix> {
    let networks = speaker.networks.iter();
    networks.filter(move |prefix| holds(family, prefix))
}

fn protocol(node: &Node, speaker: &Speaker, session: &Session, number: usize) -> String {
    let (peer, external) = (&session.peer, session.remote_as != speaker.asn);
    let mut lines = vec![
        format!("local {} as {}", session.local, speaker.asn),
        format!(
            "neighbor {} port {} as {}",
            peer.address, peer.port, session.remote_as
        ),
        "connect delay time 1".into(),
        "connect retry time 1".into(),
        "error wait time 1, 1".into(),
        "error forget time 1".into(),
    ];
    if let Some(hold) = speaker.hold_time {
        lines.push(format!("hold time {hold}"));
        lines.push(format!("keepalive time {}", keepalive(hold)));
    }
    if let Some(time) = speaker.graceful_restart {
        lines.push("graceful restart on".into());
        lines.push(format!("graceful restart time {time}"));
    }
    if let Some(password) = &session.peer.password {
        lines.push(format!("password \"{password}\""));
    }
    if session.passive {
        lines.push("passive on".into());
    }
    if external && distant(node, peer.address) {
        lines.push("multihop".into());
    }
    if session.client {
        let cluster = speaker.cluster_id.unwrap_or(speaker.router_id);
        lines.extend(["rr client".into(), format!("rr cluster id {cluster}")]);
    }
    let spoken = CHANNELS
        .iter()
        .filter(|known| session.families.contains(&known.family));
    lines.extend(spoken.map(|known| known.of_session(speaker, external)));
    let lines: String = lines.iter().map(|line| format!("\t{line};\n")).collect();
    format!("\nprotocol bgp session{number} {{\n{lines}}}\n")
}

/// A family as BIRD has it.
struct Channel {
    family: Family,
    /// The type of its nets.
    net: &'static str,
    /// The word for it in a session.
    channel: &'static str,
    /// Its table, where that is not there by itself.
    table: Option<&'static str>,
}

const CHANNELS: [Channel; 6] = [
    Channel::new(Family::IPV4_UNICAST, "ipv4", "ipv4", None),
    Channel::new(Family::IPV6_UNICAST, "ipv6", "ipv6", None),
    Channel::new(Family::VPNV4, "vpn4", "vpn4 mpls", Some("vpntab4")),
    Channel::new(Family::VPNV6, "vpn6", "vpn6 mpls", Some("vpntab6")),
    Channel::new(Family::FLOWSPEC_IPV4, "flow4", "flow4", Some("flowtab4")),
    Channel::new(Family::FLOWSPEC_IPV6, "flow6", "flow6", Some("flowtab6")),
];

impl Channel {
    const fn new(
        family: Family,
        net: &'static str,
        channel: &'static str,
        table: Option<&'static str>,
    ) -> Self {
        Self {
            family,
            net,
            channel,
            table,
        }
    }

    fn of_session(&self, speaker: &Speaker, external: bool) -> String {
        let mut words = Vec::new();
        match self.table {
            Some(table) => words.extend([
                format!("table {table}"),
                "import all".into(),
                "export all".into(),
            ]),
            None => {
                let own: Vec<String> = of(self.family, speaker).map(ToString::to_string).collect();
                let mut export = "source = RTS_BGP".to_owned();
                if !own.is_empty() {
                    export += &format!(" || net ~ [ {} ]", own.join(", "));
                }
                words.extend(["import all".into(), format!("export where {export}")]);
            }
        }
        let is_vpn = matches!(self.family, Family::VPNV4 | Family::VPNV6);
        if external && is_vpn {
            // Between systems, a VPN route keeps leading to where its label means something.
            words.push("next hop keep".into());
        } else if !external && self.table.is_none() {
            // What comes from another system leads to a net that the own one may not know.
            words.push("next hop self ebgp".into());
        }
        if self.family == Family::VPNV6 {
            // Without it, a next hop in IPv4 (RFC 4659 section 3.2.1.2) is an error to it.
            words.push("extended next hop on".into());
        }
        format!("{} {{ {}; }}", self.channel, words.join("; "))
    }
}
