//! Everything a capture has shown so far.

use std::io::Write;

use scenario::StepId;
use serde::{Deserialize, Serialize};

use crate::advertised::Advertised;
use crate::bgp::{BgpEvent, Tracker};
use crate::dissect::{Dissection, Dissector, StandardDissector};
use crate::frame::{Frame, FrameIndex, InterfaceId, Timestamp};
use crate::pcap::{CaptureFileError, PcapngWriter};
use crate::text;

/// Frames with their layers, the BGP messages in them, and when the scenario's steps began. Only
/// grows.
pub struct Recording {
    dissector: Box<dyn Dissector>,
    tracker: Tracker,
    interfaces: Vec<String>,
    frames: Vec<Recorded>,
    events: Vec<BgpEvent>,
    marks: Vec<Mark>,
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

impl Default for Recording {
    fn default() -> Self {
        Self::new()
    }
}

impl Recording {
    /// An empty recording, with the dissector of this crate and BGP on port 179.
    pub fn new() -> Self {
        Self::with(Box::new(StandardDissector::default()), Tracker::new())
    }

    /// An empty recording.
    pub fn with(dissector: Box<dyn Dissector>, tracker: Tracker) -> Self {
        Self {
            dissector,
            tracker,
            interfaces: Vec::new(),
            frames: Vec::new(),
            events: Vec::new(),
            marks: Vec::new(),
            advertised: Advertised::default(),
        }
    }

    /// Names an interface; frames refer to it by the number returned.
    pub fn interface(&mut self, name: impl Into<String>) -> InterfaceId {
        self.interfaces.push(name.into());
        InterfaceId(u32::try_from(self.interfaces.len() - 1).unwrap_or(u32::MAX))
    }

    /// Takes the next frame.
    pub fn push(&mut self, frame: Frame) -> FrameIndex {
        let dissection = self.dissector.dissect(&frame.data);
        let events = self.tracker.push(&frame, &dissection);
        let index = FrameIndex(self.frames.len());
        self.frames.push(Recorded {
            frame,
            dissection,
            events: Vec::new(),
        });
        self.keep(events);
        index
    }

    /// Takes note that a step begins.
    pub fn mark(&mut self, mark: Mark) {
        self.marks.push(mark);
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
            if let Some(recorded) = self.frames.get_mut(event.frame.0) {
                recorded.events.push(self.events.len());
            }
            self.events.push(event);
        }
    }

    /// The frames, in the order they came.
    pub fn frames(&self) -> &[Recorded] {
        &self.frames
    }

    /// The BGP messages, in the order they were completed.
    pub fn events(&self) -> &[BgpEvent] {
        &self.events
    }

    /// When the steps began.
    pub fn marks(&self) -> &[Mark] {
        &self.marks
    }

    /// The names of the interfaces, by [`InterfaceId`].
    pub fn interfaces(&self) -> &[String] {
        &self.interfaces
    }

    /// The BGP sessions seen.
    pub const fn tracker(&self) -> &Tracker {
        &self.tracker
    }

    /// When the last step of that number began, if it has.
    pub fn began(&self, step: StepId) -> Option<Timestamp> {
        self.marks
            .iter()
            .rfind(|mark| mark.step == step)
            .map(|mark| mark.timestamp)
    }

    /// One line about a frame, its time counted from the first frame; `None` if there is no such
    /// frame.
    pub fn describe(&self, index: FrameIndex) -> Option<String> {
        let recorded = self.frames.get(index.0)?;
        let start = self
            .frames
            .first()
            .map(|first| first.frame.timestamp)
            .unwrap_or_default();
        let seconds = recorded.frame.timestamp.since(start).as_secs_f64();
        let events = recorded.events.iter().filter_map(|at| self.events.get(*at));
        Some(format!(
            "{seconds:.6} {}",
            text::summary(&recorded.dissection, events)
        ))
    }

    /// Writes everything as pcapng. The first frame of each step carries the step's title as a
    /// comment, the last frame those of the steps after it.
    pub fn write(&self, writer: impl Write, application: &str) -> Result<(), CaptureFileError> {
        let mut file = PcapngWriter::new(writer, application)?;
        let used = self
            .frames
            .iter()
            .map(|f| f.frame.interface.0 as usize + 1)
            .max();
        for number in 0..self.interfaces.len().max(used.unwrap_or(0)) {
            match self.interfaces.get(number) {
                Some(name) => file.interface(name)?,
                None => file.interface(&number.to_string())?,
            };
        }
        let mut marks = self.marks.iter().peekable();
        for (number, recorded) in self.frames.iter().enumerate() {
            let is_last = number + 1 == self.frames.len();
            let mut comments = Vec::new();
            while let Some(mark) = marks.next_if(|m| m.timestamp <= recorded.frame.timestamp) {
                comments.push(mark.title.clone());
            }
            if is_last {
                comments.extend(
                    marks
                        .by_ref()
                        .map(|mark| format!("after this: {}", mark.title)),
                );
            }
            file.frame(&recorded.frame, &comments)?;
        }
        file.finish()?;
        Ok(())
    }
}
