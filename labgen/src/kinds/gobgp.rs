//! `gobgpd` as a route reflector.

use std::fs;
use std::path::Path;

use bgp_wire::Family;
use scenario::{GoBgp, Node};

use super::{KindError, Outside, Program};

const CONFIG: &str = "/run/gobgp/gobgpd.toml";

pub(super) const OUTSIDE: Outside = Outside {
    program: "gobgpd",
    package: "gobgpd",
};

pub(super) fn program(node: &Node, config: &GoBgp, base: &Path) -> Result<Program, KindError> {
    let text = match &config.config {
        None => config_file(config),
        Some(file) => {
            let path = base.join(file);
            fs::read_to_string(&path).map_err(|source| KindError::Unreadable {
                node: node.name.clone(),
                path: path.display().to_string(),
                source,
            })?
        }
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
        command: OUTSIDE.program.into(),
        args: args.map(String::from).into(),
        files: vec![(CONFIG.into(), text)],
        passive: true,
    })
}

fn config_file(config: &GoBgp) -> String {
    let mut text = format!(
        "[global.config]\n  as = {}\n  router-id = \"{}\"\n",
        config.asn, config.router_id
    );
    for client in &config.clients {
        text += &format!(
            "\n[[neighbors]]\n  \
             [neighbors.config]\n    neighbor-address = \"{client}\"\n    peer-as = {}\n  \
             [neighbors.transport.config]\n    passive-mode = true\n  \
             [neighbors.route-reflector.config]\n    route-reflector-client = true\n    \
             route-reflector-cluster-id = \"{}\"\n",
            config.asn, config.cluster_id
        );
        for family in config
            .families
            .iter()
            .filter_map(|family| afi_safi_name(*family))
        {
            text += &format!(
                "  [[neighbors.afi-safis]]\n    \
                 [neighbors.afi-safis.config]\n      afi-safi-name = \"{family}\"\n"
            );
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
