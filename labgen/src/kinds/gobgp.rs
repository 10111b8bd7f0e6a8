//! `gobgpd` as a route reflector.

use std::path::Path;

use bgp_wire::Family;
use scenario::{Node, Session, Speaker};

use super::{KindError, Outside, Program, read_config};

const CONFIG: &str = "/run/gobgp/gobgpd.toml";

pub(super) const OUTSIDE: Outside = Outside {
    program: "gobgpd",
    package: "gobgpd",
};

pub(super) fn program(node: &Node, config: &Speaker, base: &Path) -> Result<Program, KindError> {
    let text = match &config.config {
        None => config_file(config),
        Some(file) => read_config(node, base, file)?,
    };
    let args = [
        "-f",
        CONFIG,
        "--sdnotify",
        "--pprof-disable",
        "--api-hosts",
        "127.0.0.1:50051",
    ];
    Ok(Program {
        args: args.map(String::from).into(),
        files: vec![(CONFIG.into(), text)],
        passive: true,
        ..Program::new(OUTSIDE.program)
    })
}

fn config_file(config: &Speaker) -> String {
    let mut text = format!(
        "[global.config]\n  as = {}\n  router-id = \"{}\"\n",
        config.asn, config.router_id
    );
    for session in &config.sessions {
        text += &neighbor(config, session);
    }
    text
}

fn neighbor(config: &Speaker, session: &Session) -> String {
    let mut text = format!(
        "\n[[neighbors]]\n  \
         [neighbors.config]\n    neighbor-address = \"{}\"\n    peer-as = {}\n",
        session.peer.address, session.remote_as
    );
    if session.passive {
        text += "  [neighbors.transport.config]\n    passive-mode = true\n";
    }
    if session.client {
        text += &format!(
            "  [neighbors.route-reflector.config]\n    route-reflector-client = true\n    \
             route-reflector-cluster-id = \"{}\"\n",
            config.cluster_id.unwrap_or(config.router_id)
        );
    }
    let names = session.families.iter().copied().filter_map(afi_safi_name);
    for family in names {
        text += &format!(
            "  [[neighbors.afi-safis]]\n    \
             [neighbors.afi-safis.config]\n      afi-safi-name = \"{family}\"\n"
        );
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
