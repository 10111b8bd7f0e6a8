//! How many packets of a recording are as a scenario expects, and which one nearly was.

mod bgp;
mod compare;
mod fields;
mod layers;
mod route;
mod sequence;
mod verdict;
mod words;

pub use fields::Difference;
pub use route::{RouteComparison, compare_route, differences};
pub use verdict::{Late, Match, NearMiss, Satisfied, TooClose, Unit, Verdict, Waiting};

use scenario::packet::{LayerKind, LayerMatcher, VniMatch, VxlanMatcher};
use scenario::{PacketExpectation, Since};

use crate::frame::{FrameIndex, Timestamp};
use crate::recording::Recording;
use compare::{Comparison, Item, Score};
use sequence::Sequences;

/// Judges a recording that grows: each call looks only at what has come since the last one.
///
/// Packets are counted by frame. An expectation with a BGP layer counts messages, since one frame
/// can hold several, and finds each in the frame that holds its last octet. With packets that must
/// follow, what is counted is how often they all came, each time by its first packet.
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
    sequences: Sequences,
    /// By part: the packet itself, then those that follow.
    nearest: Vec<Near>,
    last_match: Option<(FrameIndex, Timestamp)>,
    too_close: Option<TooClose>,
    /// A frame from after the deadline was seen.
    past_deadline: bool,
}

/// Where the nearest miss is; its words are made when asked for.
#[derive(Clone, Copy, Debug)]
struct Near {
    part: usize,
    score: Score,
    at: Match,
    late: Option<Late>,
}

/// The time in which packets count.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    from: Option<Timestamp>,
    /// Until when, and how long that is.
    until: Option<(Timestamp, std::time::Duration)>,
    /// How many frames there were before it.
    frames: usize,
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
        let span = self.span(recording);
        if (self.depends_on_routes() || !self.expectation.then.is_empty())
            && self.has_late_events(recording)
        {
            self.seen = Seen::default();
        }
        self.look_at_frames(recording, span);
        self.look_at_events(recording, span);
        self.verdict(recording)
    }

    /// Judges by frames that another program has found in the recording as it is now.
    pub fn evaluate_found(&mut self, recording: &Recording, found: &[FrameIndex]) -> Verdict {
        let span = self.span(recording);
        self.seen = Seen::default();
        let log = recording.log();
        let mut found = found.iter().copied().peekable();
        let from = FrameIndex(span.frames);
        for (number, frame) in (from.0..).zip(log.frames(from)) {
            let frame_index = FrameIndex(number);
            while found.next_if(|index| *index < frame_index).is_some() {}
            let is_found = found.next_if_eq(&frame_index).is_some();
            if !self.counts(frame.timestamp, span) || !is_found {
                continue;
            }
            let at = Match {
                frame: frame_index,
                event: None,
            };
            self.hit(at, frame.timestamp, span);
        }
        self.verdict(recording)
    }

    fn span(&self, recording: &Recording) -> Span {
        let Since::Step(step) = self.expectation.since else {
            return Span::default();
        };
        let Some((from, frames)) = recording.beginning(step) else {
            return Span::default();
        };
        let until = self.expectation.deadline.map(|deadline| {
            let until = Timestamp::from_epoch(from.since_epoch() + deadline);
            (until, deadline)
        });
        Span {
            from: Some(from),
            until,
            frames,
        }
    }

    /// Whether a frame of that time counts, which is noted.
    fn counts(&mut self, time: Timestamp, span: Span) -> bool {
        let counts = span.from.is_none_or(|from| time >= from);
        self.seen.counted += usize::from(counts);
        self.seen.past_deadline |= span.until.is_some_and(|(until, _)| time > until);
        counts
    }

    fn look_at_frames(&mut self, recording: &Recording, span: Span) {
        let from = self.seen.frames.max(span.frames);
        let by_message = self.counts_messages() && self.expectation.then.is_empty();
        let frames = recording.log().frames(FrameIndex(from));
        for (number, frame) in (from..).zip(frames) {
            if !self.counts(frame.timestamp, span) || by_message {
                continue;
            }
            let dissection = recording.dissect(&frame);
            let events = recording.ending_in(number);
            let mut item = Item {
                recording,
                dissection: &dissection,
                has_message: !events.is_empty(),
                at: Match {
                    frame: FrameIndex(number),
                    event: None,
                },
            };
            self.look_at(&item, frame.timestamp, span);
            if !self.expectation.then.is_empty() {
                for event in events {
                    item.at.event = Some(event);
                    self.look_at(&item, frame.timestamp, span);
                }
            }
        }
        self.seen.frames = recording.frames().len();
    }

    fn look_at_events(&mut self, recording: &Recording, span: Span) {
        let from = std::mem::replace(&mut self.seen.events, recording.events().len());
        if !self.counts_messages() || !self.expectation.then.is_empty() {
            return;
        }
        for (number, event) in recording.events().iter().enumerate().skip(from) {
            if span.from.is_some_and(|from| event.timestamp < from) {
                continue;
            }
            let Some(frame) = recording.log().frame(event.frame) else {
                continue;
            };
            let item = Item {
                recording,
                dissection: &recording.dissect(&frame),
                has_message: true,
                at: Match {
                    frame: event.frame,
                    event: Some(number),
                },
            };
            self.look_at(&item, frame.timestamp, span);
        }
    }

    fn look_at(&mut self, item: &Item<'_>, time: Timestamp, span: Span) {
        if self.expectation.outside.is_some_and(|kind| item.has(kind)) {
            return;
        }
        if self.follow(item, time) {
            return;
        }
        if item.at.event.is_some() != compare::is_message(&self.expectation.layers) {
            return;
        }
        match item.compare(&self.expectation.layers) {
            Comparison::Hit => self.hit(item.at, time, span),
            Comparison::Miss { score, .. } => self.nearly(0, score, item.at, None),
        }
    }

    /// A packet like the first.
    fn hit(&mut self, at: Match, time: Timestamp, span: Span) {
        if let Some((until, most)) = span.until
            && time > until
        {
            let late = Late {
                after: None,
                took: time.since(span.from.unwrap_or_default()),
                most,
            };
            self.nearly(0, Score::MAX, at, Some(late));
        } else if self.expectation.then.is_empty() {
            self.matched(at, time);
        } else {
            self.seen.sequences.open(at, time);
        }
    }

    /// Whether the packet is one that some earlier one waits for.
    fn follow(&mut self, item: &Item<'_>, time: Timestamp) -> bool {
        for part in (1..=self.expectation.then.len()).rev() {
            let Some(follow) = self.expectation.then.get(part - 1) else {
                continue;
            };
            if !self.seen.sequences.wait_for(part)
                || item.at.event.is_some() != compare::is_message(&follow.layers)
            {
                continue;
            }
            let within = follow.within;
            let of_all = self.expectation.then.len();
            match item.compare(&follow.layers) {
                Comparison::Hit => {
                    let step = self
                        .seen
                        .sequences
                        .advance(part, of_all, item.at, time, within);
                    if let Some(late) = step.late {
                        self.nearly(part, Score::MAX, item.at, Some(late));
                    }
                    if let Some((first, time)) = step.complete {
                        self.matched(first, time);
                    }
                    if step.taken {
                        return true;
                    }
                }
                Comparison::Miss { score, .. } => self.nearly(part, score, item.at, None),
            }
        }
        false
    }

    fn matched(&mut self, at: Match, time: Timestamp) {
        if let (Some(spacing), Some((before, earlier)), None) = (
            self.expectation.spacing,
            self.seen.last_match,
            self.seen.too_close,
        ) {
            let gap = time.since(earlier);
            let short = spacing.at_least.is_some_and(|least| gap < least);
            let long = spacing.at_most.is_some_and(|most| gap > most);
            if short || long {
                self.seen.too_close = Some(TooClose {
                    before,
                    frame: at.frame,
                    gap,
                    spacing,
                });
            }
        }
        self.seen.last_match = Some((at.frame, time));
        self.seen.matched.push(at);
    }

    fn nearly(&mut self, part: usize, score: Score, at: Match, late: Option<Late>) {
        // Nothing in common is not near. Of equals the latest tells most.
        if score == Score::default() {
            return;
        }
        let near = Near {
            part,
            score,
            at,
            late,
        };
        match self.seen.nearest.iter_mut().find(|near| near.part == part) {
            Some(nearest) if score >= nearest.score => *nearest = near,
            Some(_) => {}
            None => self.seen.nearest.push(near),
        }
    }

    fn verdict(&self, recording: &Recording) -> Verdict {
        let amount = self.expectation.amount;
        let found = self.seen.matched.len() as u64;
        let over = self.seen.past_deadline;
        let satisfied = if self.seen.too_close.is_some() || amount.exceeded_by(found) {
            Satisfied::No
        } else if amount.holds(found) {
            Satisfied::Yes
        } else if over && self.seen.sequences.is_empty() {
            Satisfied::No
        } else {
            Satisfied::NotYet
        };
        Verdict {
            satisfied,
            wanted: words::expectation(&self.expectation),
            unit: match (self.expectation.then.is_empty(), self.counts_messages()) {
                (false, _) => Unit::Sequences,
                (true, true) => Unit::Messages,
                (true, false) => Unit::Packets,
            },
            amount,
            matched: self.seen.matched.clone(),
            frames: self.seen.counted,
            nearest: self.near_miss(recording),
            waiting: self.seen.sequences.waiting().and_then(|(frame, part)| {
                let follow = self.expectation.then.get(part.checked_sub(1)?)?;
                Some(Waiting {
                    frame,
                    wanted: words::follow(follow),
                })
            }),
            too_close: self.seen.too_close,
            over,
        }
    }

    /// The nearest miss of the part that some sequence waits for, or that came too late for it; else of the first.
    fn near_miss(&self, recording: &Recording) -> Option<NearMiss> {
        let nearest = self.seen.nearest.iter();
        let late = nearest.clone().find(|near| near.late.is_some());
        let near = match self.seen.sequences.waiting() {
            Some((after, part)) => {
                let of_it = |near: &&Near| near.part == part && near.at.frame > after;
                nearest.clone().find(of_it).or(late)?
            }
            None => late.or_else(|| nearest.clone().find(|near| near.part == 0))?,
        };
        let recorded = recording.frames().get(near.at.frame.0)?;
        let layers = match near.part.checked_sub(1) {
            None => &self.expectation.layers,
            Some(follow) => &self.expectation.then.get(follow)?.layers,
        };
        let item = Item {
            recording,
            dissection: &recorded.dissection,
            has_message: !recorded.events.is_empty(),
            at: near.at,
        };
        let miss = |agreed, layer, difference| NearMiss {
            frame: near.at.frame,
            part: near.part,
            agreed,
            layer,
            difference,
            late: near.late,
            outline: recorded.dissection.outline(),
        };
        match item.compare(layers) {
            Comparison::Hit => {
                let last = layers
                    .last()
                    .map_or(LayerKind::Ethernet, LayerMatcher::kind);
                near.late.map(|_| miss(layers.len(), last, None))
            }
            Comparison::Miss {
                score,
                layer,
                fields,
            } => {
                let difference = fields.and_then(|fields| fields.difference);
                Some(miss(score.matchers, layer, difference))
            }
        }
    }

    fn counts_messages(&self) -> bool {
        compare::is_message(&self.expectation.layers)
    }

    fn depends_on_routes(&self) -> bool {
        let advertised = LayerMatcher::Vxlan(VxlanMatcher {
            vni: Some(VniMatch::Advertised),
        });
        let follow = self.expectation.then.iter().flat_map(|then| &then.layers);
        let mut all = self.expectation.layers.iter().chain(follow);
        all.any(|layer| *layer == advertised)
    }

    /// Whether a message has come out, since the last call, of a frame already judged: segments
    /// were out of order, and what was advertised at the time of a frame looks different now.
    fn has_late_events(&self, recording: &Recording) -> bool {
        let mut new = recording.events().iter().skip(self.seen.events);
        new.any(|event| event.frame.0 < self.seen.frames)
    }
}
