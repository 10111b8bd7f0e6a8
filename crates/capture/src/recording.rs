//! Everything a capture has shown so far.

use std::collections::BTreeSet;
use std::io::Write;

use scenario::StepId;
use serde::{Deserialize, Serialize};

use crate::advertised::Advertised;
use crate::bgp::{BgpEvent, Tracker};
use crate::dissect::{Dissection, Dissector, StandardDissector};
use crate::frame::{Frame, FrameIndex, InterfaceId, Timestamp};
use crate::log::FrameLog;
use crate::pcap::CaptureFileError;
use crate::store::{Memory, Store};
use crate::text;

/// Frames with their layers, the BGP messages in them, and when the scenario's steps began. Only
/// grows.
///
/// Frames are kept as a capture file in a [`Store`], and their layers are found again when somebody looks.
pub struct Recording {
    dissector: Box<dyn Dissector>,
    tracker: Tracker,
    log: FrameLog,
    events: Vec<BgpEvent>,
    /// The frame each message ends in, and the message.
    ending: BTreeSet<(usize, usize)>,
    pub(crate) advertised: Advertised,
}

/// One frame of a recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// The frame.
    pub frame: Frame,
    /// Its layers.
    pub dissection: Dissection,
    /// The BGP messages that end in it, as indices into [`Recording::events`].
    pub events: Vec<usize>,
}

/// The moment a step began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Which step.
    pub step: StepId,
    /// Its title.
    pub title: String,
    /// When it began, by the clock that stamps the frames.
    pub timestamp: Timestamp,
}

/// The frames of a recording.
#[derive(Clone, Copy)]
pub struct Frames<'a>(&'a Recording);

impl<'a> Frames<'a> {
    /// How many there are.
    pub const fn len(self) -> usize {
        self.0.log.len()
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.0.log.is_empty()
    }

    /// One of them.
    pub fn get(self, index: usize) -> Option<Recorded> {
        self.from(index).next()
    }

    /// All, in the order they came.
    pub fn iter(self) -> impl Iterator<Item = Recorded> + 'a {
        self.from(0)
    }

    /// Those from one on, in the order they came.
    pub fn from(self, index: usize) -> impl Iterator<Item = Recorded> + 'a {
        let frames = self.0.log.frames(FrameIndex(index));
        (index..)
            .zip(frames)
            .map(move |(number, frame)| self.0.recorded(number, frame))
    }
}

impl Default for Recording {
    fn default() -> Self {
        Self::new()
    }
}

impl Recording {
    /// An empty recording in memory, with the dissector of this crate and BGP on port 179.
    pub fn new() -> Self {
        Self::within(Box::new(Memory::default()))
    }

    /// The same, kept elsewhere; `store` must be empty.
    pub fn within(store: Box<dyn Store>) -> Self {
        Self::with(
            Box::new(StandardDissector::default()),
            Tracker::new(),
            store,
        )
    }

    /// An empty recording.
    pub fn with(dissector: Box<dyn Dissector>, tracker: Tracker, store: Box<dyn Store>) -> Self {
        Self {
            dissector,
            tracker,
            log: FrameLog::within(store),
            events: Vec::new(),
            ending: BTreeSet::new(),
            advertised: Advertised::default(),
        }
    }

    /// Names an interface; frames refer to it by the number returned.
    pub fn interface(&mut self, name: impl Into<String>) -> InterfaceId {
        self.log.interface(name)
    }

    /// Takes the next frame.
    pub fn push(&mut self, frame: Frame) -> FrameIndex {
        let dissection = self.dissector.dissect(&frame.data);
        let events = self.tracker.push(&frame, &dissection);
        let index = self.log.push(frame);
        self.keep(events);
        index
    }

    /// Takes note that a step begins.
    pub fn mark(&mut self, mark: Mark) {
        self.log.mark(mark);
    }

    /// Takes it that no frame will follow: messages that waited for octets the capture lacks come
    /// out.
    pub fn finish(&mut self) {
        let events = self.tracker.finish();
        self.keep(events);
    }

    fn keep(&mut self, events: Vec<BgpEvent>) {
        for event in events {
            self.advertised.learn(&event);
            self.ending.insert((event.frame.0, self.events.len()));
            self.events.push(event);
        }
    }

    fn recorded(&self, number: usize, frame: Frame) -> Recorded {
        Recorded {
            dissection: self.dissector.dissect(&frame.data),
            events: self.ending_in(number),
            frame,
        }
    }

    /// The messages that end in a frame, as indices into [`Recording::events`].
    pub(crate) fn ending_in(&self, frame: usize) -> Vec<usize> {
        let ending = self.ending.range((frame, 0)..=(frame, usize::MAX));
        ending.map(|(_, event)| *event).collect()
    }

    /// The layers of a frame.
    pub(crate) fn dissect(&self, frame: &Frame) -> Dissection {
        self.dissector.dissect(&frame.data)
    }

    /// The frames, in the order they came.
    pub const fn frames(&self) -> Frames<'_> {
        Frames(self)
    }

    /// The frames as the file that they are kept as.
    pub const fn log(&self) -> &FrameLog {
        &self.log
    }

    /// The same, to write to.
    pub const fn log_mut(&mut self) -> &mut FrameLog {
        &mut self.log
    }

    /// The BGP messages, in the order they were completed.
    pub fn events(&self) -> &[BgpEvent] {
        &self.events
    }

    /// When the steps began.
    pub fn marks(&self) -> &[Mark] {
        self.log.marks()
    }

    /// The names of the interfaces, by [`InterfaceId`].
    pub fn interfaces(&self) -> &[String] {
        self.log.interfaces()
    }

    /// The BGP sessions seen.
    pub const fn tracker(&self) -> &Tracker {
        &self.tracker
    }

    /// When the last step of that number began, if it has.
    pub fn began(&self, step: StepId) -> Option<Timestamp> {
        self.beginning(step).map(|(time, _)| time)
    }

    /// When the last step of that number began, and how many frames there were.
    pub(crate) fn beginning(&self, step: StepId) -> Option<(Timestamp, usize)> {
        let marks = self.log.marks();
        let at = marks.iter().rposition(|mark| mark.step == step)?;
        Some((marks.get(at)?.timestamp, self.log.frames_at_mark(at)))
    }

    /// One line about a frame, its time counted from the first frame; `None` if there is no such
    /// frame.
    pub fn describe(&self, index: FrameIndex) -> Option<String> {
        let recorded = self.frames().get(index.0)?;
        let first = self.log.frame(FrameIndex(0));
        let start = first.map(|first| first.timestamp).unwrap_or_default();
        let seconds = recorded.frame.timestamp.since(start).as_secs_f64();
        let events = recorded.events.iter().filter_map(|at| self.events.get(*at));
        Some(format!(
            "{seconds:.6} {}",
            text::summary(&recorded.dissection, events)
        ))
    }

    /// Writes everything as pcapng.
    pub fn write(&mut self, writer: impl Write) -> Result<(), CaptureFileError> {
        self.log.copy(writer)
    }
}
