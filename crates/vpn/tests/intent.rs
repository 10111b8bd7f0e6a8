//! Differences between intents.

mod common;

use std::collections::BTreeMap;

use common::*;
use proptest::prelude::*;
use vpn::intent::{FloodTarget, Gateway, IntentDelta, Port, RemoteMac, diff};
use vpn::{EvpnIntent, InstanceId, SharedMap, SharedSet};

fn intent() -> impl Strategy<Value = EvpnIntent> {
    let small = || proptest::collection::btree_map(1..5u8, 1..4u8, 0..4);
    let rare = prop_oneof![9 => Just(77u32), 1 => Just(78u32)];
    (
        rare,
        proptest::option::of(1..3u8),
        small(),
        small(),
        small(),
        small(),
    )
        .prop_map(|(number, gateway, ports, macs, neighbours, flood)| {
            let port = |n: u8| Port {
                endpoints: [(mac(n), Some(pe(n)))].into(),
                ..Port::default()
            };
            let remote = |n| RemoteMac {
                vtep: pe(n),
                vni: vni(n.into()),
                pinned: false,
            };
            let target = |(a, b): (u8, u8)| FloodTarget {
                vtep: pe(a),
                vni: vni(b.into()),
            };
            EvpnIntent {
                instance: InstanceId(1),
                external_id: "e".to_owned(),
                vni: vni(number),
                local_vtep: HERE.into(),
                linuxbr: None,
                gateway: gateway.map(|n| Gateway {
                    address: pe(n),
                    prefix_len: 24,
                }),
                gateway_port: None,
                ports: ports
                    .into_iter()
                    .map(|(n, p)| (format!("tap{n}").into(), port(p)))
                    .collect(),
                remote_macs: macs
                    .into_iter()
                    .map(|(n, at)| (mac(n), remote(at)))
                    .collect(),
                neighbours: neighbours
                    .into_iter()
                    .map(|(n, of)| (pe(n), mac(of)))
                    .collect(),
                flood: flood.into_iter().map(target).collect(),
            }
        })
}

/// Applies a delta, and insists that it removes only what is there, as it is there.
fn apply(old: &EvpnIntent, new: &EvpnIntent, delta: IntentDelta) -> EvpnIntent {
    fn changed<K: Ord + Clone, V: PartialEq + Clone>(
        mut map: SharedMap<K, V>,
        set: BTreeMap<K, V>,
        gone: BTreeMap<K, V>,
    ) -> SharedMap<K, V> {
        for (key, value) in gone {
            assert!(map.remove(&key) == Some(value));
        }
        map.extend(set);
        map
    }
    let old = old.clone();
    let mut is = if delta.recreate {
        EvpnIntent {
            gateway: None,
            ports: SharedMap::new(),
            remote_macs: SharedMap::new(),
            neighbours: SharedMap::new(),
            flood: SharedSet::new(),
            ..new.clone()
        }
    } else {
        old
    };
    is.gateway = delta.gateway.unwrap_or(is.gateway);
    is.ports = changed(is.ports, delta.ports_set, delta.ports_removed);
    is.remote_macs = changed(is.remote_macs, delta.macs_set, delta.macs_removed);
    is.neighbours = changed(
        is.neighbours,
        delta.neighbours_set,
        delta.neighbours_removed,
    );
    for target in &delta.flood_removed {
        assert!(is.flood.remove(target));
    }
    for target in delta.flood_added {
        assert!(is.flood.insert(target));
    }
    is
}

proptest! {
    #[test]
    fn a_delta_leads_from_old_to_new(old in intent(), new in intent()) {
        let delta = diff(&old, &new);
        prop_assert_eq!(delta.is_empty(), old == new);
        prop_assert_eq!(apply(&old, &new, delta), new);
    }

    #[test]
    fn an_intent_survives_json(intent in intent()) {
        let text = serde_json::to_string(&intent).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let back = serde_json::from_str::<EvpnIntent>(&text);
        prop_assert_eq!(back.ok(), Some(intent));
    }
}
