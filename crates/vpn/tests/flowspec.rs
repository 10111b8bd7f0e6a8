//! Traffic attracted with Flowspec routes, and traffic that Flowspec routes of others have sent elsewhere.

#![allow(clippy::unwrap_used, reason = "the values are right")]

mod common;

use std::sync::Arc;

use bgp_rib::export::messages;
use bgp_rib::{RibEvent, Route, WorkerId};
use bgp_wire::nlri::{FlowComponent, FlowOp, FlowspecRules};
use bgp_wire::{
    AttributeValue, EncodeContext, ExtendedCommunity, Family, NextHop, Nlri, NlriValue,
    PathAttributes, RouteDistinguisher, RouteTarget,
};
use common::ipvpn::{speaker, *};
use common::*;
use vpn::traffic::NumberRange;
use vpn::{AttachRequest, AttractTraffic, Classifier, Encap, Readvertise, Speaker};

fn range(low: u16, high: u16) -> Option<NumberRange> {
    NumberRange::new(low, high)
}

/// TCP to port 80.
fn http() -> Classifier {
    Classifier {
        destination_ports: range(80, 80),
        ..Classifier::default()
    }
}

/// To 64512:300, for those that import 64512:120.
fn attract(classifier: Classifier, fixed: &[&str]) -> Option<AttractTraffic> {
    Some(AttractTraffic {
        redirect: [rt(120)].into(),
        classifier,
        to: rt(300),
        static_prefixes: fixed.iter().map(|text| prefix(text)).collect(),
        shown: "{}".to_owned(),
    })
}

/// Attracts HTTP to what has target 64512:2, as in the sample `chain-traffic-redirect`.
fn x1(n: u8, ip: &str) -> AttachRequest {
    AttachRequest {
        export: [].into(),
        readvertise: Some(Readvertise {
            from: [rt(2)].into(),
            to: [rt(300)].into(),
        }),
        attract_traffic: attract(http(), &[]),
        ..vrf("x1", n, ip)
    }
}

fn far(to: &str, targets: &[u32], records: &[u32]) -> Route {
    let targets = targets.iter().map(|n| ExtendedCommunity::from(rt(*n)));
    let records = records
        .iter()
        .map(|n| ExtendedCommunity::from_rt_record(rt(*n)));
    with_communities(2, to, &[500], targets.chain(records), 100)
}

/// A Flowspec route of PE 10.0.0.`n`.
fn flow(n: u8, rules: &FlowspecRules, communities: &[ExtendedCommunity]) -> Route {
    Route::new(
        Nlri::from(NlriValue::FlowspecVpn {
            rd: RouteDistinguisher::as2(64512, n.into()),
            rules: rules.clone(),
        }),
        NextHop::None,
        PathAttributes::new().with(AttributeValue::ExtendedCommunities(communities.to_vec())),
    )
}

fn to_import(target: u32, redirect: u32) -> [ExtendedCommunity; 2] {
    [
        rt(target).into(),
        ExtendedCommunity::from_redirect(rt(redirect)),
    ]
}

/// What a worker advertises, with its extended communities.
fn advertised(speaker: &Speaker, number: u32) -> Vec<String> {
    let routes = speaker.table().routes_of(WorkerId::Vrf(number));
    let text = |route: &Arc<Route>| {
        let communities = route.attributes().extended_communities().iter();
        let communities: Vec<_> = communities.map(ToString::to_string).collect();
        let nlri = bgp_rib::render::nlri_text(route);
        format!("{nlri} [ {} ]", communities.join(" "))
    };
    let mut texts: Vec<_> = routes.map(text).collect();
    texts.sort_unstable();
    texts
}

const DEFAULT: &str = "0.0.0.0/0 label 17 next-hop 127.0.0.1 rd 127.0.0.1:1";
const FLOW: &str =
    "flow destination-ipv4 12.0.0.0/24 protocol =tcp destination-port =80 rd 127.0.0.1:0";

#[test]
fn a_route_to_readvertise_attracts_traffic() {
    let mut speaker = speaker();
    attach(&mut speaker, x1(1, "100.0.0.1"));
    let out = speaker.handle([announce(&far("12.0.0.0/24", &[2], &[]))]);
    assert_eq!(told(&out), [format!("+ {DEFAULT}"), format!("+ {FLOW}")]);
    assert_eq!(
        advertised(&speaker, 1),
        [
            format!(
                "{DEFAULT} [ encap:MPLS target:64512:300 rtrecord:64512:2 \
                 consistentHashSortOrder:0 ]"
            ),
            format!("{FLOW} [ redirect:64512:300 target:64512:120 ]"),
        ]
    );
    // Another prefix needs another flow, another endpoint another default route.
    let out = speaker.handle([announce(&far("13.0.0.0/24", &[2], &[]))]);
    assert_eq!(told(&out).len(), 1);
    let out = attach(&mut speaker, x1(2, "100.0.0.2"));
    let second = "0.0.0.0/0 label 18 next-hop 127.0.0.1 rd 127.0.0.1:2";
    assert_eq!(told(&out), [format!("+ {second}")]);
    assert_eq!(speaker.vpns().readvertised_routes("x1").unwrap().len(), 2);
    // Last in, first out.
    assert_eq!(
        told(&speaker.handle([take_back(&far("13.0.0.0/24", &[2], &[]))])).len(),
        1
    );
    let out = speaker.handle([take_back(&far("12.0.0.0/24", &[2], &[]))]);
    assert_eq!(
        told(&out),
        [
            format!("- {FLOW}"),
            format!("- {DEFAULT}"),
            format!("- {second}")
        ]
    );
}

#[test]
fn the_last_endpoint_takes_it_all_along() {
    let mut speaker = speaker();
    speaker.handle([announce(&far("12.0.0.0/24", &[2], &[]))]);
    attach(&mut speaker, x1(1, "100.0.0.1"));
    attach(&mut speaker, x1(2, "100.0.0.2"));
    assert_eq!(advertised(&speaker, 1).len(), 3);
    speaker.detach(&leave("x1", 1, "100.0.0.1")).unwrap();
    assert_eq!(advertised(&speaker, 1).len(), 2);
    speaker.detach(&leave("x1", 2, "100.0.0.2")).unwrap();
    assert_eq!(advertised(&speaker, 1), [] as [&str; 0]);
    assert!(speaker.vpns().is_idle());
}

/// Known issue 38: a range to 0 or 65535 left out the port at its end. The example of the reference, put right.
#[test]
fn issue_38_ranges_hold_their_ends() {
    let mut speaker = speaker();
    let classifier = Classifier {
        source: Some(prefix("1.2.3.0/24")),
        protocol: 17,
        source_ports: range(10, 20),
        destination_ports: range(0, 100),
    };
    let request = AttachRequest {
        export: [].into(),
        attract_traffic: attract(classifier.clone(), &["50.0.0.0/16"]),
        ..vrf("x1", 1, "100.0.0.1")
    };
    attach(&mut speaker, request);
    let rules = "flow destination-ipv4 50.0.0.0/16 source-ipv4 1.2.3.0/24 protocol =udp \
                 destination-port [ >=0&<=100 ] source-port [ >=10&<=20 ] rd 127.0.0.1:0";
    assert_eq!(
        advertised(&speaker, 1),
        [
            format!("{DEFAULT} [ encap:MPLS target:64512:300 consistentHashSortOrder:0 ]"),
            format!("{rules} [ redirect:64512:300 target:64512:120 ]"),
        ]
    );
    // Received, it is all of it.
    let mut other = common::ipvpn::speaker();
    let importer = AttachRequest {
        import: [rt(120)].into(),
        ..vrf("v", 1, "10.1.1.1")
    };
    attach(&mut other, importer);
    let ranges = [(0, 100), (100, 65535), (0, 65535), (0, 0)];
    let rules: Vec<_> = ranges
        .iter()
        .map(|(low, high)| {
            let classifier = Classifier {
                destination_ports: range(*low, *high),
                ..classifier.clone()
            };
            classifier.rules(prefix("50.0.0.0/16")).unwrap()
        })
        .collect();
    let said = rules
        .iter()
        .map(|rules| announce(&flow(3, rules, &to_import(120, 300))));
    let out = other.handle(said.collect::<Vec<_>>());
    assert!(out.warnings.is_empty(), "{:?}", out.warnings);
    let intent = vrf_intent(&other, "v");
    let mut there: Vec<_> = intent
        .flows
        .values()
        .map(|flow| flow.traffic.destination_ports.clone().unwrap())
        .map(|ports| ports.ranges().iter().map(|r| (r.low(), r.high())).collect())
        .collect::<Vec<Vec<_>>>();
    there.sort();
    assert_eq!(there, [[(0, 0)], [(0, 100)], [(0, 65535)], [(100, 65535)]]);
}

#[test]
fn the_flow_has_the_reference_octets() {
    let mut speaker = speaker();
    attach(&mut speaker, x1(1, "100.0.0.1"));
    let out = speaker.handle([announce(&far("12.0.0.0/24", &[2], &[]))]);
    let changes = out.dispatches.iter().map(|dispatch| &dispatch.change);
    let raw = messages(changes, &EncodeContext::default());
    let body: String = raw[1].body.iter().map(|o| format!("{o:02x}")).collect();
    let expected = "00000000 40010100 400200 40050400000064 \
         c01010 8008fc000000012c 0002fc0000000078 \
         800e19 0001 86 00 00 13 00017f0000010000 01180c0000 038106 058150";
    assert_eq!(body[8..], expected.replace(' ', "")[8..]);
}

#[test]
fn ipv6_has_flows_and_a_default_route_of_its_own() {
    let mut speaker = speaker();
    attach(&mut speaker, x1(1, "100.0.0.1"));
    let out = speaker.handle([announce(&far("2001:db8::/64", &[2], &[]))]);
    assert_eq!(
        told(&out),
        [
            "+ ::/0 label 17 next-hop ::ffff:127.0.0.1 rd 127.0.0.1:1",
            "+ flow destination-ipv6 2001:db8::/64 next-header =tcp destination-port =80 rd 127.0.0.1:0"
        ]
    );
    // A source of the other version matches nothing that goes there.
    let from_ipv4 = Classifier {
        source: Some(prefix("10.0.0.0/8")),
        ..http()
    };
    let request = AttachRequest {
        attract_traffic: attract(from_ipv4, &[]),
        ..x1(1, "100.0.0.1")
    };
    assert_eq!(told(&attach(&mut speaker, request)).len(), 2);
    assert_eq!(advertised(&speaker, 1), [] as [&str; 0]);
}

/// Known issue 51: changes of `attract_traffic` were ignored.
#[test]
fn issue_51_attraction_changes_with_a_later_attach() {
    let mut speaker = speaker();
    attach(&mut speaker, x1(1, "100.0.0.1"));
    speaker.handle([announce(&far("12.0.0.0/24", &[2], &[]))]);
    let asked = |attract_traffic| AttachRequest {
        attract_traffic,
        ..x1(1, "100.0.0.1")
    };
    // Said nothing of, it stays.
    assert_eq!(told(&attach(&mut speaker, asked(None))), [] as [&str; 0]);
    let all = attract(Classifier::default(), &["50.0.0.0/16"]);
    attach(&mut speaker, asked(all));
    let flows = |speaker: &Speaker| -> Vec<String> {
        let all = advertised(speaker, 1).into_iter();
        all.filter_map(|text| Some(text.strip_prefix("flow ")?.split(" rd").next()?.to_owned()))
            .collect()
    };
    assert_eq!(
        flows(&speaker),
        [
            "destination-ipv4 12.0.0.0/24 protocol =tcp",
            "destination-ipv4 50.0.0.0/16 protocol =tcp"
        ]
    );
    // Without it, the route itself is advertised again.
    let mut nothing = attract(http(), &[]);
    nothing.as_mut().unwrap().redirect.clear();
    attach(&mut speaker, asked(nothing));
    assert_eq!(
        advertised(&speaker, 1),
        [
            "12.0.0.0/24 label 17 next-hop 127.0.0.1 rd 127.0.0.1:1 [ encap:MPLS \
             target:64512:300 rtrecord:64512:2 consistentHashSortOrder:0 ]"
        ]
    );
    attach(&mut speaker, asked(attract(http(), &[])));
    assert_eq!(advertised(&speaker, 1).len(), 2);
}

/// Known issue 37: nobody asked for Flowspec routes with the targets to readvertise.
#[test]
fn issue_37_flows_are_advertised_again() {
    let mut speaker = speaker();
    attach(&mut speaker, x1(1, "100.0.0.1"));
    let rules = http().rules(prefix("12.0.0.0/24")).unwrap();
    let of_other = flow(3, &rules, &to_import(2, 400));
    let out = speaker.handle([announce(&of_other)]);
    assert_eq!(told(&out), [format!("+ {FLOW}")]);
    assert_eq!(
        advertised(&speaker, 1),
        [format!(
            "{FLOW} [ redirect:64512:120 target:64512:300 rtrecord:64512:2 ]"
        )]
    );
    // Not imported, so not followed here.
    assert!(vrf_intent(&speaker, "x1").flows.is_empty());
    assert_eq!(speaker.vpns().readvertised_routes("x1").unwrap().len(), 1);
    // It has borne the target that it would be redirected to, or advertised with.
    for seen in [120, 300] {
        let record = ExtendedCommunity::from_rt_record(rt(seen));
        let [target, redirect] = to_import(2, 400);
        let back = flow(3, &rules, &[target, redirect, record]);
        speaker.handle([announce(&back)]);
        assert_eq!(advertised(&speaker, 1), [] as [&str; 0]);
    }
    speaker.handle([announce(&of_other)]);
    assert_eq!(advertised(&speaker, 1).len(), 1);
    let mut two = attract(http(), &[]);
    two.as_mut().unwrap().redirect.insert(rt(121));
    let request = AttachRequest {
        attract_traffic: two,
        ..x1(1, "100.0.0.1")
    };
    attach(&mut speaker, request);
    assert_eq!(advertised(&speaker, 1), [] as [&str; 0]);
}

// Default routes had no records: two that attract for each other kept each other's alive.
#[test]
fn nobody_attracts_in_circles() {
    let mut speaker = speaker();
    attach(&mut speaker, x1(1, "100.0.0.1"));
    let back = AttachRequest {
        export: [].into(),
        readvertise: Some(Readvertise {
            from: [rt(300)].into(),
            to: [rt(2)].into(),
        }),
        attract_traffic: Some(AttractTraffic {
            redirect: [rt(121)].into(),
            to: rt(2),
            ..attract(http(), &[]).unwrap()
        }),
        ..vrf("x2", 2, "200.0.0.1")
    };
    attach(&mut speaker, back);
    let route = far("12.0.0.0/24", &[2], &[]);
    speaker.handle([announce(&route)]);
    assert_eq!(advertised(&speaker, 1).len(), 2);
    assert_eq!(advertised(&speaker, 2), [] as [&str; 0]);
    speaker.handle([take_back(&route)]);
    assert_eq!(advertised(&speaker, 1), [] as [&str; 0]);
}

#[test]
fn a_flow_leads_to_an_instance_of_its_own() {
    let mut speaker = speaker();
    attach(&mut speaker, vrf("v", 1, "11.0.0.1"));
    speaker.take_ipvpn_intents();
    let rules = http().rules(prefix("12.0.0.0/24")).unwrap();
    let first = flow(3, &rules, &to_import(1, 300));
    let out = speaker.handle([announce(&first)]);
    assert_eq!(told(&out), ["+ rtc 64512:target:64512:300"]);
    let name = "redirect-to-ipvpn-64512_300";
    let there = speaker.vpns().instance(name).unwrap();
    assert_eq!((there.import, there.export), (vec![rt(300)], vec![]));
    let intent = vrf_intent(&speaker, "v");
    let placed = &intent.flows["destination-ipv4 12.0.0.0/24 protocol =tcp destination-port =80"];
    assert_eq!(placed.to, there.id);
    assert_eq!(placed.traffic.destination, Some(prefix("12.0.0.0/24")));
    assert!(placed.traffic.protocols.as_ref().unwrap().contains(6));
    assert!(
        placed
            .traffic
            .destination_ports
            .as_ref()
            .unwrap()
            .contains(80)
    );
    assert_eq!(speaker.take_ipvpn_intents().len(), 2);
    // It goes where the default route of the one that attracts it leads.
    let default = with_communities(4, "0.0.0.0/0", &[77], [rt(300).into()], 100);
    speaker.handle([announce(&default)]);
    assert_eq!(
        vrf_intent(&speaker, name).routes[&prefix("0.0.0.0/0")],
        egress(pe(4), 77, Encap::Default)
    );
    assert!(vrf_intent(&speaker, "v").routes.is_empty());
    let shown = speaker.vpns().best_routes("v").unwrap();
    let key = "('Flow', ' destination-ipv4 12.0.0.0/24 protocol =tcp destination-port =80')";
    assert_eq!(shown[key].len(), 1);

    // The same rules of another PE are the same flow, until the last is gone.
    let second = flow(5, &rules, &to_import(1, 300));
    speaker.handle([announce(&second)]);
    assert_eq!(vrf_intent(&speaker, "v").flows.len(), 1);
    speaker.handle([take_back(&first)]);
    assert_eq!(vrf_intent(&speaker, "v").flows.len(), 1);
    let out = speaker.handle([take_back(&second)]);
    assert_eq!(told(&out), ["- rtc 64512:target:64512:300"]);
    assert!(vrf_intent(&speaker, "v").flows.is_empty());
    assert_eq!(speaker.vpns().instance(name), None);
}

/// Known issue 39: the instance that traffic was redirected to stayed for ever.
#[test]
fn issue_39_the_instance_goes_with_the_last_that_redirects_to_it() {
    let mut speaker = speaker();
    let name = "redirect-to-ipvpn-64512_300";
    let rules = http().rules(prefix("12.0.0.0/24")).unwrap();
    speaker.handle([announce(&flow(3, &rules, &to_import(1, 300)))]);
    attach(&mut speaker, vrf("v", 1, "11.0.0.1"));
    attach(&mut speaker, vrf("w", 2, "11.0.0.2"));
    assert!(speaker.vpns().instance(name).is_some());
    speaker.detach(&leave("v", 1, "11.0.0.1")).unwrap();
    assert!(speaker.vpns().instance(name).is_some());
    // Without the target it is not imported any more.
    let other = AttachRequest {
        import: [rt(5)].into(),
        ..vrf("w", 2, "11.0.0.2")
    };
    attach(&mut speaker, other);
    assert_eq!(speaker.vpns().instance(name), None);
    assert!(vrf_intent(&speaker, "w").flows.is_empty());
    attach(&mut speaker, vrf("w", 2, "11.0.0.2"));
    assert!(speaker.vpns().instance(name).is_some());
    // To another instance.
    speaker.handle([announce(&flow(3, &rules, &to_import(1, 301)))]);
    assert_eq!(speaker.vpns().instance(name), None);
    let other = speaker.vpns().instance("redirect-to-ipvpn-64512_301");
    let intent = vrf_intent(&speaker, "w");
    assert_eq!(intent.flows.values().next().unwrap().to, other.unwrap().id);
    speaker.detach(&leave("w", 2, "11.0.0.2")).unwrap();
    assert!(speaker.vpns().is_idle());
    let own = speaker.table().routes().filter(|(who, _)| !who.is_peer());
    assert_eq!(own.count(), 0);
}

#[test]
fn somebody_may_attach_to_where_traffic_is_redirected() {
    let mut speaker = speaker();
    let name = "redirect-to-ipvpn-64512_300";
    let rules = http().rules(prefix("12.0.0.0/24")).unwrap();
    let route = flow(3, &rules, &to_import(1, 300));
    attach(&mut speaker, vrf("v", 1, "11.0.0.1"));
    attach(&mut speaker, vrf(name, 2, "11.0.0.2"));
    let imported = |speaker: &Speaker| speaker.vpns().instance(name).unwrap().import;
    speaker.handle([announce(&route)]);
    assert_eq!(imported(&speaker), [rt(1), rt(300)]);
    speaker.detach(&leave(name, 2, "11.0.0.2")).unwrap();
    assert_eq!(imported(&speaker), [rt(300)]);
    attach(&mut speaker, vrf(name, 2, "11.0.0.2"));
    speaker.handle([take_back(&route)]);
    assert_eq!(imported(&speaker), [rt(1)]);
    // It takes no part in redirecting to itself.
    speaker.handle([announce(&route)]);
    assert!(vrf_intent(&speaker, name).flows.is_empty());
    speaker.detach(&leave("v", 1, "11.0.0.1")).unwrap();
    speaker.detach(&leave(name, 2, "11.0.0.2")).unwrap();
    assert!(speaker.vpns().is_idle());
}

#[test]
fn routes_of_others_make_only_so_many_instances() {
    let mut config = ipvpn_config(vpn::Capabilities::mpls());
    config.ipvpn.as_mut().unwrap().max_redirects = 2;
    let mut speaker = Speaker::new(config, None);
    attach(&mut speaker, vrf("v", 1, "11.0.0.1"));
    let flows: Vec<_> = (0..5)
        .map(|n| {
            let rules = http().rules(prefix(&format!("12.0.{n}.0/24"))).unwrap();
            flow(3, &rules, &to_import(1, 300 + n))
        })
        .collect();
    let mut said = Vec::new();
    for route in &flows {
        let out = speaker.handle([announce(route)]);
        said.extend(out.warnings.iter().map(|(_, warning)| warning.to_string()));
    }
    // Once, however many there are.
    assert_eq!(
        said,
        [
            "traffic is not redirected to route target 64512:302, nor to others after it: there are 2 instances for \
             redirects already, and no more are made (said once)"
        ]
    );
    assert_eq!(speaker.vpns().instances().count(), 1 + 2);
    let refused = |speaker: &Speaker| speaker.vpns().refused_redirects("v");
    assert_eq!(refused(&speaker), [rt(302), rt(303), rt(304)]);
    assert_eq!(vrf_intent(&speaker, "v").flows.len(), 2);
    // The next has room when one has gone.
    speaker.handle([take_back(&flows[3]), take_back(&flows[0])]);
    assert_eq!(refused(&speaker), [rt(304)]);
    let there = speaker.vpns().instance("redirect-to-ipvpn-64512_302");
    let placed = vrf_intent(&speaker, "v").flows.clone();
    let placed = &placed["destination-ipv4 12.0.2.0/24 protocol =tcp destination-port =80"];
    assert_eq!(placed.to, there.unwrap().id);
    speaker.detach(&leave("v", 1, "11.0.0.1")).unwrap();
    assert!(speaker.vpns().is_idle());
}

#[test]
fn what_is_stopped_leaves_no_redirect() {
    let mut speaker = speaker();
    let rules = http().rules(prefix("12.0.0.0/24")).unwrap();
    speaker.handle([announce(&flow(3, &rules, &to_import(1, 300)))]);
    attach(&mut speaker, vrf("v", 1, "11.0.0.1"));
    speaker.stop();
    assert!(speaker.vpns().is_idle());
}

#[test]
fn targets_of_every_kind_can_be_redirected_to() {
    for (target, name) in [
        (
            RouteTarget::ipv4([1, 2, 3, 4].into(), 5),
            "redirect-to-ipvpn-1.2.3.4_5",
        ),
        (RouteTarget::as4(70000, 1), "redirect-to-ipvpn-70000_1"),
    ] {
        let mut speaker = speaker();
        attach(&mut speaker, vrf("v", 1, "11.0.0.1"));
        let rules = http().rules(prefix("12.0.0.0/24")).unwrap();
        let communities = [rt(1).into(), ExtendedCommunity::from_redirect(target)];
        speaker.handle([announce(&flow(3, &rules, &communities))]);
        assert_eq!(speaker.vpns().instance(name).unwrap().import, [target]);
    }
}

#[test]
fn flows_that_cannot_be_followed_are_kept_and_said() {
    let mut speaker = speaker();
    attach(&mut speaker, vrf("v", 1, "11.0.0.1"));
    let http = http().rules(prefix("12.0.0.0/24")).unwrap();
    let dscp = FlowspecRules {
        ipv6: false,
        components: vec![FlowComponent::Operations {
            kind: FlowComponent::DSCP,
            operations: vec![FlowOp::equal(10)],
        }],
    };
    let [target, redirect] = to_import(1, 300);
    let other = ExtendedCommunity::from_redirect(rt(301));
    let rate = ExtendedCommunity::from_traffic_rate(64512, 0.0);
    let routes = [
        flow(3, &http, &[target]),
        flow(4, &http, &[target, redirect, other]),
        flow(5, &http, &[target, redirect, rate]),
        flow(6, &dscp, &[target, redirect]),
    ];
    let out = speaker.handle(routes.iter().map(announce));
    let warnings: Vec<_> = out.warnings.iter().map(|(_, w)| w.to_string()).collect();
    insta::assert_snapshot!(warnings.join("\n"));
    assert!(vrf_intent(&speaker, "v").flows.is_empty());
    let kept = speaker.vpns().received_routes("v").unwrap();
    assert_eq!(kept.values().map(Vec::len).sum::<usize>(), 4);
    assert_eq!(speaker.vpns().instances().count(), 1);
}

#[test]
fn flowspec_asks_peers_for_nothing_more() {
    let mut speaker = speaker();
    let out = attach(&mut speaker, x1(1, "100.0.0.1"));
    let asked: Vec<_> = told(&out)
        .into_iter()
        .filter(|t| t.contains("rtc"))
        .collect();
    assert_eq!(
        asked,
        ["+ rtc 64512:target:64512:1", "+ rtc 64512:target:64512:2"]
    );
    let wanted = speaker.table().subscriptions(WorkerId::Vrf(1));
    let flows = wanted.filter(|wanted| wanted.family == Some(Family::FLOWSPEC_VPNV4));
    assert_eq!(flows.count(), 2);
    speaker.handle([RibEvent::Cleanup { worker: PEER }]);
}
