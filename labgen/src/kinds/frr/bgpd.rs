//! `bgpd.conf` out of what the scenario says of a speaker.

use bgp_wire::Family;
use scenario::{Node, Session, Speaker};

use crate::kinds::speaker::{distant, families, holds, keepalive};

pub(super) fn config_file(node: &Node, speaker: &Speaker) -> String {
    let mut text = format!(
        "hostname {}\nrouter bgp {}\n bgp router-id {}\n bgp log-neighbor-changes\n \
         no bgp ebgp-requires-policy\n no bgp default ipv4-unicast\n no bgp network import-check\n \
         coalesce-time 0\n",
        node.name, speaker.asn, speaker.router_id
    );
    if let Some(time) = speaker.graceful_restart {
        text += &format!(
            " bgp graceful-restart\n bgp graceful-restart preserve-fw-state\n \
             bgp graceful-restart restart-time {time}\n bgp graceful-restart select-defer-time 5\n"
        );
    }
    if let Some(cluster) = speaker.cluster_id {
        text += &format!(" bgp cluster-id {cluster}\n");
    }
    for session in &speaker.sessions {
        text += &neighbor(node, speaker, session);
    }
    for family in families(speaker) {
        if let Some(words) = address_family(family) {
            text += &format!(" !\n address-family {words}\n");
            for prefix in speaker
                .networks
                .iter()
                .filter(|prefix| holds(family, prefix))
            {
                text += &format!("  network {prefix}\n");
            }
            let sessions = speaker.sessions.iter();
            for session in sessions.filter(|session| session.families.contains(&family)) {
                text += &activation(speaker, session, family);
            }
            text += " exit-address-family\n";
        }
    }
    text + "exit\n"
}

fn neighbor(node: &Node, speaker: &Speaker, session: &Session) -> String {
    let address = session.peer.address;
    let mut lines = vec![format!("remote-as {}", session.remote_as)];
    if session.peer.port != 179 {
        lines.push(format!("port {}", session.peer.port));
    }
    if let Some(password) = &session.peer.password {
        lines.push(format!("password {password}"));
    }
    lines.push(format!("update-source {}", session.local));
    lines.push("advertisement-interval 0".into());
    if let Some(hold) = speaker.hold_time {
        lines.push(format!("timers {} {hold}", keepalive(hold)));
    }
    lines.push("timers connect 1".into());
    if session.passive {
        lines.push("passive".into());
    }
    if session.remote_as != speaker.asn && distant(node, address) {
        lines.push("ebgp-multihop 255".into());
    }
    // RFC 8950.
    if address.is_ipv6() && session.families.contains(&Family::IPV4_UNICAST) {
        lines.push("capability extended-nexthop".into());
    }
    lines
        .iter()
        .map(|line| format!(" neighbor {address} {line}\n"))
        .collect()
}

fn activation(speaker: &Speaker, session: &Session, family: Family) -> String {
    let address = session.peer.address;
    let mut text = format!("  neighbor {address} activate\n");
    if session.client {
        text += &format!("  neighbor {address} route-reflector-client\n");
    }
    // Between systems, a VPN route keeps leading to where its label or VNI means something.
    let vpn = [Family::EVPN, Family::VPNV4, Family::VPNV6].contains(&family);
    if vpn && session.remote_as != speaker.asn {
        text += &format!("  neighbor {address} attribute-unchanged next-hop\n");
    }
    text
}

/// FRR's words for a family; `None` where it has none.
fn address_family(family: Family) -> Option<&'static str> {
    Some(match family {
        Family::IPV4_UNICAST => "ipv4 unicast",
        Family::IPV6_UNICAST => "ipv6 unicast",
        Family::VPNV4 => "ipv4 vpn",
        Family::VPNV6 => "ipv6 vpn",
        Family::EVPN => "l2vpn evpn",
        Family::FLOWSPEC_IPV4 => "ipv4 flowspec",
        Family::FLOWSPEC_IPV6 => "ipv6 flowspec",
        _ => return None,
    })
}
