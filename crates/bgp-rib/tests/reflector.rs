//! What a reflector does, as stories.

mod support;

use std::collections::BTreeSet;

use bgp_rib::reflector::{AskForAll, ClientId, Mark, ReflectorAction, ReflectorEvent};
use bgp_wire::{
    AttributeValue, ExtendedCommunity, Family, Nlri, NlriValue, PathAttributes, Update,
    attribute::{AsPath, Origin, code},
    community::MacMobility,
    nlri::RtcRoute,
    raw::{RawAttribute, flags},
};
use support::{ROUTER_ID, World, id, mac, membership, plain, rt, targets, withdraw};

const EVPN: &[Family] = &[Family::EVPN];
const BOTH: &[Family] = &[Family::EVPN, Family::RTC];

fn set(nlri: &[Nlri]) -> BTreeSet<Nlri> {
    nlri.iter().cloned().collect()
}

#[test]
fn a_route_reaches_every_client_but_its_own() {
    let mut world = World::with(3, EVPN);
    world.announce(1, &targets(&[1]), &[mac(1)]);
    assert!(world.holds(1).is_empty());
    let (_, next_hop, attributes) = world.route(2, &mac(1)).expect("reflected").clone();
    assert_eq!(world.route(3, &mac(1)), world.route(2, &mac(1)));
    assert_eq!(next_hop.address(), Some(id(1).into()));
    assert_eq!(attributes.originator_id(), Some(id(1)));
    assert_eq!(attributes.cluster_list(), [ROUTER_ID]);
    // One action for both clients: encoded once.
    assert_eq!(world.actions.len(), 1);
    let untouched = attributes
        .without(code::ORIGINATOR_ID)
        .without(code::CLUSTER_LIST);
    assert_eq!(untouched, targets(&[1]));
}

#[test]
fn a_withdraw_reaches_every_client_that_has_it() {
    let mut world = World::with(3, EVPN);
    world.announce(1, &targets(&[1]), &[mac(1), mac(2)]);
    world.withdraw(1, &[mac(1)]);
    assert_eq!(world.holds(2), set(&[mac(2)]));
    assert_eq!(world.holds(3), set(&[mac(2)]));
    // Not announced, announced by another: nothing to do.
    world.actions.clear();
    world.withdraw(1, &[mac(9)]);
    world.withdraw(2, &[mac(2)]);
    assert_eq!(world.actions, []);
}

#[test]
fn the_routes_of_a_dead_client_are_withdrawn() {
    let mut world = World::with(3, EVPN);
    world.announce(1, &targets(&[1]), &[mac(1), mac(2)]);
    world.announce(2, &targets(&[1]), &[mac(3)]);
    world.actions.clear();
    world.down(1);
    assert!(world.holds(2).is_empty());
    assert_eq!(world.holds(3), set(&[mac(3)]));
    assert_eq!(world.actions.len(), 1);
    assert_eq!(
        world.reflector.counts().collect::<Vec<_>>(),
        [(Family::RTC, 1), (Family::EVPN, 1)]
    );
}

#[test]
fn a_late_joiner_gets_all_and_then_the_end() {
    let mut world = World::with(2, EVPN);
    world.announce(1, &targets(&[1]), &[mac(1), mac(2)]);
    world.announce(2, &targets(&[2]), &[mac(3)]);
    world.actions.clear();
    world.up(3, EVPN);
    assert_eq!(world.holds(3), set(&[mac(1), mac(2), mac(3)]));
    let end = ReflectorAction::Mark {
        to: ClientId(3),
        family: Family::EVPN,
        mark: Mark::EndOfRib,
    };
    assert_eq!(world.actions.last(), Some(&end));
    // Two bodies, two announcements.
    assert_eq!(world.actions.len(), 3);
}

#[test]
fn a_refresh_sends_it_all_again() {
    let mut world = World::with(2, EVPN);
    world.announce(1, &targets(&[1]), &[mac(1)]);
    world.actions.clear();
    let (client, family) = (ClientId(2), Family::EVPN);
    world.give(ReflectorEvent::Refresh { client, family });
    assert!(matches!(&world.actions[0], ReflectorAction::Announce { to, .. } if *to == [client]));
    assert_eq!(world.marks.last(), Some(&(client, family, Mark::EndOfRib)));

    let info = bgp_rib::reflector::ClientInfo {
        enhanced_refresh: true,
        ..support::info(3, EVPN)
    };
    world.held.insert(ClientId(3), Default::default());
    world.give(ReflectorEvent::Up {
        client: ClientId(3),
        info,
    });
    world.marks.clear();
    world.give(ReflectorEvent::Refresh {
        client: ClientId(3),
        family,
    });
    let marks: Vec<Mark> = world.marks.iter().map(|(.., mark)| *mark).collect();
    assert_eq!(marks, [Mark::RefreshBegins, Mark::RefreshEnds]);
}

#[test]
fn its_own_routes_go_out_as_they_are_and_compete_with_those_of_clients() {
    let mut world = World::with(2, EVPN);
    world.originate(support::announce(0, &targets(&[1]), &[mac(1), mac(2)]));
    let (.., attributes) = world.route(2, &mac(1)).expect("originated");
    assert_eq!(attributes, &targets(&[1]));
    // A client's better path takes over, and goes again.
    let better = targets(&[1]).with(AttributeValue::LocalPref(200));
    world.announce(1, &better, &[mac(1)]);
    let (.., attributes) = world.route(2, &mac(1)).expect("reflected");
    assert_eq!(attributes.originator_id(), Some(id(1)));
    world.withdraw(1, &[mac(1)]);
    assert_eq!(world.route(1, &mac(1)), world.route(2, &mac(1)));
    // Sessions come and go without them.
    world.down(2);
    world.up(2, EVPN);
    assert_eq!(world.holds(2), set(&[mac(1), mac(2)]));
    world.originate(withdraw(&[mac(1), mac(2)]));
    assert!(world.holds(1).is_empty() && world.holds(2).is_empty());
}

#[test]
fn its_own_routes_are_for_who_asks_for_them() {
    let mut world = World::with(1, BOTH);
    world.originate(support::announce(0, &targets(&[1]), &[mac(1)]));
    assert!(world.holds(1).is_empty());
    world.ask(1, 1);
    assert_eq!(world.holds(1), set(&[mac(1)]));
}

#[test]
fn families_stay_apart() {
    let mut world = World::new();
    let odd = Family::new(16390, 99);
    world.up(1, &[Family::EVPN, odd]);
    world.up(2, &[odd]);
    world.up(3, EVPN);
    let opaque = Nlri::new(odd, vec![1, 2, 3]);
    world.announce(1, &plain(), std::slice::from_ref(&opaque));
    world.announce(1, &plain(), &[mac(1)]);
    assert_eq!(world.holds(2), set(&[opaque]));
    assert_eq!(world.holds(3), set(&[mac(1)]));
    // Not negotiated: not taken.
    world.announce(2, &plain(), &[mac(2)]);
    assert_eq!(world.holds(3), set(&[mac(1)]));
}

// Two fields joined in one message would be one destination that nobody can withdraw.
#[test]
fn opaque_fields_are_not_joined() {
    let odd = Family::new(16390, 99);
    let mut world = World::with(2, &[odd]);
    let fields = [Nlri::new(odd, vec![1]), Nlri::new(odd, vec![2])];
    for field in &fields {
        let messages = support::announce(1, &plain(), std::slice::from_ref(field));
        world.update_later(1, &messages[0]);
    }
    world.flush();
    assert_eq!(world.actions.len(), 2);
    assert_eq!(world.holds(2), set(&fields));
}

#[test]
fn the_next_best_path_takes_over() {
    let mut world = World::with(3, EVPN);
    let better = targets(&[1]).with(AttributeValue::LocalPref(200));
    world.announce(1, &better, &[mac(1)]);
    world.announce(2, &targets(&[1]), &[mac(1)]);
    let from = |world: &World, client| {
        let held = world.route(client, &mac(1));
        held.and_then(|(_, _, attributes)| attributes.originator_id())
    };
    assert_eq!(
        [1, 2, 3].map(|client| from(&world, client)),
        [None, Some(id(1)), Some(id(1))]
    );
    world.withdraw(1, &[mac(1)]);
    assert_eq!(
        [1, 2, 3].map(|client| from(&world, client)),
        [Some(id(2)), None, Some(id(2))]
    );
    world.announce(1, &better, &[mac(1)]);
    world.down(1);
    assert_eq!(
        [2, 3].map(|client| from(&world, client)),
        [None, Some(id(2))]
    );
}

#[test]
fn the_tie_breaks_come_in_order() {
    let path = |asns: &[u32]| AttributeValue::AsPath(AsPath::sequence(asns));
    let moved = |sequence| {
        let mobility = MacMobility {
            sticky: false,
            sequence,
        };
        AttributeValue::ExtendedCommunities(vec![ExtendedCommunity::from_mac_mobility(mobility)])
    };
    let origin = |origin| plain().with(AttributeValue::Origin(origin));
    let by = |originator| AttributeValue::OriginatorId(id(originator));
    let cluster = |length| AttributeValue::ClusterList(vec![id(9); length]);
    // Each time the first is better, though it comes from the client with the higher identifier.
    let pairs: [(PathAttributes, PathAttributes); 8] = [
        (
            plain().with(moved(2)),
            plain().with(AttributeValue::LocalPref(900)).with(moved(1)),
        ),
        (plain().with(AttributeValue::LocalPref(101)), plain()),
        (plain(), plain().with(path(&[7]))),
        (plain().with(path(&[7, 8])), plain().with(path(&[5, 6, 7]))),
        (origin(Origin::Igp), origin(Origin::Egp)),
        (
            plain().with(AttributeValue::Med(1)),
            plain().with(AttributeValue::Med(2)),
        ),
        (plain().with(by(7)), plain().with(by(8))),
        (
            plain().with(by(7)).with(cluster(1)),
            plain().with(by(7)).with(cluster(2)),
        ),
    ];
    for (better, worse) in pairs {
        let mut world = World::with(3, EVPN);
        world.announce(1, &worse, &[mac(1)]);
        world.announce(2, &better, &[mac(1)]);
        let (_, next_hop, _) = world.route(3, &mac(1)).expect("reflected");
        assert_eq!(
            next_hop.address(),
            Some(id(2).into()),
            "{better:?} against {worse:?}"
        );
    }
}

// Compared in pairs, the winner would depend on the order of arrival.
#[test]
fn med_only_counts_between_paths_of_one_neighbour() {
    let path = |asn, med, by| {
        plain()
            .with(AttributeValue::AsPath(AsPath::sequence([asn])))
            .with(AttributeValue::Med(med))
            .with(AttributeValue::OriginatorId(id(by)))
    };
    let paths = [
        (1, path(7, 10, 23)),
        (2, path(8, 20, 22)),
        (3, path(7, 30, 21)),
    ];
    for order in [
        [0, 1, 2],
        [2, 1, 0],
        [1, 0, 2],
        [1, 2, 0],
        [0, 2, 1],
        [2, 0, 1],
    ] {
        let mut world = World::with(4, EVPN);
        for (client, attributes) in order.map(|n| &paths[n]) {
            world.announce(*client, attributes, &[mac(1)]);
        }
        // The third has the lowest originator, but loses to the first; between 22 and 23, 22 wins.
        let (.., attributes) = world.route(4, &mac(1)).expect("reflected");
        assert_eq!(attributes.originator_id(), Some(id(22)), "{order:?}");
    }
}

#[test]
fn what_was_here_before_is_not_taken_again() {
    let mut world = World::with(2, EVPN);
    world.announce(1, &plain(), &[mac(1), mac(2)]);
    let looped = plain().with(AttributeValue::ClusterList(vec![id(50), ROUTER_ID]));
    world.announce(1, &looped, &[mac(1)]);
    world.announce(
        1,
        &plain().with(AttributeValue::OriginatorId(ROUTER_ID)),
        &[mac(2)],
    );
    assert!(world.holds(2).is_empty());
}

#[test]
fn a_route_does_not_go_back_to_its_originator() {
    let mut world = World::with(3, EVPN);
    world.announce(
        1,
        &plain().with(AttributeValue::OriginatorId(id(2))),
        &[mac(1)],
    );
    assert!(world.holds(2).is_empty());
    let (.., attributes) = world.route(3, &mac(1)).expect("reflected");
    assert_eq!(attributes.originator_id(), Some(id(2)));
}

#[test]
fn unknown_attributes_pass_with_their_octets() {
    let mut world = World::with(2, EVPN);
    let odd = RawAttribute::new(flags::OPTIONAL | flags::TRANSITIVE, 200, vec![1, 2, 3]);
    let attributes = plain().with(AttributeValue::Unknown {
        flags: odd.flags,
        code: odd.code,
        data: odd.value.clone(),
    });
    world.announce(1, &attributes, &[mac(1)]);
    let (.., attributes) = world.route(2, &mac(1)).expect("reflected");
    assert_eq!(
        attributes.get(200).map(|attribute| &attribute.raw),
        Some(&odd)
    );
}

#[test]
fn a_new_label_alone_is_news() {
    let mut world = World::with(2, EVPN);
    world.announce(1, &plain(), &[mac(1)]);
    let mut octets = mac(1).bytes.to_vec();
    *octets.last_mut().expect("a label") = 78;
    let relabelled = Nlri::new(Family::EVPN, octets);
    world.announce(1, &plain(), std::slice::from_ref(&relabelled));
    assert_eq!(world.holds(2), set(std::slice::from_ref(&relabelled)));
    // The same again is not.
    world.actions.clear();
    world.announce(1, &plain(), &[relabelled]);
    assert_eq!(world.actions, []);
}

#[test]
fn a_burst_becomes_one_announcement() {
    let mut world = World::with(3, EVPN);
    for n in 0..100 {
        let messages = support::announce(1, &targets(&[1]), &[mac(n)]);
        world.update_later(1, &messages[0]);
    }
    // Came and went within the burst: never heard of.
    world.update_later(1, &withdraw(&[mac(7)])[0]);
    world.flush();
    assert_eq!(world.actions.len(), 1);
    assert_eq!(world.holds(2).len(), 99);
    assert_eq!(world.reflector.counts().last(), Some((Family::EVPN, 99)));
}

#[test]
fn a_constrained_client_gets_what_it_asked_for() {
    let mut world = World::with(2, BOTH);
    world.announce(1, &targets(&[1]), &[mac(1)]);
    world.announce(1, &targets(&[2, 3]), &[mac(2)]);
    // Nothing before it asked.
    assert!(world.held[&ClientId(2)].is_empty());

    world.ask(2, 1);
    assert_eq!(world.holds(2), set(&[mac(1)]));
    world.ask(2, 2);
    world.ask(2, 3);
    assert_eq!(world.holds(2), set(&[mac(1), mac(2)]));
    // Still asked for through the other target.
    world.actions.clear();
    world.unask(2, 2);
    assert_eq!(world.holds(2), set(&[mac(1), mac(2)]));
    world.unask(2, 3);
    world.unask(2, 1);
    assert!(world.holds(2).is_empty());
    // The other client heard of all this.
    assert_eq!(world.route(1, &membership(1)), None);
    world.ask(2, 1);
    assert!(world.route(1, &membership(1)).is_some());
    // New routes flow as they come; changed targets come and go.
    world.announce(1, &targets(&[1]), &[mac(3)]);
    assert_eq!(world.holds(2), set(&[mac(1), mac(3)]));
    world.announce(1, &targets(&[9]), &[mac(3)]);
    assert_eq!(world.holds(2), set(&[mac(1)]));
}

/// The first to ask heard of no one else's wish, so its routes never came.
#[test]
fn clients_that_ask_for_the_same_hear_of_each_other() {
    let mut world = World::with(2, BOTH);
    world.ask(1, 1);
    world.ask(2, 1);
    for client in 1..=2 {
        let (_, _, attributes) = world.route(client, &membership(1)).expect("reflected");
        assert_eq!(
            attributes.originator_id(),
            Some(ROUTER_ID),
            "else it is dropped as its own"
        );
    }
    world.unask(1, 1);
    assert!(
        world.route(1, &membership(1)).is_some(),
        "the second still asks"
    );
    world.unask(2, 1);
    assert_eq!(world.route(1, &membership(1)), None);
}

#[test]
fn the_default_route_and_prefixes_ask_for_many() {
    let mut world = World::with(2, BOTH);
    for n in 1..=3 {
        world.announce(1, &targets(&[n.into()]), &[mac(n)]);
    }
    world.announce(1, &plain(), &[mac(4)]);
    let everything = Nlri::from(NlriValue::Rtc(RtcRoute::DEFAULT));
    world.announce(2, &plain(), std::slice::from_ref(&everything));
    assert_eq!(world.holds(2).len(), 4);
    // Targets 2 and 3 differ in the last bit.
    let prefix = RtcRoute {
        bits: 95,
        ..RtcRoute::new(64512, rt(2))
    };
    let prefix = Nlri::from(NlriValue::Rtc(prefix));
    world.announce(2, &plain(), std::slice::from_ref(&prefix));
    world.withdraw(2, &[everything]);
    assert_eq!(world.holds(2), set(&[mac(2), mac(3)]));
    world.withdraw(2, &[prefix]);
    assert!(world.holds(2).is_empty());
}

#[test]
fn clients_with_and_without_constraint_live_together() {
    let mut world = World::new();
    world.up(1, EVPN);
    world.up(2, BOTH);
    world.announce(2, &targets(&[1]), &[mac(1)]);
    world.announce(1, &targets(&[1]), &[mac(2)]);
    assert_eq!(world.holds(1), set(&[mac(1)]));
    assert!(world.holds(2).is_empty());
    world.ask(2, 1);
    assert_eq!(world.holds(2), set(&[mac(2)]));
    assert!(
        world.held[&ClientId(1)]
            .keys()
            .all(|key| key.family() == Family::EVPN)
    );
}

// Who cannot ask is to get everything, so the reflector asks for it.
#[test]
fn everything_is_asked_for_while_somebody_needs_it() {
    let everything = Nlri::from(NlriValue::Rtc(RtcRoute::DEFAULT));
    let asked = |world: &World| {
        let held = world.route(1, &everything);
        held.map(|(_, next_hop, _)| next_hop.address() == Some(ROUTER_ID.into()))
    };
    let mut world = World::with(2, BOTH);
    assert_eq!(asked(&world), None);
    world.up(3, &[Family::IPV4_UNICAST]);
    assert_eq!(asked(&world), None);
    world.up(4, EVPN);
    assert_eq!(asked(&world), Some(true));
    // A client's own is not preferred to the reflector's, and takes over when that goes.
    world.announce(2, &plain(), std::slice::from_ref(&everything));
    assert_eq!(asked(&world), Some(true));
    world.up(5, BOTH);
    world.down(4);
    assert_eq!(asked(&world), Some(false));
    world.withdraw(2, std::slice::from_ref(&everything));
    assert_eq!(asked(&world), None);

    let mut world = World::asking(AskForAll::Always);
    world.up(1, BOTH);
    assert_eq!(asked(&world), Some(true));
    let mut world = World::asking(AskForAll::Never);
    world.up(1, BOTH);
    world.up(2, EVPN);
    assert_eq!(asked(&world), None);
}

#[test]
fn the_end_of_vpn_routes_waits_for_the_end_of_requests() {
    let mut world = World::with(1, EVPN);
    world.announce(1, &targets(&[1]), &[mac(1)]);
    world.marks.clear();
    world.up(2, BOTH);
    let end = |family| (ClientId(2), family, Mark::EndOfRib);
    assert_eq!(world.marks, [end(Family::RTC)]);
    world.ask(2, 1);
    world.update(2, vec![Update::end_of_rib_for(Family::RTC)]);
    assert_eq!(world.marks, [end(Family::RTC), end(Family::EVPN)]);
    world.update(2, vec![Update::end_of_rib_for(Family::RTC)]);
    assert_eq!(world.marks.len(), 2);
}

#[test]
fn a_restarted_reflector_marks_the_end_when_all_clients_had_time_to_come_back() {
    let mut world = World::deferring();
    world.up(1, EVPN);
    world.announce(1, &targets(&[1]), &[mac(1)]);
    assert_eq!(world.ends(1), []);
    // Another comes, and what there is to tell is told at once.
    world.up(2, BOTH);
    assert_eq!(world.ends(2), [Family::RTC]);
    world.ask(2, 1);
    world.update(2, vec![Update::end_of_rib_for(Family::RTC)]);
    assert_eq!(world.holds(2), set(&[mac(1)]));
    assert_eq!(world.ends(2), [Family::RTC]);
    // One that is gone again is not told.
    world.up(3, EVPN);
    world.down(3);

    world.give(ReflectorEvent::DeferralOver);
    assert_eq!(world.ends(1), EVPN);
    assert_eq!(world.ends(2), [Family::RTC, Family::EVPN]);
    assert_eq!(world.ends(3), []);
    // From now on it is as ever.
    world.up(4, EVPN);
    assert_eq!(world.ends(4), EVPN);
}
