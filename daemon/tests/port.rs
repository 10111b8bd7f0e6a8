//! Test ports in real namespaces, and `bagpipe-rest-attach` making them.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "tests fail by panicking"
)]

mod common;

use std::{net::IpAddr, process::Command};

use bagpipe_bgp::port::{GuestPort, guest_mac, host_interface, leads_elsewhere, plug_netns};
use common::{Daemon, config};
use netns::{
    addr::{IpPrefix, MacAddr},
    link::{LinkSpec, Netlink, Veth},
    ns::{NetNs, NodeNs, NodeSpec},
};

/// Namespaces need privileges; without them these tests say so and pass.
fn node() -> Option<NodeNs> {
    match NodeNs::create(&NodeSpec::default()) {
        Ok(node) => Some(node),
        Err(error) => {
            eprintln!("SKIPPED, no namespace here: {error}: {}", error.source);
            None
        }
    }
}

fn port() -> GuestPort {
    GuestPort {
        host_if: "ns-vm1".into(),
        guest_if: "tovpn".into(),
        address: IpPrefix::new(IpAddr::from([12, 11, 11, 1]), 24),
        gateway: Some([12, 11, 11, 254].into()),
        mac: None,
        quiet: false,
        vlan: None,
    }
}

#[tokio::test]
async fn issue_74_a_quiet_namespace_has_the_address_it_was_given() {
    let Some(host) = node() else { return };
    let guest = NetNs::create().unwrap();
    let quiet = GuestPort {
        quiet: true,
        ..port()
    };
    plug_netns(&host.net, &guest, &quiet).await.unwrap();
    let inside = Netlink::in_ns(&guest).unwrap();
    let link = inside.link("tovpn").await.unwrap();
    let addresses = inside.addresses().await.unwrap();
    let own = addresses.iter().filter(|a| a.link == link.index);
    let own: Vec<String> = own.map(|a| a.prefix.to_string()).collect();
    assert!(link.up);
    assert_eq!(own, ["12.11.11.1/24"]);
}

#[tokio::test]
async fn a_namespace_is_wired_once() {
    let Some(host) = node() else { return };
    let guest = NetNs::create().unwrap();
    let (outside, inside) = (
        Netlink::in_ns(&host.net).unwrap(),
        Netlink::in_ns(&guest).unwrap(),
    );

    let mac = plug_netns(&host.net, &guest, &port()).await.unwrap();
    let first = (
        outside.link("ns-vm1").await.unwrap(),
        inside.link("tovpn").await.unwrap(),
    );
    assert_eq!(first.1.mac, Some(mac));
    assert!(first.0.up && first.1.up && inside.link("lo").await.unwrap().up);
    assert_eq!(first.1.mtu, 1420);
    let addresses = inside.addresses().await.unwrap();
    assert!(
        addresses
            .iter()
            .any(|a| a.prefix.to_string() == "12.11.11.1/24"),
        "{addresses:?}"
    );
    let routes = inside.routes(None).await.unwrap();
    assert!(routes.iter().any(|r| r.via == port().gateway), "{routes:?}");

    // Again: the same pair. With a MAC: the pair takes it.
    assert_eq!(plug_netns(&host.net, &guest, &port()).await.unwrap(), mac);
    assert_eq!(inside.link("tovpn").await.unwrap().index, first.1.index);
    let other = MacAddr([2, 0, 0, 0, 0, 1]);
    let with_mac = GuestPort {
        mac: Some(other),
        ..port()
    };
    assert_eq!(
        plug_netns(&host.net, &guest, &with_mac).await.unwrap(),
        other
    );
    assert_eq!(guest_mac(&guest, "tovpn").await.unwrap(), other);
    assert_eq!(outside.link("ns-vm1").await.unwrap().index, first.0.index);
}

#[tokio::test]
async fn an_interface_that_leads_to_another_namespace_is_told() {
    let Some(host) = node() else { return };
    let (one, other) = (NetNs::create().unwrap(), NetNs::create().unwrap());
    let leads = async |guest| leads_elsewhere(&host.net, guest, "ns-vm1").await.unwrap();
    assert!(!leads(&one).await);
    plug_netns(&host.net, &one, &port()).await.unwrap();
    assert!(!leads(&one).await);
    assert!(leads(&other).await);
    // Also where the other has an interface with the same index.
    let inside = Netlink::in_ns(&other).unwrap();
    let ends = ["a", "b", "c", "d"].map(LinkSpec::up);
    let [a, b, c, d] = ends;
    for (a, b) in [(a, b), (c, d)] {
        inside.create_veth(&Veth { a, b }).await.unwrap();
    }
    assert!(leads(&other).await);
}

#[tokio::test]
async fn what_is_in_the_way_goes() {
    let Some(host) = node() else { return };
    let guest = NetNs::create().unwrap();
    let outside = Netlink::in_ns(&host.net).unwrap();
    let veth = Veth {
        a: LinkSpec::up("ns-vm1"),
        b: LinkSpec::up("elsewhere"),
    };
    outside.create_veth(&veth).await.unwrap();
    plug_netns(&host.net, &guest, &port()).await.unwrap();
    assert!(outside.link("elsewhere").await.unwrap_err().is_not_found());
}

#[test]
fn names_of_interfaces_fit() {
    assert_eq!(host_interface("vm1"), "ns-vm1");
    assert_eq!(host_interface("evpn-bagpipe-test"), "ns-evpn-bagpipe");
    assert_eq!(host_interface("ééééééé"), "ns-éééééé");
}

#[tokio::test]
async fn issues_68_and_69_rest_attach_makes_and_cleans_a_namespace() {
    let Some(node) = node() else { return };
    Netlink::in_ns(&node.net)
        .unwrap()
        .set_up("lo")
        .await
        .unwrap();
    let daemon = node
        .run(|| Daemon::start(&config(9, "[BGP]\npeers=\n")))
        .unwrap();
    let port = daemon.api.port().to_string();
    let attach = |flags: &[&str]| {
        let output = node
            .run(|| {
                Command::new(env!("CARGO_BIN_EXE_bagpipe-rest-attach"))
                    .args([
                        "--api-port",
                        &port,
                        "--network-type",
                        "evpn",
                        "--ip",
                        "12.11.11.1",
                    ])
                    .args([
                        "--vpn-instance-id",
                        "test2",
                        "--port",
                        "netns",
                        "--rt",
                        "64512:79",
                    ])
                    .args(flags)
                    .output()
            })
            .unwrap()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        (
            output.status.code(),
            text + std::str::from_utf8(&output.stderr).unwrap(),
        )
    };
    let names = || node.run(netns::ns::named::list).unwrap().unwrap();
    let outside = Netlink::in_ns(&node.net).unwrap();

    let (status, text) = attach(&["--attach", "--mac", "02:00:00:00:00:01"]);
    insta::assert_snapshot!(format!("{text}-> {status:?}"));
    assert_eq!(names(), ["test2"]);
    assert!(outside.link("ns-test2").await.unwrap().up);

    // The MAC is found in the namespace when it is not given.
    let (status, text) = attach(&["--detach"]);
    assert_eq!(status, Some(0), "{text}");
    assert!(
        text.contains("Local port: ns-test2 (02:00:00:00:00:01)"),
        "{text}"
    );
    assert_eq!(names(), ["test2"], "a detach leaves the namespace");

    let (status, text) = attach(&["--attach", "--json"]);
    assert_eq!(status, Some(0), "{text}");
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["mac_address"], "02:00:00:00:00:01");
    assert_eq!(report["status"], 200);

    let (status, text) = attach(&["--detach", "--clean"]);
    assert_eq!(status, Some(0), "{text}");
    assert_eq!(names(), [] as [&str; 0]);
    assert!(outside.link("ns-test2").await.unwrap_err().is_not_found());
    let (status, text) = attach(&["--detach"]);
    assert_eq!(status, Some(1));
    assert!(
        text.contains("network namespace `test2` does not exist"),
        "{text}"
    );

    // What is refused leaves nothing that was not there before.
    let nothing = |names: &[String]| {
        assert_eq!(names, [] as [&str; 0]);
    };
    let (status, text) = attach(&["--attach", "--json", "--mac", "01:00:00:00:00:01"]);
    assert_eq!(status, Some(1), "{text}");
    nothing(&names());
    let (status, text) = attach(&["--attach", "--json", "--vni", "99999999"]);
    assert_eq!(status, Some(1), "{text}");
    let (report, said) = text.split_once('\n').unwrap();
    assert_eq!(said, "error 400, reason: Bad Request\n");
    let report: serde_json::Value = serde_json::from_str(report).unwrap();
    assert_eq!(report["error"], "400 Bad Request");
    assert_eq!(report["field"], "vni");
    nothing(&names());
    assert!(outside.link("ns-test2").await.unwrap_err().is_not_found());
    node.run(|| netns::ns::named::add("test2"))
        .unwrap()
        .unwrap();
    let (status, text) = attach(&["--attach", "--vni", "99999999"]);
    assert_eq!(status, Some(1), "{text}");
    assert_eq!(names(), ["test2"]);
    assert!(outside.link("ns-test2").await.unwrap_err().is_not_found());
    let (status, text) = attach(&["--attach"]);
    assert_eq!(status, Some(0), "{text}");
    let (status, text) = attach(&["--attach", "--vni", "99999999"]);
    assert_eq!(status, Some(1), "{text}");
    assert!(outside.link("ns-test2").await.unwrap().up);
}
