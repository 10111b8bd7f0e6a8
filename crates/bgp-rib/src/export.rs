//! Changes for a BGP peer, as messages.

use bgp_wire::attribute::{AsPath, Origin, code};
use bgp_wire::{AttributeValue, EncodeContext, Family, NextHop, Nlri, PathAttributes};
use bgp_wire::{RawMessage, Update};

use crate::{Change, Route};

/// LOCAL_PREF of a route that says none.
pub const DEFAULT_LOCAL_PREF: u32 = 100;

/// The attributes as they go to an internal peer: ORIGIN, AS_PATH and LOCAL_PREF are always there
/// (RFC 4271 section 5).
pub fn attributes(route: &Route) -> PathAttributes {
    let mut attributes = route.attributes().clone();
    let mandatory = [
        (code::ORIGIN, AttributeValue::Origin(Origin::Igp)),
        (code::AS_PATH, AttributeValue::AsPath(AsPath::default())),
        (
            code::LOCAL_PREF,
            AttributeValue::LocalPref(DEFAULT_LOCAL_PREF),
        ),
    ];
    for (code, value) in mandatory {
        if attributes.get(code).is_none() {
            attributes = attributes.with(value);
        }
    }
    attributes
}

/// Messages that tell a peer of `changes`, in order. Neighbouring changes that can share a message do.
pub fn messages<'a>(
    changes: impl IntoIterator<Item = &'a Change>,
    context: &EncodeContext,
) -> Vec<RawMessage> {
    let mut out = Vec::new();
    let mut batch: Option<(Batch, Vec<Nlri>)> = None;
    for change in changes {
        let (kind, nlri) = Batch::of(change);
        match &mut batch {
            Some((open, members)) if *open == kind => members.push(nlri),
            _ => {
                let full = batch.replace((kind, vec![nlri]));
                out.extend(
                    full.into_iter()
                        .flat_map(|(kind, nlri)| kind.encode(&nlri, context)),
                );
            }
        }
    }
    out.extend(
        batch
            .into_iter()
            .flat_map(|(kind, nlri)| kind.encode(&nlri, context)),
    );
    out
}

/// What the routes of one message have in common.
#[derive(PartialEq)]
enum Batch {
    Announce(Family, NextHop, PathAttributes),
    Withdraw(Family),
}

impl Batch {
    fn of(change: &Change) -> (Self, Nlri) {
        match change {
            Change::Advertise { route, .. } => {
                let next_hop = route.next_hop().clone();
                let kind = Self::Announce(route.family(), next_hop, attributes(route));
                (kind, route.nlri().to_owned())
            }
            Change::Withdraw { route, .. } => {
                (Self::Withdraw(route.family()), route.nlri().to_owned())
            }
        }
    }

    fn encode(&self, nlri: &[Nlri], context: &EncodeContext) -> Vec<RawMessage> {
        match self {
            Self::Announce(family, next_hop, attributes) => {
                Update::announce(attributes, *family, next_hop, nlri, context)
            }
            Self::Withdraw(family) => Update::withdraw(*family, nlri, context),
        }
    }
}
