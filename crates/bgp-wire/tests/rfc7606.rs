//! RFC 7606 as one table: every attribute that is read, every kind of defect, and what becomes of the UPDATE.
//!
//! `verdicts.rs` tells the stories behind it: which defect is found, what the peer is told, which routes go.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use std::collections::BTreeSet;

use bgp_wire::{Outcome, Update};
use support::update_of;

/// One E-VPN type 3 route, as attribute 14 announces and attribute 15 withdraws it.
const REACH: &str = "800e1c 0019 46 04 7f000001 00 0311 00017f0000010000 00000000 20 7f000001";
const UNREACH: &str = "800f16 0019 46 0311 00017f0000010000 00000000 20 7f000002";
/// What every UPDATE of the table has, by type code, unless a row replaces it.
const BASE: [(u8, &str); 4] = [
    (1, "40010100"),
    (2, "400200"),
    (5, "40050400000064"),
    (14, REACH),
];

use Defect::*;
use Outcome::{
    Accept as KEEP, AttributeDiscard as DROP, SessionReset as RESET, TreatAsWithdraw as GONE,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Defect {
    /// Optional or transitive bits that the type does not have (section 3 c).
    Flags,
    /// Nothing where something has to be.
    Empty,
    /// An octet too few.
    Short,
    /// An octet too many.
    Long,
    /// A length that is right and a content that is not.
    Value,
    /// Twice (section 3 g).
    Twice,
    /// Not there at all (section 3 d).
    Missing,
}

/// Type code, name, defect, the octets instead (`""`: none), outcome.
#[rustfmt::skip]
const TABLE: &[(u8, &str, Defect, &str, Outcome)] = &[
    // Section 7.1.
    (1, "ORIGIN", Flags, "c0010100", GONE),
    (1, "ORIGIN", Empty, "400100", GONE),
    (1, "ORIGIN", Long, "4001020000", GONE),
    (1, "ORIGIN", Value, "40010103", GONE),
    (1, "ORIGIN", Twice, "40010100 40010101", DROP),
    (1, "ORIGIN", Missing, "", GONE),
    // Section 7.2. Empty is the path inside an AS.
    (2, "AS_PATH", Flags, "c00200", GONE),
    (2, "AS_PATH", Empty, "400200", KEEP),
    (2, "AS_PATH", Short, "400205 0201 0000fc", GONE),
    (2, "AS_PATH", Long, "400207 0201 0000fc00 00", GONE),
    (2, "AS_PATH", Value, "400206 0501 0000fc00", GONE),
    (2, "AS_PATH", Twice, "400200 400200", DROP),
    (2, "AS_PATH", Missing, "", GONE),
    // Section 7.3. Of routes in attribute 14 it says nothing, but it has to be one.
    (3, "NEXT_HOP", Flags, "c00304 7f000001", GONE),
    (3, "NEXT_HOP", Empty, "400300", GONE),
    (3, "NEXT_HOP", Short, "400303 7f0000", GONE),
    (3, "NEXT_HOP", Long, "400305 7f00000100", GONE),
    (3, "NEXT_HOP", Twice, "400304 7f000001 400304 7f000001", DROP),
    (3, "NEXT_HOP", Missing, "", KEEP),
    // Section 7.4.
    (4, "MULTI_EXIT_DISC", Flags, "c00404 00000000", GONE),
    (4, "MULTI_EXIT_DISC", Empty, "800400", GONE),
    (4, "MULTI_EXIT_DISC", Short, "800403 000000", GONE),
    (4, "MULTI_EXIT_DISC", Long, "800405 0000000000", GONE),
    (4, "MULTI_EXIT_DISC", Twice, "800404 00000000 800404 00000000", DROP),
    (4, "MULTI_EXIT_DISC", Missing, "", KEEP),
    // Section 7.5. Inside an AS it is there; its absence means 100 to everybody.
    (5, "LOCAL_PREF", Flags, "c00504 00000064", GONE),
    (5, "LOCAL_PREF", Empty, "400500", GONE),
    (5, "LOCAL_PREF", Short, "400503 000064", GONE),
    (5, "LOCAL_PREF", Long, "400505 0000000064", GONE),
    (5, "LOCAL_PREF", Twice, "400504 00000064 400504 000000c8", DROP),
    (5, "LOCAL_PREF", Missing, "", KEEP),
    // Sections 7.6 and 7.7: nobody's routes depend on what these say; for their flags there is no exception.
    (6, "ATOMIC_AGGREGATE", Flags, "c00600", GONE),
    (6, "ATOMIC_AGGREGATE", Long, "400601 00", DROP),
    (6, "ATOMIC_AGGREGATE", Twice, "400600 400600", DROP),
    (6, "ATOMIC_AGGREGATE", Missing, "", KEEP),
    (7, "AGGREGATOR", Flags, "400708 0000fc00 7f000001", GONE),
    (7, "AGGREGATOR", Empty, "c00700", DROP),
    (7, "AGGREGATOR", Short, "c00706 fc00 7f000001", DROP),
    (7, "AGGREGATOR", Long, "c00709 0000fc00 7f000001 00", DROP),
    (7, "AGGREGATOR", Twice, "c00708 0000fc00 7f000001 c00708 0000fc00 7f000001", DROP),
    (7, "AGGREGATOR", Missing, "", KEEP),
    // Section 7.8.
    (8, "COMMUNITIES", Flags, "800804 fc000001", GONE),
    (8, "COMMUNITIES", Empty, "c00800", GONE),
    (8, "COMMUNITIES", Short, "c00803 fc0000", GONE),
    (8, "COMMUNITIES", Long, "c00805 fc00000100", GONE),
    (8, "COMMUNITIES", Twice, "c00804 fc000001 c00804 fc000002", DROP),
    (8, "COMMUNITIES", Missing, "", KEEP),
    // Sections 7.9 and 7.10, inside an AS.
    (9, "ORIGINATOR_ID", Flags, "400904 7f000001", GONE),
    (9, "ORIGINATOR_ID", Empty, "800900", GONE),
    (9, "ORIGINATOR_ID", Short, "800903 7f0000", GONE),
    (9, "ORIGINATOR_ID", Long, "800905 7f00000100", GONE),
    (9, "ORIGINATOR_ID", Twice, "800904 7f000001 800904 7f000002", DROP),
    (9, "ORIGINATOR_ID", Missing, "", KEEP),
    (10, "CLUSTER_LIST", Flags, "400a04 7f000001", GONE),
    (10, "CLUSTER_LIST", Empty, "800a00", GONE),
    (10, "CLUSTER_LIST", Short, "800a03 7f0000", GONE),
    (10, "CLUSTER_LIST", Long, "800a05 7f00000100", GONE),
    (10, "CLUSTER_LIST", Twice, "800a04 7f000001 800a04 7f000002", DROP),
    (10, "CLUSTER_LIST", Missing, "", KEEP),
    // Sections 7.11 and 5: where the routes themselves cannot be told, the session cannot go on.
    (14, "MP_REACH_NLRI", Flags, "c00e1c 0019 46 04 7f000001 00 0311 00017f0000010000 00000000 20 7f000001", GONE),
    (14, "MP_REACH_NLRI", Empty, "800e00", RESET),
    (14, "MP_REACH_NLRI", Short, "800e04 0019 46 00", RESET),
    (14, "MP_REACH_NLRI", Long, "800e1d 0019 46 04 7f000001 00 0311 00017f0000010000 00000000 20 7f000001 00", RESET),
    (14, "MP_REACH_NLRI", Value, "800e0a 0019 46 05 7f00000100 00", RESET),
    (14, "MP_REACH_NLRI", Twice, "800e09 0019 46 04 7f000001 00 800e09 0019 46 04 7f000001 00", RESET),
    (14, "MP_REACH_NLRI", Missing, "", KEEP),
    // Section 7.12.
    (15, "MP_UNREACH_NLRI", Empty, "800f00", RESET),
    (15, "MP_UNREACH_NLRI", Short, "800f02 0019", RESET),
    (15, "MP_UNREACH_NLRI", Long, "800f17 0019 46 0311 00017f0000010000 00000000 20 7f000002 00", RESET),
    (15, "MP_UNREACH_NLRI", Missing, "", KEEP),
    // Section 7.14.
    (16, "EXTENDED_COMMUNITIES", Flags, "801008 0002fc0000000001", GONE),
    (16, "EXTENDED_COMMUNITIES", Empty, "c01000", GONE),
    (16, "EXTENDED_COMMUNITIES", Short, "c01007 0002fc00000000", GONE),
    (16, "EXTENDED_COMMUNITIES", Long, "c01009 0002fc000000000100", GONE),
    (16, "EXTENDED_COMMUNITIES", Twice, "c01008 0002fc0000000001 c01008 0002fc0000000002", DROP),
    (16, "EXTENDED_COMMUNITIES", Missing, "", KEEP),
    // RFC 6793 section 6: between speakers of four octets they are nothing, good or bad.
    (17, "AS4_PATH", Value, "c01106 0201 0000fc00", DROP),
    (18, "AS4_AGGREGATOR", Value, "c01208 0000fc00 7f000001", DROP),
    // RFC 6514 section 5.
    (22, "PMSI_TUNNEL", Flags, "801609 00 06 000010 7f000001", GONE),
    (22, "PMSI_TUNNEL", Empty, "c01600", GONE),
    (22, "PMSI_TUNNEL", Short, "c01604 00 06 0000", GONE),
    (22, "PMSI_TUNNEL", Value, "c01608 00 06 000010 7f0000", GONE),
    (22, "PMSI_TUNNEL", Twice, "c01609 00 06 000010 7f000001 c01609 00 06 000010 7f000002", DROP),
    (22, "PMSI_TUNNEL", Missing, "", KEEP),
    // Read by nobody here, so passed on as it is, whatever it is.
    (25, "IPV6_EXTENDED_COMMUNITIES", Empty, "c01900", KEEP),
    (25, "IPV6_EXTENDED_COMMUNITIES", Short, "c01903 000000", KEEP),
    (25, "IPV6_EXTENDED_COMMUNITIES", Missing, "", KEEP),
    // RFC 8092 section 5.
    (32, "LARGE_COMMUNITIES", Flags, "80200c 0000fc00 00000001 00000002", GONE),
    (32, "LARGE_COMMUNITIES", Empty, "c02000", GONE),
    (32, "LARGE_COMMUNITIES", Short, "c0200b 0000fc00 00000001 000000", GONE),
    (32, "LARGE_COMMUNITIES", Long, "c0200d 0000fc00 00000001 00000002 00", GONE),
    (32, "LARGE_COMMUNITIES", Missing, "", KEEP),
];

/// An UPDATE that is as it should be but for this attribute.
fn update(code: u8, octets: &str) -> Update {
    let others = BASE.iter().filter(|(base, _)| *base != code);
    let mut attributes: Vec<&str> = others.map(|(_, octets)| *octets).collect();
    attributes.insert(0, octets);
    update_of(&attributes.join(" "))
}

#[test]
fn issue_24_every_defect_has_the_outcome_of_the_table() {
    let wrong: Vec<String> = TABLE
        .iter()
        .filter_map(|(code, name, defect, octets, outcome)| {
            let update = update(*code, octets);
            let found = update.outcome();
            (found != *outcome).then(|| {
                format!(
                    "{name} {defect:?}: {found:?}, not {outcome:?}: {:?}",
                    update.verdicts
                )
            })
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_becomes_of_the_routes_follows_from_the_outcome() {
    for (code, name, defect, octets, outcome) in TABLE.iter().filter(|row| row.0 != 14) {
        let update = update(*code, octets);
        let (reach, unreach) = (update.reach.len(), update.unreach.len());
        let expected = match outcome {
            KEEP | DROP => (1, 0),
            GONE => (0, 1),
            RESET => (0, 0),
        };
        assert_eq!((reach, unreach), expected, "{name} {defect:?}");
    }
}

#[test]
fn the_worst_of_several_defects_counts() {
    let pairs = TABLE.iter().flat_map(|a| TABLE.iter().map(move |b| (a, b)));
    for (a, b) in pairs.filter(|(a, b)| a.0 < b.0 && ![a.3, b.3].contains(&"")) {
        let both = [a.3, b.3].join(" ");
        let others = BASE.iter().filter(|(base, _)| ![a.0, b.0].contains(base));
        let others: Vec<&str> = others.map(|(_, octets)| *octets).collect();
        let update = update_of(&format!("{both} {}", others.join(" ")));
        let worst = a.4.max(b.4);
        let found = update.outcome();
        assert_eq!(
            found, worst,
            "{} {:?} and {} {:?}: {:?}",
            a.1, a.2, b.1, b.2, update.verdicts
        );
    }
}

#[test]
fn the_table_is_whole() {
    // All that this code reads, and one that it does not.
    let codes: BTreeSet<u8> = TABLE.iter().map(|row| row.0).collect();
    assert_eq!(
        codes.into_iter().collect::<Vec<_>>(),
        [
            1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 14, 15, 16, 17, 18, 22, 25, 32
        ]
    );
    let rows: BTreeSet<(u8, Defect)> = TABLE.iter().map(|row| (row.0, row.2)).collect();
    assert_eq!(rows.len(), TABLE.len(), "a row is there twice");
    // Withdrawing needs nothing else.
    assert_eq!(update_of(UNREACH).outcome(), KEEP);
}
