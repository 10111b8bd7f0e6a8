//! Captures while the lab runs: frames into a recording, and the recordings into files.

use std::cell::RefCell;
use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use capture::{CaptureFileError, Frame, InterfaceId, Mark, Recording, Timestamp};
use netns::ns::NsError;
use netns::packet::{Capture, CaptureOptions, Frame as Caught};
use scenario::{CaptureId, StepId};
use tokio::sync::{mpsc, oneshot, watch};

use super::front::Front;
use super::lab::{Absent, Lab};
use crate::protocol::Event;

/// The capture socket could not be opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum RecordingError {
    #[error(transparent)]
    Absent(#[from] Absent),
    #[error(transparent)]
    Socket(#[from] NsError),
}

/// A running capture.
#[derive(Clone)]
pub(super) struct Tap {
    /// The capture's name.
    capture: String,
    pub(super) recording: Rc<RefCell<Recording>>,
    settle: mpsc::Sender<oneshot::Sender<Settled>>,
    grown: watch::Receiver<usize>,
}

/// What is known once every frame sent so far has been taken in.
#[derive(Debug, Clone, Default)]
pub(super) struct Settled {
    /// Frames the kernel had no room for.
    pub(super) dropped: u64,
    /// The capture ended by itself, and why.
    pub(super) ended: Option<String>,
}

impl Tap {
    /// Takes in every frame that was sent before this call.
    pub(super) async fn settle(&self) -> Settled {
        let gone = || Settled {
            ended: Some("its task ended".into()),
            ..Settled::default()
        };
        let (say, said) = oneshot::channel();
        if self.settle.send(say).await.is_err() {
            return gone();
        }
        said.await.unwrap_or_else(|_| gone())
    }

    /// Comes back when there are more frames than `than`.
    pub(super) async fn grown(&mut self, than: usize) {
        if self.grown.wait_for(|frames| *frames > than).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Begins a capture on its LAN; every frame from now on is in it.
pub(super) fn begin(lab: &Lab, capture: CaptureId) -> Result<(), RecordingError> {
    let on = lab.scenario[capture].on;
    let (net, interface) = lab.listening_place(on)?;
    let socket = Capture::open(&net, &interface, &CaptureOptions::default())?;
    let mut recording = Recording::new();
    let interface = recording.interface(lab.scenario.net_name(on));
    let recording = Rc::new(RefCell::new(recording));
    let (settle, requests) = mpsc::channel(4);
    let (grow, grown) = watch::channel(0);
    let tap = Tap {
        capture: lab.scenario[capture].name.clone(),
        recording: Rc::clone(&recording),
        settle,
        grown,
    };
    tokio::task::spawn_local(record(socket, recording, interface, requests, grow));
    lab.state.taps.borrow_mut().push(tap);
    Ok(())
}

async fn record(
    mut socket: Capture,
    recording: Rc<RefCell<Recording>>,
    interface: InterfaceId,
    mut requests: mpsc::Receiver<oneshot::Sender<Settled>>,
    grow: watch::Sender<usize>,
) {
    let mut caught = Vec::new();
    let mut ended: Option<String> = None;
    loop {
        let request = tokio::select! {
            result = socket.next(&mut caught), if ended.is_none() => {
                ended = result.err().map(|e| e.to_string());
                None
            }
            request = requests.recv() => match request {
                Some(request) => {
                    if let Err(e) = socket.drain(&mut caught).await {
                        ended = Some(e.to_string());
                    }
                    Some(request)
                }
                None => return,
            },
        };
        take(&recording, interface, &mut caught);
        grow.send_replace(recording.borrow().frames().len());
        if let Some(request) = request {
            let dropped = socket
                .statistics()
                .map_or(0, |statistics| statistics.dropped);
            let _ = request.send(Settled {
                dropped,
                ended: ended.clone(),
            });
        }
    }
}

fn take(recording: &RefCell<Recording>, interface: InterfaceId, caught: &mut Vec<Caught>) {
    let mut recording = recording.borrow_mut();
    for frame in caught.drain(..) {
        let mut taken = Frame::new(Timestamp(frame.timestamp_ns), frame.data).on(interface);
        taken.original_len = frame.original_len;
        recording.push(taken);
    }
}

/// The capture of that name, if it has begun.
pub(super) fn tap(lab: &Lab, capture: CaptureId) -> Option<Tap> {
    lab.state
        .taps
        .borrow()
        .iter()
        .find(|tap| tap.capture == lab.scenario[capture].name)
        .cloned()
}

/// Notes in every capture that a step begins.
pub(super) fn mark(lab: &Lab, step: StepId, title: &str) {
    // The clock that the kernel stamps frames with.
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let timestamp = Timestamp::from_epoch(now);
    for tap in lab.state.taps.borrow().iter() {
        tap.recording.borrow_mut().mark(Mark {
            step,
            title: title.to_owned(),
            timestamp,
        });
    }
}

/// Writes every capture to its file; those written.
pub(super) async fn write_all(lab: &Lab, front: &Front) -> Vec<PathBuf> {
    let mut written = Vec::new();
    let taps = lab.state.taps.borrow().clone();
    for tap in taps {
        let name = &tap.capture;
        let settled = tap.settle().await;
        if settled.dropped > 0 {
            let text = format!("capture `{name}` lost {} frames", settled.dropped);
            front.send(&Event::Note { text });
        }
        if let Some(why) = settled.ended {
            front.send(&Event::Note {
                text: format!("capture `{name}` ended early: {why}"),
            });
        }
        match write(lab, &tap) {
            Ok(path) => written.push(path),
            Err(error) => front.send(&Event::Note {
                text: crate::command::chain(&error),
            }),
        }
    }
    written
}

/// A capture that cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write `{path}`")]
struct WriteError {
    path: PathBuf,
    source: CaptureFileError,
}

fn write(lab: &Lab, tap: &Tap) -> Result<PathBuf, WriteError> {
    let path = lab.dir.captures().join(format!("{}.pcapng", tap.capture));
    let written = File::create(&path)
        .map_err(CaptureFileError::from)
        .and_then(|file| tap.recording.borrow_mut().write(BufWriter::new(file)));
    match written {
        Ok(()) => Ok(path),
        Err(source) => Err(WriteError { path, source }),
    }
}
