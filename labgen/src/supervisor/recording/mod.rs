//! Captures while the lab runs: those that steps begin, and those of every net from the start.

mod always;
mod file;
mod tap;

use std::cell::RefCell;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use capture::{Mark, Recording, Timestamp};
use futures_util::future::join_all;
use netns::ns::{NetNs, NsError};
use netns::packet::{Buffer, Capture, CaptureOptions, Traffic as Only};
use scenario::{CaptureId, CapturePoint, StepId, Traffic};

use super::build::interface_on;
use super::front::Front;
use super::lab::{Absent, Lab};
use crate::protocol::Event;
use file::FileStore;
use tap::Kept;

pub(super) use always::begin as record;
pub(super) use tap::Tap;

/// The capture socket, or its file, could not be opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum RecordingError {
    #[error(transparent)]
    Absent(#[from] Absent),
    #[error(transparent)]
    Socket(#[from] NsError),
    #[error("cannot write `{path}`")]
    File { path: PathBuf, source: io::Error },
    #[error("port `{0}` was never attached")]
    Unplugged(String),
}

/// Begins a capture; every frame from now on is in it.
pub(super) fn begin(lab: &Lab, capture: CaptureId) -> Result<(), RecordingError> {
    let asked = &lab.scenario[capture];
    let (net, interface) = place(lab, asked.on)?;
    let options = CaptureOptions {
        snap_len: asked
            .snap_len
            .map_or(CaptureOptions::SNAP_LEN, |octets| octets as usize),
        buffer: Buffer::Ring(usize::try_from(asked.ring).unwrap_or(usize::MAX)),
        only: asked.only.iter().copied().map(only).collect(),
        promiscuous: true,
    };
    let socket = Capture::open(&net, &interface, &options)?;
    let (path, store) = create(lab, &asked.name)?;
    let mut recording = Recording::within(Box::new(store));
    let interface = recording.interface(shown(lab, asked.on));
    let kept = Kept::Recording(Rc::new(RefCell::new(recording)));
    let tap = Tap::begin(asked.name.clone(), path, kept, interface, socket);
    lab.state.taps.borrow_mut().push(tap);
    Ok(())
}

/// The kernel's filter for a kind of frame.
pub(crate) fn only(kind: Traffic) -> Only {
    match kind {
        Traffic::Bgp => Only::Bgp,
        Traffic::Arp => Only::Arp,
        Traffic::Icmp => Only::Icmp,
        Traffic::Tcp => Only::Tcp,
        Traffic::Udp => Only::Udp,
        Traffic::Vxlan => Only::Vxlan,
        Traffic::Mpls => Only::Mpls,
        Traffic::Gre => Only::Gre,
    }
}

fn place(lab: &Lab, on: CapturePoint) -> Result<(NetNs, String), RecordingError> {
    Ok(match on {
        CapturePoint::Net(net) => lab.listening_place(net)?,
        CapturePoint::Interface(node, net) => {
            let interface = interface_on(&lab.scenario[node], net);
            let name = interface.map(|interface| interface.name.clone());
            (lab.home(node)?.net.clone(), name.unwrap_or_default())
        }
        CapturePoint::Port(port) => {
            let scenario::Port { name, inside, .. } = &lab.scenario[port];
            let ports = lab.state.ports.borrow();
            let state = ports.get(name);
            let state = state.ok_or_else(|| RecordingError::Unplugged(name.clone()))?;
            (state.ns.clone(), inside.clone())
        }
    })
}

/// What it is called in the file.
fn shown(lab: &Lab, on: CapturePoint) -> String {
    match on {
        CapturePoint::Net(net) => lab.scenario.net_name(net).to_owned(),
        CapturePoint::Interface(node, net) => {
            let node = &lab.scenario[node];
            let interface = interface_on(node, net).map_or("", |own| own.name.as_str());
            format!("{}/{interface}", node.name)
        }
        CapturePoint::Port(port) => lab.scenario[port].name.clone(),
    }
}

fn create(lab: &Lab, name: &str) -> Result<(PathBuf, FileStore), RecordingError> {
    let path = lab.dir.captures().join(format!("{name}.pcapng"));
    match FileStore::create(&path) {
        Ok(store) => Ok((path, store)),
        Err(source) => Err(RecordingError::File { path, source }),
    }
}

/// The capture of that name, if it has begun.
pub(super) fn tap(lab: &Lab, capture: CaptureId) -> Option<Tap> {
    lab.state
        .taps
        .borrow()
        .iter()
        .find(|tap| tap.name == lab.scenario[capture].name)
        .cloned()
}

/// Ends a capture; what was caught, in a line.
pub(super) async fn stop(lab: &Lab, capture: CaptureId) -> String {
    let Some(tap) = tap(lab, capture) else {
        return "it had not begun".into();
    };
    let settled = tap.end().await;
    let frames = tap.kept.with_log(|log| log.len());
    let frames = crate::ui::count(frames, "frame");
    match settled.dropped {
        0 => frames,
        lost => format!("{frames}, {lost} lost"),
    }
}

/// Notes in every capture that a step begins.
pub(super) fn mark(lab: &Lab, step: StepId, title: &str) {
    // The clock that the kernel stamps frames with.
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let timestamp = Timestamp::from_epoch(now);
    for tap in lab.state.taps.borrow().iter() {
        tap.kept.with_log(|log| {
            log.mark(Mark {
                step,
                title: title.to_owned(),
                timestamp,
            });
        });
    }
}

/// Ends every capture; the files.
pub(super) async fn end_all(lab: &Lab, front: &Front) -> Vec<PathBuf> {
    let mut written = Vec::new();
    let taps = lab.state.taps.borrow().clone();
    let all = join_all(taps.iter().map(Tap::end)).await;
    for (tap, settled) in taps.into_iter().zip(all) {
        let name = &tap.name;
        if settled.dropped > 0 {
            let lost = settled.dropped;
            let text = format!("capture `{name}` lost {lost} frames: the kernel had no room");
            front.send(&Event::Note { text });
        }
        if let Some(why) = settled.ended {
            front.send(&Event::Note {
                text: format!("capture `{name}` ended early: {why}"),
            });
        }
        let empty = tap.kept.with_log(|log| log.is_empty());
        if empty && matches!(tap.kept, Kept::Log(_)) {
            // Nobody asked for it, and it says nothing.
            let _ = std::fs::remove_file(&tap.path);
            continue;
        }
        written.push(tap.path);
    }
    written
}
