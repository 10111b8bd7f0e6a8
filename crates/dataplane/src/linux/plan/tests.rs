use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use bgp_wire::{MacAddr, Vni};
use proptest::prelude::*;
use vpn::intent::{EvpnIntent, FloodTarget, InstanceId, Port, RemoteMac};

use super::super::check::{Context, check};
use super::super::desired::{Desired, VXLAN_MTU};
use super::super::follow::{as_held, differences_of};
use super::super::model::{FLOOD, Kernel, Kind, Link, Op, Tunnel};
use super::simulate::run;
use super::{plan, teardown};
use crate::DriverError;

const PORTS: [&str; 4] = ["tap0", "tap1", "tap2", "tap3"];
const UDP_PORT: u16 = 4789;

fn mac(n: u8) -> MacAddr {
    MacAddr([2, 0, 0, 0, 0, n])
}

fn ip(n: u8) -> IpAddr {
    IpAddr::from([12, 11, 11, n])
}

fn pe(n: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, n])
}

fn vni(n: u32) -> Vni {
    Vni::try_from(n).expect("a small number is a VNI")
}

fn intent() -> EvpnIntent {
    EvpnIntent {
        instance: InstanceId(1),
        external_id: "test2".into(),
        vni: vni(77),
        local_vtep: pe(1),
        linuxbr: None,
        gateway: None,
        gateway_port: None,
        ports: vpn::SharedMap::new(),
        remote_macs: vpn::SharedMap::new(),
        neighbours: vpn::SharedMap::new(),
        flood: vpn::SharedSet::new(),
    }
}

/// One port, one remote MAC with its address, one PE to flood to.
fn small() -> EvpnIntent {
    EvpnIntent {
        ports: vpn::SharedMap::from([("tap0".into(), port(&[1]))]),
        remote_macs: vpn::SharedMap::from([(mac(9), remote(2))]),
        neighbours: vpn::SharedMap::from([(ip(9), mac(9))]),
        flood: [flood(2)].into(),
        ..intent()
    }
}

fn port(macs: &[u8]) -> Port {
    Port {
        endpoints: macs.iter().map(|n| (mac(*n), None)).collect(),
        ..Port::default()
    }
}

fn remote(n: u8) -> RemoteMac {
    RemoteMac {
        vtep: pe(n),
        vni: vni(u32::from(n) + 100),
        pinned: false,
    }
}

fn flood(n: u8) -> FloodTarget {
    FloodTarget {
        vtep: pe(n),
        vni: vni(u32::from(n) + 100),
    }
}

fn want(intent: &EvpnIntent) -> Desired {
    Desired::new(intent, UDP_PORT)
}

fn link(kind: Kind, master: Option<&str>) -> Link {
    Link {
        kind,
        master: master.map(str::to_owned),
        up: false,
        mtu: 1500,
        tunnel_port: false,
    }
}

/// A host with unused ports and, for callers with a bridge of their own, that bridge.
fn host() -> Kernel {
    let mut kernel = Kernel::default();
    for name in PORTS {
        kernel.links.insert(name.into(), link(Kind::Other, None));
    }
    kernel.links.insert("br0".into(), link(Kind::Bridge, None));
    kernel
}

fn none() -> BTreeSet<String> {
    BTreeSet::new()
}

fn fulfil(kernel: &mut Kernel, want: &Desired) {
    let ops = plan(kernel, want, &none());
    run(kernel, &ops);
}

fn tear_down(kernel: &mut Kernel, had: &Desired) {
    let ops = teardown(kernel, had, &none());
    run(kernel, &ops);
}

/// Whether the kernel holds what is wanted, said without the planner's words.
fn assert_holds(kernel: &Kernel, want: &Desired) {
    let bridge = &kernel.links[&want.bridge];
    assert_eq!(bridge.kind, Kind::Bridge);
    let vxlan = &kernel.links[&want.vxlan];
    assert_eq!(vxlan.kind, Kind::Vxlan(want.endpoint));
    assert_eq!(vxlan.master.as_ref(), Some(&want.bridge));
    assert!(vxlan.up && vxlan.tunnel_port && vxlan.mtu == VXLAN_MTU);
    assert_eq!(kernel.tunnels[&want.vxlan], want.tunnels);
    let neighbours = kernel.neighbours.get(&want.bridge);
    assert_eq!(neighbours.cloned().unwrap_or_default(), want.neighbours);

    let mut ports: BTreeSet<&str> = kernel.ports(&want.bridge).collect();
    let entries = kernel
        .entries
        .get(&want.bridge)
        .cloned()
        .unwrap_or_default();
    let mut wanted = want.entries();
    if want.own_bridge {
        assert!(bridge.up);
        assert!(ports.remove(want.vxlan.as_str()));
        let expected: BTreeSet<&str> = want.ports.keys().map(String::as_str).collect();
        assert_eq!(ports, expected);
        assert!(expected.iter().all(|port| kernel.links[*port].up));
    } else {
        wanted.retain(|_, port| *port == want.vxlan || ports.contains(*port));
    }
    let entries: BTreeMap<MacAddr, &str> = entries
        .iter()
        .map(|(mac, port)| (*mac, port.as_str()))
        .collect();
    assert_eq!(entries, wanted);
}

#[test]
fn tables_are_filled_before_ports_are_plugged() {
    insta::assert_debug_snapshot!(plan(&host(), &want(&small()), &none()));
}

#[test]
fn a_mac_that_moves_is_replaced_and_never_absent() {
    let mut kernel = host();
    fulfil(&mut kernel, &want(&small()));

    let mut moved = small();
    moved.remote_macs.insert(mac(9), remote(3));
    let ops = plan(&kernel, &want(&moved), &none());
    let tunnel = Tunnel {
        mac: mac(9),
        vtep: pe(3),
        vni: vni(103),
    };
    let device = "vxlan--test2".to_owned();
    assert_eq!(ops, [Op::PutTunnel { device, tunnel }]);

    let mut local = small();
    local.remote_macs.clear();
    local.ports.insert("tap0".into(), port(&[1, 9]));
    let ops = plan(&kernel, &want(&local), &none());
    let port = "tap0".to_owned();
    let put = Op::PutEntry {
        port,
        mac: mac(9),
        remote: false,
    };
    let device = "vxlan--test2".to_owned();
    let tunnel = Tunnel {
        mac: mac(9),
        vtep: pe(2),
        vni: vni(102),
    };
    assert_eq!(ops, [put, Op::DeleteTunnel { device, tunnel }]);
}

#[test]
fn a_foreign_bridge_is_neither_plugged_nor_changed() {
    let mut kernel = host();
    let mut intent = small();
    intent.linuxbr = Some("br0".into());
    let ops = plan(&kernel, &want(&intent), &none());
    let touches = |name: &str, op: &Op| match op {
        Op::SetUp { name: link, .. } | Op::Quiet { name: link } | Op::SetMtu { name: link, .. } => {
            link == name
        }
        Op::Plug { name: link, .. } => link == name,
        Op::PutEntry { port, .. } => port == name,
        _ => false,
    };
    assert!(
        !ops.iter()
            .any(|op| touches("br0", op) || touches("tap0", op)),
        "{ops:#?}"
    );
    run(&mut kernel, &ops);

    // Somebody else plugs the port: now its MAC has a place.
    kernel
        .links
        .insert("tap0".into(), link(Kind::Other, Some("br0")));
    let ops = plan(&kernel, &want(&intent), &none());
    let port = "tap0".to_owned();
    assert_eq!(
        ops,
        [Op::PutEntry {
            port,
            mac: mac(1),
            remote: false
        }]
    );
    run(&mut kernel, &ops);

    tear_down(&mut kernel, &want(&intent));
    assert!(kernel.links.contains_key("br0"));
    assert!(!kernel.links.contains_key("vxlan--test2"));
    assert!(kernel.entries["br0"].is_empty() && kernel.neighbours["br0"].is_empty());
}

#[test]
fn ports_that_cannot_be_plugged_are_named() {
    let mut kernel = host();
    let intent = |name: &str| EvpnIntent {
        ports: vpn::SharedMap::from([(name.into(), port(&[1]))]),
        ..intent()
    };
    let error = |kernel: &Kernel, name: &str| {
        let error = check(kernel, &want(&intent(name)), &Context::default());
        error.expect_err("the port cannot be plugged").to_string()
    };
    assert_eq!(error(&kernel, "tap9"), "interface `tap9` does not exist");
    kernel
        .links
        .insert("tap0".into(), link(Kind::Other, Some("br0")));
    assert_eq!(
        error(&kernel, "tap0"),
        "interface `tap0` is already a port of bridge `br0`"
    );

    let context = Context {
        tolerated: BTreeSet::from(["tap9".to_owned()]),
        ..Context::default()
    };
    let missing = check(&kernel, &want(&intent("tap9")), &context);
    assert_eq!(missing, Ok(BTreeSet::from(["tap9".to_owned()])));
}

#[test]
fn a_vni_is_taken_from_leftovers_only() {
    let mut kernel = host();
    let want = want(&small());
    let rival = |name: &str| {
        let mut kernel = kernel.clone();
        kernel
            .links
            .insert(name.into(), link(Kind::Vxlan(want.endpoint), None));
        kernel
    };
    let foreign = check(&rival("vx7"), &want, &Context::default());
    let name = "vx7".to_owned();
    assert_eq!(foreign, Err(DriverError::VniInUse { vni: vni(77), name }));

    let context = Context {
        claimed: BTreeMap::from([("vxlan--red".to_owned(), "red".to_owned())]),
        ..Context::default()
    };
    let other = "red".to_owned();
    let claimed = check(&rival("vxlan--red"), &want, &context);
    assert_eq!(
        claimed,
        Err(DriverError::VniInInstance {
            vni: vni(77),
            other
        })
    );

    kernel = rival("vxlan--red");
    assert_eq!(check(&kernel, &want, &Context::default()), Ok(none()));
    fulfil(&mut kernel, &want);
    assert_holds(&kernel, &want);
}

#[test]
fn routes_the_kernel_would_misread_are_left_out() {
    let mut intent = small();
    intent.remote_macs.insert(FLOOD, remote(4));
    intent.remote_macs.insert(MacAddr([0xff; 6]), remote(4));
    intent.remote_macs.insert(
        mac(5),
        RemoteMac {
            vtep: "fd00::1".parse().unwrap(),
            vni: vni(1),
            pinned: false,
        },
    );
    intent.remote_macs.insert(mac(1), remote(4));
    intent.flood.insert(FloodTarget {
        vtep: pe(1),
        vni: vni(77),
    });
    intent
        .neighbours
        .insert("224.0.0.1".parse().unwrap(), mac(9));
    assert_eq!(want(&intent), want(&small()));
}

#[test]
fn another_instance_of_this_host_is_a_destination() {
    let mut intent = small();
    intent.flood.insert(FloodTarget {
        vtep: pe(1),
        vni: vni(78),
    });
    assert_eq!(
        want(&intent).tunnels.len(),
        want(&small()).tunnels.len() + 1
    );
}

#[test]
fn ports_the_driver_set_up_are_set_down_when_they_leave() {
    let mut kernel = host();
    fulfil(&mut kernel, &want(&small()));
    let raised = BTreeSet::from(["tap0".to_owned()]);
    let ops = plan(&kernel, &want(&intent()), &raised);
    let down = Op::SetUp {
        name: "tap0".into(),
        up: false,
    };
    assert!(ops.contains(&down));
    run(&mut kernel, &ops);
    assert_eq!(kernel.links["tap0"], host().links["tap0"]);
}

fn arb_intent() -> impl Strategy<Value = EvpnIntent> {
    let ports =
        prop::collection::btree_map(0..4usize, prop::collection::btree_set(1..8u8, 0..3), 0..4);
    let macs = prop::collection::btree_map(1..12u8, 2..6u8, 0..8);
    let neighbours = prop::collection::btree_map(1..12u8, 1..12u8, 0..8);
    let floods = prop::collection::btree_set(1..6u8, 0..4);
    let shape = (70..73u32, any::<bool>(), 1..3u8);
    (ports, macs, neighbours, floods, shape).prop_map(|(ports, macs, neighbours, floods, shape)| {
        let port_of = |(at, macs): (usize, BTreeSet<u8>)| {
            let macs: Vec<u8> = macs.into_iter().collect();
            (PORTS[at].into(), port(&macs))
        };
        let (number, foreign, local) = shape;
        EvpnIntent {
            vni: vni(number),
            linuxbr: foreign.then(|| "br0".to_owned()),
            local_vtep: pe(local),
            ports: ports.into_iter().map(port_of).collect(),
            remote_macs: macs.into_iter().map(|(m, n)| (mac(m), remote(n))).collect(),
            neighbours: neighbours
                .into_iter()
                .map(|(i, m)| (ip(i), mac(m)))
                .collect(),
            flood: floods.into_iter().map(flood).collect(),
            ..intent()
        }
    })
}

/// Things that happen to a kernel without the driver.
/// As intents are: a MAC is at one port, or remote.
fn apart(intent: EvpnIntent) -> EvpnIntent {
    let mut seen = BTreeSet::new();
    let ports = intent.ports.iter().map(|(name, port)| {
        let endpoints = port.endpoints.iter().filter(|(mac, _)| seen.insert(*mac));
        let endpoints = endpoints.copied().collect();
        (
            name.clone(),
            Port {
                endpoints,
                ..port.clone()
            },
        )
    });
    let ports = ports.collect();
    let remote = intent
        .remote_macs
        .iter()
        .filter(|(mac, _)| !seen.contains(*mac));
    EvpnIntent {
        ports,
        remote_macs: remote.map(|(mac, remote)| (*mac, *remote)).collect(),
        ..intent.clone()
    }
}

#[derive(Clone, Debug)]
enum Mishap {
    PortGoes(usize),
    BridgeGoes,
    VxlanGoes,
    EverythingDown,
    Unplugged(usize),
    Surplus(u8, u8),
    TablesFlushed,
    EntryMoved(u8, usize),
}

fn arb_mishap() -> impl Strategy<Value = Mishap> {
    prop_oneof![
        (0..4usize).prop_map(Mishap::PortGoes),
        Just(Mishap::BridgeGoes),
        Just(Mishap::VxlanGoes),
        Just(Mishap::EverythingDown),
        (0..4usize).prop_map(Mishap::Unplugged),
        (1..12u8, 2..9u8).prop_map(|(mac, pe)| Mishap::Surplus(mac, pe)),
        Just(Mishap::TablesFlushed),
        (1..12u8, 0..4usize).prop_map(|(mac, port)| Mishap::EntryMoved(mac, port)),
    ]
}

fn befall(kernel: &mut Kernel, want: &Desired, mishap: &Mishap) {
    match mishap {
        Mishap::PortGoes(at) => kernel.forget(PORTS[*at]),
        Mishap::BridgeGoes if want.own_bridge => kernel.forget(&want.bridge),
        Mishap::BridgeGoes => {}
        Mishap::VxlanGoes => kernel.forget(&want.vxlan),
        Mishap::EverythingDown => kernel.links.values_mut().for_each(|link| link.up = false),
        Mishap::Unplugged(at) => {
            let plugged = kernel.is_port_of(PORTS[*at], &want.bridge);
            if plugged {
                let name = PORTS[*at].to_owned();
                run(kernel, &[Op::Unplug { name }]);
            }
        }
        Mishap::Surplus(n, at) => {
            if let Some(tunnels) = kernel.tunnels.get_mut(&want.vxlan) {
                tunnels.insert(Tunnel {
                    mac: mac(*n),
                    vtep: pe(*at),
                    vni: vni(5),
                });
            }
        }
        Mishap::TablesFlushed => {
            kernel.tunnels.values_mut().for_each(BTreeSet::clear);
            kernel.entries.values_mut().for_each(BTreeMap::clear);
            kernel.neighbours.values_mut().for_each(BTreeMap::clear);
        }
        Mishap::EntryMoved(n, at) => {
            let entries = kernel.entries.get_mut(&want.bridge);
            if let Some(at_port) = entries.and_then(|entries| entries.get_mut(&mac(*n)))
                && kernel
                    .links
                    .get(PORTS[*at])
                    .is_some_and(|l| l.master.as_ref() == Some(&want.bridge))
            {
                *at_port = PORTS[*at].to_owned();
            }
        }
    }
}

proptest! {
    #[test]
    fn a_plan_leads_to_what_is_wanted_and_then_there_is_none(
        steps in prop::collection::vec((arb_intent(), prop::collection::vec(arb_mishap(), 0..3)), 1..6),
    ) {
        let mut kernel = host();
        let mut had: Option<Desired> = None;
        for (intent, mishaps) in steps {
            let mut want = want(&intent);
            if let Some(had) = had.filter(|had| had.bridge != want.bridge) {
                tear_down(&mut kernel, &had);
            }
            let tolerated = want.ports.keys().cloned().collect();
            let context = Context { tolerated, ..Context::default() };
            let missing = check(&kernel, &want, &context).expect("the bridge of others is never touched");
            want = want.without(&missing);
            fulfil(&mut kernel, &want);
            assert_holds(&kernel, &want);
            prop_assert_eq!(plan(&kernel, &want, &none()), vec![]);
            for mishap in &mishaps {
                befall(&mut kernel, &want, mishap);
            }
            had = Some(want);
        }
        let had = had.expect("there was a step");
        tear_down(&mut kernel, &had);
        prop_assert!(!kernel.links.contains_key(&had.vxlan));
        prop_assert!(kernel.links.contains_key("br0"));
        prop_assert!(kernel.links.values().all(|link| link.master.is_none()));
        prop_assert!(kernel.entries.values().all(BTreeMap::is_empty));
        prop_assert!(kernel.neighbours.values().all(BTreeMap::is_empty));
        prop_assert_eq!(teardown(&kernel, &had, &none()), vec![]);
    }

    #[test]
    fn what_is_remembered_does_as_well_as_what_is_seen(first in arb_intent(), then in arb_intent()) {
        let before = apart(EvpnIntent { linuxbr: None, ..first });
        let now = apart(EvpnIntent {
            ports: then.ports,
            remote_macs: then.remote_macs,
            neighbours: then.neighbours,
            flood: then.flood,
            ..before.clone()
        });
        let (mut had, want) = (want(&before), want(&now));
        let mut kernel = host();
        fulfil(&mut kernel, &had);
        let seen = plan(&kernel, &want, &none());
        match differences_of(&before, &now) {
            None => prop_assert_eq!(before, now),
            Some((from, to)) => {
                let (from, to) = (self::want(&from), self::want(&to));
                let mut held = as_held(&from);
                for name in to.ports.keys().filter(|name| !from.ports.contains_key(*name)) {
                    held.links.insert(name.clone(), kernel.links[name].clone());
                }
                let ops = plan(&held, &to, &none());
                run(&mut kernel, &ops);
                prop_assert_eq!(ops, seen);
                had.exchange(&from, &to);
                prop_assert_eq!(&had, &want);
            }
        }
        assert_holds(&kernel, &want);
    }
}
