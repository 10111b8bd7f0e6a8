use netns::addr::MacAddr as Mac;
use proptest::prelude::*;
use vpn::SharedMap;
use vpn::intent::{Port, RemoteMac};

use super::*;

const BRIDGE: u32 = 10;
const VXLAN: u32 = 11;
const EVI: InstanceId = InstanceId(1);

fn mac(n: u8) -> MacAddr {
    MacAddr([2, 0, 0, 0, 0, n])
}

/// Ports 1, 2, ... learn; MAC 7 is declared at `tap9`, MAC 8 is static at another PE.
fn watch(ports: &[u32]) -> Watch {
    let port = |index: &u32| (*index, format!("tap{index}").into());
    let declared = Port {
        endpoints: [(mac(7), None)].into(),
        ..Port::default()
    };
    let remote = RemoteMac {
        vtep: [10, 0, 0, 2].into(),
        vni: bgp_wire::Vni::try_from(9).expect("a VNI"),
        pinned: true,
    };
    let intent = EvpnIntent {
        instance: EVI,
        external_id: "e".into(),
        vni: remote.vni,
        local_vtep: [10, 0, 0, 1].into(),
        linuxbr: None,
        gateway: None,
        gateway_port: None,
        ports: [("tap9".into(), declared)].into(),
        remote_macs: SharedMap::from([(mac(8), remote)]),
        neighbours: SharedMap::new(),
        flood: vpn::SharedSet::new(),
    };
    Watch {
        bridge: BRIDGE,
        ports: ports.iter().map(port).collect(),
        whole: None,
        vxlan: VXLAN,
        link: None,
        intent: Arc::new(intent),
    }
}

fn entry(n: u8, link: u32) -> FdbEntry {
    FdbEntry {
        bridge: Some(BRIDGE),
        state: EntryState::Dynamic,
        ..FdbEntry::behind(link, Mac(mac(n).0))
    }
}

fn tell(n: u8, port: Option<&str>) -> Followup {
    Followup::Tell(Sighting {
        instance: EVI,
        mac: mac(n),
        port: port.map(Into::into),
    })
}

#[test]
fn only_ports_that_learn_are_looked_at_when_they_are_new() {
    let mut table = Table::new(9);
    assert_eq!(table.watch(EVI, Some(watch(&[1, 2]))).1, [1, 2]);
    assert_eq!(table.watch(EVI, Some(watch(&[1, 2, 3]))).1, [3]);
    assert_eq!(table.there(&entry(5, 1)), [tell(5, Some("tap1"))]);
    assert_eq!(table.there(&entry(6, 9)), []);
    // A port that does not learn any more.
    let (followups, new) = table.watch(EVI, Some(watch(&[2, 3])));
    assert_eq!((followups, new), (vec![tell(5, None)], vec![]));
    // A bridge that was made anew.
    let anew = Watch {
        bridge: 99,
        ..watch(&[2])
    };
    assert_eq!(table.watch(EVI, Some(anew)).1, [2]);
    assert_eq!(table.there(&entry(5, 2)), [], "the old bridge");
    table.watch(EVI, None);
    assert!(table.is_idle());
}

#[test]
fn what_nobody_hears_of_any_more_is_gone() {
    let mut table = Table::new(9);
    table.watch(EVI, Some(watch(&[1])));
    table.there(&entry(5, 1));
    table.there(&entry(6, 1));
    assert_eq!(table.clear(), [tell(5, None), tell(6, None)]);
    assert!(table.is_idle());
}

#[test]
fn what_is_put_somewhere_is_put_back() {
    let mut table = Table::new(9);
    table.watch(EVI, Some(watch(&[1])));
    let back = |n, place| Followup::PutBack {
        instance: EVI,
        mac: mac(n),
        place,
    };
    assert_eq!(
        table.there(&entry(7, 1)),
        [back(7, Place::Port("tap9".into()))]
    );
    assert_eq!(table.there(&entry(8, 1)), [back(8, Place::Remote)]);
    // The driver's own entries are where they belong.
    let own = FdbEntry {
        extern_learn: true,
        state: EntryState::Static,
        ..entry(8, VXLAN)
    };
    assert_eq!(table.there(&own), []);
}

#[test]
fn what_is_no_learnt_entry_of_a_host_is_not_told() {
    let mut table = Table::new(9);
    table.watch(EVI, Some(watch(&[1])));
    for odd in [
        FdbEntry {
            state: EntryState::Permanent,
            ..entry(5, 1)
        },
        FdbEntry {
            state: EntryState::Static,
            ..entry(5, 1)
        },
        FdbEntry {
            extern_learn: true,
            ..entry(5, 1)
        },
        FdbEntry {
            table: FdbTable::Own,
            ..entry(5, 1)
        },
        FdbEntry {
            mac: Mac(GATEWAY_MAC.0),
            ..entry(5, 1)
        },
        FdbEntry {
            mac: Mac([1, 0, 0x5e, 0, 0, 1]),
            ..entry(5, 1)
        },
        FdbEntry {
            mac: Mac::ZERO,
            ..entry(5, 1)
        },
    ] {
        assert_eq!(table.there(&odd), [], "{odd:?}");
    }
    assert_eq!(table.there(&entry(5, 1)), [tell(5, Some("tap1"))]);
    let made_static = FdbEntry {
        state: EntryState::Static,
        ..entry(5, 1)
    };
    assert_eq!(table.there(&made_static), [tell(5, None)]);
}

#[test]
fn too_many_are_said_once() {
    let mut table = Table::new(2);
    table.watch(EVI, Some(watch(&[1])));
    for n in 20..22 {
        assert_eq!(table.there(&entry(n, 1)).len(), 1);
    }
    let full = Followup::Full {
        port: "tap1".into(),
        limit: 2,
    };
    assert_eq!(table.there(&entry(22, 1)), [full]);
    assert_eq!(table.there(&entry(23, 1)), []);
    assert_eq!(table.gone(&entry(20, 1)), [tell(20, None)]);
    assert_eq!(table.there(&entry(23, 1)), [tell(23, Some("tap1"))]);
}

proptest! {
    /// Whatever comes or is lost: after all entries are looked at, what was told is what there is.
    #[test]
    fn a_look_mends_what_was_lost(
        steps in prop::collection::vec((0..6u8, 1..5u32, 0..3u8), 0..40),
        heard in prop::collection::vec(any::<bool>(), 40),
    ) {
        let mut table = Table::new(100);
        let mut told: BTreeMap<MacAddr, Arc<str>> = BTreeMap::new();
        let mut kernel: BTreeMap<u8, u32> = BTreeMap::new();
        let note = |told: &mut BTreeMap<MacAddr, Arc<str>>, followups: Vec<Followup>| {
            for followup in followups {
                if let Followup::Tell(Sighting { mac, port, .. }) = followup {
                    match port {
                        Some(port) => told.insert(mac, port),
                        None => told.remove(&mac),
                    };
                }
            }
        };
        table.watch(EVI, Some(watch(&[1, 2])));
        for ((n, link, what), heard) in steps.into_iter().zip(heard) {
            let followups = match (what, kernel.get(&n).copied()) {
                (0, Some(at)) => {
                    kernel.remove(&n);
                    heard.then(|| table.gone(&entry(n, at)))
                }
                (0, None) => None,
                _ => {
                    kernel.insert(n, link);
                    heard.then(|| table.there(&entry(n, link)))
                }
            };
            note(&mut told, followups.unwrap_or_default());
        }
        let entries: Vec<FdbEntry> = kernel.iter().map(|(n, link)| entry(*n, *link)).collect();
        note(&mut told, table.all(BRIDGE, &[BRIDGE], &entries));
        let there = kernel.iter().filter(|(_, link)| **link < 3);
        let there = there.map(|(n, link)| (mac(*n), format!("tap{link}").into()));
        prop_assert_eq!(told, there.collect::<BTreeMap<MacAddr, Arc<str>>>());
    }
}
