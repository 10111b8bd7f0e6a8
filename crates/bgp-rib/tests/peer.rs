//! One BGP session and the route table.

mod common;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use bgp_rib::export::messages;
use bgp_rib::{
    Change, Dispatch, Match, PeerExport, RibEvent, Route, RouteTable, RtcOrigin, WorkerId,
    end_of_rib,
};
use bgp_wire::nlri::RtcRoute;
use bgp_wire::{
    AttributeValue, DecodeContext, EncodeContext, Family, Message, NextHop, Nlri, NlriValue,
    RawMessage, RouteTarget, Update,
};
use common::*;

const EVI1: WorkerId = WorkerId::Evi(1);
const ROUTER_ID: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

struct Session {
    export: PeerExport,
    table: RouteTable,
    now: Duration,
}

impl Session {
    fn up(families: &[Family]) -> Self {
        let address = IpAddr::from([10, 0, 0, 9]);
        let (export, events) =
            PeerExport::established(address, ROUTER_ID, families.iter().copied(), Duration::ZERO);
        let mut table = RouteTable::new(None);
        for event in events {
            table.handle(event);
        }
        Self {
            export,
            table,
            now: Duration::ZERO,
        }
    }

    /// The peer sends messages; what the table says to whom.
    fn receive(&mut self, messages: Vec<RawMessage>) -> Vec<Dispatch> {
        let mut out = Vec::new();
        for message in messages {
            for event in self.export.on_update(&read(&message), self.now) {
                out.extend(self.table.handle(event));
            }
        }
        out
    }

    /// The End-of-RIBs that go out when `seconds` have passed.
    fn ends_after(&mut self, seconds: u64) -> Vec<Family> {
        self.now += Duration::from_secs(seconds);
        self.export.take_ends(self.now)
    }

    fn wants(&self) -> Vec<String> {
        let wanted = self.table.subscriptions(self.export.worker());
        wanted.map(|wanted| wanted.to_string()).collect()
    }
}

fn read(message: &RawMessage) -> Update {
    match Message::decode(message, &DecodeContext::default()) {
        Ok(Message::Update(update)) => update,
        other => panic!("{other:?}"),
    }
}

fn announce(route: &Route) -> Vec<RawMessage> {
    messages(&[advertised(route)], &EncodeContext::default())
}

fn take_back(route: &Route) -> Vec<RawMessage> {
    let change = Change::Withdraw {
        route: route.clone().into(),
        source: EVI1,
    };
    messages(&[change], &EncodeContext::default())
}

fn advertised(route: &Route) -> Change {
    Change::Advertise {
        route: route.clone().into(),
        replaced: None,
        source: EVI1,
    }
}

fn membership(rtc: RtcRoute) -> Route {
    Route::new(
        Nlri::from(NlriValue::Rtc(rtc)),
        NextHop::V4(PE),
        attributes(&[]),
    )
}

fn asks_for(asn: u32, target: RouteTarget) -> Route {
    membership(RtcRoute::new(asn, target))
}

const VPN_AND_RTC: [Family; 3] = [Family::EVPN, Family::VPNV4, Family::RTC];

#[test]
fn without_constraint_a_peer_gets_every_common_family() {
    let session = Session::up(&[Family::EVPN, Family::VPNV4]);
    assert!(!session.export.is_constrained());
    assert_eq!(
        session.wants(),
        ["match:ipv4/mpls-vpn,*", "match:l2vpn/evpn,*"]
    );
}

#[test]
fn with_constraint_a_peer_gets_what_it_asks_for() {
    let mut session = Session::up(&VPN_AND_RTC);
    assert_eq!(session.wants(), ["match:ipv4/rtc,*"]);
    let own = mac_route(1, &[79]);
    assert!(session.table.handle(advertise(EVI1, &own)).is_empty());

    let out = session.receive(announce(&asks_for(64512, rt(79))));
    assert_eq!(
        out,
        [Dispatch {
            to: peer(9),
            change: advertised(&own)
        }]
    );
    let wants = [
        "match:ipv4/mpls-vpn,target:64512:79",
        "match:ipv4/rtc,*",
        "match:l2vpn/evpn,target:64512:79",
    ];
    assert_eq!(session.wants(), wants);

    let out = session.receive(take_back(&asks_for(64512, rt(79))));
    let gone = Change::Withdraw {
        route: own.into(),
        source: EVI1,
    };
    assert_eq!(
        out,
        [Dispatch {
            to: peer(9),
            change: gone
        }]
    );
    assert_eq!(session.wants(), ["match:ipv4/rtc,*"]);
}

#[test]
fn a_target_two_autonomous_systems_ask_for_stays_until_neither_does() {
    let mut session = Session::up(&VPN_AND_RTC);
    session.receive(announce(&asks_for(64512, rt(79))));
    session.receive(announce(&asks_for(64513, rt(79))));
    session.receive(take_back(&asks_for(64512, rt(79))));
    assert_eq!(session.wants().len(), 3);
    session.receive(take_back(&asks_for(64513, rt(79))));
    assert_eq!(session.wants(), ["match:ipv4/rtc,*"]);
}

// Only targets with a two-octet AS were matched.
#[test]
fn targets_of_every_type_can_be_asked_for() {
    let mut session = Session::up(&[Family::EVPN, Family::RTC]);
    for target in [RouteTarget::as4(70000, 1), RouteTarget::ipv4(PE, 5)] {
        session.receive(announce(&asks_for(64512, target)));
    }
    let wants = [
        "match:ipv4/rtc,*",
        "match:l2vpn/evpn,target:10.0.0.1:5",
        "match:l2vpn/evpn,target:70000:1",
    ];
    assert_eq!(session.wants(), wants);
}

#[test]
fn the_default_membership_asks_for_everything() {
    let mut session = Session::up(&VPN_AND_RTC);
    let own = mac_route(1, &[]);
    session.table.handle(advertise(EVI1, &own));
    let out = session.receive(announce(&membership(RtcRoute::DEFAULT)));
    assert_eq!(
        out,
        [Dispatch {
            to: peer(9),
            change: advertised(&own)
        }]
    );
    assert_eq!(
        session.wants(),
        [
            "match:ipv4/mpls-vpn,*",
            "match:ipv4/rtc,*",
            "match:l2vpn/evpn,*"
        ]
    );
}

#[test]
fn a_prefix_of_a_target_asks_for_no_less_than_everything() {
    let mut session = Session::up(&[Family::EVPN, Family::RTC]);
    let target = rt(0).bytes();
    session.receive(announce(&membership(RtcRoute {
        bits: 64,
        origin_as: 64512,
        target,
    })));
    assert_eq!(session.wants(), ["match:ipv4/rtc,*", "match:l2vpn/evpn,*"]);
}

#[test]
fn received_routes_reach_instances_and_go_with_the_session() {
    let mut session = Session::up(&[Family::EVPN]);
    session.table.handle(subscribe(EVI1, evpn(79)));
    let route = mac_route(1, &[79]);
    let out = session.receive(announce(&route));
    let [
        Dispatch {
            to: EVI1,
            change: Change::Advertise { route: got, .. },
        },
    ] = &out[..]
    else {
        panic!("{out:?}");
    };
    // LOCAL_PREF is put in on the way.
    assert_eq!(&got.attributes().clone().without(5), route.attributes());
    let out = session.table.handle(RibEvent::Cleanup {
        worker: session.export.worker(),
    });
    assert!(
        matches!(
            &out[..],
            [Dispatch {
                to: EVI1,
                change: Change::Withdraw { .. }
            }]
        ),
        "{out:?}"
    );
    assert!(session.table.routes().next().is_none());
}

#[test]
fn families_that_are_not_common_are_ignored() {
    let mut session = Session::up(&[Family::EVPN]);
    let update = read(&announce(&vpn_route(1, &[1]))[0]);
    assert!(session.export.on_update(&update, Duration::ZERO).is_empty());
}

#[test]
fn a_route_that_comes_back_to_its_originator_is_dropped() {
    let mut session = Session::up(&[Family::EVPN]);
    let route = mac_route(1, &[79]);
    let attributes = route.attributes().clone();
    let route = route.with_attributes(attributes.with(AttributeValue::OriginatorId(ROUTER_ID)));
    let update = read(&announce(&route)[0]);
    let events = session.export.on_update(&update, Duration::ZERO);
    assert_eq!(
        events,
        [RibEvent::Withdraw {
            source: peer(9),
            key: route.key()
        }]
    );
}

/// UPDATE bodies as the reference sends them, but for withdraws, which carry nothing they need not.
#[test]
fn messages_have_the_reference_octets() {
    let hex = |route: &Route| {
        let [message] = &announce(route)[..] else {
            panic!()
        };
        message
            .body
            .iter()
            .map(|octet| format!("{octet:02x}"))
            .collect::<String>()
    };
    let rtc = RtcOrigin {
        local_as: 64512,
        next_hop: IpAddr::from([127, 0, 0, 1]),
    };
    let expected = "00000027 40010100 400200 40050400000064 \
                    800e16 0001 84 04 7f000001 00 60 0000fc00 0002fc0000000001";
    assert_eq!(hex(&rtc.route(rt(1))), expected.replace(' ', ""));
    let expected = "00000037 40010100 400200 40050400000064 c01008 0002fc0000000001 \
                    800e21 0001 80 0c 00000000000000000a000001 00 78 000111 00010a0000010000 0a010107";
    let body = hex(&vpn_route(7, &[1]));
    assert_eq!(body[8..], expected.replace(' ', "")[8..]);
}

#[test]
fn issue_23_neighbouring_changes_share_messages_and_keep_their_order() {
    let [a, b, c] = [1, 2, 3].map(|n| mac_route(n, &[1]));
    let other = mac_route(4, &[2]);
    let gone = |route: &Route| Change::Withdraw {
        route: route.clone().into(),
        source: EVI1,
    };
    let changes = [
        advertised(&a),
        advertised(&b),
        advertised(&other),
        gone(&a),
        gone(&c),
        advertised(&a),
    ];
    let out: Vec<_> = messages(&changes, &EncodeContext::default())
        .iter()
        .map(|message| {
            let update = read(message);
            let reach: usize = update.reach.iter().map(|(.., nlri)| nlri.len()).sum();
            let unreach: usize = update.unreach.iter().map(|(_, nlri)| nlri.len()).sum();
            (reach, unreach)
        })
        .collect();
    assert_eq!(out, [(2, 0), (1, 0), (0, 2), (1, 0)]);
}

#[test]
fn matches_accept_what_they_say() {
    let accepts = |wanted: Match| wanted.accepts(Family::EVPN, &[rt(1), rt(2)]);
    assert!(accepts(evpn(2)) && accepts(Match::all(Family::EVPN)));
    assert!(accepts(Match {
        family: None,
        target: Some(rt(1))
    }));
    assert!(!accepts(evpn(3)) && !accepts(Match::all(Family::VPNV4)));
}

#[test]
fn without_constraint_all_families_end_at_once_and_only_once() {
    let mut session = Session::up(&[Family::EVPN, Family::VPNV4]);
    assert_eq!(session.ends_after(0), [Family::VPNV4, Family::EVPN]);
    assert_eq!(session.export.next_deadline(), None);
    assert_eq!(session.ends_after(3600), []);
}

#[test]
fn vpn_families_end_after_the_peer_s_memberships_have() {
    let mut session = Session::up(&VPN_AND_RTC);
    assert_eq!(session.ends_after(0), [Family::RTC]);
    session.receive(announce(&asks_for(64512, rt(79))));
    assert_eq!(session.ends_after(0), []);
    session.receive(vec![Update::end_of_rib_for(Family::RTC)]);
    assert_eq!(session.ends_after(0), [Family::VPNV4, Family::EVPN]);
    assert_eq!(session.export.next_deadline(), None);
    assert_eq!(session.ends_after(3600), []);
}

#[test]
fn a_peer_that_marks_no_end_has_asked_for_everything_when_it_asks_no_more() {
    let mut session = Session::up(&VPN_AND_RTC);
    session.ends_after(0);
    session.receive(announce(&asks_for(64512, rt(79))));
    let first = session.export.next_deadline();
    assert_eq!(first, Some(end_of_rib::QUIET));
    session.now += end_of_rib::QUIET / 2;
    session.receive(announce(&asks_for(64512, rt(80))));
    assert!(session.export.next_deadline() > first);
    assert_eq!(session.ends_after(2), [Family::VPNV4, Family::EVPN]);
}

#[test]
fn no_family_waits_for_ever() {
    let mut session = Session::up(&VPN_AND_RTC);
    session.ends_after(0);
    let latest = Some(end_of_rib::LONGEST);
    assert_eq!(session.export.next_deadline(), latest);
    // One that never stops asking.
    for target in 1..200 {
        session.now += end_of_rib::QUIET / 2;
        session.receive(announce(&asks_for(64512, rt(target))));
        assert!(session.export.next_deadline() <= latest);
    }
    assert_eq!(session.ends_after(0), [Family::VPNV4, Family::EVPN]);
}

#[test]
fn received_ends_are_noted_by_family() {
    let mut session = Session::up(&[Family::EVPN, Family::VPNV4]);
    session.receive(vec![Update::end_of_rib_for(Family::EVPN)]);
    // Not of this session.
    session.receive(vec![Update::end_of_rib_for(Family::RTC)]);
    let ended: Vec<_> = session.export.ends_received().iter().collect();
    assert_eq!(ended, [&Family::EVPN]);
}
