//! Attaching and detaching, as the neighbours see it.

mod common;

use bgp_rib::export::messages;
use bgp_wire::EncodeContext;
use common::*;
use vpn::{AttachRequest, DetachError, Direction, Speaker, Warning};

const TYPE3: &str = "evpn:multicast::127.0.0.1:0:0:127.0.0.1";

fn type2(rd: u32, n: u8, ip: &str, vni: u32) -> String {
    format!(
        "evpn:macadv::127.0.0.1:{rd}:-:0:02:00:00:00:00:{n:02X}/48:{ip}: label {} ({vni})",
        vni >> 4
    )
}

fn plus(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| format!("+ {text}")).collect()
}

fn with_vni(request: AttachRequest) -> AttachRequest {
    AttachRequest {
        vni: Some(vni(5001)),
        ..request
    }
}

fn text_of(output: &vpn::Output) -> Vec<String> {
    let changes = output.dispatches.iter().map(|dispatch| &dispatch.change);
    let raw = messages(changes, &EncodeContext::default());
    raw.iter()
        .map(|m| m.body.iter().map(|octet| format!("{octet:02x}")).collect())
        .collect()
}

#[test]
fn the_life_of_an_instance_in_updates() {
    let mut speaker = speaker();
    let first = attach(
        &mut speaker,
        with_vni(request("e2", 1, Some("12.11.11.1/24"))),
    );
    let endpoint = type2(0, 1, "12.11.11.1", 5001);
    assert_eq!(
        told(&first),
        plus(&["rtc 64512:target:64512:79", TYPE3, &endpoint])
    );

    let second = attach(&mut speaker, request("e2", 2, Some("12.11.11.2")));
    assert_eq!(told(&second), plus(&[&type2(0, 2, "12.11.11.2", 5001)]));

    let out = speaker
        .detach(&detach("e2", 1, Some("12.11.11.1")))
        .unwrap();
    assert_eq!(told(&out), [format!("- {endpoint}")]);
    let out = speaker
        .detach(&detach("e2", 2, Some("12.11.11.2")))
        .unwrap();
    let gone = [
        format!("- {}", type2(0, 2, "12.11.11.2", 5001)),
        format!("- {TYPE3}"),
        "- rtc 64512:target:64512:79".to_owned(),
    ];
    assert_eq!(told(&out), gone);
    assert!(speaker.vpns().is_idle());
}

/// The octets of the reference, with the consistent hash order it was meant to send too.
#[test]
fn issue_41_the_routes_have_the_reference_octets() {
    let mut speaker = speaker();
    let request = AttachRequest {
        export: [rt(3)].into(),
        import: [rt(3)].into(),
        ..request("e", 1, Some("10.9.9.9"))
    };
    let [_, multicast, endpoint] = &text_of(&attach(&mut speaker, request))[..] else {
        panic!()
    };
    let communities = "030c000000000008 0002fc0000000003";
    let expected = format!(
        "0000004f 40010100 400200 40050400000064 c01010 {communities} \
         c0160900 06 000010 7f000001 \
         800e1c 0019 46 04 7f000001 00 03 11 00017f0000010000 00000000 20 7f000001"
    );
    assert_eq!(multicast[8..], expected.replace(' ', "")[8..]);
    let expected = format!(
        "00000000 40010100 400200 40050400000064 c01018 {communities} 0314000000000000 \
         800e30 0019 46 04 7f000001 00 02 25 00017f0000010000 00000000000000000000 00000000 \
         30 020000000001 20 0a090909 000010"
    );
    assert_eq!(endpoint[8..], expected.replace(' ', "")[8..]);
}

#[test]
fn a_mac_without_address_has_its_own_distinguisher_and_yields_to_one_with() {
    let mut speaker = speaker();
    let first = attach(&mut speaker, with_vni(request("e", 1, None)));
    assert_eq!(told(&first)[2], format!("+ {}", type2(1, 1, "", 5001)));

    let second = attach(&mut speaker, request("e", 1, Some("10.9.9.9")));
    let expected = [
        format!("+ {}", type2(0, 1, "10.9.9.9", 5001)),
        format!("- {}", type2(1, 1, "", 5001)),
    ];
    assert_eq!(told(&second), expected);
    let ports = speaker.vpns().ports("e").unwrap();
    assert_eq!(ports["tap1"].len(), 1);

    // Asked for again without address, it is still the one with.
    assert_eq!(told(&attach(&mut speaker, request("e", 1, None))), [""; 0]);
    let out = speaker.detach(&detach("e", 1, None)).unwrap();
    assert_eq!(told(&out).len(), 3);
    assert!(speaker.vpns().is_idle());
}

#[test]
fn the_same_endpoint_again_is_a_refresh() {
    let mut speaker = speaker();
    attach(&mut speaker, request("e", 1, Some("10.9.9.9/24")));
    let prepared = speaker
        .prepare_attach(request("e", 1, Some("10.9.9.9")))
        .unwrap();
    assert!(prepared.is_refresh);
    assert_eq!(told(&speaker.commit(prepared.token)), [""; 0]);

    let changed = AttachRequest {
        local_pref: Some(0),
        hash_order: 7,
        ..request("e", 1, Some("10.9.9.9"))
    };
    let route = announced(&attach(&mut speaker, changed));
    assert_eq!(route.attributes().local_pref(), Some(0));
    let orders = route.attributes().extended_communities().iter();
    assert_eq!(
        orders
            .filter_map(|c| c.consistent_hash_order())
            .collect::<Vec<_>>(),
        [7]
    );
}

// A change of export targets once withdrew the endpoints for good and left type 3 as it was.
#[test]
fn issues_28_and_29_new_export_targets_are_told_for_every_route() {
    let mut speaker = speaker();
    attach(&mut speaker, request("e", 1, Some("10.9.9.1")));
    attach(&mut speaker, request("e", 2, Some("10.9.9.2")));
    let changed = AttachRequest {
        export: [rt(79), rt(80)].into(),
        ..request("e", 2, Some("10.9.9.2"))
    };
    let out = attach(&mut speaker, changed);
    let expected = [
        TYPE3.to_owned(),
        type2(0, 1, "10.9.9.1", 16),
        type2(0, 2, "10.9.9.2", 16),
    ];
    assert_eq!(told(&out), expected.map(|text| format!("+ {text}")));
    for route in speaker.table().routes_of(bgp_rib::WorkerId::Evi(1)) {
        assert_eq!(route.route_targets(), [rt(79), rt(80)]);
    }
    let silent = AttachRequest {
        export: [].into(),
        ..request("e", 2, Some("10.9.9.2"))
    };
    assert_eq!(told(&attach(&mut speaker, silent)).len(), 3);
    assert_eq!(speaker.vpns().advertised_routes("e").unwrap(), []);
}

#[test]
fn new_import_targets_replace_the_old_ones() {
    let mut speaker = speaker();
    attach(&mut speaker, request("e", 1, Some("10.9.9.1")));
    let changed = AttachRequest {
        import: [rt(80)].into(),
        ..request("e", 1, Some("10.9.9.1"))
    };
    let expected = ["+ rtc 64512:target:64512:80", "- rtc 64512:target:64512:79"];
    assert_eq!(told(&attach(&mut speaker, changed)), expected);
}

#[test]
fn a_refused_attach_leaves_nothing() {
    let mut speaker = speaker();
    let prepared = speaker
        .prepare_attach(with_vni(request("e", 1, Some("10.9.9.1"))))
        .unwrap();
    assert!(prepared.intent.evpn().unwrap().ports.contains_key("tap1"));
    assert!(!prepared.is_refresh);
    assert_eq!(speaker.table().routes().count(), 0);
    speaker.abort(prepared.token);
    assert!(speaker.vpns().is_idle());
    assert_eq!(
        speaker.take_intents(),
        [vpn::IntentChange::Remove(prepared.instance)]
    );
    assert_eq!(told(&speaker.commit(prepared.token)), [""; 0]);

    // The id and the VNI are free, and the instance works.
    let out = attach(&mut speaker, with_vni(request("e", 1, Some("10.9.9.1"))));
    assert_eq!(told(&out).len(), 3);
}

#[test]
fn a_refused_endpoint_leaves_the_others() {
    let mut speaker = speaker();
    attach(&mut speaker, request("e", 1, Some("10.9.9.1")));
    let before = intent(&speaker, "e");
    let prepared = speaker
        .prepare_attach(request("e", 2, Some("10.9.9.2")))
        .unwrap();
    let also = speaker
        .prepare_attach(request("e", 3, Some("10.9.9.3")))
        .unwrap();
    assert_eq!(also.intent.evpn().unwrap().ports.len(), 3);
    speaker.abort(prepared.token);
    assert_eq!(told(&speaker.commit(also.token)).len(), 1);
    speaker.detach(&detach("e", 3, None)).unwrap();
    assert_eq!(intent(&speaker, "e"), before);
}

#[test]
fn an_instance_outlives_its_last_endpoint_while_another_is_being_attached() {
    let mut speaker = speaker();
    attach(&mut speaker, request("e", 1, Some("10.9.9.1")));
    let prepared = speaker
        .prepare_attach(request("e", 2, Some("10.9.9.2")))
        .unwrap();
    let out = speaker.detach(&detach("e", 1, None)).unwrap();
    assert_eq!(told(&out).len(), 3);
    assert_eq!(
        intent(&speaker, "e").ports.keys().collect::<Vec<_>>(),
        [&"tap2".into()]
    );
    assert_eq!(told(&speaker.commit(prepared.token)).len(), 3);
    speaker.detach(&detach("e", 2, None)).unwrap();
    assert!(speaker.vpns().is_idle());
}

#[test]
fn requests_that_do_not_fit_say_why() {
    let mut speaker = speaker();
    attach(
        &mut speaker,
        AttachRequest {
            vni: Some(vni(77)),
            ..request("e", 1, Some("10.9.9.1"))
        },
    );
    let mut refused = |request: AttachRequest| {
        let before = intent(&speaker, "e");
        let error = speaker.prepare_attach(request).unwrap_err().to_string();
        assert_eq!(intent(&speaker, "e"), before);
        assert_eq!(speaker.vpns().instances().count(), 1);
        error
    };
    let again = request("f", 2, None);
    insta::assert_snapshot!(
        [
            refused(AttachRequest {
                vni: Some(vni(77)),
                ..again.clone()
            }),
            refused(AttachRequest {
                local_port: vpn::LocalPort::new("tap9"),
                ..request("e", 1, None)
            }),
            refused(request("e", 2, Some("10.9.9.1/24"))),
            refused(AttachRequest {
                direction: Direction::ToPort,
                ..again.clone()
            }),
            refused(AttachRequest {
                kind: vpn::InstanceKind::IpVpn,
                ..again.clone()
            }),
            refused(AttachRequest {
                advertise_subnet: true,
                ..again.clone()
            }),
            refused(AttachRequest {
                mac: bgp_wire::MacAddr([1, 0, 0, 0, 0, 0]),
                ..again.clone()
            }),
            refused(AttachRequest {
                local_port: vpn::LocalPort {
                    vlan: Some(5),
                    ..vpn::LocalPort::new("tap1")
                },
                ..request("e", 2, None)
            }),
        ]
        .join("\n")
    );
}

#[test]
fn detaches_that_do_not_fit_say_why() {
    let mut speaker = speaker();
    let refused = |speaker: &mut Speaker, name, n, ip| -> DetachError {
        speaker.detach(&detach(name, n, ip)).unwrap_err()
    };
    let error = refused(&mut speaker, "nope", 1, None);
    assert_eq!(error.to_string(), "VPN nope could not be found");
    attach(&mut speaker, request("e", 1, Some("10.9.9.1")));
    let error = refused(&mut speaker, "e", 1, Some("10.9.9.2"));
    let text = "Endpoint (02:00:00:00:00:01, 10.9.9.2) not plugged yet, can't unplug";
    assert_eq!(error.to_string(), text);
    let error = refused(&mut speaker, "e", 2, None);
    assert_eq!(
        error,
        DetachError::NotPlugged {
            mac: mac(2),
            ip: None
        }
    );
}

#[test]
fn an_allocated_vni_is_nobody_elses() {
    let mut speaker = speaker();
    // 16 would be the first label.
    attach(
        &mut speaker,
        AttachRequest {
            vni: Some(vni(16)),
            ..request("a", 1, None)
        },
    );
    attach(&mut speaker, request("b", 2, None));
    let id = speaker.vpns().instance("b").unwrap().dataplane_id;
    assert_ne!(id, vni(16));
    let clash = AttachRequest {
        vni: Some(id),
        ..request("c", 3, None)
    };
    assert!(speaker.prepare_attach(clash).is_err());
}

#[test]
fn what_cannot_change_is_said_and_the_rest_is_done() {
    let mut speaker = speaker();
    let first = AttachRequest {
        instance_description: Some("\"net\"".to_owned()),
        description: Some("{\"port\":\"p1\"}".to_owned()),
        ..with_vni(request("e", 1, Some("10.9.9.1/24")))
    };
    attach(&mut speaker, first);
    let again = AttachRequest {
        vni: Some(vni(5002)),
        gateway: Some([10, 9, 9, 254].into()),
        ..request("e", 1, Some("10.9.9.1/24"))
    };
    let out = attach(&mut speaker, again);
    let [(_, warning @ Warning::Fixed { .. })] = &out.warnings[..] else {
        panic!()
    };
    assert_eq!(
        warning.to_string(),
        "`vni` cannot change while the instance exists: still 5001, not 5002"
    );
    let gateway = intent(&speaker, "e").gateway.unwrap();
    assert_eq!(
        (gateway.address, gateway.prefix_len),
        ([10, 9, 9, 254].into(), 24)
    );
    let instance = speaker.vpns().instance("e").unwrap();
    assert_eq!(instance.description.as_deref(), Some("\"net\""));
    let endpoint = &speaker.vpns().ports("e").unwrap()["tap1"][0];
    assert_eq!(endpoint.description.as_deref(), Some("{\"port\":\"p1\"}"));
}

#[test]
fn an_endpoint_that_only_sends_is_not_advertised_but_can_go() {
    let mut config = config();
    config.capabilities.directions.insert(Direction::FromPort);
    let mut speaker = Speaker::new(config, None);
    let request = AttachRequest {
        direction: Direction::FromPort,
        ..request("e", 1, Some("10.9.9.1"))
    };
    attach(&mut speaker, request);
    assert_eq!(speaker.vpns().advertised_routes("e").unwrap().len(), 1);
    assert_eq!(speaker.vpns().ports("e").unwrap()["tap1"][0].rd, None);
    speaker.detach(&detach("e", 1, Some("10.9.9.1"))).unwrap();
    assert!(speaker.vpns().is_idle());
}

#[test]
fn stop_takes_everything_back() {
    let mut speaker = speaker();
    attach(&mut speaker, request("e", 1, Some("10.9.9.1")));
    attach(&mut speaker, request("f", 2, None));
    let prepared = speaker.prepare_attach(request("g", 3, None)).unwrap();
    speaker.take_intents();
    speaker.stop();
    assert!(speaker.vpns().is_idle());
    assert_eq!(speaker.table().routes().count(), 0);
    assert_eq!(speaker.take_intents().len(), 3);
    assert_eq!(speaker.commit(prepared.token), vpn::Output::default());
}

#[test]
fn the_looking_glass_sees_it_all() {
    let mut speaker = speaker();
    let first = AttachRequest {
        mac_text: "02-00-00-00-00-01".to_owned(),
        ..with_vni(request("e2", 1, Some("10.9.9.9/24")))
    };
    attach(&mut speaker, first);
    speaker.handle([announce(&Remote::new(2).mac(mac(8), Some("10.9.9.8")))]);
    speaker.handle([announce(&Remote::new(2).multicast())]);
    let vpns = speaker.vpns();
    insta::assert_json_snapshot!(serde_json::json!({
        "instance": vpns.instance("e2"),
        "ports": vpns.ports("e2"),
        "received_routes": vpns.received_routes("e2"),
        "best_routes": vpns.best_routes("e2"),
        "adv_routes": vpns.advertised_routes("e2"),
        "ids": vpns.label_purposes(),
        "intent": intent(&speaker, "e2"),
    }));
}

#[test]
fn instances_have_the_vnis_of_the_previous_run_again() {
    let mut speaker = speaker();
    speaker.prefer(vpn::PreviousVnis {
        vnis: [("vx-a", 16), ("vx-b", 18), ("vx-c", 20)]
            .map(|(name, number)| (name.to_owned(), vni(number)))
            .into(),
        interface: Some(|id| format!("vx-{id}")),
    });
    // In another order, and somebody new among them.
    for (name, n) in [("c", 3), ("new", 4), ("a", 1)] {
        attach(&mut speaker, request(name, n, None));
    }
    let of = |speaker: &Speaker, name| intent(speaker, name).vni;
    let vnis = ["a", "new", "c"].map(|name| of(&speaker, name));
    assert_eq!((vnis[0], vnis[2]), (vni(16), vni(20)));
    assert!(![16, 18, 20].map(vni).contains(&vnis[1]), "{vnis:?}");
    // Who has not come back has lost it.
    speaker.prefer(vpn::PreviousVnis::default());
    attach(&mut speaker, request("b", 2, None));
    assert_ne!(of(&speaker, "b"), vni(18));
}
