//! `labgen capture`: the frames of a link as pcapng.
//!
//! The socket must be opened in the link's namespace, which an ordinary user enters by way of the lab's user
//! namespace, and that only a process of its own can: so labgen starts itself there, with its own output.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use capture::pcap::{CaptureFileError, PcapngWriter};
use capture::{Frame, Timestamp};
use netns::lab::{Entry, Namespaces, enter};
use netns::ns::{NetNs, NsError};
use netns::packet::{Buffer, Capture, CaptureOptions, Traffic as Only};
use netns::process::Exit;
use nix::unistd::dup2_stdout;
use tokio::signal::unix::{SignalKind, signal};

use super::ask::{Asker, peer_pid, unexpected};
use super::{FAILED, WRONG, fail};
use crate::cli;
use crate::protocol::{Reply, Request};

/// Why there is no capture, or no more.
#[derive(Debug, thiserror::Error)]
enum CaptureError {
    #[error("cannot open `{path}`")]
    Open { path: String, source: io::Error },
    #[error(transparent)]
    Socket(#[from] NsError),
    #[error("cannot read frames of `{link}`")]
    Read { link: String, source: io::Error },
    #[error("cannot write the capture")]
    Write(#[from] CaptureFileError),
    #[error("cannot wait for signals")]
    Signals(#[source] io::Error),
}

pub(super) fn capture(args: &cli::Capture) -> ExitCode {
    if args.write.is_none() && io::stdout().is_terminal() {
        eprintln!("error: a capture is no text: write it with `-w FILE`, or pipe it to a program");
        eprintln!("help: `labgen capture {} | tshark -r -`", args.link);
        return ExitCode::from(WRONG);
    }
    let request = Request::Listen {
        link: args.link.clone(),
    };
    // The connection stays open to the end: the supervisor holds the namespace as long.
    let answer =
        Asker::connect(args.choice.name()).and_then(|mut asker| Ok((asker.ask(&request)?, asker)));
    let (net, interface, asker) = match answer {
        Ok((Reply::Listening { net, interface }, asker)) => (net, interface, asker),
        Ok(_) => return unexpected(),
        Err(e) => return fail(&e, FAILED),
    };
    let Some(pid) = peer_pid(&asker.stream) else {
        return unexpected();
    };
    if let Err(e) = args.write.as_ref().map_or(Ok(()), to_file) {
        return fail(&e, FAILED);
    }
    let mut arguments: Vec<OsString> = vec![
        "__capture".into(),
        "--snap-len".into(),
        args.snap_len.to_string().into(),
    ];
    if let Some(count) = args.count {
        arguments.extend(["--count".into(), count.to_string().into()]);
    }
    arguments.extend(["--ring".into(), args.ring.to_string().into()]);
    for kind in &args.only {
        arguments.extend(["--only".into(), kind.into()]);
    }
    arguments.extend(["--".into(), args.link.clone().into(), interface.into()]);
    let entry = Entry {
        program: "/proc/self/exe".into(),
        args: arguments,
        env: Vec::new(),
        dir: None,
    };
    match namespaces(pid, net).and_then(|place| enter(&place, &entry)) {
        Ok(Exit::Signal(_)) => {
            eprintln!(
                "lab `{}` has ended, and the capture with it",
                asker.lab.name()
            );
            ExitCode::SUCCESS
        }
        Ok(exit) => ExitCode::from(exit.shell_code()),
        Err(e) => fail(&e, FAILED),
    }
}

/// The supervisor's, but for the network namespace.
fn namespaces(pid: i32, net: i32) -> Result<Namespaces, NsError> {
    let path = format!("/proc/{pid}/fd/{net}");
    let net = File::open(&path).map_err(|source| NsError {
        action: format!("open namespace `{path}`"),
        source,
    })?;
    Ok(Namespaces {
        net: net.into(),
        ..Namespaces::of_process(pid)?
    })
}

/// What this process and the one it starts print goes to the file from now on.
fn to_file(path: &std::path::PathBuf) -> Result<(), CaptureError> {
    let open = || dup2_stdout(File::create(path)?).map_err(io::Error::from);
    open().map_err(|source| CaptureError::Open {
        path: path.display().to_string(),
        source,
    })
}

/// The part in the link's namespace.
pub(super) fn here(args: &cli::CaptureHere) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let done = runtime
        .map_err(CaptureError::Signals)
        .and_then(|runtime| runtime.block_on(record(args)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read this has seen enough.
        Err(CaptureError::Write(CaptureFileError::Io(e)))
            if e.kind() == io::ErrorKind::BrokenPipe =>
        {
            ExitCode::SUCCESS
        }
        Err(e) => fail(&e, FAILED),
    }
}

async fn record(args: &cli::CaptureHere) -> Result<(), CaptureError> {
    let options = CaptureOptions {
        snap_len: usize::try_from(args.snap_len).unwrap_or(usize::MAX),
        buffer: Buffer::Ring(usize::try_from(args.ring).unwrap_or(usize::MAX) << 20),
        only: args.only.iter().filter_map(|kind| only(kind)).collect(),
        ..CaptureOptions::default()
    };
    let mut socket = Capture::open(&NetNs::current()?, &args.interface, &options)?;
    let mut ending = Vec::new();
    for kind in [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ] {
        ending.push(signal(kind).map_err(CaptureError::Signals)?);
    }
    let mut out = Output::new(&args.name, args.count)?;
    let [interrupt, terminate, hangup] = &mut ending[..] else {
        return Ok(());
    };
    let mut caught = Vec::new();
    while !out.enough() {
        tokio::select! {
            result = socket.next(&mut caught) => {
                result.map_err(|source| read_error(args, source))?;
            }
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
            _ = hangup.recv() => break,
        }
        out.write(&mut caught)?;
    }
    // What passed before the end was asked for.
    if !out.enough() {
        socket
            .drain(&mut caught)
            .await
            .map_err(|source| read_error(args, source))?;
        out.write(&mut caught)?;
    }
    let statistics = socket
        .statistics()
        .map_err(|source| read_error(args, source))?;
    let frames = usize::try_from(out.written).unwrap_or(usize::MAX);
    eprintln!(
        "{} of `{}`, {} lost",
        crate::ui::count(frames, "frame"),
        args.name,
        statistics.dropped
    );
    Ok(())
}

/// The kernel's filter for a word.
fn only(word: &str) -> Option<Only> {
    let kinds = scenario::Traffic::ALL;
    let (_, kind) = kinds.into_iter().find(|(known, _)| *known == word)?;
    Some(crate::supervisor::only(kind))
}

fn read_error(args: &cli::CaptureHere, source: io::Error) -> CaptureError {
    CaptureError::Read {
        link: args.name.clone(),
        source,
    }
}

/// A capture file on standard output, whole after every batch.
struct Output {
    writer: PcapngWriter<Vec<u8>>,
    written: u64,
    most: Option<u64>,
}

impl Output {
    fn new(name: &str, most: Option<u64>) -> Result<Self, CaptureError> {
        let mut writer = PcapngWriter::new(Vec::new(), "labgen")?;
        writer.interface(name)?;
        let mut out = Self {
            writer,
            written: 0,
            most,
        };
        // Programs that read along want to see what it is at once.
        out.flush()?;
        Ok(out)
    }

    fn enough(&self) -> bool {
        self.most.is_some_and(|most| self.written >= most)
    }

    fn write(&mut self, caught: &mut Vec<netns::packet::Frame>) -> Result<(), CaptureError> {
        for frame in caught.drain(..) {
            if self.enough() {
                break;
            }
            let mut taken = Frame::new(Timestamp(frame.timestamp_ns), frame.data);
            taken.original_len = frame.original_len;
            self.writer.frame(&taken, &[])?;
            self.written += 1;
        }
        self.flush()
    }

    fn flush(&mut self) -> Result<(), CaptureError> {
        let octets = std::mem::take(self.writer.sink());
        let mut out = io::stdout().lock();
        out.write_all(&octets)
            .and_then(|()| out.flush())
            .map_err(CaptureFileError::from)?;
        Ok(())
    }
}
