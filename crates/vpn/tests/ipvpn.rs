//! IP VPN instances: attachments in, VPNv4 and VPNv6 routes and intent out.

#![allow(clippy::unwrap_used, reason = "the values are right")]

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;

use bgp_rib::export::messages;
use bgp_rib::{Match, RibEvent, WorkerId};
use bgp_wire::community::Encapsulation;
use bgp_wire::{EncodeContext, ExtendedCommunity, Family, NextHop};
use common::ipvpn::{speaker, *};
use common::*;
use vpn::intent::{FallbackPort, FallbackTo};
use vpn::{
    AttachRequest, Capabilities, Direction, Encap, Fallback, IntentChange, LocalPort, Speaker,
};

#[test]
fn the_life_of_an_instance_in_updates() {
    let mut speaker = speaker();
    let first = attach(&mut speaker, vrf("v1", 1, "10.1.1.1/24"));
    let route = "10.1.1.1/32 label 17 next-hop 127.0.0.1 rd 127.0.0.1:0";
    assert_eq!(
        told(&first),
        [
            "+ rtc 64512:target:64512:1".to_owned(),
            format!("+ {route}")
        ]
    );
    let second = attach(&mut speaker, vrf("v1", 2, "2001:db8::2/64"));
    let sixth = "2001:db8::2/128 label 18 next-hop ::ffff:127.0.0.1 rd 127.0.0.1:0";
    assert_eq!(told(&second), [format!("+ {sixth}")]);

    // Another address of a MAC shares its label.
    let third = attach(&mut speaker, vrf("v1", 1, "10.1.1.3"));
    let shared = "10.1.1.3/32 label 17 next-hop 127.0.0.1 rd 127.0.0.1:0";
    assert_eq!(told(&third), [format!("+ {shared}")]);

    let out = speaker.detach(&leave("v1", 1, "10.1.1.1/32")).unwrap();
    assert_eq!(told(&out), [format!("- {route}")]);
    let out = speaker.detach(&leave("v1", 1, "10.1.1.3")).unwrap();
    assert_eq!(told(&out), [format!("- {shared}")]);
    let out = speaker.detach(&leave("v1", 2, "2001:db8::2")).unwrap();
    assert_eq!(
        told(&out),
        [
            format!("- {sixth}"),
            "- rtc 64512:target:64512:1".to_owned()
        ]
    );
    assert!(speaker.vpns().is_idle());
}

/// The octets of the reference, with the consistent hash order it was meant to send too.
#[test]
fn issue_41_the_route_has_the_reference_octets() {
    let mut speaker = speaker();
    let out = attach(&mut speaker, vrf("v", 1, "10.1.1.1"));
    let changes = out.dispatches.iter().map(|dispatch| &dispatch.change);
    let raw = messages(changes, &EncodeContext::default());
    let body: String = raw[1].body.iter().map(|o| format!("{o:02x}")).collect();
    let expected = "00000000 40010100 400200 40050400000064 \
         c01018 030c00000000000a 0002fc0000000001 0314000000000000 \
         800e21 0001 80 0c 0000000000000000 7f000001 00 78 000111 00017f0000010000 0a010101";
    assert_eq!(body[8..], expected.replace(' ', "")[8..]);
}

#[test]
fn a_subnet_has_its_own_distinguisher() {
    let mut speaker = speaker();
    let out = attach(&mut speaker, subnet(vrf("v", 1, "10.1.1.2/24")));
    let route = "10.1.1.0/24 label 17 next-hop 127.0.0.1 rd 127.0.0.1:1";
    assert_eq!(told(&out)[1], format!("+ {route}"));
    let out = attach(&mut speaker, subnet(vrf("v", 2, "0.0.0.0/0")));
    let default = "0.0.0.0/0 label 18 next-hop 127.0.0.1 rd 127.0.0.1:2";
    assert_eq!(told(&out), [format!("+ {default}")]);
    // Asked for as an address, it is no subnet any more.
    let out = attach(&mut speaker, vrf("v", 1, "10.1.1.2/24"));
    let host = "10.1.1.2/32 label 17 next-hop 127.0.0.1 rd 127.0.0.1:0";
    assert_eq!(told(&out), [format!("+ {host}"), format!("- {route}")]);
    let endpoints = &vrf_intent(&speaker, "v").ports["tap1"].endpoints;
    let prefixes: Vec<_> = endpoints.iter().map(|e| e.prefix).collect();
    assert_eq!(prefixes, [prefix("10.1.1.2/32")]);
}

#[test]
fn a_subnet_may_be_behind_several_macs_and_an_address_may_not() {
    let mut speaker = speaker();
    attach(&mut speaker, subnet(vrf("v", 1, "10.1.1.2/24")));
    attach(&mut speaker, subnet(vrf("v", 2, "10.1.1.3/24")));
    let routes = speaker.vpns().advertised_routes("v").unwrap();
    assert_eq!(routes.len(), 2);
    attach(&mut speaker, vrf("v", 3, "10.2.2.2/24"));
    let error = speaker.prepare_attach(vrf("v", 4, "10.2.2.2")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Inconsistent endpoint info: IP 10.2.2.2 already bound to a MAC address different from \
         02:00:00:00:00:04 (02:00:00:00:00:03)"
    );
}

#[test]
fn what_does_not_fit_says_why_and_changes_nothing() {
    let mut speaker = speaker();
    attach(&mut speaker, vrf("v", 1, "10.1.1.1"));
    let before = vrf_intent(&speaker, "v");
    let mut refused = |request| speaker.prepare_attach(request).unwrap_err().to_string();
    let no_address = AttachRequest {
        ip: None,
        ..vrf("v", 2, "10.1.1.2")
    };
    let evpn = AttachRequest {
        local_port: LocalPort::new(""),
        ..vrf("v", 2, "10.1.1.2")
    };
    let other_port = AttachRequest {
        local_port: LocalPort::new("tap9"),
        ..vrf("v", 1, "10.1.1.2")
    };
    let one_way = AttachRequest {
        direction: Direction::ToPort,
        ..vrf("v", 2, "10.1.1.2")
    };
    let texts = [
        refused(no_address),
        refused(evpn),
        refused(other_port),
        refused(one_way),
        refused(request("v", 2, None)),
    ];
    insta::assert_snapshot!(texts.join("\n"));
    assert_eq!(vrf_intent(&speaker, "v"), before);
    let error = common::speaker().prepare_attach(vrf("v", 1, "10.1.1.1"));
    assert_eq!(
        error.unwrap_err().to_string(),
        "No dataplane driver for VPN type ipvpn"
    );
}

#[test]
fn routes_of_others_become_routes_by_prefix() {
    let mut speaker = speaker();
    attach(&mut speaker, vrf("v", 1, "10.1.1.1"));
    let far = remote(2, "20.0.0.0/24", &[500], None, 100);
    let better = remote(3, "20.0.0.0/24", &[501], Some(Encapsulation::Mpls), 200);
    let to = prefix("20.0.0.0/24");
    speaker.handle([announce(&far)]);
    let routes = &vrf_intent(&speaker, "v").routes;
    assert_eq!(routes[&to], egress(pe(2), 500, Encap::Default));
    speaker.handle([announce(&better)]);
    let routes = &vrf_intent(&speaker, "v").routes;
    assert_eq!(routes[&to], egress(pe(3), 501, Encap::Mpls));
    assert_eq!(
        speaker.vpns().received_routes("v").unwrap()["'20.0.0.0/24'"].len(),
        2
    );
    let best = &speaker.vpns().best_routes("v").unwrap()["'20.0.0.0/24'"];
    assert_eq!(best[0].next_hop.as_deref(), Some("10.0.0.3"));
    speaker.handle([take_back(&better)]);
    let routes = &vrf_intent(&speaker, "v").routes;
    assert_eq!(routes[&to], egress(pe(2), 500, Encap::Default));
    speaker.handle([take_back(&far)]);
    assert!(vrf_intent(&speaker, "v").routes.is_empty());
}

#[test]
fn an_ipv6_route_over_ipv4_has_a_mapped_next_hop() {
    let mut speaker = speaker();
    attach(&mut speaker, vrf("v", 1, "2001:db8::1"));
    let mapped = "::ffff:10.0.0.2".parse().unwrap();
    let route = remote(2, "2001:db8:1::/48", &[500], None, 100)
        .with_next_hop(NextHop::for_family(Family::VPNV6, mapped));
    speaker.handle([announce(&route)]);
    let routes = &vrf_intent(&speaker, "v").routes;
    assert_eq!(
        routes[&prefix("2001:db8:1::/48")],
        egress(pe(2), 500, Encap::Default)
    );
}

#[test]
fn equal_routes_share_the_traffic_if_the_driver_can() {
    let capabilities = Capabilities {
        ecmp: true,
        ..Capabilities::mpls()
    };
    let mut speaker = speaker_with(capabilities);
    attach(&mut speaker, vrf("v", 1, "10.1.1.1"));
    let routes = [
        remote(2, "20.0.0.0/24", &[500], None, 100),
        remote(3, "20.0.0.0/24", &[501], None, 100),
        remote(4, "20.0.0.0/24", &[502], None, 90),
    ];
    speaker.handle(routes.iter().map(announce));
    let next_hops = &vrf_intent(&speaker, "v").routes[&prefix("20.0.0.0/24")];
    let pes: Vec<_> = next_hops.iter().map(|next_hop| next_hop.pe).collect();
    assert_eq!(pes, [pe(2), pe(3)]);
    assert_eq!(
        speaker.vpns().best_routes("v").unwrap()["'20.0.0.0/24'"].len(),
        2
    );
}

#[test]
fn routes_that_cannot_be_used_are_kept_and_said() {
    let mut speaker = speaker_with(Capabilities::vxlan());
    attach(&mut speaker, vrf("v", 1, "10.1.1.1"));
    let vxlan = Some(Encapsulation::Vxlan);
    let own = remote(2, "20.0.2.0/24", &[500], vxlan, 100)
        .with_next_hop(NextHop::for_family(Family::VPNV4, HERE.into()));
    let routes = [remote(2, "20.0.0.0/24", &[500], None, 100), own];
    let out = speaker.handle(routes.iter().map(announce));
    let warnings: Vec<_> = out.warnings.iter().map(|(_, w)| w.to_string()).collect();
    insta::assert_snapshot!(warnings.join("\n"));
    assert!(vrf_intent(&speaker, "v").routes.is_empty());
    assert_eq!(speaker.vpns().received_routes("v").unwrap().len(), 2);
    assert!(speaker.vpns().best_routes("v").unwrap().is_empty());
}

#[test]
fn what_is_local_is_not_sent_to_others() {
    let mut speaker = speaker();
    attach(&mut speaker, vrf("v", 1, "10.1.1.1"));
    speaker.handle([announce(&remote(2, "10.1.1.2/32", &[500], None, 900))]);
    assert_eq!(vrf_intent(&speaker, "v").routes.len(), 1);
    attach(&mut speaker, vrf("v", 2, "10.1.1.2"));
    assert_eq!(vrf_intent(&speaker, "v").routes.len(), 0);
    speaker.detach(&leave("v", 2, "10.1.1.2")).unwrap();
    assert_eq!(vrf_intent(&speaker, "v").routes.len(), 1);
}

// The host took traffic for its own though it has no way to the port.
#[test]
fn what_only_sends_is_reached_where_others_say() {
    let capabilities = Capabilities {
        directions: BTreeSet::from([Direction::Both, Direction::FromPort]),
        ..Capabilities::mpls()
    };
    let mut speaker = speaker_with(capabilities);
    let sends = AttachRequest {
        direction: Direction::FromPort,
        ..vrf("v", 1, "10.1.1.1")
    };
    attach(&mut speaker, sends);
    speaker.handle([announce(&remote(2, "10.1.1.1/32", &[500], None, 100))]);
    let to = prefix("10.1.1.1/32");
    let routes = &vrf_intent(&speaker, "v").routes;
    assert_eq!(routes[&to], egress(pe(2), 500, Encap::Default));
    // Now it receives too.
    attach(&mut speaker, vrf("v", 1, "10.1.1.1"));
    assert!(vrf_intent(&speaker, "v").routes.is_empty());
}

#[test]
fn instances_of_one_host_exchange_routes() {
    let mut speaker = speaker();
    attach(&mut speaker, vrf("a", 1, "10.1.1.1"));
    attach(&mut speaker, vrf("b", 2, "10.1.1.2"));
    // Labels 16 and 18 are those of the instances.
    assert_eq!(
        vrf_intent(&speaker, "a").routes[&prefix("10.1.1.2/32")],
        egress(HERE.into(), 19, Encap::Mpls)
    );
    assert_eq!(
        vrf_intent(&speaker, "b").routes[&prefix("10.1.1.1/32")],
        egress(HERE.into(), 17, Encap::Mpls)
    );
    speaker.detach(&leave("a", 1, "10.1.1.1")).unwrap();
    assert!(vrf_intent(&speaker, "b").routes.is_empty());
}

#[test]
fn issue_30_both_types_share_a_target_until_the_last_is_gone() {
    let mut speaker = speaker();
    let evpn = AttachRequest {
        import: [rt(1)].into(),
        export: [rt(1)].into(),
        ..request("e", 9, Some("10.9.9.9"))
    };
    attach(&mut speaker, vrf("v", 1, "10.1.1.1"));
    assert!(
        !told(&attach(&mut speaker, evpn))
            .iter()
            .any(|t| t.contains("rtc"))
    );
    let out = speaker.detach(&leave("v", 1, "10.1.1.1")).unwrap();
    assert_eq!(told(&out).len(), 1);
    let out = speaker.detach(&detach("e", 9, None)).unwrap();
    assert_eq!(told(&out)[2], "- rtc 64512:target:64512:1");
    // Each type's changes are for its own driver.
    assert_eq!(speaker.take_intents().len(), 1);
    let changes = speaker.take_ipvpn_intents();
    assert!(matches!(changes[..], [IntentChange::Remove(_)]));
    assert!(speaker.vpns().is_idle());
}

#[test]
fn issue_28_new_targets_are_told_for_every_route() {
    let mut speaker = speaker();
    attach(&mut speaker, vrf("v", 1, "10.1.1.1"));
    attach(&mut speaker, vrf("v", 2, "10.1.1.2"));
    let changed = AttachRequest {
        import: [rt(2)].into(),
        export: [rt(3)].into(),
        ..vrf("v", 2, "10.1.1.2")
    };
    let out = told(&attach(&mut speaker, changed));
    assert_eq!(out.len(), 4);
    for route in speaker.table().routes_of(WorkerId::Vrf(1)) {
        assert_eq!(route.route_targets(), [rt(3)]);
    }
    let subscriptions: BTreeSet<_> = speaker.table().subscriptions(WorkerId::Vrf(1)).collect();
    let families = [
        Family::VPNV4,
        Family::VPNV6,
        Family::FLOWSPEC_VPNV4,
        Family::FLOWSPEC_VPNV6,
    ];
    let wanted = families.map(|family| Match::new(family, rt(2)));
    assert_eq!(subscriptions, wanted.into());
}

#[test]
fn a_refused_attach_leaves_nothing() {
    let mut speaker = speaker();
    let prepared = speaker.prepare_attach(vrf("v", 1, "10.1.1.1")).unwrap();
    let intent = prepared.intent.ipvpn().unwrap();
    assert!(intent.ports.contains_key("tap1"));
    speaker.abort(prepared.token);
    assert!(speaker.vpns().is_idle());
    assert_eq!(speaker.table().routes().count(), 0);
    assert_eq!(
        speaker.take_ipvpn_intents(),
        [IntentChange::Remove(prepared.instance)]
    );
}

#[test]
fn an_intent_that_was_not_taken_is_handed_out_again() {
    let mut speaker = speaker();
    attach(&mut speaker, vrf("v", 1, "10.1.1.1"));
    speaker.take_ipvpn_intents();
    speaker.change_again("v");
    let again = speaker.take_ipvpn_intents();
    assert_eq!(again, [IntentChange::Set(vrf_intent(&speaker, "v"))]);
    speaker.change_again("w");
    assert_eq!(speaker.take_ipvpn_intents(), []);
}

#[test]
fn the_looking_glass_sees_it_all() {
    let mut speaker = speaker();
    let first = AttachRequest {
        gateway: Some([10, 1, 1, 254].into()),
        description: Some("{\"port\":\"p1\"}".to_owned()),
        ..vrf("v1", 1, "10.1.1.1/24")
    };
    attach(&mut speaker, first);
    speaker.handle([announce(&remote(2, "20.0.0.0/24", &[500], None, 100))]);
    let vpns = speaker.vpns();
    insta::assert_json_snapshot!(serde_json::json!({
        "instance": vpns.instance("v1"),
        "ports": vpns.ports("v1"),
        "best_routes": vpns.best_routes("v1"),
        "adv_routes": vpns.advertised_routes("v1"),
        "ids": vpns.label_purposes(),
        "intent": vrf_intent(&speaker, "v1"),
    }));
}

fn ecmp() -> Speaker {
    speaker_with(Capabilities {
        ecmp: true,
        ..Capabilities::mpls()
    })
}

#[test]
fn next_hops_are_in_the_order_that_their_routes_ask_for() {
    let mut speaker = ecmp();
    attach(&mut speaker, vrf("v", 1, "10.1.1.1"));
    let ordered = |n: u8, order: Option<u32>| {
        let order = order.map(ExtendedCommunity::from_consistent_hash_order);
        let communities = [ExtendedCommunity::from(rt(1))].into_iter().chain(order);
        with_communities(n, "20.0.0.0/24", &[500], communities, 100)
    };
    let routes = [ordered(2, Some(7)), ordered(3, Some(1)), ordered(4, None)];
    speaker.handle(routes.iter().map(announce));
    let next_hops = &vrf_intent(&speaker, "v").routes[&prefix("20.0.0.0/24")];
    let order: Vec<_> = next_hops.iter().map(|hop| (hop.order, hop.pe)).collect();
    assert_eq!(order, [(0, pe(4)), (1, pe(3)), (7, pe(2))]);
}

#[test]
fn a_route_that_two_reflectors_send_counts_once() {
    let mut speaker = ecmp();
    attach(&mut speaker, vrf("v", 1, "10.1.1.1"));
    let route = remote(2, "20.0.0.0/24", &[500], None, 100);
    let other = WorkerId::Peer([10, 0, 0, 98].into());
    let said = RibEvent::Advertise {
        source: other,
        route: Arc::new(route.clone()),
    };
    speaker.handle([announce(&route), said]);
    let to = prefix("20.0.0.0/24");
    assert_eq!(vrf_intent(&speaker, "v").routes[&to].len(), 1);
    // All that are in use are shown all the same.
    let shown = |speaker: &Speaker| {
        let best = speaker.vpns().best_routes("v").unwrap();
        best.get("'20.0.0.0/24'").map_or(0, Vec::len)
    };
    assert_eq!(shown(&speaker), 2);
    speaker.take_ipvpn_intents();
    speaker.handle([take_back(&route)]);
    assert_eq!(shown(&speaker), 1);
    assert_eq!(speaker.take_ipvpn_intents(), []);
    speaker.handle([RibEvent::Cleanup { worker: other }]);
    assert!(vrf_intent(&speaker, "v").routes.is_empty());
}

// Machines in a chain each have a default route behind a port: what they send would have come back to them.
#[test]
fn a_subnet_that_others_have_too_is_theirs() {
    let mut speaker = speaker();
    attach(&mut speaker, subnet(vrf("v", 1, "0.0.0.0/0")));
    speaker.handle([announce(&remote(2, "0.0.0.0/0", &[500], None, 100))]);
    let routes = &vrf_intent(&speaker, "v").routes;
    assert_eq!(
        routes[&prefix("0.0.0.0/0")],
        egress(pe(2), 500, Encap::Default)
    );
}

/// Known issue 34: a route with two labels was never forwarded by.
#[test]
fn issue_34_of_several_labels_the_first_is_used() {
    let mut speaker = speaker();
    attach(&mut speaker, vrf("v", 1, "10.1.1.1"));
    let out = speaker.handle([announce(&remote(2, "20.0.0.0/24", &[500, 501], None, 100))]);
    assert!(out.warnings.is_empty());
    let routes = &vrf_intent(&speaker, "v").routes;
    assert_eq!(
        routes[&prefix("20.0.0.0/24")],
        egress(pe(2), 500, Encap::Default)
    );
}

/// Known issue 53: a fallback could not be ended.
#[test]
fn issue_53_a_fallback_is_kept_changed_and_ended() {
    let mut speaker = speaker();
    let to = |port| FallbackTo {
        src_mac: Some(mac(8)),
        dst_mac: Some(mac(9)),
        port: Some(port),
    };
    let asked = |to: Option<FallbackTo>| AttachRequest {
        fallback: to.map(|to| Fallback {
            to,
            shown: "{}".to_owned(),
        }),
        ..vrf("v", 1, "10.1.1.1")
    };
    let first = to(FallbackPort::Number(5));
    attach(&mut speaker, asked(Some(first.clone())));
    let intended = |speaker: &Speaker| vrf_intent(speaker, "v").fallback.clone();
    assert_eq!(intended(&speaker), Some(first.clone()));
    speaker.take_ipvpn_intents();
    attach(&mut speaker, asked(None));
    assert_eq!(intended(&speaker), Some(first));
    assert_eq!(speaker.take_ipvpn_intents(), []);
    let second = to(FallbackPort::Name("router".to_owned()));
    attach(&mut speaker, asked(Some(second.clone())));
    assert_eq!(intended(&speaker), Some(second));
    assert_eq!(speaker.take_ipvpn_intents().len(), 1);
    attach(&mut speaker, asked(Some(FallbackTo::default())));
    assert_eq!(intended(&speaker), None);
    assert_eq!(speaker.vpns().instance("v").unwrap().fallback, None);
    assert_eq!(speaker.take_ipvpn_intents().len(), 1);
}

/// Known issue 54: of several MACs at one interface only the last label came back, and no distinguisher.
#[test]
fn issue_54_every_label_and_distinguisher_comes_back() {
    let mut speaker = speaker();
    let at_one_port = |n, ip: &str| AttachRequest {
        local_port: LocalPort::new("tap1"),
        ..vrf("v", n, ip)
    };
    attach(&mut speaker, vrf("other", 9, "10.1.1.9"));
    let before = speaker.vpns().label_purposes();
    for n in 1..=3 {
        attach(&mut speaker, at_one_port(n, &format!("10.1.1.{n}")));
    }
    assert_eq!(speaker.vpns().label_purposes().len(), before.len() + 4);
    for n in 1..=3 {
        speaker
            .detach(&leave("v", n, &format!("10.1.1.{n}")))
            .unwrap();
    }
    assert_eq!(speaker.vpns().label_purposes(), before);
    speaker.detach(&leave("other", 9, "10.1.1.9")).unwrap();
    assert!(speaker.vpns().is_idle());
}

/// Known issue 44: an endpoint that only sends could not be detached, and hid its instance's ports.
#[test]
fn issue_44_every_direction_from_attach_to_detach() {
    for direction in [Direction::Both, Direction::ToPort, Direction::FromPort] {
        let mut speaker = speaker_with(Capabilities {
            directions: BTreeSet::from([direction]),
            ..Capabilities::mpls()
        });
        let request = AttachRequest {
            direction,
            ..vrf("v", 1, "10.1.1.1")
        };
        let out = attach(&mut speaker, request);
        let is_said = told(&out).iter().any(|line| line.contains("10.1.1.1/32"));
        assert_eq!(is_said, direction != Direction::FromPort);
        let port = &vrf_intent(&speaker, "v").ports["tap1"];
        assert_eq!(port.endpoints.iter().next().unwrap().direction, direction);
        let shown = &speaker.vpns().ports("v").unwrap()["tap1"][0];
        assert_eq!((shown.direction, shown.rd.is_some()), (direction, is_said));
        speaker.detach(&leave("v", 1, "10.1.1.1")).unwrap();
        assert!(speaker.vpns().is_idle());
    }
}

/// Known issue 50: a preference of 0 became 100, sent and received.
#[test]
fn issue_50_a_preference_of_0_is_the_least() {
    let mut speaker = speaker();
    let request = AttachRequest {
        local_pref: Some(0),
        ..vrf("v", 1, "10.1.1.1")
    };
    let out = attach(&mut speaker, request);
    let changes = out.dispatches.iter().map(|dispatch| &dispatch.change);
    let raw = messages(changes, &EncodeContext::default());
    let body: String = raw[1].body.iter().map(|o| format!("{o:02x}")).collect();
    assert!(body.contains("40050400000000"), "{body}");
    let least = remote(2, "20.0.0.0/24", &[500], None, 0);
    let more = remote(3, "20.0.0.0/24", &[501], None, 1);
    speaker.handle([announce(&least), announce(&more)]);
    let routes = &vrf_intent(&speaker, "v").routes;
    assert_eq!(
        routes[&prefix("20.0.0.0/24")],
        egress(pe(3), 501, Encap::Default)
    );
}

/// Known issue 27: a route that came again with only another label or next hop was passed over.
#[test]
fn issue_27_a_new_label_or_next_hop_is_used() {
    let mut speaker = speaker();
    attach(&mut speaker, vrf("v", 1, "10.1.1.1"));
    let first = remote(2, "20.0.0.0/24", &[500], None, 100);
    let relabelled = remote(2, "20.0.0.0/24", &[501], None, 100);
    let moved = relabelled
        .clone()
        .with_next_hop(NextHop::for_family(Family::VPNV4, pe(7)));
    for (route, way) in [(first, (2, 500)), (relabelled, (2, 501)), (moved, (7, 501))] {
        speaker.handle([announce(&route)]);
        let routes = &vrf_intent(&speaker, "v").routes;
        assert_eq!(
            routes[&prefix("20.0.0.0/24")],
            egress(pe(way.0), way.1, Encap::Default)
        );
    }
}
