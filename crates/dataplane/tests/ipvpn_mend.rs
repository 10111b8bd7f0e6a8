//! What the `linux-vxlan` driver leaves when something goes, fails or is broken by others.

#![allow(clippy::unwrap_used)]

mod common;

use std::net::IpAddr;
use std::sync::Arc;

use common::ipvpn::*;
use common::*;
use dataplane::{Driver, LinuxVxlanDriver};
use netns::link::{Neighbour, Netlink};
use netns::packet::{Capture, CaptureOptions};
use vpn::intent::{IpVpnEndpoint, IpVpnPort};
use vpn::{Direction, IpVpnIntent};

const GATEWAY: &str = "10.1.1.254";

/// Which of these ports answer for others.
fn answering<'a>(host: &Host, ports: &[&'a str]) -> Vec<&'a str> {
    let answers = |port: &&&str| {
        let name = format!("net.ipv4.conf.{port}.proxy_arp");
        netns::sysctl::read(&host.ns, &name).unwrap() == "1"
    };
    ports.iter().filter(answers).copied().collect()
}

/// The port with one direction.
fn one_way((name, port): (Arc<str>, IpVpnPort), direction: Direction) -> (Arc<str>, IpVpnPort) {
    let endpoints = port.endpoints.iter().cloned();
    let endpoints = endpoints.map(|endpoint| IpVpnEndpoint {
        direction,
        ..endpoint
    });
    let endpoints = endpoints.collect();
    (name, IpVpnPort { endpoints, ..port })
}

// Of an instance that stayed the port went on answering; of one that went, also if another had the port.
#[tokio::test]
async fn a_port_answers_for_others_as_long_as_an_instance_has_it() {
    let (a, _b) = need!(hosts().await);
    let vm1 = vm(&a, 1, &[("10.1.1.1/24", GATEWAY)]).await;
    let vm2 = vm(&a, 2, &[("10.1.1.2/24", GATEWAY)]).await;
    let mut driver = driver(&a).await;
    let mut red = intent(&a, "red", 1, GATEWAY);
    red.ports.extend([vm1.attached(17), vm2.attached(18)]);
    let mut blue = intent(&a, "blue", 2, GATEWAY);
    blue.ports
        .extend([one_way(vm2.attached(19), Direction::ToPort)]);
    apply(&mut driver, &red).await;
    apply(&mut driver, &blue).await;
    let ports = ["tap1", "tap2"];
    assert_eq!(answering(&a, &ports), ports);
    driver.remove(blue.instance).await.unwrap();
    assert_eq!(answering(&a, &ports), ports);
    red.ports.remove("tap1");
    apply(&mut driver, &red).await;
    assert_eq!(answering(&a, &ports), ["tap2"]);
    driver.remove(red.instance).await.unwrap();
    assert_eq!(answering(&a, &ports), [""; 0]);
}

// The tunnel stayed, and ports answered.
#[tokio::test]
async fn a_first_instance_that_fails_leaves_nothing() {
    let (a, _b) = need!(hosts().await);
    let vm1 = vm(&a, 1, &[("fd01::1/64", "fd01::254")]).await;
    // The kernel refuses routes to it.
    netns::sysctl::write(&a.ns, "net.ipv6.conf.tap1.disable_ipv6", "1").unwrap();
    let mut driver = driver(&a).await;
    let before = dump(&a).await;
    let mut red = intent(&a, "red", 1, "fd01::254");
    red.ports.extend([vm1.attached(17)]);
    driver.apply(Arc::new(red.clone())).await.unwrap_err();
    assert_eq!(dump(&a).await, before);
    assert_eq!(answering(&a, &["tap1"]), [""; 0]);
    assert_eq!(driver.state(red.instance), None);
}

/// Takes away all that bears the driver's marks but the tunnel.
async fn plunder(host: &Host) {
    let (routes, rules, neighbours, ..) = dump(host).await;
    let own = |table: u32| table > 1000;
    let routes = routes.iter().filter(|route| own(route.table));
    let rules = rules.iter().filter(|rule| rule.table.is_some_and(own));
    let requests = routes
        .map(|route| route.delete())
        .chain(rules.map(|rule| rule.delete()))
        .chain(neighbours.iter().map(Neighbour::delete));
    for request in requests {
        host.netlink.apply(request).await.unwrap();
    }
}

#[tokio::test]
async fn what_others_broke_is_mended_when_it_is_asked_for_again() {
    let (a, b) = need!(hosts().await);
    let addresses = [("10.1.1.1/24", GATEWAY), ("10.1.1.2/24", GATEWAY)];
    let ([vm1, vm2], [at_a, at_b]) = joined([&a, &b], addresses).await;
    let (mut driver_a, mut driver_b) = (driver(&a).await, driver(&b).await);
    let before = dump(&a).await;
    apply(&mut driver_a, &at_a).await;
    apply(&mut driver_b, &at_b).await;
    vm1.ready().await;
    vm2.ready().await;
    let whole = dump(&a).await;
    async fn attach(driver: &mut LinuxVxlanDriver, intent: &IpVpnIntent) {
        apply(driver, intent).await;
    }
    async fn reconcile(driver: &mut LinuxVxlanDriver, intent: &IpVpnIntent) {
        driver
            .reconcile(vec![Arc::new(intent.clone())])
            .await
            .unwrap();
    }
    plunder(&a).await;
    assert!(vm1.ping(vm2.ips[0]).await.is_err());
    attach(&mut driver_a, &at_a).await;
    assert_eq!(dump(&a).await, whole);
    vm1.ping(vm2.ips[0]).await.unwrap();
    plunder(&a).await;
    reconcile(&mut driver_a, &at_a).await;
    assert_eq!(dump(&a).await, whole);
    vm1.ping(vm2.ips[0]).await.unwrap();
    // And it is still known what there is to remove.
    driver_a.remove(at_a.instance).await.unwrap();
    assert_eq!(dump(&a).await, before);
}

// What is followed is what is there when all of it is looked at.
#[tokio::test]
async fn ports_and_routes_that_come_and_go_leave_the_same_as_all_at_once() {
    let (a, b) = need!(hosts().await);
    let vm1 = vm(&a, 1, &[("10.1.1.1/24", GATEWAY)]).await;
    let vm2 = vm(&a, 2, &[("10.1.1.2/24", GATEWAY)]).await;
    let vm3 = vm(&a, 3, &[("10.1.1.3/24", GATEWAY)]).await;
    let mut driver = driver(&a).await;
    let mut red = intent(&a, "red", 1, GATEWAY);
    red.ports.extend([vm2.attached(17)]);
    let mut steps = vec![red.clone()];
    let mut step = |change: &dyn Fn(&mut IpVpnIntent)| {
        change(&mut red);
        steps.push(red.clone());
    };
    step(&|red| learn_prefix(red, "10.1.1.9/32", b.vtep, 30));
    step(&|red| red.ports.extend([vm3.attached(18)]));
    step(&|red| learn_prefix(red, "10.1.1.8/32", b.vtep, 31));
    // The first of the ports, which has the gateway.
    step(&|red| red.ports.extend([vm1.attached(19)]));
    step(&|red| drop(red.ports.remove("tap3")));
    step(&|red| drop(red.routes.remove(&"10.1.1.9/32".parse().unwrap())));
    for step in &steps {
        apply(&mut driver, step).await;
    }
    let followed = dump(&a).await;
    apply(&mut driver, &steps[steps.len() - 1]).await;
    assert_eq!(dump(&a).await, followed);
    vm1.ready().await;
    vm2.ready().await;
    vm1.ping(vm2.ips[0]).await.unwrap();
    assert_eq!(answering(&a, &["tap1", "tap2", "tap3"]), ["tap1", "tap2"]);
    for step in steps.iter().rev() {
        apply(&mut driver, step).await;
    }
    let back = dump(&a).await;
    driver.remove(red.instance).await.unwrap();
    apply(&mut driver, &steps[0]).await;
    let (routes, rules, ..) = dump(&a).await;
    assert_eq!((back.0.len(), back.1), (routes.len(), rules));
}

// After a crash nobody knew of the addresses that a port answers for.
#[tokio::test]
async fn after_a_crash_no_ipv6_address_is_answered_for() {
    let (a, b) = need!(hosts().await);
    let vm1 = vm(&a, 1, &[("fd01::1/64", "fd01::254")]).await;
    let before = dump(&a).await;
    let mut red = intent(&a, "red", 1, "fd01::254");
    red.ports.extend([vm1.attached(17)]);
    learn_prefix(&mut red, "fd01::2/128", b.vtep, 18);
    apply(&mut driver(&a).await, &red).await;
    assert_eq!(dump(&a).await.3.len(), 2);
    driver(&a).await.reset().await.unwrap();
    assert_eq!(dump(&a).await, before);
}

// What came from such a port went the host's own ways.
#[tokio::test]
async fn what_may_only_receive_reaches_nothing() {
    let (a, b) = need!(hosts().await);
    let vm1 = vm(&a, 1, &[("10.1.1.1/24", GATEWAY)]).await;
    let mut driver = driver(&a).await;
    let mut red = intent(&a, "red", 1, GATEWAY);
    red.ports
        .extend([one_way(vm1.attached(17), Direction::ToPort)]);
    apply(&mut driver, &red).await;
    vm1.ready().await;
    // It need not be told who the gateway is.
    let tap1 = a.netlink.link("tap1").await.unwrap();
    let netlink = Netlink::in_ns(&vm1.ns).unwrap();
    let eth0 = netlink.index("eth0").await.unwrap();
    let gateway: IpAddr = GATEWAY.parse().unwrap();
    let known = Neighbour::permanent(eth0, gateway, tap1.mac.unwrap());
    netlink.apply(known.replace()).await.unwrap();
    let mut capture = Capture::open(&a.ns, "underlay", &CaptureOptions::default()).unwrap();
    vm1.ping(b.vtep).await.unwrap_err();
    let mut frames = Vec::new();
    capture.drain(&mut frames).await.unwrap();
    let from_vm = |frame: &&netns::packet::Frame| frame.data.get(26..30) == Some(&[10, 1, 1, 1]);
    assert_eq!(frames.iter().filter(from_vm).count(), 0);
    // Nothing of it stays.
    driver.remove(red.instance).await.unwrap();
    assert!(driver.list().await.unwrap().is_empty());
    let rules = dump(&a).await.1;
    assert!(rules.iter().all(|rule| rule.iif.is_none()), "{rules:?}");
}

#[tokio::test]
async fn after_a_crash_an_instance_cuts_off_no_other_at_the_same_port() {
    let (a, _b) = need!(hosts().await);
    let vm1 = vm(&a, 1, &[("10.1.1.1/24", GATEWAY)]).await;
    let vm2 = vm(&a, 2, &[("10.1.1.2/24", GATEWAY)]).await;
    let mut red = intent(&a, "red", 1, GATEWAY);
    red.ports.extend([vm1.attached(17), vm2.attached(18)]);
    let mut blue = intent(&a, "blue", 2, GATEWAY);
    let (name, port) = one_way(vm1.attached(19), Direction::ToPort);
    blue.ports.insert(name, port);
    {
        let mut first = driver(&a).await;
        apply(&mut first, &red).await;
        apply(&mut first, &blue).await;
    }
    vm1.ready().await;
    vm2.ready().await;
    apply(&mut driver(&a).await, &blue).await;
    vm1.ping(vm2.ips[0]).await.unwrap();
}

// With forwarding the host lost the default route that a router had told it of.
#[tokio::test]
async fn a_host_that_becomes_a_router_still_hears_others() {
    let (a, _b) = need!(hosts().await);
    let vm1 = vm(&a, 1, &[("fd01::1/64", "fd01::254")]).await;
    let accepts = |name: &str| {
        let name = format!("net.ipv6.conf.{name}.accept_ra");
        netns::sysctl::read(&a.ns, &name).unwrap()
    };
    netns::sysctl::write(&a.ns, "net.ipv6.conf.lo.accept_ra", "0").unwrap();
    assert_eq!(accepts("underlay"), "1");
    let mut red = intent(&a, "red", 1, "fd01::254");
    red.ports.extend([vm1.attached(17)]);
    apply(&mut driver(&a).await, &red).await;
    let forwards = netns::sysctl::read(&a.ns, "net.ipv6.conf.all.forwarding").unwrap();
    assert_eq!((&*forwards, &*accepts("underlay")), ("1", "2"));
    assert_eq!(accepts("lo"), "0", "what was not to be heard is not");
    assert_eq!(accepts("tap1"), "0", "nor are machines");
}
