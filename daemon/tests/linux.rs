//! The daemon with the kernel's dataplane, in namespaces of its own.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "tests fail by panicking"
)]

mod common;

use std::process::Command;

use bagpipe_api::{AttachBody, Client, ClientError, DetachBody};
use common::{DEADLINE, Daemon, config};
use netns::{
    link::{Bridge, Groups, LinkSpec, Monitor, Netlink, Veth},
    ns::{NodeNs, NodeSpec},
    tcp::tcp_in,
};
use serde_json::json;
use tokio::time::timeout;

/// A host: namespaces, a daemon when one is started, and interfaces to attach.
struct Host {
    node: NodeNs,
    netlink: Netlink,
}

impl Host {
    /// Namespaces need privileges; without them these tests say so and pass.
    async fn new(interfaces: &[&str]) -> Option<Self> {
        let node = match NodeNs::create(&NodeSpec::default()) {
            Ok(node) => node,
            Err(error) => {
                eprintln!("SKIPPED, no namespace here: {error}: {}", error.source);
                return None;
            }
        };
        let netlink = Netlink::in_ns(&node.net).unwrap();
        netlink.set_up("lo").await.unwrap();
        for name in interfaces {
            let peer = format!("{name}p");
            let veth = Veth {
                a: LinkSpec::up(*name),
                b: LinkSpec::up(peer),
            };
            netlink.create_veth(&veth).await.unwrap();
        }
        Some(Self { node, netlink })
    }

    fn start(&self, more: &str) -> Daemon {
        self.start_command(Command::new(env!("CARGO_BIN_EXE_bagpipe-bgp")), more)
    }

    fn start_command(&self, command: Command, more: &str) -> Daemon {
        let text =
            format!("[BGP]\npeers=\n[DATAPLANE_DRIVER_EVPN]\ndataplane_driver=linux\n{more}");
        let start = || Daemon::start_command(command, &config(9, &text));
        self.node.run(start).unwrap()
    }

    async fn client(&self, daemon: &Daemon) -> Client {
        let stream = tcp_in(&self.node.net, daemon.api).await.unwrap();
        Client::over(stream, &daemon.api.to_string()).await.unwrap()
    }

    /// Index and name of every interface.
    async fn links(&self) -> Vec<(u32, String)> {
        let links = self.netlink.links().await.unwrap();
        links
            .into_iter()
            .map(|link| (link.index, link.name))
            .collect()
    }

    /// Waits until the names of all interfaces satisfy a condition.
    async fn until(&self, wanted: impl Fn(&[(u32, String)]) -> bool) {
        let groups = Groups {
            links: true,
            ..Groups::default()
        };
        let mut monitor = Monitor::open(&self.node.net, groups).unwrap();
        let wait = async {
            while !wanted(&self.links().await) {
                monitor.next().await.unwrap();
            }
        };
        let in_time = timeout(DEADLINE, wait).await.is_ok();
        assert!(in_time, "never got there: {:?}", self.links().await);
    }
}

fn body(instance: &str, interface: &str) -> AttachBody {
    AttachBody::evpn(instance, interface, "02:00:00:00:00:01")
        .ip("10.0.0.1")
        .rt("64512:1")
}

#[tokio::test]
async fn issues_06_and_12_no_other_program_is_needed() {
    let Some(host) = Host::new(&["tap1"]).await else {
        return;
    };
    let before = host.links().await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_bagpipe-bgp"));
    // No `ip`, `brctl`, `modprobe` or `sudo` is found.
    command.env("PATH", "/nonexistent");
    let daemon = host.start_command(command, "");
    let mut client = host.client(&daemon).await;
    client.attach(&body("e1", "tap1")).await.unwrap();
    let bridge = host.netlink.index("evpn---e1").await.unwrap();
    let tap = host.netlink.link("tap1").await.unwrap();
    assert_eq!(tap.master, Some(bridge));
    let detach = DetachBody::from(&body("e1", "tap1"));
    client.detach(&detach).await.unwrap();
    assert_eq!(host.links().await, before);
}

#[tokio::test]
async fn issues_42_and_43_what_cannot_be_plugged_leaves_nothing_behind() {
    let Some(host) = Host::new(&["tap1", "tap2"]).await else {
        return;
    };
    let bridge = host
        .netlink
        .create(&Bridge::new(LinkSpec::up("br0")).create())
        .await
        .unwrap();
    let into = netns::link::LinkChange::new("tap2").master(bridge);
    host.netlink.apply(into.request()).await.unwrap();
    let before = host.links().await;
    let daemon = host.start("");
    let mut client = host.client(&daemon).await;
    for (body, field, text) in [
        (
            body("e1", "tap9"),
            "local_port.linuxif",
            "interface `tap9` does not exist",
        ),
        (
            body("e1", "tap2"),
            "local_port.linuxif",
            "interface `tap2` is already a port of bridge `br0`",
        ),
        (
            AttachBody {
                linuxbr: Some("br9".into()),
                ..body("e1", "tap1")
            },
            "linuxbr",
            "bridge `br9` does not exist",
        ),
    ] {
        let error = client.attach(&body).await.unwrap_err();
        let ClientError::Refused(refusal) = error else {
            panic!("{error}")
        };
        assert_eq!(refusal.status, 400, "{refusal}");
        assert_eq!(refusal.field.as_deref(), Some(field), "{refusal}");
        assert_eq!(refusal.description, format!("API error: {text}"));
        assert_eq!(host.links().await, before);
        for path in ["vpns/instances", "bgp/adv_routes"] {
            assert_eq!(
                client.looking_glass(path).await.unwrap(),
                json!([]),
                "{path}"
            );
        }
        assert_eq!(
            client.looking_glass("vpns/dataplane/ids").await.unwrap(),
            json!({})
        );
    }
    // And the same instance can be attached properly afterwards.
    client.attach(&body("e1", "tap1")).await.unwrap();
    client
        .detach(&DetachBody::from(&body("e1", "tap1")))
        .await
        .unwrap();
    assert_eq!(host.links().await, before);
}

#[tokio::test]
async fn one_bad_attach_does_not_hurt_the_others() {
    let Some(host) = Host::new(&["tap1"]).await else {
        return;
    };
    let daemon = host.start("");
    let mut client = host.client(&daemon).await;
    let mut other = host.client(&daemon).await;
    let mut bad = body("e1", "tap9");
    bad.mac_address = "02:00:00:00:00:09".into();
    bad.ip_address = None;
    let good = body("e1", "tap1");
    let (good, bad) = tokio::join!(client.attach(&good), other.attach(&bad));
    good.unwrap();
    bad.unwrap_err();
    let ports = client
        .looking_glass("vpns/instances/e1/ports")
        .await
        .unwrap();
    assert_eq!(Vec::from_iter(ports.as_object().unwrap().keys()), ["tap1"]);
    let dataplane = client
        .looking_glass("vpns/instances/e1/dataplane")
        .await
        .unwrap();
    assert_eq!(dataplane["linux_bridge"], "evpn---e1", "{dataplane}");
    assert_eq!(dataplane["vxlan_if"], "vxlan--e1");
}

#[tokio::test]
async fn issues_86_and_87_a_crash_and_a_restart_are_survived_and_what_nobody_wants_goes() {
    let keep = "[COMMON]\nkeep_forwarding=true\n";
    for (signal, first) in [("KILL", ""), ("USR1", ""), ("TERM", keep)] {
        let Some(host) = Host::new(&["tap1", "tap2"]).await else {
            return;
        };
        let before = host.links().await;
        let mut daemon = host.start(first);
        let mut client = host.client(&daemon).await;
        client.attach(&body("e1", "tap1")).await.unwrap();
        client.attach(&body("e2", "tap2")).await.unwrap();
        let both = host.links().await;
        let of_e1: Vec<_> = both
            .iter()
            .filter(|(_, name)| !name.ends_with("e2"))
            .cloned()
            .collect();
        daemon.signal(signal);
        let ended = daemon.wait();
        assert_eq!(ended.success(), signal != "KILL", "{signal}: {ended}");
        assert_eq!(
            host.links().await,
            both,
            "{signal}: forwarding goes on without the daemon"
        );

        // Only one comes back, and takes over the very same interfaces; the other goes when its time is up.
        let mut daemon = host.start("stale_time=0.3\n");
        let mut client = host.client(&daemon).await;
        client.attach(&body("e1", "tap1")).await.unwrap();
        host.until(|links| links == of_e1).await;
        daemon.signal("TERM");
        assert_eq!(daemon.wait().code(), Some(0));
        assert_eq!(host.links().await, before);
    }
}

#[tokio::test]
async fn cleanup_removes_what_a_crash_left() {
    let Some(host) = Host::new(&["tap1"]).await else {
        return;
    };
    let before = host.links().await;
    let mut daemon = host.start("");
    host.client(&daemon)
        .await
        .attach(&body("e1", "tap1"))
        .await
        .unwrap();
    daemon.signal("KILL");
    daemon.wait();
    assert_ne!(host.links().await, before);
    let cleanup = |flags: &[&str]| {
        let file = daemon.file("bgp.conf");
        host.node
            .run(|| {
                Command::new(env!("CARGO_BIN_EXE_bagpipe-bgp-cleanup"))
                    .arg("--config-file")
                    .arg(file)
                    .args(flags)
                    .output()
            })
            .unwrap()
            .unwrap()
    };
    let dry = cleanup(&["--dry-run"]);
    let said = String::from_utf8(dry.stderr).unwrap();
    assert!(said.contains("would remove `evpn---e1`"), "{said}");
    assert_ne!(host.links().await, before);
    assert!(cleanup(&[]).status.success());
    assert_eq!(host.links().await, before);
}

#[tokio::test]
async fn an_interface_made_anew_is_plugged_again() {
    let Some(host) = Host::new(&["tap1"]).await else {
        return;
    };
    let daemon = host.start("");
    let mut client = host.client(&daemon).await;
    client.attach(&body("e1", "tap1")).await.unwrap();
    host.netlink.delete("tap1").await.unwrap();
    let veth = Veth {
        a: LinkSpec::up("tap1"),
        b: LinkSpec::up("tap1p"),
    };
    host.netlink.create_veth(&veth).await.unwrap();
    client.attach(&body("e1", "tap1")).await.unwrap();
    let bridge = host.netlink.index("evpn---e1").await.unwrap();
    assert_eq!(
        host.netlink.link("tap1").await.unwrap().master,
        Some(bridge)
    );
}
