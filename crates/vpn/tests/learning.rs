//! MACs that nobody declares, learnt from frames (RFC 7432 sections 9.1 and 15).

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bgp_rib::best_path::mobility;
use bgp_rib::{Change, Route};
use bgp_wire::ExtendedCommunity;
use bgp_wire::community::MacMobility;
use common::*;
use vpn::intent::GATEWAY_MAC;
use vpn::{
    AttachError, AttachRequest, DetachError, DetachRequest, LocalPort, NO_MAC, Output, Speaker,
};

/// Port `tapN` of instance `e`, whose MACs are learnt.
fn port(n: u8) -> AttachRequest {
    AttachRequest {
        import: [rt(79)].into(),
        export: [rt(79)].into(),
        ..AttachRequest::learning("e", LocalPort::new(format!("tap{n}")))
    }
}

fn unplug(speaker: &mut Speaker, n: u8) -> Result<Output, DetachError> {
    speaker.detach(&DetachRequest {
        mac: NO_MAC,
        linuxif: Some(format!("tap{n}").into()),
        ..detach("e", 0, None)
    })
}

/// A speaker with port `tap1`, some time ago.
fn ready() -> Speaker {
    ready_after(5)
}

fn ready_after(moves: usize) -> Speaker {
    let mut speaker = speaker_after(moves);
    attach(&mut speaker, port(1));
    speaker.advance(Duration::from_secs(10));
    speaker
}

/// The dataplane saw MAC `n` at a port, or sees it no more.
fn see(speaker: &mut Speaker, n: u8, linuxif: Option<&str>) -> Output {
    let id = speaker.vpns().instance("e").map(|view| view.id);
    id.map(|id| speaker.sight(id, mac(n), linuxif))
        .unwrap_or_default()
}

/// MAC 8 at PE `n`, with such mobility.
fn said(n: u8, sequence: u32, sticky: bool) -> Route {
    let mobility = MacMobility { sticky, sequence };
    Remote {
        more: vec![ExtendedCommunity::from_mac_mobility(mobility)],
        ..Remote::new(n)
    }
    .mac(mac(8), None)
}

/// What was told of MAC 8: its sequence, or that it is taken back.
fn heard(output: &Output) -> Vec<Option<u32>> {
    let about = |route: &Route| route.nlri().mac_ip().is_some_and(|(m, _)| m == mac(8));
    let dispatches = output.dispatches.iter();
    dispatches
        .filter_map(|dispatch| match &dispatch.change {
            Change::Advertise { route, .. } => about(route).then(|| Some(mobility(route).1)),
            Change::Withdraw { route, .. } => about(route).then_some(None),
        })
        .collect()
}

fn learnt(speaker: &Speaker) -> BTreeMap<String, BTreeSet<bgp_wire::MacAddr>> {
    speaker.vpns().learned_macs("e")
}

#[test]
fn issue_73_what_a_port_learns_is_advertised_and_taken_back() {
    let mut speaker = ready();
    let port = &intent(&speaker, "e").ports["tap1"];
    assert!(port.learn && port.endpoints.is_empty());
    let before = intent(&speaker, "e");

    let route = announced(&see(&mut speaker, 8, Some("tap1")));
    assert_eq!(route.nlri().mac_ip(), Some((mac(8), None)));
    assert_eq!(mobility(&route), (false, 0));
    assert_eq!(learnt(&speaker)["tap1"], [mac(8)].into());
    // The bridge has it already.
    assert_eq!(intent(&speaker, "e"), before);
    // Said again, it is no news; nor is it at another port, to anybody else.
    assert_eq!(told(&see(&mut speaker, 8, Some("tap1"))), [""; 0]);
    attach(&mut speaker, self::port(2));
    assert_eq!(told(&see(&mut speaker, 8, Some("tap2"))), [""; 0]);
    assert_eq!(learnt(&speaker)["tap2"], [mac(8)].into());

    assert_eq!(heard(&see(&mut speaker, 8, None)), [None]);
    assert_eq!(learnt(&speaker)["tap2"], BTreeSet::new());
}

#[test]
fn a_port_takes_everything_learnt_with_it() {
    let mut speaker = ready();
    for n in 2..9 {
        see(&mut speaker, n, Some("tap1"));
    }
    assert_eq!(speaker.vpns().advertised("e").unwrap().len(), 8);
    let request = speaker.vpns().attachments().next().unwrap();
    assert_eq!(request, port(1), "attaches it again");
    unplug(&mut speaker, 2).unwrap_err();
    let output = unplug(&mut speaker, 1).unwrap();
    let withdrawn = told(&output).iter().filter(|l| l.starts_with('-')).count();
    assert_eq!(withdrawn, 9, "{:?}", told(&output));
    assert!(speaker.vpns().is_idle());
}

#[test]
fn beside_declared_macs_others_are_learnt_as_long_as_one_wants_it() {
    let mut speaker = ready();
    unplug(&mut speaker, 1).unwrap();
    let wanting = |n, ip: Option<&str>| AttachRequest {
        learn: true,
        local_port: LocalPort::new("tap1"),
        ..request("e", n, ip)
    };
    attach(&mut speaker, wanting(1, Some("10.9.9.1")));
    attach(
        &mut speaker,
        AttachRequest {
            learn: false,
            ..wanting(2, Some("10.9.9.2"))
        },
    );
    assert_eq!(heard(&see(&mut speaker, 8, Some("tap1"))), [Some(0)]);
    // What is declared is not learnt, wherever it is seen.
    assert_eq!(told(&see(&mut speaker, 2, Some("tap1"))), [""; 0]);
    let output = speaker.detach(&detach("e", 1, None)).unwrap();
    assert_eq!(heard(&output), [None]);
    assert!(!intent(&speaker, "e").ports["tap1"].learn);
    assert_eq!(told(&see(&mut speaker, 8, Some("tap1"))), [""; 0]);
}

#[test]
fn what_is_learnt_is_advertised_like_those_that_still_want_it() {
    let mut speaker = ready();
    let declared = AttachRequest {
        learn: true,
        local_port: LocalPort::new("tap1"),
        local_pref: Some(7),
        ..request("e", 1, Some("10.9.9.1"))
    };
    let port = AttachRequest {
        local_pref: Some(50),
        ..port(1)
    };
    attach(&mut speaker, port);
    attach(&mut speaker, declared);
    see(&mut speaker, 8, Some("tap1"));
    let local_pref = |speaker: &Speaker| {
        let routes = speaker.vpns().advertised("e").unwrap();
        let route = routes
            .into_iter()
            .find(|(_, route)| route.nlri().mac_ip() == Some((mac(8), None)));
        route.unwrap().1.attributes().local_pref()
    };
    assert_eq!(local_pref(&speaker), Some(50));
    unplug(&mut speaker, 1).unwrap();
    assert_eq!(local_pref(&speaker), Some(7));
}

#[test]
fn what_is_declared_after_it_was_learnt_is_declared() {
    let mut speaker = ready();
    see(&mut speaker, 8, Some("tap1"));
    let output = attach(&mut speaker, request("e", 8, None));
    // Its own distinguisher: a new route, then the old one is taken back.
    assert_eq!(heard(&output), [Some(0), None]);
    assert_eq!(learnt(&speaker)["tap1"], BTreeSet::new());
    // The bridge's entry is no learnt one any more: nothing changes.
    assert_eq!(told(&see(&mut speaker, 8, None)), [""; 0]);
    let output = speaker.detach(&detach("e", 8, None)).unwrap();
    assert_eq!(heard(&output), [None]);
}

#[test]
fn a_mac_that_was_elsewhere_has_moved_here_and_moves_on() {
    let mut speaker = ready();
    let there = said(2, 3, false);
    speaker.handle([announce(&there)]);
    assert!(intent(&speaker, "e").remote_macs.contains_key(&mac(8)));
    assert_eq!(heard(&see(&mut speaker, 8, Some("tap1"))), [Some(4)]);
    assert!(!intent(&speaker, "e").remote_macs.contains_key(&mac(8)));

    // The other place takes its route back, and has it again later.
    speaker.handle([take_back(&there)]);
    let output = speaker.handle([announce(&said(2, 5, false))]);
    assert_eq!(heard(&output), [None]);
    assert!(intent(&speaker, "e").remote_macs.contains_key(&mac(8)));
    assert_eq!(learnt(&speaker)["tap1"], BTreeSet::new());
    // The bridge is told, and says so: no news.
    assert_eq!(told(&see(&mut speaker, 8, None)), [""; 0]);
    // When that route goes, nobody has it, until a frame comes.
    assert_eq!(
        told(&speaker.handle([take_back(&said(2, 5, false))])),
        [""; 0]
    );
    speaker.handle([announce(&said(2, 5, false))]);
    assert_eq!(heard(&see(&mut speaker, 8, Some("tap1"))), [Some(6)]);
}

#[test]
fn a_stale_entry_does_not_outdo_what_comes_late() {
    // Right after the start: the bridge of the previous run knows the MAC, and its new place is heard of afterwards.
    let mut speaker = speaker();
    attach(&mut speaker, port(1));
    assert_eq!(heard(&see(&mut speaker, 8, Some("tap1"))), [Some(0)]);
    let known = Remote::new(2).multicast();
    speaker.handle([announce(&known)]);
    assert_eq!(
        heard(&speaker.handle([announce(&said(2, 1, false))])),
        [None]
    );
    assert!(intent(&speaker, "e").remote_macs.contains_key(&mac(8)));
}

#[test]
fn what_others_let_go_before_the_bridge_has_changed_is_learnt_again() {
    let mut speaker = ready();
    let here = |speaker: &Speaker| learnt(speaker)["tap1"] == [mac(8)].into();
    see(&mut speaker, 8, Some("tap1"));
    // A better route, or a static one, that does not stay: the bridge's entry is as it was, so it says nothing.
    for there in [said(2, 5, false), said(2, 0, true)] {
        let events = [announce(&there), take_back(&there)];
        speaker.handle(events);
        assert!(here(&speaker));
        assert!(!intent(&speaker, "e").remote_macs.contains_key(&mac(8)));
        let routes = speaker.vpns().advertised("e").unwrap();
        let is_it = |route: &Route| route.nlri().mac_ip() == Some((mac(8), None));
        assert!(routes.iter().any(|(_, route)| is_it(route)));
    }
    // Where it was taken from the bridge, that said so.
    speaker.handle([announce(&said(2, 9, false))]);
    see(&mut speaker, 8, None);
    speaker.handle([take_back(&said(2, 9, false))]);
    assert!(!here(&speaker));
}

#[test]
fn what_was_refused_is_learnt_when_nothing_speaks_against_it() {
    let mut speaker = ready();
    let there = said(2, 0, true);
    speaker.handle([announce(&there)]);
    see(&mut speaker, 8, Some("tap1"));
    assert_eq!(heard(&speaker.handle([take_back(&there)])), [Some(0)]);
    see(&mut speaker, 8, None);

    let prepared = speaker.prepare_attach(request("e", 8, None)).unwrap();
    assert_eq!(told(&see(&mut speaker, 8, Some("tap1"))), [""; 0]);
    assert_eq!(heard(&speaker.abort(prepared.token)), [Some(0)]);
    assert_eq!(learnt(&speaker)["tap1"], [mac(8)].into());

    // Nor does it come back with a port that was unplugged meanwhile.
    speaker.handle([announce(&there)]);
    unplug(&mut speaker, 1).unwrap();
    attach(&mut speaker, port(1));
    assert_eq!(told(&speaker.handle([take_back(&there)])), [""; 0]);
}

#[test]
fn what_is_not_advertised_is_where_it_was_seen_last_too() {
    let mut speaker = speaker();
    let silent = AttachRequest {
        export: [].into(),
        ..port(1)
    };
    attach(&mut speaker, silent);
    speaker.advance(Duration::from_secs(10));
    let is_elsewhere = |speaker: &Speaker| intent(speaker, "e").remote_macs.contains_key(&mac(8));
    see(&mut speaker, 8, Some("tap1"));
    let there = said(2, 0, false);
    speaker.handle([announce(&there)]);
    assert!(is_elsewhere(&speaker));
    assert_eq!(learnt(&speaker)["tap1"], BTreeSet::new());
    // A frame from here is later than that route, however often that is said, and not than the next.
    see(&mut speaker, 8, Some("tap1"));
    assert!(!is_elsewhere(&speaker));
    speaker.handle([announce(&there)]);
    assert_eq!(learnt(&speaker)["tap1"], [mac(8)].into());
    speaker.handle([take_back(&there)]);
    speaker.handle([announce(&there)]);
    assert!(is_elsewhere(&speaker));
    assert_eq!(learnt(&speaker)["tap1"], BTreeSet::new());
}

#[test]
fn what_is_static_elsewhere_stays_there() {
    let mut speaker = ready();
    let there = said(2, 0, true);
    speaker.handle([announce(&there)]);
    assert!(intent(&speaker, "e").remote_macs[&mac(8)].pinned);
    assert_eq!(told(&see(&mut speaker, 8, Some("tap1"))), [""; 0]);
    assert!(intent(&speaker, "e").remote_macs.contains_key(&mac(8)));
    // And what becomes so goes there.
    assert_eq!(heard(&speaker.handle([take_back(&there)])), [Some(0)]);
    assert_eq!(heard(&speaker.handle([announce(&there)])), [None]);
    assert!(intent(&speaker, "e").remote_macs.contains_key(&mac(8)));
}

#[test]
fn a_mac_that_is_always_in_two_places_is_a_duplicate_and_stays() {
    let mut speaker = ready_after(4);
    let mut warnings = Vec::new();
    let mut sequence = 1;
    for _ in 0..8 {
        let output = speaker.handle([announce(&said(2, sequence, false))]);
        warnings.extend(output.warnings);
        if speaker.vpns().mobility("e").unwrap().duplicates == [mac(8)] {
            break;
        }
        let now = heard(&see(&mut speaker, 8, Some("tap1")));
        assert_eq!(now, [Some(sequence + 1)]);
        sequence += 2;
    }
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(learnt(&speaker)["tap1"], [mac(8)].into());
    assert!(!intent(&speaker, "e").remote_macs.contains_key(&mac(8)));
    let output = speaker.handle([announce(&said(2, 99, false))]);
    assert_eq!(told(&output), [""; 0]);
    // Until it is silent.
    assert_eq!(heard(&see(&mut speaker, 8, None)), [None]);
    assert!(intent(&speaker, "e").remote_macs.contains_key(&mac(8)));
}

#[test]
fn what_is_nobodys_is_not_learnt() {
    let mut speaker = ready();
    let id = speaker.vpns().instance("e").unwrap().id;
    let gateway = Remote {
        more: vec![ExtendedCommunity::DEFAULT_GATEWAY],
        ..Remote::new(2)
    };
    speaker.handle([announce(&gateway.mac(mac(7), Some("10.9.9.254")))]);
    for nobody in [
        NO_MAC,
        GATEWAY_MAC,
        bgp_wire::MacAddr([0xff; 6]),
        bgp_wire::MacAddr([0x01, 0, 0x5e, 0, 0, 1]),
        mac(7),
    ] {
        let output = speaker.sight(id, nobody, Some("tap1"));
        assert_eq!(told(&output), [""; 0], "{nobody}");
    }
    assert_eq!(
        told(&see(&mut speaker, 8, Some("tap9"))),
        [""; 0],
        "no port"
    );
}

#[test]
fn what_is_seen_before_the_attach_is_answered_is_not_lost() {
    let mut speaker = speaker();
    let prepared = speaker.prepare_attach(port(1)).unwrap();
    assert!(intent(&speaker, "e").ports["tap1"].learn);
    assert_eq!(told(&see(&mut speaker, 8, Some("tap1"))), [""; 0]);
    assert_eq!(heard(&speaker.commit(prepared.token)), [Some(0)]);

    let prepared = speaker.prepare_attach(port(2)).unwrap();
    see(&mut speaker, 9, Some("tap2"));
    speaker.abort(prepared.token);
    assert!(!intent(&speaker, "e").ports.contains_key("tap2"));
    assert!(!learnt(&speaker).contains_key("tap2"));
    unplug(&mut speaker, 1).unwrap();
    assert!(speaker.vpns().is_idle());
}

#[test]
fn new_targets_are_those_of_what_is_learnt_too() {
    let mut speaker = ready();
    see(&mut speaker, 8, Some("tap1"));
    let again = AttachRequest {
        export: [rt(80)].into(),
        local_pref: Some(7),
        ..port(1)
    };
    let output = attach(&mut speaker, again);
    assert_eq!(heard(&output), [Some(0)]);
    let routes = speaker.vpns().advertised("e").unwrap();
    for (_, route) in routes {
        assert_eq!(route.route_targets(), [rt(80)]);
        if route.nlri().mac_ip().is_some() {
            assert_eq!(route.attributes().local_pref(), Some(7));
        }
    }
}

#[test]
fn only_e_vpn_learns() {
    let mut speaker = common::ipvpn::speaker();
    let ip = "10.9.9.1".parse().unwrap();
    let vrf = AttachRequest {
        learn: true,
        ..AttachRequest::ipvpn("v", mac(1), ip, LocalPort::new("tap1"))
    };
    let error = speaker.prepare_attach(vrf).unwrap_err();
    assert!(matches!(error, AttachError::LearnOutsideEvpn { .. }));
    let with_address = AttachRequest {
        ip: Some("10.9.9.1".parse().unwrap()),
        ..port(1)
    };
    let error = speaker.prepare_attach(with_address).unwrap_err();
    assert_eq!(error, AttachError::AddressWithoutMac);
    let nothing = AttachRequest {
        learn: false,
        ..port(1)
    };
    let error = speaker.prepare_attach(nothing).unwrap_err();
    assert!(matches!(error, AttachError::NotUnicast { .. }));
    assert!(speaker.vpns().is_idle());
}
