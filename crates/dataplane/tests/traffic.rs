//! Frames through what the driver made, between namespaces.

#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use dataplane::Driver;
use netns::icmp::{self, Echo, PingError};
use netns::packet::{Capture, CaptureOptions};

const IPV4: u16 = 0x0800;
const ARP: u16 = 0x0806;

/// VNIs and inner types of what crosses the underlay.
async fn drain(capture: &mut Capture) -> Vec<(u32, u16)> {
    let mut frames = Vec::new();
    capture.drain(&mut frames).await.unwrap();
    let inner = frames.iter().filter_map(vxlan);
    inner
        .filter(|(_, kind)| [IPV4, ARP].contains(kind))
        .collect()
}

#[tokio::test]
async fn issue_02_a_first_ping_is_answered_at_once_and_no_arp_crosses() {
    let (a, b) = need!(hosts().await);
    let (vm1, vm2) = (a.machine(1).await, b.machine(2).await);
    let (mut at_a, mut at_b) = (a.intent("test2", 77), b.intent("test2", 78));
    at_a.ports.extend([vm1.attached()]);
    at_b.ports.extend([vm2.attached()]);
    learn(&mut at_a, &vm2, b.vtep, 78);
    learn(&mut at_b, &vm1, a.vtep, 77);
    let (mut driver_a, mut driver_b) = (a.driver().await, b.driver().await);
    driver_a.apply(arc(&at_a)).await.unwrap();
    driver_b.apply(arc(&at_b)).await.unwrap();
    vm1.ready().await;
    vm2.ready().await;

    let mut capture = Capture::open(&a.ns, "underlay", &CaptureOptions::default()).unwrap();
    vm1.ping(&vm2).await.unwrap();
    // There and back, each with the VNI its receiver asked for; no question who has what.
    assert_eq!(drain(&mut capture).await, [(78, IPV4), (77, IPV4)]);

    // The same for a machine that is forgotten: nothing is answered, nothing comes back.
    at_a.remote_macs.clear();
    at_a.neighbours.clear();
    at_a.flood.clear();
    driver_a.apply(arc(&at_a)).await.unwrap();
    assert!(matches!(vm1.ping(&vm2).await, Err(PingError::Timeout(_))));
    assert_eq!(drain(&mut capture).await, []);
}

// Known issue 85: `proxy` on the VXLAN interface drops what it cannot answer.
#[tokio::test]
async fn issue_85_machines_attached_without_an_address_are_found_by_flooding() {
    let (a, b) = need!(hosts().await);
    let (vm1, vm2) = (a.machine(1).await, b.machine(2).await);
    let (mut at_a, mut at_b) = (a.intent("test2", 77), b.intent("test2", 77));
    at_a.ports.extend([vm1.attached()]);
    at_b.ports.extend([vm2.attached()]);
    learn_mac(&mut at_a, &vm2, b.vtep, 77);
    learn_mac(&mut at_b, &vm1, a.vtep, 77);
    let (mut driver_a, mut driver_b) = (a.driver().await, b.driver().await);
    driver_a.apply(arc(&at_a)).await.unwrap();
    driver_b.apply(arc(&at_b)).await.unwrap();
    vm1.ready().await;
    vm2.ready().await;

    let mut capture = Capture::open(&a.ns, "underlay", &CaptureOptions::default()).unwrap();
    vm1.ping(&vm2).await.unwrap();
    let crossed = drain(&mut capture).await;
    assert!(crossed.contains(&(77, ARP)), "{crossed:?}");
}

#[tokio::test]
async fn two_instances_of_one_host_reach_each_other() {
    let (a, _b) = need!(hosts().await);
    let (vm1, vm2) = (a.machine(1).await, a.machine(2).await);
    let (mut red, mut blue) = (a.intent("red", 77), a.intent("blue", 78));
    red.ports.extend([vm1.attached()]);
    blue.ports.extend([vm2.attached()]);
    learn(&mut red, &vm2, a.vtep, 78);
    learn(&mut blue, &vm1, a.vtep, 77);
    let mut driver = a.driver().await;
    driver.apply(arc(&red)).await.unwrap();
    driver.apply(arc(&blue)).await.unwrap();
    vm1.ready().await;
    vm2.ready().await;

    let mut capture = Capture::open(&a.ns, "underlay", &CaptureOptions::default()).unwrap();
    vm1.ping(&vm2).await.unwrap();
    assert_eq!(drain(&mut capture).await, [], "delivered on the host");

    // Only one imports the other's routes: the way back is missing.
    blue.remote_macs.clear();
    blue.neighbours.clear();
    blue.flood.clear();
    driver.apply(arc(&blue)).await.unwrap();
    assert!(matches!(vm1.ping(&vm2).await, Err(PingError::Timeout(_))));
}

// Known issue 77. With the bridge's MTU lowered to what fits, full-size packets vanished without a word.
#[tokio::test]
async fn issue_77_a_full_size_packet_is_never_lost_silently() {
    let (a, b) = need!(hosts().await);
    let (vm1, vm2) = (a.machine(1).await, b.machine(2).await);
    let (mut at_a, mut at_b) = (a.intent("test2", 77), b.intent("test2", 77));
    at_a.ports.extend([vm1.attached()]);
    at_b.ports.extend([vm2.attached()]);
    learn(&mut at_a, &vm2, b.vtep, 77);
    learn(&mut at_b, &vm1, a.vtep, 77);
    let (mut driver_a, mut driver_b) = (a.driver().await, b.driver().await);
    driver_a.apply(arc(&at_a)).await.unwrap();
    driver_b.apply(arc(&at_b)).await.unwrap();
    vm1.ready().await;
    vm2.ready().await;
    assert_eq!(driver_a.state(at_a.instance).unwrap().mtu, Some(1450));

    // 1472 octets of payload make 1500 of IP, with "don't fragment" set.
    let full = Echo {
        payload_len: 1472,
        timeout: AT_ONCE,
        ..Echo::to(vm2.ip)
    };
    let first = icmp::ping(&vm1.ns, None, full).await;
    let told = matches!(
        first,
        Err(PingError::Unreachable {
            kind: 3,
            code: 4,
            ..
        })
    );
    assert!(told || first.is_ok(), "{first:?}");
    // Now that the sender knows the path's MTU, it fragments.
    icmp::ping(&vm1.ns, None, full).await.unwrap();
}
