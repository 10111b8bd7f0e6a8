//! Plans carried out on a model of the kernel.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use bgp_wire::Label;
use proptest::prelude::*;
use vpn::intent::{Gateway, InstanceId, IpVpnEndpoint, IpVpnPort, NextHop};
use vpn::{Direction, Encap, Few, IpVpnIntent};

use super::super::state::{Host, LABEL_TABLES, State};
use super::*;

/// Does to a state what the kernel would do to itself.
fn carry_out(state: &mut State, ops: &[Op]) {
    for op in ops {
        match op.clone() {
            Op::DeleteRule(rule) => assert!(state.rules.remove(&rule)),
            Op::AddRule(rule) => assert!(state.rules.insert(rule)),
            Op::PutRoute(route) => {
                state.routes.retain(|other| key(other) != key(&route));
                state.routes.insert(route);
            }
            Op::DeleteRoute(route) => assert!(state.routes.remove(&route)),
            Op::PutNeighbour(n) => {
                state
                    .neighbours
                    .retain(|other| (other.link, other.ip) != (n.link, n.ip));
                state.neighbours.insert(n);
            }
            Op::DeleteNeighbour(n) => assert!(state.neighbours.remove(&n)),
            Op::PutProxy(proxy) => assert!(state.proxies.insert(proxy)),
            Op::DeleteProxy(proxy) => assert!(state.proxies.remove(&proxy)),
        }
    }
}

fn address(n: u8, ipv6: bool) -> IpAddr {
    if ipv6 {
        IpAddr::from([0xfd01, 0, 0, 0, 0, 0, 0, n.into()])
    } else {
        IpAddr::from([10, 1, 1, n])
    }
}

fn label(n: u8) -> Label {
    Label::new(n.into()).unwrap_or_else(|error| panic!("{error}"))
}

fn direction() -> impl Strategy<Value = Direction> {
    prop_oneof![
        4 => Just(Direction::Both),
        1 => Just(Direction::ToPort),
        1 => Just(Direction::FromPort)
    ]
}

fn intent() -> impl Strategy<Value = IpVpnIntent> {
    // An address belongs to one MAC.
    let endpoint = (1..4_u8, 0..3_u8, any::<bool>(), any::<bool>(), direction());
    let endpoint = endpoint.prop_map(|(mac, n, ipv6, subnet, direction)| {
        let ip = address(10 * mac + n, ipv6);
        let length = if ipv6 { 64 } else { 24 };
        IpVpnEndpoint {
            mac: bgp_wire::MacAddr([2, 0, 0, 0, 0, mac]),
            ip,
            prefix: if subnet {
                bgp_wire::IpPrefix::new(ip, length).unwrap_or(bgp_wire::IpPrefix::host(ip))
            } else {
                bgp_wire::IpPrefix::host(ip)
            },
            label: label(16 + mac),
            direction,
        }
    });
    let port = prop::collection::btree_set(endpoint, 1..4);
    let ports = prop::collection::btree_map(1..3_u8, port, 0..3);
    let route = (
        prop_oneof![Just(11_u8), Just(20_u8), 1..9_u8],
        any::<bool>(),
        1..4_u8,
        20..23_u8,
    );
    let routes = prop::collection::vec(route, 0..6);
    let gateway = prop::option::of((prop_oneof![Just(11_u8), Just(250_u8)], any::<bool>()));
    (ports, routes, gateway).prop_map(|(ports, routes, gateway)| {
        let ports = ports.into_iter().map(|(n, endpoints)| {
            let port = IpVpnPort {
                endpoints: endpoints.into_iter().collect(),
                vlan: None,
                link: None,
            };
            (format!("tap{n}").into(), port)
        });
        let routes = routes.into_iter().map(|(n, ipv6, pe, to)| {
            let next_hop = NextHop {
                order: 0,
                pe: [10, 0, 0, pe].into(),
                label: label(to),
                encap: Encap::Vxlan,
            };
            let prefix = bgp_wire::IpPrefix::host(address(n, ipv6));
            (prefix, Few::One(next_hop))
        });
        IpVpnIntent {
            instance: InstanceId(1),
            external_id: "v".into(),
            local_pe: [10, 0, 0, 1].into(),
            gateway: gateway.map(|(n, ipv6)| Gateway {
                address: address(n, ipv6),
                prefix_len: if ipv6 { 64 } else { 24 },
            }),
            ports: ports.collect(),
            routes: routes.collect(),
            flows: BTreeMap::new(),
            fallback: None,
        }
    })
}

fn state(intent: &IpVpnIntent) -> State {
    let ports = BTreeMap::from([("tap1".to_owned(), 11), ("tap2".to_owned(), 12)]);
    State::new(
        intent,
        &Host {
            tunnel: 7,
            tunnel_name: "vx",
            table: 1001,
            ports: &ports,
            elsewhere: &BTreeMap::new(),
            tables: &BTreeMap::new(),
        },
    )
}

proptest! {
    #[test]
    fn a_plan_leads_from_any_state_to_any_other(had in intent(), want in intent()) {
        let (had, want) = (state(&had), state(&want));
        let mut kernel = had.clone();
        carry_out(&mut kernel, &plan(&had, &want));
        prop_assert_eq!(&kernel, &want);
        prop_assert_eq!(plan(&want, &want), []);
        carry_out(&mut kernel, &plan(&want, &State::default()));
        prop_assert_eq!(kernel, State::default());
    }

    #[test]
    fn no_route_is_contradicted_by_another(intent in intent()) {
        let state = state(&intent);
        let keys: BTreeSet<_> = state.routes.iter().map(key).collect();
        prop_assert_eq!(keys.len(), state.routes.len());
        // Every table a rule leads to has something in it, and every label table is led to.
        let tables: BTreeSet<u32> = state.routes.iter().map(|route| route.table).collect();
        for rule in &state.rules {
            prop_assert!(rule.table.is_none_or(|table| tables.contains(&table)));
        }
        for table in tables.iter().filter(|table| **table >= LABEL_TABLES) {
            prop_assert!(state.rules.iter().any(|rule| rule.table == Some(*table)));
        }
    }
}
