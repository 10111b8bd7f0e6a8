//! E-VPN instances plugged into IP VPN ones.

mod common;

use common::ipvpn::{leave, prefix, speaker, vrf, vrf_intent};
use common::{PEER, Remote, announce, attach, detach, intent, mac, pe, request, told};
use vpn::intent::{GATEWAY_MAC, GatewayPort, Link};
use vpn::{AttachError, AttachRequest, LocalPort, Speaker};

const GATEWAY: &str = "11.0.0.254";

/// MAC `n` with `ip`, behind E-VPN instance `evpn`, of IP VPN instance `name`.
fn behind(evpn: &str, name: &str, n: u8, ip: &str) -> AttachRequest {
    AttachRequest {
        local_port: LocalPort {
            evpn: Some(evpn.into()),
            ..LocalPort::new("")
        },
        gateway: GATEWAY.parse().ok(),
        ..vrf(name, n, ip)
    }
}

/// E-VPN instance `e`, number 1, with MAC 1.
fn ready() -> Speaker {
    let mut speaker = speaker();
    attach(&mut speaker, request("e", 1, Some("11.0.0.1/24")));
    speaker.take_intents();
    speaker
}

fn refused(speaker: &mut Speaker, request: AttachRequest) -> AttachError {
    match speaker.prepare_attach(request) {
        Err(error) => error,
        Ok(prepared) => panic!("{prepared:?}"),
    }
}

fn link() -> Link {
    Link {
        evpn: "evpn1-ipvpn2".to_owned(),
        ipvpn: "ipvpn2-evpn1".to_owned(),
    }
}

#[test]
fn the_link_is_in_both_intents_and_its_gateway_is_told_of() {
    let mut speaker = ready();
    let prepared = speaker.prepare_attach(behind("e", "v", 1, "11.0.0.1/24"));
    let Ok(prepared) = prepared else {
        panic!("{prepared:?}")
    };
    let ports = &vrf_intent(&speaker, "v").ports;
    let port = &ports["ipvpn2-evpn1"];
    assert_eq!((ports.len(), &port.link), (1, &Some(link())));
    let endpoint = port.endpoints.iter().next();
    assert_eq!(
        endpoint.map(|e| (e.mac, e.prefix)),
        Some((mac(1), prefix("11.0.0.1/32")))
    );
    // The driver of the E-VPN instance is told by now, others of the gateway when it is there.
    assert_eq!(speaker.take_intents().len(), 1);
    let output = speaker.commit(prepared.token);
    let gateway = told(&output)
        .into_iter()
        .filter(|line| line.contains("00:00:5E:00:43:64"));
    assert_eq!(gateway.count(), 1, "{:?}", told(&output));
    let port = GatewayPort {
        link: link(),
        vrf: vpn::InstanceId(2),
        address: GATEWAY.parse().ok(),
    };
    assert_eq!(intent(&speaker, "e").gateway_port, Some(port));
    let shown = speaker.vpns().gateway_port("e");
    let shown = shown.map(|(interface, vrf)| (interface, vrf.name, vrf.external_id));
    let expected = (
        "evpn1-ipvpn2".to_owned(),
        "VRF-2".to_owned(),
        "v".to_owned(),
    );
    assert_eq!(shown, Some(expected));
    let ports = speaker.vpns().ports("v").unwrap_or_default();
    assert_eq!(ports.keys().collect::<Vec<_>>(), ["ipvpn2-evpn1"]);
}

#[test]
fn the_own_gateway_is_used_and_not_that_of_another_host() {
    let mut speaker = ready();
    let far = Remote::new(2).mac(GATEWAY_MAC, Some(GATEWAY));
    speaker.handle([announce(&far)]);
    assert_eq!(intent(&speaker, "e").remote_macs[&GATEWAY_MAC].vtep, pe(2));
    attach(&mut speaker, behind("e", "v", 1, "11.0.0.1/24"));
    let now = intent(&speaker, "e");
    assert!(now.remote_macs.is_empty() && now.neighbours.is_empty());
    assert!(speaker.detach(&leave("v", 1, "11.0.0.1")).is_ok());
    assert_eq!(intent(&speaker, "e").remote_macs[&GATEWAY_MAC].vtep, pe(2));
}

#[test]
fn the_link_goes_with_the_last_endpoint_behind_it() {
    let mut speaker = ready();
    attach(&mut speaker, behind("e", "v", 1, "11.0.0.1/24"));
    attach(&mut speaker, behind("e", "v", 2, "11.0.0.2/24"));
    // Ports beside it make no difference.
    attach(&mut speaker, vrf("v", 3, "11.0.0.3/24"));
    assert!(speaker.detach(&leave("v", 1, "11.0.0.1")).is_ok());
    assert!(intent(&speaker, "e").gateway_port.is_some());
    let output = speaker
        .detach(&leave("v", 2, "11.0.0.2"))
        .unwrap_or_default();
    let gone = told(&output);
    assert!(
        gone.iter()
            .any(|line| line.starts_with("- evpn:") && line.contains(GATEWAY)),
        "{gone:?}"
    );
    assert_eq!(intent(&speaker, "e").gateway_port, None);
    assert_eq!(
        vrf_intent(&speaker, "v").ports.keys().collect::<Vec<_>>(),
        [&"tap3".into()]
    );
    // And may be made again, with another instance.
    attach(&mut speaker, request("f", 4, None));
    attach(&mut speaker, behind("f", "v", 4, "11.0.0.4"));
    assert!(intent(&speaker, "f").gateway_port.is_some());
}

// Neutron detaches from the IP VPN first, others may not.
#[test]
fn an_instance_that_is_plugged_in_outlives_its_own_endpoints() {
    let mut speaker = ready();
    attach(&mut speaker, behind("e", "v", 1, "11.0.0.1/24"));
    assert!(speaker.detach(&detach("e", 1, None)).is_ok());
    let now = intent(&speaker, "e");
    assert!(now.gateway_port.is_some() && now.ports.is_empty());
    // Attached again it is the same.
    attach(&mut speaker, request("e", 1, Some("11.0.0.1/24")));
    assert_eq!(intent(&speaker, "e").instance, now.instance);
    assert!(speaker.detach(&detach("e", 1, None)).is_ok());
    let output = speaker
        .detach(&leave("v", 1, "11.0.0.1"))
        .unwrap_or_default();
    assert!(
        told(&output)
            .iter()
            .any(|line| line.contains("evpn:multicast"))
    );
    assert!(speaker.vpns().is_idle());
    assert!(speaker.table().routes().all(|(source, _)| source == PEER));
}

#[test]
fn nothing_remains_of_a_link_whose_attach_fails() {
    let mut speaker = ready();
    let prepared = speaker.prepare_attach(behind("e", "v", 1, "11.0.0.1/24"));
    let Ok(prepared) = prepared else {
        panic!("{prepared:?}")
    };
    speaker.take_intents();
    speaker.abort(prepared.token);
    assert_eq!(intent(&speaker, "e").gateway_port, None);
    assert_eq!(speaker.take_intents().len(), 1);
    assert!(speaker.vpns().instance("v").is_none());
}

#[test]
fn the_gateway_of_the_link_follows_that_of_the_ip_vpn() {
    let mut speaker = ready();
    let without = AttachRequest {
        gateway: None,
        ..behind("e", "v", 1, "11.0.0.1/24")
    };
    let output = attach(&mut speaker, without);
    assert!(
        !told(&output)
            .iter()
            .any(|line| line.contains("00:00:5E:00:43:64"))
    );
    let output = attach(&mut speaker, behind("e", "v", 1, "11.0.0.1/24"));
    assert!(
        told(&output).iter().any(|line| line.contains(GATEWAY)),
        "{:?}",
        told(&output)
    );
}

#[test]
fn every_rule_of_links_is_the_callers_to_keep() {
    let mut speaker = ready();
    attach(&mut speaker, vrf("w", 7, "12.0.0.7"));
    let unknown = refused(&mut speaker, behind("nope", "v", 1, "11.0.0.1"));
    assert!(
        matches!(unknown, AttachError::UnknownEvpn { .. }),
        "{unknown}"
    );
    let wrong = refused(&mut speaker, behind("w", "v", 1, "11.0.0.1"));
    assert!(matches!(wrong, AttachError::NotEvpn { .. }), "{wrong}");
    attach(&mut speaker, behind("e", "v", 1, "11.0.0.1"));
    let taken = refused(&mut speaker, behind("e", "w", 8, "12.0.0.8"));
    assert_eq!(
        taken.to_string(),
        "EVPN instance e is already plugged into ipvpn instance v"
    );
    attach(&mut speaker, request("f", 4, None));
    let other = refused(&mut speaker, behind("f", "v", 4, "11.0.0.4"));
    assert!(matches!(other, AttachError::OtherEvpn { .. }), "{other}");
    let within = AttachRequest {
        local_port: LocalPort {
            evpn: Some("e".into()),
            ..LocalPort::new("")
        },
        ..request("g", 5, None)
    };
    assert_eq!(refused(&mut speaker, within), AttachError::EvpnInEvpn);
    let nowhere = AttachRequest {
        local_port: LocalPort::new(""),
        ..vrf("v", 6, "11.0.0.6")
    };
    assert_eq!(refused(&mut speaker, nowhere), AttachError::NoPort);
    // None of them left anything.
    assert_eq!(speaker.vpns().instances().count(), 4);
}
