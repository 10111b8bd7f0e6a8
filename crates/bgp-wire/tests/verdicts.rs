//! RFC 7606 as a table: what is wrong with an UPDATE and what is to be done about it.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use bgp_wire::nlri::NlriError;
use bgp_wire::raw::RawUpdate;
use bgp_wire::verdict::Defect;
use bgp_wire::{DecodeContext, Family, Notification, Outcome, Update};
use bytes::Bytes;
use support::{hex, update_of};

const ORIGIN: &str = "40010100";
const AS_PATH: &str = "400200";
const LOCAL_PREF: &str = "40050400000064";
/// One E-VPN type 3 route.
const REACH: &str = "800e1c 0019 46 04 7f000001 00 0311 00017f0000010000 00000000 20 7f000001";
const WITHDRAWN: &str = "800f16 0019 46 0311 00017f0000010000 00000000 20 7f000002";

/// Mandatory attributes and one route around `attribute`.
fn with(attribute: &str) -> Update {
    update_of(&format!("{ORIGIN} {AS_PATH} {attribute} {REACH}"))
}

#[track_caller]
fn assert_verdict(update: &Update, outcome: Outcome, code: u8, defect: Defect) {
    let found = update
        .verdicts
        .iter()
        .find(|verdict| verdict.outcome == outcome);
    let Some(verdict) = found else {
        panic!("no {outcome:?} in {:?}", update.verdicts)
    };
    assert_eq!((verdict.attribute, &verdict.defect), (Some(code), &defect));
    assert_eq!(update.outcome(), outcome);
    match outcome {
        Outcome::Accept | Outcome::AttributeDiscard => {
            assert_eq!(update.reach.len(), 1, "routes stay");
            assert_eq!(update.unreach, []);
        }
        Outcome::TreatAsWithdraw => {
            assert_eq!(update.reach, [], "routes are announced");
            assert_eq!(update.unreach.len(), 1, "routes are lost");
        }
        Outcome::SessionReset => {
            assert_eq!((&update.reach[..], &update.unreach[..]), (&[][..], &[][..]));
            assert!(verdict.notification.is_some(), "nothing to tell the peer");
        }
    }
}

#[test]
fn nothing_wrong() {
    let update = with(LOCAL_PREF);
    assert_eq!(update.verdicts, []);
    assert_eq!((update.outcome(), update.reach.len()), (Outcome::Accept, 1));
}

#[test]
fn malformed_values() {
    let length = |length| Defect::Length { length };
    let discard = Outcome::AttributeDiscard;
    let withdraw = Outcome::TreatAsWithdraw;
    for (code, attribute, outcome, defect) in [
        // RFC 7606 section 7.
        (3, "400303 7f0000", withdraw, length(3)),
        (4, "800403 000000", withdraw, length(3)),
        (5, "400503 000000", withdraw, length(3)),
        (5, "400500", withdraw, length(0)),
        (6, "400601 00", discard, length(1)),
        (7, "c00706 fc00 7f000001", discard, length(6)),
        (8, "c00803 000000", withdraw, length(3)),
        (8, "c00800", withdraw, length(0)),
        (9, "800903 000000", withdraw, length(3)),
        (10, "800a05 7f00000100", withdraw, length(5)),
        (10, "800a00", withdraw, length(0)),
        (16, "c01007 0002fc00000000", withdraw, length(7)),
        (16, "c01000", withdraw, length(0)),
        (22, "c01604 00060000", withdraw, Defect::Value),
        (22, "c01608 00 06 000010 7f0000", withdraw, Defect::Value),
        (32, "c0200b 0000000000000000000000", withdraw, length(11)),
        // Superfluous between speakers of four-octet AS numbers (RFC 6793 section 4.1).
        (17, "c01106 0201 0000fc00", discard, Defect::Superfluous),
        (18, "c01208 0000fc00 7f000001", discard, Defect::Superfluous),
    ] {
        assert_verdict(&with(attribute), outcome, code, defect);
    }
}

#[test]
fn malformed_mandatory_values() {
    let update = |origin, path| update_of(&format!("{origin} {path} {REACH}"));
    let withdraw = Outcome::TreatAsWithdraw;
    assert_verdict(&update("40010103", AS_PATH), withdraw, 1, Defect::Value);
    assert_verdict(
        &update("400100", AS_PATH),
        withdraw,
        1,
        Defect::Length { length: 0 },
    );
    assert_verdict(
        &update("4001020000", AS_PATH),
        withdraw,
        1,
        Defect::Length { length: 2 },
    );
    for path in [
        "400206 0501 0000fc00",
        "400202 0200",
        "400205 0201 0000fc",
        "400201 02",
    ] {
        assert_verdict(&update(ORIGIN, path), withdraw, 2, Defect::Value);
    }
    for path in [
        "400206 0201 0000fc00",
        "400206 0301 0000fc00",
        "40020c 0101 0000fc00 0201 0000fc01",
    ] {
        assert_eq!(update(ORIGIN, path).verdicts, [], "{path}");
    }
}

#[test]
fn flags() {
    for (code, attribute, flags) in [
        (5, "c0050400000064", 0xc0),
        (5, "00050400000064", 0x00),
        (4, "40040400000064", 0x40),
        (4, "c0040400000064", 0xc0),
        (16, "801008 0002fc0000000001", 0x80),
        (9, "400904 7f000001", 0x40),
        (22, "801609 00 06 000010 7f000001", 0x80),
    ] {
        let defect = Defect::Flags { flags };
        assert_verdict(&with(attribute), Outcome::TreatAsWithdraw, code, defect);
    }
    let update = update_of(&format!(
        "{ORIGIN} {AS_PATH} {}",
        REACH.replace("800e", "c00e")
    ));
    let defect = Defect::Flags { flags: 0xc0 };
    assert_verdict(&update, Outcome::TreatAsWithdraw, 14, defect);
    // Partial and extended length are nobody's business.
    assert_eq!(with("f01000080002fc0000000001").verdicts, []);
}

#[test]
fn missing() {
    let withdraw = Outcome::TreatAsWithdraw;
    assert_verdict(
        &update_of(&format!("{AS_PATH} {REACH}")),
        withdraw,
        1,
        Defect::Missing,
    );
    assert_verdict(
        &update_of(&format!("{ORIGIN} {REACH}")),
        withdraw,
        2,
        Defect::Missing,
    );
    // A withdraw needs no attributes.
    assert_eq!(update_of(WITHDRAWN).verdicts, []);
    let classic = |attributes: &str| {
        let raw = RawUpdate::new(Bytes::new(), hex(attributes), hex("18 0a0000"));
        Update::decode(raw, &DecodeContext::default())
    };
    assert_verdict(
        &classic(&format!("{ORIGIN} {AS_PATH}")),
        withdraw,
        3,
        Defect::Missing,
    );
    assert_eq!(
        classic(&format!("{ORIGIN} {AS_PATH} 400304 7f000001")).verdicts,
        []
    );
}

#[test]
fn duplicates() {
    let update = with("40010102");
    assert_verdict(&update, Outcome::AttributeDiscard, 1, Defect::Duplicate);
    assert_eq!(
        update.attributes.origin(),
        Some(bgp_wire::attribute::Origin::Igp)
    );
    assert_verdict(&with(REACH), Outcome::SessionReset, 14, Defect::Duplicate);
    let twice = with(&format!("{WITHDRAWN} {WITHDRAWN}"));
    assert_verdict(&twice, Outcome::SessionReset, 15, Defect::Duplicate);
}

#[test]
fn unknown_attributes() {
    let update = with("e06303 010203");
    assert_eq!(update.verdicts, []);
    assert_eq!(update.attributes.get(99).unwrap().raw.value, hex("010203"));
    assert_eq!(with("806300").verdicts, []);
    let update = with("406301 aa");
    assert_verdict(&update, Outcome::SessionReset, 99, Defect::UnknownWellKnown);
    let notification = update.verdicts[0].notification.clone().unwrap();
    assert_eq!(
        notification,
        Notification::unrecognized_well_known(hex("406301aa"))
    );
}

#[test]
fn internal_only() {
    let context = DecodeContext {
        ibgp: false,
        ..DecodeContext::default()
    };
    for (code, attribute) in [(5, LOCAL_PREF), (9, "800904 7f000001"), (10, "800a00")] {
        let attributes = hex(&format!("{ORIGIN} {AS_PATH} {attribute} {REACH}"));
        let raw = RawUpdate::new(Bytes::new(), attributes, Bytes::new());
        let update = Update::decode(raw, &context);
        assert_verdict(
            &update,
            Outcome::AttributeDiscard,
            code,
            Defect::NotFromExternal,
        );
        assert!(update.attributes.get(code).is_none());
    }
}

/// The walk goes by declared lengths: a wrong one does not move what follows.
#[test]
fn routes_survive_a_wrong_length() {
    let update = with("400503 000064");
    assert_eq!(
        update.unreach[0].1[0].bytes,
        hex(&REACH[REACH.find("0311").unwrap()..])
    );
}

#[test]
fn overrun() {
    let offset = 7 + 31;
    let update = update_of(&format!("{ORIGIN} {AS_PATH} {REACH} 400504 0000"));
    assert_verdict(
        &update,
        Outcome::TreatAsWithdraw,
        5,
        Defect::Overrun { offset },
    );
    let update = update_of(&format!("{ORIGIN} {AS_PATH} {REACH} 4005"));
    assert_verdict(
        &update,
        Outcome::TreatAsWithdraw,
        5,
        Defect::Overrun { offset },
    );
    // The routes may be what was lost (section 5.2).
    let update = update_of(&format!("{ORIGIN} {AS_PATH} 400504 0000"));
    assert_verdict(&update, Outcome::SessionReset, 5, Defect::NoRoutes);
}

#[test]
fn defects_without_routes() {
    let reset = Outcome::SessionReset;
    assert_verdict(&update_of("40010103"), reset, 1, Defect::NoRoutes);
    // The reference repeats all attributes in a withdraw.
    assert_verdict(
        &update_of(&format!("40010103 {WITHDRAWN}")),
        reset,
        1,
        Defect::NoRoutes,
    );
    // An attribute that is only discarded is no reason.
    let update = update_of(&format!("{ORIGIN} 400601 00 {WITHDRAWN}"));
    assert_eq!(update.outcome(), Outcome::AttributeDiscard);
}

#[test]
fn next_hop_length() {
    let evpn = Defect::NextHopLength {
        family: Family::EVPN,
        length: 5,
    };
    let update = update_of(&format!(
        "{ORIGIN} {AS_PATH} 800e0a 0019 46 05 7f00000100 00"
    ));
    assert_verdict(&update, Outcome::SessionReset, 14, evpn);
    let vpnv4 = Defect::NextHopLength {
        family: Family::VPNV4,
        length: 4,
    };
    let update = update_of(&format!("{ORIGIN} {AS_PATH} 800e09 0001 80 04 7f000001 00"));
    assert_verdict(&update, Outcome::SessionReset, 14, vpnv4);
    // Flowspec's is to be ignored (RFC 8955 section 4).
    let flow = "800e12 0001 85 04 7f000001 00 08 01180c0000 038106";
    let update = update_of(&format!("{ORIGIN} {AS_PATH} {flow}"));
    assert_eq!(update.verdicts, [], "{update:?}");
    assert_eq!(update.reach.len(), 1);
}

#[test]
fn short_multiprotocol_attributes() {
    for (code, attribute, length) in [
        (14, "800e04 0019 46 00", 4),
        (14, "800e03 0019 46", 3),
        (14, "800e08 0019 46 04 7f000001", 8),
        (14, "800e00", 0),
        (15, "800f02 0019", 2),
    ] {
        let update = update_of(&format!("{ORIGIN} {AS_PATH} {attribute}"));
        assert_verdict(
            &update,
            Outcome::SessionReset,
            code,
            Defect::Length { length },
        );
    }
}

/// A second route of the same UPDATE, good, after a bad one of type `kind`.
fn evpn_beside(bad: &str) -> Update {
    let good = "0311 00017f0000010000 00000000 20 7f000001";
    let nlri = hex(&format!("0019 46 04 7f000001 00 {bad} {good}"));
    let attribute: String = nlri.iter().map(|octet| format!("{octet:02x}")).collect();
    update_of(&format!(
        "{ORIGIN} {AS_PATH} 800e{:02x} {attribute}",
        nlri.len()
    ))
}

/// Typed NLRI have their own length: the bad one is left out, the others are withdrawn (section 5.4).
#[test]
fn bad_evpn_routes_between_good_ones() {
    let rd_esi_tag = "00017f0000010000 00000000000000000000 00000000";
    for (bad, error) in [
        (
            format!("0221 {rd_esi_tag} 28 020000000001 00 000010"),
            NlriError::AddressLength { bits: 40 },
        ),
        (
            format!("0225 {rd_esi_tag} 30 020000000001 18 0a000001 000010"),
            NlriError::AddressLength { bits: 24 },
        ),
        (
            format!("0220 {rd_esi_tag} 30 020000000001 00 0000"),
            NlriError::Length { length: 32 },
        ),
        (
            format!("0222 {rd_esi_tag} 30 020000000001 00 000010 00"),
            NlriError::Length { length: 34 },
        ),
        (
            format!("0522 {rd_esi_tag} 21 0a000000 00000000 000010"),
            NlriError::PrefixLength { bits: 33 },
        ),
        ("0303 000102".into(), NlriError::Length { length: 3 }),
        ("0400".into(), NlriError::Length { length: 0 }),
    ] {
        let update = evpn_beside(&bad);
        let defect = Defect::Nlri {
            family: Family::EVPN,
            error,
        };
        assert_verdict(&update, Outcome::TreatAsWithdraw, 14, defect);
        assert_eq!(update.unreach[0].1.len(), 1, "{bad}");
    }
    // An unknown type is nobody's mistake.
    let update = evpn_beside("6303 010203");
    assert_eq!(
        (update.outcome(), update.reach[0].2.len()),
        (Outcome::Accept, 2)
    );
}

#[test]
fn unreadable_nlri() {
    for (family, head, nlri, error) in [
        (
            Family::EVPN,
            "0019 46 04 7f000001 00",
            "0325 00",
            NlriError::Overrun { offset: 0 },
        ),
        (
            Family::EVPN,
            "0019 46 04 7f000001 00",
            "6300 03",
            NlriError::Overrun { offset: 2 },
        ),
        (
            Family::RTC,
            "0001 84 04 7f000001 00",
            "60 0000fc00",
            NlriError::Overrun { offset: 0 },
        ),
        (
            Family::RTC,
            "0001 84 04 7f000001 00",
            "08 00",
            NlriError::Length { length: 2 },
        ),
        (
            Family::VPNV4,
            "0001 80 0c 0000000000000000 7f000001 00",
            "79 000111 00017f0000010000 0a01010100",
            NlriError::PrefixLength { bits: 33 },
        ),
        (
            Family::VPNV4,
            "0001 80 0c 0000000000000000 7f000001 00",
            "70 000110 000000 0000 7f00 0001 0000",
            NlriError::Labels,
        ),
        (
            Family::IPV6_UNICAST,
            "0002 01 10 fd000000000000000000000000000001 00",
            "81 0000000000000000000000000000000000",
            NlriError::PrefixLength { bits: 129 },
        ),
    ] {
        let value = hex(&format!("{head} {nlri}"));
        let text: String = value.iter().map(|octet| format!("{octet:02x}")).collect();
        let update = update_of(&format!(
            "{ORIGIN} {AS_PATH} 800e{:02x} {text}",
            value.len()
        ));
        let defect = Defect::Nlri { family, error };
        assert_verdict(&update, Outcome::SessionReset, 14, defect);
    }
}

#[test]
fn classic_fields() {
    let attributes = hex(&format!("{ORIGIN} {AS_PATH} 400304 7f000001"));
    for (withdrawn, nlri) in [
        ("21 0a00000000", ""),
        ("", "21 0a00000000"),
        ("18 0a", ""),
        ("", "18 0a"),
    ] {
        let raw = RawUpdate::new(hex(withdrawn), attributes.clone(), hex(nlri));
        let update = Update::decode(raw, &DecodeContext::default());
        assert_eq!(
            update.outcome(),
            Outcome::SessionReset,
            "{withdrawn} / {nlri}"
        );
        let notification = update.verdicts[0].notification.clone();
        assert_eq!(notification, Some(Notification::invalid_network_field()));
    }
}

#[test]
fn flow_components() {
    let head = "0001 86 00 00";
    let rd = "00017f0000010000";
    for (rules, kind) in [
        ("0e 000000", 14),        // unknown
        ("038106 01180c0000", 1), // not ascending
        ("038106 038106", 3),     // twice
        ("0301 06", 3),           // no end
        ("01210c00000000", 1),    // 33 bits
        ("05 91 00", 5),          // cut
        ("03", 3),                // nothing
    ] {
        let length = 8 + hex(rules).len();
        let update = update_of(&format!(
            "{ORIGIN} {AS_PATH} 800e{:02x} {head} {length:02x} {rd} {rules}",
            6 + length
        ));
        let error = NlriError::FlowComponent { kind };
        let defect = Defect::Nlri {
            family: Family::FLOWSPEC_VPNV4,
            error,
        };
        assert_eq!(update.outcome(), Outcome::TreatAsWithdraw);
        assert_eq!(update.verdicts[0].defect, defect, "{rules}");
    }
}

#[test]
fn unknown_families_are_kept_whole() {
    let update = update_of(&format!(
        "{ORIGIN} {AS_PATH} 800e0d 0040 05 04 7f000001 00 deadbeef"
    ));
    assert_eq!(update.verdicts, []);
    let (family, _, nlri) = &update.reach[0];
    assert_eq!(
        (*family, &*nlri[0].bytes),
        (Family::new(64, 5), &*hex("deadbeef"))
    );
}
