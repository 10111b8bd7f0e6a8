//! Captures to packets, BGP messages and routes.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use bgp_wire::Message as Bgp;
use capture::{
    BgpEvent, BgpMessage, CaptureFileError, CaptureReader, Dissection, Dissector, Layer, Protocol,
    RouteFacts, StandardDissector, Tracker, text,
};
use scenario::Scenario;

use super::model::{Capture, Message, MessageKind, Packet, RouteChange, Run};
use super::names::Names;
use super::read::ReportError;

/// Frames shown, of all captures together; of more, every second, third, ... and all with BGP messages.
const PACKETS: usize = 50_000;
/// Messages shown.
const MESSAGES: usize = 20_000;
/// Changes of routes shown.
const ROUTES: usize = 20_000;
/// The same message on two nets is seen twice within this, in microseconds.
const SAME: u64 = 10_000;

/// Reads every capture below `dir`. One that is damaged is read up to there, and that is noted.
pub(super) fn read(
    dir: &Path,
    scenario: Option<&Scenario>,
    run: &mut Run,
) -> Result<(), ReportError> {
    let names = scenario.map(Names::of).unwrap_or_default();
    let files = files(&dir.join("captures"))?;
    let share = PACKETS / files.len().max(1);
    let mut found = Found::default();
    for path in files {
        let name = path.file_stem().unwrap_or_default();
        let mut capture = Capture {
            name: name.to_string_lossy().into_owned(),
            file: format!("captures/{}.pcapng", name.to_string_lossy()),
            ..Capture::default()
        };
        let all = count(&path);
        let every = all.div_ceil(share.max(1)).max(1);
        let mut reader = One {
            epoch_ns: run.epoch_ns,
            names: &names,
            every,
            capture: &mut capture,
            found: &mut found,
        };
        if let Err(error) = reader.read(&path) {
            let why = crate::command::chain(&error);
            run.notes.push(format!("{}: {why}", capture.file));
        }
        if every > 1 {
            run.notes.push(format!(
                "{}: {} of {} frames are shown, and all BGP messages; the file has all",
                capture.file,
                capture.packets.len(),
                capture.frames
            ));
        }
        run.captures.push(capture);
    }
    found.put(run);
    Ok(())
}

fn files(dir: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let entries = match fs::read_dir(dir) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(ReportError::io("read", dir))?,
    };
    let paths = entries.flatten().map(|entry| entry.path());
    let mut paths: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|e| e == "pcapng"))
        .collect();
    paths.sort();
    Ok(paths)
}

/// How many frames can be read.
fn count(path: &Path) -> usize {
    let reader = File::open(path).map(BufReader::new);
    let reader = reader.ok().and_then(|file| CaptureReader::new(file).ok());
    reader.map_or(0, |reader| reader.take_while(Result::is_ok).count())
}

/// What all captures together show.
#[derive(Default)]
struct Found(Vec<(Message, Vec<RouteChange>)>);

impl Found {
    /// What crosses several captured nets is told once, where it was seen first.
    fn put(self, run: &mut Run) {
        let mut found = self.0;
        found.sort_by_key(|(message, _)| message.at);
        let mut last: BTreeMap<(String, String, String), (u64, String)> = BTreeMap::new();
        found.retain(|(message, _)| {
            let (from, to) = (message.from.clone(), message.to.clone());
            let key = (from, to, message.text.clone());
            let again = last
                .get(&key)
                .is_some_and(|(at, capture)| *capture != message.capture && message.at - at < SAME);
            if !again {
                last.insert(key, (message.at, message.capture.clone()));
            }
            !again
        });
        let (messages, routes): (Vec<_>, Vec<_>) = found.into_iter().unzip();
        run.messages = messages;
        run.routes = routes.into_iter().flatten().collect();
        for (what, shown, all) in [
            ("BGP messages", MESSAGES, run.messages.len()),
            ("changes of routes", ROUTES, run.routes.len()),
        ] {
            if all > shown {
                let note =
                    format!("{shown} of {all} {what} are shown, the first; captures have all");
                run.notes.push(note);
            }
        }
        run.messages.truncate(MESSAGES);
        run.routes.truncate(ROUTES);
        let packets = run.captures.iter().flat_map(|capture| &capture.packets);
        let last = packets.map(|packet| packet.at).max();
        run.end = run.end.max(last.unwrap_or(0));
    }
}

/// One capture while it is read.
struct One<'a> {
    epoch_ns: u64,
    names: &'a Names,
    /// Of so many frames one is shown.
    every: usize,
    capture: &'a mut Capture,
    found: &'a mut Found,
}

/// A capture that cannot be read, or not to its end.
#[derive(Debug, thiserror::Error)]
enum UnreadError {
    #[error("cannot be opened")]
    Open(#[from] std::io::Error),
    #[error("cannot be read to its end")]
    Read(#[from] CaptureFileError),
}

impl One<'_> {
    fn read(&mut self, path: &Path) -> Result<(), UnreadError> {
        let reader = CaptureReader::new(BufReader::new(File::open(path)?))?;
        let (dissector, mut tracker) = (StandardDissector::default(), Tracker::new());
        let mut outcome = Ok(());
        for frame in reader {
            let frame = match frame {
                Ok(frame) => frame.frame,
                Err(error) => {
                    outcome = Err(error.into());
                    break;
                }
            };
            let number = self.capture.frames;
            self.capture.frames += 1;
            let dissection = dissector.dissect(&frame.data);
            let events = tracker.push(&frame, &dissection);
            events.iter().for_each(|event| self.message(event));
            let here: Vec<&BgpEvent> = events.iter().filter(|e| e.frame.0 == number).collect();
            if here.is_empty() && !number.is_multiple_of(self.every) {
                continue;
            }
            self.capture.packets.push(Packet {
                at: self.lab_time(frame.timestamp.0),
                frame: number + 1,
                length: frame.original_len,
                protocol: protocol(&dissection, !here.is_empty()),
                text: text::summary(&dissection, here),
            });
        }
        tracker
            .finish()
            .iter()
            .for_each(|event| self.message(event));
        outcome
    }

    fn lab_time(&self, ns: u64) -> u64 {
        ns.saturating_sub(self.epoch_ns) / 1000
    }

    fn message(&mut self, event: &BgpEvent) {
        let at = self.lab_time(event.timestamp.0);
        let [from, to] = [event.from, event.to].map(|end| self.names.name(end.ip()));
        let change = |route: String, announced: Option<String>| RouteChange {
            at,
            withdrawn: announced.is_none(),
            from: from.clone(),
            to: to.clone(),
            text: announced.unwrap_or_else(|| format!("withdraw {route}")),
            route,
        };
        let mut routes = Vec::new();
        if let BgpMessage::Whole(Bgp::Update(update)) = &event.message {
            let gone = update.unreach.iter().flat_map(|(_, nlri)| nlri);
            routes.extend(gone.map(|nlri| change(text::destination(nlri), None)));
            for (_, next_hop, nlri) in &update.reach {
                let whole = |nlri| {
                    let facts = RouteFacts::of(nlri, next_hop.address(), &update.attributes);
                    facts.to_string()
                };
                let come = nlri.iter();
                routes.extend(come.map(|nlri| change(text::destination(nlri), Some(whole(nlri)))));
            }
        }
        let message = Message {
            at,
            from: from.clone(),
            to: to.clone(),
            kind: kind(&event.message),
            text: text::bgp_message(&event.message),
            capture: self.capture.name.clone(),
            frame: event.frame.0 + 1,
        };
        self.found.0.push((message, routes));
    }
}

fn kind(message: &BgpMessage) -> MessageKind {
    match message {
        BgpMessage::Whole(Bgp::Open(_)) => MessageKind::Open,
        BgpMessage::Whole(Bgp::Update(update)) if update.end_of_rib().is_some() => {
            MessageKind::EndOfRib
        }
        BgpMessage::Whole(Bgp::Update(update)) if update.reach.is_empty() => MessageKind::Withdraw,
        BgpMessage::Whole(Bgp::Update(_)) => MessageKind::Update,
        BgpMessage::Whole(Bgp::Notification(_)) => MessageKind::Notification,
        BgpMessage::Whole(Bgp::Keepalive) => MessageKind::Keepalive,
        BgpMessage::Whole(Bgp::RouteRefresh(_)) => MessageKind::Refresh,
        BgpMessage::Unreadable { .. } | BgpMessage::Broken(_) => MessageKind::Broken,
    }
}

/// What a reader would call the frame: the tunnel it is in, else what it carries.
fn protocol(dissection: &Dissection, bgp: bool) -> &'static str {
    if bgp {
        return "bgp";
    }
    let of = |layer: &Layer| match layer.protocol() {
        Protocol::Vxlan => Some("vxlan"),
        Protocol::Mpls => Some("mpls"),
        Protocol::Gre => Some("gre"),
        Protocol::Arp => Some("arp"),
        Protocol::Icmp | Protocol::Icmpv6 => Some("icmp"),
        Protocol::Tcp => Some("tcp"),
        _ => None,
    };
    let udp = |layer: &Layer| layer.protocol() == Protocol::Udp;
    let found = dissection.layers.iter().find_map(of);
    found.unwrap_or(match dissection.layers.iter().any(udp) {
        true => "udp",
        false => "other",
    })
}
