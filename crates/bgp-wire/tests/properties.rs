//! Round trips of every type, and input of any kind.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use std::net::Ipv4Addr;
use std::sync::OnceLock;

use bgp_wire::open::{Arrangement, Open};
use bgp_wire::raw::{Framer, RawAttribute, RawMessage, RawUpdate};
use bgp_wire::{
    Attribute, AttributeValue, DecodeContext, EncodeContext, ExtendedCommunity, Family, Message,
    Nlri, Notification, Outcome, PathAttributes, RouteRefresh, Update,
};
use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use support::arbitrary::{
    attribute, capability, community, family, mp_reach, nlri_value, octets, rd, route_target,
};
use support::read_anything;
use support::session::{directories, messages};

fn json_round_trip<T>(value: &T) -> T
where
    T: serde::Serialize + serde::de::DeserializeOwned,
{
    let text = serde_json::to_string(value).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

fn contexts() -> [DecodeContext; 4] {
    let wide = DecodeContext::default();
    let paths = DecodeContext {
        add_path: Family::named().collect(),
        ..wide.clone()
    };
    [
        DecodeContext {
            as4: false,
            ..wide.clone()
        },
        DecodeContext {
            ibgp: false,
            ..wide.clone()
        },
        paths,
        wide,
    ]
}

/// Every message of the recorded sessions.
fn corpus() -> &'static [RawMessage] {
    static CORPUS: OnceLock<Vec<RawMessage>> = OnceLock::new();
    CORPUS.get_or_init(|| {
        let files = directories()
            .into_iter()
            .map(|directory| directory.join("session.pcap"));
        files
            .flat_map(|file| messages(&file))
            .map(|captured| captured.raw)
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nlri(value in nlri_value(), path_id in proptest::option::of(any::<u32>())) {
        let nlri = Nlri::from(value.clone()).with_path_id(path_id);
        prop_assert_eq!(nlri.value(), Ok(value));
        prop_assert_eq!(nlri.check(), Ok(()));
        let add_path = path_id.is_some();
        let mut field = BytesMut::new();
        nlri.encode_into(add_path, &mut field);
        nlri.encode_into(add_path, &mut field);
        let split = Nlri::split(nlri.family, &field.freeze(), add_path);
        prop_assert_eq!(split, Ok(vec![nlri.clone(), nlri.clone()]));
        prop_assert_eq!(&json_round_trip(&nlri), &nlri);
        prop_assert_eq!(json_round_trip(&nlri.key()), nlri.key());
        prop_assert_eq!(json_round_trip(&nlri.value().unwrap()), nlri.value().unwrap());
    }

    #[test]
    fn attributes(value in attribute()) {
        let built = Attribute::new(value.clone(), &EncodeContext::default());
        let mut octets = BytesMut::new();
        built.raw.encode_into(&mut octets);
        let mut walk = RawAttribute::walk(&octets.freeze());
        let raw = walk.next().unwrap().unwrap();
        prop_assert!(walk.next().is_none());
        let read = Attribute::decode(raw, &DecodeContext::default()).unwrap();
        prop_assert_eq!(&read.value, &value);
        prop_assert_eq!(&read, &built);
        prop_assert_eq!(json_round_trip(&value), value);
    }

    #[test]
    fn announcements(
        reach in mp_reach(),
        values in proptest::collection::vec(attribute(), 0..8),
        as4: bool,
    ) {
        let mut attributes: PathAttributes = values.into_iter().collect();
        for value in [
            AttributeValue::Origin(bgp_wire::attribute::Origin::Igp),
            AttributeValue::AsPath(bgp_wire::attribute::AsPath::sequence([4_200_000_001])),
        ] {
            attributes = attributes.with(value);
        }
        let attributes = attributes.without(bgp_wire::attribute::code::NEXT_HOP);
        let encode = EncodeContext { as4, extended_message: true, ..Default::default() };
        let messages =
            Update::announce(&attributes, reach.family, &reach.next_hop, &reach.nlri, &encode);
        prop_assert_eq!(messages.len(), 1);
        let decode = DecodeContext { as4, ..Default::default() };
        let Ok(Message::Update(update)) = Message::decode(&messages[0], &decode) else {
            return Err(TestCaseError::fail("not an UPDATE"));
        };
        prop_assert_eq!(update.outcome(), Outcome::Accept, "{:?}", update.verdicts);
        prop_assert_eq!(&update.reach, &[(reach.family, reach.next_hop, reach.nlri)]);
        let read = update.attributes.clone().without(bgp_wire::attribute::code::NEXT_HOP);
        prop_assert_eq!(&read, &attributes);
        prop_assert_eq!(&json_round_trip(&update), &update);
        prop_assert_eq!(&json_round_trip(&attributes), &attributes);
    }

    #[test]
    fn opens(
        asn: u32,
        hold_time in 3u16..,
        id in 1u32..,
        capabilities in proptest::collection::vec(capability(), 0..6),
        together: bool,
    ) {
        let mut open = Open::new(asn, hold_time, Ipv4Addr::from(id), capabilities);
        // One parameter of more than 65,535 octets cannot be.
        open.arrangement = if together { Arrangement::Together } else { Arrangement::OneEach };
        let raw = Message::Open(open.clone()).encode();
        let Ok(Message::Open(read)) = Message::decode(&raw, &DecodeContext::default()) else {
            return Err(TestCaseError::fail("not an OPEN"));
        };
        prop_assert_eq!(&read.capabilities, &open.capabilities);
        prop_assert_eq!(read.encode_body(), raw.body);
        prop_assert_eq!(&json_round_trip(&open), &open);
    }

    #[test]
    fn small_messages(code: u8, subcode: u8, data in octets(0..40), family in family()) {
        let notification = Notification::new(code, subcode).with_data(data.clone());
        let refresh = RouteRefresh { family, subtype: RouteRefresh::REQUEST, rest: data };
        for message in [Message::Notification(notification), Message::RouteRefresh(refresh)] {
            let raw = message.encode();
            prop_assert_eq!(Message::decode(&raw, &DecodeContext::default()), Ok(message.clone()));
            prop_assert_eq!(json_round_trip(&message), message.clone());
            prop_assert_eq!(json_round_trip(&raw), raw);
        }
        let _ = Notification::new(code, subcode).to_string();
    }

    #[test]
    fn texts(rd in rd(), target in route_target(), community in community(), family in family()) {
        prop_assert_eq!(rd.to_string().parse(), Ok(rd));
        prop_assert_eq!(target.to_string().parse(), Ok(target));
        prop_assert_eq!(community.to_string().parse(), Ok(community));
        prop_assert_eq!(family.to_string().parse(), Ok(family));
        prop_assert_eq!(ExtendedCommunity::from(target).route_target(), Some(target));
        let redirect = ExtendedCommunity::from_redirect(target);
        prop_assert_eq!(redirect.redirect(), Some(target));
        prop_assert_eq!(ExtendedCommunity::from_rt_record(target).rt_record(), Some(target));
    }

    #[test]
    fn any_stream(chunks in proptest::collection::vec(octets(0..60), 0..6)) {
        let mut framer = Framer::new();
        for chunk in chunks {
            framer.push(&chunk);
            while let Some(Ok(_)) = framer.next() {}
        }
    }

    #[test]
    fn any_body(kind in 0u8..7, body in octets(0..200)) {
        for context in contexts() {
            read_anything(kind, body.clone(), &context);
        }
    }

    #[test]
    fn any_text(text in "[0-9a-fxL:./-]{0,24}") {
        let _ = text.parse::<bgp_wire::MacAddr>();
        let _ = text.parse::<bgp_wire::Esi>();
        let _ = text.parse::<bgp_wire::IpPrefix>();
        let _ = text.parse::<bgp_wire::RouteDistinguisher>();
        let _ = text.parse::<bgp_wire::RouteTarget>();
        let _ = text.parse::<ExtendedCommunity>();
        let _ = text.parse::<Family>();
    }

    /// What was read from any NLRI octets, written, is read as the same.
    #[test]
    fn any_nlri(family in family(), bytes in octets(0..64)) {
        for nlri in Nlri::split(family, &bytes, false).unwrap_or_default() {
            let _ = nlri.key();
            prop_assert_eq!(nlri.check().is_ok(), nlri.value().is_ok());
            if let Ok(value) = nlri.value() {
                let canonical = Nlri::from(value.clone());
                prop_assert_eq!(canonical.value(), Ok(value));
                prop_assert_eq!(canonical.key(), nlri.key());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4096,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Recorded messages with a few octets changed and perhaps cut: nothing panics, and what is announced again
    /// after a clean reading is read as the same.
    #[test]
    fn mutated_messages(
        message in proptest::sample::select(corpus()),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in proptest::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let mut body = message.body.to_vec();
        for (at, octet) in changes {
            if !body.is_empty() {
                let at = at.index(body.len());
                body[at] = octet;
            }
        }
        if let Some(cut) = cut {
            body.truncate(cut.index(body.len() + 1));
        }
        let body = Bytes::from(body);
        for context in contexts() {
            read_anything(message.kind, body.clone(), &context);
        }
        announced_again(message.kind, body)?;
    }
}

fn announced_again(kind: u8, body: Bytes) -> Result<(), TestCaseError> {
    let context = DecodeContext::default();
    let raw = RawMessage::new(kind, body);
    let Ok(Message::Update(update)) = Message::decode(&raw, &context) else {
        return Ok(());
    };
    prop_assert_eq!(update.raw.encode(), raw);
    let encode = EncodeContext {
        extended_message: true,
        ..Default::default()
    };
    for (family, next_hop, nlri) in &update.reach {
        for message in Update::announce(&update.attributes, *family, next_hop, nlri, &encode) {
            let again = Update::decode(RawUpdate::parse(&message.body).unwrap(), &context);
            prop_assert_eq!(&again.reach, &[(*family, next_hop.clone(), nlri.clone())]);
            let without = |update: &Update| {
                update
                    .attributes
                    .clone()
                    .without(bgp_wire::attribute::code::NEXT_HOP)
            };
            prop_assert_eq!(without(&again), without(&update));
        }
    }
    Ok(())
}
