//! An E-VPN instance plugged into an IP VPN one, in the kernel.

#![allow(clippy::unwrap_used)]

mod common;

use std::net::IpAddr;
use std::sync::Arc;

use common::ipvpn::{self, Vm, vm};
use common::{Host, mac};
use dataplane::{Driver, LinuxVxlanDriver, LinuxVxlanOptions, OwnedKind};
use netns::link::{Bridge, LinkChange, LinkSpec, Netlink, Route};
use vpn::intent::{GATEWAY_MAC, GatewayPort, InstanceId, Link, Port};
use vpn::{EvpnIntent, IpVpnIntent};

const GATEWAY: &str = "11.0.0.254";

fn link() -> Link {
    Link::between(InstanceId(1), InstanceId(2))
}

/// E-VPN instance 1 with `vm`, plugged into IP VPN instance 2.
fn evi(host: &Host, vm: &Vm, number: u8) -> EvpnIntent {
    let mut intent = host.intent("e", 1);
    let endpoints = vm.ips.iter().map(|ip| (mac(number), Some(*ip)));
    let port = Port {
        endpoints: endpoints.collect(),
        ..Port::default()
    };
    intent.ports.insert(vm.port.as_str().into(), port);
    intent.gateway_port = Some(GatewayPort {
        link: link(),
        vrf: InstanceId(2),
        address: GATEWAY.parse().ok(),
    });
    intent
}

/// IP VPN instance 2 with `near` behind the link and `far` at a port.
fn vrf(host: &Host, near: &Vm, far: &Vm) -> IpVpnIntent {
    let mut intent = ipvpn::intent(host, "v", 2, GATEWAY);
    let (_, mut port) = near.attached(17);
    port.link = Some(link());
    intent.ports.insert(link().ipvpn.into(), port);
    intent.ports.extend([far.attached(18)]);
    intent
}

/// The kernel does not let both have the same UDP port.
async fn ip_driver(host: &Host) -> LinuxVxlanDriver {
    let mut driver = LinuxVxlanDriver::new(LinuxVxlanOptions {
        vxlan_port: 8472,
        namespace: Some(host.ns.clone()),
    });
    driver.start().await.unwrap();
    driver
}

/// One behind the link, and one at a port of the IP VPN instance that is on a link with everybody.
async fn machines(host: &Host) -> (Vm, Vm) {
    let near = vm(host, 1, &[("11.0.0.1/24", GATEWAY)]).await;
    let far = vm(host, 2, &[("12.0.0.2/24", "12.0.0.254")]).await;
    let netlink = Netlink::in_ns(&far.ns).unwrap();
    let eth0 = netlink.index("eth0").await.unwrap();
    let back = Route::to("11.0.0.0/24".parse().unwrap()).link(eth0);
    netlink.apply(back.replace()).await.unwrap();
    (near, far)
}

async fn is_gone(host: &Host) -> bool {
    !host.has(&link().evpn).await && !host.has(&link().ipvpn).await
}

#[tokio::test]
async fn hosts_of_an_evpn_reach_others_by_the_gateway_and_the_link_goes_again() {
    let (host, _other) = need!(common::hosts().await);
    let (near, far) = machines(&host).await;
    let (mut evpn, mut ip) = (host.driver().await, ip_driver(&host).await);
    // In either order: neither waits for the other.
    ip.apply(Arc::new(vrf(&host, &near, &far))).await.unwrap();
    evpn.apply(Arc::new(evi(&host, &near, 1))).await.unwrap();
    near.ready().await;
    far.ready().await;
    common::ready(&host.ns, &link().evpn).await;
    near.ping(far.ips[0]).await.unwrap();
    far.ping(near.ips[0]).await.unwrap();
    // The gateway's address is the one that every host has.
    let netlink = Netlink::in_ns(&near.ns).unwrap();
    let neighbours = netlink.neighbours(None).await.unwrap();
    let gateway: IpAddr = GATEWAY.parse().unwrap();
    let known = neighbours.iter().find(|n| n.ip == gateway).unwrap();
    assert_eq!(known.mac, Some(netns::addr::MacAddr(GATEWAY_MAC.0)));
    // Nobody but the gateway is answered for: others of the subnet are reached in the E-VPN.
    assert!(near.ping("11.0.0.77".parse().unwrap()).await.is_err());

    // Again is nothing new.
    let before = host.dump().await;
    ip.apply(Arc::new(vrf(&host, &near, &far))).await.unwrap();
    evpn.apply(Arc::new(evi(&host, &near, 1))).await.unwrap();
    assert_eq!(host.dump().await, before);

    let mut without = evi(&host, &near, 1);
    without.gateway_port = None;
    evpn.apply(Arc::new(without)).await.unwrap();
    assert!(!is_gone(&host).await);
    ip.remove(InstanceId(2)).await.unwrap();
    assert!(is_gone(&host).await);
    assert_eq!(ip.list().await.unwrap(), []);
}

#[tokio::test]
async fn a_link_stays_for_the_driver_that_wants_it_while_the_other_changes_its_mind() {
    let (host, _other) = need!(common::hosts().await);
    let (near, far) = machines(&host).await;
    let (mut evpn, mut ip) = (host.driver().await, ip_driver(&host).await);
    let (evi, vrf) = (
        Arc::new(evi(&host, &near, 1)),
        Arc::new(vrf(&host, &near, &far)),
    );
    evpn.apply(Arc::clone(&evi)).await.unwrap();
    ip.apply(Arc::clone(&vrf)).await.unwrap();
    near.ready().await;
    far.ready().await;
    // Detached and attached again, which one driver sees and the other has not had the time to: what it has made with
    // the link is as good as before.
    evpn.remove(InstanceId(1)).await.unwrap();
    assert!(!is_gone(&host).await);
    evpn.apply(Arc::clone(&evi)).await.unwrap();
    let ready = async || {
        near.ready().await;
        far.ready().await;
        for port in [&link().evpn, &link().ipvpn, &near.port, &far.port] {
            common::ready(&host.ns, port).await;
        }
    };
    ready().await;
    near.ping(far.ips[0]).await.unwrap();
    ip.remove(InstanceId(2)).await.unwrap();
    assert!(!is_gone(&host).await);
    ip.apply(Arc::clone(&vrf)).await.unwrap();
    ready().await;
    near.ping(far.ips[0]).await.unwrap();
    // What neither has is swept by neither while the other still wants it.
    ip.reconcile(Vec::new()).await.unwrap();
    assert!(!is_gone(&host).await);
    evpn.reconcile(Vec::new()).await.unwrap();
    assert!(is_gone(&host).await);
}

#[tokio::test]
async fn both_drivers_may_make_a_link_at_once() {
    let (host, _other) = need!(common::hosts().await);
    let (near, far) = machines(&host).await;
    let (mut evpn, mut ip) = (host.driver().await, ip_driver(&host).await);
    for _ in 0..20 {
        let (made, found) = tokio::join!(
            evpn.apply(Arc::new(evi(&host, &near, 1))),
            ip.apply(Arc::new(vrf(&host, &near, &far)))
        );
        made.unwrap();
        found.unwrap();
        for end in [link().evpn, link().ipvpn] {
            assert!(host.has(&end).await, "{end}");
        }
        evpn.remove(InstanceId(1)).await.unwrap();
        ip.remove(InstanceId(2)).await.unwrap();
        assert!(is_gone(&host).await);
    }
}

#[tokio::test]
async fn a_link_that_a_crash_left_is_taken_over_or_removed() {
    let (host, _other) = need!(common::hosts().await);
    let (near, far) = machines(&host).await;
    {
        let (mut evpn, mut ip) = (host.driver().await, ip_driver(&host).await);
        evpn.apply(Arc::new(evi(&host, &near, 1))).await.unwrap();
        ip.apply(Arc::new(vrf(&host, &near, &far))).await.unwrap();
    }
    let before = host.netlink.index(link().evpn.as_str()).await.unwrap();
    let (mut evpn, mut ip) = (host.driver().await, ip_driver(&host).await);
    for owned in [evpn.list().await.unwrap(), ip.list().await.unwrap()] {
        assert_eq!(
            owned.iter().filter(|o| o.kind == OwnedKind::Link).count(),
            1,
            "{owned:?}"
        );
    }
    evpn.reconcile(vec![Arc::new(evi(&host, &near, 1))])
        .await
        .unwrap();
    ip.reconcile(vec![Arc::new(vrf(&host, &near, &far))])
        .await
        .unwrap();
    assert_eq!(
        host.netlink.index(link().evpn.as_str()).await.unwrap(),
        before
    );
    near.ready().await;
    far.ready().await;
    common::ready(&host.ns, &link().evpn).await;
    near.ping(far.ips[0]).await.unwrap();

    // Once more, and nobody wants it: the last of the drivers to say so removes it.
    let (mut evpn, mut ip) = (host.driver().await, ip_driver(&host).await);
    ip.reconcile(Vec::new()).await.unwrap();
    evpn.reset().await.unwrap();
    assert!(is_gone(&host).await);
    assert_eq!(
        (evpn.list().await.unwrap(), ip.list().await.unwrap()),
        (vec![], vec![])
    );
}

#[tokio::test]
async fn the_link_is_plugged_into_a_bridge_that_somebody_else_owns() {
    let (host, _other) = need!(common::hosts().await);
    let (near, far) = machines(&host).await;
    let bridge = Bridge::new(LinkSpec::up("brq1").mac([2, 9, 9, 9, 9, 9]));
    let bridge = host.netlink.create(&bridge.create()).await.unwrap();
    let tap = host.netlink.index("tap1").await.unwrap();
    let plugged = LinkChange::new(tap).up().master(bridge);
    host.netlink.apply(plugged).await.unwrap();
    let (mut evpn, mut ip) = (host.driver().await, ip_driver(&host).await);
    let mut intent = evi(&host, &near, 1);
    intent.linuxbr = Some("brq1".into());
    evpn.apply(Arc::new(intent)).await.unwrap();
    ip.apply(Arc::new(vrf(&host, &near, &far))).await.unwrap();
    near.ready().await;
    far.ready().await;
    common::ready(&host.ns, &link().evpn).await;
    near.ping(far.ips[0]).await.unwrap();
    evpn.remove(InstanceId(1)).await.unwrap();
    // It is in nobody's bridge any more, and goes with the other end.
    let end = host.netlink.link(link().evpn.as_str()).await.unwrap();
    assert!(end.master.is_none() && !end.up);
    ip.remove(InstanceId(2)).await.unwrap();
    assert!(is_gone(&host).await && host.has("brq1").await);
    // Somebody else's port is still where it was.
    assert_eq!(
        host.netlink.link("tap1").await.unwrap().master,
        Some(bridge)
    );
}
