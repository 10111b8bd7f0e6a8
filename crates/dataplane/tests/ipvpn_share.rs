//! Several ways to one prefix, through what the `linux-vxlan` driver made.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;

use bgp_wire::Label;
use common::ipvpn::*;
use common::*;
use dataplane::{Driver, LinuxVxlanDriver};
use netns::tcp::{listen_in, tcp_in};
use tokio::net::TcpListener;
use tokio::time::timeout;
use vpn::intent::{FlowRedirect, InstanceId, NextHop};
use vpn::traffic::{NumberRange, TrafficMatch};
use vpn::{Classifier, Encap, Few, IpVpnIntent};

const PORT: u16 = 80;

fn ways(intent: &mut IpVpnIntent, to: &str, ways: &[(u32, std::net::IpAddr, u32)]) {
    let next_hops = ways.iter().map(|(order, pe, label)| NextHop {
        order: *order,
        pe: *pe,
        label: Label::new(*label).unwrap(),
        encap: Encap::Vxlan,
    });
    intent
        .routes
        .insert(to.parse().unwrap(), Few::of(next_hops).unwrap());
}

/// Machines with the same address behind ports of `host`, an instance and a label from 20 on each.
async fn twins(
    host: &Host,
    driver: &mut LinuxVxlanDriver,
    addresses: &[(&str, &str)],
    numbers: std::ops::Range<u8>,
    back: (&str, std::net::IpAddr),
) -> Vec<Vm> {
    let mut twins = Vec::new();
    for n in numbers {
        let twin = vm(host, n, addresses).await;
        let mut at = intent(host, &format!("twin{n}"), n.into(), addresses[0].1);
        at.ports.extend([twin.attached(20 + u32::from(n))]);
        ways(&mut at, back.0, &[(0, back.1, 17)]);
        apply(driver, &at).await;
        twin.ready().await;
        twins.push(twin);
    }
    twins
}

/// How many of `flows` connections each of the twins takes.
async fn dealt(from: &Vm, twins: &[Vm], to: SocketAddr, flows: usize) -> Vec<usize> {
    let listeners: Vec<TcpListener> = twins
        .iter()
        .map(|twin| listen_in(&twin.ns, to).unwrap())
        .collect();
    let mut connections = BTreeMap::new();
    for _ in 0..flows {
        let stream = tcp_in(&from.ns, to).await.unwrap();
        connections.insert(stream.local_addr().unwrap(), stream);
    }
    let mut counts = vec![0; listeners.len()];
    for _ in 0..flows {
        let taken = poll_fn(|cx| {
            for (count, listener) in counts.iter_mut().zip(&listeners) {
                if let Poll::Ready(taken) = listener.poll_accept(cx) {
                    *count += 1;
                    return Poll::Ready(taken);
                }
            }
            Poll::Pending
        });
        let (_, peer) = timeout(PATIENCE, taken).await.unwrap().unwrap();
        assert!(connections.contains_key(&peer));
    }
    counts
}

async fn shares(addresses: [(&str, &str); 2], to: &str, back: &str) {
    let (a, b) = need!(hosts().await);
    let vm1 = vm(&a, 1, &addresses[..1]).await;
    let (mut driver_a, mut driver_b) = (driver(&a).await, driver(&b).await);
    let twins = twins(&b, &mut driver_b, &addresses[1..], 2..4, (back, a.vtep)).await;
    let mut at_a = intent(&a, "v", 1, addresses[0].1);
    at_a.ports.extend([vm1.attached(17)]);
    ways(&mut at_a, to, &[(0, b.vtep, 22), (1, b.vtep, 23)]);
    let before = dump(&a).await;
    apply(&mut driver_a, &at_a).await;
    vm1.ready().await;
    let server = SocketAddr::new(twins[0].ips[0], PORT);
    let counts = dealt(&vm1, &twins, server, 32).await;
    assert_eq!(counts.iter().sum::<usize>(), 32);
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");

    // The same again changes nothing, and one way is left when the other goes.
    let there = dump(&a).await;
    apply(&mut driver_a, &at_a).await;
    assert_eq!(dump(&a).await, there);
    ways(&mut at_a, to, &[(1, b.vtep, 23)]);
    apply(&mut driver_a, &at_a).await;
    assert_eq!(dealt(&vm1, &twins, server, 8).await, [0, 8]);
    ways(&mut at_a, to, &[(0, b.vtep, 22), (1, b.vtep, 23)]);
    apply(&mut driver_a, &at_a).await;
    assert_eq!(dump(&a).await, there);
    driver_a.remove(at_a.instance).await.unwrap();
    assert_eq!(dump(&a).await.0, before.0);
}

#[tokio::test]
async fn equal_routes_share_the_flows_of_ipv4() {
    let addresses = [("10.1.1.1/24", "10.1.1.254"), ("10.1.2.2/24", "10.1.2.254")];
    shares(addresses, "10.1.2.2/32", "10.1.1.1/32").await;
}

#[tokio::test]
async fn equal_routes_share_the_flows_of_ipv6() {
    let addresses = [("fd01::1/64", "fd01::254"), ("fd02::2/64", "fd02::254")];
    shares(addresses, "fd02::/64", "fd01::1/128").await;
}

/// One way leads to another PE, the other to a port of this host.
#[tokio::test]
async fn ports_of_this_host_take_part() {
    let (a, b) = need!(hosts().await);
    let addresses = [("10.1.1.1/24", "10.1.1.254"), ("10.1.2.2/24", "10.1.2.254")];
    let vm1 = vm(&a, 1, &addresses[..1]).await;
    let (mut driver_a, mut driver_b) = (driver(&a).await, driver(&b).await);
    let back = ("10.1.1.1/32", a.vtep);
    let mut all = twins(&b, &mut driver_b, &addresses[1..], 2..3, back).await;
    let mut at_a = intent(&a, "v", 1, addresses[0].1);
    at_a.ports.extend([vm1.attached(17)]);
    ways(
        &mut at_a,
        "10.1.2.2/32",
        &[(0, b.vtep, 22), (1, a.vtep, 23)],
    );
    apply(&mut driver_a, &at_a).await;
    vm1.ready().await;
    // Until the port is there the other way has it all.
    let server = SocketAddr::new(all[0].ips[0], PORT);
    assert_eq!(dealt(&vm1, &all, server, 8).await, [8]);
    all.extend(twins(&a, &mut driver_a, &addresses[1..], 3..4, back).await);
    let counts = dealt(&vm1, &all, server, 32).await;
    assert_eq!(counts.iter().sum::<usize>(), 32);
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
}

/// Two hosts that hold the same ways in the same order choose alike, also for the answers: machines in between see
/// both halves of a flow.
#[tokio::test]
async fn hosts_choose_alike_in_both_directions() {
    let (a, b) = need!(hosts().await);
    let (mut driver_a, mut driver_b) = (driver(&a).await, driver(&b).await);
    let addresses = [("10.1.1.1/24", "10.1.1.254"), ("10.1.2.2/24", "10.1.2.254")];
    let vms = [
        vm(&a, 1, &addresses[..1]).await,
        vm(&b, 2, &addresses[1..]).await,
    ];
    for (host, driver, vm, to) in [
        (&a, &mut driver_a, &vms[0], "10.1.2.2/32"),
        (&b, &mut driver_b, &vms[1], "10.1.1.1/32"),
    ] {
        let mut at = intent(host, "v", 1, "10.9.9.254");
        at.ports.extend([vm.attached(17)]);
        let elsewhere: [u8; 4] = [10, 0, 0, 77];
        ways(
            &mut at,
            to,
            &[(0, elsewhere.into(), 40), (1, elsewhere.into(), 41)],
        );
        apply(driver, &at).await;
    }
    let mut chosen = BTreeSet::new();
    for port in 1000..1032_u16 {
        let ends = [("10.1.1.1", port), ("10.1.2.2", 80)];
        let there = chosen_label(&a, "tap1", ends).await;
        let back = chosen_label(&b, "tap2", [ends[1], ends[0]]).await;
        assert_eq!(there, back, "port {port}");
        chosen.insert(there);
    }
    assert_eq!(chosen.len(), 2);
}

/// The label the kernel would send a TCP segment with.
async fn chosen_label(host: &Host, iif: &str, [from, to]: [(&str, u16); 2]) -> String {
    let (from_port, to_port) = (from.1.to_string(), to.1.to_string());
    let arguments = [
        "route", "get", to.0, "from", from.0, "iif", iif, "ipproto", "tcp", "sport", &from_port,
        "dport", &to_port,
    ];
    let output = host
        .ns
        .run(|| std::process::Command::new("ip").args(arguments).output())
        .unwrap()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let label = text.split(" id ").nth(1);
    let label = label.and_then(|rest| rest.split_whitespace().next());
    label
        .unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)))
        .to_owned()
}

/// Of what goes to one address, a flow goes by another instance's routes, which may come before or after it.
#[tokio::test]
async fn issue_10_a_flow_goes_by_the_routes_of_another_instance() {
    let (a, b) = need!(hosts().await);
    let addresses = [("10.1.1.1/24", "10.1.1.254"), ("10.1.2.2/24", "10.1.2.254")];
    let vm1 = vm(&a, 1, &addresses[..1]).await;
    let (mut driver_a, mut driver_b) = (driver(&a).await, driver(&b).await);
    let back = ("10.1.1.1/32", a.vtep);
    let twins = twins(&b, &mut driver_b, &addresses[1..], 2..4, back).await;
    let before = dump(&a).await;
    let mut at_a = intent(&a, "v", 1, addresses[0].1);
    at_a.ports.extend([vm1.attached(17)]);
    ways(&mut at_a, "10.1.2.2/32", &[(0, b.vtep, 22)]);
    let to_http = Classifier {
        destination_ports: NumberRange::new(PORT, PORT),
        ..Classifier::default()
    };
    let rules = to_http.rules("10.1.2.0/24".parse().unwrap()).unwrap();
    let http = FlowRedirect {
        traffic: TrafficMatch::read(&rules).unwrap(),
        to: InstanceId(9),
    };
    at_a.flows.insert(rules.to_string(), http);
    apply(&mut driver_a, &at_a).await;
    vm1.ready().await;
    let server = SocketAddr::new(twins[0].ips[0], PORT);
    let other = SocketAddr::new(twins[0].ips[0], PORT + 1);
    // There is nowhere to redirect to.
    assert_eq!(dealt(&vm1, &twins, server, 4).await, [4, 0]);

    let mut redirect = intent(&a, "redirect-to-ipvpn-64512_300", 9, "127.0.0.1");
    ways(&mut redirect, "0.0.0.0/0", &[(0, b.vtep, 23)]);
    apply(&mut driver_a, &redirect).await;
    assert_eq!(dealt(&vm1, &twins, server, 4).await, [0, 4]);
    assert_eq!(dealt(&vm1, &twins, other, 4).await, [4, 0]);
    vm1.ping(twins[0].ips[0]).await.unwrap();
    let there = dump(&a).await;
    apply(&mut driver_a, &at_a).await;
    assert_eq!(dump(&a).await, there);

    // After a crash it is all taken over.
    drop(driver_a);
    let mut driver_a = driver(&a).await;
    for intent in [&at_a, &redirect] {
        apply(&mut driver_a, intent).await;
    }
    driver_a
        .reconcile(vec![Arc::new(at_a.clone()), Arc::new(redirect.clone())])
        .await
        .unwrap();
    assert_eq!(dump(&a).await, there);

    driver_a.remove(redirect.instance).await.unwrap();
    assert_eq!(dealt(&vm1, &twins, server, 4).await, [4, 0]);
    apply(&mut driver_a, &redirect).await;
    at_a.flows.clear();
    apply(&mut driver_a, &at_a).await;
    assert_eq!(dealt(&vm1, &twins, server, 4).await, [4, 0]);
    for instance in [at_a.instance, redirect.instance] {
        driver_a.remove(instance).await.unwrap();
    }
    assert_eq!(dump(&a).await.0, before.0);
    assert_eq!(dump(&a).await.1, before.1);
}
