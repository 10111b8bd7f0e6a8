//! `bagpipe-bgp`: our speaker, or the Python one.

use std::path::{Path, PathBuf};

use scenario::{Bagpipe, Dataplane, Node, Ready};

use super::{KindError, Outside, Program};

/// What the Python daemon's E-VPN driver makes bridges with.
pub(super) const BRIDGES: Outside = Outside {
    program: "brctl",
    package: "bridge-utils",
};

/// Where the speaker and its tools find their configuration in a node.
pub const CONFIG: &str = "/run/bagpipe-bgp/bgp.conf";
/// Where the speaker keeps its attachments, if it does.
const KEPT: &str = "/run/bagpipe-bgp/attachments";
/// Where its REST API listens in the node.
const API_PORT: u16 = 8082;

pub(super) fn program(node: &Node, config: &Bagpipe, base: &Path) -> Result<Program, KindError> {
    let mut ports: Vec<u16> = config.peers.iter().map(|peer| peer.port).collect();
    ports.dedup();
    if ports.len() > 1 {
        return Err(KindError::Ports {
            node: node.name.clone(),
            ports,
        });
    }
    let program = Program {
        args: vec!["--config-file".into(), CONFIG.into()],
        files: vec![(CONFIG.into(), config_file(config))],
        ..Program::new("bagpipe-bgp")
    };
    Ok(match python_program(config, base) {
        None => program,
        Some(python) => Program {
            command: "sh".into(),
            args: vec!["-c".into(), python_start(&python)],
            ready: Ready::Tcp(API_PORT),
            ..program
        },
    })
}

/// The Python daemon's program, where it is to be run.
pub(super) fn python_program(config: &Bagpipe, base: &Path) -> Option<PathBuf> {
    let path = base.join(config.python.as_ref()?).join("bin/bagpipe-bgp");
    // Its helper for privileged work is started in another directory.
    Some(std::path::absolute(&path).unwrap_or(path))
}

/// A shell script that becomes the Python daemon, after it has put in its way: a `modprobe` that is content, for the
/// daemon has modules loaded without looking and gives up where they are built in, and for an ordinary user; and a `sudo`
/// that runs what it is given, for the node's programs are root there already.
fn python_start(program: &Path) -> String {
    let bin = program.parent().unwrap_or(Path::new("/")).display();
    format!(
        r#"set -e
own=/run/bagpipe-bgp/bin
mkdir -p $own
printf '#!/bin/sh\n' > $own/modprobe
printf '#!/bin/sh\nexec "$@"\n' > $own/sudo
chmod +x $own/modprobe $own/sudo
PATH="$own:{bin}:$PATH" exec '{bin}/bagpipe-bgp' --config-file {CONFIG}
"#
    )
}

fn config_file(config: &Bagpipe) -> String {
    // Those that only call are waited for; the Python daemon cannot, and has none.
    let list = |calls: bool| {
        let peers = config.peers.iter().filter(|peer| peer.calls == calls);
        let peers: Vec<String> = peers.map(|peer| peer.address.to_string()).collect();
        peers.join(",")
    };
    let mut text = format!(
        "[BGP]\nlocal_address = {}\npeers = {}\nmy_as = {}\nenable_rtc = {}\n",
        config.local_address,
        list(false),
        config.asn,
        if config.rtc { "True" } else { "False" },
    );
    if config.local_address.is_ipv6() {
        text += &format!("router_id = {}\n", config.router_id);
    }
    let waited_for = list(true);
    if !waited_for.is_empty() {
        text += &format!("passive_peers = {waited_for}\n");
    }
    let signed = config.peers.iter().filter_map(|peer| {
        let password = peer.password.as_ref()?;
        Some(format!("{}={password}", peer.address))
    });
    let signed: Vec<String> = signed.collect();
    if !signed.is_empty() {
        text += &format!("md5_passwords = {}\n", signed.join(", "));
    }
    if let Some(peer) = config.peers.iter().find(|peer| !peer.calls) {
        text += &format!("bgp_port = {}\n", peer.port);
    }
    if let Some(seconds) = config.hold_time {
        text += &format!("hold_time = {seconds}\n");
    }
    if let Some(seconds) = config.graceful_restart {
        text += &format!("graceful_restart_time = {seconds}\n");
    }
    if config.persist {
        text += &format!("\n[COMMON]\npersist = {KEPT}\n");
    }
    let (evpn, ipvpn) = match config.dataplane {
        // What it forwards IP VPNs with needs MPLS.
        Dataplane::Linux if config.python.is_some() => ("linux", "dummy"),
        Dataplane::Linux => ("linux", "linux-vxlan"),
        Dataplane::Dummy => ("dummy", "dummy"),
    };
    // Beside E-VPN's the kernel wants another port for IP VPNs: the one Linux had before 4789 was assigned.
    text += &format!(
        "\n[API]\nhost = 127.0.0.1\nport = {API_PORT}\n\n\
         [DATAPLANE_DRIVER_EVPN]\ndataplane_driver = {evpn}\n\n\
         [DATAPLANE_DRIVER_IPVPN]\ndataplane_driver = {ipvpn}\nvxlan_dst_port = 8472\n"
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::testing;

    #[test]
    fn the_python_daemon_is_given_what_it_knows() {
        let config = Bagpipe {
            asn: 64512,
            local_address: [10, 0, 0, 1].into(),
            router_id: [10, 0, 0, 1].into(),
            peers: Vec::new(),
            rtc: true,
            dataplane: Dataplane::Linux,
            hold_time: None,
            graceful_restart: None,
            persist: false,
            python: Some("environment".into()),
        };
        let node = testing::node("old", scenario::NodeKind::Bagpipe(config.clone()));
        let program = program(&node, &config, Path::new("/lab")).expect("one port");
        assert_eq!(program.ready, Ready::Tcp(API_PORT));
        assert!(program.args[1].contains("'/lab/environment/bin/bagpipe-bgp' --config-file"));
        let (path, config) = &program.files[0];
        assert_eq!(path, CONFIG);
        // `linux-vxlan` is ours alone.
        assert!(
            config.contains("[DATAPLANE_DRIVER_IPVPN]\ndataplane_driver = dummy\n"),
            "{config}"
        );
        assert!(
            config.contains("[DATAPLANE_DRIVER_EVPN]\ndataplane_driver = linux\n"),
            "{config}"
        );
    }
}
