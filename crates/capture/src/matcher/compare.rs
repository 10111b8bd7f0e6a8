//! One packet, or one message in it, against a list of layers.

use scenario::packet::{LayerKind, LayerMatcher};

use super::bgp;
use super::fields::Fields;
use super::layers::Subject;
use super::verdict::Match;
use crate::bgp::BgpEvent;
use crate::dissect::{Dissection, Protocol};
use crate::recording::Recording;

/// How near a miss is: matchers that agree, then fields that agree, then layers that are there at
/// all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Score {
    pub matchers: usize,
    pub fields: usize,
    pub layers: usize,
}

impl Score {
    /// That of what is as asked for, and only does not count.
    pub const MAX: Self = Self {
        matchers: usize::MAX,
        fields: usize::MAX,
        layers: usize::MAX,
    };
}

/// How a packet compares with what was asked for.
pub(super) enum Comparison {
    Hit,
    Miss {
        score: Score,
        layer: LayerKind,
        fields: Option<Fields>,
    },
}

/// A frame, or a message in it.
pub(super) struct Item<'a> {
    pub recording: &'a Recording,
    pub dissection: &'a Dissection,
    /// Whether some message ends in the frame.
    pub has_message: bool,
    pub at: Match,
}

/// Whether such layers ask for a message rather than a frame.
pub(super) fn is_message(layers: &[LayerMatcher]) -> bool {
    layers.iter().any(|layer| layer.kind() == LayerKind::Bgp)
}

impl Item<'_> {
    /// Each matcher takes the first layer after the last one taken that agrees; as the layers asked
    /// for may have any others between them, the first is as good as any. One that finds none takes
    /// the layer that comes closest, so that what follows still counts for how near the miss is.
    pub fn compare(&self, layers: &[LayerMatcher]) -> Comparison {
        let subject = Subject {
            dissection: self.dissection,
            frame: self.at.frame,
            advertised: &self.recording.advertised,
        };
        let events = self.recording.events();
        let event = self.at.event.and_then(|number| events.get(number));
        let mut next = 0;
        let mut score = Score::default();
        let mut failure = None;
        for matcher in layers {
            let found = closest(&subject, matcher, event, next);
            if let Some((position, fields)) = &found {
                score.matchers += usize::from(fields.all_agree());
                score.fields += fields.agreed;
                score.layers += 1;
                // A BGP message lies in the TCP layer, which may itself have been asked for before.
                next = position + usize::from(matcher.kind() != LayerKind::Tcp);
            }
            let agrees = found.as_ref().is_some_and(|(_, fields)| fields.all_agree());
            if !agrees && failure.is_none() {
                failure = Some((matcher.kind(), found.map(|(_, fields)| fields)));
            }
        }
        match failure {
            None => Comparison::Hit,
            Some((layer, fields)) => Comparison::Miss {
                score,
                layer,
                fields,
            },
        }
    }

    /// Whether there is such a layer anywhere.
    pub fn has(&self, kind: LayerKind) -> bool {
        let has = |protocol| self.dissection.has(protocol);
        match kind {
            LayerKind::Ethernet => has(Protocol::Ethernet),
            LayerKind::Arp => has(Protocol::Arp),
            LayerKind::Ipv4 => has(Protocol::Ipv4),
            LayerKind::Ipv6 => has(Protocol::Ipv6),
            LayerKind::Icmp => has(Protocol::Icmp) || has(Protocol::Icmpv6),
            LayerKind::Udp => has(Protocol::Udp),
            LayerKind::Tcp => has(Protocol::Tcp),
            LayerKind::Vxlan => has(Protocol::Vxlan),
            LayerKind::Mpls => has(Protocol::Mpls),
            LayerKind::Gre => has(Protocol::Gre),
            LayerKind::Bgp => self.has_message,
        }
    }
}

/// The first layer from `next` on that agrees with `matcher`, else the one of its kind that comes
/// closest.
fn closest(
    subject: &Subject<'_>,
    matcher: &LayerMatcher,
    event: Option<&BgpEvent>,
    next: usize,
) -> Option<(usize, Fields)> {
    let mut closest: Option<(usize, Fields)> = None;
    for position in next..subject.dissection.layers.len() {
        let Some(fields) = compare_at(subject, matcher, event, position) else {
            continue;
        };
        if fields.all_agree() {
            return Some((position, fields));
        }
        if closest
            .as_ref()
            .is_none_or(|(_, closest)| fields.agreed > closest.agreed)
        {
            closest = Some((position, fields));
        }
    }
    closest
}

fn compare_at(
    subject: &Subject<'_>,
    matcher: &LayerMatcher,
    event: Option<&BgpEvent>,
    position: usize,
) -> Option<Fields> {
    let LayerMatcher::Bgp(wanted) = matcher else {
        return subject.compare(matcher, position);
    };
    let layer = subject.dissection.layers.get(position)?;
    if layer.protocol() != Protocol::Tcp {
        return None;
    }
    event.map(|event| bgp::compare(wanted, event))
}
