//! Graceful restart, the side of whoever stays (RFC 4724 section 4.2): what is kept of a peer, and for how long.

mod common;

use std::time::Duration;

use bgp_rib::helper::{Announced, Helper, Limits, Phase};
use bgp_rib::{Change, Dispatch, RibEvent, Route, RouteTable, WorkerId};
use bgp_wire::Family;
use common::*;

const EVI1: WorkerId = WorkerId::Evi(1);
const FAMILIES: [Family; 3] = [Family::EVPN, Family::VPNV4, Family::RTC];

struct Story {
    table: RouteTable,
    helper: Helper,
    now: Duration,
}

impl Story {
    /// An instance that wants targets 79, and a peer that restarts gracefully and has announced two routes.
    fn new(announced: &Announced) -> Self {
        Self::settling(announced, Duration::ZERO)
    }

    fn settling(announced: &Announced, settling: Duration) -> Self {
        let limits = Limits {
            away: secs(300),
            returning: secs(360),
            settling,
        };
        let mut table = RouteTable::new(None);
        for family in [Family::EVPN, Family::VPNV4] {
            let wanted = bgp_rib::Match::new(family, rt(79));
            table.handle(RibEvent::Subscribe {
                worker: EVI1,
                wanted,
            });
        }
        let mut story = Self {
            table,
            helper: Helper::new(peer(9), limits),
            now: secs(1000),
        };
        assert_eq!(story.up(announced), Vec::<String>::new());
        assert_eq!(story.announce(&mac_route(1, &[79])), ["+"]);
        assert_eq!(story.announce(&vpn_route(1, &[79])), ["+"]);
        story
    }

    fn take(&mut self, events: Vec<RibEvent>) -> Vec<String> {
        let dispatches = events
            .into_iter()
            .flat_map(|event| self.table.handle(event));
        dispatches.map(|dispatch| told(&dispatch)).collect()
    }

    fn up(&mut self, announced: &Announced) -> Vec<String> {
        let events = self.helper.established(Some(announced), FAMILIES, self.now);
        self.take(events)
    }

    fn down(&mut self) -> Vec<String> {
        let events = self.helper.down(true, self.now);
        self.take(events)
    }

    fn end_of_rib(&mut self, family: Family) -> Vec<String> {
        let events = self.helper.end_of_rib(family, self.now);
        self.take(events)
    }

    fn announce(&mut self, route: &Route) -> Vec<String> {
        self.take(vec![advertise(peer(9), route)])
    }

    fn after(&mut self, seconds: u64) -> Vec<String> {
        self.now += secs(seconds);
        let events = self.helper.tick(self.now);
        self.take(events)
    }

    fn held(&self) -> usize {
        self.table.routes_of(peer(9)).count()
    }
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What an instance is told: a route came (`+`), changed while stale or not (`stale`, `fresh`), or went (`-`).
fn told(Dispatch { to, change }: &Dispatch) -> String {
    assert_eq!(*to, EVI1);
    match change {
        Change::Advertise { replaced: None, .. } => "+",
        Change::Advertise { route, .. } if route.stale => "stale",
        Change::Advertise { .. } => "fresh",
        Change::Withdraw { .. } => "-",
    }
    .to_owned()
}

fn restarts(time: u64, families: &[(Family, bool)]) -> Announced {
    Announced {
        time: secs(time),
        families: families.iter().copied().collect(),
    }
}

fn both() -> Announced {
    restarts(60, &[(Family::EVPN, true), (Family::VPNV4, true)])
}

#[test]
fn routes_stay_while_the_peer_restarts_and_what_it_says_again_is_no_news() {
    let mut story = Story::new(&both());
    assert_eq!(story.down(), ["stale", "stale"]);
    assert_eq!(story.after(59), Vec::<String>::new());
    assert_eq!(story.up(&both()), ["fresh", "fresh"]);
    assert_eq!(story.table.unconfirmed(peer(9)), 2);
    assert_eq!(story.announce(&mac_route(1, &[79])), Vec::<String>::new());
    assert_eq!(story.table.unconfirmed(peer(9)), 1);
    assert_eq!(story.end_of_rib(Family::EVPN), Vec::<String>::new());
    // It has not said this one again.
    assert_eq!(story.end_of_rib(Family::VPNV4), ["-"]);
    assert_eq!(story.helper.phase(), &Phase::Settled);
    assert_eq!((story.held(), story.table.unconfirmed(peer(9))), (1, 0));
}

#[test]
fn a_peer_that_does_not_come_back_loses_its_routes() {
    let mut story = Story::new(&both());
    story.down();
    assert_eq!(story.helper.next_deadline(), Some(story.now + secs(60)));
    assert_eq!(story.after(60), ["-", "-"]);
    assert_eq!((story.held(), story.helper.next_deadline()), (0, None));
    // And is nobody special when it does come.
    assert_eq!(story.up(&both()), Vec::<String>::new());
    assert_eq!(story.helper.phase(), &Phase::Settled);
}

#[test]
fn the_restart_time_of_a_peer_is_bounded() {
    let mut story = Story::new(&restarts(4095, &[(Family::EVPN, true)]));
    story.down();
    assert_eq!(story.helper.next_deadline(), Some(story.now + secs(300)));
}

#[test]
fn families_the_peer_does_not_restart_go_at_once() {
    let mut story = Story::new(&restarts(60, &[(Family::EVPN, true)]));
    let mut out = story.down();
    out.sort_unstable();
    assert_eq!(out, ["-", "stale"]);
}

#[test]
fn families_that_were_not_kept_go_when_the_peer_is_back() {
    let mut story = Story::new(&both());
    story.down();
    let lost = restarts(60, &[(Family::EVPN, true), (Family::VPNV4, false)]);
    assert_eq!(story.up(&lost), ["-", "fresh"]);
    assert!(matches!(story.helper.phase(), Phase::Returning { waiting } if waiting.len() == 1));
    // One without the capability has kept nothing.
    story.announce(&vpn_route(1, &[79]));
    story.announce(&mac_route(1, &[79]));
    story.down();
    let events = story.helper.established(None, FAMILIES, story.now);
    assert_eq!(story.take(events), ["-", "-"]);
    assert_eq!(story.helper.phase(), &Phase::Settled);
}

#[test]
fn a_peer_that_never_says_it_is_complete_is_waited_for_until_the_stale_path_time() {
    let mut story = Story::new(&both());
    story.down();
    story.up(&both());
    story.announce(&mac_route(1, &[79]));
    assert_eq!(story.after(359), Vec::<String>::new());
    assert_eq!(story.after(1), ["-"]);
    assert_eq!((story.held(), story.helper.next_deadline()), (1, None));
}

// RFC 4724 section 4.2: a route marked as stale before must be deleted.
#[test]
fn what_two_restarts_in_a_row_did_not_confirm_goes() {
    let mut story = Story::new(&both());
    story.down();
    story.up(&both());
    story.announce(&mac_route(1, &[79]));
    let mut out = story.down();
    out.sort_unstable();
    assert_eq!(out, ["-", "stale"]);
}

#[test]
fn an_end_that_is_no_restart_takes_everything() {
    let mut story = Story::new(&both());
    let events = story.helper.down(false, story.now);
    assert_eq!(story.take(events), ["-", "-"]);
    let mut story = Story::new(&restarts(0, &[(Family::EVPN, true)]));
    assert_eq!(story.down(), ["-", "-"], "a restart time of nothing");
}

#[test]
fn a_changed_route_replaces_the_kept_one() {
    let mut story = Story::new(&both());
    story.down();
    story.up(&both());
    let moved = mac_route(1, &[79]).with_next_hop(bgp_wire::NextHop::V4([10, 0, 0, 7].into()));
    assert_eq!(story.announce(&moved), ["fresh"]);
    assert_eq!(story.end_of_rib(Family::EVPN), Vec::<String>::new());
    assert_eq!(story.held(), 2);
}

// What a peer wants it says anew; nothing is sent to it for what it wanted before.
#[test]
fn what_the_peer_asked_for_is_not_kept() {
    let mut announced = both();
    announced.families.insert(Family::RTC, true);
    let mut story = Story::new(&announced);
    let wanted = bgp_rib::Match::new(Family::EVPN, rt(79));
    story.table.handle(RibEvent::Subscribe {
        worker: peer(9),
        wanted,
    });
    story.down();
    assert_eq!(story.table.subscriptions(peer(9)).count(), 0);
    let own = mac_route(2, &[79]);
    assert!(story.table.handle(advertise(EVI1, &own)).is_empty());
}

// Reflectors mark the end of their routes before their other clients are back.
#[test]
fn what_is_told_soon_after_the_end_stays() {
    let mut story = Story::settling(&both(), secs(5));
    story.down();
    story.up(&both());
    let none = Vec::<String>::new();
    assert_eq!(story.end_of_rib(Family::EVPN), none);
    assert_eq!(story.end_of_rib(Family::VPNV4), none);
    assert_eq!(story.after(4), none);
    assert_eq!(story.announce(&mac_route(1, &[79])), none);
    assert_eq!(story.after(1), ["-"]);
    assert_eq!((story.held(), story.helper.next_deadline()), (1, None));
}
