//! Plans carried out on a model of the kernel.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use bgp_wire::Label;
use proptest::prelude::*;
use vpn::intent::{Gateway, InstanceId, IpVpnEndpoint, IpVpnPort, NextHop};
use vpn::{Direction, Encap, Few, IpVpnIntent};

use super::super::state::{Elsewhere, Host, LABEL_TABLES, State};
use super::super::whole::{Difference, Whole};
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
    with_host(|host| State::new(intent, host))
}

fn with_host<T>(make: impl FnOnce(&Host<'_>) -> T) -> T {
    let ports = BTreeMap::from([("tap1".to_owned(), 11), ("tap2".to_owned(), 12)]);
    let there = Elsewhere {
        link: 30,
        endpoint: IpVpnEndpoint {
            mac: bgp_wire::MacAddr([2, 0, 0, 0, 0, 9]),
            ip: address(9, false),
            prefix: bgp_wire::IpPrefix::host(address(9, false)),
            label: label(20),
            direction: Direction::Both,
        },
    };
    make(&Host {
        tunnel: 7,
        tunnel_name: "vx",
        table: 1001,
        ports: &ports,
        elsewhere: &BTreeMap::from([(label(20), vec![there])]),
        tables: &BTreeMap::new(),
    })
}

/// An intent that has some of what another has: as it comes about by ports and routes that come and go. A MAC is at one
/// port.
fn mixed(from: &IpVpnIntent, other: &IpVpnIntent, parts: &[bool]) -> IpVpnIntent {
    let mut to = from.clone();
    let mut parts = parts.iter().copied();
    let mut is_chosen = || parts.next().unwrap_or_default();
    for name in ["tap1", "tap2"] {
        let taken: Vec<_> = to
            .ports
            .iter()
            .filter(|(other, _)| ***other != *name)
            .collect();
        let taken: BTreeSet<_> = taken
            .iter()
            .flat_map(|(_, p)| p.endpoints.iter())
            .map(|e| e.mac)
            .collect();
        match (is_chosen(), other.ports.get(name)) {
            (true, Some(port)) => {
                let endpoints = port.endpoints.iter().filter(|e| !taken.contains(&e.mac));
                let endpoints = endpoints.cloned().collect();
                to.ports.insert(
                    name.into(),
                    IpVpnPort {
                        endpoints,
                        ..port.clone()
                    },
                );
            }
            (true, None) => drop(to.ports.remove(name)),
            _ => {}
        }
    }
    let prefixes: BTreeSet<_> = from.routes.keys().chain(other.routes.keys()).collect();
    for prefix in prefixes {
        match (is_chosen(), other.routes.get(prefix)) {
            (true, Some(next_hops)) => drop(to.routes.insert(*prefix, next_hops.clone())),
            (true, None) => drop(to.routes.remove(prefix)),
            _ => {}
        }
    }
    to
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
    fn a_state_that_is_changed_by_parts_is_the_one_made_anew(
        first in intent(),
        others in prop::collection::vec((intent(), prop::collection::vec(any::<bool>(), 12)), 1..6),
    ) {
        let mut now = mixed(&IpVpnIntent { ports: vpn::SharedMap::new(), ..first.clone() }, &first, &[true; 12]);
        let mut whole = with_host(|host| Whole::new(&now, host));
        for (other, parts) in others {
            let next = mixed(&now, &other, &parts);
            if let Some(difference) = Difference::between(&now, &next) {
                let change = with_host(|host| whole.change(&difference, (&now, host), (&next, host)));
                let mut kernel = whole.state.clone();
                carry_out(&mut kernel, &plan(&change.had, &change.want));
                whole.apply(change);
                prop_assert_eq!(&kernel, &whole.state);
            } else {
                whole = with_host(|host| Whole::new(&next, host));
            }
            prop_assert_eq!(&whole, &with_host(|host| Whole::new(&next, host)));
            now = next;
        }
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
