//! IP VPN packets through what the `linux-vxlan` driver made, between namespaces.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use bgp_wire::Label;
use common::ipvpn::*;
use common::*;
use dataplane::{Driver, DriverError};
use netns::icmp::{self, Echo};
use netns::packet::{Capture, CaptureOptions};
use vpn::intent::{InstanceId, IpVpnEndpoint};
use vpn::{Direction, IpVpnIntent};

/// VNIs of what crosses the underlay.
async fn labels(capture: &mut Capture) -> Vec<u32> {
    let mut frames = Vec::new();
    capture.drain(&mut frames).await.unwrap();
    frames
        .iter()
        .filter_map(vxlan)
        .map(|(vni, _)| vni)
        .collect()
}

#[tokio::test]
async fn issue_03_a_first_ping_between_hosts_is_answered_at_once() {
    let (a, b) = need!(hosts().await);
    let addresses = [("10.1.1.1/24", "10.1.1.254"), ("10.1.2.2/24", "10.1.2.254")];
    let ([vm1, vm2], [mut at_a, at_b]) = joined([&a, &b], addresses).await;
    let (mut driver_a, mut driver_b) = (driver(&a).await, driver(&b).await);
    let before = dump(&a).await;
    apply(&mut driver_a, &at_a).await;
    apply(&mut driver_b, &at_b).await;
    vm1.ready().await;
    vm2.ready().await;

    let mut capture = Capture::open(&a.ns, "underlay", &CaptureOptions::default()).unwrap();
    vm1.ping(vm2.ips[0]).await.unwrap();
    assert_eq!(labels(&mut capture).await, [18, 17]);
    let view = driver_a.state(at_a.instance).unwrap();
    assert_eq!(view.mtu, Some(1450));

    // A full packet goes in fragments.
    let full = Echo {
        payload_len: 1472,
        timeout: AT_ONCE,
        ..Echo::to(vm2.ips[0])
    };
    icmp::ping(&vm1.ns, None, full).await.unwrap();

    // Nothing to do, nothing changes.
    let there = dump(&a).await;
    apply(&mut driver_a, &at_a).await;
    assert_eq!(dump(&a).await, there);

    // What is forgotten is not reached any more, and at the end nothing is left.
    at_a.routes.clear();
    apply(&mut driver_a, &at_a).await;
    assert!(vm1.ping(vm2.ips[0]).await.is_err());
    driver_a.remove(at_a.instance).await.unwrap();
    assert_eq!(dump(&a).await.0, before.0);
    assert_eq!(dump(&a).await.1, before.1);
    assert_eq!(dump(&a).await.2, before.2);
    assert!(driver_a.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn hosts_of_one_subnet_reach_each_other_over_both_protocols() {
    let (a, b) = need!(hosts().await);
    let gateways = ["10.1.1.254", "fd01::254"];
    let first = [("10.1.1.1/24", gateways[0]), ("fd01::1/64", gateways[1])];
    let second = [("10.1.1.2/24", gateways[0]), ("fd01::2/64", gateways[1])];
    let (vm1, vm2) = (vm(&a, 1, &first).await, vm(&b, 2, &second).await);
    for gateway in gateways {
        let mut at_a = intent(&a, "v", 1, gateway);
        let mut at_b = intent(&b, "v", 1, gateway);
        at_a.ports.extend([vm1.attached(17)]);
        at_b.ports.extend([vm2.attached(17)]);
        for (there, ip) in [("32", 0), ("128", 1)] {
            learn_prefix(&mut at_a, &format!("{}/{there}", vm2.ips[ip]), b.vtep, 17);
            learn_prefix(&mut at_b, &format!("{}/{there}", vm1.ips[ip]), a.vtep, 17);
        }
        let (mut driver_a, mut driver_b) = (driver(&a).await, driver(&b).await);
        apply(&mut driver_a, &at_a).await;
        apply(&mut driver_b, &at_b).await;
        vm1.ready().await;
        vm2.ready().await;
        let ip = vm2.ips[usize::from(gateway.contains(':'))];
        vm1.ping(ip).await.unwrap();
        driver_a.reset().await.unwrap();
        driver_b.reset().await.unwrap();
        assert!(driver_a.list().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn instances_with_the_same_addresses_do_not_meet() {
    let (a, b) = need!(hosts().await);
    let address = [("10.1.1.1/24", "10.1.1.254")];
    let other = [("10.1.1.2/24", "10.1.1.254")];
    let (red1, blue1) = (vm(&a, 1, &address).await, vm(&a, 2, &address).await);
    let (red2, blue2) = (vm(&b, 3, &other).await, vm(&b, 4, &other).await);
    let (mut driver_a, mut driver_b) = (driver(&a).await, driver(&b).await);
    for (name, n, left, right) in [("red", 1, &red1, &red2), ("blue", 2, &blue1, &blue2)] {
        let mut at_a = intent(&a, name, n, "10.1.1.254");
        let mut at_b = intent(&b, name, n, "10.1.1.254");
        at_a.ports.extend([left.attached(20 + n)]);
        at_b.ports.extend([right.attached(30 + n)]);
        learn_prefix(&mut at_a, "10.1.1.2/32", b.vtep, 30 + n);
        learn_prefix(&mut at_b, "10.1.1.1/32", a.vtep, 20 + n);
        apply(&mut driver_a, &at_a).await;
        apply(&mut driver_b, &at_b).await;
    }
    for vm in [&red1, &blue1, &red2, &blue2] {
        vm.ready().await;
    }
    let mut capture = Capture::open(&a.ns, "underlay", &CaptureOptions::default()).unwrap();
    let ip = IpAddr::from([10, 1, 1, 2]);
    red1.ping(ip).await.unwrap();
    assert_eq!(labels(&mut capture).await, [31, 21]);
    blue1.ping(ip).await.unwrap();
    assert_eq!(labels(&mut capture).await, [32, 22]);
    // One goes, the other stays.
    driver_b.remove(InstanceId(1)).await.unwrap();
    assert!(red1.ping(ip).await.is_err());
    blue1.ping(ip).await.unwrap();
}

#[tokio::test]
async fn issue_84_ports_and_instances_of_one_host_reach_each_other() {
    let (a, _b) = need!(hosts().await);
    let vm1 = vm(&a, 1, &[("10.1.1.1/24", "10.1.1.254")]).await;
    let vm2 = vm(&a, 2, &[("10.1.1.2/24", "10.1.1.254")]).await;
    let vm3 = vm(&a, 3, &[("10.1.3.3/24", "10.1.3.254")]).await;
    let mut red = intent(&a, "red", 1, "10.1.1.254");
    red.ports.extend([vm1.attached(17), vm2.attached(18)]);
    learn_prefix(&mut red, "10.1.3.3/32", a.vtep, 19);
    let mut blue = intent(&a, "blue", 2, "10.1.3.254");
    blue.ports.extend([vm3.attached(19)]);
    learn_prefix(&mut blue, "10.1.1.1/32", a.vtep, 17);
    let mut driver = driver(&a).await;
    // The first refers to the second, which comes later.
    apply(&mut driver, &red).await;
    apply(&mut driver, &blue).await;
    for vm in [&vm1, &vm2, &vm3] {
        vm.ready().await;
    }
    let mut capture = Capture::open(&a.ns, "underlay", &CaptureOptions::default()).unwrap();
    vm1.ping(vm2.ips[0]).await.unwrap();
    vm1.ping(vm3.ips[0]).await.unwrap();
    assert!(vm2.ping(vm3.ips[0]).await.is_err(), "no way back");
    assert_eq!(labels(&mut capture).await, [], "delivered on the host");
}

#[tokio::test]
async fn a_port_that_is_not_there_changes_nothing() {
    let (a, _b) = need!(hosts().await);
    let vm1 = vm(&a, 1, &[("10.1.1.1/24", "10.1.1.254")]).await;
    let mut driver = driver(&a).await;
    let mut red = intent(&a, "red", 1, "10.1.1.254");
    red.ports.extend([vm1.attached(17)]);
    apply(&mut driver, &red).await;
    let before = dump(&a).await;
    let (_, port) = vm1.attached(18);
    let mut with = red.clone();
    with.ports.insert("tap9".into(), port);
    let error = driver.apply(Arc::new(with)).await.unwrap_err();
    assert!(matches!(error, DriverError::NoInterface { name } if name == "tap9"));
    let mut blue = intent(&a, "blue", 2, "10.1.1.254");
    blue.ports.extend([vm1.attached(18)]);
    let error = driver.apply(Arc::new(blue)).await.unwrap_err();
    assert!(matches!(error, DriverError::PortInInstance { other, .. } if other == "red"));
    assert_eq!(dump(&a).await, before);

    // A port that goes later is missed, and plugged when it is back.
    a.netlink.delete("tap1").await.unwrap();
    apply(&mut driver, &red).await;
    let view = driver.state(red.instance).unwrap();
    assert_eq!(view.missing_ports, BTreeSet::from(["tap1".to_owned()]));
    let vm1 = vm(&a, 1, &[("10.1.1.1/24", "10.1.1.254")]).await;
    let vm2 = vm(&a, 2, &[("10.1.1.2/24", "10.1.1.254")]).await;
    red.ports.extend([vm2.attached(18)]);
    apply(&mut driver, &red).await;
    vm1.ready().await;
    vm2.ready().await;
    vm1.ping(vm2.ips[0]).await.unwrap();
}

#[tokio::test]
async fn after_a_crash_forwarding_goes_on_and_what_is_unwanted_goes() {
    let (a, b) = need!(hosts().await);
    let vm1 = vm(&a, 1, &[("10.1.1.1/24", "10.1.1.254")]).await;
    let vm2 = vm(&b, 2, &[("10.1.1.2/24", "10.1.1.254")]).await;
    let vm3 = vm(&a, 3, &[("10.1.1.3/24", "10.1.1.254")]).await;
    let mut at_a = intent(&a, "v", 1, "10.1.1.254");
    let mut at_b = intent(&b, "v", 1, "10.1.1.254");
    at_a.ports.extend([vm1.attached(17)]);
    at_b.ports.extend([vm2.attached(18)]);
    learn_prefix(&mut at_a, "10.1.1.2/32", b.vtep, 18);
    learn_prefix(&mut at_b, "10.1.1.1/32", a.vtep, 17);
    let mut driver_b = driver(&b).await;
    apply(&mut driver_b, &at_b).await;
    {
        let mut first = driver(&a).await;
        apply(&mut first, &at_a).await;
        let mut old = intent(&a, "old", 2, "10.1.1.254");
        old.ports.extend([vm3.attached(19)]);
        apply(&mut first, &old).await;
    }
    vm1.ready().await;
    vm2.ready().await;
    let mut second = driver(&a).await;
    assert_eq!(
        second.list().await.unwrap().len(),
        5,
        "tunnel, 2 + 2 tables"
    );
    let fresh = IpVpnIntent {
        instance: InstanceId(7),
        routes: vpn::SharedMap::new(),
        ..at_a.clone()
    };
    apply(&mut second, &fresh).await;
    vm1.ping(vm2.ips[0]).await.unwrap();
    let learned = IpVpnIntent {
        instance: InstanceId(7),
        ..at_a.clone()
    };
    second
        .reconcile(vec![Arc::new(learned.clone())])
        .await
        .unwrap();
    vm1.ping(vm2.ips[0]).await.unwrap();
    assert_eq!(second.list().await.unwrap().len(), 3);
    let fresh = dump(&a).await;
    second.reconcile(vec![Arc::new(learned)]).await.unwrap();
    assert_eq!(dump(&a).await, fresh);
    second.reset().await.unwrap();
    assert!(second.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_subnet_and_a_default_route_lead_to_the_endpoint() {
    let (a, b) = need!(hosts().await);
    let vm1 = vm(&a, 1, &[("10.1.1.1/24", "10.1.1.254")]).await;
    // A router: 20.0.0.1 is an address of it behind its own.
    let vm2 = vm(
        &b,
        2,
        &[("10.1.2.2/24", "10.1.2.254"), ("20.0.0.1/24", "10.1.2.254")],
    )
    .await;
    let (mut driver_a, mut driver_b) = (driver(&a).await, driver(&b).await);
    for (prefix, route) in [("20.0.0.0/24", "20.0.0.0/24"), ("0.0.0.0/0", "0.0.0.0/0")] {
        let mut at_a = intent(&a, "v", 1, "10.1.1.254");
        let mut at_b = intent(&b, "v", 1, "10.1.2.254");
        at_a.ports.extend([vm1.attached(17)]);
        let (name, mut port) = vm2.attached(18);
        let prefix: bgp_wire::IpPrefix = prefix.parse().unwrap();
        let subnet = IpVpnEndpoint {
            mac: mac(2),
            ip: if prefix.len() == 0 {
                Ipv4Addr::UNSPECIFIED.into()
            } else {
                vm2.ips[0]
            },
            prefix,
            label: Label::new(18).unwrap(),
            direction: Direction::Both,
        };
        port.endpoints = [subnet].into();
        at_b.ports.insert(name, port);
        learn_prefix(&mut at_a, route, b.vtep, 18);
        learn_prefix(&mut at_b, "10.1.1.1/32", a.vtep, 17);
        apply(&mut driver_a, &at_a).await;
        apply(&mut driver_b, &at_b).await;
        vm1.ready().await;
        vm2.ready().await;
        vm1.ping([20, 0, 0, 1].into()).await.unwrap();
    }
}
