//! Frames as they come, kept as the capture file that they will be.
//!
//! Nothing is held twice: what is looked at again is read back out of the file. In memory there is the place of every
//! sixteenth frame, and what was read last.

use std::cell::{Cell, RefCell};
use std::io::{self, Write};

use bytes::Bytes;

use crate::frame::{Frame, FrameIndex, InterfaceId, Timestamp};
use crate::pcap::{CaptureFileError, PcapngWriter};
use crate::recording::Mark;
use crate::store::{Memory, Store};

/// Frames, kept as pcapng. The first frame of each step carries the step's title as a comment, the last frame those of
/// the steps after it.
///
/// Once it could not be written or read nothing more is taken, and [`FrameLog::trouble`] says why.
pub struct FrameLog {
    store: Box<dyn Store>,
    /// Makes blocks out of frames.
    writer: PcapngWriter<Vec<u8>>,
    interfaces: Vec<String>,
    marks: Vec<Mark>,
    /// How many frames there were when each step began.
    marked_at: Vec<usize>,
    /// Marks that are in a comment already.
    told: usize,
    count: usize,
    /// Where every [`STRIDE`]th frame begins.
    index: Vec<u64>,
    last: Option<Last>,
    window: RefCell<Window>,
    trouble: Cell<Option<CaptureFileError>>,
}

/// The frame written last, which may get more comments.
struct Last {
    at: u64,
    frame: Frame,
    comments: Vec<String>,
}

/// What was read last.
#[derive(Default)]
struct Window {
    at: u64,
    octets: Bytes,
}

/// What the kernel says of an interface at the end of a capture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Frames that passed, those lost included.
    pub received: u64,
    /// Frames of them that there was no room for.
    pub dropped: u64,
}

const STRIDE: usize = 16;
/// Octets read at once.
const WINDOW: usize = 64 << 10;
/// An interface beyond this is a mistake rather than one of so many.
const MOST_INTERFACES: u32 = 65_536;
/// Who is said to have made the file.
const APPLICATION: &str = "labgen";

impl Default for FrameLog {
    fn default() -> Self {
        Self::new()
    }
}

impl FrameLog {
    /// An empty one in memory.
    pub fn new() -> Self {
        Self::within(Box::new(Memory::default()))
    }

    /// An empty one in `store`, which must be empty.
    pub fn within(store: Box<dyn Store>) -> Self {
        let mut log = Self {
            store,
            writer: PcapngWriter::in_memory(APPLICATION),
            interfaces: Vec::new(),
            marks: Vec::new(),
            marked_at: Vec::new(),
            told: 0,
            count: 0,
            index: Vec::new(),
            last: None,
            window: RefCell::default(),
            trouble: Cell::default(),
        };
        log.flush();
        log
    }

    /// Names an interface; frames refer to it by the number returned.
    pub fn interface(&mut self, name: impl Into<String>) -> InterfaceId {
        let name = name.into();
        let made = self.writer.interface(&name);
        self.interfaces.push(name);
        self.keep(made).unwrap_or_default()
    }

    /// Takes the next frame.
    pub fn push(&mut self, frame: Frame) -> FrameIndex {
        let index = FrameIndex(self.count);
        while self.interfaces.len() <= frame.interface.0.min(MOST_INTERFACES) as usize {
            self.interface(self.interfaces.len().to_string());
        }
        if self.in_trouble() {
            return index;
        }
        let due = self.marks[self.told..]
            .iter()
            .take_while(|mark| mark.timestamp <= frame.timestamp);
        let comments: Vec<String> = due.map(|mark| mark.title.clone()).collect();
        self.told += comments.len();
        self.write(frame, comments);
        index
    }

    fn write(&mut self, frame: Frame, comments: Vec<String>) {
        let at = self.store.len();
        let made = self.writer.frame(&frame, &comments);
        if self.keep(made).is_none() {
            return;
        }
        if self.count.is_multiple_of(STRIDE) {
            self.index.push(at);
        }
        self.count += 1;
        self.last = Some(Last {
            at,
            frame,
            comments,
        });
    }

    /// Takes note that a step begins.
    pub fn mark(&mut self, mark: Mark) {
        self.marks.push(mark);
        self.marked_at.push(self.count);
    }

    /// Takes it that no frame will follow, and writes what the kernel has counted.
    pub fn end(&mut self, interface: InterfaceId, counted: Counted) {
        self.tell_the_rest();
        let at = self.last.take().map(|last| last.frame.timestamp);
        let made = self
            .writer
            .statistics(interface, at.unwrap_or_default(), counted);
        self.keep(made);
        self.flush();
    }

    /// Gives the last frame the titles of the steps after it.
    fn tell_the_rest(&mut self) {
        let rest = self.marks[self.told..].iter();
        let rest: Vec<String> = rest
            .map(|mark| format!("after this: {}", mark.title))
            .collect();
        if rest.is_empty() || self.in_trouble() {
            return;
        }
        let Some(mut last) = self.last.take() else {
            return;
        };
        self.told = self.marks.len();
        let cut = self.store.truncate(last.at);
        if self.note(cut.map_err(CaptureFileError::from)).is_none() {
            return;
        }
        self.window.take();
        self.count -= 1;
        self.index.truncate(self.count.div_ceil(STRIDE));
        last.comments.extend(rest);
        self.write(last.frame, last.comments);
    }

    /// Moves what was made into the store.
    fn keep<T>(&mut self, made: Result<T, CaptureFileError>) -> Option<T> {
        let octets = std::mem::take(self.writer.sink());
        let made = self.note(made)?;
        let kept = self.store.append(&octets);
        self.note(kept.map_err(CaptureFileError::from))?;
        // The next block is made in the same place.
        *self.writer.sink() = octets;
        self.writer.sink().clear();
        Some(made)
    }

    /// Lets others see everything taken so far.
    pub fn flush(&mut self) {
        self.keep(Ok(()));
        let flushed = self.store.flush();
        self.note(flushed.map_err(CaptureFileError::from));
    }

    fn note<T>(&self, outcome: Result<T, CaptureFileError>) -> Option<T> {
        match outcome {
            Ok(value) => Some(value),
            Err(error) => {
                let first = self.trouble.take().unwrap_or(error);
                self.trouble.set(Some(first));
                None
            }
        }
    }

    fn in_trouble(&self) -> bool {
        let trouble = self.trouble.take();
        let is = trouble.is_some();
        self.trouble.set(trouble);
        is
    }

    /// Why frames have been lost, or may not have been found: the first reason.
    pub fn trouble(&self) -> Option<String> {
        let trouble = self.trouble.take()?;
        let mut text = trouble.to_string();
        let mut source = std::error::Error::source(&trouble);
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        self.trouble.set(Some(trouble));
        Some(text)
    }

    /// How many frames there are.
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// A frame.
    pub fn frame(&self, index: FrameIndex) -> Option<Frame> {
        self.frames(index).next()
    }

    /// The frames from one on, in the order they came.
    pub fn frames(&self, from: FrameIndex) -> impl Iterator<Item = Frame> + '_ {
        let mut at = self.index.get(from.0 / STRIDE).copied();
        let mut skip = from.0 % STRIDE;
        let mut left = self.count.saturating_sub(from.0);
        std::iter::from_fn(move || {
            while left > 0 {
                let block = self.block(at?)?;
                at = Some(block.next);
                match block.frame {
                    Some(frame) if skip == 0 => {
                        left -= 1;
                        return Some(frame);
                    }
                    Some(_) => skip -= 1,
                    None => {}
                }
            }
            None
        })
    }

    /// When the steps began.
    pub fn marks(&self) -> &[Mark] {
        &self.marks
    }

    /// How many frames there were when the step of this mark began; those before it are older.
    pub(crate) fn frames_at_mark(&self, mark: usize) -> usize {
        self.marked_at.get(mark).copied().unwrap_or_default()
    }

    /// The names of the interfaces, by [`InterfaceId`].
    pub fn interfaces(&self) -> &[String] {
        &self.interfaces
    }

    /// Writes everything, titles of steps that no frame followed included.
    pub fn copy(&mut self, mut writer: impl Write) -> Result<(), CaptureFileError> {
        self.tell_the_rest();
        let mut at = 0;
        while at < self.store.len() {
            let octets = self.read(at, WINDOW)?;
            if octets.is_empty() {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            writer.write_all(&octets)?;
            at += octets.len() as u64;
        }
        writer.flush()?;
        Ok(())
    }

    fn read(&self, at: u64, count: usize) -> Result<Bytes, CaptureFileError> {
        let mut octets = vec![0; count];
        let read = self.store.read(at, &mut octets)?;
        octets.truncate(read);
        Ok(octets.into())
    }

    /// Octets of the file.
    fn octets(&self, at: u64, count: usize) -> Option<Bytes> {
        let mut window = self.window.borrow_mut();
        let within = |window: &Window| {
            let from = usize::try_from(at.checked_sub(window.at)?).ok()?;
            let range = from..from.checked_add(count)?;
            (range.end <= window.octets.len()).then(|| window.octets.slice(range))
        };
        if let Some(octets) = within(&window) {
            return Some(octets);
        }
        let octets = self.note(self.read(at, count.max(WINDOW)))?;
        *window = Window { at, octets };
        within(&window)
            .or_else(|| self.note(Err(io::Error::from(io::ErrorKind::UnexpectedEof).into())))
    }

    fn block(&self, at: u64) -> Option<Block> {
        let head = self.octets(at, HEAD)?;
        let (kind, len) = (word(&head, 0), word(&head, 4));
        let next = at + u64::from(len);
        if kind != ENHANCED_PACKET {
            return Some(Block { next, frame: None });
        }
        let fields = self.octets(at + HEAD as u64, FIELDS)?;
        let captured = word(&fields, 12) as usize;
        let data = self.octets(at + (HEAD + FIELDS) as u64, captured)?;
        let time = u64::from(word(&fields, 4)) << 32 | u64::from(word(&fields, 8));
        let frame = Frame {
            timestamp: Timestamp(time),
            interface: InterfaceId(word(&fields, 0)),
            data,
            original_len: word(&fields, 16),
        };
        Some(Block {
            next,
            frame: Some(frame),
        })
    }
}

/// A block of the file, as far as it is a frame.
struct Block {
    next: u64,
    frame: Option<Frame>,
}

/// A block's type and length.
const HEAD: usize = 8;
/// Interface, time in two halves, octets kept, octets there were.
const FIELDS: usize = 20;
const ENHANCED_PACKET: u32 = 6;

fn word(octets: &[u8], at: usize) -> u32 {
    let word = octets.get(at..).and_then(<[u8]>::first_chunk);
    word.map_or(0, |word| u32::from_le_bytes(*word))
}
