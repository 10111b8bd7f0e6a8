//! The same octets through other people's codecs: recorded sessions, built values, mutated messages.
//!
//! Where the other codec is known to differ, the difference has a name here and nothing else is let through.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "../support/mod.rs"]
mod support;

mod netgauze;
mod rustbgpd;

use bgp_wire::attribute::{AsPath, AttributeValue, MpReach, Origin, SegmentKind, code};
use bgp_wire::nlri::{EvpnRoute, NlriValue};
use bgp_wire::{EncodeContext, PathAttributes, RawMessage, Update};
use proptest::prelude::*;
use support::arbitrary::{attribute, mp_reach};
use support::session::{Captured, directories, messages};

/// Every message of every recorded session.
fn recorded() -> Vec<Captured> {
    let files = directories()
        .into_iter()
        .map(|directory| directory.join("session.pcap"));
    files.flat_map(|file| messages(&file)).collect()
}

/// Much of what is built is passed over for a named difference.
fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        max_global_rejects: 1_000_000,
        ..ProptestConfig::default()
    }
}

/// An announcement with its value.
#[derive(Debug, Clone)]
struct Built {
    reach: MpReach,
    attributes: PathAttributes,
    message: RawMessage,
}

impl Built {
    fn has_flowspec(&self) -> bool {
        matches!(self.reach.family.safi, 133 | 134)
    }

    /// Some route, as a value, is so.
    fn any_value(&self, so: impl Fn(&NlriValue) -> bool) -> bool {
        self.reach
            .nlri
            .iter()
            .any(|nlri| so(&nlri.value().unwrap()))
    }

    fn has_unknown_evpn(&self) -> bool {
        self.any_value(|value| matches!(value, NlriValue::Evpn(EvpnRoute::Unknown { .. })))
    }
}

fn built() -> impl Strategy<Value = Built> {
    (mp_reach(), proptest::collection::vec(attribute(), 0..6)).prop_map(|(reach, values)| {
        let values = values.into_iter().filter(|value| {
            // What these codecs do with unknown attributes is about their tables, not about octets.
            !matches!(value, AttributeValue::Unknown { .. }) && value.code() != code::NEXT_HOP
        });
        let attributes = values
            .collect::<PathAttributes>()
            .with(AttributeValue::Origin(Origin::Igp));
        let attributes = match attributes.as_path() {
            Some(_) => attributes,
            None => attributes.with(AttributeValue::AsPath(AsPath::default())),
        };
        let context = EncodeContext {
            extended_message: true,
            ..EncodeContext::default()
        };
        let MpReach {
            family,
            next_hop,
            nlri,
        } = &reach;
        let mut messages = Update::announce(&attributes, *family, next_hop, nlri, &context);
        Built {
            message: messages.remove(0),
            attributes,
            reach,
        }
    })
}

fn has_confederation(attributes: &PathAttributes) -> bool {
    let kinds = [SegmentKind::ConfedSequence, SegmentKind::ConfedSet];
    let path = attributes.as_path();
    path.is_some_and(|path| path.0.iter().any(|segment| kinds.contains(&segment.kind)))
}
