//! How many packets of a recording are as a scenario expects, and which one nearly was.

mod fields;
mod layers;
mod route;
mod verdict;
mod words;

pub use fields::Difference;
pub use route::{RouteComparison, compare_route};
pub use verdict::{Match, NearMiss, Satisfied, Unit, Verdict};

use scenario::packet::{LayerKind, LayerMatcher, VniMatch, VxlanMatcher};
use scenario::{PacketExpectation, Since};

use crate::bgp::BgpEvent;
use crate::dissect::Protocol;
use crate::frame::{FrameIndex, Timestamp};
use crate::recording::{Recorded, Recording};
use fields::Fields;
use layers::Subject;

/// Judges a recording that grows: each call looks only at what has come since the last one.
///
/// Packets are counted by frame. An expectation with a BGP layer counts messages, since one frame
/// can hold several, and finds each in the frame that holds its last octet.
#[derive(Clone, Debug)]
pub struct Matcher {
    expectation: PacketExpectation,
    seen: Seen,
}

/// What has been judged so far.
#[derive(Clone, Debug, Default)]
struct Seen {
    frames: usize,
    events: usize,
    /// Frames in the time asked for.
    counted: usize,
    matched: Vec<Match>,
    nearest: Option<Near>,
}

/// Where the nearest miss is; its words are made when asked for.
#[derive(Clone, Copy, Debug)]
struct Near {
    score: Score,
    at: Match,
}

/// How near a miss is: matchers that agree, then fields that agree, then layers that are there at
/// all.
type Score = (usize, usize, usize);

/// How a frame compares with what was asked for.
enum Comparison {
    Hit,
    Miss {
        score: Score,
        layer: LayerKind,
        fields: Option<Fields>,
    },
}

impl Matcher {
    /// A matcher that has seen nothing. `expectation.capture` is not looked at: give it the
    /// recording meant.
    pub fn new(expectation: PacketExpectation) -> Self {
        Self {
            expectation,
            seen: Seen::default(),
        }
    }

    /// Judges the recording as it is now. It must be the same one in each call.
    pub fn evaluate(&mut self, recording: &Recording) -> Verdict {
        let since = match self.expectation.since {
            Since::Start => None,
            Since::Step(step) => recording.began(step),
        };
        if self.depends_on_routes() && self.has_late_events(recording) {
            self.seen = Seen::default();
        }
        self.look_at_frames(recording, since);
        self.look_at_events(recording, since);
        self.verdict(recording)
    }

    fn look_at_frames(&mut self, recording: &Recording, since: Option<Timestamp>) {
        let by_message = self.counts_messages();
        for (number, recorded) in recording.frames().iter().enumerate().skip(self.seen.frames) {
            if !in_time(recorded, since) {
                continue;
            }
            self.seen.counted += 1;
            if !by_message {
                let at = Match {
                    frame: FrameIndex(number),
                    event: None,
                };
                self.look_at(recording, recorded, at);
            }
        }
        self.seen.frames = recording.frames().len();
    }

    fn look_at_events(&mut self, recording: &Recording, since: Option<Timestamp>) {
        let from = std::mem::replace(&mut self.seen.events, recording.events().len());
        if !self.counts_messages() {
            return;
        }
        for (number, event) in recording.events().iter().enumerate().skip(from) {
            let Some(recorded) = recording.frames().get(event.frame.0) else {
                continue;
            };
            if in_time(recorded, since) {
                let at = Match {
                    frame: event.frame,
                    event: Some(number),
                };
                self.look_at(recording, recorded, at);
            }
        }
    }

    fn look_at(&mut self, recording: &Recording, recorded: &Recorded, at: Match) {
        if self
            .expectation
            .outside
            .is_some_and(|kind| has(recorded, kind))
        {
            return;
        }
        match self.compare(recording, recorded, at) {
            Comparison::Hit => self.seen.matched.push(at),
            Comparison::Miss { score, .. } => {
                // Nothing in common is not near. Of equals the latest tells most.
                if score != Score::default()
                    && self
                        .seen
                        .nearest
                        .is_none_or(|nearest| score >= nearest.score)
                {
                    self.seen.nearest = Some(Near { score, at });
                }
            }
        }
    }

    /// Each matcher takes the first layer after the last one taken that agrees; as the layers asked
    /// for may have any others between them, the first is as good as any. One that finds none takes
    /// the layer that comes closest, so that what follows still counts for how near the miss is.
    fn compare(&self, recording: &Recording, recorded: &Recorded, at: Match) -> Comparison {
        let dissection = &recorded.dissection;
        let advertised = &recording.advertised;
        let subject = Subject {
            dissection,
            frame: at.frame,
            advertised,
        };
        let event = at.event.and_then(|number| recording.events().get(number));
        let mut next = 0;
        let mut score = Score::default();
        let mut failure = None;
        for matcher in &self.expectation.layers {
            let found = closest(&subject, matcher, event, next);
            if let Some((position, fields)) = &found {
                score.0 += usize::from(fields.all_agree());
                score.1 += fields.agreed;
                score.2 += 1;
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

    fn verdict(&self, recording: &Recording) -> Verdict {
        let amount = self.expectation.amount;
        let found = self.seen.matched.len() as u64;
        let satisfied = if amount.holds(found) {
            Satisfied::Yes
        } else if amount.exceeded_by(found) {
            Satisfied::No
        } else {
            Satisfied::NotYet
        };
        Verdict {
            satisfied,
            wanted: words::expectation(&self.expectation),
            unit: if self.counts_messages() {
                Unit::Messages
            } else {
                Unit::Packets
            },
            amount,
            matched: self.seen.matched.clone(),
            frames: self.seen.counted,
            nearest: self
                .seen
                .nearest
                .and_then(|near| self.near_miss(recording, near.at)),
        }
    }

    fn near_miss(&self, recording: &Recording, at: Match) -> Option<NearMiss> {
        let recorded = recording.frames().get(at.frame.0)?;
        match self.compare(recording, recorded, at) {
            Comparison::Hit => None,
            Comparison::Miss {
                score,
                layer,
                fields,
            } => Some(NearMiss {
                frame: at.frame,
                agreed: score.0,
                layer,
                difference: fields.and_then(|fields| fields.difference),
                outline: recorded.dissection.outline(),
            }),
        }
    }

    fn counts_messages(&self) -> bool {
        self.expectation
            .layers
            .iter()
            .any(|layer| layer.kind() == LayerKind::Bgp)
    }

    fn depends_on_routes(&self) -> bool {
        let advertised = VxlanMatcher {
            vni: Some(VniMatch::Advertised),
        };
        self.expectation
            .layers
            .contains(&LayerMatcher::Vxlan(advertised))
    }

    /// Whether a message has come out, since the last call, of a frame already judged: segments
    /// were out of order, and what was advertised at the time of a frame looks different now.
    fn has_late_events(&self, recording: &Recording) -> bool {
        let mut new = recording.events().iter().skip(self.seen.events);
        new.any(|event| event.frame.0 < self.seen.frames)
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
    event.map(|event| route::compare(wanted, event))
}

fn in_time(recorded: &Recorded, since: Option<Timestamp>) -> bool {
    since.is_none_or(|since| recorded.frame.timestamp >= since)
}

fn has(recorded: &Recorded, kind: LayerKind) -> bool {
    let has = |protocol| recorded.dissection.has(protocol);
    match kind {
        LayerKind::Ethernet => has(Protocol::Ethernet),
        LayerKind::Arp => has(Protocol::Arp),
        LayerKind::Ipv4 => has(Protocol::Ipv4),
        LayerKind::Ipv6 => has(Protocol::Ipv6),
        LayerKind::Icmp => has(Protocol::Icmp) || has(Protocol::Icmpv6),
        LayerKind::Udp => has(Protocol::Udp),
        LayerKind::Tcp => has(Protocol::Tcp),
        LayerKind::Vxlan => has(Protocol::Vxlan),
        LayerKind::Bgp => !recorded.events.is_empty(),
    }
}
