//! What routes of other hosts make of the intent.

mod common;

use std::net::IpAddr;

use bgp_rib::Route;
use bgp_wire::attribute::PmsiTunnel;
use bgp_wire::community::{Encapsulation, MacMobility};
use bgp_wire::nlri::EvpnRoute;
use bgp_wire::{Esi, ExtendedCommunity, LabelField, MacAddr, RouteDistinguisher};
use common::*;
use vpn::intent::{FloodTarget, RemoteMac};
use vpn::{Output, Speaker};

const IP8: &str = "10.9.9.8";

/// A speaker with instance `e`, which has one endpoint.
fn ready() -> Speaker {
    let mut speaker = speaker();
    attach(&mut speaker, request("e", 1, Some("10.9.9.1")));
    speaker.take_intents();
    speaker
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap_or(IpAddr::from([0; 4]))
}

fn at(n: u8) -> RemoteMac {
    RemoteMac {
        vtep: pe(n),
        vni: vni(100),
        pinned: false,
    }
}

fn warned(output: &Output) -> Vec<String> {
    output
        .warnings
        .iter()
        .map(|(_, warning)| warning.to_string())
        .collect()
}

#[test]
fn a_remote_endpoint_is_forwarded_to_and_answered_for() {
    let mut speaker = ready();
    let remote = Remote::new(2);
    let (endpoint, multicast) = (remote.mac(mac(8), Some(IP8)), remote.multicast());
    speaker.handle([announce(&endpoint), announce(&multicast)]);
    let intent_now = intent(&speaker, "e");
    assert_eq!(intent_now.remote_macs, [(mac(8), at(2))].into());
    assert_eq!(intent_now.neighbours, [(ip(IP8), mac(8))].into());
    assert_eq!(
        intent_now.flood,
        [FloodTarget {
            vtep: pe(2),
            vni: vni(100)
        }]
        .into()
    );
    // Two routes, one intent.
    assert_eq!(speaker.take_intents(), [vpn::IntentChange::Set(intent_now)]);

    speaker.handle([take_back(&endpoint), take_back(&multicast)]);
    let gone = intent(&speaker, "e");
    assert!(gone.remote_macs.is_empty() && gone.neighbours.is_empty() && gone.flood.is_empty());
    speaker.take_intents();
    speaker.handle([take_back(&endpoint)]);
    assert_eq!(speaker.take_intents(), []);
}

// Known issue 32: selection by MAC alone left all but one address of a MAC without neighbour.
#[test]
fn issue_32_every_address_of_a_mac_is_a_neighbour() {
    let mut speaker = ready();
    let remote = Remote::new(2);
    let addresses = [Some(IP8), Some("10.9.9.7"), Some("2001:db8::8"), None];
    let routes = addresses.map(|ip| remote.mac(mac(8), ip));
    speaker.handle(routes.iter().map(announce));
    let expected = [IP8, "10.9.9.7", "2001:db8::8"].map(|text| (ip(text), mac(8)));
    assert_eq!(intent(&speaker, "e").neighbours, expected.into());
    speaker.handle(routes[1..].iter().map(take_back));
    assert_eq!(intent(&speaker, "e").neighbours, [(ip(IP8), mac(8))].into());
    assert_eq!(intent(&speaker, "e").remote_macs, [(mac(8), at(2))].into());
}

// Known issue 33: a remote route for a local MAC was installed over the local one.
#[test]
fn issue_33_a_local_mac_is_never_sent_away() {
    let mut speaker = ready();
    let mut remote = Remote::new(2);
    remote.local_pref = 1000;
    let same_mac = remote.mac(mac(1), Some(IP8));
    let same_ip = remote.mac(mac(8), Some("10.9.9.1"));
    speaker.handle([announce(&same_mac), announce(&same_ip)]);
    let now = intent(&speaker, "e");
    assert_eq!(now.remote_macs, [(mac(8), at(2))].into());
    assert_eq!(now.neighbours, [].into());

    // It moves away: what was learnt meanwhile is used.
    attach(&mut speaker, request("e", 2, Some("10.9.9.2")));
    assert_eq!(speaker.detach(&detach("e", 1, None)).map(|_| ()), Ok(()));
    let now = intent(&speaker, "e");
    assert_eq!(now.remote_macs, [(mac(1), at(2)), (mac(8), at(2))].into());
    assert_eq!(
        now.neighbours,
        [(ip(IP8), mac(1)), (ip("10.9.9.1"), mac(8))].into()
    );

    // And back, before the other side has taken it back.
    attach(&mut speaker, request("e", 1, Some("10.9.9.1")));
    assert_eq!(intent(&speaker, "e").remote_macs, [(mac(8), at(2))].into());
    assert_eq!(intent(&speaker, "e").neighbours, [].into());
}

#[test]
fn an_endpoint_that_waits_for_its_port_counts_as_local() {
    let mut speaker = ready();
    speaker.handle([announce(&Remote::new(2).mac(mac(8), Some(IP8)))]);
    let prepared = speaker.prepare_attach(request("e", 8, Some(IP8)));
    let Ok(prepared) = prepared else {
        panic!("{prepared:?}")
    };
    assert_eq!(prepared.intent.evpn().unwrap().remote_macs, [].into());
    assert_eq!(prepared.intent.evpn().unwrap().neighbours, [].into());
    speaker.abort(prepared.token);
    assert_eq!(intent(&speaker, "e").remote_macs, [(mac(8), at(2))].into());
    assert_eq!(intent(&speaker, "e").neighbours, [(ip(IP8), mac(8))].into());
}

#[test]
fn of_two_locations_the_better_is_used_and_the_other_takes_over() {
    let mut speaker = ready();
    let (near, far) = (
        Remote::new(2),
        Remote {
            local_pref: 50,
            ..Remote::new(3)
        },
    );
    let (a, b) = (near.mac(mac(8), Some(IP8)), far.mac(mac(8), Some(IP8)));
    speaker.handle([announce(&b), announce(&a)]);
    assert_eq!(intent(&speaker, "e").remote_macs[&mac(8)], at(2));
    speaker.handle([take_back(&a)]);
    assert_eq!(intent(&speaker, "e").remote_macs[&mac(8)], at(3));
    let mobility = MacMobility {
        sticky: false,
        sequence: 1,
    };
    let more = vec![ExtendedCommunity::from_mac_mobility(mobility)];
    let moved = Remote {
        more,
        ..Remote::new(4)
    };
    speaker.handle([announce(&a), announce(&moved.mac(mac(8), Some(IP8)))]);
    assert_eq!(intent(&speaker, "e").remote_macs[&mac(8)], at(4));
}

#[test]
fn issue_27_a_new_vni_of_a_known_mac_is_used() {
    let mut speaker = ready();
    let remote = Remote::new(2);
    speaker.handle([announce(&remote.mac(mac(8), None))]);
    let revalued = Remote { vni: 200, ..remote };
    speaker.handle([
        announce(&revalued.mac(mac(8), None)),
        announce(&revalued.multicast()),
    ]);
    assert_eq!(intent(&speaker, "e").remote_macs[&mac(8)].vni, vni(200));
    speaker.handle([announce(&Remote::new(2).multicast())]);
    assert_eq!(
        intent(&speaker, "e").flood,
        [FloodTarget {
            vtep: pe(2),
            vni: vni(100)
        }]
        .into()
    );
}

#[test]
fn a_flood_target_stays_while_any_origin_wants_it() {
    let mut speaker = ready();
    let a = Remote::new(2);
    let two = |rd: u16| {
        let value = EvpnRoute::InclusiveMulticast {
            rd: RouteDistinguisher::as2(rd, 1),
            ethernet_tag: 0,
            originator: a.pe,
        };
        a.multicast().with_nlri(a.route(value).nlri().to_owned())
    };
    let (first, second) = (two(1), two(2));
    speaker.handle([announce(&first), announce(&second)]);
    assert_eq!(intent(&speaker, "e").flood.len(), 1);
    speaker.handle([take_back(&first)]);
    assert_eq!(intent(&speaker, "e").flood.len(), 1);
    speaker.handle([take_back(&second)]);
    assert_eq!(intent(&speaker, "e").flood.len(), 0);
}

#[test]
fn routes_that_cannot_be_used_are_kept_and_named() {
    let mut speaker = ready();
    let idle = intent(&speaker, "e");
    let remote = Remote::new(2);
    let over = |encapsulations| Remote {
        encapsulations,
        ..Remote::new(2)
    };
    let at = |pe: IpAddr, vni| Remote {
        pe,
        vni,
        ..Remote::new(3)
    };
    let pim = PmsiTunnel {
        kind: 3,
        ..PmsiTunnel::to(pe(2), LabelField::default())
    };
    let prefix = EvpnRoute::EthernetAutoDiscovery {
        rd: RouteDistinguisher::as2(1, 1),
        esi: Esi::ZERO,
        ethernet_tag: 0,
        label: LabelField::default(),
    };
    let routes: [Route; 10] = [
        over(vec![]).mac(mac(8), None),
        over(vec![Encapsulation::Mpls, Encapsulation::Gre]).multicast(),
        remote.multicast_over(pim),
        remote.mac(MacAddr([0; 6]), None),
        remote.mac(MacAddr([0xff; 6]), None),
        remote.mac(mac(8), Some("224.0.0.1")),
        at(ip("2001:db8::1"), 100).mac(mac(8), Some(IP8)),
        at(ip("0.0.0.0"), 100).multicast(),
        remote.route(prefix),
        // Our own route, come back.
        at(HERE.into(), 16).mac(mac(8), Some("10.9.9.9")),
    ];
    let mut texts = Vec::new();
    for route in &routes {
        texts.extend(warned(&speaker.handle([announce(route)])));
    }
    insta::assert_snapshot!("unusable", texts.join("\n"));
    assert_eq!(intent(&speaker, "e"), idle);
    let received = speaker.vpns().received_routes("e").unwrap_or_default();
    // Two multicast routes of the same origin are one.
    assert_eq!(received.values().map(Vec::len).sum::<usize>(), 9);
    assert_eq!(
        speaker.vpns().best_routes("e").map(|best| best.len()),
        Some(0)
    );
    speaker.handle(routes.iter().map(take_back));
    assert_eq!(
        speaker.vpns().received_routes("e").map(|all| all.len()),
        Some(0)
    );
}

#[test]
fn one_common_encapsulation_is_enough() {
    let mut speaker = ready();
    let encapsulations = vec![Encapsulation::Mpls, Encapsulation::Vxlan];
    let remote = Remote {
        encapsulations,
        ..Remote::new(2)
    };
    assert_eq!(
        warned(&speaker.handle([announce(&remote.mac(mac(8), None))])),
        [""; 0]
    );
    assert_eq!(intent(&speaker, "e").remote_macs.len(), 1);
}

#[test]
fn a_route_that_turns_useless_is_not_used_any_more() {
    let mut speaker = ready();
    let good = Remote::new(2);
    speaker.handle([
        announce(&good.mac(mac(8), Some(IP8))),
        announce(&good.multicast()),
    ]);
    let bad = Remote {
        encapsulations: vec![],
        ..good
    };
    speaker.handle([
        announce(&bad.mac(mac(8), Some(IP8))),
        announce(&bad.multicast()),
    ]);
    let now = intent(&speaker, "e");
    assert!(now.remote_macs.is_empty() && now.neighbours.is_empty() && now.flood.is_empty());
}

#[test]
fn two_instances_of_a_host_that_share_a_target_know_each_other() {
    let mut speaker = speaker();
    attach(&mut speaker, request("e", 1, Some("10.9.9.1")));
    attach(&mut speaker, request("f", 2, Some("10.9.9.2")));
    let (e, f) = (intent(&speaker, "e"), intent(&speaker, "f"));
    assert_eq!(
        e.remote_macs,
        [(
            mac(2),
            RemoteMac {
                vtep: HERE.into(),
                vni: f.vni,
                pinned: false,
            }
        )]
        .into()
    );
    assert_eq!(f.neighbours, [(ip("10.9.9.1"), mac(1))].into());
    assert_eq!(
        (e.local_peers(), f.local_peers()),
        ([f.vni].into(), [e.vni].into())
    );
    assert_eq!(speaker.detach(&detach("f", 2, None)).map(|_| ()), Ok(()));
    assert_eq!(intent(&speaker, "e").local_peers(), [].into());
}

#[test]
fn a_target_no_longer_imported_takes_its_routes_along() {
    let mut speaker = ready();
    speaker.handle([announce(&Remote::new(2).mac(mac(8), Some(IP8)))]);
    let other = vpn::AttachRequest {
        import: [rt(80)].into(),
        ..request("e", 1, Some("10.9.9.1"))
    };
    attach(&mut speaker, other);
    assert_eq!(intent(&speaker, "e").remote_macs, [].into());
    assert_eq!(intent(&speaker, "e").neighbours, [].into());
}

// Known issue 35: types 1, 4 and 5 were passed over with a line in the log each.
#[test]
fn issue_35_a_type_that_is_not_used_is_said_once() {
    let mut speaker = ready();
    let discovery = |tag| {
        Remote::new(2).route(EvpnRoute::EthernetAutoDiscovery {
            rd: RouteDistinguisher::as2(1, 1),
            esi: Esi::ZERO,
            ethernet_tag: tag,
            label: LabelField::default(),
        })
    };
    let segment = Remote::new(2).route(EvpnRoute::EthernetSegment {
        rd: RouteDistinguisher::as2(1, 1),
        esi: Esi::ZERO,
        originator: pe(2),
    });
    let output = speaker.handle([discovery(1), discovery(2), segment].iter().map(announce));
    assert_eq!(warned(&output).len(), 2, "{:?}", warned(&output));
    assert_eq!(warned(&speaker.handle([announce(&discovery(3))])), [""; 0]);
}

// Known issue 36: Ethernet tag and segment were ignored without a word.
#[test]
fn issue_36_tags_and_segments_are_said_once_and_the_routes_used() {
    let mut speaker = ready();
    let route = |n: u8, tag, esi| {
        Remote::new(2).route(EvpnRoute::MacIp {
            rd: RouteDistinguisher::as2(1, 1),
            esi,
            ethernet_tag: tag,
            mac: mac(n),
            ip: None,
            label1: LabelField::from_vni(vni(100)),
            label2: None,
        })
    };
    let segment = Esi([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let routes = [
        route(5, 7, Esi::ZERO),
        route(6, 8, Esi::ZERO),
        route(7, 0, segment),
        route(8, 0, segment),
    ];
    let texts = warned(&speaker.handle(routes.iter().map(announce)));
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(texts[0].contains("Ethernet tag") && texts[1].contains("several PEs"));
    let macs = &intent(&speaker, "e").remote_macs;
    assert_eq!(
        macs.keys().copied().collect::<Vec<_>>(),
        [5, 6, 7, 8].map(mac)
    );
}

// Known issues 26 and 40: a route that does not say how to send has an MPLS label, in the upper 20 bits.
#[test]
fn issue_26_a_label_is_read_as_its_encapsulation_has_it() {
    let mut config = config();
    config.capabilities.encaps.push(vpn::Encap::Default);
    let mut speaker = speaker_of(config);
    attach(&mut speaker, request("e", 1, Some("10.9.9.1")));
    let label = LabelField([0x01, 0x23, 0x41]);
    let route = |remote: &Remote, n| {
        remote.route(EvpnRoute::MacIp {
            rd: RouteDistinguisher::as2(1, 1),
            esi: Esi::ZERO,
            ethernet_tag: 0,
            mac: mac(n),
            ip: None,
            label1: label,
            label2: None,
        })
    };
    let shifted = Remote {
        encapsulations: vec![],
        ..Remote::new(2)
    };
    let multicast = shifted.multicast_over(PmsiTunnel::to(pe(2), label));
    speaker.handle([
        announce(&route(&Remote::new(2), 8)),
        announce(&route(&shifted, 9)),
        announce(&multicast),
    ]);
    let now = intent(&speaker, "e");
    let vnis = now.remote_macs.values().map(|remote| remote.vni);
    assert_eq!(vnis.collect::<Vec<_>>(), [vni(0x01_2341), vni(0x1234)]);
    let flood = FloodTarget {
        vtep: pe(2),
        vni: vni(0x1234),
    };
    assert_eq!(now.flood, [flood].into());
}
