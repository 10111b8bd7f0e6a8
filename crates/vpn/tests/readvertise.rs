//! Routes of others advertised again with other targets.

#![allow(clippy::unwrap_used, reason = "the values are right")]

mod common;

use bgp_rib::WorkerId;
use bgp_wire::{ExtendedCommunity, Family, IpPrefix, RouteTarget};
use common::ipvpn::{speaker, *};
use common::*;
use vpn::{AttachRequest, Direction, Readvertise, Speaker};

fn again(from: &[u32], to: &[u32]) -> Option<Readvertise> {
    let targets = |numbers: &[u32]| numbers.iter().map(|n| rt(*n)).collect();
    Some(Readvertise {
        from: targets(from),
        to: targets(to),
    })
}

/// The instance of the reference's example: from 64512:121 to 64512:120, imports and exports 64512:1.
fn x1(n: u8, ip: &str) -> AttachRequest {
    AttachRequest {
        readvertise: again(&[121], &[120]),
        ..vrf("x1", n, ip)
    }
}

/// PE 10.0.0.`n` says that it has 20.0.0.0/24.
fn far(n: u8, targets: &[u32], records: &[u32]) -> bgp_rib::Route {
    let targets = targets.iter().map(|n| ExtendedCommunity::from(rt(*n)));
    let records = records
        .iter()
        .map(|n| ExtendedCommunity::from_rt_record(rt(*n)));
    with_communities(n, "20.0.0.0/24", &[500], targets.chain(records), 100)
}

fn prefixes(speaker: &Speaker, name: &str) -> Vec<IpPrefix> {
    vrf_intent(speaker, name).routes.keys().copied().collect()
}

/// The extended communities of the routes for 20.0.0.0/24 that instance `number` advertises.
fn communities(speaker: &Speaker, number: u32) -> Vec<Vec<String>> {
    let own = speaker.table().routes_of(WorkerId::Vrf(number));
    own.filter(|route| bgp_rib::render::nlri_text(route).starts_with("20.0.0.0/24"))
        .map(|route| {
            let communities = route.attributes().extended_communities().iter();
            communities.map(ToString::to_string).collect()
        })
        .collect()
}

#[test]
fn the_example_of_the_reference() {
    let mut speaker = speaker();
    attach(&mut speaker, x1(1, "100.0.0.1"));
    let out = speaker.handle([announce(&far(2, &[121], &[]))]);
    let route = "20.0.0.0/24 label 17 next-hop 127.0.0.1 rd 127.0.0.1:1";
    assert_eq!(told(&out), [format!("+ {route}")]);
    assert_eq!(
        communities(&speaker, 1),
        [[
            "encap:MPLS",
            "target:64512:120",
            "rtrecord:64512:121",
            "consistentHashSortOrder:0"
        ]]
    );
    // Not imported, so not forwarded by, and not warned of either.
    assert!(out.warnings.is_empty());
    assert_eq!(prefixes(&speaker, "x1"), []);
    let shown = speaker.vpns().readvertised_routes("x1").unwrap();
    assert_eq!(
        shown[0].nlri,
        "20.0.0.0/24 label 500 next-hop 10.0.0.2 rd 64512:2"
    );
    assert_eq!(speaker.vpns().advertised_routes("x1").unwrap().len(), 2);
    let out = speaker.handle([take_back(&far(2, &[121], &[]))]);
    assert_eq!(told(&out), [format!("- {route}")]);
    assert!(speaker.vpns().readvertised_routes("x1").unwrap().is_empty());
}

#[test]
fn each_endpoint_has_its_own() {
    let mut speaker = speaker();
    speaker.handle([announce(&far(2, &[121], &[]))]);
    let ordered = AttachRequest {
        hash_order: 7,
        ..x1(1, "100.0.0.1")
    };
    let out = attach(&mut speaker, ordered);
    let first = "20.0.0.0/24 label 17 next-hop 127.0.0.1 rd 127.0.0.1:1";
    assert_eq!(told(&out).last().unwrap(), &format!("+ {first}"));
    let out = attach(&mut speaker, x1(2, "100.0.0.2"));
    let second = "20.0.0.0/24 label 18 next-hop 127.0.0.1 rd 127.0.0.1:2";
    assert_eq!(told(&out)[1..], [format!("+ {second}")]);
    let orders: Vec<_> = communities(&speaker, 1)
        .into_iter()
        .map(|mut all| all.pop().unwrap())
        .collect();
    assert_eq!(
        orders,
        ["consistentHashSortOrder:7", "consistentHashSortOrder:0"]
    );
    let out = speaker.detach(&leave("x1", 1, "100.0.0.1")).unwrap();
    assert!(told(&out).contains(&format!("- {first}")));
    assert_eq!(communities(&speaker, 1).len(), 1);
    speaker.detach(&leave("x1", 2, "100.0.0.2")).unwrap();
    assert!(speaker.vpns().is_idle());
    assert_eq!(speaker.table().routes_of(WorkerId::Vrf(1)).count(), 0);
}

#[test]
fn an_endpoint_that_only_sends_attracts_nothing() {
    let mut speaker = speaker_with(vpn::Capabilities {
        directions: [Direction::Both, Direction::FromPort].into(),
        ..vpn::Capabilities::mpls()
    });
    speaker.handle([announce(&far(2, &[121], &[]))]);
    let sends = AttachRequest {
        direction: Direction::FromPort,
        ..x1(1, "100.0.0.1")
    };
    attach(&mut speaker, sends);
    assert_eq!(communities(&speaker, 1).len(), 0);
    attach(&mut speaker, x1(1, "100.0.0.1"));
    assert_eq!(communities(&speaker, 1).len(), 1);
}

#[test]
fn a_prefix_stays_until_its_last_source_is_gone() {
    let mut speaker = speaker();
    attach(&mut speaker, x1(1, "100.0.0.1"));
    speaker.handle([announce(&far(2, &[121], &[]))]);
    assert_eq!(
        told(&speaker.handle([announce(&far(3, &[121], &[]))])).len(),
        0
    );
    assert_eq!(
        told(&speaker.handle([take_back(&far(2, &[121], &[]))])).len(),
        0
    );
    assert_eq!(
        told(&speaker.handle([take_back(&far(3, &[121], &[]))])).len(),
        1
    );
    assert_eq!(communities(&speaker, 1).len(), 0);
}

#[test]
fn what_has_borne_the_target_is_not_taken_in_circles() {
    let mut speaker = speaker();
    attach(&mut speaker, x1(1, "100.0.0.1"));
    speaker.handle([announce(&far(2, &[121], &[120]))]);
    assert_eq!(communities(&speaker, 1).len(), 0);
    // Two instances that would do so for ever.
    let back = AttachRequest {
        readvertise: again(&[120], &[121]),
        ..vrf("x2", 2, "200.0.0.1")
    };
    attach(&mut speaker, back);
    speaker.handle([announce(&far(3, &[121], &[]))]);
    assert_eq!(communities(&speaker, 1).len(), 1);
    // What the first advertises again has borne the target that the second would give it.
    assert_eq!(communities(&speaker, 2).len(), 0);
    speaker.handle([take_back(&far(3, &[121], &[]))]);
    assert_eq!(communities(&speaker, 1).len(), 0);
}

#[test]
fn records_of_every_kind_of_target_add_up() {
    let mut speaker = speaker();
    let kinds = [
        RouteTarget::as2(1, 2),
        RouteTarget::ipv4([1, 2, 3, 4].into(), 5),
        RouteTarget::as4(70000, 1),
    ];
    let request = AttachRequest {
        readvertise: Some(Readvertise {
            from: kinds.into(),
            to: [rt(120)].into(),
        }),
        ..vrf("x1", 1, "100.0.0.1")
    };
    attach(&mut speaker, request);
    let communities_in = kinds
        .map(ExtendedCommunity::from)
        .into_iter()
        .chain([ExtendedCommunity::from_rt_record(rt(9))]);
    let route = with_communities(2, "20.0.0.0/24", &[500], communities_in, 300);
    speaker.handle([announce(&route)]);
    assert_eq!(
        communities(&speaker, 1)[0][2..6],
        [
            "rtrecord:1:2",
            "rtrecord:64512:9",
            "rtrecord:1.2.3.4:5",
            "rtrecord:70000:1"
        ]
    );
}

#[test]
fn routes_of_instances_of_this_host_are_advertised_again() {
    let mut speaker = speaker();
    attach(&mut speaker, x1(1, "100.0.0.1"));
    let local = AttachRequest {
        export: [rt(121)].into(),
        ..vrf("h", 2, "2001:db8::2")
    };
    let out = attach(&mut speaker, local);
    let again = "+ 2001:db8::2/128 label 17 next-hop ::ffff:127.0.0.1 rd 127.0.0.1:1";
    assert!(told(&out).contains(&again.to_owned()), "{:?}", told(&out));
}

#[test]
fn what_an_endpoint_says_itself_comes_first() {
    let mut speaker = speaker();
    speaker.handle([announce(&far(2, &[121], &[]))]);
    attach(&mut speaker, subnet(x1(1, "20.0.0.1/24")));
    let targets = |speaker: &Speaker| {
        let routes: Vec<_> = speaker.table().routes_of(WorkerId::Vrf(1)).collect();
        let of = |route: &std::sync::Arc<bgp_rib::Route>| route.route_targets();
        routes.into_iter().flat_map(of).collect::<Vec<_>>()
    };
    assert_eq!(targets(&speaker), [rt(1)]);
    // Without the subnet the other's route has the place.
    attach(&mut speaker, x1(1, "20.0.0.1/24"));
    let mut both = targets(&speaker);
    both.sort_unstable();
    assert_eq!(both, [rt(1), rt(120)]);
    attach(&mut speaker, subnet(x1(1, "20.0.0.1/24")));
    assert_eq!(targets(&speaker), [rt(1)]);
    assert_eq!(speaker.vpns().advertised_routes("x1").unwrap().len(), 1);
}

#[test]
fn a_route_may_be_imported_and_advertised_again() {
    let mut speaker = speaker();
    attach(&mut speaker, x1(1, "100.0.0.1"));
    speaker.handle([announce(&far(2, &[1, 121], &[]))]);
    assert_eq!(prefixes(&speaker, "x1"), [prefix("20.0.0.0/24")]);
    assert_eq!(communities(&speaker, 1).len(), 1);
    // One loses the imported target, and with it its place in the dataplane.
    speaker.handle([announce(&far(2, &[121], &[]))]);
    assert_eq!(prefixes(&speaker, "x1"), []);
    assert_eq!(communities(&speaker, 1).len(), 1);
}

/// Known issue 51: a change of `readvertise` was ignored.
#[test]
fn issue_51_readvertise_changes_with_a_later_attach() {
    let mut speaker = speaker();
    attach(&mut speaker, x1(1, "100.0.0.1"));
    speaker.handle([announce(&far(2, &[121, 122], &[]))]);
    let asked = |readvertise| AttachRequest {
        readvertise,
        ..vrf("x1", 1, "100.0.0.1")
    };
    let target = |speaker: &Speaker| communities(speaker, 1).first().map(|all| all[1].clone());
    attach(&mut speaker, asked(again(&[121], &[200])));
    assert_eq!(target(&speaker).as_deref(), Some("target:64512:200"));
    // Not said is kept.
    attach(&mut speaker, asked(None));
    assert_eq!(target(&speaker).as_deref(), Some("target:64512:200"));
    attach(&mut speaker, asked(again(&[122], &[201])));
    assert_eq!(target(&speaker).as_deref(), Some("target:64512:201"));
    // To a target that the route has borne.
    attach(&mut speaker, asked(again(&[123], &[201])));
    assert_eq!(target(&speaker), None);
    attach(&mut speaker, asked(again(&[122], &[201])));
    assert_eq!(target(&speaker).as_deref(), Some("target:64512:201"));
    attach(&mut speaker, asked(again(&[], &[])));
    assert_eq!(target(&speaker), None);
    assert_eq!(speaker.vpns().instance("x1").unwrap().readvertise, None);
    let wanted: Vec<_> = speaker
        .table()
        .subscriptions(WorkerId::Vrf(1))
        .filter(|wanted| wanted.family == Some(Family::VPNV4))
        .filter_map(|wanted| wanted.target)
        .collect();
    assert_eq!(wanted, [rt(1)]);
}

// The set of subscriptions stays the same, so the table has nothing to tell.
#[test]
fn a_target_that_is_only_advertised_again_is_not_imported_any_more() {
    let mut speaker = speaker();
    let both = AttachRequest {
        import: [rt(1), rt(121)].into(),
        ..x1(1, "100.0.0.1")
    };
    attach(&mut speaker, both.clone());
    speaker.handle([announce(&far(2, &[121], &[]))]);
    assert_eq!(prefixes(&speaker, "x1").len(), 1);
    speaker.take_ipvpn_intents();
    attach(&mut speaker, x1(1, "100.0.0.1"));
    assert_eq!(prefixes(&speaker, "x1").len(), 0);
    assert_eq!(speaker.take_ipvpn_intents().len(), 1);
    attach(&mut speaker, both);
    assert_eq!(prefixes(&speaker, "x1").len(), 1);
}

#[test]
fn two_that_advertise_again_what_the_other_does_come_to_rest() {
    let mut speaker = speaker();
    for (name, n, from, to) in [("x", 1, [1, 4], [3]), ("y", 2, [1, 3], [4])] {
        let request = vrf(name, n, &format!("100.0.0.{n}"));
        attach(
            &mut speaker,
            AttachRequest {
                readvertise: again(&from, &to),
                ..request
            },
        );
    }
    // Each would rather have what the other makes of it than this.
    let target = ExtendedCommunity::from(rt(1));
    let poor = with_communities(2, "20.0.0.0/24", &[500], [target], 50);
    speaker.handle([announce(&poor)]);
    for number in [1, 2] {
        let records: Vec<_> = communities(&speaker, number).concat();
        let records = records.iter().filter(|text| text.starts_with("rtrecord"));
        assert_eq!(Vec::from_iter(records), ["rtrecord:64512:1"]);
    }
    speaker.handle([take_back(&poor)]);
    assert!(communities(&speaker, 1).is_empty() && communities(&speaker, 2).is_empty());
}
