//! MACs that are learnt from frames, with the kernel's bridge.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::collections::BTreeSet;
use std::time::Duration;

use bgp_wire::MacAddr;
use common::*;
use dataplane::{Driver, LearningOptions, LinuxDriver, Reporter, Sightings};
use netns::icmp::{self, Echo};
use netns::link::{Change, FdbTable, LinkChange, Netlink};
use tokio::time::timeout;
use vpn::EvpnIntent;
use vpn::intent::{Port, RemoteMac};

/// A driver that learns, and what it says.
async fn learner(host: &Host, options: LearningOptions) -> (LinuxDriver, Sightings) {
    let (reporter, sightings) = Reporter::new();
    let options = LearningOptions {
        reporter: Some(reporter),
        ..options
    };
    (host.learning(options).await, sightings)
}

/// Instance 77 with ports `tapN` where everything is learnt.
fn intent(host: &Host, ports: &[u8]) -> EvpnIntent {
    let port = |n: &u8| {
        let port = Port {
            learn: true,
            ..Port::default()
        };
        (format!("tap{n}").into(), port)
    };
    EvpnIntent {
        ports: ports.iter().map(port).collect(),
        ..host.intent("test2", 77)
    }
}

/// Has a machine send a frame from a MAC.
async fn send(machine: &Machine, from: MacAddr) {
    let netlink = Netlink::in_ns(&machine.ns).unwrap();
    let change = LinkChange::new("eth0").mac(from.0);
    netlink.apply(change).await.unwrap();
    machine.ready().await;
    let nobody = Echo {
        timeout: Duration::from_millis(1),
        ..Echo::to(ip(200))
    };
    icmp::ping(&machine.ns, None, nobody).await.unwrap_err();
}

/// Waits until a MAC is said to be at a port, or at none.
async fn said(sightings: &Sightings, mac: MacAddr, port: Option<&str>) {
    let mut seen = Vec::new();
    let waiting = async {
        loop {
            let news = sightings.next().await;
            let is_it = |s: &dataplane::Sighting| s.mac == mac && s.port.as_deref() == port;
            if news.iter().any(is_it) {
                return;
            }
            seen.extend(news);
        }
    };
    let found = timeout(PATIENCE, waiting).await;
    found.unwrap_or_else(|_| panic!("{mac} at {port:?} was not said: {seen:?}"));
}

#[tokio::test]
async fn issue_73_what_is_behind_a_port_is_learnt_and_forgotten() {
    let host = need!(host(1));
    let (mut driver, sightings) = learner(&host, LearningOptions::default()).await;
    let machine = host.machine(1).await;
    driver.apply(arc(&intent(&host, &[1]))).await.unwrap();
    for n in [1, 31, 32] {
        send(&machine, mac(n)).await;
        said(&sightings, mac(n), Some("tap1")).await;
    }
    // It has another place now, by a route, and comes back with its next frame.
    let mut moved = intent(&host, &[1]);
    let remote = RemoteMac {
        vtep: pe(2),
        vni: vni(99),
        pinned: false,
    };
    moved.remote_macs.insert(mac(31), remote);
    driver.apply(arc(&moved)).await.unwrap();
    said(&sightings, mac(31), None).await;
    send(&machine, mac(31)).await;
    said(&sightings, mac(31), Some("tap1")).await;
    driver.apply(arc(&intent(&host, &[1]))).await.unwrap();

    host.netlink.set_down("tap1").await.unwrap();
    said(&sightings, mac(32), None).await;
    // Up again, and gone for good.
    driver.apply(arc(&intent(&host, &[1]))).await.unwrap();
    send(&machine, mac(32)).await;
    said(&sightings, mac(32), Some("tap1")).await;
    driver.apply(arc(&intent(&host, &[]))).await.unwrap();
    said(&sightings, mac(32), None).await;
}

#[tokio::test]
async fn a_silent_mac_is_forgotten_when_its_time_has_come() {
    let host = need!(host(1));
    let options = LearningOptions {
        ageing: Some(Duration::from_millis(500)),
        ..LearningOptions::default()
    };
    let (mut driver, sightings) = learner(&host, options).await;
    let machine = host.machine(1).await;
    driver.apply(arc(&intent(&host, &[1]))).await.unwrap();
    send(&machine, mac(31)).await;
    said(&sightings, mac(31), Some("tap1")).await;
    send(&machine, mac(32)).await;
    said(&sightings, mac(31), None).await;
}

#[tokio::test]
async fn what_moves_between_ports_is_at_the_last() {
    let host = need!(host(1));
    let (mut driver, sightings) = learner(&host, LearningOptions::default()).await;
    let (one, two) = (host.machine(1).await, host.machine(2).await);
    let mut intent = intent(&host, &[1, 2]);
    driver.apply(arc(&intent)).await.unwrap();
    send(&one, mac(31)).await;
    said(&sightings, mac(31), Some("tap1")).await;
    send(&two, mac(31)).await;
    said(&sightings, mac(31), Some("tap2")).await;
    // To a port that does not learn.
    intent.ports.get_mut("tap1").unwrap().learn = false;
    driver.apply(arc(&intent)).await.unwrap();
    send(&one, mac(31)).await;
    said(&sightings, mac(31), None).await;
}

#[tokio::test]
async fn frames_do_not_move_what_is_declared_or_static() {
    let host = need!(host(1));
    let (mut driver, sightings) = learner(&host, LearningOptions::default()).await;
    let (thief, owner) = (host.machine(1).await, host.machine(2).await);
    let mut intent = intent(&host, &[1]);
    let (name, port) = owner.attached();
    intent.ports.insert(name, port);
    let remote = RemoteMac {
        vtep: pe(2),
        vni: vni(99),
        pinned: true,
    };
    intent.remote_macs.insert(mac(31), remote);
    driver.apply(arc(&intent)).await.unwrap();
    let index = async |name: &str| host.netlink.index(name).await.unwrap();
    let vxlan = driver.state(intent.instance).unwrap().vxlan_if.unwrap();
    let (tap1, tap2, vxlan) = (
        index("tap1").await,
        index("tap2").await,
        index(&vxlan).await,
    );
    for (stolen, place) in [(mac(2), tap2), (mac(31), vxlan)] {
        let mut changes = host.monitor();
        send(&thief, stolen).await;
        for link in [tap1, place] {
            let is_there = |change: &Change| match change {
                Change::Fdb(entry) => {
                    let is_of_bridge = entry.table == FdbTable::Master;
                    is_of_bridge && (MacAddr(entry.mac.0), entry.link) == (stolen, link)
                }
                _ => false,
            };
            let moved = async { while !is_there(&changes.next().await.unwrap()) {} };
            let moved = timeout(PATIENCE, moved).await;
            moved.unwrap_or_else(|_| panic!("{stolen} never was at link {link}"));
        }
    }
    // Neither was said: the next news is of another.
    send(&thief, mac(32)).await;
    let mut macs = BTreeSet::new();
    while !macs.contains(&mac(32)) {
        let news = timeout(PATIENCE, sightings.next()).await.unwrap();
        macs.extend(news.into_iter().map(|sighting| sighting.mac));
    }
    assert!(
        !macs.contains(&mac(2)) && !macs.contains(&mac(31)),
        "{macs:?}"
    );
}

#[tokio::test]
async fn what_the_bridge_knew_before_is_learnt_by_the_next_run() {
    let host = need!(host(1));
    let (mut first, sightings) = learner(&host, LearningOptions::default()).await;
    let machine = host.machine(1).await;
    first.apply(arc(&intent(&host, &[1]))).await.unwrap();
    send(&machine, mac(31)).await;
    said(&sightings, mac(31), Some("tap1")).await;
    drop(first);
    let (mut second, sightings) = learner(&host, LearningOptions::default()).await;
    second.apply(arc(&intent(&host, &[1]))).await.unwrap();
    said(&sightings, mac(31), Some("tap1")).await;
}

#[tokio::test]
async fn a_port_has_so_many_macs_and_no_more() {
    let host = need!(host(1));
    let options = LearningOptions {
        limit: Some(2),
        ..LearningOptions::default()
    };
    let (mut driver, sightings) = learner(&host, options).await;
    let machine = host.machine(1).await;
    driver.apply(arc(&intent(&host, &[1]))).await.unwrap();
    for n in 31..40 {
        send(&machine, mac(n)).await;
    }
    host.netlink.set_down("tap1").await.unwrap();
    let mut left = BTreeSet::new();
    let mut all = BTreeSet::new();
    loop {
        for news in timeout(PATIENCE, sightings.next()).await.unwrap() {
            all.insert(news.mac);
            match news.port {
                Some(_) => left.insert(news.mac),
                None => left.remove(&news.mac),
            };
        }
        if left.is_empty() {
            break;
        }
    }
    assert!(all.len() <= 2, "{all:?}");
}

#[tokio::test]
async fn a_bridge_of_somebody_else_is_attached_as_a_whole() {
    let host = need!(host(1));
    let (mut driver, sightings) = learner(&host, LearningOptions::default()).await;
    let machine = host.machine(1).await;
    let bridge = netns::link::Bridge::new(netns::link::LinkSpec::up("br100"));
    let index = host.netlink.create(&bridge.create()).await.unwrap();
    let plug = LinkChange::new("tap1").master(index).up();
    host.netlink.apply(plug).await.unwrap();
    let port = Port {
        learn: true,
        ..Port::default()
    };
    let whole = EvpnIntent {
        linuxbr: Some("br100".into()),
        ports: [("br100".into(), port)].into(),
        ..host.intent("test2", 77)
    };
    driver.apply(arc(&whole)).await.unwrap();
    send(&machine, mac(31)).await;
    said(&sightings, mac(31), Some("br100")).await;
    driver.remove(whole.instance).await.unwrap();
    said(&sightings, mac(31), None).await;
    assert!(host.has("br100").await);
}
