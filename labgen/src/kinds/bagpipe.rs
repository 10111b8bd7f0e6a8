//! `bagpipe-bgp`, our speaker.

use scenario::{Bagpipe, Dataplane, Node};

use super::{KindError, Program};

/// Where the speaker and its tools find their configuration in a node.
pub const CONFIG: &str = "/run/bagpipe-bgp/bgp.conf";

pub(super) fn program(node: &Node, config: &Bagpipe) -> Result<Program, KindError> {
    let mut ports: Vec<u16> = config.peers.iter().map(|peer| peer.port).collect();
    ports.dedup();
    if ports.len() > 1 {
        return Err(KindError::Ports {
            node: node.name.clone(),
            ports,
        });
    }
    Ok(Program {
        args: vec!["--config-file".into(), CONFIG.into()],
        files: vec![(CONFIG.into(), config_file(config))],
        ..Program::new("bagpipe-bgp")
    })
}

fn config_file(config: &Bagpipe) -> String {
    let peers: Vec<String> = config
        .peers
        .iter()
        .map(|peer| peer.address.to_string())
        .collect();
    let mut text = format!(
        "[BGP]\nlocal_address = {}\npeers = {}\nmy_as = {}\nenable_rtc = {}\n",
        config.local_address,
        peers.join(","),
        config.asn,
        if config.rtc { "True" } else { "False" },
    );
    if let Some(peer) = config.peers.first() {
        text += &format!("bgp_port = {}\n", peer.port);
    }
    if let Some(seconds) = config.hold_time {
        text += &format!("hold_time = {seconds}\n");
    }
    let (evpn, ipvpn) = match config.dataplane {
        Dataplane::Linux => ("linux", "linux-vxlan"),
        Dataplane::Dummy => ("dummy", "dummy"),
    };
    // Beside E-VPN's the kernel wants another port for IP VPNs: the one Linux had before 4789 was assigned.
    text += &format!(
        "\n[API]\nhost = 127.0.0.1\nport = 8082\n\n\
         [DATAPLANE_DRIVER_EVPN]\ndataplane_driver = {evpn}\n\n\
         [DATAPLANE_DRIVER_IPVPN]\ndataplane_driver = {ipvpn}\nvxlan_dst_port = 8472\n"
    );
    text
}
